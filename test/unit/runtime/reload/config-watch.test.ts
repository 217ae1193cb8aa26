/** Which content of a file counts as known, whatever its times say. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { fingerprint } from '../../../../src/runtime/config/file.ts';
import { ConfigWatch } from '../../../../src/runtime/reload/config-watch.ts';
import { eventually } from '../../../support/gateway.ts';

const TIMES = { settleMs: 10, patienceMs: 20, checkMs: 20, retryMs: 20 };
const BEFORE = 'pool: 127.0.0.2';

suite('the watch over a configuration file', () => {
  test('finds what was written between reading and watching, also when it looks older than that', async () => {
    await watched(BEFORE, async (path, changes) => {
      writeFileSync(path, 'pool: 127.0.0.3');
      utimesSync(path, 1, 1);
      await eventually('the change is seen', () => changes() === 1);
    });
  });

  test('says nothing of what others have read, and are using', async () => {
    await watched(BEFORE, async (path, changes, watch) => {
      writeFileSync(path, 'pool: 127.0.0.3');
      watch.read(fingerprint(Buffer.from('pool: 127.0.0.3')));
      writeFileSync(path, 'pool: 127.0.0.4');
      await eventually('the change is seen', () => changes() > 0);
      // A look that had found the first change would have told of it by now.
      await new Promise((resolve) => setTimeout(resolve, 5 * TIMES.checkMs));
      assert.equal(changes(), 1);
    });
  });

  test('takes what it finds first when nobody says what was read', async () => {
    await watched(undefined, async (_path, changes) => {
      await new Promise((resolve) => setTimeout(resolve, 5 * TIMES.checkMs));
      assert.equal(changes(), 0);
    });
  });
});

async function watched(
  read: string | undefined,
  check: (path: string, changes: () => number, watch: ConfigWatch) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-watch-'));
  const path = join(folder, 'gyre.yaml');
  writeFileSync(path, BEFORE);
  let changes = 0;
  const hooks = { judge: () => {}, changed: () => changes++ };
  const watch = new ConfigWatch(path, read && fingerprint(Buffer.from(read)), hooks, TIMES);
  watch.start();
  try {
    await check(path, () => changes, watch);
  } finally {
    watch.stop();
    rmSync(folder, { recursive: true });
  }
}
