/** The connections of a load test: each makes one request after the other, as the schedule says. */
import type { Destination } from '../connect.ts';
import { Failure } from '../exit.ts';
import { Channel } from './channel.ts';
import type { Exchange } from './exchange.ts';
import type { Opening } from './proxy.ts';
import type { Schedule } from './schedule.ts';
import type { Tally } from './tally.ts';

export interface VisitPlan {
  /** The proxy, or the target itself where there is none. */
  readonly destination: Destination;
  /** What the destination is called in sentences. */
  readonly peer: string;
  readonly opening: Opening;
  /** The name to which TLS is spoken within the tunnel; undefined: none is. */
  readonly secure: string | undefined;
  readonly exchange: Exchange;
  readonly keepAlive: boolean;
  /** Connections at once. */
  readonly concurrency: number;
  /** For a connection and its request; milliseconds. */
  readonly timeout: number;
}

/** The test was ended in the middle of a request. */
const CUT = new Failure('the load test was ended');

export class Visits {
  readonly #plan: VisitPlan;
  readonly #schedule: Schedule;
  readonly #tally: Tally;
  readonly #underWay = new Set<Visit>();

  constructor(plan: VisitPlan, schedule: Schedule, tally: Tally) {
    this.#plan = plan;
    this.#schedule = schedule;
    this.#tally = tally;
  }

  /** Requests that were cut. */
  cutShort = 0;

  /** Resolves when nothing is due and nothing under way. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#plan.concurrency }, () => this.#visitor()));
  }

  /** Ends the test, and what is under way. */
  cut(): void {
    this.#schedule.stop();
    for (const visit of this.#underWay) visit.channel?.fail(CUT);
  }

  async #visitor(): Promise<void> {
    let kept: Channel | undefined;
    for (let due = await this.#schedule.turn(); due !== undefined; due = await this.#schedule.turn()) {
      kept = await this.#visit(due, kept?.idle === true ? kept : undefined);
    }
    kept?.leave(true);
  }

  /** @returns The connection, when the next request may go over it. */
  async #visit(due: number, kept: Channel | undefined): Promise<Channel | undefined> {
    const visit: Visit = { channel: kept };
    this.#underWay.add(visit);
    const timer = setTimeout(() => visit.channel?.late(), this.#plan.timeout);
    try {
      return await this.#ask(visit, due);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      visit.channel?.fail(error);
      if (error === CUT) this.cutShort++;
      else this.#tally.failure(error);
      return undefined;
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(visit);
    }
  }

  async #ask(visit: Visit, due: number): Promise<Channel | undefined> {
    const kept = visit.channel;
    const before = kept?.traffic().received;
    try {
      return await this.#exchange(kept ?? (await this.#open(visit)), due);
    } catch (error) {
      // A server may close a connection between two requests; clients begin another one then (RFC 9112 §9.3.1).
      if (kept?.lost !== true || kept.traffic().received !== before) throw error;
      return await this.#exchange(await this.#open(visit), due);
    }
  }

  /** @returns The connection, when the next request may go over it. */
  async #exchange(channel: Channel, due: number): Promise<Channel | undefined> {
    const { exchange, keepAlive } = this.#plan;
    const before = channel.traffic();
    try {
      const { address, stays } = await exchange(channel);
      const now = performance.now();
      this.#tally.success(now - due, now, address);
      if (keepAlive && stays) return channel;
      // An HTTP server was asked to close; an echo server waits for us.
      channel.leave(stays);
      return undefined;
    } finally {
      this.#tally.account(before, channel.traffic());
    }
  }

  async #open(visit: Visit): Promise<Channel> {
    const { destination, peer, opening, secure } = this.#plan;
    const born = (channel: Channel): void => void (visit.channel = channel);
    const begun = performance.now();
    this.#tally.connections++;
    const channel = await Channel.open(destination, peer, secure === undefined, born);
    await opening(channel);
    channel.reached('the target');
    const ready =
      secure === undefined ? channel : await channel.secure({ ca: undefined, verify: true }, secure, born);
    this.#tally.connect.record(performance.now() - begun);
    return ready;
  }
}

interface Visit {
  /** As soon as there is one. */
  channel: Channel | undefined;
}
