/** The two ends of the benchmark that stay while a load generator comes and goes: the sink, and the proxy. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SinkReady } from './job.ts';
import type { Installed } from './opponents/opponent.ts';
import { end, folder, freePort, listening, start, START_DEADLINE_MS } from './processes.ts';

const RETRY_MS = 20;

export interface Sink {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
}

export interface Proxy {
  readonly pid: number;
  readonly port: number;
  end(): Promise<void>;
}

export async function startSink(): Promise<Sink> {
  const script = fileURLToPath(new URL('./sink.ts', import.meta.url));
  const child = start('load', process.execPath, [script], ['ignore', 'ignore', 'inherit', 'ipc']);
  const [ready] = (await once(child, 'message')) as [SinkReady];
  return { child, pid: child.pid ?? 0, port: ready.port };
}

/** What a program said when it did not start, without the folders of this machine. */
function complaint(path: string): string {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const line = lines.find((text) => /error|fatal|cannot/i.test(text)) ?? lines.at(-1) ?? '';
  return line === '' ? '' : `: ${line.replaceAll(/(?:file:\/\/)?\/\S*\//g, '').slice(0, 200)}`;
}

/** Resolves once `pattern` stands in the file; rejects if the process ends first or never says it. */
async function says(child: ChildProcess, path: string, pattern: RegExp): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!pattern.test(readFileSync(path, 'utf8'))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended at once');
    if (performance.now() > deadline)
      throw new Error(`it was not ready within ${START_DEADLINE_MS / 1000} s`);
    await delay(RETRY_MS);
  }
}

/** What connects to the sink itself: the other proxies add to that. */
export const DIRECT = 'direct';

/** @param tunnels It must be able to hold so many at once. */
export async function startProxy(
  entrant: Installed & { readonly opponent: { readonly name: string } },
  sink: Sink,
  tunnels: number,
): Promise<Proxy> {
  if (entrant.opponent.name === DIRECT) return { pid: sink.pid, port: sink.port, end: async () => {} };
  const place = mkdtempSync(join(folder, 'proxy-'));
  const port = await freePort();
  const command = entrant.command({ port, sinkPort: sink.port, folder: place, tunnels });
  const path = join(place, 'output.txt');
  const output = openSync(path, 'a');
  const stream = command.discardOutput ? 'ignore' : output;
  const child = start('proxy', command.file, command.args, ['ignore', stream, stream]);
  closeSync(output);
  try {
    await listening(child, port);
    if (command.ready) await says(child, path, command.ready);
  } catch (error) {
    await end(child);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`did not start, ${reason}${complaint(path)}`, { cause: error });
  }
  return { pid: child.pid ?? 0, port, end: () => end(child) };
}
