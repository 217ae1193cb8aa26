/**
 * Who is fit to be used. Lives on the main thread, and is the only one that moves an egress between `new`, `up` and `down`,
 * but for two shortcuts of the data threads: `succeeded` (new → up) and `ejectNow` (an address that is not on the host).
 *
 * Only failures with blame `egress` count. A share of each pool stays in use whatever happens, see `floor.ts`; an address
 * that is not on the host goes all the same, since it cannot be used anyway.
 */
import type { Family } from '../../connection.ts';
import { FAILURES, type FailureCode } from '../../errors.ts';
import type { BackoffOptions } from './backoff.ts';
import { Floor } from './floor.ts';
import { Patient, type Cause, type Member } from './patient.ts';
import type { Finding } from './probe.ts';
import { ABSENT_MS, Returns } from './returns.ts';
import { Rounds, type ProbeOptions } from './rounds.ts';
import type { EgressState, EgressTable } from '../pool/table.ts';
import { REAL_TOOLS, type HealthTools } from './health-tools.ts';

export type { Member } from './patient.ts';
export type { ProbeOptions } from './rounds.ts';

export interface HealthOptions {
  /** Failures in a row that eject an egress, at least 1. */
  readonly failures: number;
  /** Share of each pool's members, of each family, that ejection must leave in use; from 0 to 1. */
  readonly floor: number;
  readonly backoffMs: BackoffOptions;
  /** Active probes; none when left out. */
  readonly probe?: ProbeOptions | undefined;
}

export interface HealthLog {
  warn(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
}

export interface HealthStatus {
  readonly state: EgressState;
  /** When it came to this state, as far as health noticed; milliseconds since the epoch. */
  readonly since: number | undefined;
  readonly ejections: number;
  readonly lastError: string | undefined;
  readonly publicAddress: string | undefined;
  /** It would be down, but for the floor of its pool. */
  readonly held: boolean;
  /** While it is down, when it is examined next; milliseconds since the epoch. */
  readonly retryAt: number | undefined;
}

/** How often those who wait are looked after; milliseconds. */
const TICK_MS = 250;
/** How often the table is searched for ejections that nobody told of: their thread may have died; milliseconds. */
const RECONCILE_MS = 10_000;
/** Changes within this time are published together; milliseconds. */
const PUBLISH_MS = 50;

/** Not down, and not on its way out either. */
const isInUse = (table: EgressTable, slot: number): boolean =>
  table.usable(slot) && table.state(slot) !== 'draining';

export class Health {
  readonly #table: EgressTable;
  readonly #options: HealthOptions;
  readonly #publish: () => void;
  readonly #log: HealthLog;
  readonly #tools: HealthTools;
  readonly #floor: Floor;
  readonly #rounds: Rounds | undefined;
  readonly #returns: Returns;
  readonly #stopping = new AbortController();
  #members: ReadonlyMap<number, Member> = new Map();
  /** By slot; only current members. */
  readonly #patients = new Map<number, Patient>();
  readonly #halfOpen = new Set<Patient>();
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
    this.#floor = new Floor(options.floor);
    const { signal } = this.#stopping;
    const hooks = {
      members: () => [...this.#members.values()].filter(({ slot }) => isInUse(table, slot)),
      found: (member: Member, finding: Finding) => this.#found(member, finding),
      targetChanged: (family: Family, answers: boolean) => this.#targetChanged(family, answers),
    };
    this.#rounds = options.probe && new Rounds(options.probe, tools, hooks, signal);
    this.#returns = new Returns(tools, this.#rounds, signal, (patient, proven) =>
      this.#returned(patient, proven),
    );
  }

  start(): void {
    this.#ticking = setInterval(() => this.#tick(), TICK_MS).unref();
    this.#rounds?.start();
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
    const current = new Map<number, Member>();
    for (const member of members) {
      if (this.#table.state(member.slot) !== 'draining') current.set(member.slot, member);
    }
    for (const [slot, patient] of this.#patients) {
      const member = current.get(slot);
      // A slot may have changed hands.
      if (member !== undefined && member.address === patient.member.address) patient.member = member;
      else this.#forget(slot, patient);
    }
    this.#members = current;
    this.#floor.clear();
    for (const member of current.values()) {
      this.#floor.add(member, this.#patients.get(member.slot)?.cause !== undefined);
    }
    this.#reconcile();
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
    const patient = this.#inUse(slot);
    if (patient === undefined) return;
    this.#strike(patient, code, reason, count >= (patient.halfOpen ? 1 : this.#options.failures));
  }

  /** A data thread took an egress out of use with `ejectNow`. */
  ejected(slot: number, code: FailureCode): void {
    const member = this.#members.get(slot);
    if (member === undefined || this.#table.state(slot) === 'draining') return;
    const patient = this.#patient(member);
    if (patient.cause === undefined) this.#eject(patient, code, FAILURES[code].reason);
  }

  /** Undefined for a slot that is no member's. */
  status(slot: number): HealthStatus | undefined {
    if (!this.#members.has(slot)) return undefined;
    const patient = this.#patients.get(slot);
    return {
      state: this.#table.state(slot),
      since: patient?.since,
      ejections: patient?.ejections ?? 0,
      lastError: patient?.lastError,
      publicAddress: patient?.publicAddress,
      held: patient?.held ?? false,
      retryAt: this.#returns.due(slot),
    };
  }

  #patient(member: Member): Patient {
    let patient = this.#patients.get(member.slot);
    if (patient === undefined) {
      patient = new Patient(member, this.#tools.now());
      this.#patients.set(member.slot, patient);
    }
    return patient;
  }

  /** The file of a member that may be used right now. */
  #inUse(slot: number): Patient | undefined {
    const member = this.#members.get(slot);
    if (member === undefined || !isInUse(this.#table, slot)) return undefined;
    const patient = this.#patient(member);
    this.#settle(patient);
    return patient.cause === undefined ? patient : undefined;
  }

  #strike(patient: Patient, cause: Cause, reason: string, enough: boolean): void {
    patient.lastError = reason;
    if (!enough) patient.held = false;
    else if (this.#floor.allows(patient.member)) this.#eject(patient, cause, reason);
    else if (!patient.held) {
      patient.held = true;
      const { address } = patient.member;
      this.#log.warn('egress keeps failing, but is held by the floor of its pool', {
        egress: address,
        code: cause,
        reason,
      });
    }
  }

  #eject(patient: Patient, cause: Cause, reason: string): void {
    const now = this.#tools.now();
    const { backoffMs } = this.#options;
    const first = cause === 'EGRESS_NOT_ON_HOST' ? Math.min(ABSENT_MS, backoffMs.last) : backoffMs.first;
    const wait = patient.backoff.eject({ first, last: backoffMs.last }, now, this.#tools.random());
    const { slot, address } = patient.member;
    patient.lastError = reason;
    patient.eject(cause, now);
    this.#halfOpen.delete(patient);
    this.#table.setState(slot, 'down');
    this.#floor.down(patient.member);
    this.#returns.add(patient, wait);
    this.#changed();
    this.#log.warn('egress is down', { egress: address, code: cause, reason, retry_ms: Math.round(wait) });
  }

  #returned(patient: Patient, proven: boolean): void {
    const { slot, address } = patient.member;
    // It may be leaving the pool at this moment.
    if (this.#table.state(slot) !== 'down') return;
    const now = this.#tools.now();
    const downMs = Math.round(now - patient.since);
    // Clears the failures; what is down stays down by it.
    this.#table.succeeded(slot);
    this.#table.setState(slot, proven ? 'up' : 'new');
    this.#restore(patient, proven);
    this.#changed();
    this.#log.info('egress is back', { egress: address, state: proven ? 'up' : 'new', down_ms: downMs });
  }

  #restore(patient: Patient, proven: boolean): void {
    patient.restore(proven, this.#tools.now());
    if (!proven) this.#halfOpen.add(patient);
    this.#floor.back(patient.member);
  }

  /** Has a connection gone through since it came back? */
  #settle(patient: Patient): void {
    const { slot, address } = patient.member;
    if (!patient.halfOpen || this.#table.state(slot) !== 'up') return;
    this.#halfOpen.delete(patient);
    patient.halfOpen = false;
    patient.since = this.#tools.now();
    patient.backoff.up(patient.since);
    this.#log.info('egress is up', { egress: address });
  }

  #found(member: Member, finding: Finding): void {
    if (this.#members.get(member.slot)?.address !== member.address) return;
    const patient = this.#inUse(member.slot);
    if (patient === undefined || finding.verdict === 'unknown') return;
    const { rise, fall } = this.#options.probe!;
    if (finding.verdict === 'good') {
      if (patient.misses >= fall) patient.held = false;
      patient.misses = 0;
      patient.passes++;
      patient.publicAddress = finding.publicAddress ?? patient.publicAddress;
      // Half-open, it is for a connection to prove it: probes may well go through where connections failed.
      const proven = patient.passes >= rise && !patient.halfOpen;
      if (proven && this.#table.state(member.slot) === 'new') this.#table.setState(member.slot, 'up');
    } else if (finding.verdict === 'absent') this.#eject(patient, 'EGRESS_NOT_ON_HOST', finding.error);
    else {
      patient.passes = 0;
      patient.misses++;
      const enough = patient.misses >= (patient.halfOpen ? 1 : fall);
      this.#strike(patient, 'PROBE_FAILED', finding.error, enough);
    }
  }

  #targetChanged(family: Family, answers: boolean): void {
    if (answers) this.#log.info('the probe target answers again', { family });
    else this.#log.warn('the probe target answers no egress: nobody is ejected for that', { family });
  }

  #tick(): void {
    this.#returns.tick();
    for (const patient of this.#halfOpen) this.#settle(patient);
    const now = this.#tools.now();
    if (now < this.#reconcileAt) return;
    this.#reconcileAt = now + RECONCILE_MS;
    this.#reconcile();
  }

  /** The table has the last word. */
  #reconcile(): void {
    for (const member of this.#members.values()) {
      const down = this.#table.state(member.slot) === 'down';
      const patient = this.#patients.get(member.slot);
      if (down === (patient?.cause !== undefined)) continue;
      if (down) {
        this.#eject(this.#patient(member), 'EGRESS_NOT_ON_HOST', FAILURES.EGRESS_NOT_ON_HOST.reason);
      } else if (patient !== undefined) {
        this.#returns.drop(member.slot);
        this.#restore(patient, false);
      }
    }
  }

  #forget(slot: number, patient: Patient): void {
    this.#returns.drop(slot);
    this.#halfOpen.delete(patient);
    this.#patients.delete(slot);
  }

  #changed(): void {
    if (this.#stopping.signal.aborted) return;
    this.#publishing ??= setTimeout(() => {
      this.#publishing = undefined;
      this.#publish();
    }, PUBLISH_MS).unref();
  }
}
