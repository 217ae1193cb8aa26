/** Node's clients with http targets and no tunnel, and WebSockets: undici's agents, fetch, node:http by hand. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { ProxyAgent, request, WebSocket, type Dispatcher } from 'undici';
import {
  assertPool,
  assertTurns,
  callerIn,
  LOGIN,
  PASSWORD,
  setStage,
  USER,
  type Props,
} from '../support/program-stage.ts';
import { assertAnswers, PATHS, urlsOf } from '../support/program-turns.ts';
import { runProgram } from '../support/program.ts';
import { startWebSocketTarget } from '../support/target-websocket.ts';

const declare = setStage('node, plain http');

declare('one undici ProxyAgent: each request takes its turn', [], async (props) => {
  const agent = new ProxyAgent(`http://${LOGIN}@${props.guarded.address}`);
  const seen: string[] = [];
  for (const path of PATHS) seen.push(await ask(agent, props.http.origin, path));
  assertTurns(seen);
  await agent.close();
});

declare('one undici ProxyAgent, many requests at once', [], async (props) => {
  const agent = new ProxyAgent({ uri: `http://${props.open.address}`, connections: 8 });
  const paths = Array.from({ length: 64 }, (_, i) => `/many/${i}`);
  const callers = await Promise.all(paths.map((path) => ask(agent, props.http.origin, path)));
  assertPool(callers);
  assert.equal(new Set(callers).size, 8, 'sixty-four requests use every address');
  await agent.close();
});

declare('undici ProxyAgent, a stream goes up and comes back', [], async (props) => {
  const agent = new ProxyAgent(`http://${props.open.address}`);
  const chunks = Array.from({ length: 50 }, () => randomBytes(40_000));
  const { statusCode, body } = await request(`${props.http.origin}/`, {
    method: 'POST',
    body: Readable.from(chunks),
    dispatcher: agent,
  });
  assert.equal(statusCode, 200);
  assert((await buffer(body)).equals(Buffer.concat(chunks)), 'the body came back changed');
  await agent.close();
});

declare('undici ProxyAgent with a wrong password: the error has the status', [], async (props) => {
  const agent = new ProxyAgent(`http://${USER}:wrong@${props.guarded.address}`);
  await assert.rejects(request(`${props.http.origin}/`, { dispatcher: agent }), /407/);
  await agent.close();
  assert.deepEqual(props.http.takeVisits(), []);
});

const FETCH =
  'for (const url of process.argv.slice(1)) process.stdout.write(await (await fetch(url)).text())';
const GET = `
import http from 'node:http';
import { once } from 'node:events';
for (const url of process.argv.slice(1)) {
  const [answer] = await once(http.get(url), 'response');
  for await (const chunk of answer) process.stdout.write(chunk);
}`;

for (const { name, script } of [
  { name: 'fetch', script: FETCH },
  { name: 'http.get', script: GET },
]) {
  declare(`${name} with NODE_USE_ENV_PROXY and credentials`, [], async (props) => {
    const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: `http://${LOGIN}@${props.guarded.address}` };
    const args = ['--input-type=module', '-e', script, ...urlsOf(props.http.origin)];
    assertAnswers(await runProgram(process.execPath, args, { env }));
  });
}

for (const proxyTunnel of [false, true]) {
  declare(`undici's WebSocket, ws://, ${proxyTunnel ? 'CONNECT' : 'no tunnel'}`, [], async (props) => {
    await using target = await startWebSocketTarget();
    const seen: string[] = [];
    for (const path of PATHS) {
      const agent = new ProxyAgent({ uri: `http://${LOGIN}@${props.guarded.address}`, proxyTunnel });
      const socket = new WebSocket(`ws://localhost:${target.port}${path}`, { dispatcher: agent });
      seen.push(callerIn(await talk(socket), path));
      await agent.close();
    }
    assertTurns(seen);
  });
}

declare('an upgrade by node:http, no tunnel: the target sees it as it was sent', [], async (props) => {
  await using target = await startWebSocketTarget();
  const authority = `127.0.0.1:${target.port}`;
  const [seen, path] = [[] as string[], `http://${authority}/by/hand`];
  for (let run = 0; run < 3; run += 1) {
    seen.push(callerIn(await upgrade(http.request(hop(props, path, authority))), '/by/hand'));
  }
  assertTurns(seen);
  const { rawHeaders } = target.visits[0]!;
  assert(rawHeaders.includes('Sec-WebSocket-Key'), rawHeaders.join(' '));
  assert(!rawHeaders.some((name) => /^proxy-/i.test(name)), rawHeaders.join(' '));
});

declare('an upgrade by node:http through CONNECT', [], async (props) => {
  await using target = await startWebSocketTarget();
  const authority = `127.0.0.1:${target.port}`;
  const { guarded } = props;
  const tunnel = http.request({
    host: '127.0.0.1',
    port: guarded.port,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, 'proxy-authorization': BASIC },
  });
  tunnel.end();
  const [answer, socket] = (await once(tunnel, 'connect')) as [IncomingMessage, Socket];
  assert.equal(answer.statusCode, 200);
  const inside = http.request({
    createConnection: () => socket,
    path: '/inside',
    headers: { host: authority, ...UPGRADE },
  });
  assertPool([callerIn(await upgrade(inside), '/inside')]);
});

declare('an upgrade the target does not want: its answer comes back', [], async (props) => {
  const host = `127.0.0.1:${props.http.port}`;
  const asked = http.request(hop(props, `${props.http.origin}/plain`, host));
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  assert.equal(answer.statusCode, 200);
  assertPool([callerIn(await text(answer), '/plain')]);
});

const BASIC = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
};

/** A request to the guarded gateway with a whole URL as its path. */
function hop({ guarded }: Props, path: string, host: string): http.RequestOptions {
  const headers = { host, 'proxy-authorization': BASIC, ...UPGRADE };
  return { host: '127.0.0.1', port: guarded.port, path, headers, agent: false };
}

async function ask(dispatcher: Dispatcher, origin: string, path: string): Promise<string> {
  const { statusCode, body } = await request(origin + path, { dispatcher });
  assert.equal(statusCode, 200);
  return callerIn(await body.text(), path);
}

/** @returns what the target said first; then a large message has come back unchanged. */
async function talk(socket: WebSocket): Promise<string> {
  const ended = Promise.withResolvers<string>();
  const message = 'A line of some length, many times over.\n'.repeat(5_000);
  let greeting: string | undefined;
  socket.addEventListener('error', (event) => ended.reject(event.error));
  socket.addEventListener('close', () => ended.resolve(greeting ?? ''));
  socket.addEventListener('message', ({ data }) => {
    if (greeting === undefined) {
      greeting = String(data);
      socket.send(message);
    } else {
      if (data !== message) ended.reject(new Error('the message came back changed'));
      socket.close();
    }
  });
  return await ended.promise;
}

/** @returns what the target said first; then a short frame has come back. */
async function upgrade(asked: http.ClientRequest): Promise<string> {
  asked.end();
  const [answer, socket, head] = (await once(asked, 'upgrade')) as [IncomingMessage, Socket, Buffer];
  assert.equal(answer.statusCode, 101);
  // A text frame of four bytes whose mask is zeros.
  socket.write(Buffer.from([0x81, 0x84, 0, 0, 0, 0, ...Buffer.from('ping')]));
  let held = head;
  while (!held.includes('\u0081\u0004ping', 0, 'latin1')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    held = Buffer.concat([held, chunk]);
  }
  socket.destroy();
  return held.toString('latin1', 2, held[1]! + 2);
}
