import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createNetServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { AdminClient } from '../../../src/cli/admin-client.ts';
import { Failure } from '../../../src/cli/exit.ts';
import { eventually } from '../../support/gateway.ts';
import { closedPort } from '../../support/peer.ts';

type Handle = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A client of a server that answers as a test wants it to. */
async function asking(
  handle: Handle,
): Promise<{ client: AdminClient; [Symbol.asyncDispose](): Promise<void> }> {
  const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    client: clientOf(port),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function clientOf(port: number, token: string | undefined = 'a-token-0123456789'): AdminClient {
  const name = `127.0.0.1:${port}`;
  return new AdminClient({
    name,
    url: new URL(`http://${name}/`),
    socketPath: undefined,
    token,
    tokenSource: '/run/t',
  });
}

function problem(response: ServerResponse, status: number, detail: string): void {
  response
    .writeHead(status, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify({ type: 'about:blank', title: 'x', status, detail }));
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const failure = (message: RegExp, hint?: RegExp) => (error: unknown) =>
  error instanceof Failure && message.test(error.message) && (hint?.test(error.hint ?? '') ?? true);

suite('asking the admin API', () => {
  test('takes the token, the query and the body along', async () => {
    const seen: unknown[] = [];
    await using stage = await asking(async (request, response) => {
      const { method, url, headers } = request;
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push([method, url, headers.authorization, headers['content-type'], body]);
      json(response, { ok: true });
    });
    await stage.client.get('tunnels', { q: 'a b&c', sort: undefined, limit: 5, user: '' });
    await stage.client.post('tunnels/cut', { user: 'ü' });
    await stage.client.post('drain');
    await stage.client.delete('sessions/a%2Fb');
    const bearer = 'Bearer a-token-0123456789';
    assert.deepEqual(seen, [
      ['GET', '/api/v1/tunnels?q=a+b%26c&limit=5', bearer, undefined, ''],
      ['POST', '/api/v1/tunnels/cut', bearer, 'application/json', '{"user":"ü"}'],
      ['POST', '/api/v1/drain', bearer, undefined, ''],
      ['DELETE', '/api/v1/sessions/a%2Fb', bearer, undefined, ''],
    ]);
  });

  test('takes as many pages as it needs', async () => {
    const asked: string[] = [];
    await using stage = await asking((request, response) => {
      const { searchParams } = new URL(request.url!, 'http://x');
      const [offset, limit] = [Number(searchParams.get('offset')), Number(searchParams.get('limit'))];
      asked.push(`${offset}+${limit}`);
      const items = Array.from({ length: Math.min(limit, 2500 - offset) }, (_, i) => offset + i);
      json(response, { total: 2500, offset, items });
    });
    const all = await stage.client.pages<{ total: number; offset: number; items: number[] }>(
      'users',
      {},
      10_000,
    );
    assert.deepEqual([all.items.length, all.items.at(-1), all.total, all.offset], [2500, 2499, 2500, 0]);
    assert.equal((await stage.client.pages('users', {}, 1200)).items.length, 1200);
    assert.deepEqual(asked, ['0+1000', '1000+1000', '2000+1000', '0+1000', '1000+200']);
  });

  test('ends when a gateway says there is more and gives nothing', async () => {
    await using stage = await asking((_, response) =>
      json(response, { total: 5000, offset: 0, items: Array.from({ length: 1000 }, () => 1) }),
    );
    assert.equal((await stage.client.pages('users', {}, 3000)).items.length, 3000);
    await using empty = await asking((_, response) => json(response, { total: 5000, offset: 0, items: [] }));
    assert.equal((await empty.client.pages('users', {}, 3000)).items.length, 0);
  });

  test('waits no longer than the deadline, for the head and for the body', async () => {
    await using mute = await asking(() => {});
    await assert.rejects(
      mute.client.ask('status', { deadlineMs: 50 }),
      failure(/did not answer within 0.05 s/),
    );
    await using half = await asking((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":'),
    );
    await assert.rejects(
      half.client.ask('status', { deadlineMs: 100 }),
      failure(/did not answer within 0.1 s/),
    );
  });

  test('says how to switch the admin listener on when nothing listens', async () => {
    const client = clientOf(await closedPort());
    await assert.rejects(
      client.get('status'),
      failure(/nothing listens there/, /gyre serve --admin 127\.0\.0\.1:1082/),
    );
    const name = 'unix:/nowhere/admin.sock';
    const gone = new AdminClient({ ...client.place, name, socketPath: '/nowhere/admin.sock' });
    await assert.rejects(gone.get('status'), failure(/at unix:\/nowhere\/admin\.sock: nothing listens/));
  });

  test('says whose token is wrong, or that there is none', async () => {
    await using stage = await asking((_, response) => problem(response, 401, 'this is not the token'));
    await assert.rejects(
      stage.client.get('status'),
      failure(/the token is not that of .*; it came from \/run\/t/, /GYRE_ADMIN_TOKEN/),
    );
    const without = new AdminClient({ ...stage.client.place, token: undefined });
    await assert.rejects(without.get('status'), failure(/wants its token, and there is none .* in \/run\/t/));
  });

  test('knows when another program answers', async () => {
    const others: Handle[] = [
      (_, response) => response.end('<h1>It works!</h1>'),
      (_, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('no'),
      (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"half":'),
      (_, response) => response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":1}'),
    ];
    for (const handle of others) {
      await using stage = await asking(handle);
      await assert.rejects(
        stage.client.get('status'),
        failure(/is not the admin listener of a Gyre/, /not that of the proxy/),
      );
    }
    const sockets = new Set<Socket>();
    const server = createNetServer((socket) =>
      sockets
        .add(socket.on('error', () => {}))
        .values()
        .next()
        .value!.end('SSH-2.0-x\r\n'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await assert.rejects(
      clientOf((server.address() as AddressInfo).port).get('status'),
      failure(/is not the admin listener/),
    );
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('passes on what the gateway says, without control characters', async () => {
    await using stage = await asking((_, response) => problem(response, 409, 'no \x1b[2J way'));
    await assert.rejects(stage.client.post('drain'), failure(/^no \\u001b\[2J way$/));
  });

  test('blames another version for what is not there, and only then', async () => {
    const missing =
      (version: string): Handle =>
      ({ url }, response) =>
        url === '/api/v1/status'
          ? json(response, { version })
          : problem(response, 404, 'there is no such thing');
    await using other = await asking(missing('99.0.0'));
    await assert.rejects(
      other.client.get('users'),
      failure(/^there is no such thing$/, /that Gyre is 99\.0\.0 and this command/),
    );
    const { VERSION } = await import('../../../src/version.ts');
    await using same = await asking(missing(VERSION));
    await assert.rejects(
      same.client.get('users'),
      (error) => error instanceof Failure && error.hint === undefined,
    );
  });

  test('reads events until the gateway ends them, or the reader stops', async () => {
    let open = 0;
    await using stage = await asking((request, response) => {
      open++;
      response.on('close', () => open--);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: log\ndata: 1\n\n');
      if (request.url === '/api/v1/events?only=reload') response.end('event: log\ndata: 2\n\n');
    });
    const stop = new AbortController();
    const events = await stage.client.events('log', stop.signal);
    assert.deepEqual((await events.next()).value, { event: 'log', data: '1' });
    stop.abort();
    assert.deepEqual(await events.next(), { done: true, value: undefined });
    const ended: string[] = [];
    for await (const { data } of await stage.client.events('reload', new AbortController().signal))
      ended.push(data);
    assert.deepEqual(ended, ['1', '2']);
    await eventually('all connections ended', () => open === 0);
  });

  test('knows why events cannot be had', async () => {
    await using stage = await asking((_, response) => problem(response, 503, 'too many readers'));
    await assert.rejects(
      stage.client.events('log', new AbortController().signal),
      failure(/^too many readers$/),
    );
  });
});
