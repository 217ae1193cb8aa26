// undici through Gyre: one agent for one address, a new agent for the next.
//
//   npm install undici
//   node examples/undici.mjs [URL] [PROXY]      PROXY is host:port or name:password@host:port
import { ProxyAgent, request, Socks5ProxyAgent } from 'undici';

const url = process.argv[2] ?? 'https://api.ipify.org';
const proxy = process.argv[3] ?? '127.0.0.1:1080';

const agents = [
  // HTTP CONNECT. `proxyTunnel` makes undici use it for http:// targets too.
  () => new ProxyAgent({ uri: `http://${proxy}`, proxyTunnel: true }),
  // SOCKS5, which undici calls experimental.
  () => new Socks5ProxyAgent(`socks5://${proxy}`),
];

for (const open of agents) {
  for (let i = 0; i < 2; i += 1) {
    // An agent keeps its tunnel as long as it lives, so this loop makes one for every request. To spread requests over
    // all addresses at once, keep one agent and give it many connections: { connections: 32 }.
    const dispatcher = open();
    const { body } = await request(url, { dispatcher });
    console.log(await body.text());
    await dispatcher.close();
  }
}
