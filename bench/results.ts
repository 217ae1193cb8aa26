/** The figures of a run, round by round, and what is made of them. */
import type { AxisName } from './axes.ts';
import { METRICS } from './metrics.ts';
import type { Outcome } from './session.ts';

export interface Cell {
  /** One figure a round, in the order they were taken. */
  readonly values: number[];
  /** Wall seconds of the measured part, for information. */
  readonly seconds: number[];
  /** The first reason a round failed: one failure spoils the cell. */
  failed?: string;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Whose figure, and which one. */
export type Place = readonly [name: string, metric: string];

export class Results {
  /** Proxy → metric → cell. */
  readonly #cells = new Map<string, Map<string, Cell>>();

  add(name: string, axis: AxisName, outcome: Outcome): void {
    for (const { id } of METRICS.filter((metric) => metric.axis === axis)) {
      const cell = this.#at(name, id);
      if ('failed' in outcome) {
        cell.failed ??= outcome.failed;
        continue;
      }
      const value = outcome.figures[id];
      if (value === undefined) continue;
      cell.values.push(value);
      cell.seconds.push(outcome.seconds);
    }
  }

  cell(name: string, metric: string): Cell | undefined {
    return this.#cells.get(name)?.get(metric);
  }

  /** Median and extremes; undefined if nothing was measured or a round failed. */
  spread(name: string, metric: string): Spread | undefined {
    const cell = this.cell(name, metric);
    if (!cell || cell.failed !== undefined || cell.values.length === 0) return undefined;
    const sorted = cell.values.toSorted((a, b) => a - b);
    const middle = (sorted.length - 1) / 2;
    const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
    return { median, least: sorted[0]!, most: sorted.at(-1)! };
  }

  /** How many times as much the first one is, by medians; undefined if one of both is not there. */
  ratio(mine: Place, theirs: Place): number | undefined {
    const [a, b] = [this.spread(...mine)?.median, this.spread(...theirs)?.median];
    return a === undefined || b === undefined || b <= 0 ? undefined : a / b;
  }

  toJSON(): Record<string, Record<string, Cell>> {
    return Object.fromEntries([...this.#cells].map(([name, cells]) => [name, Object.fromEntries(cells)]));
  }

  #at(name: string, metric: string): Cell {
    const cells = this.#cells.get(name) ?? new Map<string, Cell>();
    this.#cells.set(name, cells);
    const cell = cells.get(metric) ?? { values: [], seconds: [] };
    cells.set(metric, cell);
    return cell;
  }
}
