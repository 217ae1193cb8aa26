import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { parseDocument } from 'yaml';
import { parsePool } from '../../../src/egress/expression/expression.ts';
import { STRATEGIES } from '../../../src/egress/rotation/strategies.ts';
import { defineConfig } from '../../../src/runtime/config.ts';
import { runProgram } from '../../support/program.ts';
import { GYRE_BIN } from '../../support/program-gyre.ts';

const doc = readFileSync(new URL('../../../docs/pools.md', import.meta.url), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'gyre-pools-'));
after(() => rmSync(folder, { recursive: true }));
const gyre = join(folder, 'gyre');
writeFileSync(gyre, `#!/bin/sh\nexec '${process.execPath}' '${GYRE_BIN}' "$@"\n`);
chmodSync(gyre, 0o755);

/** What stands between fences of a language. */
function blocks(language: string): string[] {
  return [...doc.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text!);
}

/** The rows of the table under a heading: its cells, without the head. */
function rows(heading: string): string[][] {
  const [, section = ''] = new RegExp(`^#+ ${heading}$(.*?)(?=^#)`, 'ms').exec(doc) ?? [];
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
}

/** A command, and what it prints as the document has it. */
interface Example {
  readonly command: string;
  readonly printed: string;
}

function examples(block: string): Example[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const end = text.indexOf('\n');
      return { command: text.slice(0, end), printed: text.slice(end + 1) };
    });
}

suite('docs/pools.md', () => {
  test('has the strategies, as they describe themselves', () => {
    assert.deepEqual(
      rows('Strategies'),
      Object.entries(STRATEGIES).map(([name, { summary }]) => [`\`${name}\``, summary]),
    );
  });

  test('has the cursors there are', () => {
    for (const [name] of rows('Cursors')) {
      const cursor = name!.replaceAll('`', '') as 'global';
      assert.equal(defineConfig({ pool: '127.0.0.2', cursor }).cursor, cursor);
    }
    assert.equal(rows('Cursors').length, 3);
  });

  test('has no term that is none', () => {
    const terms = rows('Expressions').flatMap(([cell]) => cell!.match(/(?<=`)[^`]+(?=`(,|$))/g) ?? []);
    assert.ok(terms.length >= 16);
    for (const term of terms)
      parsePool([term.replace('TERM', term.includes('refresh') ? 'file:/x' : '192.0.2.1')]);
  });

  test('has no configuration that is wrong', () => {
    assert.ok(blocks('yaml').length >= 3);
    for (const text of blocks('yaml'))
      defineConfig({ pool: '127.0.0.2', ...(parseDocument(text).toJS() as object) });
  });

  // One shell for each block, since its commands build on each other.
  for (const [index, block] of blocks('console').entries()) {
    test(`shows what is printed: block ${index + 1}, ${examples(block)[0]!.command}`, async () => {
      for (const { command, printed } of examples(block)) {
        const there = command.replaceAll('/etc/gyre', folder);
        const { stdout } = await runProgram('sh', ['-c', `{ ${there}\n} 2>&1`], {
          cwd: folder,
          env: { PATH: `${folder}:${process.env['PATH']}` },
        });
        assert.equal(plain(stdout.replaceAll(folder, '/etc/gyre')), plain(printed), command);
      }
    });
  }

  test('is run where it can be: every other command needs root, a cloud, or does not end', () => {
    assert.ok(blocks('console').length >= 9);
    const commands = blocks('sh').flatMap((block) => block.trim().split('\n'));
    for (const command of commands)
      assert.match(
        command,
        /^(ip|sysctl|for host in .* ip addr add|gyre (serve|check --bind|pool expand .*aws:))/,
      );
  });
});

/** Columns are as wide as what is in them, and paths differ in length. */
function plain(text: string): string {
  return text.replaceAll(/ {2,}/g, ' ').trim();
}
