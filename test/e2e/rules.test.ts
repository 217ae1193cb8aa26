/** Who is denied hears it in its own protocol, with the kind of rule where that has words for it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { GyreOptions, RuleOption } from '../../src/runtime/config/options.ts';
import { anyTarget } from '../support/any-target.ts';
import { DnsServer } from '../support/dns-server.ts';
import { LOGIN_WAYS, outcome, WAYS_IN, type Wish } from '../support/four-ways.ts';
import { eventually, gateway } from '../support/gateway.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-rules-'));
after(() => rmSync(folder, { recursive: true }));

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'here.test': ['127.0.0.1'],
  'intranet.test': ['10.1.2.3'],
  'mixed.test': ['10.1.2.3', '127.0.0.1'],
  'mail.here.test': ['127.0.0.1'],
};

const byName = '403 the name of the target is denied by a rule';
const byAddress = '403 the address of the target is denied by a rule';
const byPort = '403 the port of the target is denied by a rule';
const byAll = '403 no rule allows the target';
const isPrivate = '403 the target is a private address';
const granted = WAYS_IN.map(() => 'granted');
const denied = (sentence: string): string[] => ['05 02', '5b', sentence, sentence];

interface Scene extends AsyncDisposable {
  readonly port: number;
  readonly dns: DnsServer;
  readonly proxy: Awaited<ReturnType<typeof gateway>>;
  ask(wish: Partial<Wish>): Promise<string[]>;
}

async function scene(
  rules: (port: number) => readonly RuleOption[],
  options: Partial<GyreOptions> = {},
  allowPrivate = true,
): Promise<Scene> {
  await using leaving = new AsyncDisposableStack();
  const target = leaving.use(await anyTarget());
  const dns = leaving.use(
    await DnsServer.listen((name, family) => (family === 4 ? (NAMES[name] ?? []) : [])),
  );
  const proxy = leaving.use(
    await gateway({
      targets: { allowPrivate, rules: rules(target.port) },
      dns: { servers: dns.address },
      ...options,
    }),
  );
  const ways = options.users === undefined ? WAYS_IN : LOGIN_WAYS;
  const all = leaving.move();
  return {
    port: target.port,
    dns,
    proxy,
    ask: (wish) =>
      Promise.all(
        ways.map((way) => outcome(way, { proxy: proxy.endpoints[0]!.port, port: target.port, ...wish })),
      ),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

for (const workers of [0, 4]) {
  describe(`with ${workers} workers`, () => {
    test('E28: ports of mail, shells and databases, by a list of them', async () => {
      await using at = await scene(() => [{ deny: [':25,465,587', ':22', ':6379'] }], { workers });
      for (const port of [25, 465, 587, 22, 6379]) {
        assert.deepEqual(await at.ask({ port }), denied(byPort), `port ${port}`);
        assert.deepEqual(await at.ask({ port, host: 'here.test' }), denied(byPort), `port ${port} by name`);
      }
      assert.deepEqual(at.dns.asked, [], 'no name was resolved for that');
      assert.deepEqual(await at.ask({}), granted);
      assert.deepEqual(await at.ask({ host: 'here.test' }), granted);
    });

    test('a name is denied before it is resolved, an address after', async () => {
      await using at = await scene(() => [{ deny: ['*.here.test', '10.0.0.0/8'] }], { workers });
      assert.deepEqual(await at.ask({ host: 'mail.here.test' }), denied(byName));
      assert.deepEqual(await at.ask({ host: 'MAIL.HERE.TEST.' }), denied(byName));
      assert.ok(!at.dns.asked.some((asked) => asked.startsWith('mail.')));
      assert.deepEqual(await at.ask({ host: 'here.test' }), granted);
      assert.deepEqual(await at.ask({ host: 'intranet.test' }), denied(byAddress));
      assert.deepEqual(await at.ask({ host: '10.1.2.3' }), denied(byAddress));
      assert.deepEqual(await at.ask({ host: 'mixed.test' }), granted, 'by the address that is left');
    });
  });
}

test('the first rule that matches decides, for those it is about', async () => {
  const users = ['ann', 'bob', 'cid'].map((name) => ({ name, password: 'x' }));
  await using at = await scene(
    (port) => [
      { allow: ['here.test', `127.0.0.1:${port}`], users: ['ann'] },
      { deny: ['here.test'], users: ['bob'] },
      { deny: ['all'], users: ['ann', 'bob'] },
    ],
    { users },
  );
  const denials = (sentence: string): string[] => ['05 02', sentence, sentence];
  const all = ['granted', 'granted', 'granted'];
  assert.deepEqual(await at.ask({ login: 'ann:x' }), all);
  assert.deepEqual(await at.ask({ login: 'ann:x', host: 'here.test' }), all);
  assert.deepEqual(await at.ask({ login: 'ann-session-1:x', host: 'intranet.test' }), denials(byAll));
  assert.deepEqual(await at.ask({ login: 'bob:x', host: 'here.test' }), denials(byName));
  assert.deepEqual(await at.ask({ login: 'bob:x' }), denials(byAll));
  assert.deepEqual(await at.ask({ login: 'cid:x', host: 'here.test' }), all);
});

test('a private network is opened by a rule that names it, for what the rule says', async () => {
  await using at = await scene(
    (port) => [{ allow: [`127.0.0.0/24:${port}`] }, { allow: ['.test'] }],
    {},
    false,
  );
  assert.deepEqual(await at.ask({}), granted);
  assert.deepEqual(await at.ask({ host: 'here.test' }), granted, 'the network counts, whatever the name');
  assert.deepEqual(await at.ask({ host: 'intranet.test' }), denied(isPrivate), 'a name opens no address');
  assert.deepEqual(await at.ask({ host: '10.1.2.3' }), denied(isPrivate));
  assert.deepEqual(await at.ask({ host: '127.0.1.1' }), denied('403 the target is a loopback address'));
});

test('the access log says which kind of rule it was', async () => {
  const access = join(folder, 'access.log');
  {
    await using at = await scene(() => [{ deny: ['here.test', ':25', '10.0.0.0/8'] }], {
      log: { access, format: 'json' },
      clients: { deny: ['127.0.0.66'] },
    });
    await at.ask({ host: 'here.test' });
    await at.ask({ port: 25 });
    await at.ask({ host: '10.1.2.3' });
    await at.ask({ from: '127.0.0.66' });
    await eventually('all are over', () => at.proxy.stats().active === 0);
    const { TARGET_DENIED, CLIENT_DENIED } = at.proxy.stats().failures;
    assert.deepEqual([TARGET_DENIED, CLIENT_DENIED], [12, 4]);
  }
  const lines = readFileSync(access, 'utf8').trimEnd().split('\n');
  const told = lines.map(
    (line) => JSON.parse(line) as { inbound: string; end: string; detail: string | null },
  );
  const ways = ['socks5', 'socks4', 'http-connect', 'http-forward'];
  assert.deepEqual(
    told.map(({ inbound, end, detail }) => `${inbound} ${end}: ${detail}`).toSorted(),
    [
      'TARGET_DENIED: the name of the target is denied by a rule',
      'TARGET_DENIED: the port of the target is denied by a rule',
      'TARGET_DENIED: the address of the target is denied by a rule',
      // The code says it all.
      'CLIENT_DENIED: null',
    ]
      .flatMap((end) => ways.map((way) => `${way} ${end}`))
      .toSorted(),
  );
});
