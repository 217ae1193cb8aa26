import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Logins } from '../../../../src/policy/limits/logins.ts';
import { limitMemory, LOGINS, type LimitMemory } from '../../../../src/policy/limits/memory.ts';
import { limitOptions, refusal, refused } from './stage.ts';

const MINUTE = 60_000;
const CLIENT = '198.51.100.1';
const TERMS = { failures: 3, perMs: 10 * MINUTE, banMs: 30 * MINUTE };
const OF_CLIENT = 'too many wrong passwords from this client address';
const OF_NAME = 'too many wrong passwords for this user name';

/** Two threads that share what they know. */
class Door {
  readonly memory: LimitMemory;
  readonly logins: Logins;
  readonly other: Logins;
  now = 1e9;

  constructor(terms: Partial<typeof TERMS> = {}, entries = 1024) {
    const options = limitOptions({ logins: { ...TERMS, ...terms } });
    this.memory = limitMemory(options, entries);
    this.logins = new Logins(this.memory, options, () => this.now);
    this.other = new Logins(this.memory, options, () => this.now);
  }

  fail(times: number, client: string, name: string): void {
    for (let i = 0; i < times; i++) {
      this.logins.check(client, name);
      this.logins.failed(client, name);
    }
  }

  /** What a login is told before its password is looked at. */
  refused(client: string, name: string): string | undefined {
    return refusal(() => this.other.check(client, name))?.message.split(':')[0];
  }
}

const clientOf = (index: number): string =>
  `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`;

suite('wrong passwords', () => {
  test('lock out their client on all threads, whatever names they were for, and nobody else', () => {
    const door = new Door();
    for (const name of ['a', 'b', 'c']) {
      assert.equal(door.refused(CLIENT, 'd'), undefined);
      door.fail(1, CLIENT, name);
    }
    refused(
      () => door.other.check(CLIENT, 'd'),
      'LOGIN_THROTTLED',
      `${OF_CLIENT}: try again in 1800 s`,
      1800,
    );
    assert.equal(door.refused('198.51.100.2', 'a'), undefined);
    door.now += 30 * MINUTE - 1;
    refused(() => door.other.check(CLIENT, 'd'), 'LOGIN_THROTTLED', `${OF_CLIENT}: try again in 1 s`, 1);
    door.now += 1;
    assert.equal(door.refused(CLIENT, 'd'), undefined);
    // It is as if nothing had been.
    door.fail(3, CLIENT, 'd');
    assert.equal(door.refused(CLIENT, 'd'), OF_CLIENT);
  });

  test('lock out their name, from wherever they come, whether there is such a user or not', () => {
    const door = new Door();
    for (let i = 0; i < 3; i++) door.fail(1, clientOf(i), 'alice');
    refused(
      () => door.other.check(CLIENT, 'alice'),
      'LOGIN_THROTTLED',
      `${OF_NAME}: try again in 1800 s`,
      1800,
    );
    assert.equal(door.refused(CLIENT, 'bob'), undefined);
    assert.equal(door.refused(clientOf(0), 'Alice'), undefined);
  });

  test('count for ten minutes from the first one', () => {
    const door = new Door();
    door.fail(2, CLIENT, 'alice');
    door.now += 10 * MINUTE - 1;
    assert.equal(door.refused(CLIENT, 'alice'), undefined);
    door.now += 1;
    door.fail(2, CLIENT, 'alice');
    assert.equal(door.refused(CLIENT, 'alice'), undefined);
    door.fail(1, CLIENT, 'alice');
    assert.equal(door.refused(CLIENT, 'alice'), OF_CLIENT);
  });

  test('that were being verified when the ban came do not make it longer', () => {
    const door = new Door();
    door.fail(3, CLIENT, 'alice');
    door.now += 29 * MINUTE;
    for (let i = 0; i < 10; i++) door.logins.failed(CLIENT, 'alice');
    door.now += MINUTE;
    assert.equal(door.refused(CLIENT, 'alice'), undefined);
  });

  test('of an IPv6 client are those of its /64', () => {
    const door = new Door();
    for (let i = 1; i <= 3; i++) door.fail(1, `2001:db8:1:2::${i}`, `name-${i}`);
    assert.equal(door.refused('2001:db8:1:2:a:b:c:d', 'new'), OF_CLIENT);
    assert.equal(door.refused('2001:db8:1:3::1', 'new'), undefined);
  });

  test('of clients on a socket file count for the name alone', () => {
    const door = new Door();
    door.fail(3, 'unix', 'alice');
    assert.equal(door.refused('unix', 'alice'), OF_NAME);
    assert.equal(door.refused('unix', 'bob'), undefined);
    door.logins.succeeded('unix', 'bob');
  });

  test('are not throttled when that is switched off, and are when it is switched on', () => {
    const door = new Door({ failures: Infinity });
    door.fail(1000, CLIENT, 'alice');
    door.logins.succeeded(CLIENT, 'alice');
    door.logins.replace({ logins: { ...TERMS, failures: 1 } });
    door.other.replace({ logins: TERMS });
    assert.equal(door.refused(CLIENT, 'alice'), undefined);
    door.fail(1, CLIENT, 'alice');
    assert.equal(door.refused(CLIENT, 'alice'), OF_CLIENT);
  });
});

suite('a right password', () => {
  test('lets its client in by that name, whatever others try', () => {
    const door = new Door();
    door.logins.succeeded(CLIENT, 'alice');
    for (let i = 0; i < 3; i++) door.fail(1, clientOf(i), 'alice');
    assert.equal(door.refused(CLIENT, 'alice'), undefined);
    assert.equal(door.refused('198.51.100.2', 'alice'), OF_NAME);
    // It is known for that name only.
    for (let i = 10; i < 13; i++) door.fail(1, clientOf(i), 'bob');
    assert.equal(door.refused(CLIENT, 'bob'), OF_NAME);
    door.now += 25 * 60 * MINUTE;
    for (let i = 20; i < 23; i++) door.fail(1, clientOf(i), 'alice');
    assert.equal(door.refused(CLIENT, 'alice'), OF_NAME);
  });

  test('does not pay for wrong ones: an attacker with an account of its own is locked out like any other', () => {
    const door = new Door();
    for (let i = 0; i < 3; i++) {
      door.fail(1, CLIENT, 'victim');
      door.logins.succeeded(CLIENT, 'mallory');
    }
    assert.equal(door.refused(CLIENT, 'mallory'), OF_CLIENT);
  });

  test('keeps the mistakes of its own client from locking out the name everywhere', () => {
    const door = new Door();
    door.logins.succeeded(CLIENT, 'alice');
    door.fail(3, CLIENT, 'alice');
    assert.equal(door.refused(CLIENT, 'alice'), OF_CLIENT);
    assert.equal(door.refused('198.51.100.2', 'alice'), undefined);
  });
});

suite('a flood', () => {
  test('of a million random names frees nobody, locks out nobody, and needs no more memory', () => {
    const door = new Door({}, 4096);
    const sizes = (): number[] =>
      Object.values(door.memory.guesses).flatMap(({ keys, states }) => [keys.byteLength, states.byteLength]);
    const before = sizes();
    door.fail(3, CLIENT, 'alice');
    for (let i = 0; i < 3; i++) door.fail(1, clientOf(i), 'bob');
    door.fail(2, clientOf(0), 'carol');
    for (let i = 0; i < 2; i++) door.fail(1, clientOf(1 + i), 'dave');
    door.logins.succeeded('198.51.100.7', 'grace');
    // From where nobody counts clients: of those that are, none gets past three.
    for (let i = 0; i < 1_000_000; i++) door.logins.failed('unix', `name-${i * 7919}`);
    assert.equal(door.refused(CLIENT, 'anybody'), OF_CLIENT);
    assert.equal(door.refused('198.51.100.9', 'bob'), OF_NAME);
    assert.equal(door.refused(clientOf(0), 'new'), OF_CLIENT);
    // Two failures are more than the one of each that came, so they are not forgotten either.
    door.fail(1, '198.51.100.9', 'dave');
    assert.equal(door.refused('198.51.100.8', 'dave'), OF_NAME);
    assert.equal(door.refused('198.51.100.7', 'grace'), undefined);
    assert.equal(door.refused('198.51.100.6', 'somebody'), undefined);
    assert.deepEqual(sizes(), before);
  });

  test('of clients that are all locked out ends no ban; strangers wait, and who is known gets in', () => {
    const door = new Door({ failures: 1 }, 256);
    door.logins.succeeded('203.0.113.1', 'alice');
    let strangers = 0;
    for (let i = 0; i < 5000; i++) {
      if (door.refused(clientOf(i), `name-${i}`) === undefined) door.logins.failed(clientOf(i), `name-${i}`);
      else strangers++;
    }
    assert.ok(strangers > 4500, `${strangers}`);
    // Everybody who was let try is still locked out.
    assert.ok(
      Array.from({ length: 5000 }, (_, i) => door.refused(clientOf(i), 'new')).every(
        (told) => told !== undefined,
      ),
    );
    refused(
      () => door.logins.check('203.0.113.2', 'alice'),
      'LOGIN_THROTTLED',
      'too many clients are locked out for wrong passwords',
    );
    door.logins.check('203.0.113.1', 'alice');
    door.now += 30 * MINUTE;
    door.logins.check('203.0.113.2', 'alice');
  });
});

test('when another thread has died with the lock, nobody may guess', () => {
  const door = new Door();
  new Int32Array(door.memory.head)[LOGINS] = 4711;
  refused(
    () => door.logins.check(CLIENT, 'alice'),
    'OVERLOADED',
    'the limits could not be asked in time: try again in 1 s',
    1,
  );
  door.logins.failed(CLIENT, 'alice');
  door.logins.succeeded(CLIENT, 'alice');
});
