/** What stands before the protocol: TLS, the PROXY header, socket files; and several listeners in one process. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import type { GyreOptions } from '../../src/runtime/config.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway, socksRequest } from '../support/gateway.ts';
import { Peer, Target } from '../support/peer.ts';
import { makeCertificate, type Certificate } from '../support/tls.ts';

let folder: string;
let certificate: Certificate;
let other: Certificate;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gyre-listeners-'));
  certificate = await pair('one');
  other = await pair('two');
});
after(() => rmSync(folder, { recursive: true }));

const path = (name: string): string => join(folder, name);

async function pair(name: string): Promise<Certificate> {
  const made = await makeCertificate(mkdtempSync(join(folder, `${name}-`)));
  write(name, made);
  return made;
}

function write(name: string, { key, cert }: Certificate): void {
  writeFileSync(path(`${name}.key`), key, { mode: 0o600 });
  writeFileSync(path(`${name}.pem`), cert);
}

const files = (name = 'one'): { cert: string; key: string } => ({
  cert: path(`${name}.pem`),
  key: path(`${name}.key`),
});

const start = (listen: GyreOptions['listen'], options: Partial<GyreOptions> = {}): Promise<Gateway> =>
  gateway({ listen, ...options });

async function secure(port: number, options: ConnectionOptions = {}, over?: Socket): Promise<TLSSocket> {
  const where = over === undefined ? { port, host: '127.0.0.1' } : { socket: over };
  // Known to the socket beneath, if not to the types.
  const halfOpen: object = { allowHalfOpen: true };
  const socket = connectTls({ ...where, ...halfOpen, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

const CONNECT = (port: number): string =>
  `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;

/** A tunnel by CONNECT; answers the egress that the reply names. */
async function tunnel(client: Peer, target: Target): Promise<{ server: Peer; egress: string }> {
  client.text(CONNECT(target.port));
  const { status, head } = await client.readHttp();
  assert.equal(status, 200);
  return { server: await target.accept(), egress: /egress="([^"]+)"/.exec(head)![1]! };
}

async function pingPong(client: Peer, server: Peer): Promise<void> {
  client.text('ping');
  assert.equal((await server.read(4)).toString(), 'ping');
  server.text('pong');
  assert.equal((await client.read(4)).toString(), 'pong');
}

/** A whole tunnel, used and ended by the target. */
async function visit(client: Peer, target: Target): Promise<void> {
  const { server } = await tunnel(client, target);
  await pingPong(client, server);
  server.end();
  await client.rest();
}

test('every protocol inside TLS, with half-close both ways', async () => {
  await using target = await Target.listen();
  await using proxy = await start({ address: 'tls://127.0.0.1:0', ...files() });
  const { port } = proxy.endpoints[0]!;

  using socks5 = new Peer(await secure(port));
  socks5.write('05 01 00');
  assert.equal(await socks5.readHex(2), '0500');
  socks5.write(socksRequest(target.port));
  assert.match(await socks5.readHex(10), /^050000017f0000/);
  await pingPong(socks5, await target.accept());

  using socks4 = new Peer(await secure(port));
  socks4.write(Buffer.of(4, 1, target.port >> 8, target.port & 255, 127, 0, 0, 1, 0));
  assert.match(await socks4.readHex(8), /^005a.{4}7f0000/);
  await pingPong(socks4, await target.accept());

  using http = new Peer(await secure(port, { ALPNProtocols: ['h2', 'http/1.1'] }));
  const { server } = await tunnel(http, target);
  assert.equal((http.socket as TLSSocket).alpnProtocol, 'http/1.1');
  http.text('question');
  http.end();
  assert.equal((await server.rest()).toString(), 'question');
  server.write(Buffer.alloc(300_000, 'a'));
  server.end();
  assert.equal((await http.rest()).length, 300_000);
  await eventually('the tunnel is over', () => proxy.stats().active === 2);
});

test('a client that speaks no TLS, or no ALPN of ours, is closed and counted', async () => {
  await using proxy = await start({ address: 'tls://127.0.0.1:0', ...files() });
  const { port } = proxy.endpoints[0]!;
  using plain = await Peer.connect(port);
  plain.text('CONNECT example.com:443 HTTP/1.1\r\n\r\n');
  assert.doesNotMatch((await plain.rest()).toString('latin1'), /HTTP/);
  await assert.rejects(secure(port, { ALPNProtocols: ['h2'] }), /no application protocol|alert/i);
  await eventually('both are counted', () => proxy.stats().failures.TLS_FAILED === 2);
  assert.equal(proxy.stats().active, 0);
});

test('a TLS handshake that never ends is cut at the deadline', async () => {
  await using proxy = await start(
    { address: 'tls://127.0.0.1:0', ...files() },
    { timeouts: { handshake: '200ms' } },
  );
  using silent = await Peer.connect(proxy.endpoints[0]!.port);
  silent.write('16 03 01 00');
  await silent.rest();
  await eventually('it is counted', () => proxy.stats().failures.HANDSHAKE_TIMEOUT === 1);
});

test('client certificates: one of our authority comes in, none and a stranger do not', async () => {
  await using target = await Target.listen();
  await using proxy = await start({
    address: 'tls://127.0.0.1:0',
    ...files(),
    clientCa: certificate.caFile,
  });
  const { port } = proxy.endpoints[0]!;
  const { key, cert } = certificate;
  using known = new Peer(await secure(port, { key, cert }));
  const { server } = await tunnel(known, target);
  await pingPong(known, server);

  for (const stranger of [{}, { key: other.key, cert: other.cert }]) {
    const socket = await secure(port, { maxVersion: 'TLSv1.2', ...stranger }).catch(() => undefined);
    if (socket === undefined) continue;
    using peer = new Peer(socket);
    peer.text(CONNECT(target.port));
    const answer = (await peer.rest()).toString();
    assert.doesNotMatch(answer, /^HTTP\/1\.1 200/);
  }
  await eventually('both are counted', () => proxy.stats().failures.TLS_FAILED === 2);
  assert.equal(target.connections, 1);
});

test('the server name carries the session', async () => {
  await using target = await Target.listen();
  await using proxy = await start({
    address: 'tls://127.0.0.1:0',
    ...files(),
    sessionDomain: 'proxy.example',
  });
  const egressOf = async (servername: string): Promise<string> => {
    using client = new Peer(await secure(proxy.endpoints[0]!.port, { servername }));
    const { egress } = await tunnel(client, target);
    return egress;
  };
  const spread = new Set<string>();
  for (let i = 0; i < 8; i++) spread.add(await egressOf('proxy.example'));
  assert.equal(spread.size, 8);
  const kept = new Set<string>();
  for (let i = 0; i < 5; i++)
    kept.add(await egressOf(i % 2 ? 's-shop1.proxy.example' : 'S-SHOP1.Proxy.Example'));
  assert.equal(kept.size, 1);
});

for (const workers of [0, 2]) {
  test(`a renewed certificate is shown to the next client, tunnels stay (${workers} workers)`, async () => {
    write('live', certificate);
    await using target = await Target.listen();
    await using proxy = await start({ address: 'tls://127.0.0.1:0', ...files('live') }, { workers });
    const { port } = proxy.endpoints[0]!;
    const shown = async (): Promise<string> => {
      const socket = await secure(port);
      const { fingerprint256 } = socket.getPeerX509Certificate()!;
      socket.destroy();
      return fingerprint256;
    };
    using standing = new Peer(await secure(port));
    const { server } = await tunnel(standing, target);
    assert.equal(await shown(), new X509Certificate(certificate.cert).fingerprint256);

    // Half of a new pair, then garbage: the old one stays.
    writeFileSync(path('live.pem'), other.cert);
    writeFileSync(path('live.pem'), 'not a certificate');
    // Then as renewal programs do it: beside, and over it.
    writeFileSync(path('live.key.new'), other.key);
    writeFileSync(path('live.pem.new'), other.cert);
    renameSync(path('live.key.new'), path('live.key'));
    renameSync(path('live.pem.new'), path('live.pem'));
    const wanted = new X509Certificate(other.cert).fingerprint256;
    await eventually('the new one is shown', async () => (await shown()) === wanted);
    // Whatever thread takes it.
    for (let i = 0; i < 8; i++) assert.equal(await shown(), wanted);
    await pingPong(standing, server);
  });
}

const V2_LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
const V2_IPV6 = Buffer.concat([
  Buffer.from('0d0a0d0a000d0a515549540a21210024', 'hex'),
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.of(0x15, 0xb3, 0x04, 0x38),
]);

test('the PROXY header names the client, in the clear and before TLS', async () => {
  await using target = await Target.listen();
  const log = path('proxy-header.log');
  await using proxy = await start(
    [
      { address: '127.0.0.1:0', proxyProtocol: '127.0.0.0/8' },
      { address: 'tls://127.0.0.1:0', ...files(), proxyProtocol: ['127.0.0.1'] },
    ],
    {
      clients: { allow: ['198.51.100.0/24', '2001:db8::/32', '127.0.0.1'] },
      log: { access: log, format: 'json' },
    },
  );
  const [plain, inTls] = proxy.endpoints.map(({ port }) => port) as [number, number];
  const headers = [Buffer.from('PROXY TCP4 198.51.100.7 127.0.0.1 5555 1080\r\n'), V2_IPV6, V2_LOCAL];
  for (const header of headers) {
    using client = await Peer.connect(plain);
    // A byte at a time, and with the request right behind it.
    await client.trickle(header);
    await visit(client, target);

    const raw = connectSocket(inTls, '127.0.0.1');
    raw.write(header);
    using secured = new Peer(await secure(inTls, {}, raw));
    await visit(secured, target);
  }
  await eventually('all are over', () => proxy.stats().active === 0);
  await proxy.close(0);
  const clients = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { client: string }).client);
  assert.equal(clients.filter((client) => client === '198.51.100.7:5555').length, 2);
  assert.equal(clients.filter((client) => client === '[2001:db8::7]:5555').length, 2);
  assert.equal(clients.filter((client) => client.startsWith('127.0.0.1:')).length, 2);
});

test('A1: no PROXY header, a late one, a sender not trusted, a client not allowed: no tunnel', async () => {
  await using target = await Target.listen();
  await using proxy = await start(
    [
      { address: '127.0.0.1:0', proxyProtocol: '127.0.0.1' },
      { address: '127.0.0.1:0', proxyProtocol: '203.0.113.7' },
    ],
    {
      clients: { allow: ['198.51.100.0/24'] },
      timeouts: { proxyHeader: '200ms', handshake: '10s' },
    },
  );
  const [trusting, distrusting] = proxy.endpoints.map(({ port }) => port) as [number, number];
  const say = async (port: number, text: string): Promise<string> => {
    using client = await Peer.connect(port);
    client.text(text);
    return (await client.rest()).toString('latin1');
  };
  const good = 'PROXY TCP4 198.51.100.7 127.0.0.1 5555 1080\r\n';
  assert.equal(await say(trusting, CONNECT(target.port)), '');
  assert.equal(await say(trusting, 'PROXY TCP4 198.51.100.'), '');
  assert.equal(await say(distrusting, good + CONNECT(target.port)), '');
  const denied = await say(trusting, good.replace('198.51', '192.0') + CONNECT(target.port));
  assert.doesNotMatch(denied, / 200 /);
  const { failures } = proxy.stats();
  assert.equal(failures.PROXY_HEADER_INVALID, 1);
  assert.equal(failures.HANDSHAKE_TIMEOUT, 1);
  assert.equal(failures.CLIENT_DENIED, 2);
  assert.equal(target.connections, 0);
});

for (const workers of [0, 2]) {
  test(`a socket file, beside other listeners (${workers} workers)`, async () => {
    await using target = await Target.listen();
    const file = path(`gyre-${workers}.sock`);
    // Left behind by a program that died.
    const dead = createServer().listen(file);
    await once(dead, 'listening');
    renameSync(file, `${file}.kept`);
    dead.close();
    await once(dead, 'close');
    renameSync(`${file}.kept`, file);

    await using proxy = await start(['127.0.0.1:0', { address: `unix:${file}`, mode: '600' }, '[::1]:0'], {
      workers,
      clients: { allow: ['127.0.0.1', '::1'] },
    });
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(proxy.endpoints[1]!.address, `unix:${file}`);
    for (let i = 0; i < 4; i++) {
      const socket = connectSocket(file);
      using client = new Peer(socket);
      await once(socket, 'connect');
      await visit(client, target);
    }
    using six = await Peer.connect(proxy.endpoints[2]!.port, '::1');
    await pingPong(six, (await tunnel(six, target)).server);

    await assert.rejects(start(`unix:${file}`), /another program already does/);
    await proxy.close(0);
    assert.throws(() => chmodSync(file, 0o600), /ENOENT/);
  });
}

test('J4: a target that resets ends tunnels of clients that cannot be reset, and nothing else', async () => {
  await using target = await Target.listen();
  const file = path('reset.sock');
  await using proxy = await start([{ address: 'tls://127.0.0.1:0', ...files() }, `unix:${file}`]);
  const local = connectSocket(file);
  await once(local, 'connect');
  for (const socket of [await secure(proxy.endpoints[0]!.port), local]) {
    using client = new Peer(socket);
    const { server } = await tunnel(client, target);
    await pingPong(client, server);
    server.reset();
    await client.rest();
  }
  await eventually('both are counted', () => proxy.stats().failures.TARGET_RESET === 2);
  assert.equal(proxy.stats().active, 0);
});

test('a file that is no socket is never removed', async () => {
  const letter = path('letter.txt');
  writeFileSync(letter, 'dear reader');
  await assert.rejects(start(`unix:${letter}`), /cannot listen on unix:/);
  assert.equal(readFileSync(letter, 'utf8'), 'dear reader');
});

test('one wildcard listener takes IPv4 and IPv6, and an IPv4 client is one', async () => {
  await using target = await Target.listen();
  const log = path('dual.log');
  await using proxy = await start('[::]:0', {
    clients: { allow: ['127.0.0.1', '::1'] },
    log: { access: log, format: 'json' },
  });
  for (const host of ['127.0.0.1', '::1']) {
    using client = await Peer.connect(proxy.endpoints[0]!.port, host);
    await visit(client, target);
  }
  await eventually('both are over', () => proxy.stats().active === 0);
  await proxy.close(0);
  assert.match(readFileSync(log, 'utf8'), /"client":"127\.0\.0\.1:\d+"[\s\S]*"client":"\[::1\]:\d+"/);
});
