/** Relays from Debian that know one target: no SOCKS or CONNECT handshake, so their tunnels have a column of their own. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findProgram } from '../processes.ts';
import { configFile, type Opponent, program, type Site } from './opponent.ts';

const haproxyConfig = ({ port, sinkPort, tunnels }: Site, splice: boolean): string => `global
  nbthread 1
  maxconn ${tunnels + 100}
${splice ? '  maxpipes 256\n' : ''}defaults
  mode tcp
${splice ? '  option splice-auto\n' : ''}  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen bench
  bind 127.0.0.1:${port}
  server sink 127.0.0.1:${sinkPort}
`;

function haproxyLike(name: string, setup: string, splice: boolean): Opponent {
  return {
    name,
    protocols: ['fixed'],
    setup,
    find: () =>
      program(['haproxy'], [['-v'], /version ([\d.]+)/], (file, site) => ({
        file,
        args: ['-db', '-q', '-f', configFile(site, 'haproxy.cfg', haproxyConfig(site, splice))],
      })),
  };
}

export const haproxy: Opponent = haproxyLike(
  'haproxy',
  'fixed target: no handshake; mode tcp, 1 thread, no log',
  false,
);

export const haproxySplice: Opponent = haproxyLike(
  'haproxy-splice',
  'the same with `option splice-auto`; as many pipes as 64 streams need',
  true,
);

/** The line that loads the stream module; empty if it is built in, undefined if there is none. */
function streamModule(file: string): string | undefined {
  const built = spawnSync(file, ['-V'], { encoding: 'utf8' }).stderr;
  if (/--with-stream(\s|$)/.test(built)) return '';
  const prefix = /--prefix=(\S+)/.exec(built)?.[1] ?? '';
  const places = [/--modules-path=(\S+)/.exec(built)?.[1], `${prefix}/modules`, '/usr/lib/nginx/modules'];
  const found = places.find((place) => place !== undefined && existsSync(`${place}/ngx_stream_module.so`));
  return found === undefined ? undefined : `load_module ${found}/ngx_stream_module.so;`;
}

const nginxConfig = ({ port, sinkPort, folder, tunnels }: Site, loadModule: string): string => `${loadModule}
daemon off;
worker_processes 1;
error_log /dev/null crit;
pid ${folder}/nginx.pid;
events { worker_connections ${tunnels * 2 + 256}; }
stream {
  server {
    listen 127.0.0.1:${port};
    proxy_pass 127.0.0.1:${sinkPort};
    proxy_timeout 1h;
  }
}
`;

export const nginx: Opponent = {
  name: 'nginx-stream',
  protocols: ['fixed'],
  setup: 'fixed target: no handshake; 1 worker, no log',
  find: () => {
    const path = findProgram('nginx');
    const loadModule = path === undefined ? '' : streamModule(path);
    if (loadModule === undefined) return { missing: 'installed without the stream module' };
    return program(['nginx'], [['-v'], /nginx\/([\d.]+)/], (file, site) => ({
      file,
      args: [
        '-e',
        '/dev/null',
        '-p',
        site.folder,
        '-c',
        configFile(site, 'nginx.conf', nginxConfig(site, loadModule)),
      ],
    }));
  },
};
