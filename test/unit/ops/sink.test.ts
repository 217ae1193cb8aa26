import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { readSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { LineSink } from '../../../src/ops/sink.ts';
import { SinkError } from '../../../src/ops/target.ts';

/** Longer than any flush here takes. */
const LONG = 30_000;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gyre-sink-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function open(t: TestContext, path: string, options?: ConstructorParameters<typeof LineSink>[1]): LineSink {
  const sink = new LineSink({ path }, options);
  t.after(() => sink.close());
  return sink;
}

const told = (line: string): number => (JSON.parse(line) as { dropped: number }).dropped;
const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('a file is appended to, every line once and in order', async (t) => {
  const path = join(folder(t), 'log');
  writeFileSync(path, 'already there\n');
  const sink = open(t, path);
  let expected = 'already there\n';
  for (let i = 0; i < 5000; i++) {
    const line = `line ${i} ${'é'.repeat(i % 50)}\n`;
    sink.write(line);
    expected += line;
  }
  await sink.flush(LONG);
  assert.equal(readFileSync(path, 'utf8'), expected);
  assert.equal(sink.dropped, 0);
});

test('flush with nothing to do is over at once', async (t) => {
  const sink = open(t, join(folder(t), 'log'));
  await sink.flush(LONG);
  sink.write('');
  await sink.flush(LONG);
  assert.equal(sink.dropped, 0);
});

test('several flushes end together', async (t) => {
  const path = join(folder(t), 'log');
  const sink = open(t, path);
  sink.write('a\n');
  await Promise.all([sink.flush(LONG), sink.flush(LONG)]);
  assert.equal(readFileSync(path, 'utf8'), 'a\n');
});

test('a file is no terminal and gets JSON, unless told otherwise', (t) => {
  const path = join(folder(t), 'log');
  assert.equal(open(t, path).terminal, false);
  assert.equal(open(t, path).format, 'json');
  assert.equal(open(t, path, { format: 'human' }).format, 'human');
});

test('a new log file is not for everybody to read', (t) => {
  const path = join(folder(t), 'log');
  open(t, path);
  assert.equal(statSync(path).mode & 0o007, 0);
});

for (const format of ['json', 'human'] as const) {
  test(`above a tiny bound lines are dropped, counted, and told of in ${format}`, async (t) => {
    const path = join(folder(t), 'log');
    const sink = open(t, path, { maxBytes: 10, format });
    sink.write('aaaa\nbbbb\ncccc\n');
    sink.write('dddd\n');
    assert.equal(sink.dropped, 2);
    await sink.flush(LONG);
    sink.write('eeee\n');
    await sink.flush(LONG);
    const lines = readFileSync(path, 'utf8').split('\n');
    assert.deepEqual([lines[0], lines[1], lines[3], lines[4], lines.length], ['aaaa', 'bbbb', 'eeee', '', 5]);
    if (format === 'json') assert.equal(told(lines[2]!), 2);
    else assert.match(lines[2]!, /^\d\d:\d\d:\d\d\.\d{3} warn {2}.* dropped=2$/);
  });
}

test('a quiet target is told of drops without waiting for another line', async (t) => {
  const path = join(folder(t), 'log');
  const sink = open(t, path, { maxBytes: 5 });
  sink.write('aaaa\nbbbb\n');
  await sink.flush(LONG);
  assert.equal(told(readFileSync(path, 'utf8').split('\n')[1]!), 1);
});

test('a full disk costs lines, and when there is room again the log goes on by itself', async (t) => {
  const at = folder(t);
  const path = join(at, 'log');
  symlinkSync('/dev/full', path);
  const sink = open(t, path);
  for (let i = 0; i < 3; i++) {
    sink.write(`lost ${i}\n`);
    await sink.flush(LONG);
  }
  assert.equal(sink.dropped, 3);
  unlinkSync(path);
  symlinkSync(join(at, 'roomy'), path);
  sink.reopen();
  sink.write('kept\n');
  await sink.flush(LONG);
  const [notice, kept] = readFileSync(path, 'utf8').split('\n');
  assert.equal(told(notice!), 3);
  assert.equal(kept, 'kept');
  assert.equal(sink.dropped, 3);
});

test('reopen follows a rotation and loses nothing', async (t) => {
  const at = folder(t);
  const path = join(at, 'log');
  const sink = open(t, path);
  const before = descriptors();
  let expected = '';
  for (let i = 0; i < 20; i++) {
    const line = `line ${i} ${'x'.repeat(50_000)}\n`;
    sink.write(line);
    expected += line;
    // Every second time with a write on its way.
    if (i % 2 === 0) await sink.flush(LONG);
    renameSync(path, join(at, `log.${String(i).padStart(2, '0')}`));
    sink.reopen();
  }
  sink.write('last\n');
  await sink.flush(LONG);
  assert.equal(readFileSync(path, 'utf8').endsWith('last\n'), true);
  const files = readdirSync(at).filter((name) => name !== 'log');
  const whole = [...files.toSorted(), 'log'].map((name) => readFileSync(join(at, name), 'utf8'));
  assert.equal(whole.join(''), `${expected}last\n`);
  assert.ok(whole.every((content) => content === '' || content.endsWith('\n')));
  assert.equal(sink.dropped, 0);
  // Twenty files were opened; closing goes by the thread pool, so the last one may still be on its way.
  assert.ok(descriptors() < before + 5);
});

test('a line torn in one file leaves no mark in the next', async (t) => {
  const path = join(folder(t), 'log');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const sink = open(t, path);
  // More than a pipe holds: it is half written when the reader leaves.
  sink.write(`${'x'.repeat(2 ** 20)}\n`);
  await sink.flush(10);
  closeSync(reader);
  await sink.flush(LONG);
  assert.equal(sink.dropped, 1);
  unlinkSync(path);
  sink.reopen();
  sink.write('whole\n');
  await sink.flush(LONG);
  const [notice, whole, end] = readFileSync(path, 'utf8').split('\n');
  assert.deepEqual([told(notice!), whole, end], [1, 'whole', '']);
});

test('a reopen that fails is an error and keeps the old file', async (t) => {
  const at = folder(t);
  const path = join(at, 'sub', 'log');
  mkdirSync(join(at, 'sub'));
  const sink = open(t, path);
  renameSync(join(at, 'sub'), join(at, 'moved'));
  assert.throws(() => sink.reopen(), SinkError);
  sink.write('still here\n');
  await sink.flush(LONG);
  assert.equal(readFileSync(join(at, 'moved', 'log'), 'utf8'), 'still here\n');
});

test('after close lines are counted as dropped, and everything else is harmless', async (t) => {
  const path = join(folder(t), 'log');
  const sink = open(t, path);
  sink.write('written\n');
  await sink.flush(LONG);
  sink.close();
  sink.close();
  sink.write('too\nlate\n');
  sink.reopen();
  await sink.flush(LONG);
  assert.equal(sink.dropped, 2);
  assert.equal(readFileSync(path, 'utf8'), 'written\n');
});

test('close with a write on its way ends a flush, and each line is written or counted', async (t) => {
  const path = join(folder(t), 'log');
  const sink = open(t, path);
  sink.write('one\n');
  sink.write('two\n');
  const flushed = sink.flush(LONG);
  sink.close();
  await flushed;
  // A write that were still in the thread pool would be over after these.
  for (let i = 0; i < 8; i++) await stat(path);
  assert.equal(readFileSync(path, 'utf8').split('\n').length - 1 + sink.dropped, 2);
});

test('a named pipe without a reader is refused; with one it is written, and it may leave', async (t) => {
  const path = join(folder(t), 'pipe');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  assert.throws(() => new LineSink({ path }), /nobody reads/);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const sink = open(t, path);
  sink.write('read\n');
  await sink.flush(LONG);
  const buffer = Buffer.alloc(100);
  assert.equal(buffer.toString('utf8', 0, readSync(reader, buffer)), 'read\n');
  closeSync(reader);
  sink.write('lost\n');
  await sink.flush(LONG);
  assert.equal(sink.dropped, 1);
});

test('a flush of a stalled target ends at its deadline', async (t) => {
  const path = join(folder(t), 'pipe');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const sink = open(t, path);
  sink.write(`${'x'.repeat(2 ** 20)}\n`);
  await sink.flush(30);
  assert.equal(sink.dropped, 0);
  sink.close();
  assert.equal(sink.dropped, 1);
});

const REFUSALS: readonly [name: string, path: (at: string) => string, says: RegExp][] = [
  [
    'a missing folder',
    (at) => join(at, 'none', 'log'),
    /^cannot open the log file .*none\/log: its directory does not exist$/,
  ],
  ['a folder', (at) => at, /: it is a directory$/],
  ['a file as folder', (at) => join(at, 'file', 'log'), /: a part of its path is not a directory$/],
  ['a name that is too long', (at) => join(at, 'x'.repeat(300)), /: ENAMETOOLONG$/],
];
for (const [name, path, says] of REFUSALS) {
  test(`${name} cannot be opened, and the error says so in one line with a hint`, (t) => {
    const at = folder(t);
    writeFileSync(join(at, 'file'), '');
    assert.throws(
      () => new LineSink({ path: path(at) }),
      (error: unknown) => {
        assert.ok(error instanceof SinkError);
        assert.match(error.message, says);
        assert.ok(error.hint.length > 0);
        assert.ok(error.cause instanceof Error);
        return true;
      },
    );
  });
}
