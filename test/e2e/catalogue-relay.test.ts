/** Section J of the failure catalogue: TCP semantics, where they are not the same for every protocol. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashPassword } from '../../src/policy/password.ts';
import { DnsServer } from '../support/dns-server.ts';
import { eventually, gateway, socksRequest, socksTunnel } from '../support/gateway.ts';
import { tlsOver } from '../support/hostile-secure.ts';
import { request } from '../support/hostile-vectors.ts';
import { Peer, Target } from '../support/peer.ts';
import { makeCertificate } from '../support/tls.ts';

const SHARED_BYTES = 65_536;

test('J11: early data that fills the read buffer exactly, and what follows, are both delivered as they were sent', async () => {
  await using target = await Target.listen();
  const gate = Promise.withResolvers<void>();
  await using dns = await DnsServer.listen(async () => {
    await gate.promise;
    return ['127.0.0.1'];
  });
  await using proxy = await gateway({ dns: { servers: [dns.address] } });
  // Another tunnel has had a private buffer, and left its bytes in it.
  const [{ client: other }, far] = await Promise.all([socksTunnel(proxy, target.port), target.accept()]);
  other.write(Buffer.alloc(8 * 1024 * 1024, 'secret of another tunnel '));
  other.end();
  await far.rest();
  far.end();
  await other.waitClosed();

  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.write(request(`CONNECT slow.test:${target.port} HTTP/1.1`, 'Host: x'));
  await eventually('the name is asked for', () => dns.asked.length > 0);
  client.write(Buffer.alloc(SHARED_BYTES, 'a'));
  const read = (): number => client.socket.bytesWritten - client.socket.writableLength;
  await eventually('it is on its way', () => read() > SHARED_BYTES);
  gate.resolve();
  assert.equal((await client.readHttp()).status, 200);
  const server = await target.accept();
  assert.ok((await server.read(SHARED_BYTES)).equals(Buffer.alloc(SHARED_BYTES, 'a')));
  client.text('my own words');
  assert.equal((await server.read(12)).toString(), 'my own words');
});

test('J6: a reset inside TLS, before the answer, frees everything, however much the client had said', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-catalogue-'));
  try {
    await makeCertificate(folder);
    await using target = await Target.listen((socket) => socket.resume().on('end', () => socket.end()));
    const files = { cert: join(folder, 'target.pem'), key: join(folder, 'target.key') };
    await using proxy = await gateway({ listen: [{ address: 'tls://127.0.0.1:0', ...files }] });
    const { port } = proxy.endpoints[0]!;
    const connect = `CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const get = `GET http://127.0.0.1:${target.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    // When exactly the reset comes is chance: enough of them meet every moment.
    for (let round = 0; round < 100; round++)
      await resetWithinTls(port, round % 2 ? connect : get, round % 4);
    await eventually('nothing is active', () => proxy.stats().active === 0 && target.connections === 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

async function resetWithinTls(port: number, said: string, afterMs: number): Promise<void> {
  const tcp = connect({ port, host: '127.0.0.1', noDelay: true });
  const secure = tlsOver(tcp, { rejectUnauthorized: false }).on('error', () => {});
  tcp.on('error', () => {});
  await once(secure, 'secureConnect');
  secure.write(said);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  tcp.resetAndDestroy();
}

test('J9: a reset in every gap of the way is handled, and nothing is held afterwards', async () => {
  // A dial that is given up may have reached the target already, which then hears FIN: it has to end its side too.
  await using target = await Target.listen((socket) => socket.resume().on('end', () => socket.end()));
  const dns = createSocket('udp4').bind(0, '127.0.0.1');
  await once(dns, 'listening');
  try {
    const passwordHash = await hashPassword('s3cret');
    await using proxy = await gateway({
      users: [{ name: 'alice', passwordHash }],
      dns: { servers: `127.0.0.1:${dns.address().port}` },
    });
    const login = `01 05 ${Buffer.from('alice').toString('hex')} 06 ${Buffer.from('s3cret').toString('hex')}`;
    const wrong = `01 05 ${Buffer.from('alice').toString('hex')} 01 00`;
    const name = Buffer.from('silent.test').toString('hex');
    const gaps: readonly (readonly [what: string, bytes: string])[] = [
      ['before the protocol is known', ''],
      ['between greeting and login', '05 01 02'],
      ['while the password is verified', `05 01 02 ${login}`],
      ['while a wrong password is verified', `05 01 02 ${wrong}`],
      ['while the name is resolved', `05 01 02 ${login} 05 01 00 03 0b ${name} 00 50`],
      ['while it is refused', `05 01 02 ${login} 05 01 00 01 00 00 00 00 00 50`],
      ['as the tunnel stands', `05 01 02 ${login} ${socksRequest(target.port).toString('hex')}`],
    ];
    for (const [, bytes] of gaps) {
      for (let round = 0; round < 6; round++) {
        using client = await Peer.connect(proxy.endpoints[0]!.port);
        client.write(bytes);
        // From at once to after all that can happen here.
        await new Promise((resolve) => setTimeout(resolve, 8 * round));
        client.reset();
      }
    }
    await eventually('nothing is active', () => proxy.stats().active === 0);
    await eventually('the target is alone', () => target.connections === 0);
    assert.equal(proxy.stats().failures.INTERNAL, 0);
  } finally {
    dns.close();
  }
});

test('J10: what a client writes behind the end of its target goes nowhere, and breaks nothing', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  for (const leave of ['end', 'reset'] as const) {
    const { client } = await socksTunnel(proxy, target.port);
    using server = await target.accept();
    server[leave]();
    if (leave === 'end') server.socket.destroy();
    for (let i = 0; i < 50 && !client.socket.destroyed; i++) {
      client.write(Buffer.alloc(65_536));
      await new Promise(setImmediate);
    }
    client.socket.destroy();
  }
  await eventually('nothing is active', () => proxy.stats().active === 0);
  assert.equal(proxy.stats().failures.INTERNAL, 0);
});
