/** Limits with a clock of their own, on as many lanes as a test wants. */
import assert from 'node:assert/strict';
import { ProxyError, type FailureCode } from '../../../../src/errors.ts';
import { Limits, type Stay } from '../../../../src/policy/limits/limits.ts';
import { limitMemory, type LimitMemory } from '../../../../src/policy/limits/memory.ts';
import { heldPlaces, limitLedger, writeOff } from '../../../../src/policy/limits/places.ts';
import type { LimitOptions } from '../../../../src/policy/limits/terms.ts';

export const limitOptions = (more: Partial<LimitOptions> = {}): LimitOptions => ({
  global: {},
  perListener: [{}, {}],
  perClient: {},
  perUser: {},
  users: {},
  handshakes: Infinity,
  logins: { failures: Infinity, perMs: 60_000, banMs: 60_000 },
  ...more,
});

/** Far from a multiple of anything, as clocks are. */
const BOOT = 123_456_789.123;
/** Monday, 23 November 2026, 14:30 UTC. */
export const AFTERNOON: number = Date.UTC(2026, 10, 23, 14, 30);

export const NOBODY = { connections: 0, handshakes: 0 } as const;

export interface Lane {
  limits: Limits;
  readonly ledger: SharedArrayBuffer;
}

export class Stage {
  readonly memory: LimitMemory;
  readonly lanes: readonly Lane[];
  now: number = BOOT;
  utc: number = AFTERNOON;
  #options: LimitOptions;

  constructor(
    more: Partial<LimitOptions> = {},
    { lanes = 1, entries = 1024 }: { lanes?: number; entries?: number } = {},
  ) {
    this.#options = limitOptions(more);
    this.memory = limitMemory(this.#options, entries);
    this.lanes = Array.from({ length: lanes }, () => {
      const ledger = limitLedger(this.memory);
      return { limits: this.#limits(ledger), ledger };
    });
  }

  get limits(): Limits {
    return this.lanes[0]!.limits;
  }

  get held(): { connections: number; handshakes: number } {
    return heldPlaces(this.memory);
  }

  replace(more: Partial<LimitOptions>): void {
    this.#options = limitOptions(more);
    for (const { limits } of this.lanes) limits.replace(this.#options);
  }

  /** The thread of a lane dies, and another one takes its place. */
  die(lane: number): void {
    const { ledger } = this.lanes[lane]!;
    assert.equal(writeOff(this.memory, ledger), true);
    this.lanes[lane]!.limits = this.#limits(ledger);
  }

  /** A connection that has its places. */
  connect(client = '198.51.100.1', user: string | undefined = 'alice', lane = 0, listener = 0): Stay {
    const stay = this.lanes[lane]!.limits.enter(client);
    try {
      stay.settle(listener, user);
    } catch (error) {
      stay.leave();
      throw error;
    }
    return stay;
  }

  /** How many connections there is room for. */
  room(most: number, ...who: Parameters<Stage['connect']>): number {
    const stays: Stay[] = [];
    for (let i = 0; i < most; i++) if (refusal(() => stays.push(this.connect(...who))) !== undefined) break;
    for (const stay of stays) stay.leave();
    return stays.length;
  }

  #limits(ledger: SharedArrayBuffer): Limits {
    return new Limits(
      this.memory,
      this.#options,
      ledger,
      () => this.now,
      () => this.utc,
    );
  }
}

/** The ProxyError that something throws. */
export function refusal(action: () => unknown): ProxyError | undefined {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof ProxyError, String(error));
    return error;
  }
  return undefined;
}

export function refused(
  action: () => unknown,
  code: FailureCode,
  message: string,
  retryAfterS?: number,
): void {
  const error = refusal(action);
  assert.deepEqual([error?.code, error?.message, error?.retryAfterS], [code, message, retryAfterS]);
}

/** 32 bits at a time, always the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
