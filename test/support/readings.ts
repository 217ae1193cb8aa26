/** What a gateway at rest would say to a scrape. */
import { countersMemory, readHistograms, readStats } from '../../src/ops/counters.ts';
import type { Readings } from '../../src/ops/metrics/readings.ts';

export function readings(
  changes: Partial<Readings> = {},
  counters: SharedArrayBuffer = countersMemory(1),
): Readings {
  return {
    version: '1.2.3',
    node: '26.10.0',
    ready: true,
    stats: readStats(counters),
    histograms: readHistograms(counters),
    pools: [],
    egresses: [],
    sessions: 0,
    users: 0,
    reloads: { ok: 0, failed: 0, lastOk: true, loadedAtS: 0 },
    threads: [],
    logLinesDropped: 0,
    ...changes,
  };
}

/** Each line of a scrape, by its name and labels. */
export function linesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
