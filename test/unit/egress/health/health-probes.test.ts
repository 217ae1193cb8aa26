import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HealthOptions, ProbeOptions } from '../../../../src/egress/health/health.ts';
import { ABSENT, BAD, GOOD, HealthWorld, UNKNOWN } from '../../../support/health.ts';

const INTERVAL = 30_000;
const PROBE: ProbeOptions = {
  target: 'http://198.51.100.80/',
  intervalMs: INTERVAL,
  timeoutMs: 5000,
  concurrency: 16,
  rise: 2,
  fall: 3,
};
const probing = (probe: Partial<ProbeOptions> = {}): Partial<HealthOptions> => ({
  probe: { ...PROBE, ...probe },
});
const asked = (world: HealthWorld): string[] => world.probes.filter((probe) => probe.startsWith('ask'));

test('each egress in use is asked once a round, from a random moment on', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(4);
  await world.pass(INTERVAL / 2 - 50);
  assert.deepEqual(asked(world), []);
  await world.pass(100);
  assert.deepEqual(
    asked(world).sort(),
    [0, 1, 2, 3].map((slot) => `ask 192.0.2.${slot}`),
  );
  await world.pass(INTERVAL);
  assert.equal(asked(world).length, 8);
});

test('successes make a new egress up', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(2);
  world.asks.set('192.0.2.1', { verdict: 'good', publicAddress: '203.0.113.9' });
  await world.pass(INTERVAL);
  assert.equal(world.states(), 'new new');
  assert.equal(world.health.status(1)?.publicAddress, '203.0.113.9');
  await world.pass(INTERVAL);
  assert.equal(world.states(), 'up up');
});

test('failures in a row eject, and as many successes as it takes bring it back up', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(4);
  world.asks.set('192.0.2.2', BAD);
  await world.pass(2 * INTERVAL);
  assert.equal(world.table.state(2), 'new');
  await world.pass(INTERVAL);
  assert.equal(world.table.state(2), 'down');
  assert.deepEqual(
    world.messages('egress is down').map((fields) => [fields['code'], fields['reason']]),
    [['PROBE_FAILED', 'no answer in time']],
  );
  // The back-off is over by then, the target still silent.
  await world.pass(3 * INTERVAL);
  assert.equal(world.table.state(2), 'down');
  world.asks.set('192.0.2.2', GOOD);
  world.probes.length = 0;
  assert.ok((await world.until(2, 'up', 2 * INTERVAL + 500)) !== undefined);
  assert.equal(asked(world).filter((probe) => probe === 'ask 192.0.2.2').length, 2);
});

test('a success in between starts the count anew', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(4);
  for (const finding of [BAD, BAD, GOOD, BAD, BAD]) {
    world.asks.set('192.0.2.2', finding);
    await world.pass(INTERVAL);
  }
  assert.equal(world.health.status(2)?.ejections, 0);
});

test('a target that answers nobody is at fault itself, and says so once', async (t) => {
  using world = new HealthWorld(t, probing({ fall: 1 }));
  world.begin(4);
  for (let slot = 0; slot < 4; slot++) world.asks.set(`192.0.2.${slot}`, BAD);
  await world.pass(10 * INTERVAL);
  assert.equal(world.states(), 'new new new new');
  assert.equal(world.messages('the probe target answers no egress').length, 1);
  world.asks.clear();
  await world.pass(INTERVAL);
  assert.equal(world.messages('the probe target answers again').length, 1);
});

test('families are judged apart: no IPv6 at the target is nothing against the IPv6 addresses', async (t) => {
  using world = new HealthWorld(t, probing({ fall: 1, target: 'tcp://probe.test:443' }));
  world.begin(4, (slot) => ({ family: slot < 2 ? 4 : 6 }));
  for (const slot of [1, 2, 3]) world.asks.set(`192.0.2.${slot}`, BAD);
  await world.pass(INTERVAL);
  assert.equal(world.states(), 'new down new new');
});

test('an address as target is asked by its own family only', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(4, (slot) => ({ family: slot < 2 ? 4 : 6 }));
  await world.pass(INTERVAL);
  assert.deepEqual(asked(world).sort(), ['ask 192.0.2.0', 'ask 192.0.2.1']);
  // And the others come back without it.
  world.fail(2, 5);
  assert.ok((await world.until(2, 'new', 6000)) !== undefined);
});

test('whoever fails first in a round is judged when another succeeds', async (t) => {
  for (const random of [0, 0.3, 0.6, 0.99]) {
    using world = new HealthWorld(t, probing({ fall: 1, concurrency: 1 }));
    world.begin(4);
    world.random = random;
    world.asks.set('192.0.2.0', BAD);
    world.asks.set('192.0.2.3', BAD);
    await world.pass(INTERVAL * 1.1);
    assert.equal(world.states(), 'down new new down');
    t.mock.timers.reset();
  }
});

test('the floor holds for probes as well', async (t) => {
  using world = new HealthWorld(t, probing({ fall: 1 }));
  world.begin(4);
  for (const slot of [1, 2, 3]) world.asks.set(`192.0.2.${slot}`, BAD);
  await world.pass(INTERVAL);
  assert.equal(world.states().match(/down/g)?.length, 2);
  assert.equal(world.table.usable(0), true);
  assert.equal(world.messages('held by the floor').length, 1);
});

test('what says nothing about the egress counts neither way', async (t) => {
  using world = new HealthWorld(t, probing({ fall: 1, rise: 1 }));
  world.begin(4);
  world.asks.set('192.0.2.1', UNKNOWN);
  await world.pass(4 * INTERVAL);
  assert.equal(world.states(), 'up new up up');
});

test('a probe that finds the address gone ejects at once', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(2);
  for (const slot of [0, 1]) {
    world.asks.set(`192.0.2.${slot}`, ABSENT);
    world.binds.set(`192.0.2.${slot}`, ABSENT);
  }
  await world.pass(INTERVAL);
  assert.equal(world.states(), 'down down');
});

test('ejected by connections, it must be bound and asked before it is tried again', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(4);
  await world.pass(INTERVAL);
  world.fail(1, 5);
  world.asks.set('192.0.2.1', BAD);
  world.probes.length = 0;
  await world.pass(3 * INTERVAL);
  assert.equal(world.table.state(1), 'down');
  assert.deepEqual(world.probes.filter((probe) => probe.endsWith('.1')).slice(0, 4), [
    'bind 192.0.2.1',
    'ask 192.0.2.1',
    'bind 192.0.2.1',
    'ask 192.0.2.1',
  ]);
  world.asks.set('192.0.2.1', GOOD);
  assert.ok((await world.until(1, 'new', INTERVAL * 1.1 + 500)) !== undefined);
  // Probes alone do not make it up: connections had failed where probes went through.
  await world.pass(4 * INTERVAL);
  assert.equal(world.table.state(1), 'new');
  world.fail(1);
  assert.equal(world.table.state(1), 'down');
});

test('half-open, a single failed probe sends it back', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(4);
  world.fail(1, 5);
  await world.until(1, 'new', 6000);
  world.asks.set('192.0.2.1', BAD);
  await world.pass(INTERVAL);
  assert.equal(world.table.state(1), 'down');
  assert.equal(world.health.status(1)?.ejections, 2);
});

test('a silent target keeps nobody out who can be bound', async (t) => {
  using world = new HealthWorld(t, probing());
  world.begin(2);
  for (const slot of [0, 1]) world.asks.set(`192.0.2.${slot}`, BAD);
  await world.pass(2 * INTERVAL);
  world.lose(0);
  world.lose(1);
  await world.pass(3000);
  assert.equal(world.states(), 'new new');
});

test('no more probes at once than allowed, returning ones included', async (t) => {
  using world = new HealthWorld(t, probing({ concurrency: 3 }));
  world.begin(100);
  const release = Promise.withResolvers<void>();
  // Binds are free, only asking waits.
  world.holdAsks = release.promise;
  for (let slot = 0; slot < 40; slot++) world.fail(slot, 5);
  await world.pass(2 * INTERVAL);
  assert.equal(asked(world).length, 3);
  release.resolve();
  await world.pass(2 * INTERVAL);
  assert.equal(new Set(asked(world)).size, 100);
});

test('a failure on the way back means beginning again', async (t) => {
  using world = new HealthWorld(t, probing({ fall: 1 }));
  world.begin(4);
  world.asks.set('192.0.2.2', BAD);
  await world.pass(INTERVAL);
  assert.equal(world.table.state(2), 'down');
  const asks = (): number => asked(world).filter((probe) => probe.endsWith('.2')).length;
  for (const finding of [GOOD, BAD, GOOD]) {
    world.asks.set('192.0.2.2', finding);
    const before = asks();
    while (asks() === before) await world.pass(50);
    assert.equal(world.table.state(2), 'down');
  }
  assert.ok((await world.until(2, 'up', INTERVAL * 1.1 + 500)) !== undefined);
});

test('stopped in the midst of a round, nobody is asked any more', async (t) => {
  using world = new HealthWorld(t, probing({ concurrency: 2 }));
  world.begin(4);
  const release = Promise.withResolvers<void>();
  world.holdAsks = release.promise;
  await world.pass(INTERVAL);
  assert.equal(asked(world).length, 2);
  world.health.stop();
  release.resolve();
  await world.pass(3 * INTERVAL);
  assert.equal(asked(world).length, 2);
});

test('a target nobody could ask is refused', (t) => {
  assert.throws(() => new HealthWorld(t, probing({ target: 'https://198.51.100.80/' })), TypeError);
});
