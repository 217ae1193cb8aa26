/** Proxies from npm: proxy-chain (CONNECT) and socksv5 (SOCKS5), each in a few lines as their documentation shows. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Installed, type Missing, NOT_INSTALLED, type Opponent } from './opponent.ts';

function find(name: string, script: string): Installed | Missing {
  try {
    const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    const path = fileURLToPath(new URL(script, import.meta.url));
    return {
      version,
      // A deprecation warning of an old package belongs into no figure.
      command: ({ port }) => ({ file: process.execPath, args: ['--no-deprecation', path, String(port)] }),
    };
  } catch {
    return NOT_INSTALLED;
  }
}

export const proxyChain: Opponent = {
  name: 'proxy-chain',
  protocols: ['connect', 'http', 'kept'],
  compiles: true,
  setup: 'defaults, one process of the same Node as Gyre',
  find: () => find('proxy-chain', 'serve-proxy-chain.ts'),
};

export const socksv5: Opponent = {
  name: 'socksv5',
  protocols: ['socks5'],
  compiles: true,
  setup: 'no authentication (a wrong password crashes it on this Node), one process of the same Node as Gyre',
  find: () => find('socksv5', 'serve-socksv5.ts'),
};
