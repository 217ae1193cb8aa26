/** The admin listener as HTTP: whatever is sent gets a clear answer within bounds, and never costs more than them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ControlError } from '../../src/admin/control.ts';
import { ask, AUTH, closing, jsonBody, say, standInAdmin } from '../support/admin.ts';

const CUT = '/api/v1/tunnels/cut';

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
