/** Those who guess passwords slow nobody down, learn nothing, and leave nothing behind. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import bcrypt from 'bcryptjs';
import { buildAuthenticator } from '../../src/policy/auth.ts';
import { Logins } from '../../src/policy/limits/logins.ts';
import { limitMemory } from '../../src/policy/limits/memory.ts';
import { hashPassword } from '../../src/policy/password.ts';
import type { UserOption } from '../../src/runtime/config/options.ts';
import { come, httpHead, outcome, type WayIn } from '../support/four-ways.ts';
import { eventually } from '../support/gateway.ts';
import { gatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { quantile, Visitors } from '../support/visits.ts';

const MIB = 2 ** 20;
const GUESSES = 10_000;
/** Clients that guess at the same time. */
const CONCURRENCY = 100;
/**
 * What known users may be slowed down by, the median and the slowest of a hundred; milliseconds. The guessers, the good users
 * and the proxy share one machine, and every guess is to cost it something.
 */
const SLOWER_MS = { p50: 50, p99: 1000 } as const;

/** Of `sue-pass`, at a small part of the usual cost: ten thousand guesses shall take seconds. */
const CHEAP_SCRYPT =
  '$scrypt$ln=10,r=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$FjF2I9tH3EoGEbA8Cr1hbPlwoq0MgVWjdbM18ur6lWI';
const CHEAP_BCRYPT = bcrypt.hashSync('bea-pass', 4);

const random = (): string => randomBytes(6).toString('hex');
/** Addresses of loopback, each another one. */
const host = (net: number, n: number): string => `127.${net}.${n >> 8}.${n & 255}`;

/** Wrong passwords, most of them for names that nobody has. @returns how often each answer was given. */
async function guess(
  proxy: number,
  count: number,
  from: (n: number) => string,
): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  let next = 0;
  const guesser = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const way: WayIn = n % 2 === 0 ? 'SOCKS5' : 'CONNECT';
      // Not so often that the name itself is locked for newcomers.
      const name = n % 200 === 0 ? 'pat' : random();
      const word = await outcome(way, { proxy, port: 1, login: `${name}:${random()}`, from: from(n) });
      const kind = word.replace(/ in \d+ s$/, '');
      answers.set(kind, (answers.get(kind) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, guesser));
  return answers;
}

/** What guessers may hear, and no more. */
const ALLOWED: ReadonlySet<string> = new Set([
  '01 01',
  '407 Proxy Authentication Required',
  '429 too many wrong passwords from this client address: try again',
  '429 too many logins of this client address are being checked',
  '503 too many logins are being checked',
]);

/** Everybody's password is `NAME-pass`, without the number. */
const USERS: UserOption[] = [
  { name: 'pat', password: 'pat-pass' },
  ...Array.from({ length: 400 }, (_, n) => ({ name: `sue${n}`, passwordHash: CHEAP_SCRYPT })),
  ...Array.from({ length: 400 }, (_, n) => ({ name: `bea${n}`, passwordHash: CHEAP_BCRYPT })),
];
const NEWCOMERS = Array.from({ length: 800 }, (_, n) =>
  n % 2 === 0 ? `sue${n >> 1}:sue-pass` : `bea${n >> 1}:bea-pass`,
);

for (const [who, from] of [
  ['one address', () => '127.9.9.9'],
  ['250 addresses', (n: number) => host(9, n % 250)],
  ['10,000 addresses', (n: number) => host(9, n)],
] as const) {
  test(`${GUESSES} wrong passwords of ${who}: good users, known and new, come in as before`, async (t) => {
    await using proxy = await gatewayProcess({ workers: 2, users: USERS });
    const port = proxy.ports[0]!;
    await using known = await Visitors.start({
      port,
      logins: ['pat:pat-pass', 'sue399:sue-pass'],
      pauseMs: 10,
    });
    const quiet = (await known.many(200)).took;
    // Each with a name that nobody has come in by yet, from an address that nobody has come from.
    const from2 = Array.from({ length: 800 }, (_, n) => host(8, n));
    await using fresh = await Visitors.start({ port, logins: NEWCOMERS, from: from2, pauseMs: 10 });
    await known.take();
    await fresh.take();
    const answers = await guess(port, GUESSES, from);
    const [ofKnown, ofFresh] = [await known.take(), await fresh.take()];
    t.diagnostic(`quiet: ${inWords(quiet)}; known: ${inWords(ofKnown.took)}; new: ${inWords(ofFresh.took)}`);
    t.diagnostic(JSON.stringify(Object.fromEntries(answers)));
    assert.deepEqual(
      [...answers.keys()].filter((word) => !ALLOWED.has(word)),
      [],
    );
    assert.deepEqual([...ofKnown.failed, ...ofFresh.failed], []);
    assert.ok(ofKnown.took.length > 20 && ofFresh.took.length > 20, 'there were good users meanwhile');
    for (const [name, share] of [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const) {
      const [now, before] = [quantile(ofKnown.took, share), quantile(quiet, share)];
      const most = Math.max(2 * before, before + SLOWER_MS[name]);
      assert.ok(now <= most, `${name}: ${now.toFixed(1)} ms, and ${before.toFixed(1)} ms when it is quiet`);
    }
    if (who === 'one address')
      assert.ok(answers.get('407 Proxy Authentication Required')! <= 100 + CONCURRENCY);
  });
}

const inWords = (took: readonly number[]): string =>
  `${took.length} logins, p50 ${quantile(took, 0.5).toFixed(1)}, p99 ${quantile(took, 0.99).toFixed(1)} ms`;

test('guesses at a name lock out newcomers by that name, and nobody who has come in by it before', async () => {
  await using proxy = await gatewayProcess({
    workers: 2,
    users: USERS,
    limits: { logins: { failures: 10 } },
  });
  const port = proxy.ports[0]!;
  const good = { proxy: port, port: 1, login: 'pat:pat-pass' };
  const told = (from: string): Promise<string> => outcome('CONNECT', { ...good, from });
  const REFUSED = '502 the target refused the connection';
  assert.equal(await told('127.0.0.1'), REFUSED);
  for (let n = 0; n < 10; n++)
    assert.match(await outcome('CONNECT', { ...good, login: 'pat:x', from: host(9, n) }), /^407/);
  assert.match(
    await told('127.0.0.2'),
    /^429 too many wrong passwords for this user name: try again in \d+ s$/,
  );
  assert.equal(await outcome('SOCKS5', { ...good, from: '127.0.0.2' }), '01 01');
  assert.equal(await told('127.0.0.1'), REFUSED);
  // A name that nobody has is no different.
  for (let n = 0; n < 10; n++)
    assert.match(await outcome('CONNECT', { ...good, login: 'eve:x', from: host(9, n) }), /^407/);
  assert.match(
    await outcome('CONNECT', { ...good, login: 'eve:y', from: '127.0.0.2' }),
    /^429 .* for this user name/,
  );
});

test('at the usual cost of a hash: a newcomer waits for one guess of each, not for all of them', async () => {
  const passwordHash = await hashPassword('sue-pass');
  await using proxy = await gatewayProcess({ workers: 2, users: [{ name: 'sue', passwordHash }] });
  const port = proxy.ports[0]!;
  const guessing = new AbortController();
  const guessers = Array.from({ length: 20 }, async (_, n) => {
    const wish = { proxy: port, port: 1, from: host(9, n) };
    while (!guessing.signal.aborted)
      await outcome('SOCKS5', { ...wish, login: `${random()}:x` }).catch(() => guessing.abort());
  });
  try {
    await eventually('they guess', async () => (await proxy.report()).stats.accepted > 40);
    for (let n = 0; n < 3; n++) {
      const word = await outcome('CONNECT', {
        proxy: port,
        port: 1,
        login: 'sue:sue-pass',
        from: host(8, n),
      });
      assert.equal(word, '502 the target refused the connection');
    }
    assert.ok(!guessing.signal.aborted);
  } finally {
    guessing.abort();
    await Promise.all(guessers);
  }
});

describe('random names leave nothing behind', () => {
  const gc = ((): (() => void) => {
    setFlagsFromString('--expose-gc');
    return runInNewContext('gc') as () => void;
  })();

  test('100,000 over sockets', async (t) => {
    // No limit is reached, so that every name is looked up, and counted.
    const logins = { failures: 1_000_000_000 };
    await using proxy = await gatewayProcess({ workers: 2, users: USERS.slice(0, 1), limits: { logins } });
    await names(proxy, 50_000);
    const before = (await proxy.hold(0)).rss;
    await names(proxy, 50_000);
    const { rss, stats } = await proxy.hold(0);
    t.diagnostic(`${(before / MIB).toFixed()} MiB, then ${(rss / MIB).toFixed()} MiB`);
    assert.equal(stats.failures.BAD_CREDENTIALS >= 100_000 / 3, true);
    assert.ok(rss - before < 64 * MIB, `${((rss - before) / MIB).toFixed()} MiB more`);
  });

  test('1,000,000 without sockets', async (t) => {
    const terms = { logins: { failures: 1_000_000_000, perMs: 60_000, banMs: 60_000 } };
    const counts = new Logins(limitMemory({ perListener: [{}] }), terms);
    const auth = buildAuthenticator([{ name: 'pat', password: 'pat-pass' }], { logins: counts });
    const flood = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        const credentials = {
          name: n % 2 === 0 ? random() : `${random()}-session-${random()}`,
          password: random(),
        };
        assert.equal(await auth.verify(credentials, host(9, n & 0xffff)), undefined);
      }
    };
    const used = (): number => {
      gc();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    await flood(100_000);
    const before = used();
    await flood(900_000);
    const more = used() - before;
    t.diagnostic(`${(more / MIB).toFixed(1)} MiB more`);
    assert.ok(more < 4 * MIB, `${(more / MIB).toFixed(1)} MiB more`);
    auth.close();
  });
});

/** Three names a connection: more are not answered on one. */
async function names(proxy: GatewayProcess, count: number): Promise<void> {
  let left = count;
  const client = async (): Promise<void> => {
    while ((left -= 3) > -3) {
      const { socket } = await come({ proxy: proxy.ports[0]!, from: host(9, left & 0xffff) });
      socket.removeAllListeners('data');
      for (let i = 0; i < 3; i++) {
        socket.write(httpHead('CONNECT 127.0.0.1:1 HTTP/1.1', `${random()}:${random()}`));
        const [answer] = (await once(socket, 'data')) as [Buffer];
        assert.equal(answer.toString('latin1', 0, 12), 'HTTP/1.1 407');
      }
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
}
