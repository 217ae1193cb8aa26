/** SOCKS5 servers from Debian: microsocks (a thread a tunnel) and Dante (a crowd of processes). */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../processes.ts';
import { configFile, NOT_INSTALLED, type Opponent, versionFrom } from './opponent.ts';

export const microsocks: Opponent = {
  name: 'microsocks',
  protocols: ['socks5'],
  setup: 'defaults; its line a connection cannot be turned off and goes to /dev/null',
  find: () => {
    const file = findProgram('microsocks');
    if (file === undefined) return NOT_INSTALLED;
    return {
      // It does not tell its version; the package does.
      version: versionFrom('dpkg-query', ['-W', '-f', '${Version}', 'microsocks'], /^([\d.]+)/),
      command: ({ port }) => ({ file, args: ['-i', '127.0.0.1', '-p', String(port)], discardOutput: true }),
    };
  },
};

export const dante: Opponent = {
  name: 'dante',
  protocols: ['socks5'],
  setup: 'defaults, no log, no authentication',
  find: () => {
    const file = findProgram('danted') ?? findProgram('sockd');
    if (file === undefined) return NOT_INSTALLED;
    return {
      version: versionFrom(file, ['-v'], /v([\d.]+\d)/),
      command: (site) => {
        const user = userInfo().username;
        const config = configFile(
          site,
          'danted.conf',
          `errorlog: /dev/null
logoutput: /dev/null
internal: 127.0.0.1 port = ${site.port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: ${user}
user.unprivileged: ${user}
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`,
        );
        return { file, args: ['-f', config, '-p', join(site.folder, 'danted.pid')] };
      },
    };
  },
};
