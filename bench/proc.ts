/** What /proc knows of a process and everything it started: CPU time and memory. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second in /proc/PID/stat (USER_HZ): 100 on every architecture Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** utime + stime + cutime + cstime: all threads, and all children that have ended and were waited for. */
  readonly ticks: number;
  /** Start time in ticks since boot: tells a process from a later one with the same number. */
  readonly started: number;
}

export interface Memory {
  /** Resident set, summed over the processes: pages shared by several are counted for each. Bytes. */
  readonly rss: number;
  /** Proportional set: shared pages are divided among their users. Bytes; undefined where it may not be read. */
  readonly pss: number | undefined;
}

/** A process as it was seen once. */
export type Seen = Pick<Stat, 'pid' | 'started'>;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // Gone between listing and reading, or not ours to read.
    return undefined;
  }
}

function stat(pid: number): Stat | undefined {
  const line = read(`/proc/${pid}/stat`);
  if (line === undefined) return undefined;
  // The name in parentheses may hold spaces and parentheses; fields after it start with number 3, the state.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return { pid, parent: field(4), ticks: field(14) + field(15) + field(16) + field(17), started: field(22) };
}

/** The process `root` and all its descendants that live now. */
function tree(root: number): Stat[] {
  const children = Map.groupBy(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => stat(Number(name)) ?? []),
    (process) => process.parent,
  );
  const top = stat(root);
  const found = top ? [top] : [];
  for (const process of found) found.push(...(children.get(process.pid) ?? []));
  return found;
}

export const processTree = (root: number): Seen[] => tree(root);

/** Whether this very process still lives. */
export const isAlive = (seen: Seen): boolean => stat(seen.pid)?.started === seen.started;

/** CPU seconds the tree has used so far, in steps of 10 ms. */
export const cpuSeconds = (root: number): number =>
  tree(root).reduce((sum, process) => sum + process.ticks, 0) / TICKS_PER_SECOND;

/** CPU seconds all processes of the machine have used since it started, time stolen by its host included. */
export function machineSeconds(): number {
  const [, user, nice, system, , , irq, softirq, steal] = (read('/proc/stat') ?? '')
    .split(/\s+/, 9)
    .map(Number);
  return (
    [user, nice, system, irq, softirq, steal].reduce<number>((sum, ticks = 0) => sum + ticks, 0) /
    TICKS_PER_SECOND
  );
}

/** A line such as `Rss:   123 kB`, in bytes. */
function kilobytes(text: string | undefined, name: string): number | undefined {
  const match = text && new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text);
  return match ? Number(match[1]) * 1024 : undefined;
}

export function memory(root: number): Memory {
  let rss = 0;
  let pss: number | undefined = 0;
  for (const { pid } of tree(root)) {
    const rollup = read(`/proc/${pid}/smaps_rollup`);
    rss += kilobytes(rollup, 'Rss') ?? kilobytes(read(`/proc/${pid}/status`), 'VmRSS') ?? 0;
    const share = kilobytes(rollup, 'Pss');
    pss = pss === undefined || share === undefined ? undefined : pss + share;
  }
  return { rss, pss };
}

/** Open files a process started from here may have. */
export function descriptorLimit(): number {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(read('/proc/self/limits') ?? '');
  return match && match[1] !== 'unlimited' ? Number(match[1]) : Number.POSITIVE_INFINITY;
}

/** The cores this process may run on, for example from `0-3,6`. */
export function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(read('/proc/self/status') ?? '')?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  });
}
