import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { buildAuthenticator, type UserConfig } from '../../../src/policy/auth.ts';

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/** A hash that costs as little as is allowed, made without the code under test. */
function cheapHash(password: string): string {
  const salt = Buffer.from(`salt of ${password}`.padEnd(16));
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 1, p: 1 });
  return `$scrypt$ln=10,r=1,p=1$${base64(salt)}$${base64(hash)}`;
}

const ANN: UserConfig = { name: 'ann', password: 'secret of ann' };
const BOB: UserConfig = { name: 'bob', passwordHash: cheapHash('secret of bob') };
const CID: UserConfig = { name: 'cid', passwordHash: cheapHash('secret of cid') };
const ANN_ENTERS = { name: 'ann', password: 'secret of ann' };
const BOB_ENTERS = { name: 'bob', password: 'secret of bob' };

describe('without users', () => {
  const auth = buildAuthenticator([]);

  it('everybody comes in under the name they say', () => {
    assert.equal(auth.required, false);
    assert.deepEqual(auth.verify({ name: 'label', password: '' }), { user: 'label' });
    assert.deepEqual(auth.verify({ name: '__proto__', password: 'x' }), { user: '__proto__' });
  });

  it('an empty name is no name', () => assert.equal(auth.verify({ name: '', password: 'x' }), undefined));
});

describe('plain passwords', () => {
  const auth = buildAuthenticator([
    ANN,
    { name: 'dan', password: 'p:w' },
    { name: '__proto__', password: 'odd' },
  ]);

  it('are checked at once', () => {
    assert.equal(auth.required, true);
    assert.deepEqual(auth.verify(ANN_ENTERS), { user: 'ann' });
    assert.deepEqual(auth.verify({ name: 'dan', password: 'p:w' }), { user: 'dan' });
  });

  it('refuse everything else', () => {
    const wrong = [
      ['ann', 'secret of Ann'], ['ann', 'secret of ann '], ['ann', 'secret of an'], ['ann', 'p:w'], ['ann', ''], ['Ann', 'secret of ann'],
      ['ann ', 'secret of ann'], ['', 'secret of ann'], ['', ''], ['eve', 'secret of ann'], ['constructor', 'x'], ['toString', ''],
    ]; // prettier-ignore
    for (const [name = '', password = ''] of wrong) {
      assert.equal(auth.verify({ name, password }), undefined, `${name}:${password}`);
    }
  });

  it('belong to one user each, whatever the name', () => {
    assert.deepEqual(auth.verify({ name: '__proto__', password: 'odd' }), { user: '__proto__' });
    assert.equal(auth.verify({ name: '__proto__', password: 'secret of ann' }), undefined);
  });

  it('never let an empty password in, even when one is configured', () => {
    const careless = buildAuthenticator([{ name: 'ann', password: '' }]);
    assert.equal(careless.required, true);
    assert.equal(careless.verify({ name: 'ann', password: '' }), undefined);
  });

  it('agree with plain comparison for any users', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0', ':', 'é'), maxLength: 3 });
    const users = fc.dictionary(text.filter(Boolean), text, { minKeys: 1, noNullPrototype: false });
    fc.assert(
      fc.property(users, text, text, (table, name, password) => {
        const auth = buildAuthenticator(
          Object.entries(table).map(([name, password]) => ({ name, password })),
        );
        const right = password !== '' && Object.hasOwn(table, name) && table[name] === password;
        assert.deepEqual(auth.verify({ name, password }), right ? { user: name } : undefined);
      }),
    );
  });
});

describe('hashed passwords', () => {
  it('are verified by scrypt, then believed for a minute', async () => {
    let now = 1000;
    const auth = buildAuthenticator([BOB, CID], () => now);
    const first = auth.verify(BOB_ENTERS);
    assert.ok(first instanceof Promise);
    assert.deepEqual(await first, { user: 'bob' });
    assert.deepEqual(auth.verify(BOB_ENTERS), { user: 'bob' });

    now += 59_999;
    assert.deepEqual(auth.verify(BOB_ENTERS), { user: 'bob' });
    now += 1;
    const again = auth.verify(BOB_ENTERS);
    assert.ok(again instanceof Promise, 'the proof has run out');
    assert.deepEqual(await again, { user: 'bob' });
    assert.deepEqual(auth.verify(BOB_ENTERS), { user: 'bob' });
  });

  it('refuse wrong passwords, before and after a right one', async () => {
    const auth = buildAuthenticator([BOB, CID]);
    for (let round = 0; round < 2; round++) {
      for (const password of ['secret of cid', 'secret of Bob', 'x']) {
        assert.equal(await auth.verify({ name: 'bob', password }), undefined, password);
      }
      assert.deepEqual(await auth.verify(BOB_ENTERS), { user: 'bob' });
    }
    assert.equal(await auth.verify({ name: 'cid', password: 'secret of bob' }), undefined);
  });

  it('fail at once when name or password are empty', () => {
    const auth = buildAuthenticator([BOB]);
    assert.equal(auth.verify({ name: 'bob', password: '' }), undefined);
    assert.equal(auth.verify({ name: '', password: 'secret of bob' }), undefined);
  });

  it('share one run among the clients that send the same', async () => {
    const auth = buildAuthenticator([BOB]);
    const runs = Array.from({ length: 100 }, () => auth.verify(BOB_ENTERS));
    assert.equal(new Set(runs).size, 1);
    assert.notEqual(auth.verify({ name: 'bob', password: 'other' }), runs[0]);
    assert.notEqual(auth.verify({ name: 'eve', password: 'secret of bob' }), runs[0]);
    assert.deepEqual(await runs[0], { user: 'bob' });
  });

  it('make every refusal cost a run, but never let a stranger in by the password it ran against', async () => {
    const auth = buildAuthenticator([ANN, BOB]);
    const strangers = [
      { name: 'eve', password: 'secret of bob' },
      { name: 'ann', password: 'secret of bob' },
      { name: 'bob ', password: 'secret of bob' },
      { name: 'ann', password: 'wrong' },
    ];
    for (let round = 0; round < 2; round++) {
      for (const credentials of strangers) {
        const answer = auth.verify(credentials);
        assert.ok(answer instanceof Promise, `${credentials.name}: a quick answer tells who exists`);
        assert.equal(await answer, undefined);
      }
    }
    assert.deepEqual(auth.verify(ANN_ENTERS), { user: 'ann' });
  });

  it('run at most 64 at a time: guessing fills no queue, and keeps nobody out who was in before', async () => {
    const auth = buildAuthenticator([ANN, BOB]);
    await auth.verify(BOB_ENTERS);
    const guesses = Array.from({ length: 200 }, (_, i) =>
      auth.verify({ name: `eve${i}`, password: 'guess' }),
    );
    const runs = guesses.filter((guess) => guess instanceof Promise);
    assert.equal(runs.length, 64);
    assert.deepEqual(auth.verify(BOB_ENTERS), { user: 'bob' });
    assert.deepEqual(auth.verify(ANN_ENTERS), { user: 'ann' });
    assert.deepEqual(
      await Promise.all(runs),
      runs.map(() => undefined),
    );
    assert.ok(
      auth.verify({ name: 'eve', password: 'guess' }) instanceof Promise,
      'the places are free again',
    );
  });
});

describe('users that cannot be', () => {
  it('are named, without their secret', () => {
    const wrong: readonly (readonly [users: readonly UserConfig[], message: RegExp])[] = [
      [[ANN, ANN], /^user "ann" is there twice/],
      [[{ name: '', password: 'hidden' }], /^a user has an empty name/],
      [[{ name: 'bob', passwordHash: 'hidden' }], /^user "bob" has a password hash that cannot be verified/],
    ];
    for (const [users, message] of wrong) {
      assert.throws(
        () => buildAuthenticator(users),
        (error: Error) =>
          error instanceof TypeError &&
          message.test(error.message) &&
          !/hidden|secret of/.test(error.message),
      );
    }
  });
});
