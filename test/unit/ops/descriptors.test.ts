import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { openDescriptors } from '../../../src/ops/descriptors.ts';

test('descriptors are counted as they are opened and closed', () => {
  const before = openDescriptors();
  assert.ok(before >= 3);
  const opened = Array.from({ length: 50 }, () => openSync('/dev/null', 'r'));
  assert.equal(openDescriptors(), before + 50);
  for (const descriptor of opened) closeSync(descriptor);
  assert.equal(openDescriptors(), before);
});
