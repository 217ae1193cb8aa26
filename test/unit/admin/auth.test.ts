import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Gate, hostname, type GateOptions } from '../../../src/admin/auth.ts';
import { RequestProblem } from '../../../src/admin/problem.ts';

const TOKEN = 'the-token-of-this-test';

interface Sent {
  readonly host?: string | readonly string[];
  readonly origin?: string;
  readonly authorization?: string;
  readonly from?: string;
}

function request({
  host = '127.0.0.1:1082',
  origin,
  authorization,
  from = '127.0.0.1',
}: Sent): IncomingMessage {
  const hosts = [host].flat();
  return {
    rawHeaders: hosts.flatMap((one) => ['HoSt', one]),
    headers: { host: hosts[0], origin, authorization },
    socket: { remoteAddress: from },
  } as unknown as IncomingMessage;
}

const gate = (options: Partial<GateOptions> = {}, now?: () => number): Gate =>
  new Gate({ token: TOKEN, hosts: [], cors: [], unix: false, ...options }, now);

/** The status of the refusal, 0 for none. */
function refusal(act: () => unknown): number {
  try {
    act();
    return 0;
  } catch (error) {
    assert.ok(error instanceof RequestProblem, String(error));
    assert.ok(!error.message.includes(TOKEN));
    return error.status;
  }
}

suite('the Host of a request', () => {
  const judge = (host: string | readonly string[], options?: Partial<GateOptions>): number =>
    refusal(() => gate(options).checkHost(request({ host })));

  test('may be an address or localhost, with and without port', () => {
    for (const host of [
      '127.0.0.1',
      '127.0.0.1:1082',
      '192.0.2.9',
      '[::1]',
      '[::1]:99',
      'localhost',
      'LocalHost:1',
      'localhost.',
    ])
      assert.equal(judge(host), 0, host);
  });

  test('may not be a name that anybody could let resolve to this host', () => {
    for (const host of [
      'evil.example',
      'evil.example:1082',
      'localhost.evil.example',
      'a.localhost',
      '127.0.0.1.evil.example',
      'gyre',
    ])
      assert.equal(judge(host), 403, host);
  });

  test('is one, and a host', () => {
    for (const host of [
      '',
      ':80',
      'a b',
      '[::1',
      '::1',
      '[127.0.0.1]',
      'a:b',
      'a/b',
      'a@b',
      '127.0.0.1:123456',
      '[evil.example]',
    ])
      assert.equal(judge(host), 400, host);
    assert.equal(judge(['127.0.0.1', 'evil.example']), 400);
    assert.equal(judge([]), 400);
  });

  test('may be a configured name, or that of a page that may ask', () => {
    const options = { hosts: ['Gyre.Example'], cors: ['https://ops.example:8443'] };
    assert.equal(judge('gyre.example:1082', options), 0);
    assert.equal(judge('ops.example:8443', options), 0);
    assert.equal(judge('example', options), 403);
  });

  test('does not matter on a Unix socket', () => {
    assert.equal(judge('anything.example', { unix: true }), 0);
  });

  test('is never read as a host that it does not name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const name = hostname(text);
        assert.ok(name === undefined || text.toLowerCase().includes(name));
      }),
    );
  });
});

suite('the Origin of a request', () => {
  const judge = (origin: string, host = '127.0.0.1:1082'): number =>
    refusal(() => gate({ cors: ['https://ops.example'] }).checkOrigin(request({ origin, host })));

  test('may be the page itself, whatever ended TLS before us', () => {
    assert.equal(judge('http://127.0.0.1:1082'), 0);
    assert.equal(judge('https://gyre.example', 'gyre.example'), 0);
  });

  test('may not be another one, and not be hidden', () => {
    for (const origin of [
      'null',
      'http://127.0.0.1:1083',
      'http://evil.example',
      'https://ops.example.evil.example',
      'http://ops.example',
      'file://',
      '',
    ])
      assert.equal(judge(origin), 403, origin);
  });

  test('may be a configured one, which then may read the answer', () => {
    const origin = 'https://ops.example';
    assert.equal(gate({ cors: [origin] }).checkOrigin(request({ origin })), origin);
    assert.equal(gate().checkOrigin(request({})), undefined);
  });
});

suite('the token', () => {
  const show = (one: Gate, authorization: string | undefined, from = '127.0.0.1'): number =>
    refusal(() => one.checkToken(request({ ...(authorization !== undefined && { authorization }), from })));
  const right = `Bearer ${TOKEN}`;

  test('is taken as a bearer token only', () => {
    assert.equal(show(gate(), right), 0);
    assert.equal(show(gate(), `bearer  ${TOKEN} `), 0);
    for (const wrong of [
      undefined,
      '',
      TOKEN,
      `Basic ${TOKEN}`,
      'Bearer',
      'Bearer ',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Bearer ${TOKEN} x`,
    ])
      assert.equal(show(gate(), wrong), 401, String(wrong));
  });

  test('is asked for with the scheme', () => {
    for (const authorization of [undefined, 'Bearer wrong']) {
      try {
        gate().checkToken(request({ ...(authorization !== undefined && { authorization }) }));
        assert.fail('let in');
      } catch (error) {
        assert.match((error as RequestProblem).headers['WWW-Authenticate']!, /^Bearer realm="gyre"/);
      }
    }
  });

  test('cannot be guessed for long: after 20 wrong ones none is looked at for a minute', () => {
    let now = 0;
    const one = gate({}, () => now);
    for (let i = 0; i < 20; i++) assert.equal(show(one, `Bearer ${i}`), 401);
    assert.equal(show(one, 'Bearer 21'), 429);
    assert.equal(show(one, right), 429);
    assert.equal(show(one, right, '192.0.2.7'), 0);
    now = 59_999;
    assert.equal(show(one, right), 429);
    now = 60_000;
    assert.equal(show(one, right), 0);
  });

  test('that was right before lets in while others guess from the same address', () => {
    const one = gate({}, () => 0);
    assert.equal(show(one, right), 0);
    for (let i = 0; i < 20; i++) assert.equal(show(one, `Bearer ${i}`), 401);
    for (let i = 0; i < 5; i++) assert.equal(show(one, `Bearer ${i}`), 429);
    assert.equal(show(one, right), 0);
  });

  test('is guessed by one guesser in a whole /64', () => {
    const one = gate({}, () => 0);
    for (let i = 1; i <= 20; i++) assert.equal(show(one, 'Bearer x', `2001:db8:1:2::${i.toString(16)}`), 401);
    assert.equal(show(one, 'Bearer x', '2001:db8:1:2:ffff::1'), 429);
    assert.equal(show(one, 'Bearer x', '2001:db8:1:3::1'), 401);
  });

  test('of many addresses does not cost more and more', () => {
    const one = gate({}, () => 0);
    for (let i = 0; i < 3000; i++) show(one, 'Bearer x', `10.0.${i >> 8}.${i & 255}`);
    // The first is forgotten, and may guess anew.
    assert.equal(show(one, right, '10.0.0.0'), 0);
  });
});
