/** Relays from Debian that know one target: no SOCKS or CONNECT handshake, so their tunnels have a column of their own. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findProgram } from '../processes.ts';
import { configFile, NOT_INSTALLED, type Opponent, versionFrom } from './opponent.ts';

export const haproxy: Opponent = {
  name: 'haproxy',
  protocols: ['fixed'],
  setup: 'fixed target: no handshake; mode tcp, 1 thread, no log',
  find: () => {
    const file = findProgram('haproxy');
    if (file === undefined) return NOT_INSTALLED;
    return {
      version: versionFrom(file, ['-v'], /version ([\d.]+)/),
      command: (site) => {
        const config = configFile(
          site,
          'haproxy.cfg',
          `global
  nbthread 1
  maxconn ${site.tunnels + 100}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen bench
  bind 127.0.0.1:${site.port}
  server sink 127.0.0.1:${site.sinkPort}
`,
        );
        return { file, args: ['-db', '-q', '-f', config] };
      },
    };
  },
};

/** The line that loads the stream module; empty if it is built in, undefined if there is none. */
function streamModule(file: string): string | undefined {
  const built = spawnSync(file, ['-V'], { encoding: 'utf8' }).stderr;
  if (/--with-stream(\s|$)/.test(built)) return '';
  const prefix = /--prefix=(\S+)/.exec(built)?.[1] ?? '';
  const places = [/--modules-path=(\S+)/.exec(built)?.[1], `${prefix}/modules`, '/usr/lib/nginx/modules'];
  const found = places.find((place) => place !== undefined && existsSync(`${place}/ngx_stream_module.so`));
  return found === undefined ? undefined : `load_module ${found}/ngx_stream_module.so;`;
}

export const nginx: Opponent = {
  name: 'nginx-stream',
  protocols: ['fixed'],
  setup: 'fixed target: no handshake; 1 worker, no log',
  find: () => {
    const file = findProgram('nginx');
    const loadModule = file === undefined ? undefined : streamModule(file);
    if (file === undefined) return NOT_INSTALLED;
    if (loadModule === undefined) return { missing: 'installed without the stream module' };
    return {
      version: versionFrom(file, ['-v'], /nginx\/([\d.]+)/),
      command: (site) => {
        const config = configFile(
          site,
          'nginx.conf',
          `${loadModule}
daemon off;
worker_processes 1;
error_log /dev/null crit;
pid ${site.folder}/nginx.pid;
events { worker_connections ${site.tunnels * 2 + 256}; }
stream {
  server {
    listen 127.0.0.1:${site.port};
    proxy_pass 127.0.0.1:${site.sinkPort};
    proxy_timeout 1h;
  }
}
`,
        );
        return { file, args: ['-e', '/dev/null', '-p', site.folder, '-c', config] };
      },
    };
  },
};
