import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ConfigError, defineConfig, type LoadedConfig } from '../../../../src/runtime/config.ts';
import { Reloads } from '../../../../src/runtime/reload/reloads.ts';

const loaded = (file: string): LoadedConfig => ({
  config: defineConfig({ pool: '127.0.0.2' }),
  file,
  notes: [],
});
const FINE = { changes: [], needsRestart: [] };

suite('reloads', () => {
  test('are told with what they found, the latest first', async () => {
    const found = { ...FINE, needsRestart: ['workers'] };
    const reloads = new Reloads(
      'a.yaml',
      () => loaded('b.yaml'),
      async () => found,
    );
    const heard: boolean[] = [];
    reloads.on(({ ok }) => heard.push(ok));
    const report = await reloads.again('signal');
    assert.deepEqual([report.ok, report.trigger, report.needsRestart], [true, 'signal', ['workers']]);
    assert.deepEqual(heard, [true]);
    const { file, reloads: counts, last } = reloads.state();
    assert.deepEqual([file, counts, last], ['b.yaml', { ok: 1, failed: 0 }, report]);
    await reloads.again('api');
    assert.deepEqual(
      reloads.history().map(({ trigger }) => trigger),
      ['api', 'signal'],
    );
  });

  test('never reject: what is wrong is in the report, and the file stays the one that was read', async () => {
    const problems = [{ where: 'b.yaml:1:2', message: 'it is wrong', hint: 'write it right' }];
    const broken = (): LoadedConfig => {
      throw new ConfigError(problems);
    };
    const reloads = new Reloads('a.yaml', broken, async () => FINE);
    const before = reloads.state().loadedAt;
    const report = await reloads.again('file');
    assert.deepEqual([report.ok, report.problems], [false, problems]);
    const { file, loadedAt, reloads: counts } = reloads.state();
    assert.deepEqual([file, loadedAt, counts], ['a.yaml', before, { ok: 0, failed: 1 }]);
  });

  test('run one at a time, and who asks meanwhile shares the next one, with what was asked for last', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const files: (string | undefined)[] = [];
    let running = 0;
    const reloads = new Reloads(
      undefined,
      () => loaded('source'),
      async ({ file }) => {
        assert.equal(++running, 1);
        files.push(file);
        await gates[files.length - 1]!.promise;
        running--;
        return FINE;
      },
    );
    const first = reloads.ask(() => loaded('first'), 'api');
    const second = reloads.ask(() => loaded('second'), 'signal');
    const third = reloads.ask(() => loaded('third'), 'api');
    assert.equal(second, third);
    gates[0]!.resolve();
    await first;
    gates[1]!.resolve();
    const shared = await third;
    assert.deepEqual(files, ['first', 'third']);
    assert.equal(shared.trigger, 'api');
    assert.equal((await second) === shared, true);
  });

  test('keep the last twenty reports', async () => {
    const reloads = new Reloads(
      undefined,
      () => loaded('a'),
      async () => FINE,
    );
    for (let i = 0; i < 25; i++) await reloads.again('api');
    assert.equal(reloads.history().length, 20);
    assert.equal(reloads.state().reloads.ok, 25);
  });
});
