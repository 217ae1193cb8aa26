import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import type { Identity } from '../../../src/connection.ts';
import { ProxyError, type FailureCode } from '../../../src/errors.ts';
import {
  buildAuthenticator,
  type Authenticator,
  type LoginCounts,
  type UserConfig,
} from '../../../src/policy/auth.ts';
import type { Bcrypt } from '../../../src/policy/users/bcrypt.ts';

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/** A hash that costs as little as is allowed, made without the code under test. */
function cheapHash(password: string): string {
  const salt = Buffer.from(`salt of ${password}`.padEnd(16));
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 1, p: 1 });
  return `$scrypt$ln=10,r=1,p=1$${base64(salt)}$${base64(hash)}`;
}

/** "correct horse", by crypt(3) of another program. */
const BCRYPT = '$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e';

const ANN: UserConfig = { name: 'ann', password: 'secret of ann' };
const BOB: UserConfig = { name: 'bob', passwordHash: cheapHash('secret of bob') };
const CID: UserConfig = { name: 'cid', passwordHash: cheapHash('secret of cid') };
const DOT: UserConfig = { name: 'dot', passwordHash: BCRYPT };
const ANN_ENTERS = { name: 'ann', password: 'secret of ann' };
const BOB_ENTERS = { name: 'bob', password: 'secret of bob' };
const CID_ENTERS = { name: 'cid', password: 'secret of cid' };
const DOT_ENTERS = { name: 'dot', password: 'correct horse' };

type Answer = Identity | undefined | Promise<Identity | undefined>;

/** The name of who got in at once. A promise is no such answer. */
function now(answer: Answer): string | undefined {
  assert.ok(!(answer instanceof Promise), 'it had to be found out');
  return answer?.user;
}

/** The name of who got in after something had to be found out. */
async function later(answer: Answer): Promise<string | undefined> {
  assert.ok(answer instanceof Promise, 'it was known at once');
  return (await answer)?.user;
}

const throws = (code: FailureCode) => (error: unknown) => error instanceof ProxyError && error.code === code;

/** A bcrypt whose verifications end when the test says so. */
class SlowBcrypt implements Bcrypt {
  readonly asked: string[] = [];
  readonly #open: (() => void)[] = [];

  verify(password: string): Promise<{ right: boolean; thread: number }> {
    this.asked.push(password);
    return new Promise((resolve) => {
      this.#open.push(() => resolve({ right: password === 'correct horse', thread: 0 }));
    });
  }

  /** Ends the verifications under way, again and again, until no more are begun. */
  async drain(until: () => boolean = () => false): Promise<void> {
    while (this.#open.length > 0 && !until()) {
      this.#open.shift()!();
      await new Promise(setImmediate);
    }
  }

  close(): void {}
}

describe('without users', () => {
  const auth = buildAuthenticator([]);

  it('everybody comes in under the name they say', () => {
    assert.equal(auth.required, false);
    assert.deepEqual(auth.verify({ name: 'label', password: '' }), { user: 'label' });
    assert.deepEqual(auth.verify({ name: '__proto__', password: 'x' }), { user: '__proto__' });
    assert.equal(auth.knows('label'), true);
  });

  it('a name may ask for a session', () => {
    const { parameters } = auth.verify({ name: 'label-session-7', password: '' }) as Identity;
    assert.equal(parameters?.session, '7');
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
    assert.deepEqual(auth.verify(ANN_ENTERS), { user: 'ann', account: { name: 'ann' } });
    assert.equal(now(auth.verify({ name: 'dan', password: 'p:w' })), 'dan');
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
    assert.equal(now(auth.verify({ name: '__proto__', password: 'odd' })), '__proto__');
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
        assert.equal(now(auth.verify({ name, password })), right ? name : undefined);
      }),
    );
  });

  it('come with what the account says, and never with the secret', () => {
    const terms = {
      pool: 'de',
      pools: ['de', 'fr'],
      strategy: 'random',
      expiresAt: 8e15,
      targets: ['example.com'],
      limits: { connections: 3 },
    };
    const auth = buildAuthenticator([{ ...ANN, ...terms }]);
    const identity = auth.verify({ ...ANN_ENTERS, name: 'ann-session-1' }) as Identity & { account: object };
    assert.deepEqual(identity.account, { name: 'ann', ...terms });
    assert.equal(identity.parameters?.session, '1');
    assert.ok(!JSON.stringify(identity).includes('secret'));
  });
});

describe('hashed passwords', () => {
  it('are verified by scrypt, then believed as long as they are used every minute', async () => {
    let time = 1000;
    const auth = buildAuthenticator([BOB, CID], { now: () => time });
    assert.equal(await later(auth.verify(BOB_ENTERS)), 'bob');
    for (let use = 0; use < 5; use++) {
      time += 59_999;
      assert.equal(now(auth.verify(BOB_ENTERS)), 'bob');
    }
    time += 60_000;
    assert.equal(await later(auth.verify(BOB_ENTERS)), 'bob');
    assert.equal(now(auth.verify(BOB_ENTERS)), 'bob');
    time -= 1;
    assert.equal(await later(auth.verify(BOB_ENTERS)), 'bob', 'a clock set back extends nothing');
  });

  it('are verified by bcrypt', async (context) => {
    const auth = buildAuthenticator([ANN, DOT]);
    context.after(() => auth.close());
    assert.equal(await later(auth.verify({ name: 'dot', password: 'correct hors' })), undefined);
    assert.equal(await later(auth.verify(DOT_ENTERS)), 'dot');
    assert.equal(now(auth.verify(DOT_ENTERS)), 'dot');
    assert.equal(await later(auth.verify({ name: 'dot', password: 'wrong' })), undefined);
  });

  it('refuse wrong passwords, before and after a right one', async () => {
    const auth = buildAuthenticator([BOB, CID]);
    for (let round = 0; round < 2; round++) {
      for (const password of ['secret of cid', 'secret of Bob', 'x']) {
        assert.equal(await later(auth.verify({ name: 'bob', password })), undefined, password);
      }
      assert.equal((await auth.verify(BOB_ENTERS))?.user, 'bob');
    }
    assert.equal(await later(auth.verify({ name: 'cid', password: 'secret of bob' })), undefined);
  });

  it('fail at once when name or password are empty', () => {
    const auth = buildAuthenticator([BOB]);
    assert.equal(auth.verify({ name: 'bob', password: '' }), undefined);
    assert.equal(auth.verify({ name: '', password: 'secret of bob' }), undefined);
  });

  it('are verified once for all who send the same at the same time', async () => {
    const bcrypt = new SlowBcrypt();
    const auth = buildAuthenticator([DOT], { bcrypt });
    const clients = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`);
    const answers = clients.map((client) => auth.verify(DOT_ENTERS, client));
    const other = auth.verify({ name: 'dot', password: 'other' }, '192.0.2.200');
    const stranger = auth.verify({ name: 'eve', password: 'correct horse' }, '192.0.2.201');
    await bcrypt.drain();
    for (const answer of answers) assert.equal(await later(answer), 'dot');
    assert.equal(await later(other), undefined);
    assert.equal(await later(stranger), undefined, 'the password is right for the decoy only');
    assert.deepEqual(bcrypt.asked, ['correct horse', 'other', 'correct horse']);
  });

  it('make every refusal cost a verification, but never let a stranger in by what it ran against', async () => {
    const auth = buildAuthenticator([ANN, BOB]);
    const strangers = [
      { name: 'eve', password: 'secret of bob' },
      { name: 'ann', password: 'secret of bob' },
      { name: 'bob ', password: 'secret of bob' },
      { name: 'ann', password: 'wrong' },
    ];
    for (let round = 0; round < 2; round++) {
      for (const credentials of strangers) {
        assert.equal(await later(auth.verify(credentials)), undefined, credentials.name);
      }
    }
    assert.equal(now(auth.verify(ANN_ENTERS)), 'ann');
  });

  it('that cannot be verified refuse for the moment, which is no wrong password', async () => {
    const said: unknown[][] = [];
    const failed: string[] = [];
    const logins = {
      check: () => {},
      succeeded: () => {},
      failed: (...what: string[]) => failed.push(...what),
    };
    const broken = { verify: () => Promise.reject(new Error('no more threads')), close: () => {} };
    const auth = buildAuthenticator([DOT], {
      bcrypt: broken,
      logins,
      now: () => 0,
      report: (...what) => said.push(what),
    });
    for (let round = 0; round < 3; round++)
      await assert.rejects(async () => auth.verify(DOT_ENTERS), throws('OVERLOADED'));
    assert.deepEqual(failed, []);
    assert.equal(said.length, 1, 'told once a minute');
    assert.match(JSON.stringify(said), /could not be verified.*no more threads/);
    assert.ok(!JSON.stringify(said).includes('horse'));
  });
});

describe('unknown names', () => {
  it('are verified against a hash that is theirs on every thread, and of a kind as likely as for known ones', async () => {
    const accounts: UserConfig[] = [
      ...Array.from({ length: 30 }, (_, i) => ({ name: `s${i}`, passwordHash: cheapHash(`s${i}`) })),
      ...Array.from({ length: 10 }, (_, i) => ({ name: `b${i}`, passwordHash: BCRYPT })),
    ];
    const kinds = async (): Promise<boolean[]> => {
      const bcrypt = new SlowBcrypt();
      const auth = buildAuthenticator(accounts, { bcrypt });
      const slow: boolean[] = [];
      for (let i = 0; i < 200; i++) {
        const asked = bcrypt.asked.length;
        const answer = auth.verify({ name: `nobody${i}`, password: 'guess' });
        await bcrypt.drain();
        assert.equal(await later(answer), undefined);
        slow.push(bcrypt.asked.length > asked);
      }
      return slow;
    };
    const [first, second] = [await kinds(), await kinds()];
    assert.deepEqual(first, second);
    // Expected 50 of 200; further away than six standard deviations is no chance.
    const share = first.filter(Boolean).length;
    assert.ok(share > 13 && share < 87, String(share));
  });
});

describe('ten thousand wrong passwords', () => {
  const guess = (auth: Authenticator, i: number, client: string): Answer =>
    auth.verify({ name: `eve${i}`, password: `guess ${i}` }, client);
  const outcome = (answer: Answer): Promise<string> =>
    Promise.resolve(answer).then(
      () => 'refused',
      (error: ProxyError) => error.code,
    );

  it('of one address delay the first login of a good user by no more than what runs', async () => {
    const bcrypt = new SlowBcrypt();
    const auth = buildAuthenticator([ANN, DOT], { bcrypt });
    const guesses = Array.from({ length: 10_000 }, (_, i) => outcome(guess(auth, i, '198.51.100.1')));
    const before = bcrypt.asked.length;
    const good = auth.verify(DOT_ENTERS, '192.0.2.1');
    assert.equal(
      now(auth.verify(ANN_ENTERS, '198.51.100.1')),
      'ann',
      'who needs no verification never waits',
    );
    assert.ok(bcrypt.asked.slice(before).includes('correct horse'), 'it began at once');
    await bcrypt.drain();
    assert.equal(await later(good), 'dot');
    const codes = await Promise.all(guesses);
    assert.equal(codes.filter((code) => code === 'refused').length, 65);
    assert.equal(codes.filter((code) => code === 'LOGIN_THROTTLED').length, 10_000 - 65);
  });

  it('of a hundred addresses delay it by one turn of each', async () => {
    const bcrypt = new SlowBcrypt();
    const auth = buildAuthenticator([DOT], { bcrypt });
    const guesses = Array.from({ length: 10_000 }, (_, i) =>
      outcome(guess(auth, i, `2001:db8:0:${(i % 100).toString(16)}::${i.toString(16)}`)),
    );
    const good = auth.verify(DOT_ENTERS, '192.0.2.1');
    const before = bcrypt.asked.length;
    await bcrypt.drain(() => bcrypt.asked.includes('correct horse'));
    assert.ok(bcrypt.asked.length - before <= 101, `${bcrypt.asked.length - before} came before`);
    await bcrypt.drain();
    assert.equal(await later(good), 'dot');
    await Promise.all(guesses);
  });

  it('leave nothing behind', async () => {
    const bcrypt = new SlowBcrypt();
    const auth = buildAuthenticator([DOT], { bcrypt });
    for (let round = 0; round < 3; round++) {
      const guesses = Array.from({ length: 100 }, (_, i) => outcome(guess(auth, i, '198.51.100.1')));
      await bcrypt.drain();
      const codes = await Promise.all(guesses);
      assert.equal(codes.filter((code) => code === 'refused').length, 65, 'the places are free again');
    }
  });
});

describe('other users', () => {
  it('count at once: new ones come in, and what was proved of old ones is forgotten', async () => {
    const auth = buildAuthenticator([ANN, BOB, CID]);
    await auth.verify(BOB_ENTERS);
    await auth.verify(CID_ENTERS);
    auth.replace([
      BOB,
      { name: 'cid', passwordHash: cheapHash('another') },
      { name: 'eve', password: 'new' },
    ]);
    assert.equal(now(auth.verify({ name: 'eve', password: 'new' })), 'eve');
    assert.equal((await auth.verify(ANN_ENTERS))?.user, undefined);
    assert.equal(await later(auth.verify(CID_ENTERS)), undefined);
    assert.equal(now(auth.verify(BOB_ENTERS)), 'bob', 'nothing has changed for bob');
    assert.deepEqual(['ann', 'bob', 'cid', 'eve', 'nobody'].map((name) => auth.knows(name)), [
      false, true, true, true, false,
    ]); // prettier-ignore
  });

  it('keep what was proved when only their terms change, and bring the new ones', async () => {
    const auth = buildAuthenticator([ANN, BOB]);
    await auth.verify(BOB_ENTERS);
    auth.replace([
      { ...ANN, pool: 'de' },
      { ...BOB, pool: 'fr' },
    ]);
    for (const [credentials, pool] of [
      [ANN_ENTERS, 'de'],
      [BOB_ENTERS, 'fr'],
    ] as const)
      // prettier-ignore
      assert.deepEqual(auth.verify(credentials), {
        user: credentials.name,
        account: { name: credentials.name, pool },
      });
    auth.replace([{ name: 'ann', password: 'changed' }, BOB]);
    assert.equal((await auth.verify(ANN_ENTERS))?.user, undefined);
    assert.equal(now(auth.verify({ name: 'ann', password: 'changed' })), 'ann');
  });

  it('count for logins that are under way', async () => {
    for (const next of [
      [ANN],
      [{ name: 'dot', password: 'other' }],
      [{ ...DOT, passwordHash: BCRYPT.replace('2b', '2y') }],
    ]) {
      const bcrypt = new SlowBcrypt();
      const auth = buildAuthenticator([DOT], { bcrypt });
      const answer = auth.verify(DOT_ENTERS);
      auth.replace(next);
      await bcrypt.drain();
      assert.equal(await later(answer), undefined);
      auth.replace([DOT]);
      const again = auth.verify(DOT_ENTERS);
      await bcrypt.drain();
      assert.equal(await later(again), 'dot', 'nothing of it is remembered');
    }
  });

  it('do not disturb logins of those who are there again at once', async () => {
    const bcrypt = new SlowBcrypt();
    const auth = buildAuthenticator([DOT], { bcrypt });
    const answers = [auth.verify(DOT_ENTERS)];
    auth.replace([ANN]);
    auth.replace([DOT]);
    answers.push(auth.verify(DOT_ENTERS));
    await bcrypt.drain();
    for (const answer of answers) assert.equal(await later(answer), 'dot');
  });

  it('are all or nothing', async () => {
    const auth = buildAuthenticator([ANN, BOB]);
    await auth.verify(BOB_ENTERS);
    assert.throws(() => auth.replace([CID, CID]), TypeError);
    assert.throws(() => auth.replace([CID, { name: 'x', passwordHash: 'nothing' }]), TypeError);
    assert.equal(now(auth.verify(ANN_ENTERS)), 'ann');
    assert.equal(now(auth.verify(BOB_ENTERS)), 'bob');
    assert.equal(auth.knows('cid'), false);
  });

  it('never open the proxy: a list that becomes empty lets nobody in', () => {
    const auth = buildAuthenticator([ANN]);
    auth.replace([]);
    assert.equal(auth.required, true);
    assert.equal(now(auth.verify(ANN_ENTERS)), undefined);
    const waiting = buildAuthenticator([], { required: true });
    assert.equal(waiting.required, true);
    assert.equal(now(waiting.verify(ANN_ENTERS)), undefined);
    const open = buildAuthenticator([]);
    open.replace([ANN]);
    assert.equal(open.required, true);
    assert.equal(now(open.verify({ name: 'label', password: 'x' })), undefined);
    assert.equal(now(open.verify(ANN_ENTERS)), 'ann');
  });
});

describe('an account that has expired', () => {
  it('is told only to whoever has its password', async () => {
    let time = 1000;
    const accounts = [{ ...ANN, expiresAt: 2000 }, { ...BOB, expiresAt: 2000 }, CID];
    const auth = buildAuthenticator(accounts, { now: () => time });
    assert.equal(now(auth.verify(ANN_ENTERS)), 'ann');
    assert.equal(await later(auth.verify(BOB_ENTERS)), 'bob');
    time = 2000;
    assert.throws(() => auth.verify(ANN_ENTERS), throws('ACCOUNT_EXPIRED'));
    assert.throws(() => auth.verify(BOB_ENTERS), throws('ACCOUNT_EXPIRED'), 'a proof does not outlive it');
    time = 1e9;
    await assert.rejects(async () => auth.verify(BOB_ENTERS), throws('ACCOUNT_EXPIRED'));
    assert.equal(await later(auth.verify({ name: 'ann', password: 'wrong' })), undefined);
    assert.equal(await later(auth.verify({ name: 'bob', password: 'wrong' })), undefined);
    assert.equal(await later(auth.verify(CID_ENTERS)), 'cid');
  });
});

/** Writes down what is counted. */
class Counts implements LoginCounts {
  readonly calls: string[] = [];
  banned = false;

  check(client: string, name: string): void {
    this.calls.push(`check ${client} ${name}`);
    if (this.banned) throw new ProxyError('LOGIN_THROTTLED');
  }

  failed(client: string, name: string): void {
    this.calls.push(`failed ${client} ${name}`);
  }

  succeeded(client: string, name: string): void {
    this.calls.push(`succeeded ${client} ${name}`);
  }
}

describe('logins are counted', () => {
  it('by client and by the name without what is asked for beside it', async () => {
    const logins = new Counts();
    const auth = buildAuthenticator([ANN, BOB], { logins });
    now(auth.verify({ name: 'ann-session-1', password: 'secret of ann' }, '::1'));
    await auth.verify({ name: 'bob', password: 'wrong' }, '::2');
    await auth.verify({ name: 'eve', password: 'wrong' }, '::3');
    now(auth.verify({ name: 'bob', password: '' }, '::4'));
    now(auth.verify({ name: 'x'.repeat(513), password: 'x' }, '::5'));
    assert.deepEqual(logins.calls, [
      'check ::1 ann', 'succeeded ::1 ann', 'check ::2 bob', 'failed ::2 bob', 'check ::3 eve', 'failed ::3 eve',
      'check ::4 bob', 'failed ::4 bob', 'check ::5 ', 'failed ::5 ',
    ]); // prettier-ignore
  });

  it('each, also those that share a verification', async () => {
    const logins = new Counts();
    const bcrypt = new SlowBcrypt();
    const auth = buildAuthenticator([DOT], { logins, bcrypt });
    const guesses = ['::1', '::2', '::3'].map((client) =>
      auth.verify({ name: 'dot', password: 'wrong' }, client),
    );
    await bcrypt.drain();
    for (const guess of guesses) assert.equal(await later(guess), undefined);
    assert.equal(bcrypt.asked.length, 1);
    assert.equal(logins.calls.filter((call) => call.startsWith('failed')).length, 3);
  });

  it('and throttled before anything is looked at, so that nothing can be learnt meanwhile', async () => {
    const logins = new Counts();
    const bcrypt = new SlowBcrypt();
    const auth = buildAuthenticator([ANN, DOT], { logins, bcrypt });
    logins.banned = true;
    for (const credentials of [
      ANN_ENTERS,
      DOT_ENTERS,
      { name: 'eve', password: 'x' },
      { name: '', password: 'x' },
    ])
      assert.throws(() => auth.verify(credentials, '::1'), throws('LOGIN_THROTTLED'));
    assert.deepEqual(bcrypt.asked, []);
    assert.ok(logins.calls.every((call) => call.startsWith('check')));
  });
});

describe('users that somebody else knows', () => {
  /** An endpoint that knows `zoe` with the password `yes`, and `ann` with another password than ours. */
  async function endpoint(context: TestContext): Promise<{ url: string; asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const { user, password } = JSON.parse(text) as { user: string; password: string };
        asked.push(`${user} ${password}`);
        response.writeHead(password === 'yes' ? 200 : 403).end(user === 'rob' ? '{"user":"robert"}' : '');
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    context.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked };
  }

  it('are asked for after the listed ones, and unknown names cost what wrong passwords do', async (context) => {
    const { url, asked } = await endpoint(context);
    const bcrypt = new SlowBcrypt();
    const external = { url, timeoutMs: 5000, cacheMs: 60_000 };
    const auth = buildAuthenticator([ANN, DOT], { bcrypt, external });
    context.after(() => auth.close());
    assert.equal(now(auth.verify(ANN_ENTERS)), 'ann');
    for (const name of ['dot', 'zoe', 'ann']) {
      const answer = auth.verify({ name: `${name}-session-5`, password: 'yes' });
      await bcrypt.drain();
      assert.equal(await later(answer), name);
      const again = auth.verify({ name: `${name}-session-6`, password: 'yes' }) as Identity;
      assert.deepEqual([again.user, again.parameters?.session], [name, '6']);
    }
    const wrong = auth.verify({ name: 'eve', password: 'wrong' });
    await bcrypt.drain();
    assert.equal(await later(wrong), undefined);
    assert.equal(
      now(auth.verify({ name: 'eve', password: 'wrong' })),
      undefined,
      'a no is remembered as well',
    );
    assert.deepEqual(asked, ['dot yes', 'zoe yes', 'ann yes', 'eve wrong']);
    assert.equal(bcrypt.asked.length, 4);
  });

  it('have the name they are told, and may stay when listed ones go', async (context) => {
    const { url } = await endpoint(context);
    const auth = buildAuthenticator([ANN], { external: { url, timeoutMs: 5000, cacheMs: 0 } });
    context.after(() => auth.close());
    assert.equal(await later(auth.verify({ name: 'rob', password: 'yes' })), 'robert');
    assert.equal(
      await later(auth.verify({ name: 'rob', password: 'yes' })),
      'robert',
      'nothing is remembered',
    );
    auth.replace([BOB]);
    assert.deepEqual(['ann', 'bob', 'robert'].map((name) => auth.knows(name)), [false, true, true]); // prettier-ignore
  });

  it('make logging in necessary, and a refused one is forgotten when users change', async (context) => {
    const { url } = await endpoint(context);
    const auth = buildAuthenticator([], { external: { url, timeoutMs: 5000, cacheMs: 60_000 } });
    context.after(() => auth.close());
    assert.equal(auth.required, true);
    assert.equal(await later(auth.verify({ name: 'eve', password: 'new' })), undefined);
    auth.replace([{ name: 'eve', passwordHash: cheapHash('new') }]);
    assert.equal(await later(auth.verify({ name: 'eve', password: 'new' })), 'eve');
  });

  it('are none where the URL is none, which is not shown', () => {
    for (const url of ['', 'ftp://secret@example.com/', 'secret', 'http://'])
      assert.throws(
        () => buildAuthenticator([], { external: { url, timeoutMs: 1000, cacheMs: 0 } }),
        (error: Error) => error instanceof TypeError && !error.message.includes('secret'),
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
