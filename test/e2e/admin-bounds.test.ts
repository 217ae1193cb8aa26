/** The admin listener and whoever does not play by the rules: no bytes and no reader cost more than the bounds say. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ask, AUTH, closing, say, standInAdmin, StandIn, type TestAdmin } from '../support/admin.ts';
import { eventually } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';

suite('what is no request', () => {
  test('is answered as such', async () => {
    await using admin = await standInAdmin();
    for (const [bytes, status] of [
      ['\x05\x01\x00', 400],
      ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
      ['GET\r\n\r\n', 400],
      ['FROB / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 400],
      ['GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
      ['GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n', 400],
      ['GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
      ['GET http://127.0.0.1/livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n', 400],
      ['GET * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n', 400],
      [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 431],
      [`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
      ['CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n', 405],
      ['GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: a miracle\r\n\r\n', 417],
    ] as const) {
      const peer = await say(admin, Buffer.from(bytes, 'latin1'));
      const heard = (await peer.rest()).toString();
      assert.match(
        heard,
        new RegExp(`^HTTP/1\\.1 ${status} [^]*"status":${status}`),
        JSON.stringify(bytes.slice(0, 60)),
      );
      peer.socket.destroy();
    }
    assert.equal((await ask(admin, '/livez')).status, 200);
    assert.deepEqual(admin.control.reports, []);
  });

  test('of any bytes never does more', async () => {
    await using admin = await standInAdmin();
    const piece = fc.oneof(
      fc.string({ maxLength: 30, unit: 'binary' }),
      fc.constantFrom(
        'GET ',
        'POST ',
        '/api/v1/status',
        ' HTTP/1.1',
        '\r\n',
        '\r\n\r\n',
        AUTH,
        'Content-Length: 3\r\n',
        'Transfer-Encoding: chunked\r\n',
        '\0',
        '{"all":true}',
        'Upgrade: x\r\nConnection: upgrade\r\n',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
        const peer = await say(admin, pieces.join(''));
        peer.socket.end();
        const heard = (await peer.rest()).toString();
        peer.socket.destroy();
        assert.doesNotMatch(heard, /^HTTP\/1\.1 5/m);
      }),
      { numRuns: 150 },
    );
    assert.deepEqual(admin.control.reports, []);
  });
});

suite('a client that asks and does not read', () => {
  test('is cut when it asks on, and costs nobody else anything', async () => {
    await using admin = await standInAdmin();
    const peer = await Peer.connect(admin.endpoint.port);
    peer.socket.pause();
    const closed = closing(peer);
    // Thousands in one packet are read in one go, before the first is answered.
    admin.control.tunnels = () => new Promise(() => {});
    peer.socket.write(`GET /api/v1/tunnels HTTP/1.1\r\n${AUTH}\r\n`.repeat(1000));
    await closed;
    assert.equal((await ask(admin, '/api/v1/status')).status, 200);
  });

  test('of large answers is bounded in all: more of them are refused', async () => {
    await using admin = await standInAdmin();
    // 10 MB; the kernel takes some of it for a connection, the rest waits here.
    const large = 'x'.repeat(10 * 1024 * 1024);
    admin.control.metrics = () => Promise.resolve(large);
    const peers: Peer[] = [];
    let refused = 0;
    for (let i = 0; i < 12; i++) {
      const peer = await say(admin, 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      peers.push(peer);
      const head = (await peer.read(12)).toString();
      peer.socket.pause();
      if (head.endsWith('503')) refused++;
      else assert.equal(head, 'HTTP/1.1 200');
    }
    assert.ok(refused >= 12 - 7, String(refused));
    assert.equal((await ask(admin, '/api/v1/status')).status, 200);
    // What they held comes back with their end.
    for (const peer of peers) peer.socket.destroy();
    await eventually('there is room again', async () => (await ask(admin, '/metrics')).status === 200);
  });
});

suite('events', () => {
  const open = async (admin: TestAdmin, path = '/api/v1/events'): Promise<Peer> => {
    const peer = await say(admin, `GET ${path} HTTP/1.1\r\n${AUTH}\r\n`);
    return peer;
  };
  /** Reads on until this has come. */
  const until = async (peer: Peer, wanted: RegExp): Promise<string> => {
    let heard = '';
    while (!wanted.test(heard)) heard += (await peer.read(1)).toString();
    return heard;
  };

  test('are status at once and each second, lines of the log, and reloads', async () => {
    await using admin = await standInAdmin({ events: { statusMs: 20, heartbeatMs: 20 } });
    const peer = await open(admin);
    const head = await until(peer, /\r\n\r\n/);
    assert.match(head, /^HTTP\/1\.1 200 [^]*text\/event-stream/);
    await until(peer, /event: status\ndata: \{.*\}\n\n[^]*event: status\ndata: \{.*\}\n\n/);
    await until(peer, /: \n\n/);
    admin.control.emit('log', { at: 1, level: 'info', message: 'line\nbreak', fields: {} });
    assert.match(await until(peer, /event: log\ndata: .*\n\n/), /"message":"line\\nbreak"/);
    admin.control.emit('reload', { at: 1, ok: true });
    await until(peer, /event: reload\ndata: .*\n\n/);
    peer.socket.destroy();
  });

  test('are put into words once for all, and not at all for nobody', async () => {
    const control = new StandIn();
    let asked = 0;
    const status = control.status;
    control.status = () => ({ ...status(), pid: ++asked });
    await using admin = await standInAdmin({ events: { statusMs: 50 } }, control);
    const peers = await Promise.all(Array.from({ length: 20 }, () => open(admin)));
    for (const peer of peers) await until(peer, /event: status/);
    // All hear the very same one.
    const next = new RegExp(`"pid":${asked + 1},`);
    await Promise.all(peers.map((peer) => until(peer, next)));
    const quiet = await open(admin, '/api/v1/events?only=log,reload');
    for (const peer of peers) peer.socket.destroy();
    await until(quiet, /\r\n\r\n/);
    control.emit('log', { at: 1, level: 'info', message: 'there', fields: {} });
    assert.doesNotMatch(await until(quiet, /event: log/), /event: status/);
    quiet.socket.destroy();
  });

  test('have at most so many readers; who comes then is told so, and one who goes makes room', async () => {
    await using admin = await standInAdmin({ events: { maxReaders: 3 } });
    const peers = await Promise.all([open(admin), open(admin), open(admin)]);
    for (const peer of peers) await until(peer, /event: status/);
    const { status, headers } = await ask(admin, '/api/v1/events');
    assert.equal(status, 503);
    assert.ok(headers['retry-after']);
    assert.equal((await ask(admin, '/api/v1/status')).status, 200);
    peers[0].socket.destroy();
    await eventually('there is room', async () => {
      const peer = await open(admin);
      const well = (await peer.read(12)).toString().endsWith('200');
      peer.socket.destroy();
      return well;
    });
    for (const peer of peers) peer.socket.destroy();
  });

  test('cut who does not read them, and only that one', async () => {
    await using admin = await standInAdmin({ events: { maxWaiting: 100_000 } });
    const [slow, quick] = await Promise.all([open(admin), open(admin)]);
    await Promise.all([until(slow, /event: status/), until(quick, /event: status/)]);
    slow.socket.pause();
    const line = { at: 1, level: 'info', message: 'x'.repeat(50_000), fields: {} };
    quick.socket.resume();
    // The kernel takes some megabytes before anything waits here.
    while (!slow.closed) {
      admin.control.emit('log', line);
      await new Promise(setImmediate);
      // Paused, a socket does not hear of its end; a write finds out.
      if (slow.socket.writable) slow.socket.write('x');
    }
    assert.ok(!quick.closed);
    quick.socket.destroy();
  });

  test('end with the listener', async () => {
    const admin = await standInAdmin();
    const peer = await open(admin);
    await until(peer, /event: status/);
    const idle = await Peer.connect(admin.endpoint.port);
    await admin.close();
    assert.match((await peer.rest()).toString(), /0\r\n\r\n$/);
    await idle.rest();
    assert.equal(admin.control.listenerCount('log') + admin.control.listenerCount('reload'), 0);
    for (const one of [peer, idle]) one.socket.destroy();
  });
});

test('the end does not wait for who never reads, nor for who never ends', async () => {
  const admin = await standInAdmin();
  admin.control.tunnels = () => new Promise(() => {});
  const peers = [
    await say(admin, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'),
    await say(admin, 'GET / HTT'),
    await say(admin, '\x05\x01\x00'),
    await say(admin, `GET /api/v1/tunnels HTTP/1.1\r\n${AUTH}\r\n`),
  ];
  await ask(admin, '/livez');
  await admin.close();
  for (const { socket } of peers) socket.destroy();
});
