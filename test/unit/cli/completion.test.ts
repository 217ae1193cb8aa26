/** What is completed is what can be written. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bashScript } from '../../../src/cli/completion-bash.ts';
import { fishScript } from '../../../src/cli/completion-fish.ts';
import { allVerbs, verbOf, type Verb } from '../../../src/cli/completion-tree.ts';
import { zshScript } from '../../../src/cli/completion-zsh.ts';
import { buildProgram } from '../../../src/cli/main.ts';
import { loadConfig } from '../../../src/runtime/config.ts';

const root = verbOf(buildProgram());
const at = (path: string): Verb => allVerbs(root).find((verb) => verb.path === path)!;

/** The values of an option of `serve`. */
const valuesOf = (name: string) => at('serve').options.find(({ names }) => names.includes(name))?.values;

suite('the tree of verbs', () => {
  test('has every command, with those below it', () => {
    const paths = new Set(allVerbs(root).map(({ path }) => path));
    for (const path of ['serve', 'load', 'doctor', 'init', 'completion', 'pool expand', 'help'])
      assert.ok(paths.has(path), path);
    assert.deepEqual(at('completion').values, { kind: 'choices', choices: ['bash', 'zsh', 'fish'] });
  });

  test('knows both names of an option', () => {
    const names = at('load').options.map(({ names }) => names);
    assert.ok(names.some((both) => both.includes('--connections') && both.includes('--concurrency')));
    assert.ok(at('serve').options.some(({ names }) => names.includes('-c') && names.includes('--config')));
  });

  test('knows files and folders from other values', () => {
    assert.deepEqual(valuesOf('--config'), { kind: 'file' });
    assert.deepEqual(valuesOf('--users-file'), { kind: 'file' });
    assert.deepEqual(valuesOf('--pool'), { kind: 'text' });
    assert.equal(valuesOf('--allow-private'), undefined);
    assert.deepEqual(at('cert').options.find(({ names }) => names.includes('--out'))?.values, {
      kind: 'folder',
    });
  });

  for (const [name, ...path] of [
    ['--strategy', 'strategy'],
    ['--cursor', 'cursor'],
    ['--log-level', 'log', 'level'],
    ['--log-format', 'log', 'format'],
  ] as const) {
    test(`offers values of ${name} that the configuration takes, and all of them`, () => {
      const values = valuesOf(name);
      assert.ok(values?.kind === 'choices');
      const pool = { path: ['pool'], where: '--pool', value: '127.0.0.2' };
      const load = (value: string) => loadConfig({ flags: [pool, { path, where: name, value }] });
      for (const choice of values.choices) load(choice);
      assert.throws(
        () => load('none-of-them'),
        (error) => values.choices.every((choice) => JSON.stringify(error).includes(choice)),
      );
    });
  }

  test('is written out whole for every shell', () => {
    for (const script of [bashScript(root), zshScript(root), fishScript(root)]) {
      for (const { name, options } of allVerbs(root)) {
        assert.ok(script.includes(name), name);
        for (const long of options.flatMap(({ names }) => names).filter((one) => one.startsWith('--')))
          assert.ok(script.includes(long) || script.includes(` -l ${long.slice(2)}`), long);
      }
    }
  });
});
