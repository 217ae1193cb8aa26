/**
 * G13–G16: names whose answers change, mix or lie. What was judged is what is dialled, and nothing is asked twice.
 *
 * Public addresses cannot be reached from loopback: the kernel refuses a source of 127.0.0.2 for them before any packet
 * leaves, and the access log names the address that was dialled.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DnsServer, type Answer } from '../support/dns-server.ts';
import type { Spelling } from '../support/forbidden.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { Target } from '../support/peer.ts';
import { findProgram } from '../support/program.ts';
import { declareCase } from '../support/program-case.ts';
import { ask, inParallel, WAYS, type Outcome } from '../support/six-ways.ts';

const POOL = ['127.0.0.2-127.0.0.9', '::1'];
const PUBLIC = '8.8.8.8';
const PUBLIC_TOO = '9.9.9.9';

/** What the access log says of one connection. */
interface Line {
  readonly target: string;
  readonly resolved: string | null;
  readonly attempts: number;
  readonly end: string;
}

type Proxy = Awaited<ReturnType<typeof gateway>>;

/** A gateway that asks one name server, a listener on all of loopback, and what became of the connections. */
class Trap implements AsyncDisposable {
  readonly #leaving: AsyncDisposableStack;
  readonly #folder: string;
  readonly #proxy: Proxy;
  readonly #port: number;
  visits = 0;

  /** Of the proxy. */
  get port(): number {
    return this.#proxy.endpoints[0]!.port;
  }

  private constructor(leaving: AsyncDisposableStack, folder: string, proxy: Proxy, port: number) {
    this.#leaving = leaving;
    this.#folder = folder;
    this.#proxy = proxy;
    this.#port = port;
  }

  static async set(servers: string, allowPrivate = false): Promise<Trap> {
    await using leaving = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), 'gyre-rebinding-'));
    leaving.defer(() => rmSync(folder, { recursive: true }));
    let trap: Trap | undefined = undefined;
    const bait = leaving.use(
      await Target.listen((socket) => {
        trap!.visits++;
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      }, '::'),
    );
    const proxy = leaving.use(
      await gateway({
        pool: POOL,
        targets: { allowPrivate },
        dns: { servers },
        log: { access: join(folder, 'access.log'), format: 'json' },
      }),
    );
    trap = new Trap(leaving.move(), folder, proxy, bait.port);
    return trap;
  }

  /** Asks for names by all ways that have them, so often each. */
  async try(names: readonly string[], times = 1): Promise<Outcome[]> {
    const spellings = names.map((text): Spelling => ({ text, kind: 'name' }));
    const jobs = WAYS.flatMap((way) =>
      spellings.flatMap((spelling) => {
        const request = way.request(spelling, this.#port);
        return request === undefined ? [] : Array.from({ length: times }, () => ({ way, request }));
      }),
    );
    return inParallel(jobs, ({ way, request }) => ask(way, request, this.#proxy.endpoints[0]!.port));
  }

  /** The access log, once so many lines are in it. */
  async lines(count: number): Promise<Line[]> {
    let text = '';
    await eventually(`${count} lines in the access log`, () => {
      text = readFileSync(join(this.#folder, 'access.log'), 'utf8');
      return text.split('\n').length > count;
    });
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#leaving.disposeAsync();
  }
}

test('the trap snaps where private targets are allowed', async () => {
  await using dns = await DnsServer.listen((_, family) => (family === 4 ? ['127.0.0.1'] : []));
  await using trap = await Trap.set(dns.address, true);
  const outcomes = await trap.try(['rebind.test']);
  assert.deepEqual(outcomes, ['granted', 'granted', 'granted', 'granted']);
  await eventually('all have been there', () => trap.visits === 4);
});

test('G15: one query a family, and the answer that was judged is the one dialled, whatever the next one is', async () => {
  // Public at the first question, private from the second on: with a second look the private one would be dialled.
  const times = new Map<string, number>();
  await using dns = await DnsServer.listen((name, family): Answer => {
    const time = times.get(`${name} ${family}`) ?? 0;
    times.set(`${name} ${family}`, time + 1);
    if (family === 6) return [];
    return { addresses: [time === 0 ? PUBLIC : '127.0.0.1'], ttl: 0 };
  });
  await using trap = await Trap.set(dns.address);
  const names = Array.from({ length: 25 }, (_, i) => `once-${i}.test`);
  // Each name by one connection: the second question, if there was one, would be of that very connection.
  for (const [i, name] of names.entries()) {
    const way = WAYS.filter(({ name }) => name !== 'SOCKS5 address' && name !== 'SOCKS4')[i % 4]!;
    const request = way.request({ text: name, kind: 'name' }, 80)!;
    assert.notEqual(await ask(way, request, trap.port), 'granted');
  }
  const lines = await trap.lines(names.length);
  for (const { resolved, attempts, end, target } of lines) {
    assert.deepEqual([resolved, end], [PUBLIC, 'NETWORK_UNREACHABLE'], target);
    assert.ok(attempts > 0);
  }
  assert.deepEqual(
    [...times.values()],
    names.flatMap(() => [1, 1]),
  );
  assert.equal(trap.visits, 0);
});

test('G15: answers that change with every question never lead to a private address', async () => {
  let count = 0;
  await using dns = await DnsServer.listen((_, family) => {
    if (family === 6) return [];
    return { addresses: [count++ % 2 === 0 ? PUBLIC : '127.0.0.1'], ttl: 0 };
  });
  await using trap = await Trap.set(dns.address);
  const outcomes = await trap.try(['flip.test'], 25);
  assert.equal(outcomes.length, 100);
  assert.ok(!outcomes.includes('granted'));
  const lines = await trap.lines(outcomes.length);
  for (const { resolved, end } of lines) {
    assert.ok(end === 'TARGET_DENIED' ? resolved === null : resolved === PUBLIC, `${end} ${resolved}`);
  }
  // Both answers were met.
  assert.deepEqual(new Set(lines.map(({ end }) => end)), new Set(['TARGET_DENIED', 'NETWORK_UNREACHABLE']));
  assert.equal(trap.visits, 0);
});

test('G15: an answer from the cache is judged like a new one', async () => {
  await using dns = await DnsServer.listen((_, family) => ({
    addresses: family === 4 ? ['127.0.0.1'] : [],
    ttl: 3600,
  }));
  await using trap = await Trap.set(dns.address);
  const outcomes = await trap.try(['cached.test'], 10);
  assert.deepEqual([...new Set(outcomes)], ['denied']);
  assert.ok(dns.asked.length <= 8, `${dns.asked.length} questions for 40 connections`);
  assert.equal(trap.visits, 0);
});

test('G15: of public and private addresses in one answer only the public ones are dialled', async () => {
  const answers: Readonly<Record<string, readonly string[]>> = {
    'mixed-first.test': [PUBLIC, '127.0.0.1'],
    'mixed-last.test': ['127.0.0.1', PUBLIC],
    'mixed-many.test': [
      '127.0.0.1',
      '10.0.0.1',
      PUBLIC,
      '192.168.1.1',
      '169.254.169.254',
      PUBLIC_TOO,
      '100.64.0.1',
    ],
    'mixed-families.test': [PUBLIC, '::1'],
    'mixed-mapped.test': [PUBLIC, '::ffff:127.0.0.1', '::ffff:10.0.0.1'],
    'mixed-nat64.test': [PUBLIC, '64:ff9b::7f00:1'],
  };
  await using dns = await DnsServer.listen((name, family) =>
    (answers[name] ?? []).filter((address) => address.includes(':') === (family === 6)),
  );
  await using trap = await Trap.set(dns.address);
  const outcomes = await trap.try(Object.keys(answers), 3);
  assert.ok(!outcomes.includes('granted'));
  const lines = await trap.lines(outcomes.length);
  for (const { target, resolved, end } of lines) {
    // It was tried: the private addresses beside it do not take a target from those who mean the public one.
    assert.ok([PUBLIC, PUBLIC_TOO].includes(resolved ?? ''), `${target} ${resolved} ${end}`);
  }
  assert.equal(trap.visits, 0);
});

test('G15: an answer that comes too late to be judged is not dialled', async () => {
  const late = Promise.withResolvers<Answer>();
  await using dns = await DnsServer.listen((_, family) => (family === 4 ? [PUBLIC] : late.promise));
  await using trap = await Trap.set(dns.address);
  const outcomes = await trap.try(['late.test']);
  const lines = await trap.lines(outcomes.length);
  late.resolve(['::1']);
  assert.deepEqual([...new Set(lines.map(({ resolved }) => resolved))], [PUBLIC]);
  assert.equal(trap.visits, 0);
});

/** A name server as others run it, for the answers ours does not know how to give. */
async function dnsmasq(
  ...options: readonly string[]
): Promise<AsyncDisposable & { readonly address: string }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const { child, log } = await startDnsmasq(port, options);
    if (child.exitCode === null) {
      return {
        address: `127.0.0.1:${port}`,
        async [Symbol.asyncDispose]() {
          const ended = once(child, 'exit');
          child.kill();
          await ended;
        },
      };
    }
    // Free for datagrams a moment ago, the port may be somebody's by now, or somebody's for connections.
    assert.match(log, /failed to create listening socket/);
    assert.ok(attempt < 5, log);
  }
}

/** Until it serves or has ended. */
async function startDnsmasq(
  port: number,
  options: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly log: string }> {
  const child: ChildProcess = spawn(
    findProgram('dnsmasq')!,
    [
      '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--no-resolv', '--no-hosts', '--log-facility=-', '--user=',
      '--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`, '--local-ttl=0', ...options,
    ], // prettier-ignore
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  let ended = false;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (log += text));
  child.on('close', () => (ended = true));
  await eventually('dnsmasq answers or ends', () => ended || log.includes('started'));
  return { child, log };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(closed));
  return port;
}

declareCase('G16: nothing that dnsmasq can answer leads to a private address', ['dnsmasq'], async () => {
  const many = Array.from({ length: 300 }, (_, i) => `--host-record=huge.test,10.1.${i >> 8}.${i & 255}`);
  await using dns = await dnsmasq(
    '--host-record=internal.test,127.0.0.1,::1',
    '--cname=alias.test,internal.test',
    '--cname=one.test,two.test',
    '--cname=two.test,three.test',
    '--cname=three.test,internal.test',
    '--cname=outside.test,localhost.internal.test',
    '--host-record=localhost.internal.test,127.0.0.1',
    '--host-record=mapped.test,::ffff:10.0.0.1',
    '--host-record=mapped-loopback.test,::ffff:127.0.0.1',
    '--host-record=metadata.google.internal,169.254.169.254',
    '--host-record=unspecified.test,0.0.0.0,::',
    '--address=/wild.test/127.0.0.1',
    '--local=/test/',
    ...many,
  );
  await using trap = await Trap.set(dns.address);
  const denied = [
    'internal.test', 'alias.test', 'one.test', 'outside.test', 'mapped.test', 'mapped-loopback.test', 'metadata.google.internal',
    'unspecified.test', 'wild.test', 'a.b.wild.test', 'huge.test',
  ]; // prettier-ignore
  const outcomes = await trap.try(denied, 2);
  assert.deepEqual([...new Set(outcomes)], ['denied']);
  const missing = await trap.try(['nothing.test']);
  assert.ok(!missing.includes('granted') && missing.length === 4);
  const lines = await trap.lines(outcomes.length + missing.length);
  for (const { target, resolved, attempts, end } of lines) {
    const wanted = target.startsWith('nothing.test') ? 'NAME_NOT_FOUND' : 'TARGET_DENIED';
    assert.deepEqual([end, resolved, attempts], [wanted, null, 0], target);
  }
  assert.equal(trap.visits, 0);
});

declareCase(
  'G16: an answer too long for a datagram, with public addresses among hundreds of private ones',
  ['dnsmasq'],
  async () => {
    const many = Array.from({ length: 300 }, (_, i) => `--host-record=huge.test,127.1.${i >> 8}.${i & 255}`);
    await using dns = await dnsmasq(
      ...many,
      ...many.map((text) => text.replace('huge', 'mixed')),
      `--host-record=mixed.test,${PUBLIC}`,
      '--local=/test/',
    );
    await using trap = await Trap.set(dns.address);
    const outcomes = await trap.try(['huge.test', 'mixed.test'], 5);
    assert.ok(!outcomes.includes('granted'));
    const lines = await trap.lines(outcomes.length);
    for (const { target, resolved, end } of lines) {
      assert.ok(resolved === null || resolved === PUBLIC, `${target} ${resolved}`);
      if (target.startsWith('huge.test')) assert.equal(end, 'TARGET_DENIED');
    }
    assert.equal(trap.visits, 0);
  },
);
