/**
 * Active probes: in every round each egress in use asks the target once, a few at a time.
 *
 * A failure counts against an egress only when the target answered another one of its family in the same round; before
 * that it is held back, and forgotten when the round ends. A target that answers nobody is at fault itself.
 */
import type { Family } from '../../connection.ts';
import { jittered } from './backoff.ts';
import { Gate } from './gate.ts';
import type { Member } from './patient.ts';
import type { Finding } from './probe.ts';
import { parseProbeTarget, type ProbeTarget } from './probe-target.ts';
import type { HealthTools } from './health-tools.ts';

export interface ProbeOptions {
  /** `tcp://HOST:PORT` or `http://HOST[:PORT][/PATH]`, see `parseProbeTarget`. */
  readonly target: string;
  /** From the beginning of a round to the beginning of the next, a tenth more or less; milliseconds. */
  readonly intervalMs: number;
  /** For one probe; milliseconds. */
  readonly timeoutMs: number;
  /** Probes of the target at once, at least 1. */
  readonly concurrency: number;
  /** Successes in a row that bring an egress back which probes had ejected, at least 1. */
  readonly rise: number;
  /** Failures in a row that eject, at least 1. */
  readonly fall: number;
}

export interface RoundHooks {
  /** Those in use. */
  members(): Member[];
  /** Never a `bad` that may be the target's fault. */
  found(member: Member, finding: Finding): void;
  /** The target stopped answering every egress of a family, or answers again. */
  targetChanged(family: Family, answers: boolean): void;
}

/** The probes of one family in one round. */
interface Party {
  answered: boolean;
  readonly failed: { readonly member: Member; readonly finding: Finding }[];
  probes: number;
}

export class Rounds {
  readonly options: ProbeOptions;
  readonly #target: ProbeTarget;
  readonly #tools: HealthTools;
  readonly #hooks: RoundHooks;
  readonly #signal: AbortSignal;
  readonly #gate: Gate;
  /** What the last round, or a probe since, said of the target; undefined before the first. */
  readonly #answers: Record<Family, boolean | undefined> = { 4: undefined, 6: undefined };
  #timer: NodeJS.Timeout | undefined = undefined;

  /**
   * @param signal Ends every probe, and with them the round.
   * @throws TypeError when the target makes no sense.
   */
  constructor(options: ProbeOptions, tools: HealthTools, hooks: RoundHooks, signal: AbortSignal) {
    this.options = options;
    this.#target = parseProbeTarget(options.target);
    this.#tools = tools;
    this.#hooks = hooks;
    this.#signal = signal;
    this.#gate = new Gate(options.concurrency);
  }

  /** The first round begins at a random moment of the interval, so that many instances do not probe as one. */
  start(): void {
    this.#schedule(this.#tools.random() * this.options.intervalMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Whether the target can be asked from this egress at all. */
  concerns({ family }: Member): boolean {
    return this.#target.family === 0 || this.#target.family === family;
  }

  /** Whether the target is known to answer somebody of the family: only then its silence says something. */
  answers(family: Family): boolean {
    return this.#answers[family] === true;
  }

  /** One probe, when its turn has come. */
  async ask(member: Member): Promise<Finding> {
    const { timeoutMs } = this.options;
    const finding = await this.#gate.run(() =>
      this.#tools.ask(member, this.#target, timeoutMs, this.#signal),
    );
    if (finding.verdict === 'good') this.#note(member.family, true);
    return finding;
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => void this.#round(), ms).unref();
  }

  async #round(): Promise<void> {
    const begun = this.#tools.now();
    const parties: Record<Family, Party> = { 4: newParty(), 6: newParty() };
    const members = this.#hooks.members().filter((member) => this.concerns(member));
    // In another order each time: what a struggling target cannot answer is not always asked by the same ones.
    const queue = shuffled(members, this.#tools.random).values();
    const prober = async (): Promise<void> => {
      for (const member of queue) {
        const finding = await this.ask(member);
        if (this.#signal.aborted) return;
        this.#weigh(parties[member.family], member, finding);
      }
    };
    await Promise.all(Array.from({ length: this.options.concurrency }, prober));
    if (this.#signal.aborted) return;
    for (const family of [4, 6] as const) {
      const { probes, answered } = parties[family];
      if (probes > 0 && !answered) this.#note(family, false);
    }
    const next = begun + jittered(this.options.intervalMs, this.#tools.random());
    this.#schedule(Math.max(0, next - this.#tools.now()));
  }

  #weigh(party: Party, member: Member, finding: Finding): void {
    party.probes++;
    if (finding.verdict === 'good' && !party.answered) {
      party.answered = true;
      for (const { member, finding } of party.failed.splice(0)) this.#hooks.found(member, finding);
    }
    if (finding.verdict === 'bad' && !party.answered) party.failed.push({ member, finding });
    else this.#hooks.found(member, finding);
  }

  #note(family: Family, answers: boolean): void {
    const before = this.#answers[family];
    this.#answers[family] = answers;
    if ((before ?? true) !== answers) this.#hooks.targetChanged(family, answers);
  }
}

function newParty(): Party {
  return { answered: false, failed: [], probes: 0 };
}

/** Fisher and Yates, in place. */
function shuffled<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const index = Math.floor(random() * (last + 1));
    [items[last], items[index]] = [items[index]!, items[last]!];
  }
  return items;
}
