import assert from 'node:assert/strict';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtempDisposable,
  open,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { parsePool } from '../../../../src/egress/expression/expression.ts';
import type { FeedOptions } from '../../../../src/egress/sources/feed.ts';
import { fileSource } from '../../../../src/egress/sources/file.ts';
import type { FileTerm } from '../../../../src/egress/expression/term.ts';
import { WatchedFeed } from '../../../support/feed.ts';
import { runProgram } from '../../../support/program.ts';

/** Long enough between two reads that only a watch can bring the next one. */
const FAST: FeedOptions = { settleMs: 20, refreshMs: 3_600_000, watchMs: 20 };

async function place(context: TestContext): Promise<(name: string) => string> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'gyre-file-'));
  context.after(() => folder.remove());
  return (name) => join(folder.path, name);
}

/** What editors and deployments do: another file takes the name. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

const read = (path: string, settleMs = 20): Promise<unknown> =>
  fileSource(parsePool([`file:${path}`])[0] as FileTerm, { settleMs }).read(new AbortController().signal);

suite('a file with addresses', () => {
  test('is followed through replacement, writing in place, and links', async (context) => {
    const at = await place(context);
    await writeFile(at('pool'), '192.0.2.1\n');
    using watched = new WatchedFeed([`file:${at('pool')}`], FAST);
    assert.deepEqual(await watched.start(), ['192.0.2.1']);
    await replace(at('pool'), '192.0.2.2\n');
    await watched.becomes('192.0.2.2');
    await writeFile(at('pool'), '192.0.2.3\n');
    await watched.becomes('192.0.2.3');
    await appendFile(at('pool'), '192.0.2.4\n');
    await watched.becomes('192.0.2.3', '192.0.2.4');
    // As Kubernetes mounts a ConfigMap: the name stays, a link on its way is switched over.
    await mkdir(at('one'));
    await mkdir(at('two'));
    await writeFile(at('one/list'), '192.0.2.5\n');
    await writeFile(at('two/list'), '192.0.2.6\n');
    await symlink('one', at('data'));
    await symlink('data/list', at('link'));
    await rename(at('link'), at('pool'));
    await watched.becomes('192.0.2.5');
    await symlink('two', at('data.new'));
    await rename(at('data.new'), at('data'));
    await watched.becomes('192.0.2.6');
    assert.deepEqual(watched.reports, []);
  });

  test('keeps its answer while it is gone, empty or half-written', async (context) => {
    const at = await place(context);
    await writeFile(at('pool'), '192.0.2.1\n');
    using watched = new WatchedFeed([`file:${at('pool')}`], FAST);
    await watched.start();
    await rm(at('pool'));
    await watched.says(/^there is no such file; its last good answer stays$/);
    const [status] = watched.feed.status();
    assert.deepEqual([status?.addresses, status?.lastError], [1n, 'there is no such file']);

    const file = await open(at('pool'), 'w');
    await watched.says(/no addresses any more; its last/);
    await file.write('192.0.2.1\n192.0.2.2\n192.0.');
    await watched.says(/its last line is half-written; its last/);
    assert.deepEqual(watched.changes, []);
    await file.write('2.3\n');
    await file.close();
    await watched.becomes('192.0.2.1', '192.0.2.2', '192.0.2.3');
    assert.equal(watched.changes.length, 1);
    await truncate(at('pool'), 0);
    await watched.says(/no addresses any more/);
    await writeFile(at('pool'), 'hello\n');
    await watched.says(/not one line is good: line 1/);
    assert.equal(watched.feed.status()[0]?.addresses, 3n);
    await replace(at('pool'), '192.0.2.9\n');
    await watched.becomes('192.0.2.9');
    assert.equal(watched.feed.status()[0]?.lastError, undefined);
  });

  test('is followed when its whole folder is replaced, or comes later', async (context) => {
    const at = await place(context);
    const path = at('folder/pool');
    using watched = new WatchedFeed(['192.0.2.100', `file:${path}`], FAST);
    assert.deepEqual(await watched.start(), ['192.0.2.100']);
    await mkdir(at('folder'));
    await writeFile(path, '192.0.2.1\n');
    await watched.becomes('192.0.2.100', '192.0.2.1');
    await rename(at('folder'), at('old'));
    await watched.says(/no such file/);
    await mkdir(at('folder'));
    await writeFile(path, '192.0.2.2\n');
    await watched.becomes('192.0.2.100', '192.0.2.2');
    await replace(path, '192.0.2.3\n');
    await watched.becomes('192.0.2.100', '192.0.2.3');
  });

  test('with a last line that was bad for long is read without that line', async (context) => {
    const at = await place(context);
    await writeFile(at('pool'), '192.0.2.1\nhello');
    await assert.rejects(read(at('pool')), /half-written/);
    const old = new Date(Date.now() - 3_600_000);
    await utimes(at('pool'), old, old);
    const answer = (await read(at('pool'), 200)) as { problems: { line: number }[] };
    assert.deepEqual(
      answer.problems.map(({ line }) => line),
      [2],
    );
    const future = new Date(Date.now() + 3_600_000);
    await utimes(at('pool'), future, future);
    await assert.rejects(read(at('pool'), 60_000), /half-written/, 'and a date to come is no reason to wait');
  });

  test('just written is waited for by a program that has nothing else to do', async (context) => {
    const at = await place(context);
    await writeFile(at('pool'), '192.0.2.1');
    const module = (name: string): string =>
      new URL(`../../../../src/egress/${name}.ts`, import.meta.url).href;
    const script = `
      const { Feed } = await import('${module('sources/feed')}');
      const { parsePool } = await import('${module('expression/expression')}');
      const feed = new Feed(parsePool(['file:${at('pool')}']), { settleMs: 30 });
      console.log((await feed.start()).length);`;
    const { code, stdout } = await runProgram(process.execPath, ['--input-type=module', '-e', script]);
    assert.deepEqual([code, stdout], [0, '1\n']);
  });

  test('has to be one', async (context) => {
    const at = await place(context);
    await runProgram('mkfifo', [at('pipe')]);
    await assert.rejects(read(at('pipe')), /not a regular file/);
    await assert.rejects(read('/dev/zero'), /not a regular file/);
    await mkdir(at('folder'));
    await assert.rejects(read(at('folder')), /not a regular file/);
    await assert.rejects(read(at('nothing')), /no such file/);
    await writeFile(at('big'), Buffer.alloc(8 * 1024 * 1024 + 1, '#'));
    await assert.rejects(read(at('big')), /larger than 8 MiB/);
    await writeFile(at('secret'), '192.0.2.1\n');
    await chmod(at('secret'), 0);
    if (process.getuid?.() !== 0) await assert.rejects(read(at('secret')), /may not be read/);
  });
});
