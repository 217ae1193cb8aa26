/**
 * Two hosts of a test's own: network namespaces with a cable between them. `left` is where Gyre leaves from, `right` is
 * where its targets are. Needs the rights of root.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { cleanEnvironment, findProgram, runProgram } from './program.ts';

const LINE_MS = 30_000;

export class Namespace implements AsyncDisposable {
  readonly name: string;
  readonly #children: ChildProcess[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  static async create(name: string): Promise<Namespace> {
    await run('ip', 'netns', 'add', name);
    const namespace = new Namespace(name);
    await namespace.ip('link', 'set', 'lo', 'up');
    return namespace;
  }

  /** `ip ...` inside. */
  async ip(...args: string[]): Promise<void> {
    await run('ip', '-n', this.name, ...args);
  }

  /** Writes a file of /proc/sys as the namespace sees it, for example `net/ipv4/ip_local_port_range`. */
  async sysctl(path: string, value: string): Promise<void> {
    await run('ip', 'netns', 'exec', this.name, 'sh', '-c', `echo '${value}' >/proc/sys/${path}`);
  }

  /** Starts a program inside, which ends with the namespace at the latest. */
  start(command: string, ...args: string[]): Conversation {
    const inside = ['netns', 'exec', this.name, findProgram(command) ?? command];
    const child = spawn(findProgram('ip')!, [...inside, ...args], {
      env: cleanEnvironment(),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return new Conversation(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await run('ip', 'netns', 'delete', this.name);
  }
}

/** A program that is spoken to line by line. */
export class Conversation {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #heard: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface(child.stdout!);
    this.#heard = this.#lines[Symbol.asyncIterator]();
    child.stdin!.on('error', () => {}); // EPIPE: it has ended, and the missing answer says so.
  }

  say(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** @throws when the program has ended, or says nothing for 30 seconds. */
  async hear(): Promise<string> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('no answer within 30 s')), LINE_MS);
    try {
      const { value, done } = await Promise.race([this.#heard.next(), late.promise]);
      if (done === true) throw new Error('the program has ended');
      return value;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Both ends of the cable are called `veth0`. */
export async function cable(left: Namespace, right: Namespace): Promise<void> {
  await left.ip('link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth0', 'netns', right.name);
  for (const side of [left, right]) await side.ip('link', 'set', 'veth0', 'up');
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await runProgram(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
