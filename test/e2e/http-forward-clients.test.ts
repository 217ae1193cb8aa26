/** Clients as they come: over TLS and socket files, in a hurry, in pieces, and with programs' own HTTP. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ProxyAgent, fetch } from 'undici';
import type { GyreOptions } from '../../src/runtime/config.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { answer, ask, clientOf, readHead, readMessage } from '../support/http-bytes.ts';
import { Peer, Target } from '../support/peer.ts';
import { startTarget } from '../support/target.ts';
import { makeCertificate } from '../support/tls.ts';

let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gyre-forward-'));
  const { key, cert } = await makeCertificate(folder);
  writeFileSync(join(folder, 'a.key'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'a.pem'), cert);
});
after(() => rmSync(folder, { recursive: true }));

/** A kind of listener, and how to reach it. */
const kinds: Record<
  string,
  { listen: () => GyreOptions['listen']; dial: (proxy: Gateway) => Promise<Socket> }
> = {
  'inside TLS': {
    listen: () => ({ address: 'tls://127.0.0.1:0', cert: join(folder, 'a.pem'), key: join(folder, 'a.key') }),
    async dial({ endpoints }) {
      const socket = connectTls({ port: endpoints[0]!.port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      return socket;
    },
  },
  'through a socket file': {
    listen: () => `unix:${join(folder, 'gyre.sock')}`,
    async dial() {
      const socket = connect({ path: join(folder, 'gyre.sock'), allowHalfOpen: true });
      await once(socket, 'connect');
      return socket;
    },
  },
};

for (const [kind, { listen, dial }] of Object.entries(kinds)) {
  test(`${kind}: requests, a body, a refusal, and an answer that is cut short`, async () => {
    await using target = await Target.listen();
    await using proxy = await gateway({ listen: listen() });
    using client = new Peer(await dial(proxy));
    const url = `http://127.0.0.1:${target.port}/`;
    for (const body of ['one', 'x'.repeat(300_000)]) {
      client.text(ask('POST', url, `Content-Length: ${body.length}`) + body);
      const server = await target.accept();
      assert.equal((await readMessage(server)).body.length, body.length);
      server.text(answer(body));
      assert.equal((await readMessage(client)).body.toString(), body);
    }
    client.text(ask('GET', url));
    const server = await target.accept();
    await readHead(server);
    server.text('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
    await readHead(client);
    server.reset();
    assert.ok((await client.rest()).length <= 3);
    using second = new Peer(await dial(proxy));
    second.text('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    assert.equal((await readMessage(second)).status, 400);
    assert.equal((await second.rest()).length, 0);
    second.end();
    await eventually('all are accounted', () => proxy.stats().active === 0);
    assert.equal(proxy.stats().byInbound['http-forward'], 4);
  });
}

describe('pipelining', () => {
  test('more than may wait is left with the client, and still answered in order', async () => {
    await using target = await startTarget({
      handler: (request, response) => response.end(request.url),
    });
    await using proxy = await gateway();
    using client = await clientOf(proxy);
    const requests = Array.from({ length: 60 }, (_, i) =>
      ask('GET', `${target.origin}/${i}`, `A: ${'x'.repeat(8000)}`),
    );
    client.text(requests.join(''));
    for (let i = 0; i < 60; i++) assert.equal((await readMessage(client)).body.toString(), `/${i}`);
    await eventually('all are accounted', () => proxy.stats().active === 0);
  });

  test('a request that is none ends the row behind those before it', async () => {
    await using target = await startTarget();
    await using proxy = await gateway();
    using client = await clientOf(proxy);
    client.text(`${ask('GET', `${target.origin}/a`)}nonsense\r\n\r\n${ask('GET', `${target.origin}/b`)}`);
    assert.equal((await readMessage(client)).status, 200);
    assert.equal((await readMessage(client)).status, 400);
    assert.equal((await client.rest()).length, 0);
    assert.deepEqual(
      target.takeVisits().map(({ url }) => url),
      ['/a'],
    );
  });

  test('a tunnel may stand behind a request in the same write', async () => {
    await using target = await Target.listen();
    await using web = await startTarget();
    await using proxy = await gateway();
    using client = await clientOf(proxy);
    const authority = `127.0.0.1:${target.port}`;
    client.text(
      `${ask('GET', `${web.origin}/a`)}CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\nearly`,
    );
    assert.equal((await readMessage(client)).status, 200);
    assert.match(await readHead(client), /^HTTP\/1\.1 200 Connection established\r\n/);
    const server = await target.accept();
    assert.equal((await server.read(5)).toString(), 'early');
    client.reset();
    await server.waitClosed();
  });

  test('a refused tunnel behind a request is answered as tunnels are', async () => {
    await using web = await startTarget();
    await using proxy = await gateway({ users: [{ name: 'alice', password: 'secret' }] });
    using client = await clientOf(proxy);
    const login = `Proxy-Authorization: Basic ${Buffer.from('alice:secret').toString('base64')}`;
    client.text(ask('GET', `${web.origin}/a`, login));
    assert.equal((await readMessage(client)).status, 200);
    client.text('CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n');
    const challenge = await readMessage(client);
    assert.equal(challenge.status, 407);
    // The challenge leaves the choice: a request in absolute-form again.
    client.text(ask('GET', `${web.origin}/b`, login));
    assert.equal((await readMessage(client)).status, 200);
  });
});

test('every prefix of a request, then FIN or RST: an answer or a close, and nothing left', async () => {
  await using target = await startTarget();
  await using proxy = await gateway();
  const request = `${ask('POST', `${target.origin}/`, 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\nA: b\r\n\r\n`;
  let asked = 0;
  for (let at = 1; at < request.length; at += 3) {
    for (const how of ['end', 'reset'] as const) {
      using client = await clientOf(proxy);
      client.text(request.slice(0, at));
      asked++;
      if (how === 'reset') await eventually('it has begun', () => proxy.stats().accepted === asked);
      client[how]();
      if (how === 'reset') continue;
      assert.match((await client.rest()).toString('latin1'), /^HTTP\/1\.1 499 |^$/, `${at} bytes`);
    }
  }
  await eventually('all are accounted', () => proxy.stats().active === 0);
  assert.equal(proxy.stats().failures.INTERNAL, 0);
});

describe('programs', () => {
  test('undici, with keep-alive: each request from another address', async () => {
    await using target = await startTarget();
    await using proxy = await gateway();
    const dispatcher = new ProxyAgent({ uri: proxy.url, proxyTunnel: false });
    const seen = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const response = await fetch(`${target.origin}/${i}`, { dispatcher });
      seen.add((await response.text()).split(' ')[0]!);
    }
    const posted = await fetch(`${target.origin}/`, {
      dispatcher,
      method: 'POST',
      body: 'x'.repeat(100_000),
    });
    assert.equal((await posted.text()).length, 100_000);
    assert.equal(seen.size, 8);
    await dispatcher.close();
  });

  test("Node's own client, over one socket", async () => {
    await using target = await startTarget();
    await using proxy = await gateway();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const { port } = proxy.endpoints[0]!;
    const get = (path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        http
          .get({ host: '127.0.0.1', port, path: `${target.origin}${path}`, agent }, (response) => {
            let body = '';
            response.on('data', (chunk) => (body += chunk)).on('end', () => resolve(body));
          })
          .on('error', reject);
      });
    const bodies = await Promise.all(Array.from({ length: 10 }, (_, i) => get(`/${i}`)));
    assert.deepEqual(
      bodies.map((body) => body.trim().split(' ')[1]),
      Array.from({ length: 10 }, (_, i) => `/${i}`),
    );
    agent.destroy();
  });
});
