/** Routes that lead some addresses of the pool nowhere, on a host of the test's own. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { declareCase, missing } from '../support/program-case.ts';
import { until, World, WORLD_NEEDS } from '../support/netns-world.ts';

const GOOD = ['10.9.0.2', '10.9.0.3'];
/** Packets from here go to a station that does not exist. */
const SWALLOWED = '10.9.0.4';
const PROHIBITED = '10.9.0.5';
const UNREACHABLE = '10.9.0.6';
const BLACKHOLE = '10.9.0.7';
/** Each in a table of its own. */
const ROUTES: Readonly<Record<string, readonly string[]>> = {
  [SWALLOWED]: ['default', 'via', '10.9.0.250', 'dev', 'veth0'],
  [PROHIBITED]: ['prohibit', 'default'],
  [UNREACHABLE]: ['unreachable', 'default'],
  [BLACKHOLE]: ['blackhole', 'default'],
};
/** All that Gyre may take to connect; milliseconds. */
const DEADLINES = { socks5: 5000, http: 10_000 } as const;

const leaving = new AsyncDisposableStack();
let world: World;

before(async () => {
  if (missing(WORLD_NEEDS).length > 0) return;
  world = leaving.use(await World.create('route'));
  await world.add(...GOOD, ...Object.keys(ROUTES));
  // Nobody has this hardware address: what is sent there is gone without a word.
  await world.left.ip('neighbour', 'add', '10.9.0.250', 'lladdr', '02:00:00:00:00:fa', 'dev', 'veth0');
  for (const [index, [address, route]] of Object.entries(ROUTES).entries()) {
    const table = String(100 + index);
    await world.left.ip('route', 'add', ...route, 'table', table);
    await rule('add', address, table);
  }
});
after(() => leaving.disposeAsync());

for (const protocol of ['socks5', 'http'] as const) {
  declareCase(
    `K10: a route that swallows packets: another address within the deadline, ${protocol}`,
    WORLD_NEEDS,
    async () => {
      await using gateway = await world.gateway({ pool: [...GOOD, SWALLOWED] });
      const seen = await gateway.visit(9, { protocols: [protocol], concurrency: 9 });
      assert.ok(seen.every((address) => GOOD.includes(address)));
      const lines = await gateway.account(9);
      assert.equal(lines.filter(({ attempts }) => attempts === 2).length, 3);
      for (const { dial_ms } of lines) assert.ok(dial_ms < DEADLINES[protocol], `${dial_ms} ms`);
      // Silence may be the target's: nobody is taken out for it.
      assert.equal(gateway.said('egress is down', SWALLOWED), 0);
    },
  );
}

for (const [type, address] of [
  ['unreachable', UNREACHABLE],
  ['blackhole', BLACKHOLE],
] as const) {
  declareCase(
    `K10: a route of type ${type}: another address, and nobody is blamed`,
    WORLD_NEEDS,
    async () => {
      await using gateway = await world.gateway({ pool: [...GOOD, address], health: { failures: 2 } });
      const seen = await gateway.visit(18);
      assert.ok(seen.every((address) => GOOD.includes(address)));
      // Tried anew each time it has its turn, once, and nobody else is tried twice.
      const attempts = (await gateway.account(18)).map((line) => line.attempts);
      assert.equal(attempts.filter((count) => count === 1).length, 12);
      assert.equal(attempts.filter((count) => count === 2).length, 6);
      assert.equal(gateway.said('egress is down', address), 0);
    },
  );
}

declareCase(
  'K10: a prohibited address is ejected after as many failures as configured',
  WORLD_NEEDS,
  async () => {
    const health = { failures: 3, backoff: { first: '10m', last: '10m' } };
    await using gateway = await world.gateway({ pool: [...GOOD, PROHIBITED], health });
    // In turn, so every third connection meets it.
    await gateway.visit(9);
    assert.deepEqual((await gateway.account(9)).filter(({ attempts }) => attempts > 1).length, 3);
    await until('it is down', () => gateway.said('egress is down', PROHIBITED) === 1);
    const seen = await gateway.visit(12, { concurrency: 4 });
    assert.deepEqual(
      seen.toSorted(),
      GOOD.flatMap((address) => Array.from({ length: 6 }, () => address)),
    );
    assert.ok((await gateway.account(12)).every(({ attempts }) => attempts === 1));
  },
);

declareCase('K10: a prohibited address returns when the prohibition is lifted', WORLD_NEEDS, async () => {
  const health = { failures: 1, backoff: { first: '200ms', last: '1s' } };
  await using gateway = await world.gateway({ pool: [...GOOD, PROHIBITED], health });
  await gateway.visit(3);
  // It comes back on trial, and one failure is enough each time.
  await until('it was down twice', async () => {
    await gateway.visit(3);
    return gateway.said('egress is down', PROHIBITED) >= 2;
  });
  await rule('delete', PROHIBITED, '101');
  try {
    await until('it is used', async () => (await gateway.visit(3)).includes(PROHIBITED));
    const before = gateway.said('egress is down', PROHIBITED);
    const seen = await gateway.visit(12);
    for (const address of [...GOOD, PROHIBITED])
      assert.equal(seen.filter((seen) => seen === address).length, 4);
    assert.equal(gateway.said('egress is down', PROHIBITED), before);
  } finally {
    await rule('add', PROHIBITED, '101');
  }
});

declareCase(
  'K3: every address prohibited: the error that says so, from half of them for ever',
  WORLD_NEEDS,
  async () => {
    await using gateway = await world.gateway({ pool: PROHIBITED, health: { failures: 1 } });
    for (let i = 0; i < 4; i++) {
      const [socks] = await gateway.open(1, { protocols: ['socks5'] });
      assert.equal(socks!.refusal, 'REP 1');
      const [http] = await gateway.open(1, { protocols: ['http'] });
      assert.equal(http!.refusal, '503 this host forbids leaving from the egress address');
    }
    // The floor of the pool: better to try than to have nothing.
    assert.equal(gateway.said('egress is down', PROHIBITED), 0);
  },
);

declareCase('K3: no packet came from an address outside the pools', WORLD_NEEDS, async () => {
  const pool = [...GOOD, SWALLOWED, PROHIBITED];
  const seen = await world.assertOnlyFrom((address) => pool.includes(address));
  assert.deepEqual(seen.toSorted(), pool);
});

async function rule(change: 'add' | 'delete', address: string, table: string): Promise<void> {
  await world.left.ip('rule', change, 'from', address, 'lookup', table, 'priority', table);
}
