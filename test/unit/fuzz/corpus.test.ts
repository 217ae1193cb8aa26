import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { describe, it } from 'node:test';
import { stored } from '../../fuzz/shelf.ts';
import { TARGET_NAMES, TARGETS } from '../../fuzz/targets.ts';

const MOST_FILES = 300;

describe('every input of the fuzzer runs again', () => {
  for (const name of TARGET_NAMES) {
    it(`${name}: the corpus`, async () => {
      const target = await TARGETS[name]();
      const corpus = stored('corpus', name);
      assert.ok(corpus.length > 0, 'there is nothing to start from');
      const outcomes = corpus.map(({ file, bytes }) => {
        try {
          return target.run(bytes);
        } catch (cause) {
          throw new Error(`corpus/${name}/${basename(file)}`, { cause });
        }
      });
      assert.ok(new Set(outcomes).size > 1, 'every input comes to the same end');
      assert.ok(
        corpus.every(({ bytes }) => bytes.length <= target.longest),
        'an input is longer than the longest',
      );
    });

    for (const { file, bytes } of stored('crashes', name)) {
      it(`${name}: what once broke it, ${basename(file)}`, async () => {
        const target = await TARGETS[name]();
        target.run(bytes);
      });
    }
  }

  it(`has fewer than ${MOST_FILES} files in the corpus`, () => {
    const files = TARGET_NAMES.flatMap((name) => stored('corpus', name));
    assert.ok(files.length < MOST_FILES, `${files.length} files`);
  });
});
