/** What is known of a run when it has taken place. */
import type { Sizes } from '../axes.ts';
import { GROWTHS, type GrowthName } from '../growth.ts';
import { METRICS } from '../metrics.ts';
import type { Results } from '../results.ts';
import type { Entrant } from '../session.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** What is pinned where, in words. */
  readonly pinning: string;
}

export interface Run {
  /** Day of the run, ISO 8601. */
  readonly date: string;
  readonly rounds: number;
  readonly sizes: Sizes;
  readonly machine: Machine;
  readonly entrants: readonly Entrant[];
  /** Name → why it took no part. */
  readonly missing: ReadonlyMap<string, string>;
  /** Axis or growth → why it was not run. */
  readonly skipped: ReadonlyMap<string, string>;
  readonly growths: readonly GrowthName[];
  /** Cores that other programs kept busy meanwhile, on average: how far the figures can be trusted. */
  readonly disturbance: number;
  /** Wall minutes. */
  readonly minutes: number;
  readonly results: Results;
}

/** The rounds of a figure side by side, and not one below the other. */
const numbersInLine = (json: string): string =>
  json.replaceAll(/\[\s+([-\d.e,\s]+?)\s+\]/g, (_, list: string) => `[${list.replaceAll(/,\s+/g, ', ')}]`);

/** Everything a later reader needs to compute other figures. */
export function toJson(run: Run): string {
  const { entrants, missing, skipped, results, growths, ...rest } = run;
  const proxies = entrants.map(({ opponent: { name, setup }, version }) => ({ name, version, setup }));
  const grown = GROWTHS.filter(({ name }) => growths.includes(name)).map(({ name, values, words }) => ({
    name,
    values,
    words,
  }));
  const record = {
    ...rest,
    units: Object.fromEntries(METRICS.map(({ id, unit }) => [id, unit] as const)),
    proxies,
    missing: Object.fromEntries(missing),
    skipped: Object.fromEntries(skipped),
    growths: grown,
    results: results.toJSON(),
  };
  return `${numbersInLine(JSON.stringify(record, null, 1))}\n`;
}
