/** Reloads, one at a time, and what became of each. */
import type { ConfigState, ReloadReport } from '../../admin/api.ts';
import type { LoadedConfig } from '../config.ts';
import { problemsOf } from './problems.ts';

export type Trigger = ReloadReport['trigger'];

/** What a reload found out; the rest of the report is known here. */
export type Outcome = Pick<ReloadReport, 'changes' | 'needsRestart' | 'problems'>;

/** What has changed, and what would have if that did not take a restart. */
export type Applied = Omit<Outcome, 'problems'>;

/** Puts a configuration in place, or throws and leaves everything as it was. */
export type Apply = (loaded: LoadedConfig) => Promise<Applied>;

/** How many reports are kept. */
const HISTORY = 20;

/** Where a configuration comes from; may throw a ConfigError. */
export type Load = () => LoadedConfig;

export class Reloads {
  #ok = 0;
  #failed = 0;
  #loadedAt: number = Date.now();
  #file: string | undefined;
  readonly #source: Load;
  readonly #apply: Apply;
  readonly #listeners = new Set<(report: ReloadReport) => void>();
  #history: readonly ReloadReport[] = [];
  #running: Promise<ReloadReport> | undefined = undefined;
  #next: { load: Load; trigger: Trigger; readonly report: Promise<ReloadReport> } | undefined = undefined;

  /**
   * @param file That was read at the start; undefined: none.
   * @param source Where the configuration came from.
   */
  constructor(file: string | undefined, source: Load, apply: Apply) {
    this.#file = file;
    this.#source = source;
    this.#apply = apply;
  }

  state(): ConfigState {
    return {
      file: this.#file ?? null,
      loadedAt: this.#loadedAt,
      reloads: { ok: this.#ok, failed: this.#failed },
      last: this.#history[0] ?? null,
    };
  }

  /** The latest first, {@link HISTORY} at most. */
  history(): readonly ReloadReport[] {
    return this.#history;
  }

  /** Loads the configuration again from where it came from; as {@link ask}. */
  again(trigger: Trigger): Promise<ReloadReport> {
    return this.ask(this.#source, trigger);
  }

  /** @returns how to stop hearing of reloads. */
  on(listener: (report: ReloadReport) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Never rejects. Who asks while one runs shares the next one with all others who do; the latest says what is loaded.
   * @param load May throw a ConfigError.
   */
  ask(load: Load, trigger: Trigger): Promise<ReloadReport> {
    if (this.#running === undefined) return this.#start(load, trigger);
    if (this.#next === undefined) {
      const report = this.#running.then(() => {
        const next = this.#next!;
        this.#next = undefined;
        return this.#start(next.load, next.trigger);
      });
      this.#next = { load, trigger, report };
    } else Object.assign(this.#next, { load, trigger });
    return this.#next.report;
  }

  #start(load: Load, trigger: Trigger): Promise<ReloadReport> {
    this.#running = this.#run(load, trigger);
    return this.#running;
  }

  async #run(load: Load, trigger: Trigger): Promise<ReloadReport> {
    const at = Date.now();
    const begun = performance.now();
    let outcome: Outcome;
    try {
      const loaded = load();
      outcome = { ...(await this.#apply(loaded)), problems: [] };
      this.#file = loaded.file;
      this.#loadedAt = Date.now();
      this.#ok++;
    } catch (error) {
      outcome = { changes: [], needsRestart: [], problems: problemsOf(error, this.#file) };
      this.#failed++;
    }
    const durationMs = performance.now() - begun;
    const report = { at, trigger, ok: outcome.problems.length === 0, durationMs, ...outcome };
    this.#history = [report, ...this.#history].slice(0, HISTORY);
    this.#running = undefined;
    for (const listener of this.#listeners) listener(report);
    return report;
  }
}
