/** Proxies for SOCKS5 and HTTP that are no packages of Debian or npm: measured where they are found on PATH. */
import { configFile, type Opponent, program, type Site } from './opponent.ts';

export const vproxy: Opponent = {
  name: 'vproxy',
  protocols: ['socks5', 'connect', 'http', 'kept'],
  setup:
    '`run auto`, 1 worker, log level error, `--concurrent` raised, everything else default; a tunnel takes six descriptors',
  descriptors: 6,
  find: () =>
    program(['vproxy'], [['--version'], /vproxy ([\d.]+)/], (file, { port, tunnels }) => ({
      file,
      args: [
        'run',
        '--log',
        'error',
        '--bind',
        `127.0.0.1:${port}`,
        '--concurrent',
        String(tunnels + 100),
        '--workers',
        '1',
        'auto',
      ],
    })),
};

const gostConfig = ({ port }: Site): string => `log:
  level: error
  output: none
services:
- name: bench
  addr: 127.0.0.1:${port}
  handler:
    type: auto
  listener:
    type: tcp
`;

export const gost: Opponent = {
  name: 'gost',
  protocols: ['socks5', 'connect', 'http', 'kept'],
  setup: 'version 3, `auto` handler, no log, everything else default',
  find: () =>
    program(['gost'], [['-V'], /gost v?([\d.]+\d)/], (file, site) => ({
      file,
      args: ['-C', configFile(site, 'gost.yml', gostConfig(site))],
    })),
};

export const glider: Opponent = {
  name: 'glider',
  protocols: ['socks5', 'connect', 'http', 'kept'],
  setup: '`mixed` listener, not verbose, everything else default',
  find: () =>
    program(['glider'], [['-version'], /glider v?([\d.]+\d)/i], (file, { port }) => ({
      file,
      args: ['-listen', `mixed://127.0.0.1:${port}`],
      discardOutput: true,
    })),
};
