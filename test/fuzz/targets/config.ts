import assert from 'node:assert/strict';
import { ConfigError } from '../../../src/runtime/config.ts';
import { compile } from '../../../src/runtime/config/compile.ts';
import { parseConfigFile } from '../../../src/runtime/config/file.ts';
import { layer } from '../../../src/runtime/config/layers.ts';
import type { Target } from '../target.ts';

const FILE = 'gyre.yaml';
/** Where this stands as a password, nobody may ever see it. */
const SECRET = 'hunter2Secret';

/** The way of a configuration file from its text on. No file is read. */
function run(input: Buffer): string {
  const text = input.toString('utf8');
  try {
    const file = parseConfigFile(FILE, text);
    const { tree, locate } = layer({ ...file, fingerprint: '', readableByAll: false }, []);
    compile(tree, locate, file.problems);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    checkProblems(error, text);
    return `${Math.min(error.problems.length, 4)} problems`;
  }
}

function checkProblems({ problems }: ConfigError, text: string): void {
  assert.ok(problems.length > 0, 'refused for nothing');
  const isSecret = onlyAsPassword(text);
  for (const { where, message, hint = '', frame = '' } of problems) {
    assert.match(where, /^gyre\.yaml(?::\d+:\d+)?$/);
    assert.ok(message !== '' && !message.includes('\n'), JSON.stringify(message));
    const shown = [message, hint, frame].join('\n');
    assert.ok(!isSecret || !shown.includes(SECRET), `a password is shown: ${shown}`);
  }
}

/** The secret stands behind `password:` on a line of its own, and no quote or block can have made other text of it. */
function onlyAsPassword(text: string): boolean {
  const rest = text.replaceAll(new RegExp(`^ {4}password: ${SECRET}$`, 'gm'), '');
  return !rest.includes(SECRET) && !/["'|>]/.test(rest);
}

export const target: Target = {
  longest: 1200,
  words: [
    'pool: 127.0.0.2\n',
    'pool:\n  - 127.0.0.2-127.0.0.9\n',
    'listen: ',
    'listen: unix:/run/gyre.sock\n',
    "listen: 'tls://:1443'\n",
    'tls: {cert: a.pem, key: b.pem}\n',
    'pools:\n  de: 192.0.2.0/28\n',
    'strategy: weighted\n',
    'sessions: {ttl: 10m}\n',
    `users:\n  - name: alice\n    password: ${SECRET}\n`,
    `    password: ${SECRET}\n`,
    'timeouts: {idle: 1h}\n',
    'health: {probe: {target: tcp://192.0.2.1:80}}\n',
    'proxyProtocol: 10.0.0.0/8',
    '__proto__: ',
    '- ',
    ': ',
    '  ',
    '|\n',
    '>-\n',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '!!binary ',
    '---\n',
    '<<: ',
    '\t',
    '#',
    '? ',
    '\ufeff',
  ],
  run,
};
