import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import fc from 'fast-check';
import { ConfigError, loadConfig, type Problem } from '../../../src/runtime/config.ts';
import { LARGEST_FILE, parseConfigFile, readConfigFile } from '../../../src/runtime/config/file.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-config-'));
after(() => rmSync(folder, { recursive: true }));

function problemsOf(action: () => unknown): readonly Problem[] {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return [];
}

function onlyProblem(action: () => unknown): Problem {
  const problems = problemsOf(action);
  assert.equal(problems.length, 1, JSON.stringify(problems));
  return problems[0]!;
}

suite('a file that cannot be read', () => {
  const path = join(folder, 'gyre.yaml');

  test('is missing', () => {
    const problem = onlyProblem(() => readConfigFile(join(folder, 'none.yaml')));
    assert.equal(problem.where, join(folder, 'none.yaml'));
    assert.equal(problem.message, 'there is no such configuration file');
    assert.match(problem.hint!, /--config or GYRE_CONFIG/);
    assert.match(onlyProblem(() => readConfigFile('/dev/null/x')).message, /no such/);
  });

  test('is a directory', () => {
    mkdirSync(join(folder, 'conf.d'));
    const problem = onlyProblem(() => loadConfig({ file: join(folder, 'conf.d') }));
    assert.equal(problem.message, 'the configuration file is a directory');
  });

  test('is empty, or holds nothing but comments', () => {
    for (const text of ['', '\n\n', '# pool: 127.0.0.2\n', '---\n', '~\n']) {
      writeFileSync(path, text);
      const problem = onlyProblem(() => readConfigFile(path));
      assert.equal(problem.message, 'the configuration file is empty', JSON.stringify(text));
      assert.equal(problem.where, path);
    }
  });

  test('is too large, even when it has no end', () => {
    writeFileSync(path, `${'#'.repeat(LARGEST_FILE)}\n`);
    assert.equal(
      onlyProblem(() => readConfigFile(path)).message,
      'the configuration file is larger than 1 MiB',
    );
    assert.match(onlyProblem(() => readConfigFile('/dev/zero')).message, /larger than 1 MiB/);
  });

  test('just fits', () => {
    const text = 'pool: 127.0.0.2\n';
    writeFileSync(path, text + '#'.repeat(LARGEST_FILE - text.length));
    assert.deepEqual(readConfigFile(path).tree, { pool: '127.0.0.2' });
  });

  test('is no text', () => {
    writeFileSync(path, Buffer.from([0x70, 0xff, 0xfe]));
    assert.equal(onlyProblem(() => readConfigFile(path)).message, 'the configuration file is not UTF-8 text');
  });
});

suite('text that is no YAML', () => {
  const CASES: readonly (readonly [name: string, text: string, at: string, message: RegExp, hint: RegExp])[] =
    [
      [
        'brackets without quotes',
        'pool: a\nlisten: [::1]:1080\n',
        '2:14',
        /brackets start a list/,
        /'\[::1\]:1080'/,
      ],
      ['a dash without quotes', 'log:\n  access: -\n', '2:11', /a lone dash starts a list/, /'-'/],
      [
        'an exclusion without quotes',
        'pool:\n  - 127.0.0.0/29\n  - !127.0.0.5\n',
        '3:',
        /unquoted ! makes a tag/,
        /'!192\.0\.2\.5'/,
      ],
      ['an alias', 'pool: *all\n', '1:7', /unquoted \* makes an alias/, /quotes/],
      ['an anchor', 'pool: &all 127.0.0.2\n', '1:', /unquoted & makes an anchor/, /quotes/],
      ['a quote left open', 'pool: "127.0.0.2\nworkers: 1\n', '3:1', /something is missing/, /quote/],
      [
        'a comma left out',
        '{\n  "pool": ["127.0.0.2"]\n  "workers": 1\n}\n',
        '3:3',
        /something is missing/,
        /comma/,
      ],
      ['a tab', 'log:\n\tlevel: info\n', '2:1', /indented with a tab/, /spaces/],
      [
        'uneven columns',
        'pool:\n  - 127.0.0.2\n workers: 1\n',
        '3:1',
        /indentation is uneven/,
        /same column/,
      ],
      ['two keys on one line', 'pool: a: b\n', '1:7', /two keys on one line/, /line of its own/],
      ['a second document', 'pool: 127.0.0.2\n---\nworkers: 1\n', '2:1', /second document/, /---/],
      ['a reserved character', 'pool: @all\n', '1:7', /may not start with this character/, /quotes/],
      ['an escape that does not exist', 'pool: "\\q"\n', '1:8', /backslash/, /'…'/],
    ];
  for (const [name, text, at, message, hint] of CASES) {
    test(name, () => {
      const problem = problemsOf(() => parseConfigFile('gyre.yaml', text))[0]!;
      assert.ok(problem.where.startsWith(`gyre.yaml:${at}`), problem.where);
      assert.match(problem.message, message);
      assert.match(problem.hint ?? '', hint);
    });
  }

  test('the line is shown with a caret under the place', () => {
    const [problem] = problemsOf(() => parseConfigFile('gyre.yaml', 'workers: 1\npool: @all\n'));
    assert.equal(problem?.frame, 'pool: @all\n      ^');
  });

  test('the line of a password, or after one, is not shown', () => {
    for (const text of [
      'users:\n  - name: a\n    password: @s3cret\n',
      'users:\n  - name: a\n    password: "s3\n      c\\qret"\n',
      '{"users": [{"name": "a", "password": "s3cret}]}',
    ]) {
      const [problem] = problemsOf(() => parseConfigFile('gyre.yaml', text));
      assert.equal(problem?.frame, undefined, text);
    }
  });

  test('nesting without end is an error like any other', () => {
    assert.notDeepEqual(
      problemsOf(() => parseConfigFile('gyre.yaml', `pool: ${'['.repeat(20_000)}`)),
      [],
    );
    assert.notDeepEqual(
      problemsOf(() => parseConfigFile('gyre.yaml', 'a: &a [*a]\n')),
      [],
    );
  });
});

suite('whatever the file holds', () => {
  const path = join(folder, 'fuzz.yaml');
  const load = (text: string): readonly Problem[] => {
    writeFileSync(path, text);
    return problemsOf(() => loadConfig({ file: path }));
  };

  test('the worst that comes of it is a ConfigError', () => {
    const piece = fc.constantFrom(
      'pool',
      'users',
      'listen',
      'log',
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '"',
      "'",
      '!',
      '&a ',
      '*a',
      '|\n',
      '~',
      '1080',
      '127.0.0.2',
      '<<',
      '? ',
      '---\n',
      '\t',
      '#',
      '%',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void load(pieces.join(''))),
      { numRuns: 400 },
    );
  });

  test('no part of a password is ever shown', () => {
    const secret = 'hunter2hunter2';
    const around = fc.array(
      fc.constantFrom(
        '"',
        "'",
        '\\',
        '!',
        '&',
        '*',
        '|',
        '>',
        '@',
        '`',
        '%',
        '#',
        ': ',
        '\n',
        '\n   ',
        ' ',
        ',',
        '{',
        '}',
        '[',
        ']',
        '- ',
        '\\q',
        '\t',
        '$scrypt$',
      ),
      { maxLength: 5 },
    );
    const line = fc.constantFrom(
      (text: string) => `  - name: alice\n    password: ${text}\n`,
      (text: string) => `  - name: alice\n    passwordHash: ${text}\n`,
      (text: string) => `  - {name: alice, password: ${text}}\n`,
      (text: string) => `  - {name: alice, password: "${text}"}\n`,
      (text: string) => `  - name: alice\n    password: '${text}'\n    password: "${text}"\n`,
    );
    fc.assert(
      fc.property(line, around, around, (write, before, after) => {
        const text = `pool: 127.0.0.2\nusers:\n${write(`${before.join('')}${secret}${after.join('')}`)}workers: 1\n`;
        const shown = JSON.stringify(load(text));
        // A new line may make a key of it; then it is no password any more, and an unknown key is named.
        fc.pre(!/unknown key/.test(shown));
        assert.ok(!shown.includes('hunter2'), `${text}\n${shown}`);
      }),
      { numRuns: 600 },
    );
  });
});
