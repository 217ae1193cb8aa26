/** Few ports for many tunnels, on a host of the test's own. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { Trip } from '../support/netns-client.ts';
import { declareCase, missing } from '../support/program-case.ts';
import { sources, until, World, WORLD_NEEDS } from '../support/netns-world.ts';

const POOL = ['10.9.0.2', '10.9.0.3', '10.9.0.4'] as const;
const NO_PORT = '503 the egress address has no free port';

const leaving = new AsyncDisposableStack();
let world: World;

before(async () => {
  if (missing(WORLD_NEEDS).length > 0) return;
  world = leaving.use(await World.create('port'));
  await world.add(...POOL);
  await world.left.sysctl('net/ipv4/ip_local_port_range', '40000 40099');
});
after(() => leaving.disposeAsync());

declareCase(
  'K12: 100 ports carry 200 tunnels at once from one address to two destinations',
  WORLD_NEEDS,
  async () => {
    const [pool] = POOL;
    await using gateway = await world.gateway({ pool, ports: 'own' });
    const tunnels: Trip[][] = [[], []];
    for (let step = 0; step < 4; step++) {
      for (const [index, port] of [7001, 7002].entries()) {
        tunnels[index]!.push(...(await gateway.open(25, { port, concurrency: 8, hold: true })));
      }
    }
    for (const trips of tunnels) {
      assert.deepEqual(new Set(sources(trips)), new Set([pool]));
      const ports = new Set(trips.map(({ port }) => port!));
      assert.equal(ports.size, 100);
      for (const port of ports) assert.ok(port >= 40_000 && port <= 40_099, `${port} is outside the range`);
    }
    assert.equal((await gateway.alive(tunnels.flat())).length, 200);

    for (const port of [7001, 7002]) {
      const [socks] = await gateway.open(1, { port, protocols: ['socks5'] });
      assert.equal(socks!.refusal, 'REP 1');
      const [http] = await gateway.open(1, { port, protocols: ['http'] });
      assert.equal(http!.refusal, NO_PORT);
    }
    assert.equal(gateway.said('egress is down', pool), 0);

    // A port that was given back serves again.
    const [ended, ...others] = tunnels[0]!;
    await gateway.end([ended!]);
    await until(
      'the port is used again',
      async () => (await gateway.open(1, { hold: true }))[0]!.port === ended!.port,
    );
    assert.equal((await gateway.alive([...others, ...tunnels[1]!])).length, 199);
  },
);

declareCase(
  'K12: an address that is out of ports leaves its connections to the next one',
  WORLD_NEEDS,
  async () => {
    const pool = [POOL[1], POOL[2]];
    await using gateway = await world.gateway({ pool, ports: 'own' });
    const tunnels = await gateway.open(200, { concurrency: 8, hold: true });
    for (const address of pool) assert.equal(sources(tunnels).filter((seen) => seen === address).length, 100);
    await gateway.end(tunnels.filter(({ seen }) => seen === POOL[2]));
    const more = await gateway.visit(20);
    assert.deepEqual(new Set(more), new Set([POOL[2]]));
    assert.equal(gateway.said('egress is down', POOL[1]), 0);
  },
);

declareCase('K3: no packet came from an address outside the pools', WORLD_NEEDS, async () => {
  const seen = await world.assertOnlyFrom((address) => (POOL as readonly string[]).includes(address));
  assert.deepEqual(seen.toSorted(), POOL);
});
