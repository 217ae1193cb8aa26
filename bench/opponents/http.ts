/** HTTP proxies from Debian: Squid, tinyproxy and Privoxy. */
import { configFile, type Opponent, program, type Site } from './opponent.ts';

const squidConfig = ({ port, tunnels }: Site): string => `http_port 127.0.0.1:${port}
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
max_filedescriptors ${tunnels * 2 + 1024}
shutdown_lifetime 0 seconds
`;

export const squid: Opponent = {
  name: 'squid',
  protocols: ['connect', 'http', 'kept'],
  setup: '1 worker, no access log, no cache, everything else default',
  find: () =>
    program(['squid'], [['-v'], /Version ([\d.]+\d)/], (file, site) => ({
      file,
      args: [
        '--foreground',
        '-n',
        `gyrebench${process.pid}`,
        '-f',
        configFile(site, 'squid.conf', squidConfig(site)),
      ],
    })),
};

const tinyproxyConfig = ({ port, tunnels }: Site): string => `Listen 127.0.0.1
Port ${port}
Timeout 3600
MaxClients ${tunnels + 100}
Allow 127.0.0.1
LogLevel Critical
`;

export const tinyproxy: Opponent = {
  name: 'tinyproxy',
  protocols: ['connect', 'http'],
  setup: 'log level Critical, `MaxClients` raised, everything else default; it keeps no connection',
  find: () =>
    program(['tinyproxy'], [['-v'], /tinyproxy ([\d.]+)/], (file, site) => ({
      file,
      args: ['-d', '-c', configFile(site, 'tinyproxy.conf', tinyproxyConfig(site))],
    })),
};

const privoxyConfig = ({ port, folder, tunnels }: Site): string => `confdir ${folder}
listen-address 127.0.0.1:${port}
debug 0
keep-alive-timeout 300
socket-timeout 3600
max-client-connections ${tunnels + 100}
`;

export const privoxy: Opponent = {
  name: 'privoxy',
  protocols: ['connect', 'http', 'kept'],
  setup: 'no filters and actions, no log, keep-alive as Debian sets it, `max-client-connections` raised',
  find: () =>
    program(['privoxy'], [['--version'], /version ([\d.]+\d)/i], (file, site) => ({
      file,
      args: ['--no-daemon', configFile(site, 'privoxy.conf', privoxyConfig(site))],
    })),
};
