import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Failure } from '../../../../src/cli/exit.ts';
import { judge } from '../../../../src/cli/load/generator.ts';
import { bar, formatBytes, formatMs, formatRate } from '../../../../src/cli/load/figures.ts';
import { Progress } from '../../../../src/cli/load/progress.ts';
import { histogram, notes } from '../../../../src/cli/load/report.ts';
import { Schedule } from '../../../../src/cli/load/schedule.ts';
import { Latency, Tally } from '../../../../src/cli/load/tally.ts';

suite('latencies', () => {
  test('are told by percentiles, to three digits, and never above the longest', () => {
    const latency = new Latency();
    for (let ms = 1; ms <= 1000; ms++) latency.record(ms);
    assert.equal(latency.count, 1000);
    for (const [share, expected] of [
      [50, 500],
      [90, 900],
      [99, 990],
    ] as const)
      assert.ok(
        Math.abs(latency.percentile(share) / expected - 1) < 0.002,
        String(latency.percentile(share)),
      );
    assert.deepEqual([latency.percentile(100), latency.most], [1000, 1000]);
    assert.ok(Math.abs(latency.mean - 500.5) < 1);
  });

  test('of nothing are 0', () => {
    const latency = new Latency();
    assert.deepEqual([latency.percentile(99), latency.most, latency.mean], [0, 0, 0]);
  });

  test('outside what can be told apart count at its ends', () => {
    const latency = new Latency();
    latency.record(0);
    latency.record(1e9);
    assert.deepEqual([latency.percentile(50), latency.most], [0.001, 3_600_000]);
    assert.equal(latency.bars.at(0), 1);
    assert.equal(latency.bars.at(-1), 1);
  });

  test('make bars, from the first that has something to the last', () => {
    const latency = new Latency();
    for (let i = 0; i < 75; i++) latency.record(1.5);
    for (let i = 0; i < 25; i++) latency.record(8);
    assert.deepEqual(histogram(latency).split('\n'), [
      `    ≤ 2 ms         75   75 %  ${'█'.repeat(40)}`,
      '    ≤ 5 ms          0    0 %  ',
      `   ≤ 10 ms         25   25 %  ${'█'.repeat(13)}`,
    ]);
  });
});

suite('a tally', () => {
  test('sorts reasons by how often they came, and keeps their number within bounds', () => {
    const tally = new Tally();
    for (let i = 0; i < 100; i++) tally.failure(new Failure(`reason ${i}`));
    for (let i = 0; i < 3; i++) tally.failure(new Failure('reason 7', 'a hint'));
    const { reasons } = tally;
    assert.equal(reasons.length, 51);
    assert.deepEqual(reasons[0], { message: 'and for other reasons', hint: undefined, count: 50 });
    assert.deepEqual(reasons[1], { message: 'reason 7', hint: undefined, count: 4 });
    assert.equal(tally.failed, 103);
  });

  test('counts addresses, and those beyond the bound together', () => {
    const tally = new Tally();
    for (let i = 0; i < 65_540; i++) tally.success(1, 1, `2001:db8::${i.toString(16)}`);
    tally.success(1, 2, '2001:db8::5');
    tally.success(1, 3, undefined);
    assert.equal(tally.addresses.size, 65_536);
    assert.deepEqual([tally.addresses.get('2001:db8::5'), tally.otherAddresses, tally.last], [2, 4, 3]);
  });
});

suite('what the numbers are worth', () => {
  test('a generator without time of its own says so', () => {
    assert.equal(judge(0.5, 3).bottleneck, false);
    assert.equal(judge(0.97, 3).bottleneck, true);
    assert.equal(judge(0.5, 80).bottleneck, true);
    assert.match(
      notes({ rps: undefined, unsent: 0, generator: judge(1, 0) }).join('\n'),
      /^the load test itself was the bottleneck/,
    );
  });

  test('a rate that was not reached is told', () => {
    const generator = judge(0.1, 1);
    assert.deepEqual(notes({ rps: 100, unsent: 0, generator }), []);
    assert.match(notes({ rps: 100, unsent: 3, generator }).join('\n'), /^the rate of 100\/s was not reached/);
  });
});

suite('figures', () => {
  test('have three digits or so', () => {
    assert.deepEqual([0.4211, 12.34, 123.4, 1234].map(formatMs), ['0.42 ms', '12.3 ms', '123 ms', '1.23 s']);
    assert.deepEqual([12, 1200, 3_400_000].map(formatBytes), ['12 B', '1.2 kB', '3.4 MB']);
    assert.deepEqual([3.44, 4012.4].map(formatRate), ['3.4/s', '4,012/s']);
    assert.deepEqual([bar(0, 10), bar(0.001, 10), bar(1, 3)], ['', '█', '███']);
  });
});

suite('progress', () => {
  const stream = (isTTY: boolean) => {
    const written: string[] = [];
    return { isTTY, columns: 60, written, write: (text: string) => written.push(text) };
  };
  const halfway = () => {
    const clock = { at: 0, now: () => clock.at };
    const schedule = new Schedule({ rps: undefined, count: undefined, duration: 1000 }, clock.now);
    clock.at = 500;
    return schedule;
  };

  test('on a terminal is a bar that takes itself away', () => {
    const terminal = stream(true);
    const tally = new Tally();
    tally.success(2, 1, undefined);
    const progress = new Progress(terminal, tally, halfway());
    progress.show(performance.now() + 10_000);
    progress.end();
    const [bar, gone] = terminal.written;
    assert.match(bar!, /^\r\x1b\[K█{10}░{10} 10 s {2}0\.1\/s {2}0 failed {2}p50 2\.00 ms/);
    assert.ok(bar!.length < 60 + '\r\x1b[K'.length);
    assert.equal(gone, '\r\x1b[K');
  });

  test('elsewhere is lines, without any control', () => {
    const file = stream(false);
    const progress = new Progress(file, new Tally(), halfway());
    progress.show(performance.now() + 5000);
    progress.end();
    assert.deepEqual(file.written, ['5 s  0.0/s  0 failed  p50 0.00 ms  p99 0.00 ms\n']);
  });
});
