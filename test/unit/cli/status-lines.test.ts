import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FailureCode } from '../../../src/errors.ts';
import { failureRows, ratesBetween, reloadInWords, statusLines } from '../../../src/cli/status-lines.ts';
import { widthOf } from '../../../src/cli/text-width.ts';
import { HOSTILE, NOW, poolSample, statusSample } from '../../support/admin-samples.ts';

const before = statusSample({
  now: NOW - 2000,
  totals: { ...statusSample().totals, accepted: 12_275, sent: 234_567, failures: { TARGET_REFUSED: 39 } },
});

suite('gyre status', () => {
  test('says everything on one screen', () => {
    assert.deepEqual(statusLines(statusSample(), before), [
      'gyre 0.1.0  ready  up 3h 12m  pid 4711, node 26.10.0',
      'listens on     127.0.0.1:1080',
      '               tls://[::]:1443 (PROXY protocol)',
      'connections    7 active, 35/s new, 12,345 accepted: socks5 12,000 and http-connect 345',
      'up             500 kB/s, 1.2 MB in all',
      'down           0 B/s, 99 GB in all',
      'handshake      half within 0.4 ms, 90 % within 2.0 ms, 99 % within 12 ms',
      'dial           half within 18 ms, 90 % within 90 ms, 99 % within 1.3 s',
      'sessions       3 live',
      'users          2 known',
      'configuration  /etc/gyre/gyre.yaml, in use for 1h 0m',
      'last reload    none',
      'failures       1.5/s, by blame: client 2 and target 40',
      '',
      'POOL     ADDRESSES  UP  NEW  DOWN  DRAINING  TUNNELS  SOURCES',
      'default          8   6    0     1         1        7  192.0.2.0/29',
      '',
      'THREAD  STATE     SINCE  ACTIVE   DELAY  REPLACED',
      '     0  serving   1m 0s       7  1.3 ms         0',
      '     1  starting     0s       0    0 ms         2',
      '',
      'FAILURE          COUNT  BLAME   REASON',
      'TARGET_REFUSED      40  target  the target refused the connection',
      'BAD_CREDENTIALS      2  client  Proxy Authentication Required',
    ]);
  });

  test('keeps to the width, and control characters off the terminal', () => {
    const status = statusSample({
      listeners: [{ address: `unix:/${HOSTILE}`, kind: 'unix', proxyProtocol: false }],
      pools: [
        poolSample({
          name: HOSTILE,
          sources: [{ text: HOSTILE, state: 'failed', readAt: null, error: HOSTILE, errors: 3 }],
        }),
      ],
      config: { ...statusSample().config, file: HOSTILE },
      node: HOSTILE,
    });
    for (const width of [40, 80]) {
      const lines = statusLines(status, before, { width });
      assert.doesNotMatch(lines.join(''), /[\p{Cc}\p{Cf}\p{Cs}]/u);
      for (const line of lines) assert.ok(widthOf(line) <= width, line);
    }
  });

  test('takes a gateway that has started anew for what it is: no rates from below zero', () => {
    const anew = statusSample({
      totals: { ...statusSample().totals, accepted: 1, sent: 0, received: 0, failures: {} },
    });
    assert.deepEqual(ratesBetween(before, anew), { accepted: 0, sent: 0, received: 0, failures: 0 });
    assert.deepEqual(ratesBetween(before, before), { accepted: 0, sent: 0, received: 0, failures: 0 });
  });

  test('shows codes that a newer gateway may have', () => {
    const failures = { TARGET_REFUSED: 1, NEVER_HEARD_OF: 1 } as Partial<Record<FailureCode, number>>;
    assert.deepEqual(
      failureRows(statusSample({ totals: { ...statusSample().totals, failures } })).map(
        ({ code, blame }) => `${code} ${blame}`,
      ),
      ['NEVER_HEARD_OF ?', 'TARGET_REFUSED target'],
    );
  });

  test('says how the last reload went', () => {
    const report = {
      at: NOW - 60_000,
      trigger: 'signal',
      ok: true,
      durationMs: 3,
      changes: [],
      needsRestart: [],
      problems: [],
    } as const;
    assert.equal(reloadInWords(report, NOW), '1m 0s ago by signal: ok, nothing changed');
    const change = { path: 'workers', kind: 'changed', before: '1', after: '2' } as const;
    assert.equal(reloadInWords({ ...report, changes: [change] }, NOW), '1m 0s ago by signal: ok, 1 change');
    const problem = { where: 'a:1:1', message: 'no', hint: null };
    assert.equal(
      reloadInWords({ ...report, ok: false, problems: [problem, problem] }, NOW),
      '1m 0s ago by signal: failed, 2 problems: the one before is still in use',
    );
  });
});
