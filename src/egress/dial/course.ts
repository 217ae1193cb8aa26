/** The attempts of one connection in one family, one after the other. */
import type { Connection, Egress, Family } from '../../connection.ts';
import { ProxyError } from '../../errors.ts';
import type { Legs } from '../../leg/legs.ts';
import { connect, type Connected } from './connect.ts';
import type { Ports } from './ports.ts';
import type { Interrupt, Runner } from './race.ts';
import type { TargetAddress } from '../names/resolver.ts';
import type { Picks } from '../rotation/rotator.ts';

/** Of the time that is left, what an attempt may use up while there is another egress or address to try. */
const SHARE = 0.6;

export interface CourseOptions {
  /** The most one connect may take; milliseconds. */
  readonly connect: number;
  /** When all attempts together must be over; on the clock of `performance.now()`. */
  readonly deadline: number;
  /** Undefined leaves source ports to the kernel. */
  readonly ports: Ports | undefined;
  /** After an attempt that says something about its egress: undefined when it connected, else a failure it is to blame for. */
  readonly report: (egress: Egress, error: ProxyError | undefined) => void;
  /** Once for every egress that was picked and is not the one of the remote. */
  readonly release: (egress: Egress) => void;
}

/** What the courses of one connection have in common. */
export interface Shared {
  readonly connection: Connection;
  readonly picksFor: (family: Family) => Picks;
  readonly options: CourseOptions;
  readonly legs: Legs;
  /** Counted down by both. */
  egressesLeft: number;
}

/** A remote, which address of the target it is connected to, and the picks its egress is from. */
export interface Arrival {
  readonly remote: Connected;
  readonly target: string;
  readonly picks: Picks;
}

export class Course implements Runner<Arrival> {
  /** Addresses still worth trying; the first one is next. */
  readonly #queue: TargetAddress[];
  readonly #shared: Shared;
  readonly #family: Family;
  /** Taken with the first attempt: a course that never starts costs no turn. */
  #picks: Picks | undefined = undefined;
  #egress: Egress | undefined = undefined;
  /** Picked already, for the next attempt. */
  #spare: Egress | undefined = undefined;

  constructor(queue: TargetAddress[], shared: Shared) {
    this.#queue = queue;
    this.#shared = shared;
    this.#family = queue[0]!.family;
  }

  async run(interrupt: Interrupt, stumbled: () => void): Promise<Arrival> {
    let failure: ProxyError | undefined;
    try {
      this.#egress = this.#pick();
      while (this.#egress !== undefined && this.#queue.length > 0) {
        if (performance.now() >= this.#shared.options.deadline)
          throw failure ?? new ProxyError('TARGET_TIMEOUT');
        try {
          return await this.#attempt(this.#queue[0]!, this.#egress, interrupt);
        } catch (thrown) {
          failure = ProxyError.from(thrown);
        }
        if (interrupt.broken !== undefined) throw interrupt.broken;
        stumbled();
        this.#moveOn(failure);
      }
      throw failure ?? new ProxyError('NO_EGRESS');
    } finally {
      this.#release(this.#egress);
      this.#release(this.#spare);
    }
  }

  async #attempt({ address }: TargetAddress, egress: Egress, interrupt: Interrupt): Promise<Arrival> {
    const { connection, options, legs } = this.#shared;
    connection.phase = 'dial';
    connection.resolved = address;
    connection.egress = egress;
    connection.attempts++;
    const target = { address, port: connection.target!.port };
    const { ports } = options;
    try {
      const remote = await connect(target, egress, { ports, legs, interrupt, patience: this.#patience() });
      options.report(egress, undefined);
      this.#egress = undefined;
      return { remote, target: address, picks: this.#picks! };
    } catch (thrown) {
      const error = ProxyError.from(thrown);
      if (error.failure.blame === 'egress') options.report(egress, error);
      throw error;
    }
  }

  /**
   * How long an attempt that begins now may take. While something else is left to try it gets its share of the time, so
   * that a route that swallows packets leaves time for another: 3 of 5 seconds. Alone, it gets all of it.
   */
  #patience(): () => number {
    const { options } = this.#shared;
    const now = performance.now();
    const end = Math.min(now + options.connect, options.deadline);
    const share = Math.min(end, now + (options.deadline - now) * SHARE);
    return () => {
      const now = performance.now();
      if (now < share) return share - now;
      return this.#queue.length > 1 || this.#another() !== undefined ? 0 : end - now;
    };
  }

  /** Who is at fault is not tried again. When that is not clear, another egress tries another address. */
  #moveOn({ failure: { blame, retry } }: ProxyError): void {
    const address = this.#queue.shift()!;
    if (!retry) {
      // Our own limits are the same for all addresses.
      if (blame === 'self') this.#queue.length = 0;
      return;
    }
    const other = this.#another();
    if (other === undefined && blame !== 'egress') return;
    this.#release(this.#egress);
    this.#egress = other;
    this.#spare = undefined;
    if (blame === 'target') this.#queue.push(address);
    else this.#queue.unshift(address);
  }

  #another(): Egress | undefined {
    return (this.#spare ??= this.#pick());
  }

  #pick(): Egress | undefined {
    if (this.#shared.egressesLeft === 0) return undefined;
    this.#picks ??= this.#shared.picksFor(this.#family);
    const egress = this.#picks.next();
    if (egress !== undefined) this.#shared.egressesLeft--;
    return egress;
  }

  #release(egress: Egress | undefined): void {
    if (egress !== undefined) this.#shared.options.release(egress);
  }
}
