/** Gyre, in the shapes it is measured in: as a user runs it, without users, and with more of one thing. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOGIN } from '../job.ts';
import {
  configFile,
  type Command,
  type Installed,
  type Missing,
  type Opponent,
  type Site,
} from './opponent.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = join(root, 'bin', 'gyre.js');

/** What `gyre hash-password` says to the password of {@link LOGIN}. */
const HASH = '$scrypt$ln=15,r=8,p=1$4sRthElXqB/UCQ47w+oebQ$I84lquoS81J8IDYP4j8c0URK3FTSGhOho3yaQrxdckQ';
/** Of a password nobody knows: only its form counts. */
const OTHER_HASH = `$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

export interface Shape {
  /** Of the pool; a power of two, at most 65,536. */
  readonly addresses: number;
  /** In the users file; 0: none, and nobody has to log in. */
  readonly users: number;
  readonly rules: number;
  readonly workers: number;
  readonly accessLog: boolean;
  /** Admin API and metrics. */
  readonly admin: boolean;
}

/** As a user runs it. */
export const USUAL: Shape = {
  addresses: 8,
  users: 1,
  rules: 0,
  workers: 1,
  accessLog: true,
  admin: true,
};

function usersFile(folder: string, users: number): string {
  const path = join(folder, 'users');
  const others = Array.from({ length: users - 1 }, (_, i) => `user-${i}:${OTHER_HASH}\n`);
  writeFileSync(path, `${others.join('')}${LOGIN.name}:${HASH}\n`, { mode: 0o600 });
  return path;
}

/** Rules of all kinds in turn, none of which is about the target of the benchmark. */
function rule(i: number): object {
  const address = `${11 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0`;
  const kinds = [
    { deny: `www.site-${i}.example` },
    { deny: `.site-${i}.example:443` },
    { deny: `${address}/24` },
    { deny: `2600:${(i & 0xffff).toString(16)}::/64` },
    { deny: `.site-${i}.example`, users: `user-${i}` },
  ];
  return kinds[i % kinds.length]!;
}

function configuration(shape: Shape, { port, folder }: Site): object {
  return {
    listen: `127.0.0.1:${port}`,
    pool: `127.1.0.0/${32 - Math.log2(shape.addresses)}`,
    workers: shape.workers,
    targets: { allowPrivate: true, rules: Array.from({ length: shape.rules }, (_, i) => rule(i)) },
    log: { access: shape.accessLog ? join(folder, 'gyre-access.log') : 'off' },
    ...(shape.users > 0 && { usersFile: usersFile(folder, shape.users) }),
    ...(shape.admin && {
      admin: { listen: `unix:${join(folder, 'admin.sock')}`, tokenFile: join(folder, 'token') },
    }),
  };
}

function command(shape: Shape, site: Site): Command {
  const file = configFile(site, 'gyre.json', JSON.stringify(configuration(shape, site)));
  return { file: process.execPath, args: [bin, 'serve', '--config', file], ready: /^gyre ready/m };
}

function find(shape: Shape): Installed | Missing {
  if (spawnSync(process.execPath, [bin, 'serve', '--help'], { timeout: 20_000 }).status !== 0)
    return { missing: '`node bin/gyre.js serve --help` does not run' };
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { version, command: (site) => command(shape, site) };
}

/** Gyre in a shape of its own. */
export function gyreLike(name: string, setup: string, change: Partial<Shape> = {}): Opponent {
  const shape = { ...USUAL, ...change };
  return {
    name,
    setup,
    protocols: ['socks5', 'connect', 'http', 'kept'],
    compiles: true,
    ...(shape.users > 0 && { login: true as const }),
    find: () => find(shape),
  };
}

export const gyre: Opponent = gyreLike(
  'gyre',
  'as a user runs it: a users file and clients that log in, access log to a file, admin API and metrics, 8 addresses in rotation, 1 worker',
);

export const gyreOpen: Opponent = gyreLike(
  'gyre-open',
  'the same without users: clients say what they say to the others',
  {
    users: 0,
  },
);
