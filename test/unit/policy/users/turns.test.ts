import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { ProxyError } from '../../../../src/errors.ts';
import { Turns, type TurnsOptions } from '../../../../src/policy/users/turns.ts';

const OPTIONS: TurnsOptions = {
  running: 2,
  runningPerClient: 1,
  waiting: 6,
  waitingPerClient: 3,
  waitMs: 1000,
};

/** Work whose end the test decides, in the order it was begun. */
class Bench {
  readonly turns: Turns;
  readonly begun: string[] = [];
  readonly ended: string[] = [];
  time = 0;
  readonly #open: (() => void)[] = [];

  constructor(options: Partial<TurnsOptions> = {}) {
    this.turns = new Turns({ ...OPTIONS, ...options }, () => this.time);
  }

  get running(): number {
    return this.#open.length;
  }

  /** What becomes of it is found in `ended`: the name, or name and code. */
  take(client: string, name: string): void {
    const work = async (): Promise<string> => {
      this.begun.push(name);
      await new Promise<void>((resolve) => this.#open.push(resolve));
      return name;
    };
    this.turns.take(client, work).then(
      (result) => this.ended.push(result),
      (error: unknown) => this.ended.push(`${name} ${(error as ProxyError).code}`),
    );
  }

  async finish(): Promise<void> {
    this.#open.shift()?.();
    await new Promise(setImmediate);
  }

  async finishAll(): Promise<void> {
    while (this.running > 0) await this.finish();
  }
}

const words = (text: string): string[] => text.split(' ');

describe('turns', () => {
  it('begin at once where nothing runs, one of each client', async () => {
    const bench = new Bench();
    bench.take('a', 'a1');
    bench.take('a', 'a2');
    bench.take('b', 'b1');
    assert.deepEqual(bench.begun, words('a1 b1'));
    await bench.finish();
    assert.deepEqual(bench.begun, words('a1 b1 a2'));
    await bench.finishAll();
    assert.deepEqual(bench.ended, words('a1 b1 a2'));
  });

  it('go round among the clients, in order within each', async () => {
    const bench = new Bench({ running: 1 });
    for (const name of words('a1 a2 a3 b1 b2 c1')) bench.take(name[0]!, name);
    await bench.finishAll();
    assert.deepEqual(bench.begun, words('a1 b1 c1 a2 b2 a3'));
  });

  it('are refused to a client that has too many waiting, and to it alone', async () => {
    const bench = new Bench();
    for (let i = 0; i < 10; i++) bench.take('a', `a${i}`);
    bench.take('b', 'b1');
    await bench.finishAll();
    assert.deepEqual(bench.begun, words('a0 b1 a1 a2 a3'));
    assert.equal(bench.ended.filter((end) => end.endsWith('LOGIN_THROTTLED')).length, 6);
  });

  it('are refused to all when too much waits; but who has least takes the last place of who has most', async () => {
    const bench = new Bench();
    for (const name of words('a0 b0 a1 a2 a3 b1 b2 b3')) bench.take(name[0]!, name);
    assert.equal(bench.running, 2);
    bench.take('c', 'c1');
    bench.take('d', 'd1');
    await new Promise(setImmediate);
    assert.deepEqual(bench.ended, words('a3').concat(words('b3')).map((name) => `${name} LOGIN_THROTTLED`)); // prettier-ignore
    for (const client of words('e f g h')) bench.take(client, `${client}1`);
    await bench.finishAll();
    assert.deepEqual(
      bench.ended.filter((end) => end.includes('OVERLOADED')),
      words('g1 h1').map((name) => `${name} OVERLOADED`),
    );
    const done = bench.ended.filter((end) => !end.includes(' '));
    assert.deepEqual(done.toSorted(), words('a0 a1 b0 b1 c1 d1 e1 f1'));
  });

  it('come too late for work that has waited too long', async () => {
    const bench = new Bench();
    for (const name of words('a1 a2 a3')) bench.take('a', name);
    bench.time = 1001;
    bench.take('b', 'b1');
    await bench.finishAll();
    assert.deepEqual(bench.begun, words('a1 b1'));
    assert.deepEqual(bench.ended.toSorted(), ['a1', 'a2 OVERLOADED', 'a3 OVERLOADED', 'b1']);
  });

  it('are the same for all addresses of one network, and for both spellings of IPv4', async () => {
    const same = [
      ['2001:db8::1', '2001:db8:0:0:ffff::2'],
      ['192.0.2.1', '::ffff:192.0.2.1'],
      ['fe80::1%eth0', 'fe80::2'],
      ['unix', 'unix'],
      ['', ''],
    ];
    const other = [
      ['2001:db8::1', '2001:db8:0:1::1'],
      ['192.0.2.1', '192.0.2.2'],
      ['unix', ''],
      ['::1', '0.0.0.1'],
    ];
    for (const [pairs, running] of [
      [same, 1],
      [other, 2],
    ] as const)
      // prettier-ignore
      for (const [a, b] of pairs) {
        const bench = new Bench();
        bench.take(a!, 'a');
        bench.take(b!, 'b');
        assert.equal(bench.running, running, `${a} ${b}`);
        await bench.finishAll();
      }
  });

  it('that fail make room like others', async () => {
    const bench = new Bench({ running: 1 });
    const failing = bench.turns.take('a', () => Promise.reject(new Error('broken')));
    bench.take('b', 'b1');
    await assert.rejects(failing, /broken/);
    await new Promise(setImmediate);
    assert.deepEqual(bench.begun, ['b1']);
    await bench.finishAll();
  });

  it('that have not come are refused at the end', async () => {
    const bench = new Bench();
    for (const name of words('a1 a2 a3')) bench.take('a', name);
    bench.turns.close();
    await bench.finishAll();
    assert.deepEqual(bench.ended.toSorted(), ['a1', 'a2 OVERLOADED', 'a3 OVERLOADED']);
  });

  it('keep every bound and lose nothing, whatever happens', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e') },
      fc.constant('finish'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const bench = new Bench();
        let taken = 0;
        for (const step of steps) {
          if (step === 'finish') await bench.finish();
          else bench.take(step, `${step}${taken++}`);
          assert.ok(bench.running <= OPTIONS.running);
        }
        await bench.finishAll();
        assert.equal(bench.ended.length, taken);
        assert.equal(bench.begun.length, bench.ended.filter((end) => !end.includes(' ')).length);
        const order = (client: string): string[] => bench.begun.filter((name) => name.startsWith(client));
        for (const client of words('a b c d e')) {
          const numbers = order(client).map((name) => Number(name.slice(1)));
          assert.deepEqual(
            numbers,
            numbers.toSorted((a, b) => a - b),
          );
        }
      }),
      { numRuns: 200 },
    );
  });
});
