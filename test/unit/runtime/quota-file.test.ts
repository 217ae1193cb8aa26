import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { StartError } from '../../../src/listener.ts';
import { createLog, type Log } from '../../../src/ops/log.ts';
import type { LimitOptions } from '../../../src/policy/limits/terms.ts';
import { QuotaFile } from '../../../src/runtime/quota-file.ts';
import { refusal, Stage } from '../policy/limits/stage.ts';

const OPTIONS: Partial<LimitOptions> = { perUser: { quota: { bytes: 1000, period: 'day' } } };

interface Place {
  readonly directory: string;
  readonly path: string;
  readonly log: Log;
  /** Level and message. */
  readonly lines: string[];
}

function place(context: TestContext): Place {
  const directory = mkdtempSync(join(tmpdir(), 'gyre-quota-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const lines: string[] = [];
  const write = (text: string): void => {
    const { level, message } = JSON.parse(text) as Record<string, string>;
    lines.push(`${level}: ${message}`);
  };
  const log = createLog({ level: 'info', format: 'json', sink: { terminal: false, format: 'json', write } });
  return { directory, path: join(directory, 'quotas.json'), log, lines };
}

const open = ({ path, log }: Place, stage: Stage): QuotaFile =>
  new QuotaFile(path, stage.memory, log, () => stage.utc);

function spend(stage: Stage, bytes: number, user: string): boolean {
  const stay = stage.connect('198.51.100.1', user);
  const left = stay.spend(bytes);
  stay.leave();
  return left;
}

test('quotas survive a restart, exactly', (context) => {
  const here = place(context);
  const stage = new Stage(OPTIONS);
  const file = open(here, stage);
  spend(stage, 400, 'alice');
  spend(stage, 1000, 'bob');
  file.close();

  const next = new Stage(OPTIONS);
  open(here, next).close();
  assert.equal(refusal(() => next.connect('198.51.100.1', 'bob'))?.code, 'QUOTA_EXCEEDED');
  assert.equal(spend(next, 599, 'alice'), true);
  assert.equal(spend(next, 1, 'alice'), false);
  assert.deepEqual(here.lines, ['info: quotas taken over']);
  assert.deepEqual(readdirSync(here.directory), ['quotas.json']);
  assert.equal(statSync(here.path).mode & 0o777, 0o600);
});

test('they are written every half a minute, for those who are killed', (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] });
  const here = place(context);
  const stage = new Stage(OPTIONS);
  const file = open(here, stage);
  spend(stage, 1000, 'alice');
  context.mock.timers.tick(29_999);
  assert.doesNotMatch(readFileSync(here.path, 'utf8'), /alice/);
  context.mock.timers.tick(1);
  assert.match(readFileSync(here.path, 'utf8'), /alice/);
  file.close();
  rmSync(here.path);
  context.mock.timers.tick(120_000);
  assert.equal(existsSync(here.path), false);
});

test('a damaged file is put aside with a warning, and everybody begins anew', (context) => {
  const here = place(context);
  for (const damaged of ['', 'not JSON', '{"version":7}', '\u0000\u0001']) {
    writeFileSync(here.path, damaged);
    here.lines.length = 0;
    const stage = new Stage(OPTIONS);
    open(here, stage).close();
    assert.deepEqual(here.lines, [
      'warn: the file of quotas is damaged or not readable: starting without it',
    ]);
    assert.equal(readFileSync(`${here.path}.damaged`, 'utf8'), damaged);
    assert.match(readFileSync(here.path, 'utf8'), /"version":1/);
    assert.equal(spend(stage, 999, 'alice'), true);
  }
});

test('a place that cannot be written to is said before the first connection', (context) => {
  const here = place(context);
  const nowhere = { ...here, path: join(here.directory, 'missing', 'quotas.json') };
  assert.throws(
    () => open(nowhere, new Stage(OPTIONS)),
    (error: unknown) =>
      error instanceof StartError && error.message.startsWith(`cannot keep quotas in ${nowhere.path}`),
  );
});

test('a file that cannot be replaced later is a warning, and the old one stays whole', (context) => {
  const here = place(context);
  const stage = new Stage(OPTIONS);
  const file = open(here, stage);
  spend(stage, 10, 'alice');
  file.save();
  const before = readFileSync(here.path, 'utf8');
  // What is written beside it finds no room.
  mkdirSync(`${here.path}.new`);
  spend(stage, 10, 'alice');
  file.close();
  assert.deepEqual(here.lines, ['warn: quotas could not be saved']);
  assert.equal(readFileSync(here.path, 'utf8'), before);
});
