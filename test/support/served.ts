/** `gyre serve` on a configuration file that the test changes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { GyreOptions } from '../../src/runtime/config.ts';
import { eventually } from './gateway.ts';
import { Peer } from './peer.ts';
import { cleanEnvironment } from './program.ts';
import { GYRE_BIN } from './program-gyre.ts';

/** What a test waits for comes within this, or the test fails; milliseconds. */
const PATIENCE_MS = 20_000;

export type LogLine = Readonly<Record<string, unknown>> & { readonly message: string };

export interface ServedOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const OK = 'the configuration has been reloaded';
const FAILED = 'the configuration was not reloaded: the one before stays in use';

/** What goes without saying in these tests. */
const BASE: GyreOptions = {
  listen: '127.0.0.1:0',
  pool: '127.0.0.2-127.0.0.9',
  workers: 2,
  targets: { allowPrivate: true },
  log: { level: 'info', format: 'json', access: 'off' },
  timeouts: { drain: '100ms' },
};

/** JSON is YAML. */
export const configText = (options: Partial<GyreOptions>): string =>
  JSON.stringify({ ...BASE, ...options }, undefined, 1);

/** Whoever has connected by {@link connectBy}: what is half-open would keep the test alive. */
const clients = new Set<Peer>();

export class Served implements AsyncDisposable {
  readonly folder: string;
  readonly file: string;
  readonly lines: LogLine[] = [];
  stdout = '';
  /** What is on stderr and no JSON. */
  rest = '';
  readonly child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  static async start(
    options: Partial<GyreOptions> = {},
    { args = [], env = {} }: ServedOptions = {},
  ): Promise<Served> {
    const served = new Served(configText(options), args, env);
    try {
      await served.until('it is ready', () => /^gyre ready/m.test(served.stdout));
    } catch (error) {
      await served[Symbol.asyncDispose]();
      throw error;
    }
    return served;
  }

  private constructor(text: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.folder = mkdtempSync(join(tmpdir(), 'gyre-served-'));
    this.file = join(this.folder, 'gyre.yaml');
    this.write(text);
    this.child = spawn(process.execPath, [GYRE_BIN, 'serve', '--config', this.file, ...args], {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#look();
    });
    createInterface(this.child.stderr!).on('line', (line) => {
      try {
        this.lines.push(JSON.parse(line) as LogLine);
      } catch {
        this.rest += `${line}\n`;
      }
      this.#look();
    });
    this.child.on('exit', () => this.#look());
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Of the listeners it began with, in order. */
  get ports(): number[] {
    const ready = /^gyre ready.*$/m.exec(this.stdout)![0];
    return Array.from(ready.matchAll(/:(\d+)(?=[, ])/g), ([, digits]) => Number(digits));
  }

  /** In one go: whoever reads the file meets the one or the other. */
  write(text: string): void {
    writeFileSync(`${this.file}.new`, text);
    chmodSync(`${this.file}.new`, 0o600);
    renameSync(`${this.file}.new`, this.file);
  }

  /** Writes another configuration, has it read, and waits for what comes of that. @returns the line that says so. */
  async reload(config?: Partial<GyreOptions> | string): Promise<LogLine> {
    if (config !== undefined) this.write(typeof config === 'string' ? config : configText(config));
    return this.verdict(() => this.child.kill('SIGHUP'));
  }

  /** Does something that leads to a reload, and waits for it. */
  async verdict(cause: () => void): Promise<LogLine> {
    const before = this.lines.length;
    const found = (): LogLine | undefined =>
      this.lines.slice(before).find(({ message }) => message === OK || message === FAILED);
    cause();
    await this.until('the configuration is reloaded', () => found() !== undefined);
    return found()!;
  }

  /** The same, when all is well. @returns the paths that have changed. */
  async change(config: Partial<GyreOptions>): Promise<readonly string[]> {
    const line = await this.reload(config);
    if (line.message !== OK) throw new Error(`not reloaded: ${JSON.stringify(line)}`);
    return line['changed'] as readonly string[];
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Waits until it has no more descriptors open than that. */
  async settled(descriptors: number): Promise<void> {
    await eventually(`at most ${descriptors} descriptors`, () => this.descriptors() <= descriptors);
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!condition()) {
      const left = deadline - performance.now();
      const { exitCode, signalCode } = this.child;
      if (left <= 0 || exitCode !== null || signalCode !== null) {
        const lines = this.lines.map((line) => JSON.stringify(line)).join('\n');
        throw new Error(`in vain: ${what}; ${exitCode ?? signalCode}\n${this.stdout}${this.rest}${lines}`);
      }
      const seen = Promise.withResolvers<void>();
      const timer = setTimeout(seen.resolve, left);
      this.#waiting.add(seen.resolve);
      await seen.promise;
      clearTimeout(timer);
    }
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
    for (const client of clients) client.socket.destroy();
    clients.clear();
  }
}

/** The answer of a SOCKS5 proxy without login to a CONNECT to a loopback port: its REP byte, and who it leaves as. */
export async function connectBy(
  port: number,
  target: number,
  login?: readonly [user: string, password: string],
): Promise<{ readonly client: Peer; readonly rep: number | 'refused'; readonly egress: string }> {
  const client = await Peer.connect(port);
  clients.add(client);
  client.socket.once('close', () => clients.delete(client));
  client.write(login === undefined ? '05 01 00' : '05 01 02');
  const method = await client.read(2);
  if (method[1] === 0xff) return { client, rep: 'refused', egress: '' };
  if (login !== undefined) {
    const [user, password] = login;
    client.write(
      Buffer.from([1, user.length, ...Buffer.from(user), password.length, ...Buffer.from(password)]),
    );
    if ((await client.read(2))[1] !== 0) return { client, rep: 'refused', egress: '' };
  }
  client.write(Buffer.of(5, 1, 0, 1, 127, 0, 0, 1, target >> 8, target & 255));
  const answer = await client.read(10);
  return { client, rep: answer[1]!, egress: answer.subarray(4, 8).join('.') };
}

/** Whether a tunnel still passes bytes, to a target that echoes. */
export async function passes(client: Peer, word = 'word'): Promise<boolean> {
  client.text(word);
  return (await client.read(word.length)).toString('latin1') === word;
}
