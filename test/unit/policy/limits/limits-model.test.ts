/** Limits against a model that keeps lists: whatever happens in whatever order, they agree, and nothing stays behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Stay } from '../../../../src/policy/limits/limits.ts';
import type { LimitOptions } from '../../../../src/policy/limits/terms.ts';
import { NOBODY, refusal, Stage } from './stage.ts';

const LANES = 3;
const CLIENTS = ['198.51.100.1', '198.51.100.2', '2001:db8::1', 'unix'] as const;
const USERS = ['alice', 'bob', undefined] as const;

const TIGHT: Partial<LimitOptions> = {
  handshakes: 2,
  global: { connections: 6 },
  perListener: [{ connections: 4 }, {}],
  perClient: { connections: 3 },
  perUser: { connections: 2 },
};
const WIDE: Partial<LimitOptions> = {
  handshakes: 3,
  perUser: { connections: 4 },
  users: { bob: { connections: 1 } },
};
const PLANS = [TIGHT, WIDE, {}] as const;

type Step =
  | { readonly do: 'enter'; readonly client: number; readonly lane: number }
  | { readonly do: 'settle'; readonly stay: number; readonly listener: number; readonly user: number }
  | { readonly do: 'leave'; readonly stay: number }
  | { readonly do: 'replace'; readonly plan: number }
  | { readonly do: 'die'; readonly lane: number }
  | { readonly do: 'break'; readonly stay: number };

/** What the model knows of a connection. */
interface Guest {
  readonly stay: Stay;
  readonly lane: number;
  readonly client: string;
  handshake: boolean;
  places: { readonly listener: number; readonly user: string | undefined } | undefined;
  left: boolean;
}

class Model {
  readonly stage: Stage = new Stage(TIGHT, { lanes: LANES, entries: 64 });
  guests: Guest[] = [];
  #options: Partial<LimitOptions> = TIGHT;

  step(step: Step): void {
    switch (step.do) {
      case 'enter':
        return this.#enter(CLIENTS[step.client]!, step.lane);
      case 'settle':
        return this.#with(step.stay, (guest) => this.#settle(guest, step.listener, USERS[step.user]));
      case 'leave':
        return this.#with(step.stay, (guest) => this.#leave(guest));
      case 'replace':
        this.#options = PLANS[step.plan]!;
        return this.stage.replace(this.#options);
      case 'die':
        this.guests = this.guests.filter(({ lane }) => lane !== step.lane);
        return this.stage.die(step.lane);
      case 'break':
        return this.#with(step.stay, (guest) => this.#break(guest));
    }
  }

  check(): void {
    const connections = this.guests.reduce((sum, { places, client }) => {
      if (places === undefined) return sum;
      return sum + 2 + (client === 'unix' ? 0 : 1) + (places.user === undefined ? 0 : 1);
    }, 0);
    const handshakes = this.#count(({ handshake }) => handshake);
    assert.deepEqual(this.stage.held, { connections, handshakes });
  }

  leaveAll(): void {
    for (const guest of this.guests) this.#leave(guest);
  }

  #enter(client: string, lane: number): void {
    const unfinished = this.#count((guest) => guest.handshake && guest.client === client);
    const full = client !== 'unix' && unfinished >= (this.#options.handshakes ?? Infinity);
    const error = refusal(() => {
      const stay = this.stage.lanes[lane]!.limits.enter(client);
      this.guests.push({ stay, lane, client, handshake: client !== 'unix', places: undefined, left: false });
    });
    assert.equal(error?.code, full ? 'TOO_MANY_CONNECTIONS' : undefined);
  }

  #settle(guest: Guest, listener: number, user: string | undefined): void {
    const error = refusal(() => guest.stay.settle(listener, user));
    if (guest.left) return assert.equal(error?.code, 'CLIENT_GONE');
    if (guest.places?.listener === listener && guest.places.user === user)
      return assert.equal(error, undefined);
    guest.handshake = false;
    guest.places = undefined;
    const { global, perListener, perClient, perUser, users } = this.#options;
    const placed = (is: (other: Guest) => boolean): number =>
      this.#count((other) => other.places !== undefined && is(other));
    const ofUser = user === undefined ? undefined : (users?.[user]?.connections ?? perUser?.connections);
    const full =
      placed(() => true) >= (global?.connections ?? Infinity) ||
      placed(({ places }) => places!.listener === listener) >=
        (perListener?.[listener]?.connections ?? Infinity) ||
      (guest.client !== 'unix' &&
        placed(({ client }) => client === guest.client) >= (perClient?.connections ?? Infinity)) ||
      placed(({ places }) => places!.user === user) >= (ofUser ?? Infinity);
    assert.equal(error?.code, full ? 'TOO_MANY_CONNECTIONS' : undefined);
    if (!full) guest.places = { listener, user };
  }

  #leave(guest: Guest): void {
    guest.stay.leave();
    guest.left = true;
    guest.handshake = false;
    guest.places = undefined;
  }

  /** Something throws in the middle of it. */
  #break(guest: Guest): void {
    const { now } = this.stage;
    Object.defineProperty(this.stage, 'now', {
      configurable: true,
      get: () => {
        throw new TypeError('no time');
      },
    });
    // Of a user nobody has: what is settled already does not ask for the time.
    if (!guest.left) assert.throws(() => guest.stay.settle(0, 'nobody'), TypeError);
    assert.throws(() => this.stage.limits.enter(CLIENTS[0]), TypeError);
    Object.defineProperty(this.stage, 'now', { configurable: true, writable: true, value: now });
  }

  #with(index: number, action: (guest: Guest) => void): void {
    const guest = this.guests[index % Math.max(1, this.guests.length)];
    if (guest !== undefined) action(guest);
  }

  #count(is: (guest: Guest) => boolean): number {
    return this.guests.filter(is).length;
  }
}

const index = (below: number): fc.Arbitrary<number> => fc.nat({ max: below - 1 });
const stay = index(64);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('enter'), client: index(CLIENTS.length), lane: index(LANES) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('settle'), stay, listener: index(2), user: index(USERS.length) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave'), stay }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace'), plan: index(PLANS.length) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die'), lane: index(LANES) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break'), stay }) },
) as fc.Arbitrary<Step>;

test('limits and a model agree on who gets in, after every step, and in the end nothing is held', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 150 }), (steps) => {
      const model = new Model();
      for (const step of steps) {
        model.step(step);
        model.check();
      }
      model.leaveAll();
      assert.deepEqual(model.stage.held, NOBODY);
    }),
    { numRuns: 300 },
  );
});
