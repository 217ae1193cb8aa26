/** The figures that are read, their units, and how they follow from what a run used. */
import type { AxisName } from './axes.ts';
import type { Latency, Work } from './job.ts';
import type { Memory } from './proc.ts';

/** One figure of an axis; some axes have several. */
export interface Metric {
  readonly id: string;
  readonly axis: AxisName;
  readonly title: string;
  /** The head of the column in the overview; none: it is in its own table only. */
  readonly short?: string;
  readonly unit: string;
  readonly digits: number;
}

const tunnel = { unit: 'µs CPU a tunnel', digits: 0 };
const gigabyte = { unit: 's CPU a GB', digits: 2 };
const request = { unit: 'µs CPU a request', digits: 0 };
const memory = { unit: 'KiB a tunnel', digits: 1 };
const wait = { unit: 'ms', digits: 2 };

export const METRICS: readonly Metric[] = [
  { id: 'socks5', axis: 'socks5', title: 'Tunnel over SOCKS5', short: 'SOCKS5', ...tunnel },
  { id: 'connect', axis: 'connect', title: 'Tunnel over HTTP CONNECT', short: 'CONNECT', ...tunnel },
  {
    id: 'fixed',
    axis: 'fixed',
    title: 'Tunnel to a fixed target, no handshake',
    short: 'fixed target',
    ...tunnel,
  },
  { id: 'down', axis: 'down', title: 'Bytes down, 4 streams', short: 'down', ...gigabyte },
  { id: 'up', axis: 'up', title: 'Bytes up, 4 streams', short: 'up', ...gigabyte },
  { id: 'downAll', axis: 'down', title: 'Bytes down, client and sink included', ...gigabyte },
  { id: 'upAll', axis: 'up', title: 'Bytes up, client and sink included', ...gigabyte },
  { id: 'down64', axis: 'down64', title: 'Bytes down, 64 streams', short: 'down, 64', ...gigabyte },
  { id: 'up64', axis: 'up64', title: 'Bytes up, 64 streams', short: 'up, 64', ...gigabyte },
  {
    id: 'rtt',
    axis: 'rtt',
    title: '64-byte round trip',
    short: 'round trip',
    unit: 'µs CPU a round trip',
    digits: 1,
  },
  { id: 'http', axis: 'http', title: 'Plain HTTP, a connection a request', short: 'HTTP', ...request },
  { id: 'kept', axis: 'kept', title: 'Plain HTTP, connections kept', short: 'HTTP, kept', ...request },
  { id: 'rss', axis: 'idle', title: 'Idle tunnel, RSS', short: 'idle RSS', ...memory },
  { id: 'pss', axis: 'idle', title: 'Idle tunnel, PSS', ...memory },
  { id: 'crowdRss', axis: 'crowd', title: 'Idle tunnel in a crowd, RSS', short: 'crowd RSS', ...memory },
  { id: 'crowdPss', axis: 'crowd', title: 'Idle tunnel in a crowd, PSS', ...memory },
  { id: 'p50', axis: 'latency', title: 'A tunnel at a fixed rate, p50', short: 'p50', ...wait },
  { id: 'p99', axis: 'latency', title: 'A tunnel at a fixed rate, p99', short: 'p99', ...wait },
  { id: 'addedP50', axis: 'latency', title: 'Added latency at a fixed rate, p50', short: '+p50', ...wait },
  { id: 'addedP99', axis: 'latency', title: 'Added latency at a fixed rate, p99', short: '+p99', ...wait },
  { id: 'busy', axis: 'latency', title: 'Use of the core at that rate', unit: '% of a core', digits: 0 },
];

/** What one run used. Memory is only read where it counts. */
export interface Usage {
  /** CPU seconds of the proxy. */
  readonly cpuSeconds: number;
  /** CPU seconds of the load generator and the sink meanwhile. */
  readonly othersSeconds: number;
  readonly before: Memory;
  readonly after: Memory;
  /** Wall time. */
  readonly seconds: number;
  readonly latency: Latency | undefined;
}

export type Figures = Readonly<Record<string, number>>;

function perTunnel(before: number | undefined, after: number | undefined, count: number): number | undefined {
  return before === undefined || after === undefined ? undefined : (after - before) / 1024 / count;
}

function memoryFigures(axis: AxisName, count: number, { before, after }: Usage): Figures {
  const rss = perTunnel(before.rss, after.rss, count)!;
  const pss = perTunnel(before.pss, after.pss, count);
  const [rssId, pssId] = axis === 'crowd' ? ['crowdRss', 'crowdPss'] : ['rss', 'pss'];
  return { [rssId]: rss, ...(pss === undefined ? {} : { [pssId]: pss }) };
}

/** The figures of one run, by metric. A metric that could not be read is left out. */
export function figures(axis: AxisName, work: Work, usage: Usage): Figures {
  if (work.kind === 'idle') return memoryFigures(axis, work.count, usage);
  if (work.kind === 'paced') return { ...usage.latency, busy: (usage.cpuSeconds / usage.seconds) * 100 };
  if (work.kind !== 'bytes') return { [axis]: (usage.cpuSeconds / work.count) * 1e6 };
  const gigabytes = work.bytes / 1e9;
  const all = usage.cpuSeconds + usage.othersSeconds;
  return { [axis]: usage.cpuSeconds / gigabytes, [`${axis}All`]: all / gigabytes };
}
