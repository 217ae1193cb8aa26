/** What is measured, and how much of it in one round. */
import type { Protocol, Work } from './job.ts';

export const AXIS_NAMES = [
  'socks5',
  'connect',
  'fixed',
  'down',
  'up',
  'down64',
  'up64',
  'rtt',
  'http',
  'kept',
  'idle',
  'crowd',
  'latency',
] as const;
export type AxisName = (typeof AXIS_NAMES)[number];

/** How much one round does. */
export interface Sizes {
  readonly tunnels: number;
  /** Bytes a direction. */
  readonly bytes: number;
  readonly roundTrips: number;
  readonly requests: number;
  readonly idle: number;
  /** Idle tunnels of the axis `crowd`. */
  readonly crowd: number;
  /** How long the axis `latency` takes. */
  readonly seconds: number;
  /** Tunnels a second of the axis `latency`. */
  readonly rate: number;
}

/** Tunnels or requests. */
export const AT_ONCE = 32;
const FEW_STREAMS = 4;
const MANY_STREAMS = 64;
const OPEN_TUNNELS = 32;

/** Descriptors a proxy may need beside the two of each tunnel. */
const SPARE_DESCRIPTORS = 256;

export function workOf(axis: AxisName, sizes: Sizes): Work {
  const tunnels: Work = { kind: 'tunnels', count: sizes.tunnels, atOnce: AT_ONCE };
  const bytes = (direction: 'down' | 'up', streams: number): Work => ({
    kind: 'bytes',
    direction,
    bytes: sizes.bytes,
    streams,
  });
  const requests = (kept: boolean): Work => ({
    kind: 'requests',
    count: sizes.requests,
    lanes: AT_ONCE,
    kept,
  });
  const works: Readonly<Record<AxisName, Work>> = {
    socks5: tunnels,
    connect: tunnels,
    fixed: tunnels,
    down: bytes('down', FEW_STREAMS),
    up: bytes('up', FEW_STREAMS),
    down64: bytes('down', MANY_STREAMS),
    up64: bytes('up', MANY_STREAMS),
    rtt: { kind: 'roundTrips', count: sizes.roundTrips, tunnels: OPEN_TUNNELS },
    http: requests(false),
    kept: requests(true),
    idle: { kind: 'idle', count: sizes.idle },
    crowd: { kind: 'idle', count: sizes.crowd },
    latency: { kind: 'paced', count: sizes.seconds * sizes.rate, perSecond: sizes.rate },
  };
  return works[axis];
}

/** Less of the same, as a warm-up. */
function part(work: Work, share: number): Work {
  if (work.kind === 'bytes') return { ...work, bytes: Math.ceil(work.bytes * share) };
  return { ...work, count: Math.max(AT_ONCE, Math.ceil(work.count * share)) };
}

/**
 * What a fresh proxy does for an axis before anything is measured. A runtime that compiles does as much as will be
 * measured, because it is at rest only after thousands of tunnels; of what it has done in another form already, and a
 * proxy that was compiled beforehand of everything, a part is enough. Before idle tunnels it is only a handful: a heap
 * that had grown under load would hide what they take.
 */
export function warmUpOf(axis: AxisName, sizes: Sizes, compiles: boolean): Work {
  const work = workOf(axis, sizes);
  if (work.kind === 'idle') return { kind: 'tunnels', count: AT_ONCE, atOnce: AT_ONCE };
  if (work.kind === 'paced')
    return { kind: 'tunnels', count: sizes.tunnels * (compiles ? 2 : 1), atOnce: AT_ONCE };
  if (work.kind === 'bytes' && work.streams === MANY_STREAMS) return part(work, 1 / 8);
  return compiles ? work : part(work, 1 / 4);
}

const OWN_PROTOCOL: ReadonlySet<string> = new Set<Protocol>(['socks5', 'connect', 'fixed', 'http', 'kept']);

/** The protocol an axis is measured with, or undefined where the proxy does not speak it. */
export function protocolOf(axis: AxisName, spoken: readonly Protocol[]): Protocol | undefined {
  return OWN_PROTOCOL.has(axis) ? spoken.find((name) => name === axis) : spoken[0];
}

/** Open files a proxy needs for so many tunnels. @param each Of one tunnel: client and target, where it needs no more. */
export const descriptorsFor = (tunnels: number, each = 2): number => tunnels * each + SPARE_DESCRIPTORS;

/** Why so many tunnels cannot be held within this limit of open files; undefined if they can. */
export function obstacle(tunnels: number, limit: number, each?: number): string | undefined {
  const needed = descriptorsFor(tunnels, each);
  if (needed <= limit) return undefined;
  return `${tunnels} tunnels need ${needed} open files, and the limit is ${limit} (raise it with ulimit -n)`;
}
