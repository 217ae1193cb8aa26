import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { Peer, Target } from '../support/peer.ts';

const BY_NAME = {
  users: [
    { name: 'alice', password: 'pw' },
    { name: 'bob', password: 'pw' },
  ],
};
const POOL = '127.0.0.2-127.0.0.33';

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly egress: string | undefined;
  readonly moved: boolean;
}

async function ask(proxy: Gateway, target: Target, name?: string, listener = 0): Promise<Answer> {
  const { address, port } = proxy.endpoints[listener]!;
  using client = await Peer.connect(port, address);
  const login =
    name === undefined
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(`${name}:pw`).toString('base64')}\r\n`;
  client.text(`CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: x\r\n${login}\r\n`);
  const { status, reason, head } = await client.readHttp();
  return {
    status,
    reason,
    egress: /egress="([^"]+)"/.exec(head)?.[1],
    moved: head.includes('; session=moved'),
  };
}

const egresses = async (
  proxy: Gateway,
  target: Target,
  times: number,
  name?: string,
  listener = 0,
): Promise<Set<string | undefined>> => {
  const seen = new Set<string | undefined>();
  for (let i = 0; i < times; i++) seen.add((await ask(proxy, target, name, listener)).egress);
  return seen;
};

test('a session named by the user is one address, in all threads; without one, connections rotate', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ ...BY_NAME, pool: POOL, workers: 3 });
  assert.equal((await egresses(proxy, target, 20, 'alice-session-42')).size, 1);
  assert.equal((await egresses(proxy, target, 20, 'user-alice-sessid-42-sessionduration-10')).size, 1);
  assert.ok((await egresses(proxy, target, 20, 'alice')).size > 10);
  const many = new Set<string | undefined>();
  for (let id = 0; id < 40; id++) many.add((await ask(proxy, target, `alice-session-${id}`)).egress);
  assert.ok(many.size > 12, `${many.size} addresses for 40 sessions`);
});

test('a session has the same address after a restart', async () => {
  await using target = await Target.listen();
  const seen = new Set<string | undefined>();
  for (let start = 0; start < 3; start++) {
    await using proxy = await gateway({ ...BY_NAME, pool: POOL });
    seen.add((await ask(proxy, target, 'alice-session-abc')).egress);
  }
  assert.equal(seen.size, 1);
});

test('sessions belong to their user', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ ...BY_NAME, pool: POOL });
  const both = await Promise.all(
    Array.from(
      { length: 12 },
      async (_, id) =>
        [
          await ask(proxy, target, `alice-session-${id}`),
          await ask(proxy, target, `bob-session-${id}`),
        ] as const,
    ),
  );
  assert.ok(both.some(([alice, bob]) => alice.egress !== bob.egress));
});

test('a change of one address moves only its sessions; soft ones say so, strict ones fail', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ ...BY_NAME, pool: POOL, workers: 2 });
  const names = Array.from({ length: 30 }, (_, id) => `alice-session-${id}`);
  const before = new Map<string, string | undefined>();
  for (const name of names) before.set(name, (await ask(proxy, target, name)).egress);
  const gone = before.get(names[0]!)!;
  const strict = 'bob-session-pinned-strict';
  await proxy.replacePool([POOL, `!${gone}`]);
  await eventually('the new pool serves', async () => (await ask(proxy, target, names[0])).egress !== gone);
  for (const name of names) {
    const { egress } = await ask(proxy, target, name);
    if (before.get(name) === gone) assert.notEqual(egress, gone);
    else assert.equal(egress, before.get(name), name);
  }
  const { egress: pinned } = await ask(proxy, target, strict);
  await proxy.replacePool([POOL, `!${pinned}`]);
  await eventually(
    'the strict session is lost',
    async () => (await ask(proxy, target, strict)).status === 503,
  );
  assert.equal((await ask(proxy, target, strict)).reason, 'the session has lost its egress address');
});

test('one id in two pools is two sessions, each with an address of its own', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ ...BY_NAME, pool: POOL, pools: { other: '127.0.0.100-127.0.0.131' } });
  const first = await ask(proxy, target, 'alice-session-7');
  const other = await ask(proxy, target, 'alice-pool-other-session-7');
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await ask(proxy, target, 'alice-session-7-strict'), first);
    assert.deepEqual(await ask(proxy, target, 'alice-pool-other-session-7-strict'), other);
  }
});

test('without a name: by client address, by port, by listen address', async () => {
  await using target = await Target.listen();
  {
    await using proxy = await gateway({ pool: POOL, sessions: { by: 'client' } });
    assert.equal((await egresses(proxy, target, 10)).size, 1);
  }
  for (const by of ['port', 'listen'] as const) {
    const listen = Array.from({ length: 6 }, (_, i) => `127.0.${i}.1:0`);
    await using proxy = await gateway({ pool: POOL, listen, sessions: { by } });
    const each = new Set<string | undefined>();
    for (let listener = 0; listener < listen.length; listener++) {
      const seen = await egresses(proxy, target, 5, undefined, listener);
      assert.equal(seen.size, 1);
      for (const egress of seen) each.add(egress);
    }
    assert.ok(each.size > 1);
  }
});

test('H6: malformed parameters are a wrong login', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ ...BY_NAME, pool: POOL });
  for (const name of [
    'alice-session-',
    'alice-session-1-session-2',
    'alice-ttl-1e309',
    `alice-session-${'x'.repeat(200)}`,
  ]) {
    assert.equal((await ask(proxy, target, name)).status, 407, name);
  }
});

test('a client asks for a pool, or for a tag, by its user name', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({
    ...BY_NAME,
    pool: ['127.0.0.2-127.0.0.5;country=de', '127.0.0.6;country=us'],
    pools: { other: '127.0.0.100-127.0.0.103' },
  });
  const of = async (name: string): Promise<string[]> =>
    [...(await egresses(proxy, target, 8, name))].map(String).sort();
  assert.deepEqual(await of('alice-pool-other'), [
    '127.0.0.100',
    '127.0.0.101',
    '127.0.0.102',
    '127.0.0.103',
  ]);
  assert.deepEqual(await of('alice-country-us'), ['127.0.0.6']);
  assert.deepEqual(await of('alice-country-de'), ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']);
  assert.equal((await of('alice-city-paris')).length, 5, 'a kind of tag nobody has is passed over');
  const unknown = await ask(proxy, target, 'alice-pool-nowhere');
  assert.deepEqual([unknown.status, unknown.reason], [403, 'there is no pool of that name']);
  const missing = await ask(proxy, target, 'alice-country-fr');
  assert.deepEqual([missing.status, missing.reason], [503, 'no egress address with the tags asked for']);
});

test('with a file, a session keeps its term and its moved address over a restart', async () => {
  await using target = await Target.listen();
  const folder = mkdtempSync(join(tmpdir(), 'gyre-sessions-'));
  try {
    const file = join(folder, 'sessions');
    const start = (pool: string[]) => gateway({ ...BY_NAME, pool, sessions: { file } });
    let first: string | undefined;
    let moved: string | undefined;
    {
      await using proxy = await start([POOL]);
      first = (await ask(proxy, target, 'alice-session-7')).egress;
      await proxy.replacePool([POOL, `!${first}`]);
      const after = await ask(proxy, target, 'alice-session-7');
      assert.equal(after.moved, true);
      moved = after.egress;
      // The address comes back, the session does not: it has moved.
      await proxy.replacePool([POOL]);
      assert.equal((await ask(proxy, target, 'alice-session-7')).egress, moved);
    }
    await using again = await start([POOL]);
    assert.equal((await ask(again, target, 'alice-session-7')).egress, moved);
    assert.notEqual(first, moved);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a damaged file of sessions costs the sessions, not the start; one that cannot be written is named', async () => {
  await using target = await Target.listen();
  const folder = mkdtempSync(join(tmpdir(), 'gyre-sessions-'));
  try {
    const file = join(folder, 'sessions');
    writeFileSync(file, 'nonsense');
    await using proxy = await gateway({ ...BY_NAME, pool: POOL, sessions: { file } });
    assert.equal((await ask(proxy, target, 'alice-session-7')).status, 200);
    await assert.rejects(
      gateway({ ...BY_NAME, pool: POOL, sessions: { file: join(folder, 'no', 'such') } }),
      {
        name: 'StartError',
        message: /^cannot keep sessions in /,
      },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
