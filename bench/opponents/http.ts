/** HTTP proxies from Debian, used for CONNECT only: Squid and tinyproxy. */
import { findProgram } from '../processes.ts';
import { configFile, NOT_INSTALLED, type Opponent, versionFrom } from './opponent.ts';

export const squid: Opponent = {
  name: 'squid',
  protocols: ['connect'],
  setup: '1 worker, no access log, no cache, everything else default',
  find: () => {
    const file = findProgram('squid');
    if (file === undefined) return NOT_INSTALLED;
    return {
      version: versionFrom(file, ['-v'], /Version ([\d.]+\d)/),
      command: (site) => {
        const config = configFile(
          site,
          'squid.conf',
          `http_port 127.0.0.1:${site.port}
http_access allow all
access_log none
cache_log /dev/null
cache_store_log none
cache deny all
netdb_filename none
pinger_enable off
pid_filename none
visible_hostname localhost
coredump_dir none
workers 1
max_filedescriptors ${site.tunnels * 2 + 1024}
shutdown_lifetime 0 seconds
`,
        );
        return { file, args: ['--foreground', '-n', `gyrebench${process.pid}`, '-f', config] };
      },
    };
  },
};

export const tinyproxy: Opponent = {
  name: 'tinyproxy',
  protocols: ['connect'],
  setup: 'log level Critical, `MaxClients` raised, everything else default',
  find: () => {
    const file = findProgram('tinyproxy');
    if (file === undefined) return NOT_INSTALLED;
    return {
      version: versionFrom(file, ['-v'], /tinyproxy ([\d.]+)/),
      command: (site) => {
        const config = configFile(
          site,
          'tinyproxy.conf',
          `Listen 127.0.0.1
Port ${site.port}
Timeout 3600
MaxClients ${site.tunnels + 100}
Allow 127.0.0.1
LogLevel Critical
`,
        );
        return { file, args: ['-d', '-c', config] };
      },
    };
  },
};
