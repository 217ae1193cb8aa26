import assert from 'node:assert/strict';
import { test } from 'node:test';
import { race, type Interrupt, type Runner } from '../../../../src/egress/dial/race.ts';
import { ProxyError, type FailureCode } from '../../../../src/errors.ts';

/** Long enough to mean "not by the stagger". */
const NEVER_MS = 60_000;

class Entrant implements Runner<string> {
  readonly #outcome = Promise.withResolvers<string>();
  readonly started = Promise.withResolvers<void>();
  stumbled: () => void = () => assert.fail('stumbled before the start');
  stoppedBy: ProxyError | undefined = undefined;
  running = false;
  /** Goes on when it is told to stop, as one that has arrived at that very moment. */
  deaf = false;

  run(interrupt: Interrupt, stumbled: () => void): Promise<string> {
    this.running = true;
    this.stumbled = stumbled;
    interrupt.onBroken = (error) => {
      this.stoppedBy = error;
      assert.equal(interrupt.broken ?? error, error);
      if (!this.deaf) this.#outcome.reject(error);
    };
    this.started.resolve();
    return this.#outcome.promise;
  }

  arrive(value: string): void {
    this.#outcome.resolve(value);
  }

  fail(code: FailureCode): void {
    this.#outcome.reject(new ProxyError(code));
  }
}

const nobody = (): Interrupt => ({ broken: undefined, onBroken: undefined });
const keep = (): never => assert.fail('nobody came late');
const turn = () => new Promise(setImmediate);

test('the first one has its head start, then the second runs too, and the loser is stopped', async () => {
  const [six, four] = [new Entrant(), new Entrant()];
  const won = race([six, four], 20, nobody(), keep);
  assert.deepEqual([six.running, four.running], [true, false]);
  await four.started.promise;
  four.arrive('four');
  assert.equal(await won, 'four');
  await turn();
  assert.equal(six.stoppedBy?.message, 'another attempt was faster');
  assert.equal(four.stoppedBy, undefined);
});

test('who arrives within the head start races alone', async () => {
  const [six, four] = [new Entrant(), new Entrant()];
  const won = race([six, four], NEVER_MS, nobody(), keep);
  six.arrive('six');
  assert.equal(await won, 'six');
  assert.equal(four.running, false);
});

test('a failure starts the next one at once, and the others decide', async () => {
  const [six, four] = [new Entrant(), new Entrant()];
  const won = race([six, four], NEVER_MS, nobody(), keep);
  six.fail('NETWORK_UNREACHABLE');
  await four.started.promise;
  four.arrive('four');
  assert.equal(await won, 'four');
});

test('one that stumbles and goes on may still win', async () => {
  const [six, four] = [new Entrant(), new Entrant()];
  const won = race([six, four], NEVER_MS, nobody(), keep);
  six.stumbled();
  await four.started.promise;
  six.stumbled();
  six.arrive('six');
  assert.equal(await won, 'six');
  await turn();
  assert.notEqual(four.stoppedBy, undefined);
});

test('each one that stumbles lets one more go, and no more than one', async () => {
  const runners = [new Entrant(), new Entrant(), new Entrant()];
  const [one, two, three] = runners as [Entrant, Entrant, Entrant];
  const won = race(runners, NEVER_MS, nobody(), keep);
  one.stumbled();
  one.stumbled();
  await turn();
  assert.deepEqual([two.running, three.running], [true, false]);
  one.fail('TARGET_REFUSED');
  await turn();
  assert.equal(three.running, false);
  two.fail('TARGET_REFUSED');
  await three.started.promise;
  three.arrive('three');
  assert.equal(await won, 'three');
});

test('who arrives after the winner is handed back', async () => {
  const [six, four] = [new Entrant(), new Entrant()];
  const late: string[] = [];
  six.deaf = true;
  const won = race([six, four], 0, nobody(), (value) => void late.push(value));
  await four.started.promise;
  four.arrive('four');
  six.arrive('six');
  assert.equal(await won, 'four');
  await turn();
  assert.deepEqual(late, ['six']);
});

test('when all fail, the answer of the target says more than silence, and silence more than our own lack', async () => {
  for (const [codes, telling] of [
    [['TARGET_REFUSED', 'TARGET_TIMEOUT'], 'TARGET_REFUSED'],
    [['TARGET_TIMEOUT', 'NO_EGRESS'], 'TARGET_TIMEOUT'],
    [['EGRESS_FORBIDDEN', 'NETWORK_UNREACHABLE'], 'NETWORK_UNREACHABLE'],
    [['NO_EGRESS', 'EGRESS_FORBIDDEN'], 'EGRESS_FORBIDDEN'],
    [['TARGET_TIMEOUT', 'HOST_UNREACHABLE'], 'HOST_UNREACHABLE'],
  ] as const) {
    const [six, four] = [new Entrant(), new Entrant()];
    const won = race([six, four], NEVER_MS, nobody(), keep);
    six.fail(codes[0]);
    await four.started.promise;
    four.fail(codes[1]);
    await assert.rejects(won, { code: telling });
  }
});

test('an interruption stops all who run, starts nobody, and is the outcome', async () => {
  const [six, four, third] = [new Entrant(), new Entrant(), new Entrant()];
  const interrupt = nobody();
  const won = race([six, four, third], NEVER_MS, interrupt, keep);
  six.stumbled();
  await four.started.promise;
  const gone = new ProxyError('CLIENT_GONE');
  interrupt.onBroken!(gone);
  await assert.rejects(won, gone);
  await turn();
  assert.deepEqual([six.stoppedBy, four.stoppedBy, third.running], [gone, gone, false]);
  assert.equal(interrupt.onBroken, undefined);
});

test('a race that nobody waits for any more does not start', async () => {
  const [six, four] = [new Entrant(), new Entrant()];
  const broken = new ProxyError('CLIENT_GONE');
  await assert.rejects(race([six, four], 0, { broken, onBroken: undefined }, keep), broken);
  assert.deepEqual([six.running, four.running], [false, false]);
});
