import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HealthOptions } from '../../../../src/egress/health/health.ts';
import { ABSENT, BAD, HealthWorld, member, UNKNOWN } from '../../../support/health.ts';

const probing: Partial<HealthOptions> = {
  probe: {
    target: 'http://198.51.100.80/',
    intervalMs: 30_000,
    timeoutMs: 5000,
    concurrency: 16,
    rise: 2,
    fall: 1,
  },
};
/** All of the pool may be ejected. */
const NO_FLOOR: Partial<HealthOptions> = { floor: 0 };

test('who is drained is out at once, for all threads, until somebody puts it back', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  const { byHand } = world.health;
  assert.equal(byHand.drain(1), true);
  assert.deepEqual([world.table.usable(1), world.health.status(1)?.byHand], [false, 'drain']);
  await world.pass(50);
  assert.equal(world.published.length, 1);
  await world.pass(600_000);
  assert.equal(world.states(), 'new out new new');
  assert.equal(byHand.undrain(1), true);
  assert.deepEqual([world.table.usable(1), world.health.status(1)?.byHand], [true, undefined]);
  assert.equal(world.states(), 'new new new new');
});

test('drained stays drained, whatever connections that are under way meet, and whoever comes or goes', async (t) => {
  using world = new HealthWorld(t);
  const members = world.begin(4);
  world.health.byHand.drain(1);
  world.fail(1, 20);
  world.lose(1);
  world.health.ejected(1, 'EGRESS_NOT_ON_HOST');
  world.table.succeeded(1);
  world.table.setState(9, 'new');
  world.health.membership([...members, member(9)]);
  await world.pass(20_000);
  assert.equal(world.table.state(1), 'out');
  assert.deepEqual(world.messages('egress is down'), []);
});

test('who is down can be drained, and comes back as new', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 5);
  world.health.byHand.drain(1);
  await world.pass(60_000);
  assert.equal(world.table.state(1), 'out');
  assert.equal(world.health.status(1)?.retryAt, undefined);
  world.health.byHand.undrain(1);
  assert.equal(world.table.state(1), 'new');
  // A fresh start: it takes as many failures as for anybody else.
  world.table.succeeded(1);
  world.fail(1, 4);
  assert.equal(world.table.state(1), 'up');
  world.fail(1, 1);
  assert.equal(world.table.state(1), 'down');
});

test('the floor is a share of those who are not drained', (t) => {
  using world = new HealthWorld(t);
  const members = world.begin(4);
  const { byHand } = world.health;
  byHand.drain(0);
  byHand.drain(1);
  // Also after the members were counted anew.
  world.health.membership(members);
  world.fail(2, 5);
  world.fail(3, 5);
  assert.equal(world.states(), 'out out down new');
  byHand.undrain(0);
  byHand.undrain(1);
  world.fail(3, 1);
  assert.equal(world.states(), 'new new down down');
});

test('draining twice and putting back who was never out change nothing', (t) => {
  using world = new HealthWorld(t);
  world.begin(3);
  const { byHand } = world.health;
  byHand.undrain(0);
  byHand.drain(1);
  byHand.drain(1);
  assert.equal(world.states(), 'new out new');
  byHand.undrain(1);
  byHand.undrain(1);
  assert.equal(world.states(), 'new new new');
  assert.equal(world.messages('egress is drained').length, 1);
  // The floor has not lost count: half of three may go.
  for (const slot of [0, 1, 2]) world.fail(slot, 5);
  assert.equal(world.states(), 'down new new');
});

test('who is ejected by hand comes back by itself, after the back-off', async (t) => {
  using world = new HealthWorld(t);
  world.begin(2);
  const { byHand } = world.health;
  assert.equal(byHand.eject(0), true);
  assert.equal(byHand.eject(1), true);
  assert.equal(world.states(), 'down down');
  assert.equal(byHand.eject(1), true);
  const { byHand: why, ejections, retryAt, lastError } = world.health.status(1)!;
  assert.deepEqual([why, ejections, retryAt, lastError], ['eject', 1, 1_005_000, 'ejected by hand']);
  assert.equal(await world.until(1, 'new', 10_000), 5000);
  assert.equal(world.health.status(1)?.byHand, undefined);
});

test('who is drained cannot be ejected, and nothing can be done to who is no member', async (t) => {
  using world = new HealthWorld(t);
  world.begin(2);
  const { byHand } = world.health;
  byHand.drain(1);
  assert.equal(byHand.eject(1), false);
  assert.deepEqual(
    [byHand.drain(7), byHand.undrain(7), byHand.eject(7), await byHand.probe(7)],
    [false, false, false, false],
  );
  assert.equal(world.states(), 'new out');
});

test('a probe without a target binds the address; one that is not on the host goes', async (t) => {
  using world = new HealthWorld(t);
  world.begin(3);
  world.binds.set('192.0.2.1', ABSENT);
  world.binds.set('192.0.2.2', UNKNOWN);
  for (const slot of [0, 1, 2]) assert.equal(await world.health.byHand.probe(slot), true);
  assert.deepEqual(world.probes, ['bind 192.0.2.0', 'bind 192.0.2.1', 'bind 192.0.2.2']);
  assert.equal(world.states(), 'new down new');
  assert.deepEqual(
    [0, 1, 2].map((slot) => world.health.status(slot)?.lastError),
    [undefined, 'EADDRNOTAVAIL', 'EMFILE'],
  );
});

test('a probe asks the target where there is one, and counts when the target is known to answer', async (t) => {
  using world = new HealthWorld(t, probing);
  world.begin(4);
  const { byHand } = world.health;
  world.asks.set('192.0.2.1', BAD);
  await byHand.probe(1);
  // It has answered nobody yet: that may be its own fault.
  assert.deepEqual([world.table.state(1), world.health.status(1)?.lastError], ['new', 'no answer in time']);
  world.asks.set('192.0.2.0', { verdict: 'good', publicAddress: '203.0.113.9' });
  await byHand.probe(0);
  await byHand.probe(0);
  assert.deepEqual([world.table.state(0), world.health.status(0)?.publicAddress], ['up', '203.0.113.9']);
  await byHand.probe(1);
  assert.equal(world.table.state(1), 'down');
});

test('a good probe forgets the last error', async (t) => {
  using world = new HealthWorld(t);
  world.begin(2);
  world.fail(1, 1);
  assert.notEqual(world.health.status(1)?.lastError, undefined);
  await world.health.byHand.probe(1);
  assert.equal(world.health.status(1)?.lastError, undefined);
});

test('a probe of one that is down examines it now: it may come back before its time', async (t) => {
  using world = new HealthWorld(t, NO_FLOOR);
  world.begin(2);
  world.fail(1, 5);
  await world.health.byHand.probe(1);
  assert.equal(world.table.state(1), 'new');
  world.binds.set('192.0.2.0', ABSENT);
  world.lose(0);
  await world.health.byHand.probe(0);
  assert.equal(world.table.state(0), 'down');
});

test('a probe of one that is drained says how it is, and leaves it out', async (t) => {
  using world = new HealthWorld(t);
  world.begin(2);
  world.health.byHand.drain(1);
  world.binds.set('192.0.2.1', ABSENT);
  await world.health.byHand.probe(1);
  assert.deepEqual([world.table.state(1), world.health.status(1)?.lastError], ['out', 'EADDRNOTAVAIL']);
});

test('other options count from now on, and what is known of members stays', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 5);
  world.fail(0, 2);
  world.health.configure({ failures: 3, floor: 0, backoffMs: { first: 1000, last: 1000 } });
  assert.equal(world.states(), 'new down new new');
  world.fail(0, 1);
  assert.equal(world.states(), 'down down new new');
  assert.equal(await world.until(0, 'new', 5000), 1000);
  assert.equal(world.table.state(1), 'down');
  for (const slot of [2, 3]) world.fail(slot, 3);
  assert.equal(world.states(), 'new down down down');
});

test('probes begin, change and end with the options', async (t) => {
  using world = new HealthWorld(t);
  world.begin(2);
  const { backoffMs } = { backoffMs: { first: 5000, last: 300_000 } };
  const configure = (more: Partial<HealthOptions>): void =>
    world.health.configure({ failures: 5, floor: 0.5, backoffMs, ...more });
  await world.pass(30_000);
  assert.deepEqual(world.probes, []);
  configure(probing);
  await world.pass(30_000);
  assert.equal(world.probes.length, 2);
  configure(probing);
  assert.throws(() => configure({ probe: { ...probing.probe!, target: 'nonsense' } }), TypeError);
  await world.pass(30_000);
  assert.equal(world.probes.length, 4);
  configure({});
  await world.pass(90_000);
  assert.equal(world.probes.length, 4);
});
