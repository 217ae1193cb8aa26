/**
 * Who is fit to be used. Lives on the main thread, and is the only one that moves an egress between `new`, `up` and `down`,
 * but for two shortcuts of the data threads: `succeeded` (new → up) and `ejectNow` (an address that is not on the host). What
 * people say, `by-hand.ts` does.
 *
 * Only failures with blame `egress` count. A share of each pool stays in use whatever happens, see `floor.ts`; an address
 * that is not on the host goes all the same, since it cannot be used anyway.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Family } from '../../connection.ts';
import { FAILURES, type FailureCode } from '../../errors.ts';
import type { EgressTable } from '../pool/table.ts';
import { ByHand } from './by-hand.ts';
import type { HealthLog, HealthOptions, HealthRemarks, HealthStatus } from './health-options.ts';
import { REAL_TOOLS, type HealthTools } from './health-tools.ts';
import type { Member } from './patient.ts';
import type { Finding } from './probe.ts';
import { parseProbeTarget } from './probe-target.ts';
import { Returns } from './returns.ts';
import { Rounds } from './rounds.ts';
import { Ward } from './ward.ts';

export type { HealthOptions, HealthStatus } from './health-options.ts';
export type { Member } from './patient.ts';
export type { ProbeOptions } from './rounds.ts';

/** How often those who wait are looked after; milliseconds. */
const TICK_MS = 250;
/** How often the table is searched for ejections that nobody told of: their thread may have died; milliseconds. */
const RECONCILE_MS = 10_000;
/** Changes within this time are published together; milliseconds. */
const PUBLISH_MS = 50;

export class Health {
  readonly byHand: ByHand;
  #options: HealthOptions;
  readonly #publish: () => void;
  readonly #log: HealthLog;
  readonly #tools: HealthTools;
  #rounds: Rounds | undefined;
  /** Ends the active probes. */
  #roundsOver = new AbortController();
  readonly #returns: Returns;
  readonly #ward: Ward;
  readonly #table: EgressTable;
  readonly #stopping = new AbortController();
  #ticking: NodeJS.Timeout | undefined = undefined;
  #publishing: NodeJS.Timeout | undefined = undefined;
  #reconcileAt = 0;

  /**
   * @param publish States have changed: build and hand out a new snapshot. At most once in 50 ms.
   * @throws TypeError when the probe target makes no sense.
   */
  constructor(
    table: EgressTable,
    options: HealthOptions,
    publish: () => void,
    log: HealthLog,
    tools: HealthTools = REAL_TOOLS,
  ) {
    this.#table = table;
    this.#options = options;
    this.#publish = publish;
    this.#log = log;
    this.#tools = tools;
    const { signal } = this.#stopping;
    const rounds = (): Rounds | undefined => this.#rounds;
    this.#rounds = this.#newRounds();
    this.#returns = new Returns(tools, rounds, signal, (patient, proven) =>
      this.#ward.returned(patient, proven),
    );
    this.#ward = new Ward({
      table,
      options: () => this.#options,
      tools,
      log,
      returns: this.#returns,
      changed: () => this.#changed(),
    });
    this.byHand = new ByHand(this.#ward, this.#returns, rounds, tools, signal, (member, finding) =>
      this.#found(member, finding),
    );
  }

  start(): void {
    this.#ticking = setInterval(() => this.#tick(), TICK_MS).unref();
    this.#rounds?.start();
  }

  /**
   * Goes by other options from now on; what is known of the members is kept, and those who wait go on waiting.
   * @throws TypeError when the probe target makes no sense; everything is as before then.
   */
  configure(options: HealthOptions): void {
    const before = this.#options;
    const same = isDeepStrictEqual(options.probe, before.probe);
    if (options.probe !== undefined) parseProbeTarget(options.probe.target);
    this.#options = options;
    this.#ward.configure();
    if (same) return;
    this.#rounds?.stop();
    this.#roundsOver.abort();
    this.#roundsOver = new AbortController();
    this.#rounds = this.#newRounds();
    if (this.#ticking !== undefined) this.#rounds?.start();
  }

  /** For good: ends probes that are under way, and publishes nothing any more. */
  stop(): void {
    this.#stopping.abort();
    this.#rounds?.stop();
    clearInterval(this.#ticking);
    clearTimeout(this.#publishing);
  }

  /** All members of all pools, whenever they change. What was known of those that stay is kept. */
  membership(members: Iterable<Member>): void {
    this.#ward.membership(members);
  }

  /**
   * A data thread failed to dial from an egress. Anything but blame `egress` is ignored.
   * @param count Failures in a row, from the table.
   */
  failed(slot: number, code: FailureCode, count: number): void {
    const { blame, reason } = FAILURES[code];
    if (blame !== 'egress') return;
    if (code === 'EGRESS_NOT_ON_HOST') {
      this.ejected(slot, code);
      return;
    }
    const patient = this.#ward.inUse(slot);
    if (patient === undefined) return;
    this.#ward.strike(patient, code, reason, count >= (patient.halfOpen ? 1 : this.#options.failures));
  }

  /** A data thread took an egress out of use with `ejectNow`. */
  ejected(slot: number, code: FailureCode): void {
    const member = this.#ward.members.get(slot);
    const state = this.#table.state(slot);
    if (member === undefined || state === 'draining' || state === 'out') return;
    const patient = this.#ward.patient(member);
    if (patient.cause === undefined) this.#ward.eject(patient, code, FAILURES[code].reason);
  }

  /** Undefined for a slot that is no member's. */
  status(slot: number): HealthStatus | undefined {
    return this.#ward.status(slot);
  }

  /** Only what somebody may look for; undefined for members that just work. */
  remarks(slot: number): HealthRemarks | undefined {
    return this.#ward.remarks(slot);
  }

  #newRounds(): Rounds | undefined {
    const { probe } = this.#options;
    const signal = AbortSignal.any([this.#stopping.signal, this.#roundsOver.signal]);
    const hooks = {
      members: () => [...this.#ward.members.values()].filter(({ slot }) => this.#ward.isInUse(slot)),
      found: (member: Member, finding: Finding) => this.#found(member, finding),
      targetChanged: (family: Family, answers: boolean) => this.#targetChanged(family, answers),
    };
    return probe && new Rounds(probe, this.#tools, hooks, signal);
  }

  #found(member: Member, finding: Finding): void {
    if (this.#ward.members.get(member.slot)?.address !== member.address) return;
    const patient = this.#ward.inUse(member.slot);
    if (patient === undefined || finding.verdict === 'unknown') return;
    if (finding.verdict === 'absent') return this.#ward.eject(patient, 'EGRESS_NOT_ON_HOST', finding.error);
    const { probe } = this.#options;
    // Probes are no more: this one was under way when they ended.
    if (probe === undefined) return;
    const { rise, fall } = probe;
    if (finding.verdict === 'good') {
      if (patient.misses >= fall) patient.held = false;
      patient.misses = 0;
      patient.passes++;
      patient.publicAddress = finding.publicAddress ?? patient.publicAddress;
      // Half-open, it is for a connection to prove it: probes may well go through where connections failed.
      const proven = patient.passes >= rise && !patient.halfOpen;
      if (proven && this.#table.state(member.slot) === 'new') this.#table.setState(member.slot, 'up');
    } else {
      patient.passes = 0;
      patient.misses++;
      const enough = patient.misses >= (patient.halfOpen ? 1 : fall);
      this.#ward.strike(patient, 'PROBE_FAILED', finding.error, enough);
    }
  }

  #targetChanged(family: Family, answers: boolean): void {
    if (answers) this.#log.info('the probe target answers again', { family });
    else this.#log.warn('the probe target answers no egress: nobody is ejected for that', { family });
  }

  #tick(): void {
    this.#returns.tick();
    this.#ward.settle();
    const now = this.#tools.now();
    if (now < this.#reconcileAt) return;
    this.#reconcileAt = now + RECONCILE_MS;
    this.#ward.reconcile();
  }

  #changed(): void {
    if (this.#stopping.signal.aborted) return;
    this.#publishing ??= setTimeout(() => {
      this.#publishing = undefined;
      this.#publish();
    }, PUBLISH_MS).unref();
  }
}
