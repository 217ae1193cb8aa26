/**
 * Pick and dial: from a target's addresses to a remote that is connected from an egress of the pool.
 *
 * Only pool addresses of the target's family are ever bound, and what cannot leave from one does not leave. A failure
 * that another egress might not meet moves on to the next one; a failure of the target moves on to its next address.
 */
import type { Connection, Egress, Endpoint, Family } from '../connection.ts';
import { fromDialError, ProxyError } from '../errors.ts';
import { Leg, type ReadBuffers, type Reader } from '../leg.ts';
import type { TargetAddress } from './resolver.ts';
import type { Picks, Rotator } from './rotator.ts';

/** Egresses tried for one connection. */
const MAX_EGRESSES = 3;
/** Addresses of one target tried for one connection. */
const MAX_ADDRESSES = 4;

/** A way to learn, and to be told, that nobody waits for the dial any more. */
export interface Interrupt {
  readonly broken: ProxyError | undefined;
  onBroken: ((error: ProxyError) => void) | undefined;
}

export interface DialTimeouts {
  /** One connect; milliseconds. */
  readonly connect: number;
  /** When all attempts together must be over; on the clock of `performance.now()`. */
  readonly deadline: number;
}

/** A remote that stands, and the address and port it really leaves from. */
export interface Remote {
  readonly leg: Leg;
  readonly bound: Endpoint;
}

/** @throws ProxyError the last failure met, or why there was nothing to try. */
export async function dial(
  connection: Connection,
  addresses: readonly TargetAddress[],
  rotator: Rotator,
  timeouts: DialTimeouts,
  buffers: ReadBuffers,
  interrupt: Interrupt,
): Promise<Remote> {
  const { host, port } = connection.target!;
  const egresses = new Candidates(rotator, host);
  connection.phase = 'pick';
  let failure: ProxyError | undefined;
  for (const { address, family } of addresses.slice(0, MAX_ADDRESSES)) {
    for (let egress = egresses.current(family); egress !== undefined; egress = egresses.next(family)) {
      const left = Math.min(timeouts.connect, timeouts.deadline - performance.now());
      if (interrupt.broken !== undefined) throw interrupt.broken;
      if (left <= 0) throw failure ?? new ProxyError('TARGET_TIMEOUT');
      connection.phase = 'dial';
      connection.resolved = address;
      connection.egress = egress;
      connection.attempts++;
      try {
        return await connect({ address, port }, egress, left, buffers, interrupt);
      } catch (error) {
        failure = ProxyError.from(error);
        if (!failure.failure.retry) break;
      }
    }
  }
  throw failure ?? noEgress(rotator, addresses);
}

function noEgress(rotator: Rotator, addresses: readonly TargetAddress[]): ProxyError {
  if (rotator.empty) return new ProxyError('NO_EGRESS');
  const families = new Set(addresses.map(({ family }) => `IPv${family}`));
  return new ProxyError('NO_EGRESS_FAMILY', `no ${[...families].join(' or ')} egress address in the pool`);
}

/** The egresses of one connection, at most {@link MAX_EGRESSES}; one stays current until it is at fault. */
class Candidates {
  readonly #rotator: Rotator;
  readonly #host: string;
  readonly #picks: Record<Family, Picks | undefined> = { 4: undefined, 6: undefined };
  readonly #current: Record<Family, Egress | undefined> = { 4: undefined, 6: undefined };
  #left = MAX_EGRESSES;

  constructor(rotator: Rotator, host: string) {
    this.#rotator = rotator;
    this.#host = host;
  }

  current(family: Family): Egress | undefined {
    return this.#current[family] ?? (this.#picks[family] === undefined ? this.next(family) : undefined);
  }

  next(family: Family): Egress | undefined {
    const picks = (this.#picks[family] ??= this.#rotator.pick(family, this.#host));
    return (this.#current[family] = this.#left-- > 0 ? picks.next() : undefined);
  }
}

function connect(
  { address, port }: Endpoint,
  egress: Egress,
  ms: number,
  buffers: ReadBuffers,
  interrupt: Interrupt,
): Promise<Remote> {
  return new Promise((resolve, reject) => {
    const attempt = new Attempt((error) => {
      clearTimeout(timer);
      interrupt.onBroken = undefined;
      leg.socket.destroy();
      reject(error);
    });
    const timer = setTimeout(() => attempt.fail(new ProxyError('TARGET_TIMEOUT')), ms);
    interrupt.onBroken = (error) => attempt.fail(error);
    const options = {
      host: address,
      port,
      localAddress: egress.address,
      family: egress.family,
      noDelay: true,
    };
    const leg = Leg.connect(options, attempt, buffers);
    attempt.leg = leg;
    leg.socket.once('connect', () => {
      clearTimeout(timer);
      interrupt.onBroken = undefined;
      const { localAddress = egress.address, localPort = 0 } = leg.socket;
      resolve({ leg, bound: { address: localAddress, port: localPort } });
    });
  });
}

/** Listens to a socket that is still connecting, and holds what a hasty server says before the tunnel stands. */
class Attempt implements Reader {
  readonly fail: (error: ProxyError) => void;
  leg: Leg | undefined = undefined;

  constructor(fail: (error: ProxyError) => void) {
    this.fail = fail;
  }

  bytes(chunk: Buffer): boolean {
    this.leg!.held = Buffer.from(chunk);
    return false;
  }

  end(): void {}

  drain(): void {}

  gone(error: NodeJS.ErrnoException | undefined): void {
    this.fail(error === undefined ? new ProxyError('TARGET_RESET') : fromDialError(error));
  }
}
