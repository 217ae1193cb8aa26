import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURES, type FailureCode } from '../../../../src/errors.ts';
import { ABSENT, GOOD, HealthWorld, member, UNKNOWN } from '../../../support/health.ts';

/** A tick comes four times a second. */
const TICK = 250;

test('failures in a row eject, one fewer does not', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 4);
  assert.equal(world.states(), 'new new new new');
  world.fail(1);
  assert.equal(world.states(), 'new down new new');
  const [fields] = world.messages('egress is down');
  assert.deepEqual(fields, {
    egress: '192.0.2.1',
    code: 'EGRESS_FORBIDDEN',
    reason: FAILURES.EGRESS_FORBIDDEN.reason,
    retry_ms: 5000,
  });
});

test('a success in between starts the count anew', (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 4);
  world.table.succeeded(1);
  world.fail(1, 4);
  assert.equal(world.states(), 'new up new new');
});

test('only what is blamed on the egress counts', (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  for (const [code, { blame }] of Object.entries(FAILURES)) {
    if (blame !== 'egress') world.health.failed(1, code as FailureCode, 1000);
  }
  assert.equal(world.states(), 'new new new new');
  assert.equal(world.health.status(1)?.lastError, undefined);
});

test('an ejected egress returns after the back-off, half-open, and a success makes it up', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 5);
  await world.pass(4900);
  assert.equal(world.table.state(1), 'down');
  assert.deepEqual(world.probes, []);
  await world.pass(100 + TICK);
  assert.equal(world.table.state(1), 'new');
  assert.deepEqual(world.probes, ['bind 192.0.2.1']);
  assert.equal(world.table.failures(1), 0);
  world.table.succeeded(1);
  await world.pass(TICK);
  assert.deepEqual(world.messages('egress is up'), [{ egress: '192.0.2.1' }]);
  world.fail(1, 4);
  assert.equal(world.table.state(1), 'up');
});

test('half-open, a single failure sends it back for twice as long', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 5);
  const waits: (number | undefined)[] = [];
  for (let round = 0; round < 9; round++) {
    waits.push(await world.until(1, 'new', 400_000));
    world.fail(1);
    assert.equal(world.table.state(1), 'down');
  }
  const expected = [5, 10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * 1000);
  for (const [index, wait] of waits.entries()) {
    const late = wait! - expected[index]!;
    assert.ok(late >= 0 && late <= TICK + 50, `wait ${index} took ${wait}`);
  }
});

test('the back-off begins anew after ten minutes up, and not one moment before', async (t) => {
  for (const [minutes, wait] of [
    [9.9, 10_000],
    [10.1, 5000],
  ] as const) {
    using world = new HealthWorld(t);
    world.begin(4);
    world.fail(1, 5);
    await world.until(1, 'new', 6000);
    // Idle time is no proof: only from the first success on it counts.
    await world.pass(60_000);
    world.table.succeeded(1);
    await world.pass(minutes * 60_000);
    world.fail(1, 5);
    assert.equal(world.messages('egress is down').at(-1)?.['retry_ms'], wait);
    t.mock.timers.reset();
  }
});

test('jitter is a tenth at most, either way', (t) => {
  using world = new HealthWorld(t, { floor: 0 });
  world.begin(2);
  world.random = 0;
  world.fail(0, 5);
  world.random = 1;
  world.fail(1, 5);
  assert.deepEqual(
    world.messages('egress is down').map((fields) => fields['retry_ms']),
    [4500, 5500],
  );
});

test('the floor leaves half of the pool in use, and says so once', (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  for (const slot of [0, 1, 2, 3, 2, 3]) world.fail(slot, 6);
  assert.equal(world.states(), 'down down new new');
  assert.deepEqual(
    world.messages('held by the floor').map((fields) => fields['egress']),
    ['192.0.2.2', '192.0.2.3'],
  );
  assert.equal(world.health.status(2)?.held, true);
  assert.equal(world.health.status(2)?.state, 'new');
});

test('what the floor held goes when another is back, and is let off by a success', async (t) => {
  using world = new HealthWorld(t);
  world.begin(2);
  world.fail(0, 5);
  world.fail(1, 5);
  assert.equal(world.states(), 'down new');
  await world.until(0, 'new', 6000);
  world.fail(1);
  assert.equal(world.states(), 'new down');

  await world.until(1, 'new', 6000);
  world.table.succeeded(0);
  world.table.succeeded(1);
  world.fail(0, 5);
  world.fail(1, 5);
  assert.equal(world.health.status(1)?.held, true);
  world.table.succeeded(1);
  world.fail(1);
  assert.equal(world.health.status(1)?.held, false);
});

test('a lone egress stays, whatever the floor rounds to', (t) => {
  using world = new HealthWorld(t);
  world.begin(1);
  world.fail(0, 50);
  assert.equal(world.states(), 'new');
});

test('each family and each pool has its own floor', (t) => {
  using world = new HealthWorld(t);
  world.begin(8, (slot) => ({
    family: slot < 6 ? 4 : 6,
    pools: slot < 2 ? ['a', 'b'] : slot < 4 ? ['a'] : ['b'],
  }));
  // Pool a: 0 1 2 3. Pool b: 0 1 4 5, and 6 7 of the other family.
  for (const slot of [2, 3, 0, 4, 6, 7]) world.fail(slot, 5);
  assert.equal(world.states(), 'new new down down down new down new');
});

test('an address that is not on the host goes at once, floor or not', (t) => {
  using world = new HealthWorld(t);
  world.begin(2);
  world.lose(0);
  world.lose(1);
  assert.equal(world.states(), 'down down');
  assert.deepEqual(
    world.messages('egress is down').map((fields) => fields['code']),
    ['EGRESS_NOT_ON_HOST', 'EGRESS_NOT_ON_HOST'],
  );
  // A count of such failures is the same news.
  using other = new HealthWorld(resetTimers(t));
  other.begin(2);
  other.health.failed(0, 'EGRESS_NOT_ON_HOST', 1);
  assert.equal(other.states(), 'down new');
});

test('it is bound every two seconds, and is back with the first bind that works', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.binds.set('192.0.2.1', ABSENT);
  world.lose(1);
  await world.pass(20_000);
  assert.equal(world.table.state(1), 'down');
  const tries = world.probes.length;
  assert.ok(tries >= 8 && tries <= 10, `${tries} binds in 20 s`);
  world.binds.set('192.0.2.1', GOOD);
  const back = await world.until(1, 'new', 2000 + TICK);
  assert.ok(back !== undefined);
});

test('gone for long, it is bound less and less often, but at least every half minute', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.binds.set('192.0.2.1', ABSENT);
  world.lose(1);
  await world.pass(600_000);
  world.probes.length = 0;
  await world.pass(300_000);
  assert.ok(world.probes.length >= 9 && world.probes.length <= 10, `${world.probes.length} in 5 minutes`);
});

test('an address that appears on an interface is bound at once, whatever it waits for', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.binds.set('192.0.2.1', ABSENT);
  world.lose(1);
  await world.pass(600_000);
  world.binds.set('192.0.2.1', GOOD);
  world.listed = new Set(['192.0.2.1', '198.51.100.1']);
  const back = await world.until(1, 'new', 1000 + TICK + 50);
  assert.ok(back !== undefined);
  assert.equal(world.health.status(1)?.ejections, 1);
});

test('one that has just appeared and cannot be bound yet is tried every half second', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.binds.set('192.0.2.1', ABSENT);
  world.lose(1);
  await world.pass(600_000);
  world.listed = new Set(['192.0.2.1']);
  world.probes.length = 0;
  await world.pass(2500);
  assert.ok(world.probes.length >= 3, `${world.probes.length} binds in the first seconds`);
  // And not for ever.
  await world.pass(60_000);
  assert.ok(world.probes.length <= 7 + 30, `${world.probes.length} binds in a minute`);
});

test('one that is listed all the time and never works is not back and gone all the time', async (t) => {
  using world = new HealthWorld(t);
  world.listed = new Set(['192.0.2.1']);
  world.begin(4);
  for (let second = 0; second < 600; second++) {
    world.lose(1);
    await world.pass(1000);
  }
  // 2, 4, 8, … 256 seconds: seven times in ten minutes, where two seconds each would have been 300.
  assert.ok(world.health.status(1)!.ejections <= 9, `${world.health.status(1)!.ejections}`);
});

test('a bind that failed for want of descriptors says nothing and is tried again', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 5);
  world.binds.set('192.0.2.1', UNKNOWN);
  await world.pass(8000);
  assert.equal(world.table.state(1), 'down');
  world.binds.set('192.0.2.1', GOOD);
  assert.ok((await world.until(1, 'new', 2500)) !== undefined);
});

test('ejected by failures and then gone from the host: it is back as soon as the host has it', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 5);
  world.binds.set('192.0.2.1', ABSENT);
  await world.pass(30_000);
  assert.match(world.health.status(1)!.lastError!, /EADDRNOTAVAIL/);
  world.binds.set('192.0.2.1', GOOD);
  assert.ok((await world.until(1, 'new', 2500)) !== undefined);
});

test('an ejection nobody told of is found', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  await world.pass(1000);
  assert.ok(world.table.ejectNow(2));
  assert.ok((await world.until(2, 'new', 15_000)) !== undefined);
  assert.equal(world.health.status(2)?.ejections, 1);
});

test('changes are published together, and never more often than every 50 ms', async (t) => {
  using world = new HealthWorld(t, { floor: 0 });
  world.begin(8);
  world.fail(0, 5);
  world.fail(1, 5);
  assert.equal(world.published.length, 0);
  await world.pass(50);
  assert.equal(world.published.length, 1);
  await world.pass(1000);
  assert.equal(world.published.length, 1);
  world.fail(2, 5);
  world.lose(3);
  await world.pass(100);
  assert.equal(world.published.length, 2);
  world.health.stop();
  world.lose(4);
  await world.pass(100);
  assert.equal(world.published.length, 2);
});

test('members that leave are forgotten, those that stay keep what is known of them', async (t) => {
  using world = new HealthWorld(t);
  const members = world.begin(4);
  world.fail(0, 5);
  world.fail(1, 5);
  world.table.setState(0, 'draining');
  // Half of what is left is down already.
  world.health.membership(members.slice(1));
  await world.pass(6000);
  assert.deepEqual(world.probes, ['bind 192.0.2.1']);
  assert.equal(world.table.state(0), 'draining');
  assert.equal(world.health.status(0), undefined);
  assert.equal(world.health.status(1)?.ejections, 1);
  world.fail(0, 9);
  world.health.ejected(0, 'EGRESS_NOT_ON_HOST');
  assert.equal(world.table.state(0), 'draining');
});

test('whoever leaves while down does not return, even before membership is told', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 5);
  world.table.setState(1, 'draining');
  await world.pass(6000);
  assert.equal(world.table.state(1), 'draining');
});

test('a draining member is ignored even while it is named', (t) => {
  using world = new HealthWorld(t);
  const members = world.begin(4);
  world.table.setState(0, 'draining');
  world.fail(0, 9);
  world.health.ejected(0, 'EGRESS_NOT_ON_HOST');
  world.health.membership(members);
  assert.equal(world.table.state(0), 'draining');
  assert.equal(world.health.status(0), undefined);
});

test('a slot that changed hands begins with a clean file', async (t) => {
  using world = new HealthWorld(t);
  const members = world.begin(4);
  world.fail(1, 5);
  world.table.setState(1, 'new');
  world.health.membership(members.with(1, member(1, { address: '198.51.100.1' })));
  assert.equal(world.health.status(1)?.ejections, 0);
  await world.pass(10_000);
  assert.deepEqual(world.probes, []);
  // The floor counts nobody as down any more.
  world.fail(2, 5);
  world.fail(3, 5);
  assert.equal(world.states(), 'new new down down');
});

test('an examination that ends after its member left changes nothing', async (t) => {
  using world = new HealthWorld(t);
  const members = world.begin(4);
  const { promise, resolve } = Promise.withResolvers<void>();
  world.hold = promise;
  world.fail(1, 5);
  await world.pass(6000);
  assert.deepEqual(world.probes, ['bind 192.0.2.1']);
  world.table.setState(1, 'draining');
  world.health.membership(members.toSpliced(1, 1));
  resolve();
  await world.pass(1000);
  assert.equal(world.table.state(1), 'draining');
  assert.deepEqual(world.messages('egress is back'), []);
});

test('status tells the story', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  assert.deepEqual(world.health.status(1), {
    state: 'new',
    since: undefined,
    ejections: 0,
    lastError: undefined,
    publicAddress: undefined,
    held: false,
    retryAt: undefined,
    byHand: undefined,
  });
  world.fail(1, 5);
  const status = world.health.status(1);
  assert.deepEqual(status, {
    state: 'down',
    since: 1_000_000,
    ejections: 1,
    lastError: FAILURES.EGRESS_FORBIDDEN.reason,
    publicAddress: undefined,
    held: false,
    retryAt: 1_005_000,
    byHand: undefined,
  });
  assert.equal(world.health.status(99), undefined);
});

test('when thousands have left the host at once, all are bound in turn and the load is bounded', async (t) => {
  using world = new HealthWorld(t);
  const addresses = Array.from({ length: 2000 }, (_, slot) => `10.0.${slot >> 8}.${slot & 255}`);
  for (const slot of addresses.keys()) world.table.setState(slot, 'new');
  world.health.membership(addresses.map((address, slot) => member(slot, { address })));
  world.health.start();
  for (const [slot, address] of addresses.entries()) {
    world.binds.set(address, ABSENT);
    world.lose(slot);
  }
  await world.pass(2000);
  assert.equal(world.probes.length, 200);
  // The last ones have their turn, though the first ones are due again by then.
  await world.pass(9 * TICK);
  assert.equal(new Set(world.probes).size, 2000);
});

test('what was up long ago does not shorten the back-off of what fails half-open', async (t) => {
  using world = new HealthWorld(t);
  world.begin(4);
  world.fail(1, 5);
  await world.until(1, 'new', 6000);
  world.table.succeeded(1);
  await world.pass(700_000);
  world.fail(1, 5);
  await world.until(1, 'new', 6000);
  await world.pass(700_000);
  world.fail(1);
  assert.deepEqual(
    world.messages('egress is down').map((fields) => fields['retry_ms']),
    [5000, 5000, 10_000],
  );
});

function resetTimers<T extends { mock: { timers: { reset(): void } } }>(t: T): T {
  t.mock.timers.reset();
  return t;
}
