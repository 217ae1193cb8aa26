/** Who gets in, by what leaves whom, and what becomes of somebody who is taken out: over real sockets. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import bcrypt from 'bcryptjs';
import { hashPassword } from '../../src/policy/password.ts';
import { anyTarget } from '../support/any-target.ts';
import { DnsServer } from '../support/dns-server.ts';
import {
  ask,
  come,
  LOGIN_WAYS,
  logIn,
  outcome,
  socks5Request,
  WAYS_IN,
  type Told,
  type WayIn,
} from '../support/four-ways.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { startGyre } from '../support/program-gyre.ts';
import { startUserCheck } from '../support/user-check.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-users-'));
after(() => rmSync(folder, { recursive: true }));

const SCRYPT = await hashPassword('bob-pass');
const BCRYPT = bcrypt.hashSync('cid-pass', 4);
const LOGINS = ['ann:ann-pass', 'bob:bob-pass', 'cid:cid-pass'];

/** A users file that is replaced as editors and `htpasswd` do it, in one step. */
function usersFile(
  name: string,
  ...lines: readonly string[]
): { readonly path: string; write(...lines: string[]): void } {
  const path = join(folder, name);
  const write = (...content: readonly string[]): void => {
    writeFileSync(`${path}.new`, content.map((line) => `${line}\n`).join(''));
    renameSync(`${path}.new`, path);
  };
  write(...lines);
  return { path, write };
}

/** By all ways that have passwords. */
const words = (wish: Parameters<typeof outcome>[1]): Promise<string[]> =>
  Promise.all(LOGIN_WAYS.map((way) => outcome(way, wish)));

const GRANTED = ['granted', 'granted', 'granted'];
const WRONG = ['01 01', '407 Proxy Authentication Required', '407 Proxy Authentication Required'];

for (const workers of [0, 4]) {
  describe(`with ${workers} workers`, () => {
    test('users of the config and of the file come in by every kind of password, and nobody else', async () => {
      await using target = await anyTarget();
      const file = usersFile(`kinds-${workers}`, `bob:${SCRYPT}`, `cid:${BCRYPT}`);
      await using proxy = await gateway({
        workers,
        users: [{ name: 'ann', password: 'ann-pass' }],
        usersFile: file.path,
      });
      const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
      for (const login of LOGINS) assert.deepEqual(await words({ ...wish, login }), GRANTED, login);
      for (const login of ['ann:bob-pass', 'bob:ann-pass', 'cid:', 'eve:ann-pass', ':']) {
        assert.deepEqual(await words({ ...wish, login }), WRONG, login);
      }
      assert.deepEqual(await words(wish), ['05 ff', ...WRONG.slice(1)]);
      assert.equal(await outcome('SOCKS4', { ...wish, login: 'ann' }), '5b');
      await eventually('all are counted', () => proxy.stats().active === 0);
      const { BAD_CREDENTIALS, AUTH_REQUIRED } = proxy.stats().failures;
      assert.ok(BAD_CREDENTIALS >= 5 && AUTH_REQUIRED >= 2);
    });

    test('hashes in the config are as good as passwords', async () => {
      await using target = await anyTarget();
      await using proxy = await gateway({
        workers,
        users: [
          { name: 'bob', passwordHash: SCRYPT },
          { name: 'cid', passwordHash: BCRYPT },
        ],
      });
      const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
      for (const login of LOGINS.slice(1)) assert.deepEqual(await words({ ...wish, login }), GRANTED);
      assert.deepEqual(await words({ ...wish, login: 'bob:cid-pass' }), WRONG);
    });

    test('an external check says who comes in, by which pool, and until when', async () => {
      await using target = await anyTarget();
      await using check = await startUserCheck();
      check.answer(({ user, password }) => {
        if (user === 'late') return { expiresAt: Date.now() - 1000 };
        if (user === 'odd') return { admin: true };
        if (user === 'down') return 500;
        return password === 'right' ? { pool: 'other', pools: ['other'] } : 401;
      });
      await using proxy = await gateway({
        workers,
        users: [{ name: 'ann', password: 'ann-pass' }],
        userCheck: { url: check.url, cache: '0s' },
        pools: { other: '127.0.1.1' },
      });
      const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
      for (const way of LOGIN_WAYS) {
        using told = await ask(way, { ...wish, login: 'zoe:right' });
        assert.deepEqual([told.word, told.egress], ['granted', '127.0.1.1'], way);
      }
      assert.deepEqual(check.asked[0], { user: 'zoe', password: 'right', client: '127.0.0.1' });
      const asked = check.asked.length;
      assert.deepEqual(await words({ ...wish, login: 'ann:ann-pass' }), GRANTED);
      assert.equal(check.asked.length, asked, 'who is listed is not asked for');
      assert.deepEqual(await words({ ...wish, login: 'zoe:wrong' }), WRONG);
      assert.deepEqual(await words({ ...wish, login: 'zoe-pool-default:right' }), [
        '05 02',
        '403 the account has no pool of that name',
        '403 the account has no pool of that name',
      ]);
      const expired = '403 the account has expired';
      assert.deepEqual(await words({ ...wish, login: 'late:x' }), ['01 01', expired, expired]);
      const unknown = '503 logins cannot be checked at the moment';
      for (const login of ['down:x', 'odd:x'])
        assert.deepEqual(await words({ ...wish, login }), ['01 01', unknown, unknown], login);
      await check[Symbol.asyncDispose]();
      assert.deepEqual(await words({ ...wish, login: 'zoe:right' }), ['01 01', unknown, unknown]);
      assert.deepEqual(await words({ ...wish, login: 'ann:ann-pass' }), GRANTED);
    });

    test('a user leaves by the pool, and in the way, that are his; and reaches only his targets', async () => {
      await using target = await anyTarget();
      const here = `127.0.0.0/8:${target.port}`;
      await using proxy = await gateway({
        workers,
        pools: { de: '127.0.1.1-127.0.1.4', fr: '127.0.2.1' },
        users: [
          { name: 'ann', password: 'x', pool: 'de', strategy: 'hash' },
          { name: 'bob', password: 'x', pools: ['fr'] },
          { name: 'cid', password: 'x', targets: [here] },
          { name: 'dot', password: 'x', targets: ['127.0.0.1:1', 'example.com'] },
        ],
      });
      const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
      const egressesOf = async (login: string): Promise<Set<string | undefined>> => {
        const seen = new Set<string | undefined>();
        for (let i = 0; i < 4; i++) {
          for (const way of LOGIN_WAYS) {
            using told = await ask(way, { ...wish, login });
            assert.equal(told.word, 'granted');
            seen.add(told.egress);
          }
        }
        return seen;
      };
      const [own, ...others] = await egressesOf('ann:x');
      assert.match(own!, /^127\.0\.1\.[1-4]$/);
      assert.deepEqual(others, []);
      assert.deepEqual([...(await egressesOf('ann-pool-fr:x'))], ['127.0.2.1']);
      const rotated = await egressesOf('bob:x');
      assert.ok(rotated.size > 1 && [...rotated].every((address) => /^127\.0\.0\.[2-9]$/.test(address!)));
      assert.deepEqual([...(await egressesOf('bob-pool-fr:x'))], ['127.0.2.1']);
      const refused = '403 the account has no pool of that name';
      assert.deepEqual(await words({ ...wish, login: 'bob-pool-de:x' }), ['05 02', refused, refused]);
      assert.deepEqual(await words({ ...wish, login: 'cid:x' }), GRANTED);
      const denied = await words({ ...wish, login: 'dot:x' });
      assert.equal(denied[0], '05 02');
      assert.match(denied[1]!, /^403 /);
      assert.equal(denied[2], denied[1]);
    });

    test('an account that has expired is told so, and only to somebody who knows its password', async () => {
      await using target = await anyTarget();
      await using proxy = await gateway({
        workers,
        users: [
          { name: 'old', password: 'x', expires: '2020-01-31' },
          { name: 'new', password: 'x', expires: '2999-01-31' },
        ],
      });
      const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
      const expired = '403 the account has expired';
      assert.deepEqual(await words({ ...wish, login: 'old:x' }), ['01 01', expired, expired]);
      assert.deepEqual(await words({ ...wish, login: 'old:y' }), WRONG);
      assert.deepEqual(await words({ ...wish, login: 'new:x' }), GRANTED);
    });

    for (const removedUsers of ['cut', 'keep'] as const) {
      test(`a user who is added comes in; one who is removed stays out, and ${removedUsers}`, async () => {
        await using target = await anyTarget();
        const ann = `ann:${bcrypt.hashSync('ann-pass', 4)}`;
        const file = usersFile(`live-${removedUsers}-${workers}`, ann, `cid:${BCRYPT}`);
        await using proxy = await gateway({ workers, usersFile: file.path, removedUsers });
        const wish = { proxy: proxy.endpoints[0]!.port, port: target.port, path: '/hold' };
        const standing = async (login: string): Promise<Told[]> => {
          const told = await Promise.all(
            [...LOGIN_WAYS, ...LOGIN_WAYS].map((way) => ask(way, { ...wish, login })),
          );
          assert.deepEqual(
            told.map(({ word }) => word),
            [...GRANTED, ...GRANTED],
          );
          return told;
        };
        const [removed, kept] = [await standing('ann:ann-pass'), await standing('cid:cid-pass')];
        try {
          file.write(`bob:${SCRYPT}`, `cid:${BCRYPT}`);
          await eventually('the new user comes in on every thread', async () =>
            (await words({ ...wish, login: 'bob:bob-pass' })).every((word) => word === 'granted'),
          );
          await eventually('the old one stays out', async () =>
            (
              await Promise.all(
                Array.from({ length: 8 }, () => outcome('SOCKS5', { ...wish, login: 'ann:ann-pass' })),
              )
            ).every((word) => word === '01 01'),
          );
          if (removedUsers === 'cut') await Promise.all(removed.map(({ client }) => client.rest()));
          else for (const told of removed) await assertAlive(told, LOGIN_WAYS[removed.indexOf(told) % 3]!);
          for (const told of kept) await assertAlive(told, LOGIN_WAYS[kept.indexOf(told) % 3]!);
          await eventually(
            'the cut ones are counted',
            () => proxy.stats().failures.USER_REMOVED === (removedUsers === 'cut' ? removed.length : 0),
          );
        } finally {
          for (const { client } of [...removed, ...kept]) client.socket.destroy();
        }
      });
    }
  });
}

/** A tunnel passes bytes on; a forwarded answer that never ends has not ended. */
async function assertAlive({ client }: Told, way: WayIn): Promise<void> {
  if (way === 'plain HTTP')
    return assert.ok(!client.ended && !client.closed, 'the answer is still on its way');
  client.text('word');
  assert.equal((await client.read(4)).toString(), 'word');
}

test('a user who is removed between the login and the request gets no tunnel', async () => {
  await using target = await anyTarget();
  const file = usersFile('between', `cid:${BCRYPT}`, `bob:${SCRYPT}`);
  await using proxy = await gateway({ usersFile: file.path });
  const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
  using client = await come(wish);
  assert.equal(await logIn(client, 'cid:cid-pass'), undefined);
  file.write(`bob:${SCRYPT}`);
  await eventually('he is out', async () =>
    (await outcome('CONNECT', { ...wish, login: 'cid:cid-pass' })).startsWith('407'),
  );
  client.write(socks5Request('127.0.0.1', target.port));
  assert.equal((await client.read(2))[1], 2);
});

for (const way of LOGIN_WAYS) {
  test(`${way}: a user who is removed while the target's name is resolved gets nothing from it`, async () => {
    await using target = await anyTarget();
    const removed = Promise.withResolvers<void>();
    await using dns = await DnsServer.listen(async (_, family) => {
      await removed.promise;
      return family === 4 ? ['127.0.0.1'] : [];
    });
    const file = usersFile(`resolving-${way.at(-1)}`, `cid:${BCRYPT}`, `bob:${SCRYPT}`);
    await using proxy = await gateway({ usersFile: file.path, dns: { servers: dns.address } });
    const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
    const told = ask(way, { ...wish, host: 'slow.test', login: 'cid:cid-pass', path: '/hold' });
    await eventually('the name is asked for', () => dns.asked.length > 0);
    file.write(`bob:${SCRYPT}`);
    await eventually('he is out', async () =>
      (await outcome('CONNECT', { ...wish, login: 'cid:cid-pass' })).startsWith('407'),
    );
    removed.resolve();
    using answer = await told;
    assert.notEqual(answer.word, 'granted');
  });
}

test('a broken users file keeps the users before, says why, and counts again when it is mended', async () => {
  await using target = await anyTarget();
  const file = usersFile('broken', `cid:${BCRYPT}`);
  const flags = [
    '--listen',
    '127.0.0.1:0',
    '--pool',
    '127.0.0.2-127.0.0.5',
    '--allow-private',
    '--workers',
    '2',
    '--users-file',
    file.path,
  ];
  await using gyre = await startGyre(flags);
  const wish = { proxy: gyre.port, port: target.port };
  using told = await ask('SOCKS5', { ...wish, login: 'cid:cid-pass' });
  file.write(`bob:${SCRYPT}`, 'eve:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=');
  await eventually('it says why', () => /users before stay/.test(gyre.log()));
  assert.match(gyre.log(), /broken:2: /);
  assert.ok(!gyre.log().includes('nU4eI71bcnBGqeO0t9tXvY1u5oQ'));
  assert.deepEqual(await words({ ...wish, login: 'cid:cid-pass' }), GRANTED);
  assert.deepEqual(await words({ ...wish, login: 'bob:bob-pass' }), WRONG);
  await assertAlive(told, 'SOCKS5');
  file.write(`bob:${SCRYPT}`);
  await eventually(
    'the mended file counts',
    async () => (await outcome('SOCKS5', { ...wish, login: 'bob:bob-pass' })) === 'granted',
  );
  await told.client.rest();
});

test('a list of denied clients is no less in force because nobody has to log in', async () => {
  await using target = await anyTarget();
  await using proxy = await gateway({ clients: { deny: ['127.0.0.66'] } });
  const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
  const of = (from: string): Promise<string[]> =>
    Promise.all(WAYS_IN.map((way) => outcome(way, { ...wish, from })));
  const denied = '403 this client address is not allowed';
  assert.deepEqual(await of('127.0.0.66'), ['05 02', '5b', denied, denied]);
  assert.deepEqual(await of('127.0.0.65'), ['granted', 'granted', 'granted', 'granted']);
  await eventually('they are counted', () => proxy.stats().failures.CLIENT_DENIED === 4);
});
