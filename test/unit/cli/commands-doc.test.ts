/** What the pages say of commands and options exists: verbs, flags, configuration, and every key of it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { buildProgram } from '../../../src/cli/main.ts';
import { defineConfig, type GyreOptions } from '../../../src/runtime/config.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** What was decided or was once so may name what is no more. */
const PAGES = globSync(['*.md', 'docs/*.md', 'deploy/**/*.{md,service,socket,sh,conf}', 'examples/*'], {
  cwd: ROOT,
}).filter((page) => page !== 'CHANGELOG.md');
const read = (page: string): string => readFileSync(`${ROOT}${page}`, 'utf8');

/** `gyre` and the words behind it, in code or at the beginning of a line of a shell. */
function commandsIn(page: string): string[] {
  // A quoted word is one, whatever it holds.
  const text = read(page).replaceAll(/(?<=\s)(?:'[^'\n]*'|"[^"\n]*")/g, "''");
  const all = text.matchAll(/(?:`|^[$# ]*|&& |npx |--$ |\| )(?:npx )?gyre((?: +[^\s`|&;#()]+)+)/gm);
  return Array.from(all, ([, words = '']) => words.trim());
}

const optionOf = (command: Command, flag: string): boolean =>
  flag === '--help' ||
  command.options.some(({ long, short }) => long === flag || short === flag) ||
  (command.parent !== null && optionOf(command.parent, flag));

test('every command and every flag on a page is one', () => {
  const program = buildProgram();
  let seen = 0;
  for (const page of PAGES) {
    for (const line of commandsIn(page)) {
      let command = program;
      const words = line.split(/ +/);
      while (words.length > 0) {
        const verb = words[0]!.replace(/[:,.]$/, '');
        const next = command.commands.find((one) => one.name() === verb);
        if (next === undefined) break;
        command = next;
        words.shift();
      }
      const first = words[0] ?? '';
      // `gyre ready on …` and the like are what it prints.
      if (command === program && /^[a-z]/.test(first)) {
        assert.match(first, /^(?:ready|stopping|status:)/, `${page}: gyre ${line}`);
        continue;
      }
      for (const word of words.filter((one) => /^--?[a-z]/.test(one))) {
        const flag = word.replace(/[=,.:].*$/, '');
        assert.ok(optionOf(command, flag), `${page}: gyre ${line}: ${command.name()} has no ${flag}`);
      }
      seen++;
    }
  }
  assert.ok(seen > 80, `${seen} commands`);
});

test('every configuration on a page is one', () => {
  // What blocks that show a part leave out.
  const rest = { pool: '127.0.0.2', pools: { de: '127.0.0.3' }, users: [{ name: 'ci', password: 'x' }] };
  let seen = 0;
  for (const page of PAGES.filter((one) => one.endsWith('.md'))) {
    for (const [, block = ''] of read(page).matchAll(/^```yaml\n(.*?)^```/gms)) {
      const written = parse(block) as GyreOptions;
      assert.doesNotThrow(() => defineConfig({ ...rest, ...written }), `${page}:\n${block}`);
      seen++;
    }
  }
  assert.ok(seen >= 9, `${seen} blocks`);
});
