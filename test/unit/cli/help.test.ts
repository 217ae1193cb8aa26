import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { buildProgram } from '../../../src/cli/main.ts';

/** Groups of commands whose verbs have the examples. */
const GROUPS = new Set(['pool']);

function commandsBelow(command: Command): Command[] {
  return command.commands.flatMap((one) => [one, ...commandsBelow(one)]);
}

test('every command says what it does, and shows it by examples', () => {
  const commands = commandsBelow(buildProgram());
  const names = new Set(commands.map((command) => command.name()));
  for (const name of ['status', 'top', 'sessions', 'tunnels', 'users', 'reload', 'drain', 'log', 'dashboard'])
    assert.ok(names.has(name), name);
  for (const command of commands) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    assert.notEqual(command.description(), '', command.name());
    if (!GROUPS.has(command.name())) assert.match(help, /\nExamples:\n {2}\S/, command.name());
  }
});

test('every command that asks a running gateway takes where it is and its token', () => {
  const asking = commandsBelow(buildProgram()).filter((command) =>
    command.options.some(({ long }) => long === '--token-file'),
  );
  assert.ok(asking.length >= 14);
  for (const command of asking) {
    const options = new Set(command.options.map(({ long }) => long));
    for (const option of ['--admin', '--token-file', '--config', '--json'])
      assert.ok(options.has(option), `${command.name()} ${option}`);
  }
});
