/** What people do to an egress: it is what they said, whatever health thinks of it. */
import type { HealthTools } from './health-tools.ts';
import type { Member, Patient } from './patient.ts';
import { BIND_MS, type Returns } from './returns.ts';
import type { Rounds } from './rounds.ts';
import type { Finding } from './probe.ts';
import type { Ward } from './ward.ts';

export class ByHand {
  readonly #ward: Ward;
  readonly #returns: Returns;
  readonly #rounds: () => Rounds | undefined;
  readonly #tools: HealthTools;
  readonly #signal: AbortSignal;
  /** What a probe of an egress in use has found. */
  readonly #found: (member: Member, finding: Finding) => void;

  constructor(
    ward: Ward,
    returns: Returns,
    rounds: () => Rounds | undefined,
    tools: HealthTools,
    signal: AbortSignal,
    found: (member: Member, finding: Finding) => void,
  ) {
    this.#ward = ward;
    this.#returns = returns;
    this.#rounds = rounds;
    this.#tools = tools;
    this.#signal = signal;
    this.#found = found;
  }

  /** No new connection leaves from it until {@link undrain}; live tunnels go on. @returns false when it is no member. */
  drain(slot: number): boolean {
    const patient = this.#patient(slot);
    if (patient !== undefined && this.#state(slot) !== 'out') this.#ward.release(patient);
    return patient !== undefined;
  }

  /** @returns false when it is no member. */
  undrain(slot: number): boolean {
    const patient = this.#patient(slot);
    if (patient !== undefined && this.#state(slot) === 'out') this.#ward.admit(patient);
    return patient !== undefined;
  }

  /**
   * As if it had failed, except that no floor holds it; it comes back by itself.
   * @returns false when it is drained, or no member.
   */
  eject(slot: number): boolean {
    const patient = this.#patient(slot);
    if (patient === undefined || this.#state(slot) === 'out') return false;
    if (patient.cause === undefined) this.#ward.eject(patient, 'BY_HAND', 'ejected by hand');
    return true;
  }

  /**
   * Binds the address, and asks the probe target from it where there is one. What it finds counts as if health had found it
   * by itself: one that is down may come back by it. @returns false when it is no member.
   */
  async probe(slot: number): Promise<boolean> {
    const patient = this.#patient(slot);
    if (patient === undefined) return false;
    if (this.#state(slot) === 'down') await this.#returns.examine(slot);
    else await this.#look(patient);
    return true;
  }

  async #look(patient: Patient): Promise<void> {
    const { member } = patient;
    const bound = await this.#tools.bind(member, BIND_MS, this.#signal);
    const rounds = this.#rounds();
    const asks = bound.verdict === 'good' && rounds?.concerns(member) === true;
    const finding = asks ? await rounds.ask(member) : bound;
    if (finding.verdict === 'good') {
      patient.lastError = undefined;
      patient.publicAddress = finding.publicAddress ?? patient.publicAddress;
    } else patient.lastError = finding.error;
    // That it can be bound is no answer of the target, and a target that answers nobody is at fault itself.
    const fair = finding.verdict !== 'bad' || rounds?.answers(member.family) === true;
    if (asks ? fair : finding.verdict === 'absent') this.#found(member, finding);
  }

  #patient(slot: number): Patient | undefined {
    const member = this.#ward.members.get(slot);
    return member && this.#ward.patient(member);
  }

  #state(slot: number): string | undefined {
    return this.#ward.status(slot)?.state;
  }
}
