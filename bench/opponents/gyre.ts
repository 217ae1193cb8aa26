/** Gyre as a user runs it, and once more without its access log, because the others have theirs off. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Installed, Missing, Opponent } from './opponent.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const program = join(root, 'bin', 'gyre.js');

function find(accessLog: boolean): Installed | Missing {
  if (spawnSync(process.execPath, [program, 'serve', '--help'], { timeout: 20_000 }).status !== 0)
    return { missing: '`node bin/gyre.js serve --help` does not run' };
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return {
    version,
    command: ({ port, folder }) => {
      const log = accessLog ? join(folder, 'gyre-access.log') : 'off';
      const where = ['--listen', `127.0.0.1:${port}`, '--pool', '127.0.0.2-127.0.0.9', '--allow-private'];
      return {
        file: process.execPath,
        args: [program, 'serve', ...where, '--workers', '1', '--access-log', log],
      };
    },
  };
}

export const gyre: Opponent = {
  name: 'gyre',
  protocols: ['socks5', 'connect'],
  setup: 'as a user runs it: 8 addresses in rotation, 1 worker, access log to a file',
  find: () => find(true),
};

export const gyreQuiet: Opponent = {
  name: 'gyre-nolog',
  protocols: ['socks5', 'connect'],
  setup: 'the same with `--access-log off`',
  find: () => find(false),
};
