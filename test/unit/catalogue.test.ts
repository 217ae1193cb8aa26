/** Every row of the catalogue of failures (sections A to F, J, K and L; but for Redis, which Gyre does not use) has a test that bears its number. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROWS: Readonly<Record<string, readonly number[]>> = {
  A: [1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15],
  B: [1, 3, 4, 5, 6, 8, 9, 10],
  C: [1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18, 20, 21, 22, 23],
  D: [2, 3, 4, 5, 7, 8, 9, 10, 12],
  E: [1, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 18, 19, 20, 21, 23, 24, 25, 26, 28],
  F: [1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 19, 20, 21, 22, 24, 25, 26, 27, 29, 30, 31, 32],
  J: [1, 3, 4, 5, 6, 8, 9, 10, 11, 13],
  K: [1, 2, 3, 5, 6, 7, 8, 10, 11, 12],
  L: [1, 2, 3, 4, 5, 6, 7, 9, 14, 15, 16, 17],
};

/** `A7, A9–A11:` at the beginning of a text in quotes. */
const NUMBERS = /['"`]((?:[A-FJ-L]\d+(?:–[A-FJ-L]?\d+)?(?:, | and )?)+):/g;

test('each row has its test', () => {
  const tested = new Set<string>();
  const root = fileURLToPath(new URL('..', import.meta.url));
  for (const file of globSync(`${root}/**/*.test.ts`)) {
    for (const [, numbers = ''] of readFileSync(file, 'utf8').matchAll(NUMBERS)) {
      for (const [, section = '', first, last = first] of numbers.matchAll(
        /([A-FJ-L])(\d+)(?:–[A-FJ-L]?(\d+))?/g,
      )) {
        for (let row = Number(first); row <= Number(last); row++) tested.add(`${section}${row}`);
      }
    }
  }
  const rows = Object.entries(ROWS).flatMap(([section, all]) => all.map((row) => `${section}${row}`));
  assert.equal(rows.length, 129);
  assert.deepEqual(
    rows.filter((row) => !tested.has(row)),
    [],
  );
});
