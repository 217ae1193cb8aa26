/** Sticky sessions whose address leaves the host and comes back, on a host of the test's own. */
import assert from 'node:assert/strict';
import { after, before, beforeEach } from 'node:test';
import { declareCase, missing } from '../support/program-case.ts';
import { until, World, WORLD_NEEDS, type Gateway } from '../support/netns-world.ts';

const POOL = ['10.9.0.2', '10.9.0.3', '10.9.0.4'];

const leaving = new AsyncDisposableStack();
let world: World;

before(async () => {
  if (missing(WORLD_NEEDS).length > 0) return;
  world = leaving.use(await World.create('session'));
});
beforeEach(async () => {
  if (missing(WORLD_NEEDS).length === 0) await world.add(...POOL);
});
after(() => leaving.disposeAsync());

declareCase(
  'K6: the address of a session dies: the session moves once, and stays there',
  WORLD_NEEDS,
  async () => {
    // Every connection to this listener is of one session.
    await using gateway = await world.gateway({ pool: POOL, sessions: { by: 'port' } });
    const first = await onlyAddress(gateway);
    await world.remove(first);
    const second = await onlyAddress(gateway);
    assert.notEqual(second, first);
    await world.add(first);
    await until('it is back', () => gateway.said('egress is back', first) === 1);
    assert.equal(await onlyAddress(gateway), second, 'it flapped');
  },
);

declareCase('K6: the address of a strict session dies: errors until it is back', WORLD_NEEDS, async () => {
  await using gateway = await world.gateway({ pool: POOL, sessions: { by: 'port', strict: true } });
  const first = await onlyAddress(gateway);
  await world.remove(first);
  for (let i = 0; i < 4; i++) {
    const [socks] = await gateway.open(1, { protocols: ['socks5'] });
    assert.equal(socks!.refusal, 'REP 1');
    const [http] = await gateway.open(1, { protocols: ['http'] });
    assert.match(
      http!.refusal!,
      /^503 (the egress address is not on this host|the session has lost its egress address)$/,
    );
  }
  await world.add(first);
  await until('it is back', async () => (await gateway.open(1))[0]!.seen === first);
  assert.equal(await onlyAddress(gateway), first);
});

declareCase('K3: no packet came from an address outside the pool', WORLD_NEEDS, async () => {
  await world.assertOnlyFrom((address) => POOL.includes(address));
});

/** @returns where ten connections, some at once, come from: all from the same address. */
async function onlyAddress(gateway: Gateway): Promise<string> {
  const seen = new Set(await gateway.visit(10, { concurrency: 3 }));
  assert.equal(seen.size, 1, [...seen].join(' '));
  return [...seen][0]!;
}
