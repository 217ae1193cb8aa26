/** The sink on standard streams, each in a process of its own: pipes, sockets and terminals that nobody reads. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';

/** Ends a test that hangs; nothing here depends on how fast anything is. */
const GUARD = { timeout: 120_000 };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gyre-sink-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A program in a file: LineSink, a turn of the loop, and a report on standard output are at hand. */
function program(t: TestContext, body: string): string {
  const path = join(folder(t), 'program.mjs');
  const sink = new URL('../../../src/ops/sink.ts', import.meta.url).href;
  writeFileSync(
    path,
    `import { LineSink } from ${JSON.stringify(sink)};
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const report = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
    ${body}`,
  );
  return path;
}

function run(t: TestContext, body: string, stdio: StdioOptions): ChildProcess {
  const started = spawn(process.execPath, ['--expose-gc', program(t, body)], { stdio });
  t.after(() => started.kill('SIGKILL'));
  return started;
}

/** A kernel pipe. Node offers none: what it calls a pipe to a child is a socket pair. */
function pipe(t: TestContext): { read: number; write: number } {
  const path = join(folder(t), 'pipe');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(path, constants.O_WRONLY);
  return { read, write };
}

/** A process whose standard error is of this kind, and the end to read it by. */
function runOn(
  t: TestContext,
  kind: 'pipe' | 'socket',
  body: string,
): { started: ChildProcess; stderr: Readable } {
  if (kind === 'socket') {
    const started = run(t, body, 'pipe');
    return { started, stderr: started.stderr! };
  }
  const { read, write } = pipe(t);
  const started = run(t, body, ['pipe', 'pipe', write]);
  closeSync(write);
  const stderr = new Socket({ fd: read, readable: true, writable: false });
  t.after(() => stderr.destroy());
  return { started, stderr };
}

async function firstLine(stream: Readable): Promise<unknown> {
  let seen = '';
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    seen += String(piece);
    if (seen.includes('\n')) break;
  }
  return JSON.parse(seen.split('\n')[0]!);
}

const numbers = (log: string): number[] =>
  [...log.matchAll(/^line (\d+)\.*\r?$/gm)].map(([, n]) => Number(n));
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** 40 MB in 200,000 lines through a bound of 1 MiB. */
const FLOOD = `
  const sink = new LineSink('stderr', { maxBytes: 2 ** 20 });
  // Twice, because what one collection finds the next one frees.
  const used = async () => {
    for (let i = 0; i < 2; i++) { gc(); await turn(); }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const batch = ('x'.repeat(199) + '\\n').repeat(1000);
  let ticks = 0;
  const ticker = setInterval(() => ticks++, 1);
  const before = await used();
  for (let i = 0; i < 200; i++) { sink.write(batch); await turn(); }
  while (ticks < 20) await turn();
  clearInterval(ticker);
  const grown = await used() - before;
  const { dropped } = sink;
  await sink.flush(20);
  sink.close();
  report({ dropped, grown, after: sink.dropped });`;

function assertFlooded(reported: unknown): void {
  const { dropped, grown, after } = reported as { dropped: number; grown: number; after: number };
  // The kernel takes some hundred KB and the sink keeps 5,242 lines; the rest can only be dropped.
  assert.ok(dropped > 185_000 && dropped < 200_000, `${dropped} dropped`);
  assert.ok(after >= dropped && after < 200_000, `${after} dropped in all`);
  assert.ok(grown < 8 * 2 ** 20, `${grown} bytes more in use`);
}

for (const kind of ['pipe', 'socket'] as const) {
  test(
    `a ${kind} nobody reads: the loop turns, memory is bounded, drops are counted, the end comes`,
    GUARD,
    async (t) => {
      const { started } = runOn(t, kind, FLOOD);
      const exited = once(started, 'exit');
      assertFlooded(await firstLine(started.stdout!));
      assert.deepEqual(await exited, [0, null]);
    },
  );

  for (const [how, end] of [
    ['comes to its end', ''],
    ['calls process.exit', 'process.exit(0);'],
  ] as const) {
    test(`a stalled ${kind} does not keep a process alive that ${how}`, GUARD, async (t) => {
      const body = `const sink = new LineSink('stderr'); sink.write('x'.repeat(2 ** 20) + '\\n'); await turn(); ${end}`;
      const { started } = runOn(t, kind, body);
      assert.deepEqual(await once(started, 'exit'), [0, null]);
    });
  }

  test(`a late reader of a ${kind} gets every line once, in order`, GUARD, async (t) => {
    const body = `const sink = new LineSink('stderr');
      for (let i = 0; i < 20000; i++) {
        sink.write('line ' + i + '.'.repeat(i % 90) + '\\n');
        if (i % 500 === 0) await turn();
      }
      report(sink.dropped);
      await sink.flush(60000);
      report(sink.dropped);
      sink.close();`;
    const { started, stderr } = runOn(t, kind, body);
    assert.equal(await firstLine(started.stdout!), 0);
    const log = text(stderr);
    assert.equal(await firstLine(started.stdout!), 0);
    assert.deepEqual(numbers(await log), upTo(20_000));
  });

  test(`when the reader of a ${kind} comes back, notices tell of every dropped line`, GUARD, async (t) => {
    const body = `const sink = new LineSink('stderr', { maxBytes: 65536 });
      for (let i = 0; i < 200000; i++) { sink.write('line ' + i + '\\n'); if (i % 500 === 0) await turn(); }
      report(sink.dropped);
      await sink.flush(60000);
      sink.close();`;
    const { started, stderr } = runOn(t, kind, body);
    const dropped = (await firstLine(started.stdout!)) as number;
    const log = await text(stderr);
    const written = numbers(log);
    const notices = log.split('\n').filter((line) => line.startsWith('{'));
    const told = notices.map((line) => (JSON.parse(line) as { dropped: number }).dropped);
    assert.ok(dropped > 0);
    assert.equal(written.length, 200_000 - dropped);
    assert.deepEqual(
      written,
      [...new Set(written)].sort((a, b) => a - b),
    );
    assert.equal(
      told.reduce((sum, count) => sum + count, 0),
      dropped,
    );
  });

  test(`a reader of a ${kind} that leaves costs lines and nothing else`, GUARD, async (t) => {
    const body = `const sink = new LineSink('stderr');
      sink.write('before\\n');
      process.stdin.resume();
      await new Promise((resolve) => process.stdin.once('end', resolve));
      for (let i = 0; i < 3; i++) { sink.write('after\\n'); await sink.flush(60000); }
      report(sink.dropped);`;
    const { started, stderr } = runOn(t, kind, body);
    const [first] = (await once(stderr, 'data')) as [Buffer];
    assert.equal(first.toString(), 'before\n');
    stderr.destroy();
    await once(stderr, 'close');
    started.stdin!.end();
    assert.equal(await firstLine(started.stdout!), 3);
  });
}

test('standard error that is a file keeps its one offset: nobody overwrites anybody', GUARD, async (t) => {
  const path = join(folder(t), 'log');
  const fd = openSync(path, 'w');
  const body = `const sink = new LineSink('stderr');
    process.stderr.write('first\\n');
    sink.write('second\\n');
    await sink.flush(60000);
    process.stderr.write('third\\n');
    report({ terminal: sink.terminal, format: sink.format });
    sink.close();`;
  const started = run(t, body, ['ignore', 'pipe', fd]);
  closeSync(fd);
  const exited = once(started, 'exit');
  assert.deepEqual(await firstLine(started.stdout!), { terminal: false, format: 'json' });
  await exited;
  assert.equal(readFileSync(path, 'utf8'), 'first\nsecond\nthird\n');
});

test('/dev/full as standard error costs lines and nothing else', GUARD, async (t) => {
  const fd = openSync('/dev/full', 'w');
  const body = `const sink = new LineSink('stderr');
    for (let i = 0; i < 100; i++) { sink.write('lost\\n'); await turn(); }
    await sink.flush(60000); report(sink.dropped);`;
  const started = run(t, body, ['ignore', 'pipe', fd]);
  closeSync(fd);
  const exited = once(started, 'exit');
  assert.equal(await firstLine(started.stdout!), 100);
  assert.deepEqual(await exited, [0, null]);
});

test('standard output works as well', GUARD, async (t) => {
  const body = `const sink = new LineSink('stdout'); sink.write('hello\\n'); await sink.flush(60000); sink.close();`;
  assert.equal(await text(run(t, body, 'pipe').stdout!), 'hello\n');
});

/** Runs a program with a terminal as standard error; its report, and then its exit code, come by descriptor 3. */
function onTerminal(t: TestContext, body: string, stdout: 'pipe' | number): ChildProcess {
  const command = `"${process.execPath}" --expose-gc "${program(t, body)}" >&3; echo $? >&3`;
  const started = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['ignore', stdout, 'ignore', 'pipe'],
  });
  t.after(() => started.kill('SIGKILL'));
  return started;
}

test(
  'a terminal nobody reads: the loop turns, memory is bounded, drops are counted, the end comes',
  GUARD,
  async (t) => {
    // script(1) stops reading the terminal when nobody reads script(1).
    const { read, write } = pipe(t);
    t.after(() => closeSync(read));
    const started = onTerminal(t, FLOOD, write);
    closeSync(write);
    const reports = started.stdio[3] as Readable;
    assertFlooded(await firstLine(reports));
    assert.equal(await firstLine(reports), 0);
  },
);

test('a terminal is one, gets lines for people, and each once', GUARD, async (t) => {
  const body = `const sink = new LineSink('stderr');
    for (let i = 0; i < 2000; i++) sink.write('line ' + i + '\\n');
    await sink.flush(60000);
    report({ terminal: sink.terminal, format: sink.format, dropped: sink.dropped });
    sink.close();`;
  const started = onTerminal(t, body, 'pipe');
  const log = text(started.stdout!);
  assert.deepEqual(await firstLine(started.stdio[3] as Readable), {
    terminal: true,
    format: 'human',
    dropped: 0,
  });
  assert.deepEqual(numbers(await log), upTo(2000));
});
