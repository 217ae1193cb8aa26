/**
 * The members, the files of those that something happened to, and the way an egress goes from use to being down and back.
 *
 * Who decides that it has to go is elsewhere: data threads and probes in `health.ts`, people in `by-hand.ts`.
 */
import { FAILURES } from '../../errors.ts';
import type { EgressTable } from '../pool/table.ts';
import { Floor } from './floor.ts';
import type { HealthLog, HealthOptions, HealthRemarks, HealthStatus } from './health-options.ts';
import type { HealthTools } from './health-tools.ts';
import { Patient, type Cause, type Member } from './patient.ts';
import { ABSENT_MS, type Returns } from './returns.ts';

/** What a ward works with. */
export interface WardGround {
  readonly table: EgressTable;
  readonly options: () => HealthOptions;
  readonly tools: HealthTools;
  readonly log: HealthLog;
  readonly returns: Returns;
  /** States have changed. */
  readonly changed: () => void;
}

export class Ward {
  readonly #ground: WardGround;
  readonly #floor: Floor;
  #members: ReadonlyMap<number, Member> = new Map();
  /** By slot; only current members. */
  readonly #patients = new Map<number, Patient>();
  readonly #halfOpen = new Set<Patient>();

  constructor(ground: WardGround) {
    this.#ground = ground;
    this.#floor = new Floor(ground.options().floor);
  }

  /** The options have changed. */
  configure(): void {
    this.#floor.configure(this.#ground.options().floor);
  }

  /** All members of all pools, whenever they change. What was known of those that stay is kept. */
  membership(members: Iterable<Member>): void {
    const { table } = this.#ground;
    const current = new Map<number, Member>();
    for (const member of members) {
      if (table.state(member.slot) !== 'draining') current.set(member.slot, member);
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
      // Who was taken out by hand is none of those that the floor has a share of.
      if (table.state(member.slot) === 'out') continue;
      this.#floor.add(member, this.#patients.get(member.slot)?.cause !== undefined);
    }
    this.reconcile();
  }

  get members(): ReadonlyMap<number, Member> {
    return this.#members;
  }

  isInUse(slot: number): boolean {
    const { table } = this.#ground;
    return this.#members.has(slot) && table.usable(slot) && table.state(slot) !== 'draining';
  }

  /** The file of a member, a new one where there was none. */
  patient(member: Member): Patient {
    let patient = this.#patients.get(member.slot);
    if (patient === undefined) {
      patient = new Patient(member, this.#ground.tools.now());
      this.#patients.set(member.slot, patient);
    }
    return patient;
  }

  /** The file of a member that may be used right now. */
  inUse(slot: number): Patient | undefined {
    if (!this.isInUse(slot)) return undefined;
    const patient = this.patient(this.#members.get(slot)!);
    this.#settle(patient);
    return patient.cause === undefined ? patient : undefined;
  }

  /** It failed. @param enough Often enough to be ejected, if the floor allows. */
  strike(patient: Patient, cause: Cause, reason: string, enough: boolean): void {
    patient.lastError = reason;
    if (!enough) patient.held = false;
    else if (this.#floor.allows(patient.member)) this.eject(patient, cause, reason);
    else if (!patient.held) {
      patient.held = true;
      const { address } = patient.member;
      this.#ground.log.warn('egress keeps failing, but is held by the floor of its pool', {
        egress: address,
        code: cause,
        reason,
      });
    }
  }

  eject(patient: Patient, cause: Cause, reason: string): void {
    const { table, options, tools, log, returns, changed } = this.#ground;
    const { backoffMs } = options();
    const now = tools.now();
    const first = cause === 'EGRESS_NOT_ON_HOST' ? Math.min(ABSENT_MS, backoffMs.last) : backoffMs.first;
    const wait = patient.backoff.eject({ first, last: backoffMs.last }, now, tools.random());
    const { slot, address } = patient.member;
    patient.lastError = reason;
    patient.eject(cause, now);
    this.#halfOpen.delete(patient);
    table.setState(slot, 'down');
    this.#floor.down(patient.member);
    returns.add(patient, wait);
    changed();
    log.warn('egress is down', { egress: address, code: cause, reason, retry_ms: Math.round(wait) });
  }

  /** An ejected egress may be used again. */
  returned(patient: Patient, proven: boolean): void {
    const { table, tools, log, changed } = this.#ground;
    const { slot, address } = patient.member;
    // It may be leaving the pool at this moment.
    if (table.state(slot) !== 'down') return;
    const downMs = Math.round(tools.now() - patient.since);
    // Clears the failures; what is down stays down by it.
    table.succeeded(slot);
    table.setState(slot, proven ? 'up' : 'new');
    this.#restore(patient, proven);
    changed();
    log.info('egress is back', { egress: address, state: proven ? 'up' : 'new', down_ms: downMs });
  }

  /** Takes a member out until {@link admit}, whatever its state. */
  release(patient: Patient): void {
    const { table, tools, returns, changed } = this.#ground;
    const { slot, address } = patient.member;
    this.#floor.remove(patient.member, patient.cause !== undefined);
    this.#halfOpen.delete(patient);
    returns.drop(slot);
    patient.rest(tools.now());
    table.setState(slot, 'out');
    changed();
    this.#ground.log.info('egress is drained by hand', { egress: address });
  }

  /** Takes in again whom {@link release} took out: it has to prove itself like a new one. */
  admit(patient: Patient): void {
    const { table, tools, log, changed } = this.#ground;
    const { slot, address } = patient.member;
    patient.since = tools.now();
    this.#floor.add(patient.member, false);
    table.setState(slot, 'new');
    changed();
    log.info('egress is used again, by hand', { egress: address });
  }

  /** Have those who came back had a connection go through since? */
  settle(): void {
    for (const patient of this.#halfOpen) this.#settle(patient);
  }

  /** The table has the last word. */
  reconcile(): void {
    const { table, returns } = this.#ground;
    for (const member of this.#members.values()) {
      const down = table.state(member.slot) === 'down';
      const patient = this.#patients.get(member.slot);
      if (down === (patient?.cause !== undefined)) continue;
      if (down) {
        this.eject(this.patient(member), 'EGRESS_NOT_ON_HOST', FAILURES.EGRESS_NOT_ON_HOST.reason);
      } else if (patient !== undefined) {
        returns.drop(member.slot);
        this.#restore(patient, false);
      }
    }
  }

  /** Undefined for a slot that is no member's. */
  status(slot: number): HealthStatus | undefined {
    if (!this.#members.has(slot)) return undefined;
    const patient = this.#patients.get(slot);
    const state = this.#ground.table.state(slot);
    return {
      state,
      since: patient?.since,
      ejections: patient?.ejections ?? 0,
      lastError: patient?.lastError,
      publicAddress: patient?.publicAddress,
      held: patient?.held ?? false,
      retryAt: this.#ground.returns.due(slot),
      byHand: state === 'out' ? 'drain' : patient?.cause === 'BY_HAND' ? 'eject' : undefined,
    };
  }

  /** Only what somebody may look for; undefined for members that just work. */
  remarks(slot: number): HealthRemarks | undefined {
    return this.#patients.get(slot);
  }

  #restore(patient: Patient, proven: boolean): void {
    patient.restore(proven, this.#ground.tools.now());
    if (!proven) this.#halfOpen.add(patient);
    this.#floor.back(patient.member);
  }

  #settle(patient: Patient): void {
    const { table, tools, log } = this.#ground;
    const { slot, address } = patient.member;
    if (!patient.halfOpen || table.state(slot) !== 'up') return;
    this.#halfOpen.delete(patient);
    patient.halfOpen = false;
    patient.since = tools.now();
    patient.backoff.up(patient.since);
    log.info('egress is up', { egress: address });
  }

  #forget(slot: number, patient: Patient): void {
    this.#ground.returns.drop(slot);
    this.#halfOpen.delete(patient);
    this.#patients.delete(slot);
  }
}
