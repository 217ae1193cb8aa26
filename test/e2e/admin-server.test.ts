/** The admin listener as HTTP: whatever is sent gets a clear answer within bounds, and never costs more than them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ControlError } from '../../src/admin/control.ts';
import { ask, jsonBody, standInAdmin, StandIn, TOKEN, type TestAdmin } from '../support/admin.ts';
import { eventually } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';

const CUT = '/api/v1/tunnels/cut';

/** What a connection hears that says just this. */
async function say(admin: TestAdmin, bytes: Buffer | string): Promise<Peer> {
  const peer = await Peer.connect(admin.endpoint.port);
  peer.socket.write(bytes);
  return peer;
}

/** Errors that come before it are no news: `once` of events would take them for its own. */
const closing = ({ socket }: Peer): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });

const AUTH = `Host: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n`;

suite('who may ask', () => {
  test('is who has the token; probes and files need none', async () => {
    await using admin = await standInAdmin();
    for (const path of ['/livez', '/readyz', '/healthz', '/metrics', '/', '/vendor/preact.js']) {
      assert.equal((await ask(admin, path, { token: undefined })).status, 200, path);
    }
    for (const path of ['/api/v1/status', '/api/v1/openapi.json', '/api/v1/nothing']) {
      const { status, headers, json } = await ask(admin, path, { token: undefined });
      assert.equal(status, 401);
      assert.match(headers['www-authenticate']!, /^Bearer/);
      assert.equal(json!['status'], 401);
      assert.equal((await ask(admin, path, { token: 'wrong' })).status, 401);
    }
    assert.equal((await ask(admin, '/api/v1/status')).status, 200);
  });

  test('of metrics too, where the configuration says so', async () => {
    await using admin = await standInAdmin({ metrics: 'token' });
    assert.equal((await ask(admin, '/metrics', { token: undefined })).status, 401);
    const { status, text, headers } = await ask(admin, '/metrics');
    assert.deepEqual([status, text], [200, 'up 1\n']);
    assert.match(headers['content-type']!, /^text\/plain; version=0\.0\.4/);
  });

  test('is not a page under another name, which DNS may have led here', async () => {
    await using admin = await standInAdmin({ hosts: ['gyre.example'] });
    const evil = { Host: 'evil.example' };
    for (const path of ['/api/v1/status', '/metrics', '/', '/vendor/preact.js']) {
      assert.equal((await ask(admin, path, { headers: evil })).status, 403, path);
      assert.equal((await ask(admin, path, { headers: { Host: 'gyre.example:1082' } })).status, 200, path);
    }
    // Probes come by all kinds of names, and say nothing that matters.
    assert.equal((await ask(admin, '/readyz', { headers: evil })).status, 200);
  });

  test('is a page of another origin only where it is configured, and then by preflight', async () => {
    await using admin = await standInAdmin({ cors: ['https://ops.example'] });
    const preflight = {
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization',
    };
    const friend = { Origin: 'https://ops.example' };
    const allowed = await ask(admin, CUT, {
      method: 'OPTIONS',
      token: undefined,
      headers: { ...friend, ...preflight },
    });
    assert.equal(allowed.status, 204);
    assert.equal(allowed.headers['access-control-allow-origin'], 'https://ops.example');
    assert.match(allowed.headers['access-control-allow-headers']!, /authorization/i);
    assert.match(allowed.headers['access-control-allow-methods']!, /POST/);
    assert.match(allowed.headers['vary']!, /Origin/);
    assert.equal(
      (await ask(admin, '/api/v1/status', { headers: friend })).headers['access-control-allow-origin'],
      friend.Origin,
    );
    assert.equal((await ask(admin, '/api/v1/status', { headers: friend, token: undefined })).status, 401);

    const stranger = { Origin: 'https://evil.example' };
    for (const asking of [
      { method: 'OPTIONS', headers: { ...stranger, ...preflight } },
      { headers: stranger },
      { ...jsonBody({ all: true }), headers: { 'Content-Type': 'application/json', ...stranger } },
    ]) {
      const refused = await ask(admin, CUT, asking);
      assert.equal(refused.status, 403);
      assert.equal(refused.headers['access-control-allow-origin'], undefined);
    }
    const own = { Origin: `http://127.0.0.1:${admin.endpoint.port}` };
    assert.equal((await ask(admin, '/api/v1/status', { headers: own })).status, 200);
  });

  test('is told to wait after many wrong tokens', async () => {
    await using admin = await standInAdmin();
    for (let i = 0; i < 20; i++)
      assert.equal((await ask(admin, '/api/v1/status', { token: `x${i}` })).status, 401);
    const { status, headers } = await ask(admin, '/api/v1/status', { token: 'x' });
    assert.equal(status, 429);
    assert.ok(Number(headers['retry-after']) >= 1);
  });

  test('reaches it by a Unix socket under any name, and with the token', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gyre-admin-'));
    const path = join(folder, 'admin.sock');
    {
      await using admin = await standInAdmin({ at: { path, mode: 0o600 } });
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(admin.url, undefined);
      assert.equal((await ask(admin, '/api/v1/status', { headers: { Host: 'x.example' } })).status, 200);
      assert.equal((await ask(admin, '/api/v1/status', { token: undefined })).status, 401);
    }
    rmSync(folder, { recursive: true });
  });
});

suite('every answer', () => {
  test('tells browsers to guess, frame, keep and pass on nothing', async () => {
    await using admin = await standInAdmin();
    for (const path of ['/api/v1/status', '/nothing', '/', '/livez']) {
      const { headers } = await ask(admin, path);
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
      assert.equal(headers['referrer-policy'], 'no-referrer', path);
      assert.match(
        headers['content-security-policy'] as string,
        /default-src 'none'.*frame-ancestors 'none'/,
        path,
      );
    }
    assert.equal((await ask(admin, '/api/v1/status')).headers['cache-control'], 'no-store');
    assert.equal((await ask(admin, '/api/v1/status')).headers['access-control-allow-origin'], undefined);
  });

  test('to what is not there is a problem that says so', async () => {
    await using admin = await standInAdmin();
    for (const [method, path, status] of [
      ['GET', '/api/v1/nothing', 404],
      ['GET', '/api/v1/', 404],
      ['GET', '/api/v1/status/', 404],
      ['GET', '/api', 404],
      ['GET', '/../etc/passwd', 404],
      ['POST', '/api/v1/status', 405],
      ['PUT', '/api/v1/tunnels/cut', 405],
      ['OPTIONS', '/api/v1/status', 405],
      ['DELETE', '/livez', 405],
      ['GET', '/api/v1/drain', 405],
      ['GET', '/api/v1/pools/%/map', 400],
      ['GET', '/api/v1/pools/%ff/map', 400],
      ['GET', '/api/v1/status?x=1', 400],
      ['GET', '/api/v1/log?limit=1&limit=2', 400],
      ['GET', '/api/v1/log?limit=0', 400],
      ['GET', '/api/v1/log?limit=1e2', 400],
      ['GET', '/api/v1/log?__proto__=1', 400],
    ] as const) {
      const { status: answered, json, headers } = await ask(admin, path, { method });
      assert.equal(answered, status, `${method} ${path}`);
      assert.equal(json!['status'], status);
      assert.match(headers['content-type']!, /^application\/problem\+json/);
      assert.equal(headers['allow'] !== undefined, status === 405, `${method} ${path}`);
    }
    const { json } = await ask(admin, '/api/v1/tunnels?limit=abc&inbound=ftp&quark=1');
    const problems = json!['problems'] as readonly { where: string }[];
    assert.deepEqual(problems.map(({ where }) => where).toSorted(), ['inbound', 'limit', 'query']);
  });

  test('to HEAD is that to GET without its body', async () => {
    await using admin = await standInAdmin();
    for (const path of ['/api/v1/status', '/livez', '/', '/api/v1/events', '/api/v1/nothing']) {
      const got = path.endsWith('events') ? { status: 200 } : await ask(admin, path);
      const { status, text } = await ask(admin, path, { method: 'HEAD' });
      assert.deepEqual([status, text], [got.status, ''], path);
    }
    assert.equal(admin.control.listenerCount('log'), 1);
  });

  test('to what the gateway cannot do is in its words, and to what nobody foresaw in none', async () => {
    await using admin = await standInAdmin();
    admin.control.poolMap = () => {
      throw new ControlError('not-found', 'there is no pool "x"');
    };
    assert.equal((await ask(admin, '/api/v1/pools/x/map')).json!['detail'], 'there is no pool "x"');
    admin.control.tunnels = () => Promise.reject(new ControlError('unavailable', 'no thread answers'));
    assert.equal((await ask(admin, '/api/v1/tunnels')).status, 503);
    assert.deepEqual(admin.control.reports, []);
    admin.control.users = () => {
      throw new TypeError('Cannot read properties of undefined');
    };
    const { status, text } = await ask(admin, '/api/v1/users');
    assert.equal(status, 500);
    assert.doesNotMatch(text, /TypeError|undefined|\.ts/);
    assert.equal(admin.control.reports.length, 1);
  });
});

suite('a body', () => {
  test('is JSON of the right shape, or nothing happens', async () => {
    await using admin = await standInAdmin();
    const seen: unknown[] = [];
    admin.control.cutTunnels = (filter) => Promise.resolve(seen.push(filter));
    const json = { 'Content-Type': 'application/json' };
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    for (const [body, status, headers] of [
      [undefined, 400, {}],
      ['', 400, json],
      ['{"all": true}', 415, {}],
      ['{"all": true}', 415, { 'Content-Type': 'text/plain' }],
      ['all=true', 415, { 'Content-Type': 'application/x-www-form-urlencoded' }],
      ['{"all": true', 400, json],
      ['{"all": true}}', 400, json],
      ['null', 400, json],
      ['[]', 400, json],
      ['"all"', 400, json],
      ['{}', 400, json],
      ['{"all": false}', 400, json],
      ['{"all": 1}', 400, json],
      ['{"all": true, "al": true}', 400, json],
      ['{"user": ""}', 400, json],
      [`{"user": "${'x'.repeat(300)}"}`, 400, json],
      ['{"__proto__": {"all": true}}', 400, json],
      ['{"user": {"toString": 1}}', 400, json],
      [deep, 400, json],
      [Buffer.from([0xff, 0xfe, 0x7b]), 400, json],
      [Buffer.from('{"user": "\xff"}', 'latin1'), 400, json],
      [' '.repeat(65_537), 413, json],
      ['x'.repeat(300_000), 413, json],
    ] as const) {
      const answer = await ask(admin, CUT, { method: 'POST', headers, ...(body !== undefined && { body }) });
      assert.equal(answer.status, status, `${String(body).slice(0, 40)}: ${answer.text}`);
      assert.equal(answer.json!['status'], status);
    }
    assert.deepEqual(seen, []);
    assert.equal((await ask(admin, CUT, jsonBody({ all: true }))).status, 200);
    const padded = `{"user": "a"${' '.repeat(60_000)}}`;
    const charset = { 'Content-Type': 'application/json; charset=utf-8' };
    assert.equal((await ask(admin, CUT, { method: 'POST', headers: charset, body: padded })).status, 200);
    assert.deepEqual(seen, [{ all: true }, { user: 'a' }]);
    assert.deepEqual(admin.control.reports, []);
  });

  test('that is far too large is refused without being read', async () => {
    await using admin = await standInAdmin();
    const head = `POST ${CUT} HTTP/1.1\r\n${AUTH}Content-Type: application/json\r\n`;
    for (const announced of [
      'Content-Length: 10000000000',
      'Content-Length: 10000000000\r\nExpect: 100-continue',
    ]) {
      const peer = await say(admin, `${head}${announced}\r\n\r\n`);
      assert.match((await peer.rest()).toString(), /HTTP\/1\.1 413 [^]*larger than 64 KiB/);
      peer.socket.destroy();
    }
    // Without an end, in chunks.
    const peer = await say(admin, `${head}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`;
    while (!peer.closed && !peer.ended && peer.socket.writable) {
      if (!peer.socket.write(chunk))
        await Promise.race([
          new Promise<void>((resolve) => peer.socket.once('drain', () => resolve())),
          closing(peer),
          new Promise<void>((resolve) => peer.socket.once('end', () => resolve())),
        ]);
    }
    assert.equal((await ask(admin, '/livez')).status, 200);
    peer.socket.destroy();
  });

  test('may be left out where it is optional, and is not taken where there is none', async () => {
    await using admin = await standInAdmin();
    assert.equal((await ask(admin, '/api/v1/drain', { method: 'POST' })).status, 202);
    assert.equal((await ask(admin, '/api/v1/drain', jsonBody({ deadlineMs: 5 }))).status, 202);
    assert.equal((await ask(admin, '/api/v1/drain', jsonBody({ deadlineMs: -5 }))).status, 400);
    assert.deepEqual(admin.control.drained, [undefined, 5]);
    let reloads = 0;
    const report = {
      at: 1,
      trigger: 'api',
      ok: false,
      durationMs: 1,
      changes: [],
      needsRestart: [],
      problems: [],
    } as const;
    admin.control.reload = () => Promise.resolve({ ...report, ok: ++reloads > 1 });
    assert.equal((await ask(admin, '/api/v1/config/reload', jsonBody({ file: '/etc/passwd' }))).status, 400);
    assert.equal(reloads, 0);
    assert.equal((await ask(admin, '/api/v1/config/reload', { method: 'POST' })).status, 422);
    assert.equal((await ask(admin, '/api/v1/config/reload', jsonBody({}))).status, 200);
  });
});

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
    peers[0]!.socket.destroy();
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
    const cut = closing(slow);
    let over = false;
    void cut.then(() => (over = true));
    const line = { at: 1, level: 'info', message: 'x'.repeat(50_000), fields: {} };
    quick.socket.resume();
    // The kernel takes some megabytes before anything waits here.
    while (!over) {
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
