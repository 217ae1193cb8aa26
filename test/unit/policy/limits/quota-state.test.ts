import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { GATE, HANDSHAKES } from '../../../../src/policy/limits/memory.ts';
import { exportQuotas, importQuotas } from '../../../../src/policy/limits/quota-state.ts';
import type { LimitOptions, LimitTerms } from '../../../../src/policy/limits/terms.ts';
import { NOBODY, refusal, Stage } from './stage.ts';

const MUCH: LimitTerms = { quota: { bytes: 1000, period: 'month' } };
const ALL: Partial<LimitOptions> = {
  global: { quota: { bytes: 10_000, period: 'hour' } },
  perListener: [{}, { quota: { bytes: 5000, period: 'day' } }],
  perClient: MUCH,
  perUser: MUCH,
};

const stateOf = (stage: Stage): string => exportQuotas(stage.memory, () => stage.utc);

/** Clients and users stand in no order. */
const linesOf = (stage: Stage): string[] => stateOf(stage).replaceAll(',\n', '\n').split('\n').sort();

function spend(stage: Stage, bytes: number, client: string, user: string, listener = 1): void {
  const stay = stage.connect(client, user, 0, listener);
  stay.spend(bytes);
  stay.leave();
}

/** Another process. */
function restart(stage: Stage, options: Partial<LimitOptions> = ALL): { next: Stage; taken: number } {
  const next = new Stage(options);
  next.utc = stage.utc;
  return { next, taken: importQuotas(next.memory, stateOf(stage), () => next.utc) };
}

suite('quotas over a restart', () => {
  test('go on where they were, for everybody', () => {
    const stage = new Stage(ALL);
    spend(stage, 700, '198.51.100.1', 'alice');
    spend(stage, 300, '2001:db8:1:2::3', 'jürgen "x"\n', 0);
    const { next, taken } = restart(stage);
    // All together, listener 2, two clients, two users.
    assert.equal(taken, 6);
    assert.deepEqual(linesOf(next), linesOf(stage));
    assert.deepEqual(next.held, NOBODY);
    assert.equal(next.connect('198.51.100.9', 'alice').spend(299), true);
    assert.equal(next.connect('198.51.100.9', 'jürgen "x"\n').spend(700), false);
    assert.equal(next.connect('2001:db8:1:2:ffff::', 'bob').spend(700), false);
    assert.equal(refusal(() => next.connect('2001:db8:1:2::1', 'eve'))?.code, 'QUOTA_EXCEEDED');
  });

  test('are text that people can read', () => {
    const stage = new Stage(ALL);
    spend(stage, 42, '198.51.100.1', 'alice', 1);
    const { version, quotas } = JSON.parse(stateOf(stage)) as { version: number; quotas: unknown[] };
    assert.equal(version, 1);
    assert.deepEqual(quotas, [
      { of: 'global', name: '', period: '2026-11-23T14', bytes: 42 },
      { of: 'listener', name: '1', period: '2026-11-23', bytes: 42 },
      { of: 'client', name: '198.51.100.1', period: '2026-11', bytes: 42 },
      { of: 'user', name: 'alice', period: '2026-11', bytes: 42 },
    ]);
    assert.equal(stateOf(new Stage(ALL)), '{"version":1,"quotas":[\n\n]}\n');
  });

  test('of periods that are over are forgotten, whether before or while Gyre was down', () => {
    const stage = new Stage(ALL);
    spend(stage, 100, '198.51.100.1', 'alice');
    const before = stateOf(stage);
    stage.utc += 45 * 60_000;
    assert.doesNotMatch(stateOf(stage), /global/);
    const next = new Stage(ALL);
    next.utc = Date.UTC(2026, 11, 1);
    assert.equal(
      importQuotas(next.memory, before, () => next.utc),
      0,
    );
    next.utc = Date.UTC(2026, 10, 30, 23, 59);
    assert.equal(
      importQuotas(next.memory, before, () => next.utc),
      2,
    );
  });

  test('may be taken over by a config with fewer listeners', () => {
    const stage = new Stage(ALL);
    spend(stage, 1, '198.51.100.1', 'alice');
    const text = stateOf(stage).replace('"name":"1"', '"name":"99999"');
    assert.equal(
      importQuotas(new Stage().memory, text, () => stage.utc),
      3,
    );
  });

  test('of ten thousand users survive, and of any name that a user can have', () => {
    const names = fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(names, (names) => {
        const stage = new Stage({ perUser: MUCH });
        for (const [i, name] of names.entries()) spend(stage, i + 1, '198.51.100.1', name);
        const { next, taken } = restart(stage, { perUser: MUCH });
        assert.equal(taken, names.length);
        for (const [i, name] of names.entries()) {
          assert.equal(next.connect('198.51.100.1', name).spend(1000 - i - 2), true);
          assert.equal(next.connect('198.51.100.1', name).spend(1), false);
        }
      }),
      { numRuns: 50 },
    );
    const stage = new Stage({ perUser: MUCH }, { entries: 20_000 });
    for (let i = 0; i < 10_000; i++) spend(stage, 1000, '198.51.100.1', `user-${i}`);
    const next = new Stage({ perUser: MUCH }, { entries: 20_000 });
    assert.equal(
      importQuotas(next.memory, stateOf(stage), () => stage.utc),
      10_000,
    );
    for (let i = 0; i < 10_000; i++) assert.ok(refusal(() => next.connect('198.51.100.1', `user-${i}`)));
  });

  test('of names that are too long for any user are not kept', () => {
    const stage = new Stage({ perUser: MUCH });
    spend(stage, 1000, '198.51.100.1', 'é'.repeat(127));
    spend(stage, 1000, '198.51.100.1', 'é'.repeat(128));
    assert.equal(restart(stage).taken, 1);
    assert.ok(refusal(() => stage.connect('198.51.100.1', 'é'.repeat(128))));
  });

  test('cannot be written while a dead thread has the gate, and say so', () => {
    const stage = new Stage(ALL);
    spend(stage, 1, '198.51.100.1', 'alice');
    new Int32Array(stage.memory.head)[GATE] = 4711;
    assert.throws(() => stateOf(stage), /could not be read in time/);
    assert.equal(HANDSHAKES, 1);
  });
});

suite('damaged text', () => {
  const good = (): string => {
    const stage = new Stage(ALL);
    spend(stage, 42, '198.51.100.1', 'alice');
    return stateOf(stage);
  };
  const WRONG: Readonly<Record<string, (text: string) => string>> = {
    nothing: () => '',
    'half of it': (text) => text.slice(0, text.length / 2),
    'no object': () => 'null',
    'another version': (text) => text.replace('"version":1', '"version":2'),
    'no quotas': () => '{"version":1}',
    'a null among them': (text) => text.replace('[\n', '[null,\n'),
    'another kind': (text) => text.replace('"client"', '"egress"'),
    'no name': (text) => text.replace('"name":"alice",', ''),
    'an empty name': (text) => text.replace('alice', ''),
    'a listener by name': (text) => text.replace('"name":"1"', '"name":"first"'),
    'an unknown period': (text) => text.replace('"2026-11"', '"2026"'),
    'a date that is none': (text) => text.replace('"2026-11"', '"2026/11"'),
    'negative bytes': (text) => text.replace('"bytes":42', '"bytes":-42'),
    'bytes in words': (text) => text.replace('"bytes":42', '"bytes":"42"'),
    'bytes beyond counting': (text) => text.replace('"bytes":42', '"bytes":1e300'),
  };
  for (const [what, damage] of Object.entries(WRONG)) {
    test(`${what}: nothing is taken`, () => {
      const text = damage(good());
      assert.notEqual(text, good());
      const stage = new Stage(ALL);
      assert.throws(() => importQuotas(stage.memory, text, () => stage.utc), TypeError);
      assert.equal(stateOf(stage), stateOf(new Stage(ALL)));
    });
  }

  test('whatever it is, it throws a TypeError or is taken', () => {
    const stage = new Stage(ALL);
    const attempt = (text: string): void => {
      try {
        importQuotas(stage.memory, text, () => stage.utc);
      } catch (error) {
        assert.ok(error instanceof TypeError, String(error));
      }
    };
    fc.assert(fc.property(fc.json(), attempt));
    const text = good();
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.string({ maxLength: 1 }), (at, unit) =>
        attempt(text.slice(0, at) + unit + text.slice(at + 1)),
      ),
      { numRuns: 500 },
    );
  });
});
