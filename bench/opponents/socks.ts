/** SOCKS5 servers: microsocks (a thread a tunnel), Dante (a crowd of processes), hev-socks5-server, 3proxy. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { configFile, type Opponent, packageVersion, program, type Site } from './opponent.ts';

export const microsocks: Opponent = {
  name: 'microsocks',
  protocols: ['socks5'],
  setup: 'defaults; its line a connection cannot be turned off and goes to /dev/null',
  find: () => {
    const found = program(['microsocks'], [['-h'], /^$/], (file, { port }) => ({
      file,
      args: ['-i', '127.0.0.1', '-p', String(port)],
      discardOutput: true,
    }));
    // It does not tell its version; the package does.
    return 'missing' in found ? found : { ...found, version: packageVersion('microsocks') };
  },
};

function danteConfig({ port }: Site): string {
  const user = userInfo().username;
  return `errorlog: /dev/null
logoutput: /dev/null
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: ${user}
user.unprivileged: ${user}
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`;
}

export const dante: Opponent = {
  name: 'dante',
  protocols: ['socks5'],
  setup: 'defaults, no log, no authentication',
  find: () =>
    program(['danted', 'sockd'], [['-v'], /v([\d.]+\d)/], (file, site) => ({
      file,
      args: ['-f', configFile(site, 'danted.conf', danteConfig(site)), '-p', join(site.folder, 'danted.pid')],
    })),
};

const hevConfig = ({ port, tunnels }: Site): string => `main:
  workers: 1
  port: ${port}
  listen-address: '127.0.0.1'
misc:
  log-file: /dev/null
  log-level: error
  limit-nofile: ${tunnels * 2 + 1024}
  read-write-timeout: 3600000
  tcp-read-write-timeout: 3600000
`;

export const hev: Opponent = {
  name: 'hev-socks5-server',
  protocols: ['socks5'],
  setup: '1 worker, no log, idle timeout raised, everything else default',
  find: () =>
    program(['hev-socks5-server'], [['--version'], /Version: ([\w.]+)/i], (file, site) => ({
      file,
      args: [configFile(site, 'hev.yml', hevConfig(site))],
    })),
};

const threeProxyConfig = ({ port, tunnels }: Site): string => `log /dev/null
maxconn ${tunnels + 100}
timeouts 1 5 30 60 3600 3600 15 60
auth none
socks -p${port} -i127.0.0.1
`;

export const threeProxy: Opponent = {
  name: '3proxy',
  protocols: ['socks5'],
  setup: '`socks` only, no log, `maxconn` and the idle timeouts raised, everything else default',
  find: () =>
    program(['3proxy'], [['--version'], /3proxy-?([\d.]+\d)/i], (file, site) => ({
      file,
      args: [configFile(site, '3proxy.cfg', threeProxyConfig(site))],
      discardOutput: true,
    })),
};
