import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('../../../src/dashboard/', import.meta.url);

test('nothing in the dashboard makes markup of a text: names that clients and targets chose are never more than text', () => {
  const files = globSync('**/*.ts', { cwd: ROOT });
  assert.ok(files.length > 40);
  for (const file of files) {
    const text = readFileSync(new URL(file, ROOT), 'utf8');
    assert.doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write|srcdoc|\beval\(|new Function/,
      file,
    );
  }
});
