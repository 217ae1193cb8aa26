/** Memory: what the host and the control group leave, against what the expected clients take. */
import { formatBytes } from '../load/figures.ts';
import { formatCount } from '../terminal.ts';
import { expectedClients, ok, warn, type Check } from './finding.ts';
import type { System } from './system.ts';

/** Bytes. The main thread with its pools, each worker, and a quiet tunnel with its buffers in the kernel. */
const MAIN = 96 * 2 ** 20;
const A_WORKER = 48 * 2 ** 20;
const A_CLIENT = 24 * 2 ** 10;

export const MEMORY: Check = {
  name: 'memory',
  examine({ system, loaded }) {
    const there = available(system);
    if (there === undefined) return [];
    const clients = expectedClients(loaded);
    const needed = MAIN + A_WORKER * loaded.config.workers + A_CLIENT * clients;
    const words = `${formatBytes(there.bytes)} of memory ${there.what}`;
    if (there.bytes >= needed) return [ok(`${words}, enough for ${formatCount(clients)} clients`)];
    return [
      warn(
        `${words}, and ${formatCount(clients)} clients take about ${formatBytes(needed)}: lower limits.all.connections or workers, or give it more${there.how}`,
      ),
    ];
  },
};

interface Available {
  readonly bytes: number;
  readonly what: string;
  readonly how: string;
}

function available(system: System): Available | undefined {
  const [, kilobytes] = /^MemAvailable:\s+(\d+) kB/m.exec(system.read('/proc/meminfo') ?? '') ?? [];
  const host = kilobytes === undefined ? Infinity : Number(kilobytes) * 1024;
  const group = groupLimit(system);
  if (group < host)
    return {
      bytes: group,
      what: 'are what the control group allows',
      how: ' (MemoryMax of a systemd unit, --memory of a container)',
    };
  return host === Infinity ? undefined : { bytes: host, what: 'are free', how: '' };
}

/** The least of this control group and those around it, cgroup v2 or v1; Infinity for none. */
function groupLimit(system: System): number {
  const lines = (system.read('/proc/self/cgroup') ?? '').split('\n');
  const limits = lines.flatMap((line) => {
    const [, controllers = '-', path = '/'] = line.split(':');
    if (controllers === '') return upwards(path).map((at) => `/sys/fs/cgroup${at}/memory.max`);
    if (!controllers.split(',').includes('memory')) return [];
    return upwards(path).map((at) => `/sys/fs/cgroup/memory${at}/memory.limit_in_bytes`);
  });
  // Version 1 says "no limit" by a number near 2^63.
  const read = limits.map((path) => Number(system.read(path) ?? Infinity));
  return Math.min(Infinity, ...read.filter((bytes) => bytes > 0 && bytes < 2 ** 60));
}

function upwards(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return Array.from({ length: parts.length + 1 }, (_, up) =>
    parts
      .slice(0, parts.length - up)
      .map((part) => `/${part}`)
      .join(''),
  );
}
