/** How much memory a process that this one has started takes, as the kernel counts it. Linux only. */
import { readFileSync, readdirSync } from 'node:fs';

/** The child of this process whose command line names this file. */
export function childRunning(file: string): number {
  const tasks = readdirSync('/proc/self/task');
  const children = tasks.flatMap((task) => words(readFileSync(`/proc/self/task/${task}/children`, 'utf8')));
  const found = children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(file));
  if (found.length !== 1) throw new Error(`${found.length} children of this process run ${file}, not one`);
  return Number(found[0]);
}

function words(line: string): string[] {
  return line.split(' ').filter((word) => word !== '');
}

/** Bytes of memory that are resident: heap, buffers and code, but nothing that the kernel holds for sockets. */
export function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} has no memory any more`);
  return Number(kibibytes) * 1024;
}
