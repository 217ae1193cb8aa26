/** A list of addresses printed by a command. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ExecTerm } from '../expression/term.ts';
import { listReader } from './list.ts';
import { collect, errorCode, REFRESH_MS, SourceError, type Source, type SourceOptions } from './source.ts';

const LIMIT_MS = 10_000;
/** Bytes of the end of stderr that are kept, to show its last line. */
const MOST_STDERR = 4096;
/** What of our environment is nobody else's business: passwords and tokens. */
const SECRETS = new Set(['GYRE_USER', 'PROXY_USER', 'PROXY_PASS', 'GYRE_ADMIN_TOKEN']);

/**
 * Runs without a shell, with this process's environment but for its secrets, and without stdin. It has to end with exit code 0 within its time;
 * otherwise it is killed, with every process it started that did not leave its process group.
 */
export function execSource(term: ExecTerm, options: SourceOptions = {}): Source {
  const { limitMs = LIMIT_MS, refreshMs = REFRESH_MS } = options;
  const parse = listReader(term);
  return {
    text: term.text,
    refreshMs: term.refreshMs ?? refreshMs,
    async read(signal) {
      const limit = AbortSignal.timeout(limitMs);
      try {
        return await parse(await run(term, AbortSignal.any([signal, limit])));
      } catch (error) {
        if (limit.aborted && !signal.aborted)
          throw new SourceError(`it did not end within ${limitMs / 1000} s and was killed`);
        throw error;
      }
    },
  };
}

/** What it printed to stdout. */
async function run({ command, args }: ExecTerm, signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted();
  // A process group of its own, so that killing it reaches what it started.
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: environment(),
  });
  const kill = (): void => killGroup(child);
  signal.addEventListener('abort', kill);
  const stderr = new Tail(child);
  // Before any wait: an event that came unheard would be lost, and an error among them uncaught.
  const closed = once(child, 'close') as Promise<[code: number | null, signal: string | null]>;
  child.on('error', () => {});
  let open = true;
  try {
    const [bytes, [code, killedBy]] = await Promise.all([collect(child.stdout), closed]);
    open = false;
    signal.throwIfAborted();
    if (code === 0) return bytes;
    const how = code === null ? `it was killed by ${killedBy}` : `it ended with exit code ${code}`;
    throw new SourceError(stderr.lastLine === '' ? how : `${how}: ${stderr.lastLine}`);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof SourceError ? error : startFailure(error);
  } finally {
    signal.removeEventListener('abort', kill);
    if (open) kill();
  }
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !SECRETS.has(name)));
}

function startFailure(error: unknown): unknown {
  const code = errorCode(error);
  if (code === 'ENOENT') return new SourceError('there is no such command');
  if (code === 'EACCES') return new SourceError('the command may not be executed');
  return error;
}

/** Its group is asked even when the command itself is gone: something it started may hold stdout open. */
function killGroup({ pid, stdout, stderr }: ChildProcess): void {
  stdout?.destroy();
  stderr?.destroy();
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: nobody is left.
  }
}

/** The end of what a process says on stderr. */
class Tail {
  #text = '';

  constructor({ stderr }: ChildProcess) {
    stderr?.setEncoding('utf8');
    stderr?.on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-MOST_STDERR);
    });
    stderr?.on('error', () => {});
  }

  get lastLine(): string {
    const line = this.#text.trimEnd().split('\n').at(-1) ?? '';
    return line
      .replaceAll(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, 200);
  }
}
