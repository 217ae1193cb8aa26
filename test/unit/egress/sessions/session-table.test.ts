import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashKey } from '../../../../src/egress/sessions/rendezvous.ts';
import { SessionTable, sessionMemory } from '../../../../src/egress/sessions/session-table.ts';
import { Sessions } from '../../../../src/egress/sessions/sessions.ts';
import { ranges, Stage } from '../../../support/rotation.ts';

const HOUR = 3_600_000;

/** Sessions over ten addresses, and the table they are in as others see it. */
class Host {
  readonly stage: Stage = new Stage(256);
  readonly memory = sessionMemory(1024);
  readonly table = new SessionTable(this.memory);
  readonly sessions: Sessions = new Sessions(this.memory, () => this.now);
  readonly #snapshot = this.stage.snapshot(ranges('192.0.2.1-192.0.2.10'));
  now = 1_700_000_000_000;

  /** @returns where a connection of the session leaves from, and how it ends well. */
  begin(key: string, ttlMs = HOUR): { address: string; settle: () => boolean } {
    const request = { key, ttlMs, idleMs: 0, strict: false };
    const candidates = this.sessions.candidates(request, this.#snapshot.v4, this.stage.table);
    const slot = candidates.next()!;
    return { address: this.stage.table.address(slot), settle: () => candidates.settle(slot) };
  }

  connect(key: string, ttlMs = HOUR): string {
    const { address, settle } = this.begin(key, ttlMs);
    settle();
    return address;
  }

  pin(key: string, address: string): boolean {
    const slot = this.stage.slotOf(address);
    const place = { slot, address: this.stage.table.addressHash(slot) };
    return this.table.pin(hashKey(key, 4), place, this.now);
  }

  end(key: string): boolean {
    return this.table.end(hashKey(key, 4), this.now);
  }
}

test('who is pinned leaves from there, for as long as the term lasts', () => {
  const host = new Host();
  const first = host.connect('cart');
  const other = first === '192.0.2.1' ? '192.0.2.2' : '192.0.2.1';
  assert.equal(host.pin('cart', other), true);
  for (let i = 0; i < 3; i++) assert.equal(host.connect('cart'), other);
  host.now += HOUR;
  assert.notEqual(host.connect('cart'), other);
});

test('a connection that began before the pin does not undo it', () => {
  const host = new Host();
  const first = host.connect('cart');
  const other = first === '192.0.2.1' ? '192.0.2.2' : '192.0.2.1';
  const late = host.begin('cart');
  host.pin('cart', other);
  assert.equal(late.settle(), false);
  assert.equal(host.connect('cart'), other);
});

test('who is ended begins anew, from another address, and is none until then', () => {
  const host = new Host();
  const first = host.connect('cart');
  const late = host.begin('cart');
  assert.equal(host.end('cart'), true);
  assert.equal(host.end('cart'), false);
  assert.equal(host.table.count(host.now), 0);
  assert.equal(late.settle(), false);
  const second = host.connect('cart');
  assert.notEqual(second, first);
  // In the same millisecond as well.
  host.end('cart');
  assert.notEqual(host.connect('cart'), second);
  assert.equal(host.table.count(host.now), 1);
});

test('who is unknown, over, or has no address yet cannot be pinned or ended', () => {
  const host = new Host();
  assert.deepEqual([host.pin('nobody', '192.0.2.1'), host.end('nobody')], [false, false]);
  host.begin('unsettled');
  assert.deepEqual([host.pin('unsettled', '192.0.2.1'), host.end('unsettled')], [false, false]);
  host.connect('short', 1000);
  host.now += 1000;
  assert.deepEqual([host.pin('short', '192.0.2.1'), host.end('short')], [false, false]);
});

test('a count and a record are what the list says', () => {
  const host = new Host();
  for (let i = 0; i < 50; i++) host.connect(`s${i}`, i < 20 ? 1000 : HOUR);
  host.begin('unsettled');
  assert.equal(host.table.count(host.now), 50);
  host.now += 1000;
  const listed = [...host.table.live(host.now)];
  assert.equal(listed.length, 30);
  assert.equal(host.table.count(host.now), 30);
  for (const record of listed) assert.deepEqual(host.table.record(record, host.now), record);
  assert.equal(host.table.record(hashKey('s1', 4), host.now), undefined);
});
