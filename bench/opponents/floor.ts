/** The floor: the C relay in floor.c, compiled for this run. It shows how much of a figure is the kernel's. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../processes.ts';
import type { Installed, Missing, Opponent, Site } from './opponent.ts';

const source = fileURLToPath(new URL('../floor.c', import.meta.url));

function find(folder: string, args: (site: Site) => string[]): Installed | Missing {
  const compiler = findProgram('cc');
  if (compiler === undefined) return { missing: 'no C compiler (cc)' };
  const file = join(folder, 'floor');
  const built = spawnSync(compiler, ['-O2', '-o', file, source], { encoding: 'utf8' });
  if (built.status !== 0) return { missing: 'bench/floor.c does not compile here' };
  return {
    version: versionOf(compiler),
    command: (site) => ({ file, args: args(site) }),
  };
}

const versionOf = (compiler: string): string =>
  `cc ${spawnSync(compiler, ['-dumpfullversion'], { encoding: 'utf8' }).stdout.trim()}`;

export const floor: Opponent = {
  name: 'floor',
  protocols: ['socks5', 'connect'],
  setup: 'the smallest relay in C (bench/floor.c): no checks, no deadlines, no log',
  find: (folder) => find(folder, ({ port }) => [String(port)]),
};

export const floorFixed: Opponent = {
  name: 'floor-fixed',
  protocols: ['fixed'],
  setup: 'the same with a fixed target: no handshake',
  find: (folder) => find(folder, ({ port, sinkPort }) => [String(port), String(sinkPort)]),
};
