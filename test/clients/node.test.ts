/** Node's own clients: fetch with the proxy from the environment, undici's agents, npm `socks`, and old `socksv5`. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { SocksClient } from 'socks';
import { ProxyAgent, request, Socks5ProxyAgent, type Dispatcher } from 'undici';
import { runProgram } from '../support/program.ts';
import type { GyreProcess } from '../support/program-gyre.ts';
import {
  assertPool,
  assertThreeTurns,
  assertTurns,
  callerIn,
  LOGIN,
  PASSWORD,
  setStage,
  USER,
  type Props,
} from '../support/program-stage.ts';

const declare = setStage('node');

declare('fetch with NODE_USE_ENV_PROXY, https target', [], async (props) => {
  await fetchInChild(props, `http://${props.open.address}`);
});

declare('fetch with NODE_USE_ENV_PROXY and credentials, https target', [], async (props) => {
  await fetchInChild(props, `http://${LOGIN}@${props.guarded.address}`);
});

declare('undici ProxyAgent with credentials, https target', [], async (props) => {
  const options = { uri: `http://${LOGIN}@${props.guarded.address}`, requestTls: await authority(props) };
  await threeRequests(props.https.origin, () => new ProxyAgent(options));
});

declare('undici ProxyAgent with proxyTunnel, http target', [], async (props) => {
  const options = { uri: `http://${props.open.address}`, proxyTunnel: true };
  await threeRequests(props.http.origin, () => new ProxyAgent(options));
});

declare('undici ProxyAgent with a wrong password: the error has the status', [], async (props) => {
  const agent = new ProxyAgent({ uri: `http://${USER}:wrong@${props.guarded.address}`, proxyTunnel: true });
  await assert.rejects(request(props.http.origin, { dispatcher: agent }), /407/);
  await agent.close();
});

declare('undici Socks5ProxyAgent, http target', [], async (props) => {
  await threeRequests(props.http.origin, () => new Socks5ProxyAgent(`socks5://${props.open.address}`));
});

declare('undici Socks5ProxyAgent with credentials, https target', [], async (props) => {
  const requestTls = await authority(props);
  const url = `socks5://${LOGIN}@${props.guarded.address}`;
  // By name: undici 8.12 offers the target's host as TLS server name even where it is an address, which Node refuses.
  const origin = `https://localhost:${props.https.port}`;
  await threeRequests(origin, () => new Socks5ProxyAgent(url, { requestTls }));
});

declare('one undici ProxyAgent, many requests at once: many addresses', [], async (props) => {
  const agent = new ProxyAgent({ uri: `http://${props.open.address}`, proxyTunnel: true, connections: 16 });
  const paths = Array.from({ length: 64 }, (_, i) => `/many/${i}`);
  const callers = await Promise.all(paths.map((path) => ask(agent, props.http.origin, path)));
  assertPool(callers);
  assert(new Set(callers).size >= 2, 'all from one address');
  await agent.close();
});

declare('socks: the reply names the egress address and port', [], async (props) => {
  const seen: string[] = [];
  for (const path of ['/one', '/two', '/three']) {
    const { socket, remoteHost } = await socksClient(props, props.open);
    seen.push(callerIn(await askOver(socket, path), path));
    const [visit] = props.http.takeVisits();
    assert.deepEqual(remoteHost, { host: visit?.address, port: visit?.port });
  }
  assertTurns(seen);
});

declare('socks with credentials', [], async (props) => {
  const { socket } = await socksClient(props, props.guarded, { userId: USER, password: PASSWORD });
  assertPool([callerIn(await askOver(socket, '/in'), '/in')]);
});

declare('socks with a wrong password is refused', [], async (props) => {
  const refused = socksClient(props, props.guarded, { userId: USER, password: 'wrong' });
  await assert.rejects(refused, /Authentication failed/);
});

declare("socksv5's client without authentication", [], async (props) => {
  await threeSocksv5(props, props.open, socksv5.auth.None());
});

declare("socksv5's client with UserPassword", [], async (props) => {
  await threeSocksv5(props, props.guarded, socksv5.auth.UserPassword(USER, PASSWORD));
});

async function fetchInChild(props: Props, proxy: string): Promise<void> {
  const script = 'process.stdout.write(await (await fetch(process.argv[1])).text())';
  const env = {
    NODE_USE_ENV_PROXY: '1',
    HTTPS_PROXY: proxy,
    NODE_EXTRA_CA_CERTS: props.certificate.caFile,
  };
  await assertThreeTurns((path) =>
    runProgram(process.execPath, ['--input-type=module', '-e', script, props.https.origin + path], { env }),
  );
}

/** A new agent each time: an agent keeps its tunnel, and with it its address, as long as it lives. */
async function threeRequests(origin: string, agent: () => Dispatcher): Promise<void> {
  const seen: string[] = [];
  for (const path of ['/one', '/two', '/three']) {
    const dispatcher = agent();
    seen.push(await ask(dispatcher, origin, path));
    await dispatcher.close();
  }
  assertTurns(seen);
}

async function ask(dispatcher: Dispatcher, origin: string, path: string): Promise<string> {
  const { statusCode, body } = await request(origin + path, { dispatcher });
  assert.equal(statusCode, 200);
  return callerIn(await body.text(), path);
}

async function authority(props: Props): Promise<{ ca: string }> {
  return { ca: await readFile(props.certificate.caFile, 'utf8') };
}

function socksClient(
  props: Props,
  gateway: GyreProcess,
  login: { userId?: string; password?: string } = {},
): ReturnType<typeof SocksClient.createConnection> {
  return SocksClient.createConnection({
    proxy: { host: '127.0.0.1', port: gateway.port, type: 5, ...login },
    command: 'connect',
    destination: { host: '127.0.0.1', port: props.http.port },
    timeout: 15_000,
  });
}

/** One HTTP/1.0 request over a tunnel that stands; the answer's body, complete when the target closes. */
async function askOver(socket: Socket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.0\r\n\r\n`);
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 200 /);
  return body;
}

interface Socksv5Client {
  on(event: 'connect', listener: (socket: Socket) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  connect(options: object): void;
}

/** Last released in 2015, without types, and CommonJS. Its `connect` shortcut uses a function Node no longer has. */
const require = createRequire(import.meta.url);
const socksv5 = require('socksv5') as {
  readonly Client: new (options: object) => Socksv5Client;
  readonly auth: { None(): object; UserPassword(user: string, password: string): object };
};

async function threeSocksv5(props: Props, gateway: GyreProcess, auth: object): Promise<void> {
  const seen: string[] = [];
  for (const path of ['/one', '/two', '/three']) {
    const connected = Promise.withResolvers<Socket>();
    new socksv5.Client({ proxyHost: '127.0.0.1', proxyPort: gateway.port, auths: [auth], localDNS: false })
      .on('connect', connected.resolve)
      .on('error', connected.reject)
      .connect({ host: '127.0.0.1', port: props.http.port, proxyHost: '127.0.0.1' });
    seen.push(callerIn(await askOver(await connected.promise, path), path));
  }
  assertTurns(seen);
}
