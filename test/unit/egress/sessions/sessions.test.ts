import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import type { Range } from '../../../../src/egress/pool/ranges.ts';
import { hashKey } from '../../../../src/egress/sessions/rendezvous.ts';
import type { Snapshot } from '../../../../src/egress/rotation/rotator.ts';
import {
  sessionKey,
  sessionMemory,
  Sessions,
  type Candidates,
  type SessionMemory,
  type SessionRequest,
} from '../../../../src/egress/sessions/sessions.ts';
import { ranges, Stage } from '../../../support/rotation.ts';

const MINUTE = 60_000;
const TEN = '192.0.2.1-192.0.2.10';

interface Options {
  readonly memory?: SessionMemory;
  readonly at?: number;
}

/** A pool with sessions and a clock of its own. */
class Host {
  readonly stage: Stage = new Stage(256);
  readonly sessions: Sessions;
  now: number;
  #snapshot: Snapshot;
  #ranges: readonly Range[];

  constructor(
    terms: readonly string[],
    { memory = sessionMemory(1024), at = 1_700_000_000_000 }: Options = {},
  ) {
    this.now = at;
    this.sessions = new Sessions(memory, () => this.now);
    this.#ranges = ranges(...terms);
    this.#snapshot = this.stage.snapshot(this.#ranges);
  }

  replace(...terms: string[]): void {
    this.#ranges = ranges(...terms);
    this.#snapshot = this.stage.snapshot(this.#ranges);
  }

  eject(address: string): void {
    this.stage.table.setState(this.stage.slotOf(address), 'down');
    this.#snapshot = this.stage.snapshotOf(this.#ranges);
  }

  readmit(address: string): void {
    this.stage.table.setState(this.stage.slotOf(address), 'up');
    this.#snapshot = this.stage.snapshotOf(this.#ranges);
  }

  begin(key: string, more: Partial<SessionRequest> = {}): Candidates {
    const request = { key, ttlMs: 0, idleMs: 0, strict: false, ...more };
    return this.sessions.candidates(request, this.#snapshot.v4, this.stage.table);
  }

  /** All of them, in order. */
  addresses(candidates: Candidates): string[] {
    const taken: string[] = [];
    for (let slot = candidates.next(); slot !== undefined; slot = candidates.next()) {
      taken.push(this.stage.table.address(slot));
    }
    return taken;
  }

  /** A connection that succeeds at once. */
  connect(key: string, more: Partial<SessionRequest> = {}): { address: string | undefined; moved: boolean } {
    const candidates = this.begin(key, more);
    const slot = candidates.next();
    if (slot === undefined) return { address: undefined, moved: false };
    return { address: this.stage.table.address(slot), moved: candidates.settle(slot) };
  }

  /** A connection that succeeds from the second candidate. */
  stumble(key: string): { address: string; moved: boolean } {
    const candidates = this.begin(key);
    candidates.next();
    const slot = candidates.next()!;
    return { address: this.stage.table.address(slot), moved: candidates.settle(slot) };
  }
}

const NAMES = Array.from({ length: 200 }, (_, index) => `s${index}`);
const all = (host: Host, more: Partial<SessionRequest> = {}): (string | undefined)[] =>
  NAMES.map((name) => host.connect(name, more).address);

suite('a session', () => {
  test('has the same address every time, and other sessions have others', () => {
    const host = new Host([TEN]);
    const first = all(host);
    assert.equal(new Set(first).size, 10);
    for (let round = 0; round < 3; round++) {
      host.now += 30 * 24 * 60 * MINUTE;
      assert.deepEqual(all(host), first);
    }
  });

  test('has it after a restart, in whatever order the pool is written', () => {
    assert.deepEqual(all(new Host(['192.0.2.6-192.0.2.10', '192.0.2.1-192.0.2.5'])), all(new Host([TEN])));
  });

  test('keeps it through changes of the pool that do not touch it', () => {
    const host = new Host([TEN]);
    const before = all(host);
    host.replace('198.51.100.0/26', '192.0.2.2-192.0.2.10');
    const after = all(host);
    for (const [index, address] of before.entries()) {
      if (address !== '192.0.2.1') assert.equal(after[index], address);
      else assert.notEqual(after[index], address);
    }
  });

  test('keeps it when the address comes back with another slot', () => {
    const host = new Host([TEN], { memory: sessionMemory(1024) });
    const strict = { strict: true };
    const before = all(host, strict);
    const slot = host.stage.slotOf('192.0.2.3');
    host.replace('192.0.2.1-192.0.2.2', '192.0.2.4-192.0.2.10');
    host.stage.slots.sweep();
    assert.equal(host.stage.slots.sweep(), 1);
    // Two hundred others take the free slots, the old one as well at some time.
    host.replace('198.51.100.0/25', '203.0.113.0/27', '203.0.113.128/26', '192.0.2.1-192.0.2.10');
    assert.notEqual(host.stage.slotOf('192.0.2.3'), slot);
    assert.deepEqual(all(host, strict), before);
  });

  test('goes by family too', () => {
    const stage = new Stage(64);
    const { v4, v6 } = stage.snapshot(ranges('192.0.2.1-192.0.2.4', '2001:db8::1-2001:db8::4'));
    const sessions = new Sessions(sessionMemory(64));
    const request = { key: 'a', ttlMs: 0, idleMs: 0, strict: true };
    for (const rotation of [v4, v6, v4, v6]) {
      const candidates = sessions.candidates(request, rotation, stage.table);
      const slot = candidates.next()!;
      assert.ok(rotation.order.includes(slot));
      assert.equal(candidates.settle(slot), false);
    }
  });

  test('is where the first of two connections finds it, even if the other one has a newer pool in mind', () => {
    const stage = new Stage(256);
    const newer = ranges(TEN, '198.51.100.0/26');
    stage.slots.assign(newer);
    const both = [newer.slice(0, -1), newer].map((members) => stage.snapshotOf(members).v4);
    const sessions = new Sessions(sessionMemory(1024));
    for (const key of NAMES) {
      const request = { key, ttlMs: 0, idleMs: 0, strict: true };
      const [first, second] = both.map((rotation) => sessions.candidates(request, rotation, stage.table));
      assert.equal(first!.next(), second!.next());
    }
  });

  test('never leaves from an address of another pool', () => {
    const stage = new Stage(256);
    const members = ranges('192.0.2.1', '198.51.100.1');
    stage.slots.assign(members);
    const sessions = new Sessions(sessionMemory(1024));
    const request = { key: 'a', ttlMs: 0, idleMs: 0, strict: false };
    for (const one of members) {
      const rotation = stage.snapshotOf([one]).v4;
      const candidates = sessions.candidates(request, rotation, stage.table);
      const slot = candidates.next()!;
      assert.equal(slot, rotation.order[0]);
      candidates.settle(slot);
    }
  });

  test('offers every usable address once, its own first', () => {
    const host = new Host([TEN]);
    host.eject('192.0.2.4');
    const { address } = host.connect('s1');
    const offered = host.addresses(host.begin('s1'));
    assert.equal(offered[0], address);
    assert.equal(new Set(offered).size, 9);
    assert.equal(offered.includes('192.0.2.4'), false);
  });

  test('skips what went down a moment ago, before the pool was published anew', () => {
    const host = new Host([TEN]);
    const { address } = host.connect('s1');
    host.stage.table.ejectNow(host.stage.slotOf(address!));
    const next = host.connect('s1');
    assert.notEqual(next.address, address);
    assert.equal(next.moved, true);
  });
});

suite('a soft session', () => {
  test('moves once when its address is down, says so, and stays there when the old one returns', () => {
    const host = new Host([TEN]);
    const home = host.connect('s1').address!;
    host.eject(home);
    const [second] = host.addresses(host.begin('s1'));
    assert.deepEqual(host.connect('s1'), { address: second, moved: true });
    assert.deepEqual(host.connect('s1'), { address: second, moved: false });
    host.readmit(home);
    assert.deepEqual(host.connect('s1'), { address: second, moved: false });
  });

  test('moves where the next candidate is when its own fails to connect', () => {
    const host = new Host([TEN]);
    const home = host.connect('s1').address!;
    const [, second] = host.addresses(host.begin('s1'));
    assert.deepEqual(host.stumble('s1'), { address: second, moved: true });
    assert.deepEqual(host.connect('s1'), { address: second, moved: false });
    assert.notEqual(second, home);
  });

  test('does not move as long as nothing else has connected', () => {
    const host = new Host([TEN]);
    const home = host.connect('s1').address!;
    assert.equal(host.addresses(host.begin('s1')).length, 10);
    assert.deepEqual(host.connect('s1'), { address: home, moved: false });
  });

  test('has not moved if it never was anywhere', () => {
    const host = new Host([TEN]);
    const { address, moved } = host.stumble('s1');
    assert.equal(moved, false);
    assert.deepEqual(host.connect('s1'), { address, moved: false });
  });

  test('two connections at once move it to one address, and it is said once', () => {
    const host = new Host([TEN]);
    host.eject(host.connect('s1').address!);
    const [one, two] = [host.begin('s1'), host.begin('s1')];
    const [from, to] = [one.next()!, two.next()!];
    assert.equal(from, to);
    assert.deepEqual([one.settle(from), two.settle(to)], [true, false]);
  });

  test('a connection from before the move does not move it back', () => {
    const host = new Host([TEN]);
    host.connect('s1');
    const late = host.begin('s1');
    const home = late.next()!;
    const { address } = host.stumble('s1');
    assert.equal(late.settle(home), false);
    assert.deepEqual(host.connect('s1'), { address, moved: false });
  });

  test('has no candidate when nothing is usable', () => {
    const host = new Host(['192.0.2.1-192.0.2.2']);
    host.connect('s1');
    for (const address of ['192.0.2.1', '192.0.2.2']) host.stage.table.ejectNow(host.stage.slotOf(address));
    assert.deepEqual(host.addresses(host.begin('s1')), []);
    assert.deepEqual(host.addresses(host.begin('s2')), []);
  });
});

suite('a strict session', () => {
  const strict = { strict: true };

  test('has one address only, none while that is down, and the same one when it is back', () => {
    const host = new Host([TEN]);
    const home = host.connect('s1', strict).address!;
    assert.deepEqual(host.addresses(host.begin('s1', strict)), [home]);
    host.eject(home);
    assert.deepEqual(host.addresses(host.begin('s1', strict)), []);
    host.readmit(home);
    assert.deepEqual(host.connect('s1', strict), { address: home, moved: false });
  });

  test('has none while its address is draining or gone', () => {
    const host = new Host([TEN]);
    const home = host.connect('s1', strict).address!;
    host.replace(TEN, '198.51.100.1', `!${home}`);
    assert.deepEqual(host.addresses(host.begin('s1', strict)), []);
    host.stage.slots.sweep();
    host.stage.slots.sweep();
    assert.deepEqual(host.addresses(host.begin('s1', strict)), []);
  });

  test('that never connected takes another address once its first is down', () => {
    const host = new Host([TEN]);
    const [home] = host.addresses(host.begin('s1', strict));
    host.eject(home!);
    const { address, moved } = host.connect('s1', strict);
    assert.notEqual(address, undefined);
    assert.notEqual(address, home);
    assert.equal(moved, false);
  });

  test('begins anew at another address when its time is over', () => {
    const host = new Host([TEN]);
    const limits = { ...strict, ttlMs: MINUTE };
    const home = host.connect('s1', limits).address!;
    host.eject(home);
    assert.equal(host.connect('s1', limits).address, undefined);
    host.now += MINUTE;
    const { address } = host.connect('s1', limits);
    assert.ok(address !== undefined && address !== home);
  });
});

suite('the end of a term', () => {
  test('comes a TTL after the first use, however much it is used, and brings another address', () => {
    const host = new Host([TEN]);
    const limits = { ttlMs: 10 * MINUTE };
    let before = all(host, limits);
    for (let term = 0; term < 3; term++) {
      for (let minute = 1; minute < 10; minute++) {
        host.now += MINUTE;
        assert.deepEqual(all(host, limits), before);
      }
      host.now += MINUTE - 1;
      assert.deepEqual(all(host, limits), before);
      host.now += 1;
      const after = all(host, limits);
      assert.ok(after.every((address, index) => address !== before[index]));
      assert.equal(new Set(after).size, 10);
      before = after;
    }
  });

  test('comes an idle time after the last use', () => {
    const host = new Host([TEN]);
    const limits = { idleMs: MINUTE };
    const { address } = host.connect('s1', limits);
    for (let use = 0; use < 5; use++) {
      host.now += MINUTE - 1;
      assert.equal(host.connect('s1', limits).address, address);
    }
    host.now += MINUTE;
    const other = host.connect('s1', limits);
    assert.notEqual(other.address, address);
    assert.equal(other.moved, false, 'a new term is no move');
  });

  test('takes a moved session anywhere, its first address included', () => {
    const host = new Host(['192.0.2.1-192.0.2.2']);
    const limits = { ttlMs: MINUTE };
    const home = host.connect('s1', limits).address!;
    host.eject(home);
    const second = host.connect('s1', limits);
    assert.equal(second.moved, true);
    host.readmit(home);
    assert.equal(host.connect('s1', limits).address, second.address);
    host.now += MINUTE;
    assert.deepEqual(host.connect('s1', limits), { address: home, moved: false });
  });

  for (const at of [1_700_000_000_000, 800 * 2 ** 31 - MINUTE]) {
    test(`leaves the only address there is, and changes the one inside a block: from ${at}`, () => {
      const host = new Host(['192.0.2.1'], { at });
      const limits = { ttlMs: MINUTE };
      const inside = (): string => {
        const candidates = host.begin('s1', limits);
        assert.equal(candidates.settle(candidates.next()!), false);
        return candidates.inside;
      };
      const first = inside();
      host.now += MINUTE - 1;
      assert.equal(inside(), first);
      host.now += 1;
      const second = inside();
      host.now += MINUTE;
      assert.equal(new Set([first, second, inside()]).size, 3);
    });
  }

  test('is not put off by a clock that is put back', () => {
    const host = new Host([TEN]);
    const limits = { ttlMs: 10 * MINUTE };
    const { address } = host.connect('s1', limits);
    host.now -= 24 * 60 * MINUTE;
    assert.equal(host.connect('s1', limits).address, address);
    host.now += 10 * MINUTE;
    assert.notEqual(host.connect('s1', limits).address, address);
  });
});

suite('memory', () => {
  test('10^6 names cost what 4,096 cost, and those that were forgotten have the same address again', () => {
    const memory = sessionMemory(4096);
    const bytes = memory.table.byteLength;
    const host = new Host([TEN], { memory });
    const expected = new Map<string, string | undefined>();
    for (let index = 0; index < 1_000_000; index++) {
      const name = `flood-${index}`;
      const { address } = host.connect(name);
      if (index % 10_000 === 0) expected.set(name, address);
    }
    for (const [name, address] of expected) assert.equal(host.connect(name).address, address);
    assert.equal(memory.table.byteLength, bytes);
    assert.ok(host.sessions.exportState().length <= 12 + 4096 * 40);
  });

  test('what has run out is forgotten first, then what was unused for longest', () => {
    const host = new Host([TEN], { memory: sessionMemory(16) });
    // Names of one set of eight places.
    const names = NAMES.filter((name) => hashKey(name, 4).low % 2 === 0).slice(0, 11);
    const [short, ...long] = names.splice(0, 8) as [string, ...string[]];
    const [ninth, tenth, eleventh] = names as [string, string, string];
    const places = new Map<string, string>();
    for (const name of long) {
      host.now += 1;
      places.set(name, host.stumble(name).address);
    }
    host.now += 1;
    host.connect(short, { ttlMs: 1000 });
    // What has moved is elsewhere than a session that nobody remembers would be.
    const remembered = (): string[] => {
      const next = new Host([TEN], { memory: sessionMemory(1024), at: host.now });
      next.sessions.importState(host.sessions.exportState());
      return long.filter((name) => next.connect(name).address === places.get(name));
    };
    assert.deepEqual(remembered(), long);
    host.now += 1000;
    host.connect(ninth);
    assert.deepEqual(remembered(), long, 'the last one used had run out');
    host.connect(long[0]!);
    host.connect(tenth);
    assert.deepEqual(remembered(), long.toSpliced(1, 1));
    host.connect(eleventh);
    assert.deepEqual(remembered(), long.toSpliced(1, 2));
  });

  test('entries are rounded up to a power of two, and sixteen is the least', () => {
    const bytes = (entries: number): number => sessionMemory(entries).table.byteLength;
    assert.equal(bytes(0), bytes(16));
    assert.equal(bytes(17), bytes(32));
    assert.ok(bytes(131_072) < 6.5 * 2 ** 20);
  });
});

suite('a lock whose holder has died', () => {
  test('is waited for, then taken away: the sessions go on as before', () => {
    const memory = sessionMemory(16);
    const host = new Host([TEN], { memory });
    const before = NAMES.slice(0, 8).map((name) => host.stumble(name).address);
    // Behind two words of head: the locks of both sets, taken by a thread that is no more.
    new Int32Array(memory.table).fill(0x7fff_0001, 2, 4);
    const after = NAMES.slice(0, 8).map((name) => host.connect(name).address);
    assert.deepEqual(after, before);
    assert.deepEqual([...new Int32Array(memory.table).subarray(2, 4)], [0, 0]);
  });
});

suite('saved sessions', () => {
  test('keep their terms and where they moved over a restart, with other slots', () => {
    const host = new Host([TEN]);
    const limits = { ttlMs: 10 * MINUTE };
    all(host, limits);
    host.now += 11 * MINUTE;
    const second = all(host, limits);
    const moved = host.stumble('mover').address;
    const state = host.sessions.exportState();

    const next = new Host(['192.0.2.6-192.0.2.10', '192.0.2.1-192.0.2.5'], { at: host.now + 5 * MINUTE });
    assert.equal(next.sessions.importState(state), NAMES.length + 1);
    assert.deepEqual(all(next, limits), second);
    assert.deepEqual(next.connect('mover'), { address: moved, moved: false });
    next.now = host.now + 10 * MINUTE;
    assert.ok(
      all(next, limits).every((address, index) => address !== second[index]),
      'the term ends when it would have',
    );
  });

  test('of a strict session whose address is gone are remembered as that', () => {
    const host = new Host([TEN]);
    const strict = { strict: true };
    const home = host.connect('s1', strict).address!;
    const next = new Host([TEN, `!${home}`]);
    next.sessions.importState(host.sessions.exportState());
    assert.equal(next.connect('s1', strict).address, undefined);
  });

  test('that have run out, or are known already, are left out', () => {
    const host = new Host([TEN]);
    host.connect('a', { ttlMs: MINUTE });
    host.connect('b');
    const state = host.sessions.exportState();
    const next = new Host([TEN], { at: host.now + MINUTE });
    assert.equal(next.sessions.importState(state), 1);
    assert.equal(next.sessions.importState(state), 0);
  });

  test('sessions that never connected are not saved', () => {
    const host = new Host([TEN]);
    host.begin('a').next();
    assert.equal(new Host([TEN]).sessions.importState(host.sessions.exportState()), 0);
  });

  test('damaged, cut off or of another kind: refused as a whole', () => {
    const host = new Host([TEN]);
    all(host);
    const state = host.sessions.exportState();
    const refused = (bytes: Uint8Array): void => {
      const next = new Host([TEN]);
      assert.throws(() => next.sessions.importState(bytes), TypeError);
      assert.equal(next.sessions.exportState().length, 12);
    };
    for (const bytes of [new Uint8Array(), Buffer.from('{"sessions":[]}'), new Uint8Array(12)])
      refused(bytes);
    fc.assert(
      fc.property(fc.nat(state.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Uint8Array.from(state);
        damaged[at]! ^= flip;
        refused(damaged);
        refused(state.subarray(0, at));
      }),
      { numRuns: 30 },
    );
  });
});

suite('a key', () => {
  test('is the same for the same parts, and for no others', () => {
    const parts = fc.array(fc.string({ unit: fc.constantFrom('a', '1', '2', ':', ' '), maxLength: 5 }), {
      maxLength: 4,
    });
    const kind = fc.constantFrom('user', 'client', 'port', 'listen');
    fc.assert(
      fc.property(kind, parts, kind, parts, (kind, one, other, two) => {
        const equal = kind === other && JSON.stringify(one) === JSON.stringify(two);
        assert.equal(sessionKey(kind, ...one) === sessionKey(other, ...two), equal);
      }),
    );
    assert.notEqual(sessionKey('user', 'a b', 'c'), sessionKey('user', 'a', 'b c'));
    assert.notEqual(sessionKey('user', 'a', '1:b'), sessionKey('user', 'a 1:b'));
    assert.notEqual(sessionKey('user', '1'), sessionKey('port', '1'));
  });
});
