/**
 * The way back of an ejected egress: it waits, it is examined, it returns or waits again.
 *
 * Nobody has a timer of his own. A tick goes through those who are due, so many at a time, each as often as the others:
 * tens of thousands of addresses that left the host at once cost no more than that.
 */
import { jittered } from './backoff.ts';
import type { Patient } from './patient.ts';
import type { Finding } from './probe.ts';
import type { Rounds } from './rounds.ts';
import type { HealthTools } from './health-tools.ts';

/** How often an address that is not on the host is bound to see whether it is back; milliseconds. */
export const ABSENT_MS = 2000;
/** So many times; then less and less often, to the second value in milliseconds. */
const ABSENT_TRIES = 30;
const ABSENT_LAST_MS = 30_000;
/**
 * How often one is bound that has just appeared, and so many times: a new IPv6 address cannot be bound before the kernel
 * has made sure that no other host has it (RFC 4862 §5.4), which takes a second or two.
 */
const EAGER_MS = 500;
const EAGER_TRIES = 6;
/** A bind that takes longer says nothing; milliseconds. */
export const BIND_MS = 1000;
/** How often the interfaces are looked at while some address is not on the host; milliseconds. */
const WATCH_MS = 1000;
/** Looking is slow with very many addresses: it may take this share of the thread's time at most. */
const WATCH_SHARE = 0.02;
/** Examinations begun by one tick, and under way altogether. */
const PER_TICK = 200;
const AT_ONCE = 256;

interface Waiting {
  readonly patient: Patient;
  /** When it is examined; the clock of {@link HealthTools}. */
  due: number;
  /** Examinations that found the address absent; below 0 while it has just appeared. */
  tries: number;
  /** On an interface when last looked; undefined before. */
  listed: boolean | undefined;
  busy: boolean;
}

export class Returns {
  readonly #tools: HealthTools;
  readonly #rounds: () => Rounds | undefined;
  readonly #signal: AbortSignal;
  readonly #returned: (patient: Patient, proven: boolean) => void;
  /** By slot. Whoever was examined goes to the end. */
  readonly #waiting = new Map<number, Waiting>();
  /** Their address appeared on an interface: they come first. */
  readonly #appeared = new Set<Waiting>();
  #busy = 0;
  #watchAt = 0;

  /**
   * @param rounds The active probes, if there are any at the moment.
   * @param returned Called for an egress that may be used again; `proven` when active probes vouch for it.
   */
  constructor(
    tools: HealthTools,
    rounds: () => Rounds | undefined,
    signal: AbortSignal,
    returned: (patient: Patient, proven: boolean) => void,
  ) {
    this.#tools = tools;
    this.#rounds = rounds;
    this.#signal = signal;
    this.#returned = returned;
  }

  /** @param ms The back-off. */
  add(patient: Patient, ms: number): void {
    const due = this.#tools.now() + ms;
    this.#waiting.set(patient.member.slot, { patient, due, tries: 0, listed: undefined, busy: false });
  }

  drop(slot: number): void {
    const waiting = this.#waiting.get(slot);
    if (waiting === undefined) return;
    this.#waiting.delete(slot);
    this.#appeared.delete(waiting);
  }

  /** When it is examined next; undefined when it does not wait. */
  due(slot: number): number | undefined {
    return this.#waiting.get(slot)?.due;
  }

  /** Some times a second. */
  tick(): void {
    if (this.#waiting.size === 0) return;
    const now = this.#tools.now();
    if (now >= this.#watchAt) this.#watch(now);
    let left = Math.min(PER_TICK, AT_ONCE - this.#busy);
    for (const waiting of [this.#appeared.values().toArray(), this.#waiting.values().toArray()].flat()) {
      if (left <= 0) return;
      if (waiting.busy || waiting.due > now) continue;
      left--;
      void this.#examine(waiting);
    }
  }

  /** Examines one now, as if it were due. */
  async examine(slot: number): Promise<void> {
    const waiting = this.#waiting.get(slot);
    if (waiting !== undefined && !waiting.busy) await this.#examine(waiting);
  }

  #watch(now: number): void {
    const absent = this.#waiting
      .values()
      .filter(({ patient }) => patient.cause === 'EGRESS_NOT_ON_HOST')
      .toArray();
    this.#watchAt = now + WATCH_MS;
    if (absent.length === 0) return;
    const addresses = this.#tools.addresses();
    for (const waiting of absent) {
      const listed = addresses.has(waiting.patient.member.address);
      // Only a change is news: an address that is listed and cannot be used would be back and gone all the time.
      if (listed && waiting.listed === false) {
        waiting.due = now;
        waiting.tries = -EAGER_TRIES;
        this.#appeared.add(waiting);
      }
      waiting.listed = listed;
    }
    this.#watchAt += (this.#tools.now() - now) / WATCH_SHARE;
  }

  async #examine(waiting: Waiting): Promise<void> {
    const { slot } = waiting.patient.member;
    waiting.busy = true;
    this.#busy++;
    this.#appeared.delete(waiting);
    this.#waiting.delete(slot);
    this.#waiting.set(slot, waiting);
    const verdict = await this.#look(waiting.patient);
    this.#busy--;
    waiting.busy = false;
    if (this.#signal.aborted || this.#waiting.get(slot) !== waiting) return;
    if (verdict === 'fit' || verdict === 'proven') {
      this.drop(slot);
      this.#returned(waiting.patient, verdict === 'proven');
    } else waiting.due = this.#tools.now() + this.#nextWait(waiting, verdict);
  }

  /** `fit` and `proven`: it may return; `passing`: it needs more successes for that. */
  async #look(patient: Patient): Promise<'fit' | 'proven' | 'passing' | 'bad' | 'absent' | 'unknown'> {
    const bound = await this.#tools.bind(patient.member, BIND_MS, this.#signal);
    const rounds = this.#rounds();
    if (bound.verdict !== 'good') return note(patient, bound);
    if (rounds === undefined || !rounds.concerns(patient.member)) return 'fit';
    const asked = await rounds.ask(patient.member);
    if (asked.verdict !== 'good') {
      patient.passes = 0;
      if (asked.verdict === 'absent') return note(patient, asked);
      // A target that answers nobody must not keep an address out that can be bound.
      return rounds.answers(patient.member.family) ? note(patient, asked) : 'fit';
    }
    patient.publicAddress = asked.publicAddress ?? patient.publicAddress;
    if (patient.cause !== 'PROBE_FAILED') return 'fit';
    return ++patient.passes >= rounds.options.rise ? 'proven' : 'passing';
  }

  #nextWait(waiting: Waiting, verdict: 'passing' | 'bad' | 'absent' | 'unknown'): number {
    if (verdict === 'absent') return absentWait(++waiting.tries);
    const rounds = this.#rounds();
    if (verdict === 'unknown' || rounds === undefined) return ABSENT_MS;
    return jittered(rounds.options.intervalMs, this.#tools.random());
  }
}

function note(patient: Patient, finding: Finding): 'bad' | 'absent' | 'unknown' {
  if (finding.verdict === 'good') return 'unknown';
  patient.lastError = finding.error;
  if (finding.verdict === 'absent') patient.cause = 'EGRESS_NOT_ON_HOST';
  return finding.verdict;
}

function absentWait(tries: number): number {
  if (tries <= 0) return EAGER_MS;
  const doublings = Math.min(30, Math.max(0, tries - ABSENT_TRIES));
  return Math.min(ABSENT_LAST_MS, ABSENT_MS * 2 ** doublings);
}
