/** What a load test found, in words and as JSON. */
import { complain, formatCount, paint, plural, say } from '../terminal.ts';
import { bar, formatBytes, formatMs, formatRate } from './figures.ts';
import type { GeneratorState } from './generator.ts';
import { BOUNDS, type Latency, type Tally } from './tally.ts';

const BAR_WIDTH = 40;
/** More addresses than that are told as a spread. */
const MOST_ADDRESSES = 20;
const SHARES = [50, 90, 99, 99.9] as const;

export interface LoadResult {
  readonly proxy: string;
  readonly target: string;
  readonly tally: Tally;
  /** From the beginning to the last answer; not shorter than it was meant to last. */
  readonly seconds: number;
  /** Requests a second that were asked for. */
  readonly rps: number | undefined;
  /** Due, and never begun. */
  readonly unsent: number;
  /** Ended in the middle by the user. */
  readonly cut: number;
  readonly generator: GeneratorState;
}

export function print(result: LoadResult): void {
  const { tally, seconds, generator } = result;
  const row = (label: string, text: string): void => say(`${label.padEnd(12)}${text}`);
  row('through', `${result.proxy} to ${result.target}`);
  row('requests', requestsInWords(result));
  row('rate', `${formatRate(tally.succeeded / seconds)} over ${seconds.toFixed(1)} s`);
  row('connections', `${formatCount(tally.connections)} opened`);
  row('bytes', `${formatBytes(tally.received)} received, ${formatBytes(tally.sent)} sent`);
  if (tally.total.count > 0) {
    say(`\n${percentileTable(tally)}`);
    say(`\n${histogram(tally.total)}`);
  }
  if (tally.addresses.size > 0) say(`\n${addressTable(tally)}`);
  for (const { message, hint, count } of tally.reasons) {
    const more = hint === undefined ? '' : `\n  ${paint('cyan', 'hint:')} ${hint}`;
    complain(`${paint('red', 'gyre:')} ${plural(count, 'request')} failed: ${message}${more}`);
  }
  for (const note of notes(result)) complain(`${paint('yellow', 'gyre: note:')} ${note}`);
  const { utilization, loopDelay } = generator;
  say('');
  row('generator', `busy ${percent(utilization)} of the time, timers ${formatMs(loopDelay)} late (p99)`);
}

function requestsInWords({ tally, unsent, cut }: LoadResult): string {
  return [
    `${formatCount(tally.succeeded)} succeeded`,
    `${formatCount(tally.failed)} failed`,
    ...(unsent > 0 ? [`${formatCount(unsent)} never begun`] : []),
    ...(cut > 0 ? [`${formatCount(cut)} cut at the end`] : []),
  ].join(', ');
}

/** What the numbers do not say by themselves. */
export function notes({
  rps,
  unsent,
  generator,
}: Pick<LoadResult, 'rps' | 'unsent' | 'generator'>): string[] {
  return [
    ...(generator.bottleneck
      ? [
          'the load test itself was the bottleneck: the proxy may be able to do more, and latencies are too high; lower --rps, or run several on other cores or hosts',
        ]
      : []),
    ...(rps !== undefined && unsent > 0
      ? [
          `the rate of ${formatRate(rps)} was not reached: all connections were busy; raise --concurrency, or it is more than the proxy can do`,
        ]
      : []),
  ];
}

function percentileTable({ connect, total }: Tally): string {
  const line = (label: string, read: (latency: Latency) => number): string =>
    `${label.padEnd(12)}${cell(connect, read)}${cell(total, read)}`;
  return [
    paint('bold', `${'latency'.padEnd(12)}${'connect'.padStart(10)}${'total'.padStart(12)}`, process.stdout),
    ...SHARES.map((share) => line(`p${share}`, (latency) => latency.percentile(share))),
    line('max', (latency) => latency.most),
    line('mean', (latency) => latency.mean),
  ].join('\n');
}

const cell = (latency: Latency, read: (latency: Latency) => number): string =>
  (latency.count === 0 ? '-' : formatMs(read(latency))).padStart(latency.count === 0 ? 10 : 11);

/** Bars from the first bound that something fell below to the last. */
export function histogram({ bars, count }: Latency): string {
  const first = bars.findIndex((times) => times > 0);
  const last = bars.findLastIndex((times) => times > 0);
  const most = Math.max(...bars);
  const rows = bars.slice(first, last + 1).map((times, index) => {
    const bound = BOUNDS[first + index];
    const label = bound === undefined ? 'longer' : `≤ ${formatBound(bound / 1000)}`;
    const share = `${formatCount(times).padStart(9)} ${percent(times / count).padStart(6)}`;
    return `${label.padStart(10)}  ${share}  ${bar(times / most, BAR_WIDTH)}`;
  });
  return rows.join('\n');
}

const formatBound = (ms: number): string => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);

const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

function addressTable({ addresses, otherAddresses }: Tally): string {
  const times = [...addresses.values()];
  const [least, most] = [Math.min(...times), Math.max(...times)];
  const spread = least === most ? formatCount(least) : `${formatCount(least)} to ${formatCount(most)}`;
  const more = otherAddresses > 0 ? `, and ${formatCount(otherAddresses)} answers from others` : '';
  const left = `${'left from'.padEnd(12)}${plural(addresses.size, 'address', 'addresses')}, each seen ${spread} times${more}`;
  if (addresses.size > MOST_ADDRESSES) return left;
  const width = Math.max(...[...addresses.keys()].map((address) => address.length));
  const rows = [...addresses].map(
    ([address, count]) => `  ${address.padEnd(width)}  ${formatCount(count).padStart(10)}`,
  );
  return [left, ...rows].join('\n');
}

/** Latencies in milliseconds. */
export function asJson(result: LoadResult): object {
  const { tally, seconds, proxy, target, unsent, cut, generator } = result;
  const times = [...tally.addresses.values()];
  return {
    ok: tally.succeeded > 0,
    proxy,
    target,
    seconds,
    requests: { succeeded: tally.succeeded, failed: tally.failed, unsent, cut },
    rate: tally.succeeded / seconds,
    errors: tally.reasons,
    connections: tally.connections,
    bytes: { received: tally.received, sent: tally.sent },
    latency: { connect: latencyAsJson(tally.connect), total: latencyAsJson(tally.total) },
    histogram: tally.total.bars.map((count, index) => ({
      upTo: BOUNDS[index] === undefined ? null : BOUNDS[index] / 1000,
      count,
    })),
    addresses: Object.fromEntries(tally.addresses),
    otherAddresses: tally.otherAddresses,
    spread: times.length === 0 ? undefined : { least: Math.min(...times), most: Math.max(...times) },
    generator,
    notes: notes(result),
  };
}

function latencyAsJson(latency: Latency): object {
  return {
    mean: latency.mean,
    p50: latency.percentile(50),
    p90: latency.percentile(90),
    p99: latency.percentile(99),
    p999: latency.percentile(99.9),
    max: latency.most,
  };
}
