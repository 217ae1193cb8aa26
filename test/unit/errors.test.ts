import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURES, fromDialError, ProxyError, type FailureCode } from '../../src/errors.ts';

const errno = (code: string, syscall = 'connect'): NodeJS.ErrnoException =>
  Object.assign(new Error(`${syscall} ${code}`), { code, syscall });

test('errors of bind and connect are sorted by whose fault they are', () => {
  const cases: [NodeJS.ErrnoException, FailureCode, string][] = [
    [errno('ECONNREFUSED'), 'TARGET_REFUSED', 'target'],
    [errno('ECONNRESET'), 'TARGET_RESET', 'target'],
    [errno('ETIMEDOUT'), 'TARGET_TIMEOUT', 'target'],
    [errno('EHOSTUNREACH'), 'HOST_UNREACHABLE', 'target'],
    [errno('ENETUNREACH'), 'NETWORK_UNREACHABLE', 'target'],
    [errno('EINVAL'), 'NETWORK_UNREACHABLE', 'target'],
    [errno('EACCES'), 'EGRESS_FORBIDDEN', 'egress'],
    [errno('EADDRNOTAVAIL', 'bind'), 'EGRESS_NOT_ON_HOST', 'egress'],
    [errno('EADDRNOTAVAIL'), 'PORTS_EXHAUSTED', 'self'],
    [errno('EADDRINUSE'), 'PORTS_EXHAUSTED', 'self'],
    [errno('EMFILE'), 'DESCRIPTORS_EXHAUSTED', 'self'],
    [errno('EWHATEVER'), 'INTERNAL', 'self'],
  ];
  for (const [error, code, blame] of cases) {
    const found = fromDialError(error);
    assert.deepEqual([found.code, found.failure.blame, found.cause], [code, blame, error], error.message);
  }
});

test('only what another egress might not meet is tried again', () => {
  const retried = Object.entries(FAILURES)
    .filter(([, { retry }]) => retry)
    .map(([code]) => code);
  assert.deepEqual(retried, [
    'TARGET_TIMEOUT',
    'HOST_UNREACHABLE',
    'NETWORK_UNREACHABLE',
    'EGRESS_NOT_ON_HOST',
    'EGRESS_FORBIDDEN',
    'PORTS_EXHAUSTED',
  ]);
});

test('what nobody foresaw is INTERNAL, keeps its cause, and shows the client none of it', () => {
  const cause = new Error('secret detail');
  const error = ProxyError.from(cause);
  assert.deepEqual([error.code, error.message, error.cause], ['INTERNAL', 'internal error', cause]);
  assert.equal(ProxyError.from(error), error);
});

test('every failure has a reply code of RFC 1928, a status, and a sentence fit for a reason phrase', () => {
  for (const [code, { socks5, http, reason }] of Object.entries(FAILURES)) {
    assert.ok(socks5 >= 1 && socks5 <= 8, code);
    assert.ok(http >= 400 && http < 600, code);
    assert.match(reason, /^[\x20-\x7e]+$/, code);
  }
});
