import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { barParts, lookOf, sparkline } from '../../../../src/cli/top/look.ts';

const UNICODE = { color: false, unicode: true };
const stream = (isTTY: boolean) => ({ isTTY, hasColors: () => true }) as unknown as NodeJS.WriteStream;

test('a sparkline has the latest values against the largest shown; something is never drawn as nothing', () => {
  assert.equal(sparkline([0, 1, 50, 100], 10, UNICODE), '▁▂▅█');
  assert.equal(sparkline([1000, 1, 2, 4], 3, UNICODE), '▃▅█');
  assert.equal(sparkline([0, 0], 10, UNICODE), '▁▁');
  assert.equal(sparkline([0, 7], 10, { color: false, unicode: false }), '_#');
  assert.equal(sparkline([1, 2], 0, UNICODE), '');
});

test('a bar is full, and has room for everything that is there at all', () => {
  assert.deepEqual(barParts([65_535, 0, 0, 1], 24), [23, 0, 0, 1]);
  assert.deepEqual(barParts([0, 0], 10), [0, 0]);
  fc.assert(
    fc.property(
      fc.array(fc.nat(100_000), { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 4, max: 40 }),
      (counts, width) => {
        const parts = barParts(counts, width);
        const sum = parts.reduce((all, part) => all + part, 0);
        assert.equal(sum, counts.every((count) => count === 0) ? 0 : width);
        for (const [index, part] of parts.entries()) assert.equal(part > 0, counts[index]! > 0);
      },
    ),
  );
});

test('colours are for terminals without NO_COLOR, more than ASCII for locales that say so', () => {
  assert.deepEqual(lookOf(stream(true), { LANG: 'de_DE.UTF-8' }), { color: true, unicode: true });
  assert.deepEqual(lookOf(stream(true), { NO_COLOR: '1', LANG: 'C' }), { color: false, unicode: false });
  assert.deepEqual(lookOf(stream(false), { LC_ALL: 'C', LANG: 'C.utf8' }), { color: false, unicode: false });
  assert.deepEqual(lookOf(stream(true), {}), { color: true, unicode: false });
});
