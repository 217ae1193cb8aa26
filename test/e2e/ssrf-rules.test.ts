/** Destination rules on the way of real connections: before DNS, after it, and beside the guard. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleConfig } from '../../src/policy/rules.ts';
import { DnsServer } from '../support/dns-server.ts';
import type { Spelling } from '../support/forbidden.ts';
import { gateway } from '../support/gateway.ts';
import { Peer, Target } from '../support/peer.ts';
import { ask, inParallel, WAYS, type Outcome } from '../support/six-ways.ts';

const POOL = ['127.0.0.2-127.0.0.9', '::1'];

interface Scene extends AsyncDisposable {
  /** What comes of asking for a target, by all ways that have room for it. */
  try(target: string, port?: number): Promise<Outcome[]>;
  /** Of the listener on all of loopback. */
  readonly port: number;
  readonly proxy: Awaited<ReturnType<typeof gateway>>;
  readonly dns: DnsServer;
}

/** @param rules Of the port that is listened on. */
async function scene(
  rules: (port: number) => readonly RuleConfig[],
  names: Readonly<Record<string, readonly string[]>> = {},
): Promise<Scene> {
  await using leaving = new AsyncDisposableStack();
  const target = leaving.use(
    await Target.listen((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    }, '::'),
  );
  const dns = leaving.use(
    await DnsServer.listen((name, family) =>
      (names[name] ?? []).filter((address) => address.includes(':') === (family === 6)),
    ),
  );
  const proxy = leaving.use(
    await gateway({
      pool: POOL,
      targets: { allowPrivate: false, rules: rules(target.port) },
      dns: { servers: dns.address },
    }),
  );
  const all = leaving.move();
  return {
    port: target.port,
    proxy,
    dns,
    try(text, port = target.port) {
      const spelling: Spelling = /^[\d.]+$/.test(text)
        ? { text, kind: 'address', bytes: Buffer.from(text.split('.').map(Number)) }
        : { text, kind: 'name' };
      const requests = WAYS.flatMap((way) => {
        const request = way.request(spelling, port);
        return request === undefined ? [] : [{ way, request }];
      });
      return inParallel(requests, ({ way, request }) => ask(way, request, proxy.endpoints[0]!.port));
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const only = (outcomes: readonly Outcome[], wanted: Outcome): void =>
  assert.deepEqual([...new Set(outcomes)], [wanted]);

test('a network that a rule allows opens, on its port, and nothing else does', async () => {
  await using at = await scene((port) => [{ allow: [`127.1.0.0/16:${port}`] }]);
  only(await at.try('127.1.2.3'), 'granted');
  for (const target of ['127.0.0.1', '127.2.0.1', '10.0.0.1', '::1', 'localhost', '169.254.169.254']) {
    only(await at.try(target), 'denied');
  }
  only(await at.try('127.1.2.3', 22), 'denied');
});

test('rules that allow everything open nothing that is special', async () => {
  await using at = await scene(() => [{ allow: ['all', '0.0.0.0/0', '::/0'] }]);
  for (const target of ['127.0.0.1', '::1', '10.0.0.1', 'localhost']) only(await at.try(target), 'denied');
});

test('what no rule can open stays closed', async () => {
  await using at = await scene(() => [
    { allow: ['127.0.0.0/8', '169.254.0.0/16', '0.0.0.0/8', '224.0.0.0/4', '::1'] },
  ]);
  only(await at.try('127.0.0.1'), 'granted');
  for (const target of ['169.254.169.254', '0.1.2.3', '224.0.0.1']) only(await at.try(target), 'denied');
  only(await at.try('127.0.0.1', at.proxy.endpoints[0]!.port), 'denied');
});

test('G20: a name is denied in every spelling, and before it is resolved', async () => {
  const names = { 'evil.test': ['127.0.0.1'], 'sub.evil.test': ['127.0.0.1'], 'notevil.test': ['127.0.0.1'] };
  await using at = await scene(() => [{ deny: ['.EVIL.test.'] }, { allow: ['127.0.0.0/8'] }], names);
  only(await at.try('notevil.test'), 'granted');
  at.dns.asked.length = 0;
  for (const target of [
    'evil.test',
    'EVIL.test',
    'eViL.TEST.',
    'evil.test.',
    'sub.evil.test',
    'SUB.evil.test.',
  ]) {
    only(await at.try(target), 'denied');
  }
  assert.deepEqual(at.dns.asked, []);
});

test('of a name that is allowed, an address that is denied is not dialled', async () => {
  const names = {
    'both.test': ['127.1.0.1', '127.2.0.1'],
    'bad.test': ['127.1.0.1'],
    'mapped.test': ['::ffff:127.1.0.1'],
  };
  await using at = await scene(
    () => [{ deny: ['127.1.0.0/16'] }, { allow: ['127.0.0.0/8', '.test'] }],
    names,
  );
  only(await at.try('both.test'), 'granted');
  only(await at.try('bad.test'), 'denied');
  only(await at.try('mapped.test'), 'denied');
  only(await at.try('127.1.0.1'), 'denied');
});

test('the client hears which kind of rule it was, and the rule of a user is of that user alone', async () => {
  await using target = await Target.listen((socket) => socket.end());
  const password = 's3cret';
  await using proxy = await gateway({
    pool: POOL,
    users: ['alice', 'bob'].map((name) => ({ name, password })),
    targets: {
      allowPrivate: false,
      rules: [
        { deny: ['secret.test', ':25'] },
        { allow: ['127.0.0.0/8'], users: ['alice'] },
        { deny: ['203.0.113.0/24'] },
        { deny: ['all'], users: ['bob'] },
      ],
    },
  });
  const answer = async (user: string, authority: string): Promise<string> => {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    const basic = Buffer.from(`${user}:${password}`).toString('base64');
    client.text(`CONNECT ${authority} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${basic}\r\n\r\n`);
    const { status, reason } = await client.readHttp();
    return `${status} ${reason}`;
  };
  const here = `127.0.0.1:${target.port}`;
  assert.match(await answer('alice', here), /^200 /);
  assert.equal(await answer('bob', here), '403 no rule allows the target');
  assert.equal(await answer('alice', 'secret.test:443'), '403 the name of the target is denied by a rule');
  assert.equal(await answer('alice', '8.8.8.8:25'), '403 the port of the target is denied by a rule');
  assert.equal(await answer('alice', '203.0.113.1:443'), '403 the address of the target is denied by a rule');
  assert.equal(await answer('alice', '10.0.0.1:443'), '403 the target is a private address');
});
