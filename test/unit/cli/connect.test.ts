import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { makeCertificate } from '../../../src/cli/cert.ts';
import { connectTo, type Destination } from '../../../src/cli/connect.ts';
import { Failure } from '../../../src/cli/exit.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-connect-'));
after(() => rmSync(folder, { recursive: true }));

const { cert, key } = await makeCertificate({ names: ['localhost', '127.0.0.1'], days: 2 });
const deadline = (): AbortSignal => AbortSignal.timeout(10_000);
const where = { host: '127.0.0.1', port: 0 };

/** A server of one line, ended with its connections. */
async function serving(server: Server, options: ListenOptions = where): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
  server.listen(options);
  await once(server, 'listening');
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address() as AddressInfo | string;
  return typeof address === 'string' ? 0 : address.port;
}

async function heard(destination: Destination): Promise<string> {
  const socket = await connectTo(destination, 'the proxy', deadline());
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

async function failure(destination: Destination, signal = deadline()): Promise<string> {
  const error: unknown = await connectTo(destination, 'the proxy', signal).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof Failure, String(error));
  return error.message;
}

suite('a connection', () => {
  test('over TCP, over a socket file, in TLS', async () => {
    const port = await serving(createServer((socket) => socket.end('tcp')));
    assert.equal(await heard({ address: '127.0.0.1', port }), 'tcp');
    const path = join(folder, 'server.sock');
    await serving(
      createServer((socket) => socket.end('unix')),
      { path },
    );
    assert.equal(await heard({ address: `unix:${path}`, port: 0 }), 'unix');
    const secure = await serving(
      createTlsServer({ cert, key }, (socket) => socket.end(socket.servername || 'none')),
    );
    const tls = { ca: cert, verify: true };
    assert.equal(await heard({ address: '127.0.0.1', port: secure, tls }), 'none');
    assert.equal(await heard({ address: 'localhost', port: secure, tls }), 'localhost');
    assert.equal(
      await heard({ address: '127.0.0.1', port: secure, tls: { ca: undefined, verify: false } }),
      'none',
    );
  });

  test('that fails says with whom and why', async () => {
    const server = createServer();
    const port = await serving(server);
    server.close();
    await once(server, 'close');
    assert.equal(
      await failure({ address: '127.0.0.1', port }),
      `the proxy at 127.0.0.1 port ${port} is not there: the connection was refused`,
    );
    const path = join(folder, 'none.sock');
    assert.equal(
      await failure({ address: `unix:${path}`, port: 0 }),
      `the proxy at unix:${path} is not there: there is no such file`,
    );
  });

  test('with a certificate nobody vouches for fails', async () => {
    const port = await serving(createTlsServer({ cert, key }));
    const at = { address: '127.0.0.1', port };
    assert.match(
      await failure({ ...at, tls: { ca: undefined, verify: true } }),
      /^TLS with the proxy at 127\.0\.0\.1 port \d+ failed: self-signed certificate$/,
    );
    const other = await makeCertificate({ names: ['other.test'], days: 2 });
    const misnamed = await serving(createTlsServer(other));
    assert.match(
      await failure({ address: '127.0.0.1', port: misnamed, tls: { ca: other.cert, verify: true } }),
      /failed: .*does not match certificate/,
    );
  });

  test('with what speaks no TLS fails, and one with what says nothing ends in time', async () => {
    const tls = { ca: undefined, verify: false };
    const plain = await serving(createServer((socket) => socket.end('SSH-2.0\r\n')));
    assert.match(
      await failure({ address: '127.0.0.1', port: plain, tls }),
      /^TLS with the proxy at 127\.0\.0\.1 port \d+ failed: wrong version number$/,
    );
    const gone = await serving(createServer((socket) => socket.destroy()));
    assert.match(await failure({ address: '127.0.0.1', port: gone, tls }), /broke off the TLS handshake$/);
    const accepted = Promise.withResolvers<void>();
    const silent = await serving(createServer(() => accepted.resolve()));
    const abort = new AbortController();
    void accepted.promise.then(() => abort.abort());
    assert.match(
      await failure({ address: '127.0.0.1', port: silent, tls }, abort.signal),
      /^the proxy at 127\.0\.0\.1 port \d+ did not answer in time$/,
    );
  });
});
