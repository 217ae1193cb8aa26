import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { portRange, Ports, readPortRange } from '../../../../src/egress/dial/ports.ts';
import { EgressTable, tableMemory } from '../../../../src/egress/pool/table.ts';

const table = () => new EgressTable(tableMemory(4));
const sorted = (ports: Iterable<number>) => [...ports].toSorted((a, b) => a - b);
const takes = (ports: Ports, slot: number, count: number) =>
  Array.from({ length: count }, () => ports.take(slot));

const TARGET = '192.0.2.1 443';

test('every usable port has its turn once before any comes again, from wherever the cursor stands', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 65_300 }),
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 0, max: 300 }),
      (first, more, before) => {
        const last = first + more;
        const reserved = [{ first: first + 1, last: first + 3 }];
        const usable = sorted(portRange(first, last).order).filter(
          (port) => port < first + 1 || port > first + 3,
        );
        const ports = new Ports(portRange(first, last, reserved), table());
        takes(ports, 0, before);
        assert.deepEqual(sorted(takes(ports, 0, usable.length)), usable);
      },
    ),
    { numRuns: 50 },
  );
});

test('two threads draw from one cursor and one order, and each egress has a cursor of its own', () => {
  const memory = tableMemory(4);
  const range = portRange(1000, 1099);
  assert(range.order.buffer instanceof SharedArrayBuffer);
  const one = new Ports(range, new EgressTable(memory));
  const other = new Ports(structuredClone(range), new EgressTable(memory));
  const seen = Array.from({ length: 50 }, () => [one.take(0), other.take(0)]).flat();
  assert.equal(new Set(seen).size, 100);
  assert.deepEqual(sorted(takes(one, 1, 100)), sorted(range.order));
});

test('the order is no order', () => {
  const { order } = portRange(30_000, 39_999);
  const neighbours = [...order].filter((port, index) => port - (order[index - 1] ?? 0) === 1);
  assert(neighbours.length < 100, `${neighbours.length} of 10,000 ports follow their neighbour`);
  assert.notDeepEqual([...order], [...portRange(30_000, 39_999).order]);
});

test('a search goes through all of a range of up to 128 ports', () => {
  for (const size of [1, 15, 16, 17, 100, 127, 128]) {
    const range = portRange(2000, 1999 + size);
    const ports = new Ports(range, table());
    const taken = ports.take(2);
    const others = [...ports.others(2, TARGET)];
    assert.equal(others.length, 127);
    assert.deepEqual(sorted(new Set([taken, ...others])), sorted(range.order));
  }
});

test('in a large range the others are spread over all of it', () => {
  const range = portRange(10_000, 49_999);
  const ports = new Ports(range, table());
  const taken = ports.take(0);
  const places = [...ports.others(0, TARGET)].map((port) => range.order.indexOf(port));
  const eighths = new Set([range.order.indexOf(taken), ...places].map((place) => Math.floor(place / 5000)));
  assert.equal(eighths.size, 8);
});

test('after a search in vain one connection costs one run only, for a second, on that egress alone', () => {
  let now = 0;
  const ports = new Ports(portRange(1000, 9999), table(), () => now);
  const count = (slot: number, target = TARGET) => [...ports.others(slot, target)].length;
  assert.deepEqual([count(0), count(0), count(1)], [127, 15, 127]);
  now = 999;
  assert.equal(count(0), 15);
  now = 1000;
  assert.equal(count(0), 127);
});

test('a search that found a port is no search in vain', () => {
  const ports = new Ports(portRange(1000, 9999), table());
  const search = ports.others(0, TARGET);
  for (let i = 0; i < 50; i++) search.next();
  assert.equal([...ports.others(0, TARGET)].length, 127);
});

test('where every port is reserved, the kernel chooses', () => {
  const ports = new Ports(portRange(5, 9, [{ first: 1, last: 65_535 }]), table());
  assert.deepEqual([ports.take(0), ports.take(0), [...ports.others(0, TARGET)]], [0, 0, []]);
});

test('the range is read from the kernel, without the reserved ports; nonsense is the default', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-ports-'));
  const file = join(folder, 'ip_local_port_range');
  const range = (text: string, reserved?: string) => {
    writeFileSync(file, text);
    if (reserved !== undefined) writeFileSync(join(folder, 'ip_local_reserved_ports'), reserved);
    const { first, last, order } = readPortRange(file);
    return [first, last, order.length];
  };
  try {
    assert.deepEqual(range('1024\t65535\n'), [1024, 65_535, 64_512]);
    assert.deepEqual(range('40000 40009\n', '\n'), [40_000, 40_009, 10]);
    assert.deepEqual(range('40000\t40009\n', '8080,40001,40003-40005\n'), [40_000, 40_009, 6]);
    for (const nonsense of ['', '1', '9 3', '0 5', '1 65536', 'a b', '1.5 7']) {
      assert.deepEqual(range(nonsense, ''), [32_768, 60_999, 28_232], nonsense);
    }
    rmSync(file);
    assert.equal(readPortRange(file).order.length, 28_232);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('this host has a range', () => {
  const { first, last, order } = readPortRange();
  assert(first >= 1 && last <= 65_535 && order.length > 0 && order.length <= last - first + 1);
});

test('a search in vain for one destination leaves the others of the egress alone', () => {
  const { ports } = ((): { ports: Ports } => {
    let cursor = 0;
    return { ports: new Ports(portRange(40_000, 41_999), { nextPort: () => cursor++ }, () => 0) };
  })();
  const full = [...ports.others(0, '192.0.2.1 443')].length;
  assert.ok(
    [...ports.others(0, '192.0.2.1 443')].length < full,
    'the same destination is not searched again at once',
  );
  assert.equal([...ports.others(0, '192.0.2.2 443')].length, full);
});
