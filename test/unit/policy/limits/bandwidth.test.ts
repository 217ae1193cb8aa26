/** Bandwidth, by a clock that the test turns: tunnels that always have more to read, timers that are always late. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Shaper } from '../../../../src/policy/limits/shaper.ts';
import type { LimitTerms } from '../../../../src/policy/limits/terms.ts';
import { randomOf, Stage } from './stage.ts';

const KIB = 1024;
/** How late a timer fires at most; milliseconds. */
const LATE_MS = 15;
/** What the network would give; bytes per millisecond. */
const LINE = 2_000_000;

interface Flow {
  readonly shaper: Shaper;
  /** When it reads next. */
  at: number;
  bytes: number;
  longest: number;
  readonly size: () => number;
}

const flowOf = (shaper: Shaper, at: number, size: () => number): Flow => ({
  shaper,
  at,
  bytes: 0,
  longest: 0,
  size,
});

/** Lets time pass. */
function run(stage: Stage, flows: readonly Flow[], ms: number, random: () => number): void {
  const end = stage.now + ms;
  for (;;) {
    let next = flows[0]!;
    for (const flow of flows) if (flow.at < next.at) next = flow;
    if (next.at >= end) break;
    stage.now = Math.max(stage.now, next.at);
    const bytes = next.size();
    next.bytes += bytes;
    const pause = next.shaper.take(bytes);
    assert.ok(Number.isInteger(pause) && pause >= 0 && pause < 2 ** 31, String(pause));
    next.longest = Math.max(next.longest, pause);
    next.at = stage.now + bytes / LINE + (pause === 0 ? 0 : pause + random() * LATE_MS);
  }
  stage.now = end;
}

const total = (flows: readonly Flow[]): number => flows.reduce((sum, { bytes }) => sum + bytes, 0);

function near(actual: number, expected: number, tolerance: number, what: string): void {
  const off = actual / expected - 1;
  assert.ok(Math.abs(off) <= tolerance, `${what}: ${(100 * off).toFixed(2)} % off`);
}

suite('throughput is what is set, within 5 %', () => {
  for (const tunnels of [1, 50]) {
    for (const speed of [100e3, 1e6, 50e6, 1e9]) {
      for (const [low, high] of [
        [64, 64],
        [64, 256],
        [256, 256],
      ] as const) {
        test(`${tunnels} tunnels at ${speed / 1e6} MB/s with reads of ${low} to ${high} KiB`, () => {
          const random = randomOf(tunnels * speed + low);
          const stage = new Stage({ perUser: { down: speed } }, { lanes: 4 });
          const size = (): number => Math.round((low + (high - low) * random()) * KIB);
          const flows = Array.from({ length: tunnels }, (_, i) =>
            flowOf(stage.connect(`198.51.100.${i}`, 'alice', i % 4).down!, stage.now + random(), size),
          );
          // Long enough for the first burst and the first reads of all to be a small part of it.
          const ms = Math.max(5000, (40 * tunnels * high * KIB * 1000) / speed);
          run(stage, flows, ms, random);
          near(total(flows), (speed * ms) / 1000, 0.05, 'from the beginning');
          const before = total(flows);
          run(stage, flows, ms, random);
          near(total(flows) - before, (speed * ms) / 1000, 0.03, 'afterwards');
          const each = total(flows) / tunnels;
          for (const { bytes } of flows) near(bytes, each, 0.35, 'one of them');
        });
      }
    }
  }

  test('never more than the speed, a burst, and a read of each tunnel, over any stretch from the beginning', () => {
    const random = randomOf(4711);
    const stage = new Stage({ global: { up: 1e6 } });
    const flows = Array.from({ length: 20 }, () => flowOf(stage.connect().up!, stage.now, () => 256 * KIB));
    for (let second = 1; second <= 60; second++) {
      run(stage, flows, 1000, random);
      const most = second * 1e6 + 100e3 + 20 * 256 * KIB;
      assert.ok(total(flows) <= most, `${total(flows)} of ${most} after ${second} s`);
    }
  });

  test('who paused does not save up more than a burst', () => {
    const stage = new Stage({ perUser: { down: 10e6 } });
    const { down } = stage.connect();
    stage.now += 3_600_000;
    // 100 ms at 10 MB/s.
    assert.equal(down!.take(1e6), 0);
    assert.equal(down!.take(1e6), 100);
  });
});

suite('a pause', () => {
  const read = (terms: Record<'user' | 'client' | 'listener' | 'global', LimitTerms>): number => {
    const stage = new Stage({
      perUser: terms.user,
      perClient: terms.client,
      perListener: [terms.listener],
      global: terms.global,
    });
    return stage.connect().up!.take(1_000_000);
  };

  test('is the longest of user, client, listener and all', () => {
    const speeds = [1e6, 2e6, 4e6, 8e6];
    for (let turn = 0; turn < 4; turn++) {
      const [user, client, listener, global] = [0, 1, 2, 3].map((i) => ({ up: speeds[(i + turn) % 4]! }));
      // A second of bytes for the slowest, less its burst.
      assert.equal(read({ user: user!, client: client!, listener: listener!, global: global! }), 900);
    }
  });

  test('of one direction is none of the other', () => {
    const stage = new Stage({ perUser: { up: 1e6, down: 1e6 } });
    const { up, down } = stage.connect();
    assert.notEqual(up, down);
    assert.ok(up!.take(1e6) > 0);
    assert.equal(down!.take(0), 0);
  });

  test('is shared by all tunnels of the user, on all threads, and by nobody else', () => {
    const stage = new Stage({ perUser: { down: 1e6 } }, { lanes: 2 });
    assert.ok(stage.connect('198.51.100.1', 'alice', 0).down!.take(1e6) > 0);
    // Who is new asks before it begins, and waits until all is paid for.
    assert.equal(stage.connect('198.51.100.2', 'alice', 1).down!.take(0), 900);
    assert.equal(stage.connect('198.51.100.1', 'bob', 1).down!.take(65_536), 0);
  });

  test('of a small read is short, however much others have read', () => {
    const random = randomOf(7);
    const stage = new Stage({ perUser: { down: 1e6 } });
    const bulk = Array.from({ length: 49 }, () => flowOf(stage.connect().down!, stage.now, () => 256 * KIB));
    run(stage, bulk, 30_000, random);
    const keys = flowOf(stage.connect().down!, stage.now, () => 100);
    run(stage, [...bulk, keys], 30_000, random);
    // 100 bytes at a fiftieth of the speed are 5 ms.
    assert.ok(keys.longest <= 10, `${keys.longest} ms`);
    assert.ok(bulk.some(({ longest }) => longest > 5000));
  });

  test('fits into a timer, however slow', () => {
    const stage = new Stage({ perUser: { down: 1 } });
    const { down } = stage.connect();
    assert.equal(down!.take(2 ** 40), 2 ** 31 - 1);
  });

  test('is over with the connection', () => {
    const stage = new Stage({ perUser: { down: 1e6 } });
    const stay = stage.connect();
    const { down } = stay;
    stay.leave();
    assert.deepEqual([down!.take(1e9), stay.down], [0, undefined]);
    assert.equal(stage.connect().down!.take(0), 0);
  });
});

suite('a change of the speed', () => {
  test('reaches tunnels that live, and what they owe stays the same number of bytes', () => {
    const stage = new Stage({ perUser: { down: 1e6 } });
    const stay = stage.connect();
    const { down } = stay;
    assert.equal(down!.take(10e6), 9900);
    stage.replace({ perUser: { down: 100e6 } });
    stay.spend(0);
    // 100 ms of debt are just a burst.
    assert.equal(down!.take(0), 0);
    assert.equal(down!.take(1e6), 10);
    stage.replace({ perUser: { down: 1e6 } });
    assert.equal(stay.down, down);
    assert.equal(down!.take(0), 10_900);
  });

  test('makes tunnels slow that were not, and sets free those that were', () => {
    const stage = new Stage();
    const stay = stage.connect();
    // As the relay does from time to time.
    const ask = (): Shaper | undefined => stay.up;
    assert.equal(ask(), undefined);
    stage.replace({ global: { up: 1e6 } });
    const up = ask();
    assert.equal(up!.take(1e6), 900);
    stage.replace({});
    assert.equal(ask(), undefined);
    assert.equal(up!.take(1e9), 0);
  });
});
