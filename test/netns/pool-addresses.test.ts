/** Addresses that leave the host under live tunnels, and come back, on a host of the test's own. */
import assert from 'node:assert/strict';
import { after, before, beforeEach } from 'node:test';
import { declareCase, missing } from '../support/program-case.ts';
import { OUTSIDE, TARGET, TARGET_6, until, World, WORLD_NEEDS } from '../support/netns-world.ts';

const FOURS = ['10.9.0.2', '10.9.0.3', '10.9.0.4'];
const SIXES = ['2001:db8:ffff::2', '2001:db8:ffff::3', '2001:db8:ffff::4'];
/** Only ever on the interface for a while. */
const LATE = '10.9.0.9';

const leaving = new AsyncDisposableStack();
let world: World;

before(async () => {
  if (missing(WORLD_NEEDS).length > 0) return;
  world = leaving.use(await World.create('addr'));
});
beforeEach(async () => {
  if (missing(WORLD_NEEDS).length === 0) await world.add(...FOURS, ...SIXES);
});
after(() => leaving.disposeAsync());

for (const [family, pool, host] of [
  ['IPv4', FOURS, TARGET],
  ['IPv6', SIXES, TARGET_6],
] as const) {
  const [lost, ...kept] = pool;

  declareCase(
    `K1, K2: an ${family} address deleted under live tunnels is avoided, and returns`,
    WORLD_NEEDS,
    async () => {
      await using gateway = await world.gateway({ pool });
      const tunnels = await gateway.open(12, { host, hold: true });
      const onKept = tunnels.filter(({ seen }) => kept.includes(seen!));
      const onLost = tunnels.filter(({ seen }) => seen === lost);
      assert.deepEqual([onKept.length, onLost.length], [8, 4]);
      await world.remove(lost!);

      // One connection meets it, and fails over; from then on nobody picks it.
      const meanwhile = await gateway.visit(30, { host });
      assert.deepEqual([...new Set(meanwhile)].toSorted(), kept);
      const lines = await gateway.account(30);
      const failedOver = lines.flatMap(({ attempts }, index) => (attempts === 2 ? [index] : []));
      assert.equal(failedOver.length, 1);
      assert.ok(failedOver[0]! < 3);
      assert.equal(lines.filter(({ attempts }) => attempts === 1).length, 29);
      assert.equal((await gateway.alive(onKept)).length, 8, 'a tunnel on another address was cut');
      assert.equal(gateway.said('egress is down', lost!), 1);

      await world.add(lost!);
      await until(`${lost} is used again`, async () => (await gateway.visit(3, { host })).includes(lost!));
      const again = await gateway.visit(12, { host });
      for (const address of pool) assert.equal(again.filter((seen) => seen === address).length, 4);
      assert.equal((await gateway.alive(onKept)).length, 8, 'a tunnel on another address was cut');
      // Gyre has not cut these either: the network gave them back.
      assert.equal((await gateway.alive(onLost)).length, 4);
      assert.equal(gateway.said('egress is down', lost!), 1, 'it flapped');
      assert.equal(gateway.said('egress is back', lost!), 1);
      await gateway.end(tunnels);
    },
  );
}

declareCase(
  'K1: an address deleted while many connect at once: none of them fails',
  WORLD_NEEDS,
  async () => {
    await using gateway = await world.gateway({ pool: FOURS });
    const [lost] = FOURS;
    for (let round = 1; round <= 2; round++) {
      const visits = [gateway.visit(400, { concurrency: 8 }), gateway.visit(3)];
      await world.remove(lost!);
      await until('it is down', () => gateway.said('egress is down', lost!) === round);
      // What connected just before the deletion stands still until then.
      await world.add(lost!);
      await Promise.all(visits);
      await until('it is used again', async () => (await gateway.visit(3)).includes(lost!));
    }
  },
);

declareCase('K3: all addresses deleted: a clear error, until one is back', WORLD_NEEDS, async () => {
  await using gateway = await world.gateway({ pool: FOURS });
  for (const address of FOURS) await world.remove(address);
  for (let i = 0; i < 4; i++) {
    const [socks] = await gateway.open(1, { protocols: ['socks5'] });
    assert.equal(socks!.refusal, 'REP 1');
    const [http] = await gateway.open(1, { protocols: ['http'] });
    assert.match(
      http!.refusal!,
      /^503 (the egress address is not on this host|no egress address available)$/,
    );
  }
  await world.add(...FOURS);
  await until('all are used again', async () => {
    const seen = new Set((await gateway.open(6)).map((trip) => trip.seen));
    return FOURS.every((address) => seen.has(address));
  });
});

declareCase(
  'K11: an interface as the pool: what is added is used, what is deleted is not',
  WORLD_NEEDS,
  async () => {
    await using gateway = await world.gateway({ pool: ['interface:veth0', `!${OUTSIDE}`] });
    assert.deepEqual([...new Set(await gateway.visit(9))].toSorted(), FOURS);
    await world.add(LATE);
    await until(`${LATE} is used`, async () => (await gateway.visit(4)).includes(LATE));
    const tunnels = await gateway.open(8, { hold: true });
    const onKept = tunnels.filter(({ seen }) => seen !== LATE);
    await world.remove(LATE);
    for (const seen of await gateway.visit(40, { concurrency: 4 })) assert.ok(FOURS.includes(seen));
    assert.equal((await gateway.alive(onKept)).length, 6);
  },
);

declareCase('K3: no packet came from an address outside the pools', WORLD_NEEDS, async () => {
  const pool = [...FOURS, ...SIXES, LATE];
  const seen = await world.assertOnlyFrom((address) => pool.includes(address));
  assert.deepEqual(seen.toSorted(), pool.toSorted());
});
