/** What is measured, in which unit, and how much of it in one round. */
import type { Protocol, Work } from './job.ts';
import type { Memory } from './proc.ts';

export const AXIS_NAMES = ['socks5', 'connect', 'fixed', 'down', 'up', 'rtt', 'idle'] as const;
export type AxisName = (typeof AXIS_NAMES)[number];

/** One figure of an axis; some axes have two. */
export interface Metric {
  readonly id: string;
  readonly axis: AxisName;
  readonly title: string;
  /** The head of the column in the overview. */
  readonly short: string;
  readonly unit: string;
  readonly digits: number;
}

export const METRICS: readonly Metric[] = [
  {
    id: 'socks5',
    axis: 'socks5',
    title: 'Tunnel over SOCKS5',
    short: 'SOCKS5',
    unit: 'µs CPU a tunnel',
    digits: 0,
  },
  {
    id: 'connect',
    axis: 'connect',
    title: 'Tunnel over HTTP CONNECT',
    short: 'CONNECT',
    unit: 'µs CPU a tunnel',
    digits: 0,
  },
  {
    id: 'fixed',
    axis: 'fixed',
    title: 'Tunnel to a fixed target, no handshake',
    short: 'fixed target',
    unit: 'µs CPU a tunnel',
    digits: 0,
  },
  { id: 'down', axis: 'down', title: 'Bytes down', short: 'down', unit: 's CPU a GB', digits: 2 },
  { id: 'up', axis: 'up', title: 'Bytes up', short: 'up', unit: 's CPU a GB', digits: 2 },
  {
    id: 'downAll',
    axis: 'down',
    title: 'Bytes down, client and sink included',
    short: 'down, all',
    unit: 's CPU a GB',
    digits: 2,
  },
  {
    id: 'upAll',
    axis: 'up',
    title: 'Bytes up, client and sink included',
    short: 'up, all',
    unit: 's CPU a GB',
    digits: 2,
  },
  {
    id: 'rtt',
    axis: 'rtt',
    title: '64-byte round trip',
    short: 'round trip',
    unit: 'µs CPU a round trip',
    digits: 1,
  },
  { id: 'rss', axis: 'idle', title: 'Idle tunnel, RSS', short: 'idle RSS', unit: 'KiB a tunnel', digits: 1 },
  { id: 'pss', axis: 'idle', title: 'Idle tunnel, PSS', short: 'idle PSS', unit: 'KiB a tunnel', digits: 1 },
];

/** How much one round does. */
export interface Sizes {
  readonly tunnels: number;
  /** Bytes a direction. */
  readonly bytes: number;
  readonly roundTrips: number;
  readonly idle: number;
}

const AT_ONCE = 32;
const STREAMS = 4;
const OPEN_TUNNELS = 32;

/** Descriptors a proxy may need beside the two of each tunnel. */
const SPARE_DESCRIPTORS = 256;

export function workOf(axis: AxisName, sizes: Sizes): Work {
  const tunnels: Work = { kind: 'tunnels', count: sizes.tunnels, atOnce: AT_ONCE };
  const works: Readonly<Record<AxisName, Work>> = {
    socks5: tunnels,
    connect: tunnels,
    fixed: tunnels,
    down: { kind: 'bytes', direction: 'down', bytes: sizes.bytes, streams: STREAMS },
    up: { kind: 'bytes', direction: 'up', bytes: sizes.bytes, streams: STREAMS },
    rtt: { kind: 'roundTrips', count: sizes.roundTrips, tunnels: OPEN_TUNNELS },
    idle: { kind: 'idle', count: sizes.idle },
  };
  return works[axis];
}

/**
 * What a fresh proxy does for an axis before anything is measured: as much as will be measured, because a runtime that
 * compiles is at rest only after thousands of tunnels. Before idle tunnels it is only a handful: a heap that had grown
 * under load would hide what they take.
 */
export const warmUpOf = (axis: AxisName, sizes: Sizes): Work =>
  axis === 'idle' ? { kind: 'tunnels', count: AT_ONCE, atOnce: AT_ONCE } : workOf(axis, sizes);

/** The protocol an axis is measured with, or undefined where the proxy does not speak it. */
export function protocolOf(axis: AxisName, spoken: readonly Protocol[]): Protocol | undefined {
  if (axis === 'socks5' || axis === 'connect' || axis === 'fixed')
    return spoken.find((name) => name === axis);
  return spoken[0];
}

/** Why an axis cannot be run within this limit of open files; undefined if it can. */
export function obstacle(axis: AxisName, sizes: Sizes, descriptors: number): string | undefined {
  if (axis !== 'idle' || sizes.idle * 2 + SPARE_DESCRIPTORS <= descriptors) return undefined;
  const possible = Math.max(0, Math.floor((descriptors - SPARE_DESCRIPTORS) / 2));
  return `the limit of ${descriptors} open files allows ${possible} tunnels, not ${sizes.idle} (raise it with ulimit -n)`;
}

/** What one run used. Memory is only read where it counts. */
export interface Usage {
  /** CPU seconds of the proxy. */
  readonly cpuSeconds: number;
  /** CPU seconds of the load generator and the sink meanwhile. */
  readonly othersSeconds: number;
  readonly before: Memory;
  readonly after: Memory;
}

function perTunnel(before: number | undefined, after: number | undefined, count: number): number | undefined {
  return before === undefined || after === undefined ? undefined : (after - before) / 1024 / count;
}

/** The figures of one run, by metric. A metric that could not be read is left out. */
export function figures(axis: AxisName, work: Work, usage: Usage): Record<string, number> {
  if (work.kind === 'bytes') {
    const gigabytes = work.bytes / 1e9;
    const all = usage.cpuSeconds + usage.othersSeconds;
    return { [axis]: usage.cpuSeconds / gigabytes, [`${axis}All`]: all / gigabytes };
  }
  if (work.kind !== 'idle') return { [axis]: (usage.cpuSeconds / work.count) * 1e6 };
  const rss = perTunnel(usage.before.rss, usage.after.rss, work.count);
  const pss = perTunnel(usage.before.pss, usage.after.pss, work.count);
  return { ...(rss === undefined ? {} : { rss }), ...(pss === undefined ? {} : { pss }) };
}
