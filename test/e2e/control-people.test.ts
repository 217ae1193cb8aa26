/** Sessions and users, and the configuration, as control shows them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ALL, ask, isError } from '../support/control.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { Target } from '../support/peer.ts';

for (const workers of [0, 2]) {
  describe(`with ${workers} workers`, () => {
    test('sessions are listed with who they are, pinned and dropped', async () => {
      await using target = await Target.listen();
      await using proxy = await gateway({
        workers,
        pools: { more: ['127.0.1.1-127.0.1.4'] },
        users: [
          { name: 'alice', password: 'alice-pass' },
          { name: 'bob', password: 'bob-pass', pool: 'more' },
        ],
      });
      const { control } = proxy;
      const leave = async (login: string): Promise<string> => {
        const { client, egress, status } = await ask(proxy, target, login);
        assert.equal(status, 200);
        client.reset();
        return egress;
      };
      const first = await leave('alice-session-cart-ttl-10m:alice-pass');
      await leave('bob-session-cart:bob-pass');
      assert.equal(control.status().sessions.live, 2);
      const all = await control.sessions(ALL);
      assert.deepEqual(
        all.items
          .map(({ kind, user, id, pool, family, egress, expiresAt, firstUse }) =>
            [kind, user, id, pool, family, egress === first, expiresAt! - firstUse].join(' '),
          )
          .toSorted(),
        [
          'user alice cart default 4 true 600000',
          `user bob cart more 4 false ${all.items.find(({ user }) => user === 'bob')!.expiresAt! - all.items.find(({ user }) => user === 'bob')!.firstUse}`,
        ],
      );
      const mine = (await control.sessions({ ...ALL, q: 'ALICE' })).items;
      assert.deepEqual(
        mine.map(({ user }) => user),
        ['alice'],
      );
      const { key } = mine[0]!;
      const elsewhere = first === '127.0.0.2' ? '127.0.0.3' : '127.0.0.2';
      assert.equal((await control.pinSession(key, elsewhere)).egress, elsewhere);
      for (let i = 0; i < 8; i++)
        assert.equal(await leave('alice-session-cart-ttl-10m:alice-pass'), elsewhere);
      await assert.rejects(control.pinSession(key, '127.0.1.1'), isError('invalid', /the pool default/));
      await assert.rejects(
        control.pinSession('0123456789abcdef', elsewhere),
        isError('not-found', /no live session/),
      );
      await control.act('127.0.0.9', 'drain');
      await assert.rejects(control.pinSession(key, '127.0.0.9'), isError('conflict', /not in use/));
      assert.equal(await control.dropSession(key), true);
      assert.equal(await control.dropSession(key), false);
      assert.equal(control.status().sessions.live, 1);
      assert.notEqual(await leave('alice-session-cart-ttl-10m:alice-pass'), elsewhere);
    });

    test('users are those of the config and of the file, with what they hold and have used', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'gyre-control-'));
      try {
        const usersFile = join(folder, 'users');
        writeFileSync(usersFile, 'carol:$2y$04$abcdefghijklmnopqrstuuJ8f3nLZ1P8Zs0jUqvPbBxrTz9z1z9zq\n');
        await using target = await Target.listen();
        await using proxy = await gateway({
          workers,
          usersFile,
          users: [
            { name: 'alice', password: 'alice-pass', limits: { quota: '1MB/day' } },
            { name: 'bob', password: 'bob-pass' },
          ],
        });
        const { control } = proxy;
        const { client } = await ask(proxy, target, 'alice:alice-pass');
        const second = await ask(proxy, target, 'alice:alice-pass');
        const far = await target.accept();
        client.text('x'.repeat(500));
        await far.read(500);
        await eventually('the bytes are counted', () => control.users(ALL).items[0]?.quota?.used === 500);
        const { total, items } = control.users(ALL);
        assert.deepEqual([total, control.status().users.known], [3, 3]);
        assert.deepEqual(
          items.map(({ name, source, connections }) => `${name} ${source} ${connections}`),
          ['alice config 2', 'bob config 0', 'carol file 0'],
        );
        const { period, bytes, resetsAt } = items[0]!.quota!;
        assert.deepEqual([period, bytes, resetsAt % 86_400_000], ['day', 1_000_000, 0]);
        assert.equal(items[1]!.quota, null);
        assert.deepEqual(
          control.users({ offset: 1, limit: 1, q: 'A' }).items.map(({ name }) => name),
          ['carol'],
        );
        client.reset();
        second.client.reset();
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
}

test('a session from before a restart is there, without a name until it is used', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-control-'));
  try {
    const options = {
      users: [{ name: 'alice', password: 'alice-pass' }],
      sessions: { file: join(folder, 'sessions') },
    };
    await using target = await Target.listen();
    let egress = '';
    {
      await using before = await gateway(options);
      const made = await ask(before, target, 'alice-session-cart:alice-pass');
      egress = made.egress;
      made.client.reset();
    }
    await using proxy = await gateway(options);
    const unnamed = (await proxy.control.sessions(ALL)).items;
    assert.deepEqual(
      unnamed.map((view) => [view.kind, view.user, view.id, view.pool, view.family, view.egress]),
      [[null, null, null, null, 4, egress]],
    );
    const elsewhere = egress === '127.0.0.2' ? '127.0.0.3' : '127.0.0.2';
    await proxy.control.pinSession(unnamed[0]!.key, elsewhere);
    const made = await ask(proxy, target, 'alice-session-cart:alice-pass');
    made.client.reset();
    assert.equal(made.egress, elsewhere);
    const [named] = (await proxy.control.sessions(ALL)).items;
    assert.deepEqual(
      [named?.kind, named?.user, named?.id, named?.key],
      ['user', 'alice', 'cart', unnamed[0]!.key],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a session in a block is shown with the address it really has', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({
    pool: ['127.64.0.0/10'],
    users: [{ name: 'alice', password: 'alice-pass' }],
  });
  const { control } = proxy;
  const made = await ask(proxy, target, 'alice-session-cart:alice-pass');
  made.client.reset();
  const [session] = (await control.sessions(ALL)).items;
  assert.ok(session !== undefined);
  assert.equal(session.egress, made.egress);
  await assert.rejects(control.pinSession(session.key, '127.64.0.9'), isError('invalid', /one of a block/));
  const views = control.egresses(ALL).items;
  assert.deepEqual(
    views.map(({ address, block, freePorts }) => [address, block, freePorts]),
    [['127.64.0.0', true, null]],
  );
  await assert.rejects(control.act('127.64.0.9', 'drain'), isError('invalid', /127\.64\.0\.0/));
  assert.equal((await control.act('127.64.0.0', 'drain')).state, 'draining');
});

test('the configuration is shown without what is secret in it', async () => {
  await using proxy = await gateway({
    users: [{ name: 'alice', password: 'alice-pass' }],
    userCheck: { url: 'http://name:s3cret@127.0.0.1:1/check?key=hidden' },
  });
  const { config, file, reloads, history } = proxy.control.config();
  const text = JSON.stringify(config);
  for (const secret of ['alice-pass', 's3cret', 'hidden']) assert.ok(!text.includes(secret), secret);
  assert.match(text, /"name":"alice","password":"\*\*\*"/);
  assert.deepEqual([file, reloads, history], [null, { ok: 0, failed: 0 }, []]);
});
