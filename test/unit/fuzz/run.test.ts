import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const RUN = fileURLToPath(new URL('../../fuzz/run.ts', import.meta.url));
const SEED = fileURLToPath(new URL('../../fuzz/corpus/server-name/session', import.meta.url));

function fuzz(...words: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, ...words], { encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

describe('npm run fuzz', () => {
  it('runs a target so many times and sums up', () => {
    const { status, out, err } = fuzz('server-name', '--runs', '2_000', '--seed', '1');
    assert.equal(status, 0, err);
    assert.match(out, /^server-name +2,000 .* 0$/m);
    assert.match(out, /^together +2,000 .* 0$/m);
    assert.match(err, /1 target, 2,000 inputs each, --seed 1/);
  });

  it('feeds one file to one target', () => {
    const { status, err } = fuzz('server-name', '--replay', SEED);
    assert.deepEqual([status, err], [0, 'server-name: session\n']);
  });

  it('says what it does not understand', () => {
    const cases: readonly (readonly [words: string[], complaint: RegExp])[] = [
      [['socks9'], /Allowed choices are socks5, /],
      [['--runs', 'many'], /whole number/],
      [['--replay', SEED], /exactly one target/],
      [['server-name', '--replay', `${SEED}-not-there`], /no such file/],
    ];
    for (const [words, complaint] of cases) {
      const { status, err } = fuzz(...words);
      assert.equal(status, 1, words.join(' '));
      assert.match(err, complaint);
    }
  });
});
