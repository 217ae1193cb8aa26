/**
 * Pick and dial: from a target's addresses to a remote that is connected from an egress of the pool.
 *
 * Only pool addresses of the target's family are ever bound, and what cannot leave from one does not leave. A failure
 * that another egress might not meet moves on to the next one; a failure of the target moves on to its next address.
 * When the target and the pool have both families, one {@link Course} each runs a race (RFC 8305, "Happy Eyeballs").
 */
import type { Connection, Family } from '../../connection.ts';
import { ProxyError } from '../../errors.ts';
import type { Legs } from '../../leg/legs.ts';
import type { Connected } from './connect.ts';
import { Course, type CourseOptions } from './course.ts';
import { race, type Interrupt } from './race.ts';
import type { TargetAddress } from '../names/resolver.ts';
import type { Picks } from '../rotation/rotator.ts';

export type { Interrupt } from './race.ts';

/** Egresses tried for one connection, over both families. */
const MAX_EGRESSES = 3;
/** Addresses of one target tried for one connection, over both families. */
const MAX_ADDRESSES = 4;

/** A remote that stands. */
export interface Remote extends Connected {
  /** Its session has moved to this egress from another one. */
  readonly moved: boolean;
}

/** Which family to use, when there is a choice. */
export interface FamilyOptions {
  /** Goes first. */
  readonly prefer: Family;
  /** The other family is not used at all. */
  readonly only?: Family | undefined;
  /** Head start of the preferred family; milliseconds. RFC 8305 §5 recommends 250, and never less than 10. */
  readonly stagger: number;
}

export interface DialOptions extends CourseOptions {
  readonly family: FamilyOptions;
  /** Whether the pool has egresses of a family, usable at the moment or not. */
  readonly serves: (family: Family) => boolean;
}

/**
 * @param picksFor Called at most once a family, when the first egress of it is needed.
 * @returns the remote; its egress stays picked until the caller releases it.
 * @throws ProxyError the failure that says most, or why there was nothing to try.
 */
export async function dial(
  connection: Connection,
  addresses: readonly TargetAddress[],
  picksFor: (family: Family) => Picks,
  options: DialOptions,
  legs: Legs,
  interrupt: Interrupt,
): Promise<Remote> {
  connection.phase = 'pick';
  const shared = { connection, picksFor, options, legs, egressesLeft: MAX_EGRESSES };
  const courses = plan(addresses, options).map((queue) => new Course(queue, shared));
  const { remote, target, picks } = await race(courses, options.family.stagger, interrupt, ({ remote }) => {
    remote.leg.destroy();
    options.release(remote.egress);
  });
  connection.egress = remote.egress;
  connection.resolved = target;
  return { ...remote, moved: picks.settle(remote.egress) };
}

/** Whether connections of a family are wanted, and the pool can serve them: what names are to be resolved for. */
export function leavesBy(
  family: Family,
  { family: { only }, serves }: Pick<DialOptions, 'family' | 'serves'>,
): boolean {
  return (only === undefined || only === family) && serves(family);
}

/**
 * The addresses to try, one list a family, the preferred family first.
 * @throws ProxyError when the pool can reach none of them.
 */
function plan(addresses: readonly TargetAddress[], options: DialOptions): TargetAddress[][] {
  const { prefer } = options.family;
  const reachable = addresses.filter(({ family }) => leavesBy(family, options));
  if (reachable.length === 0) throw unreachable(addresses, options);
  const first = reachable.filter(({ family }) => family === prefer);
  const second = reachable.filter(({ family }) => family !== prefer);
  // Cut evenly, as if they stood in turns: RFC 8305 §4.
  const half = MAX_ADDRESSES / 2;
  return [
    first.slice(0, MAX_ADDRESSES - Math.min(half, second.length)),
    second.slice(0, MAX_ADDRESSES - Math.min(half, first.length)),
  ].filter(({ length }) => length > 0);
}

function unreachable(
  addresses: readonly TargetAddress[],
  { family: { only }, serves }: DialOptions,
): ProxyError {
  if (!serves(4) && !serves(6)) return new ProxyError('NO_EGRESS');
  const families = new Set(addresses.map(({ family }) => family));
  if (only !== undefined && !families.has(only)) {
    return new ProxyError(
      'NO_EGRESS_FAMILY',
      `the target has no IPv${only} address, and this proxy is set to use only IPv${only}`,
    );
  }
  const names =
    only === undefined ? [...families].map((family) => `IPv${family}`).join(' or ') : `IPv${only}`;
  return new ProxyError('NO_EGRESS_FAMILY', `no ${names} egress address in the pool`);
}
