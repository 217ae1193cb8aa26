/**
 * A gateway that is not left in peace: traffic all the time, and again and again a reload, a broken reload, a thread that
 * dies and a source that changes. In the end it has no more descriptors than in the beginning, and its memory has not grown.
 *
 * `ENDURANCE_MINUTES=60 node --test test/soak/endurance.test.ts` is the long one, with a round of all that a minute.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../support/gateway.ts';
import { Target, type Peer } from '../support/peer.ts';
import { residentBytes } from '../support/resident.ts';
import { connectBy, passes, Served } from '../support/served.ts';
import { ThreadFaultsIn } from '../support/thread-faults.ts';

const MINUTES = Number(process.env['ENDURANCE_MINUTES'] ?? 1);
/** A short run has as many rounds as are needed to tell a slope from noise. */
const ROUNDS = Math.max(20, MINUTES);
const ROUND_MS = (MINUTES * 60_000) / ROUNDS;
/** At a time; each does a tunnel, and rests. */
const CLIENTS = 16;
const REST_MS = 100;
const HELD = 100;
const LANES = 2;
/** What the heap may be larger by at the end than a third of the way, beside what the allocator holds back. */
const GROWTH_BYTES = 48 * 2 ** 20;

/** How a thread can come to its end. */
const DEATHS = [
  "setTimeout(() => { throw new Error('as told') })",
  "Promise.reject(new Error('as told'))",
  'process.exit(3)',
  'for (;;) {}',
];

test(`${MINUTES} min of traffic, reloads, deaths and changes: nothing grows and nothing is left`, async (context) => {
  await using target = await Target.listen((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  await using served = await Served.start(
    {
      timeouts: { drain: '100ms', stall: '1s' },
      admin: '127.0.0.1:0',
      limits: { client: { connections: 10_000 } },
    },
    { env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } },
  );
  await suffer(served, target.port, context);
  // Not while the inspector is attached: Node waits for it to leave.
  const ended = once(served.child, 'exit');
  served.child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

async function suffer(served: Served, target: number, context: TestContext): Promise<void> {
  await using faults = await ThreadFaultsIn.open(await inspector(served));
  await using run = new Endurance(served, target, faults, context);
  await run.settle();
  for (let round = 0; round < ROUNDS; round++) await run.round(round);
  await run.end();
}

async function inspector(served: Served): Promise<string> {
  const url = (): string | undefined => /ws:\/\/\S+/.exec(served.rest)?.[0];
  await served.until('the inspector listens', () => url() !== undefined);
  return url()!;
}

class Endurance implements AsyncDisposable {
  readonly #served: Served;
  readonly #port: number;
  readonly #target: number;
  readonly #faults: ThreadFaultsIn;
  readonly #context: TestContext;
  readonly #held: Peer[] = [];
  readonly #resident: number[] = [];
  #descriptors = 0;
  #tunnels = 0;
  #broken = 0;
  #busy = true;
  #clients: Promise<unknown> = Promise.resolve();

  constructor(served: Served, target: number, faults: ThreadFaultsIn, context: TestContext) {
    this.#served = served;
    [this.#port] = served.ports as [number];
    this.#target = target;
    this.#faults = faults;
    this.#context = context;
  }

  /** What is there when nobody uses it, after it has been used. */
  async settle(): Promise<void> {
    this.#source(0);
    await this.#served.change(this.#config(0));
    for (let i = 0; i < 200; i++) assert.ok(await this.#tunnel());
    await this.#served.settled(this.#served.descriptors() - 1).catch(() => {});
    this.#descriptors = this.#served.descriptors();
    this.#clients = Promise.all(Array.from({ length: CLIENTS }, () => this.#client()));
  }

  async round(round: number): Promise<void> {
    const begun = performance.now();
    await this.#hold();
    this.#source(round);
    await this.#served.change(this.#config(round + 1));
    const line = await this.#served.reload('listen: [\n');
    assert.match(line.message, /was not reloaded/);
    await this.#served.change(this.#config(round + 1.5));
    await this.#die(round);
    await setTimeout(Math.max(0, ROUND_MS - (performance.now() - begun)));
    this.#resident.push(residentBytes(this.#served.pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#busy = false;
    await this.#clients;
    for (const peer of this.#held) peer[Symbol.dispose]();
  }

  async end(): Promise<void> {
    await this[Symbol.asyncDispose]();
    const third = Math.floor(this.#resident.length / 3);
    const early = median(this.#resident.slice(third, 2 * third));
    const late = median(this.#resident.slice(-third));
    const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    this.#context.diagnostic(
      `${this.#tunnels} tunnels, ${this.#broken} lost with their thread; resident ${this.#resident.map(mebibytes).join(', ')}`,
    );
    // With as many listeners as at the beginning.
    await this.#served.change(this.#config(ROUNDS + 1));
    await eventually(`no more than ${this.#descriptors} descriptors are open`, () => {
      return this.#served.descriptors() <= this.#descriptors;
    });
    assert.ok(late - early < GROWTH_BYTES, `${mebibytes(early)} have become ${mebibytes(late)}`);
    // Only a thread that dies may cost anybody anything.
    assert.ok(this.#broken <= ROUNDS * (CLIENTS + HELD), `${this.#broken} tunnels were lost`);
  }

  /** Another one each time: other timeouts, another strategy, a listener that comes and goes. */
  #config(round: number): Parameters<Served['change']>[0] {
    const odd = Math.floor(round * 2) % 2 === 1;
    return {
      listen: odd ? ['127.0.0.1:0', '127.0.0.1:0'] : '127.0.0.1:0',
      strategy: odd ? 'random' : 'round-robin',
      pool: `file:${join(this.#served.folder, 'pool.txt')}`,
      timeouts: { drain: '100ms', stall: '1s', idle: `${100 + Math.floor(round)}s` },
      admin: '127.0.0.1:0',
      limits: { client: { connections: 10_000 - Math.floor(round) } },
    };
  }

  #source(round: number): void {
    const file = join(this.#served.folder, 'pool.txt');
    const addresses = Array.from({ length: 50 + (round % 10) * 10 }, (_, i) => `127.0.1.${i + 1}\n`);
    writeFileSync(`${file}.new`, addresses.join(''));
    renameSync(`${file}.new`, file);
  }

  async #die(round: number): Promise<void> {
    const before = this.#served.lines.length;
    await this.#faults.run(round % LANES, DEATHS[Math.floor(round / LANES) % DEATHS.length]!);
    await this.#served.until('a thread is replaced', () =>
      this.#served.lines.slice(before).some(({ message }) => message === 'a worker thread serves again'),
    );
  }

  /** Tunnels that stay; those whose thread has died are replaced. */
  async #hold(): Promise<void> {
    for (const peer of this.#held.splice(0)) {
      if (await passes(peer).catch(() => false)) this.#held.push(peer);
      else this.#broken++;
    }
    while (this.#held.length < HELD) {
      const { client, rep } = await connectBy(this.#port, this.#target);
      assert.equal(rep, 0);
      this.#held.push(client);
    }
  }

  async #client(): Promise<void> {
    while (this.#busy) {
      if (!(await this.#tunnel())) this.#broken++;
      await setTimeout(REST_MS);
    }
  }

  async #tunnel(): Promise<boolean> {
    this.#tunnels++;
    let client: Peer | undefined;
    try {
      const answer = await connectBy(this.#port, this.#target);
      client = answer.client;
      return answer.rep === 0 && (await passes(client));
    } catch {
      return false;
    } finally {
      client?.[Symbol.dispose]();
    }
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
