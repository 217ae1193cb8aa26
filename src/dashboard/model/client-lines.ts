/** "Copy the line for your client": what to give each program so that it leaves through this gateway. */
import type { ListenerStatus } from '../../admin/api.ts';

export interface ClientLine {
  readonly id: string;
  readonly title: string;
  /** One sentence on when a new address comes, or what to look out for. */
  readonly note: string;
  readonly code: string;
}

export interface Way {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** `USER:PASSWORD@`, or nothing. */
  readonly login: string;
}

/** Stand for what only the user knows. */
export const USER = 'USER';
export const PASSWORD = 'PASSWORD';
const ASK = 'https://api.ipify.org';

/**
 * How to reach a listener.
 * @param seenAt The host this page came from, for listeners on all addresses.
 * @returns undefined for a Unix socket: these programs do not speak to one.
 */
export function wayTo({ address, kind }: ListenerStatus, seenAt: string, login: boolean): Way | undefined {
  if (kind === 'unix') return undefined;
  const bare = address.replace(/^[a-z]+:\/\//, '');
  const colon = bare.lastIndexOf(':');
  const written = bare.slice(0, colon);
  const everywhere = ['', '*', '0.0.0.0', '[::]', '::'].includes(written);
  const host = everywhere ? seenAt : written;
  return {
    host,
    port: Number(bare.slice(colon + 1)),
    tls: kind === 'tls',
    login: login ? `${USER}:${PASSWORD}@` : '',
  };
}

/** All lines for a listener; over TLS only programs that can speak TLS to a proxy. */
export function clientLines(way: Way): ClientLine[] {
  const lines = [curl(way), python(way), playwright(way), undici(way), browser(way)];
  return way.tls ? lines : lines.toSpliced(1, 0, proxychains(way));
}

function curl({ host, port, tls, login }: Way): ClientLine {
  const scheme = tls ? 'https' : 'socks5h';
  return {
    id: 'curl',
    title: 'curl',
    note: 'Every run is a new connection, so every run leaves from the next address.',
    code: `curl -x ${scheme}://${login}${host}:${port} ${ASK}`,
  };
}

function proxychains({ host, port, login }: Way): ClientLine {
  const note = 'proxychains wants the proxy as an IP address; names of targets go to Gyre unresolved.';
  const code = [
    '# gyre.conf; then: proxychains4 -q -f gyre.conf COMMAND',
    'strict_chain',
    'proxy_dns',
    '[ProxyList]',
    `socks5 ${bareHost(host)} ${port}${login ? ` ${USER} ${PASSWORD}` : ''}`,
  ];
  return { id: 'proxychains', title: 'proxychains', note, code: code.join('\n') };
}

function python({ host, port, tls, login }: Way): ClientLine {
  const code = [
    'import requests',
    '',
    `proxy = "${tls ? 'https' : 'http'}://${login}${host}:${port}"`,
    'proxies = {"http": proxy, "https": proxy}',
    `print(requests.get("${ASK}", proxies=proxies).text)`,
  ];
  const note =
    'requests.get() takes a new address each time; a Session keeps its connection, and with it the address.';
  return { id: 'python', title: 'Python requests', note, code: code.join('\n') };
}

function playwright({ host, port, tls, login }: Way): ClientLine {
  const credentials = login ? `, username: '${USER}', password: '${PASSWORD}'` : '';
  const code = [
    "import { chromium } from 'playwright';",
    '',
    'const browser = await chromium.launch({',
    `  proxy: { server: '${tls ? 'https' : 'http'}://${host}:${port}'${credentials} },`,
    '});',
  ];
  const note =
    'A page opens many connections. For one address per browser, use a session: USER-session-ID as user name.';
  return { id: 'playwright', title: 'Playwright', note, code: code.join('\n') };
}

function undici({ host, port, tls, login }: Way): ClientLine {
  const code = [
    "import { fetch, ProxyAgent } from 'undici';",
    '',
    `const dispatcher = new ProxyAgent('${tls ? 'https' : 'http'}://${login}${host}:${port}');`,
    `const answer = await fetch('${ASK}', { dispatcher });`,
    'console.log(await answer.text());',
    'await dispatcher.close();',
  ];
  const note = 'An agent keeps its tunnels, and with them the address: a new agent takes the next one.';
  return { id: 'node', title: 'Node fetch (undici)', note, code: code.join('\n') };
}

function browser({ host, port, tls, login }: Way): ClientLine {
  const code = tls
    ? [`chromium --proxy-server=https://${host}:${port}`]
    : [
        `HTTP proxy   ${bareHost(host)}   port ${port}   (also for HTTPS)`,
        `SOCKS host   ${bareHost(host)}   port ${port}   SOCKS v5, with DNS through the proxy`,
      ];
  const note = login
    ? 'Use the HTTP proxy: browsers ask for the password there, and have no field for one with SOCKS.'
    : 'Either of the two. In Firefox: Settings → Network Settings → Manual proxy configuration.';
  return { id: 'browser', title: 'Browser settings', note, code: code.join('\n') };
}

function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
