import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:https';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { ProxyError } from '../../../../src/errors.ts';
import { makeCertificate } from '../../../support/tls.ts';
import { External, type ExternalCheck } from '../../../../src/policy/users/external.ts';

const SECRET = 'hunter2 of zoe';
const CLIENT = '192.0.2.1';

interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly port: number;
}

interface World {
  readonly url: string;
  readonly asked: Question[];
  /** Sentences in the log. */
  readonly said: string[];
  time: number;
  /** The check under test. */
  build(options?: Partial<ExternalCheck>): External;
}

async function listening(server: Server, context: TestContext): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

function worldAt(port: number, context: TestContext, asked: Question[] = []): World {
  const said: string[] = [];
  const url = `http://user:${encodeURIComponent('p:w of gyre')}@127.0.0.1:${port}/check?token=secret`;
  return {
    url,
    asked,
    said,
    time: 1_000_000,
    build(options = {}) {
      const external = new External(
        { url, timeoutMs: 5000, cacheMs: 60_000, ...options },
        () => this.time,
        (message, fields) => said.push(`${message} ${JSON.stringify(fields)}`),
      );
      context.after(() => external.close());
      return external;
    },
  };
}

/** An endpoint that answers as the test says. */
async function endpoint(
  context: TestContext,
  answer: (response: ServerResponse, question: Question) => void,
): Promise<World> {
  const asked: Question[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url: path = '', headers, socket } = request;
      const question = { method, path, headers, body, port: socket.remotePort! };
      asked.push(question);
      answer(response, question);
    });
  });
  return worldAt(await listening(server, context), context, asked);
}

/** A server that says what it likes to whoever comes. */
async function rawEndpoint(context: TestContext, say: (socket: Socket) => void): Promise<World> {
  const server = createTcpServer((socket) => {
    socket.once('data', () => say(socket));
  });
  return worldAt(await listening(server, context), context);
}

const ask = (external: External, password = SECRET, client = CLIENT): ReturnType<External['ask']> =>
  external.ask('zoe', password, client);

const unanswered = (error: unknown): boolean =>
  error instanceof ProxyError &&
  error.code === 'OVERLOADED' &&
  error.retryAfterS === 5 &&
  error.message === 'logins cannot be checked at the moment';

describe('the external check', () => {
  it('asks by POST with a small JSON object, and the credentials of its URL', async (context) => {
    const world = await endpoint(context, (response) => response.writeHead(204).end());
    assert.deepEqual(await ask(world.build()), { user: 'zoe', account: { name: 'zoe' } });
    const [{ method, path, headers, body } = {} as Question] = world.asked;
    assert.deepEqual(
      [method, path, headers['content-type']],
      ['POST', '/check?token=secret', 'application/json'],
    );
    assert.equal(headers.authorization, `Basic ${Buffer.from('user:p:w of gyre').toString('base64')}`);
    assert.deepEqual(JSON.parse(body), { user: 'zoe', password: SECRET, client: CLIENT });
  });

  it('carries any name and password', async (context) => {
    const world = await endpoint(context, (response) => response.end());
    const odd = '"\\\0\u2028é🔑\ud800';
    await world.build().ask(odd, odd, 'unix');
    const { user, password, client } = JSON.parse(world.asked[0]!.body) as Record<string, string>;
    assert.deepEqual([user, password, client], [odd, odd, 'unix']);
  });

  it('takes 2xx for a yes, with what stands in it', async (context) => {
    const answers = [
      '',
      ' \r\n',
      '{}',
      '{"user":"zoe@example","pool":"de","pools":["de","fr"],"expiresAt":1900000000000}',
    ];
    const world = await endpoint(context, (response) => response.writeHead(201).end(answers.shift()));
    const external = world.build({ cacheMs: 0 });
    const plain = { user: 'zoe', account: { name: 'zoe' } };
    for (let i = 0; i < 3; i++) assert.deepEqual(await ask(external), plain);
    assert.deepEqual(await ask(external), {
      user: 'zoe@example',
      account: { name: 'zoe@example', pool: 'de', pools: ['de', 'fr'], expiresAt: 1_900_000_000_000 },
    });
    assert.deepEqual(world.said, []);
  });

  it('takes 401 and 403 for a no, whatever stands in it', async (context) => {
    const answers = [401, 403];
    const world = await endpoint(context, (response) =>
      response.writeHead(answers.shift()!, { 'www-authenticate': 'Basic' }).end('{"user":"zoe"}'),
    );
    const external = world.build({ cacheMs: 0 });
    for (let i = 0; i < 2; i++) assert.equal(await ask(external), undefined);
    assert.deepEqual(world.said, []);
  });

  it('takes everything else for no answer: nobody gets in, and nothing of it is shown', async (context) => {
    const cases: readonly (readonly [status: number, body: string, reason: RegExp])[] = [
      [500, SECRET, /HTTP status 500/],
      [503, '', /HTTP status 503/],
      [404, '', /HTTP status 404/],
      [407, '', /HTTP status 407/],
      [429, '', /HTTP status 429/],
      [302, '', /redirects \(HTTP status 302\)/],
      [307, '', /redirects \(HTTP status 307\)/],
      [200, 'OK', /not a JSON object/],
      [200, '<html>please log in</html>', /not a JSON object/],
      [200, 'true', /not a JSON object/],
      [200, 'null', /not a JSON object/],
      [200, '[]', /not a JSON object/],
      [200, '{"user":"zoe"', /not a JSON object/],
      [200, `{"allowed":false,"${SECRET}":1}`, /has a field other than user, pool, pools, expiresAt/],
      [200, '{"__proto__":{"pool":"de"}}', /has a field other than/],
      [200, '{"constructor":1}', /has a field other than/],
      [200, '{"user":""}', /the field user/],
      [200, '{"user":7}', /the field user/],
      [200, '{"user":"a\\nb"}', /the field user/],
      [200, `{"user":"${'x'.repeat(256)}"}`, /the field user/],
      [200, '{"pool":null}', /the field pool/],
      [200, '{"pools":"de"}', /the field pools/],
      [200, '{"pools":["de",7]}', /the field pools/],
      [200, '{"expiresAt":"tomorrow"}', /the field expiresAt/],
      [200, '{"expiresAt":1e999}', /the field expiresAt/],
      [200, ' '.repeat(64 * 1024 + 1), /larger than 64 KiB/],
      [403, 'x'.repeat(64 * 1024 + 1), /larger than 64 KiB/],
    ]; // prettier-ignore
    let next = 0;
    const world = await endpoint(context, (response) => {
      const [status, body] = cases[next]!;
      response.writeHead(status, { location: '/elsewhere' }).end(body);
    });
    const external = world.build();
    for (const [i, [status, body, reason]] of cases.entries()) {
      next = i;
      world.time += 60_000;
      await assert.rejects(ask(external), unanswered, `${status} ${body.slice(0, 50)}`);
      assert.match(world.said.at(-1)!, reason);
      assert.equal(external.recall('zoe', SECRET, CLIENT), undefined, 'it is not remembered');
    }
    assert.equal(world.said.length, cases.length);
    assert.ok(
      world.asked.every(({ path }) => path === '/check?token=secret'),
      'no redirect is followed',
    );
    const shown = world.said.join('\n');
    for (const secret of ['hunter2', 'p:w', 'token', 'secret', 'zoe'])
      assert.ok(!shown.includes(secret), secret);
  });

  it('waits no longer than it may, wherever the other side stops', async (context) => {
    const stops = [
      '',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}',
      'HTTP/1.1 100 Continue\r\n\r\n',
    ];
    for (const text of stops) {
      const world = await rawEndpoint(context, (socket) => socket.write(text));
      await assert.rejects(ask(world.build({ timeoutMs: 50 })), unanswered);
      assert.match(world.said[0]!, /did not answer in full within 0\.05 s/);
    }
  });

  it('says in its words what is no HTTP, or nobody at all', async (context) => {
    const wrong: readonly (readonly [say: (socket: Socket) => void, reason: RegExp])[] = [
      [(socket) => socket.end('hello\r\n\r\n'), /does not speak HTTP/],
      [(socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`), /does not speak HTTP/],
      [(socket) => socket.end(), /cannot be reached: ECONNRESET/],
      [(socket) => socket.resetAndDestroy(), /cannot be reached: ECONNRESET/],
      [(socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}'), /cannot be reached/],
      [(socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'), /something else than HTTP/],
    ]; // prettier-ignore
    for (const [say, reason] of wrong) {
      const world = await rawEndpoint(context, say);
      await assert.rejects(ask(world.build()), unanswered, String(reason));
      assert.match(world.said[0]!, reason);
    }
    const nobody = await rawEndpoint(context, () => {});
    const tls = nobody.build({ url: nobody.url.replace('http:', 'https:'), timeoutMs: 50 });
    await assert.rejects(ask(tls), unanswered);
    const port = createTcpServer();
    const free = await listening(port, context);
    await new Promise((resolve) => port.close(resolve));
    const closed = worldAt(free, context);
    await assert.rejects(ask(closed.build()), unanswered);
    assert.match(closed.said[0]!, /"host":"127\.0\.0\.1:\d+","reason":"it cannot be reached: ECONNREFUSED"/);
  });

  it('speaks HTTPS with whom it can trust, and with nobody else', async (context) => {
    const folder = await mkdtempDisposable(join(tmpdir(), 'gyre-external-'));
    context.after(() => folder.remove());
    const { key, cert, caFile } = await makeCertificate(folder.path);
    const server = createTlsServer({ key, cert }, (_request, response) => response.end());
    const port = await listening(server, context);
    const world = worldAt(port, context);
    const options = { url: world.url.replace('http:', 'https:') };
    await assert.rejects(ask(world.build(options)), unanswered);
    assert.match(world.said[0]!, /cannot be reached: (?:UNABLE|SELF_SIGNED|DEPTH_ZERO)/);
    const before = getCACertificates();
    context.after(() => setDefaultCACertificates(before));
    setDefaultCACertificates([...before, await readFile(caFile, 'utf8')]);
    assert.equal((await ask(world.build(options)))?.user, 'zoe');
  });

  it('keeps its connections, and notices one that was closed meanwhile', async (context) => {
    const sockets: Socket[] = [];
    const server = createServer((_request, response) => {
      sockets.push(response.socket!);
      response.end();
    });
    const port = await listening(server, context);
    const external = worldAt(port, context).build({ cacheMs: 0 });
    await ask(external);
    await ask(external);
    assert.equal(sockets[0], sockets[1]);
    // Closed by the other side in the moment it is used again: asked once more on another connection.
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.socket === sockets[0]) request.socket.resetAndDestroy();
      else response.end();
    });
    assert.equal((await ask(external))?.user, 'zoe');
  });

  it('believes a yes as long as it may, and a no five seconds', async (context) => {
    const world = await endpoint(context, (response, { body }) =>
      response.writeHead(body.includes(SECRET) ? 200 : 403).end(),
    );
    const external = world.build();
    const recall = (password: string, client = CLIENT): string | undefined => {
      const remembered = external.recall('zoe', password, client);
      return remembered && (remembered.identity?.user ?? 'no');
    };
    assert.equal(recall(SECRET), undefined);
    await ask(external);
    await ask(external, 'wrong');
    assert.deepEqual([recall(SECRET), recall('wrong'), recall('other')], ['zoe', 'no', undefined]);
    assert.equal(recall(SECRET, '192.0.2.2'), undefined, 'it may depend on the client');
    world.time += 4999;
    assert.equal(recall('wrong'), 'no');
    world.time += 1;
    assert.deepEqual([recall(SECRET), recall('wrong')], ['zoe', undefined]);
    world.time += 55_000;
    assert.equal(recall(SECRET), undefined, 'using it extends nothing: the truth is elsewhere');
    await ask(external, 'wrong');
    external.forgetRefusals();
    assert.equal(recall('wrong'), undefined);
  });

  it('keeps a yes whatever else is guessed', async (context) => {
    const world = await endpoint(context, (response, { body }) =>
      response.writeHead(body.includes(SECRET) ? 200 : 403).end(),
    );
    const external = world.build();
    await ask(external);
    for (let i = 0; i < 4200; i += 50) {
      const guesses = Array.from({ length: 50 }, (_, j) => ask(external, `guess ${i + j}`));
      await Promise.all(guesses);
    }
    assert.equal(external.recall('zoe', SECRET, CLIENT)?.identity?.user, 'zoe');
    assert.equal(external.recall('zoe', 'guess 0', CLIENT), undefined, 'the oldest refusals are gone');
    assert.notEqual(external.recall('zoe', 'guess 4199', CLIENT), undefined);
  });

  it('asks once for all who ask the same at the same time', async (context) => {
    const waiting: ServerResponse[] = [];
    const world = await endpoint(context, (response) => void waiting.push(response));
    const external = world.build();
    const answers = Array.from({ length: 1000 }, () => ask(external));
    const other = ask(external, 'other');
    while (waiting.length < 2) await new Promise(setImmediate);
    for (const response of waiting) response.end();
    for (const answer of await Promise.all(answers)) assert.equal(answer?.user, 'zoe');
    await other;
    assert.equal(world.asked.length, 2);
  });

  it('asks 64 questions at a time, a quarter of them for one client, and lets none fill the queue', async (context) => {
    const waiting: ServerResponse[] = [];
    const world = await endpoint(context, (response) => void waiting.push(response));
    const external = world.build({ timeoutMs: 20_000 });
    const codes: Record<string, number> = {};
    const settle = (answer: Promise<unknown>): Promise<void> =>
      answer.then(
        () => void (codes['yes'] = (codes['yes'] ?? 0) + 1),
        ({ code }: ProxyError) => void (codes[code] = (codes[code] ?? 0) + 1),
      );
    const settled = Array.from({ length: 2000 }, (_, i) =>
      settle(ask(external, `guess ${i}`, '198.51.100.1')),
    );
    while (waiting.length < 16) await new Promise(setImmediate);
    const good = ask(external);
    while (waiting.length < 17) await new Promise(setImmediate);
    waiting.pop()!.end();
    assert.equal((await good)?.user, 'zoe', 'the good client was asked for at once');
    for (let client = 0; client < 200; client++)
      for (let i = 0; i < 20; i++)
        settled.push(settle(ask(external, `guess ${i}`, `2001:db8:0:${client.toString(16)}::1`)));
    while (waiting.length < 64) await new Promise(setImmediate);
    assert.equal(world.asked.length, 65);
    const server = setInterval(() => {
      for (const response of waiting.splice(0)) response.end();
    }, 1);
    context.after(() => clearInterval(server));
    await Promise.all(settled);
    // 64 ran; of those that waited 1,024 had a place. Who had most lost some to those who had less.
    assert.equal(codes['yes'], 64 + 1024);
    assert.equal(codes['yes'] + codes['LOGIN_THROTTLED']! + codes['OVERLOADED']!, 2000 + 200 * 20);
  });

  it('tells its failures once a minute', async (context) => {
    const world = await endpoint(context, (response) => response.writeHead(500).end());
    const external = world.build();
    for (let i = 0; i < 5; i++) await assert.rejects(ask(external), unanswered);
    assert.equal(world.said.length, 1);
    world.time += 60_000;
    await assert.rejects(ask(external), unanswered);
    assert.equal(world.said.length, 2);
    assert.match(world.said[1]!, /"times":5/);
  });

  it('refuses whom it has not yet asked about when it ends', async (context) => {
    const world = await endpoint(context, () => {});
    const external = world.build();
    const answers = Array.from({ length: 30 }, (_, i) => ask(external, `${i}`));
    while (world.asked.length < 16) await new Promise(setImmediate);
    external.close();
    const results = await Promise.allSettled(answers);
    assert.ok(results.every(({ status }) => status === 'rejected'));
  });
});
