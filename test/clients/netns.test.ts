/**
 * Gyre on a host of its own, made for this file: a network namespace with an IPv6 /64 that is local as a whole (AnyIP),
 * and without the IPv4 documentation addresses. Everything but the test itself runs inside.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, runProgram, type Outcome } from '../support/program.ts';
import { startGyre, type GyreProcess } from '../support/program-gyre.ts';
import { declareCase, missing, ROOT } from '../support/program-case.ts';
import { callerIn } from '../support/program-stage.ts';

const NAME = `gyre-test-${process.pid}`;
const INSIDE = ['ip', 'netns', 'exec', NAME];
const PREFIX = '2001:db8:1::';
const NEEDS = [ROOT, 'ip', 'curl'];
const TARGET = fileURLToPath(new URL('../support/target-main.ts', import.meta.url));

const leaving = new AsyncDisposableStack();
const ports = { v4: 0, v6: 0 };

before(async () => {
  if (missing(NEEDS).length > 0) return;
  await ip('netns', 'add', NAME);
  leaving.defer(() => ip('netns', 'delete', NAME));
  await inside('ip', 'link', 'set', 'lo', 'up');
  await inside('ip', '-6', 'route', 'add', 'local', `${PREFIX}/64`, 'dev', 'lo');
  // Without it the kernel accepts packets for the whole /64 but refuses to bind to its addresses.
  await inside('sh', '-c', 'echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind');
  ports.v4 = await target('127.0.0.1');
  ports.v6 = await target('::1');
});
after(() => leaving.disposeAsync());

declareCase('netns: a /64: each request leaves from another address of it', NEEDS, async () => {
  await using gyre = await gateway(`${PREFIX}/64`);
  for (const scheme of ['socks5h', 'http']) {
    const seen = await ask(gyre, scheme, `http://[::1]:${ports.v6}`, 12);
    for (const address of seen) assert(inPrefix(address), `${address} is not of ${PREFIX}/64`);
    assert.equal(new Set(seen).size, seen.length, `an address came twice: ${seen.join(' ')}`);
  }
});

declareCase('netns: a /64 and IPv4 addresses: each target from its own family', NEEDS, async () => {
  await using gyre = await gateway('127.0.0.2,127.0.0.3', `${PREFIX}/64`);
  const v4 = await ask(gyre, 'socks5h', `http://127.0.0.1:${ports.v4}`, 4);
  assert.deepEqual(v4.toSorted(), ['127.0.0.2', '127.0.0.2', '127.0.0.3', '127.0.0.3']);
  const v6 = await ask(gyre, 'socks5h', `http://[::1]:${ports.v6}`, 4);
  assert(v6.every(inPrefix), v6.join(' '));
});

declareCase('netns: an address that is not on the host: the next one takes over', NEEDS, async () => {
  await using gyre = await gateway('192.0.2.1', '127.0.0.2', '127.0.0.3');
  for (const scheme of ['socks5h', 'http']) {
    const seen = await ask(gyre, scheme, `http://127.0.0.1:${ports.v4}`, 6);
    assert.deepEqual([...new Set(seen)].toSorted(), ['127.0.0.2', '127.0.0.3']);
  }
});

declareCase(
  'netns: only an address that is not on the host: an error, at once and by name',
  NEEDS,
  async () => {
    await using gyre = await gateway('192.0.2.1');
    const outcome = await curl(gyre, 'http', `http://127.0.0.1:${ports.v4}/`, '-v');
    assert.equal(outcome.code, 56, outcome.stderr);
    assert.match(outcome.stderr, /< HTTP\/1\.1 503 /);
  },
);

declareCase('netns: an IPv6 target with an IPv4 pool: REP 08', NEEDS, async () => {
  await using gyre = await gateway('127.0.0.2');
  const outcome = await curl(gyre, 'socks5', `http://[::1]:${ports.v6}/`);
  assert.equal(outcome.code, 97, outcome.stderr);
  assert.match(outcome.stderr, /\(8\)/);
});

declareCase('netns: an IPv4 target with an IPv6 pool: REP 08', NEEDS, async () => {
  await using gyre = await gateway(`${PREFIX}/64`);
  const outcome = await curl(gyre, 'socks5', `http://127.0.0.1:${ports.v4}/`);
  assert.equal(outcome.code, 97, outcome.stderr);
  assert.match(outcome.stderr, /\(8\)/);
});

function gateway(...pool: string[]): Promise<GyreProcess> {
  const terms = pool.flatMap((term) => ['--pool', term]);
  const fixed = ['--listen', '127.0.0.1:0', '--allow-private', '--workers', '2'];
  return startGyre([...fixed, ...terms], { prefix: INSIDE });
}

/** Asks `count` times, one connection each; the addresses the target saw. */
async function ask(gyre: GyreProcess, scheme: string, origin: string, count: number): Promise<string[]> {
  const seen: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const outcome = await curl(gyre, scheme, `${origin}/${i}`);
    assert.equal(outcome.code, 0, outcome.stderr + gyre.log());
    seen.push(callerIn(outcome.stdout, `/${i}`));
  }
  return seen;
}

function curl(gyre: GyreProcess, scheme: string, url: string, ...extra: string[]): Promise<Outcome> {
  const proxy = ['-p', '-x', `${scheme}://${gyre.address}`];
  const command = ['curl', '-q', '-sS', '--max-time', '15', ...proxy, ...extra, url];
  return runProgram(INSIDE[0]!, [...INSIDE.slice(1), ...command]);
}

function inPrefix(address: string): boolean {
  return address.startsWith('2001:db8:1:0:') || address.startsWith(PREFIX);
}

async function inside(...command: string[]): Promise<void> {
  await ip(...INSIDE.slice(1), ...command);
}

async function ip(...args: string[]): Promise<void> {
  const outcome = await runProgram('ip', args);
  if (outcome.code !== 0) throw new Error(`ip ${args.join(' ')}: ${outcome.stderr}`);
}

/** Starts a target inside the namespace and returns its port. */
async function target(host: string): Promise<number> {
  const child = spawn(INSIDE[0]!, [...INSIDE.slice(1), process.execPath, TARGET, host], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  leaving.defer(async () => {
    const ended = once(child, 'exit');
    if (child.kill('SIGKILL')) await ended;
  });
  const [line] = (await once(createInterface(child.stdout), 'line', {
    signal: AbortSignal.timeout(15_000),
  })) as [string];
  return Number(line);
}
