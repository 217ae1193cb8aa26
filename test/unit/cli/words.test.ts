import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readCount, tally } from '../../../src/cli/prove.ts';
import { Failure } from '../../../src/cli/exit.ts';
import { dashboardLine, readyLine, rotationHint } from '../../../src/cli/serve.ts';
import { StopRequests } from '../../../src/cli/stop-requests.ts';
import { enumerate, formatCount, plural } from '../../../src/cli/terminal.ts';
import { defineConfig } from '../../../src/runtime/config.ts';

const ENDPOINTS = [
  { address: '127.0.0.1', port: 1080 },
  { address: '::', port: 1081 },
];

test('counts are grouped, and powers of two where they are long', () => {
  const counts = [0, 1, 65_536, 999_999_999_999_999n, 2n ** 64n, 2n ** 64n + 8n];
  assert.deepEqual(counts.map(formatCount), [
    '0',
    '1',
    '65,536',
    '999,999,999,999,999',
    '2^64',
    'more than 2^64',
  ]);
  assert.deepEqual(
    [plural(1, 'user'), plural(2n, 'address', 'addresses'), plural(0, 'user')],
    ['1 user', '2 addresses', '0 users'],
  );
  assert.deepEqual(
    [enumerate([]), enumerate(['a']), enumerate(['a', 'b']), enumerate(['a', 'b', 'c'])],
    ['', 'a', 'a and b', 'a, b and c'],
  );
});

test('the dashboard is linked with its token for people alone', () => {
  const url = 'http://127.0.0.1:1082/';
  const gateway = {
    admin: { address: '127.0.0.1', port: 1082 },
    dashboard: (withToken: boolean) => (withToken ? `${url}#token=t` : url),
  };
  assert.equal(dashboardLine(gateway, true), `dashboard: ${url}#token=t`);
  assert.equal(
    dashboardLine(gateway, false),
    `dashboard: ${url} (for the link with its token run \`gyre dashboard\`)`,
  );
  const socket = { admin: { address: 'unix:/run/a.sock', port: 0 }, dashboard: () => undefined };
  assert.equal(dashboardLine(socket, true), 'admin API: unix:/run/a.sock');
  assert.equal(dashboardLine({ ...socket, admin: undefined }, true), undefined);
});

suite('gyre ready', () => {
  const config = defineConfig({
    pool: '127.0.0.2',
    listen: ['127.0.0.1:1080', ':1081'],
    openRelay: true,
    workers: 2,
    targets: { allowPrivate: true },
  });

  test('says where, what and how many', () => {
    assert.equal(
      readyLine({ endpoints: ENDPOINTS.slice(0, 1), pool: { addresses: 8n } }, config),
      'gyre ready on 127.0.0.1:1080 (socks5, socks4, http), 8 egress addresses, 2 workers',
    );
    assert.equal(
      readyLine({ endpoints: ENDPOINTS, pool: { addresses: 1n } }, { ...config, workers: 0 }),
      'gyre ready on 127.0.0.1:1080 and [::]:1081 (socks5, socks4, http), 1 egress address, no workers',
    );
    const users = [{ name: 'alice', password: 's3cret' }];
    assert.match(
      readyLine({ endpoints: ENDPOINTS, pool: { addresses: 1n } }, { ...config, users }),
      /\(socks5, http\)/,
    );
    assert.match(
      readyLine({ endpoints: ENDPOINTS, pool: { addresses: 1n } }, { ...config, usersFile: 'users' }),
      /\(socks5, http\)/,
    );
  });

  test('shows the rotation only where it can be seen', () => {
    const echo = { address: '127.0.0.1', port: 1081 };
    assert.equal(
      rotationHint({ endpoints: ENDPOINTS, echo }, config),
      'see the rotation:\n  for i in 1 2 3; do curl -s -x socks5h://127.0.0.1:1080 http://127.0.0.1:1081; done',
    );
    const users = [{ name: 'alice', password: 's3cret' }];
    const hint = rotationHint(
      { endpoints: ENDPOINTS.slice(1), echo },
      { ...config, listen: config.listen.slice(1), users },
    );
    assert.match(hint!, /-x socks5h:\/\/NAME:PASSWORD@127\.0\.0\.1:1081 /);
    assert.equal(rotationHint({ endpoints: ENDPOINTS, echo: undefined }, config), undefined);
    assert.equal(
      rotationHint(
        { endpoints: ENDPOINTS, echo },
        { ...config, targets: { allowPrivate: false, rules: [] } },
      ),
      undefined,
    );
  });

  test('names listeners as they may be written, those with a port first, and shows the rotation with TLS', () => {
    const { listen } = defineConfig({
      pool: '127.0.0.2',
      listen: ['unix:/run/g.sock', 'tls://127.0.0.1:0', 'tls://:7-9'],
      tls: { cert: 'a', key: 'b' },
      openRelay: true,
    });
    const tls = [40_000, 7, 8, 9].map((port) => ({ address: port > 9 ? '127.0.0.1' : '::', port }));
    const endpoints = [{ address: 'unix:/run/g.sock', port: 0 }, ...tls];
    assert.match(
      readyLine({ endpoints, pool: { addresses: 1n } }, { ...config, listen }),
      /^gyre ready on tls:\/\/127\.0\.0\.1:40000, tls:\/\/\[::\]:7-9 and unix:\/run\/g\.sock \(/,
    );
    const echo = { address: '127.0.0.1', port: 1081 };
    assert.match(
      rotationHint({ endpoints, echo }, { ...config, listen })!,
      /curl -s --proxy-insecure -x https:\/\/127\.0\.0\.1:40000 http:\/\/127\.0\.0\.1:1081; done$/,
    );
    const unix = { endpoints: endpoints.slice(0, 1), echo };
    assert.equal(rotationHint(unix, { ...config, listen: listen.slice(0, 1) }), undefined);
  });
});

suite('signals', () => {
  test('the first drains, its echoes are nothing, the next one leaves', () => {
    const requests = new StopRequests();
    assert.deepEqual(
      [1000, 1000, 1249, 1250, 5000].map((now) => requests.judge(now)),
      ['drain', 'ignore', 'ignore', 'leave', 'leave'],
    );
  });
});

suite('a proof', () => {
  test('counts addresses in the order they were first seen', () => {
    const error = new Failure('no');
    const outcomes = [{ address: 'b' }, { error }, { address: 'a' }, { address: 'b' }];
    assert.deepEqual(
      [...tally(outcomes)],
      [
        ['b', 2],
        ['a', 1],
      ],
    );
  });

  test('sends whole numbers of requests', () => {
    assert.equal(readCount(10)('10'), 10);
    for (const text of ['0', '11', '1.5', '-1', 'x', '', '1e3'])
      assert.throws(() => readCount(10)(text), /whole number from 1 to 10/);
  });
});
