import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { Limits, type Stay } from '../../../../src/policy/limits/limits.ts';
import { HANDSHAKES, GATE, limitMemory } from '../../../../src/policy/limits/memory.ts';
import { heldPlaces, limitLedger } from '../../../../src/policy/limits/places.ts';
import type { LimitOptions } from '../../../../src/policy/limits/terms.ts';
import { limitOptions, NOBODY, refused, refusal, Stage } from './stage.ts';

const CLIENT = '198.51.100.1';

suite('connections at the same time', () => {
  const KINDS: [keyof LimitOptions, Partial<LimitOptions>, string][] = [
    ['global', { global: { connections: 3 } }, 'of all clients together'],
    ['perListener', { perListener: [{ connections: 3 }] }, 'of this listener'],
    ['perClient', { perClient: { connections: 3 } }, 'of this client address'],
    ['perUser', { perUser: { connections: 3 } }, 'of this user'],
    ['users', { users: { alice: { connections: 3 } } }, 'of this user'],
  ];
  for (const [kind, options, whose] of KINDS) {
    test(`${kind}: three, and the fourth hears whose limit it is`, () => {
      const stage = new Stage(options, { lanes: 2 });
      const stays = [0, 1, 1].map((lane) => stage.connect(CLIENT, 'alice', lane));
      refused(() => stage.connect(), 'TOO_MANY_CONNECTIONS', `too many connections ${whose}`);
      stays[1]!.leave();
      stays.push(stage.connect());
      refused(() => stage.connect(), 'TOO_MANY_CONNECTIONS', `too many connections ${whose}`);
      for (const stay of stays) stay.leave();
      assert.deepEqual(stage.held, NOBODY);
    });
  }

  test('who is refused by one limit has nothing of the others', () => {
    const stage = new Stage({
      global: { connections: 10 },
      perListener: [{ connections: 10 }],
      perClient: { connections: 10 },
      users: { alice: { connections: 0 } },
    });
    for (let i = 0; i < 50; i++)
      refused(() => stage.connect(), 'TOO_MANY_CONNECTIONS', 'too many connections of this user');
    assert.deepEqual(stage.held, NOBODY);
    assert.equal(stage.room(50, CLIENT, 'bob'), 10);
  });

  test('others are not touched: another client, user or listener has its own places', () => {
    const terms = { connections: 1 };
    const stage = new Stage({ perListener: [terms, terms], perClient: terms, perUser: terms });
    stage.connect('198.51.100.1', 'alice', 0, 0);
    assert.ok(refusal(() => stage.connect('198.51.100.2', 'alice', 0, 1)));
    assert.ok(refusal(() => stage.connect('198.51.100.1', 'bob', 0, 1)));
    assert.ok(refusal(() => stage.connect('198.51.100.2', 'bob', 0, 0)));
    stage.connect('198.51.100.2', 'bob', 0, 1);
  });

  test('an IPv6 client is its /64, an IPv4-mapped one its IPv4 address', () => {
    const stage = new Stage({ perClient: { connections: 2 } });
    stage.connect('2001:db8:1:2::1');
    stage.connect('2001:DB8:1:2:ffff::%eth0');
    assert.ok(refusal(() => stage.connect('2001:db8:1:2:3:4:5:6')));
    assert.equal(stage.room(3, '2001:db8:1:3::1'), 2);
    stage.connect('::ffff:198.51.100.7');
    assert.equal(stage.room(3, '198.51.100.7'), 1);
  });

  test('a client on a socket file has no address to be limited by', () => {
    const stage = new Stage({ perClient: { connections: 0 }, handshakes: 0, global: { connections: 2 } });
    assert.equal(stage.room(5, 'unix'), 2);
  });

  test('what is said of a user holds field by field', () => {
    const stage = new Stage({
      perUser: { connections: 2, up: 1000 },
      users: { alice: { connections: 4 }, bob: { up: 2000 } },
    });
    assert.deepEqual(
      [stage.room(9, CLIENT, 'alice'), stage.room(9, CLIENT, 'bob'), stage.room(9, CLIENT, 'eve')],
      [4, 2, 2],
    );
    assert.notEqual(stage.connect(CLIENT, 'alice').up, undefined);
    assert.equal(stage.connect(CLIENT, 'alice').down, undefined);
  });

  test('names are names, whatever they mean to JavaScript', () => {
    const stage = new Stage({ perUser: { connections: 1 }, users: { alice: {} } });
    for (const name of ['__proto__', 'constructor', 'toString', '', ' ', 'a'.repeat(5000), '\ud800']) {
      assert.equal(stage.room(3, CLIENT, name), 1, JSON.stringify(name));
    }
  });

  test('without a user, no limit of users counts', () => {
    const stage = new Stage({ perUser: { connections: 0 } });
    const stay = stage.limits.enter(CLIENT);
    stay.settle(0, undefined);
    assert.deepEqual(stage.held, { connections: 3, handshakes: 0 });
    stay.leave();
    assert.deepEqual(stage.held, NOBODY);
  });
});

suite('handshakes', () => {
  test('a client may have so many requests that are not complete; then it is refused, others are not', () => {
    const stage = new Stage({ handshakes: 2 });
    const [one, two] = [stage.limits.enter(CLIENT), stage.limits.enter(CLIENT)];
    const message = 'too many connections of this client address that have not sent their request yet';
    refused(() => stage.limits.enter(CLIENT), 'TOO_MANY_CONNECTIONS', message);
    stage.limits.enter('198.51.100.2').leave();
    one.settle(0, 'alice');
    stage.limits.enter(CLIENT).leave();
    two.leave();
    stage.limits.enter(CLIENT).leave();
    assert.equal(stage.held.handshakes, 0);
  });

  test('the place comes back also when the request is refused', () => {
    const stage = new Stage({ handshakes: 1, perClient: { connections: 0 } });
    const stay = stage.limits.enter(CLIENT);
    assert.ok(refusal(() => stay.settle(0, 'alice')));
    assert.deepEqual(stage.held, NOBODY);
    stage.limits.enter(CLIENT).leave();
  });
});

suite('a stay', () => {
  test('gives back once, however often it leaves', () => {
    const stage = new Stage({ perClient: { connections: 2 } });
    const [one] = [stage.connect(), stage.connect()];
    for (let i = 0; i < 5; i++) one.leave();
    assert.equal(stage.room(3), 1);
  });

  test('settles once, and not when it has left', () => {
    const stage = new Stage({ perUser: { connections: 1, rate: { count: 1, perMs: 1000 } } });
    const stay = stage.connect();
    stay.settle(0, 'alice');
    assert.equal(stage.held.connections, 4);
    stay.leave();
    assert.equal(refusal(() => stay.settle(0, 'alice'))?.code, 'CLIENT_GONE');
    assert.deepEqual(stage.held, NOBODY);
  });

  test('with another user its places change hands', () => {
    const stage = new Stage({ perUser: { connections: 1, up: 1000 }, users: { eve: { connections: 0 } } });
    const stay = stage.connect(CLIENT, 'alice');
    const { up } = stay;
    stay.settle(0, 'bob');
    assert.equal(stage.room(2, CLIENT, 'alice'), 1);
    assert.equal(stage.room(2, CLIENT, 'bob'), 0);
    // It counts for bob now, who is a second of bytes further than a burst.
    assert.equal(up!.take(65_536 + 1000), 1000);
    assert.equal(stage.connect(CLIENT, 'alice').up!.take(0), 0);
    assert.ok(refusal(() => stay.settle(0, 'eve')));
    assert.deepEqual([up!.take(1e9), stay.up, stay.spend(1)], [0, undefined, true]);
    assert.equal(stage.room(2, CLIENT, 'bob'), 1);
  });

  test('that nothing limits has nothing to do', () => {
    const stay = new Stage().connect();
    assert.deepEqual([stay.up, stay.down, stay.spend(1e12)], [undefined, undefined, true]);
  });

  test('is not counted where that was asked for, before there is a first limit', () => {
    const memory = limitMemory(limitOptions({}), 1024);
    const limits = new Limits(memory, limitOptions({}), limitLedger(memory), undefined, undefined, false);
    const connect = (): Stay => {
      const stay = limits.enter(CLIENT);
      assert.equal(heldPlaces(memory).handshakes, 1);
      stay.settle(0, 'alice');
      return stay;
    };
    const early = connect();
    assert.deepEqual(heldPlaces(memory), NOBODY);
    limits.replace(limitOptions({ perUser: { connections: 1 } }));
    const late = connect();
    assert.equal(refusal(connect)?.code, 'TOO_MANY_CONNECTIONS');
    for (const stay of [early, late, early]) stay.leave();
    assert.deepEqual(heldPlaces(memory), NOBODY);
  });

  test('of a listener there is no place for is a mistake that takes nothing', () => {
    const stage = new Stage();
    const stay = stage.limits.enter(CLIENT);
    assert.throws(() => stay.settle(100_000, 'alice'), RangeError);
    stay.leave();
    assert.deepEqual(stage.held, NOBODY);
  });
});

suite('new connections by time', () => {
  test('so many at once, then one at a time; how long to wait is said', () => {
    const stage = new Stage({ perUser: { rate: { count: 5, perMs: 10_000 } } });
    const connect = (): void => stage.connect().leave();
    for (let i = 0; i < 5; i++) connect();
    refused(connect, 'RATE_LIMITED', 'too many new connections of this user: try again in 2 s', 2);
    stage.now += 1001;
    refused(connect, 'RATE_LIMITED', 'too many new connections of this user: try again in 1 s', 1);
    stage.now += 999;
    connect();
    assert.ok(refusal(connect));
    stage.now += 3_600_000;
    for (let i = 0; i < 5; i++) connect();
    assert.ok(refusal(connect));
  });

  test('who is refused for one rate does not pay for the others', () => {
    const stage = new Stage({
      global: { rate: { count: 10, perMs: 1000 } },
      users: { eve: { rate: { count: 1, perMs: 1e9 } } },
    });
    stage.connect(CLIENT, 'eve').leave();
    for (let i = 0; i < 100; i++) assert.ok(refusal(() => stage.connect(CLIENT, 'eve')));
    assert.equal(stage.room(100, CLIENT, 'alice'), 9);
  });

  test('never more than the rate allows, in whatever rhythm they come', () => {
    const rhythm = fc.array(fc.nat({ max: 3000 }), { minLength: 20, maxLength: 200 });
    fc.assert(
      fc.property(
        rhythm,
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 5000 }),
        (gaps, count, perMs) => {
          const stage = new Stage({ perClient: { rate: { count, perMs } } }, { entries: 16 });
          const accepted: number[] = [];
          for (const gap of gaps) {
            stage.now += gap;
            const wait = refusal(() => stage.connect().leave());
            if (wait === undefined) accepted.push(stage.now);
            else {
              // What it says is enough.
              stage.now += wait.retryAfterS! * 1000;
              stage.connect().leave();
              accepted.push(stage.now);
            }
          }
          for (const [i, from] of accepted.entries()) {
            for (let j = i; j < accepted.length; j++) {
              const most = count + ((accepted[j]! - from) * count) / perMs;
              assert.ok(j - i + 1 <= most + 0.02, `${j - i + 1} of ${most}`);
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

suite('a change of the terms', () => {
  test('holds for all who are counted already', () => {
    const stage = new Stage();
    const stays = Array.from({ length: 5 }, () => stage.connect());
    stage.replace({ perUser: { connections: 3 } });
    assert.ok(refusal(() => stage.connect()));
    for (const stay of stays.splice(0, 2)) stay.leave();
    assert.ok(refusal(() => stage.connect()));
    stays.pop()!.leave();
    stage.connect();
    assert.ok(refusal(() => stage.connect()));
    stage.replace({});
    stage.connect();
  });

  test('nobody waits by the old rate', () => {
    const stage = new Stage({ perUser: { rate: { count: 1, perMs: 3_600_000 } } });
    stage.connect();
    stage.replace({ perUser: { rate: { count: 10, perMs: 1000 } } });
    refused(
      () => stage.connect(),
      'RATE_LIMITED',
      'too many new connections of this user: try again in 1 s',
      1,
    );
    stage.now += 100;
    stage.connect();
    assert.ok(refusal(() => stage.connect()));
  });

  test('terms that make no sense are refused, and the old ones stay', () => {
    const stage = new Stage({ perUser: { connections: 1 } });
    const wrong: [Partial<LimitOptions>, RegExp][] = [
      [{ global: { connections: -1 } }, /connections of all connections is -1: write 0 or more/],
      [{ perUser: { up: 0 } }, /bandwidth of each user is 0: write 1 or more/],
      [{ perClient: { rate: { count: 0, perMs: 1 } } }, /new connections of each client is 0/],
      [{ perListener: [{}, { quota: { bytes: Number.NaN, period: 'day' } }] }, /quota of listener 2 is NaN/],
      [{ users: { 'a"b': { down: -5 } } }, /bandwidth of user "a\\"b" is -5/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => stage.limits.replace(limitOptions(options)), { name: 'RangeError', message });
    }
    assert.equal(stage.room(3), 1);
  });
});

suite('when another thread has died with the gate', () => {
  test('nobody is let in uncounted, and nobody keeps a place', () => {
    const stage = new Stage({ perUser: { connections: 2 } });
    const gate = new Int32Array(stage.memory.head);
    const [one, two] = [stage.connect(), stage.connect()];
    gate[GATE] = 4711;
    refused(
      () => stage.limits.enter(CLIENT),
      'OVERLOADED',
      'the limits could not be asked in time: try again in 1 s',
      1,
    );
    one.leave();
    assert.equal(stage.held.connections, 8);
    gate[GATE] = 0;
    // What could not be given back then is given back by the next who comes.
    assert.equal(stage.room(3), 1);
    two.leave();
    assert.deepEqual(stage.held, NOBODY);
  });
});

test('a count is a word of shared memory: another lane sees it at once', () => {
  const stage = new Stage({ handshakes: 1 }, { lanes: 2 });
  const stay = stage.lanes[1]!.limits.enter(CLIENT);
  assert.equal(HANDSHAKES, 1);
  assert.ok(refusal(() => stage.limits.enter(CLIENT)));
  stay.leave();
  stage.limits.enter(CLIENT);
});
