/** What health remembers of one egress. */
import type { Family } from '../../connection.ts';
import type { FailureCode } from '../../errors.ts';
import { Backoff } from './backoff.ts';

/** An egress of the pool. */
export interface Member {
  readonly slot: number;
  /** Of a block, one of its addresses: the one that is probed. */
  readonly address: string;
  readonly family: Family;
  readonly block: boolean;
  /** The pools it belongs to, by name; one nameless pool when left out. */
  readonly pools?: readonly string[];
}

/** Why an egress is down: a failure with blame `egress`, the active probes, or somebody who wants it so. */
export type Cause = FailureCode | 'PROBE_FAILED' | 'BY_HAND';

/** The file of a member that something happened to; members that just work have none. */
export class Patient {
  member: Member;
  readonly backoff: Backoff = new Backoff();
  /** Why it is down; undefined while it is used. */
  cause: Cause | undefined = undefined;
  /** The last change of state; milliseconds since the epoch. */
  since: number;
  ejections = 0;
  lastError: string | undefined = undefined;
  /** What the HTTP probe's target saw it as. */
  publicAddress: string | undefined = undefined;
  /** Back from an ejection, and not yet proven by a connection: the next failure ejects again. */
  halfOpen = false;
  /** It would be down, but the floor of its pool keeps it in use. */
  held = false;
  /** Active probes in a row that succeeded, and that failed. */
  passes = 0;
  misses = 0;

  constructor(member: Member, now: number) {
    this.member = member;
    this.since = now;
  }

  eject(cause: Cause, now: number): void {
    this.cause = cause;
    this.since = now;
    this.ejections++;
    this.halfOpen = false;
    this.held = false;
    this.passes = 0;
    this.misses = 0;
  }

  /** It is taken out by hand, and nothing is wrong with it that would matter when it comes back. */
  rest(now: number): void {
    this.cause = undefined;
    this.since = now;
    this.halfOpen = false;
    this.held = false;
    this.passes = 0;
    this.misses = 0;
  }

  /** @param proven False for half-open. */
  restore(proven: boolean, now: number): void {
    this.cause = undefined;
    this.since = now;
    this.halfOpen = !proven;
    if (proven) this.backoff.up(now);
  }
}
