import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import type { FailureCode } from '../../../../src/errors.ts';
import { frame } from '../../../../src/cli/top/frame.ts';
import type { Look } from '../../../../src/cli/top/look.ts';
import { arrive, initialState, VIEWS, type TopState } from '../../../../src/cli/top/state.ts';
import { press } from '../../../../src/cli/top/update.ts';
import { widthOf } from '../../../../src/cli/text-width.ts';
import {
  egressSample,
  HOSTILE,
  NOW,
  poolSample,
  statusSample,
  tunnelPage,
  tunnelSample,
} from '../../../support/admin-samples.ts';

const PLAIN: Look = { color: false, unicode: true };
const BIG = { columns: 110, rows: 24 };

/** Two looks, two seconds apart. */
function watched(): TopState {
  const { totals } = statusSample();
  const tunnels = [
    tunnelSample(),
    tunnelSample({ id: '0-3', user: null, target: '192.0.2.80:80', received: 900 }),
  ];
  const egresses = {
    total: 2,
    offset: 0,
    items: [
      egressSample(),
      egressSample({
        address: '192.0.2.4',
        state: 'down',
        tunnels: 0,
        ejections: 2,
        retryAt: NOW + 30_000,
        lastError: 'this host does not have it',
      }),
    ],
  };
  const earlier = statusSample({
    now: NOW - 2000,
    totals: { ...totals, accepted: 12_275, received: 98_765_412_100 },
  });
  const first = arrive(initialState('127.0.0.1:1082'), {
    status: earlier,
    tunnels: tunnelPage(tunnels.map((tunnel) => ({ ...tunnel, received: 100 }))),
  });
  return arrive(first, { status: statusSample(), tunnels: tunnelPage(tunnels, 7), egresses });
}

suite('a picture of gyre top', () => {
  test('has the totals, the pools, the tunnels and the keys', () => {
    const lines = frame(watched(), BIG, PLAIN);
    assert.equal(lines.length, BIG.rows);
    assert.deepEqual(
      lines.filter((line) => line !== ''),
      [
        'gyre 0.1.0  ready · up 3h 12m · 2 threads, 1 not serving · 127.0.0.1:1082',
        'conns  7 active  35/s new  12,345 in all              █',
        'down   10 kB/s  99 GB in all                          █',
        'up     0 B/s  1.2 MB in all                           ▁',
        'fails  0/s  client 2  target 40                       ▁',
        'pool   [██████████████████▒▒▒░░░] default  up 6  draining 1  down 1  8 addresses  7 tunnels',
        'half / 99 % within: handshake 0.4 ms / 12 ms  dial 18 ms / 1.3 s',
        '[1 Tunnels 7] 2 Egresses 8  3 Failures 2   by received ▼',
        '  ID     AGE  CLIENT       USER   BY      TARGET           EGRESS     SESSION      UP    DOWN   UP/S    DOWN/S',
        '> 1-7  3m 4s  198.51.100…  alice  socks5  example.com:443  192.0.2.3  -        1.5 kB  2.5 MB  0 B/s  1.2 MB/s',
        '  0-3  3m 4s  198.51.100…  -      socks5  192.0.2.80:80    192.0.2.3  -        1.5 kB   900 B  0 B/s   400 B/s',
        'q quit  ? help  Tab view  / filter  s sort  k cut  d drain  p pause',
      ],
    );
  });

  test('on 40 columns without Unicode keeps what matters', () => {
    const lines = frame(watched(), { columns: 40, rows: 12 }, { color: false, unicode: false });
    assert.match(lines.join(''), /^[ -~]*$/);
    assert.deepEqual(lines.slice(7), [
      '[1 Tunnels 7] 2 Egresses 8  3 Failures ~',
      '  ID   TARGET               UP    DOWN',
      '> 1-7  example.com:443  1.5 kB  2.5 MB  ',
      '  0-3  192.0.2.80:80    1.5 kB   900 B',
      'q quit  ? help  Tab view  / filter  s s~',
    ]);
  });

  test('on a low terminal gives up the totals before the table', () => {
    const lines = frame(watched(), { columns: 60, rows: 6 }, PLAIN);
    assert.deepEqual(
      lines.map((line) => line.slice(0, 5)),
      ['gyre ', '[1 Tu', '  ID ', '> 1-7', '  0-3', 'q qui'],
    );
  });

  test('shows egresses with what there is to know of them', () => {
    const { state } = press(watched(), { char: '2' }, 5);
    const lines = frame(state, { columns: 120, rows: 20 }, PLAIN);
    assert.match(lines[7]!, /\[2 Egresses 8\].*by tunnels/);
    assert.match(lines[10]!, /192\.0\.2\.4 +down .*ejected 2 times, next try in 30s; this host does not/);
  });

  test('shows failures by code, and those a filter matches', () => {
    const { state } = press(watched(), { char: '3' }, 5);
    const rows = (filter: string): string[] =>
      frame({ ...state, filter }, BIG, PLAIN)
        .slice(9, 11)
        .filter((line) => line !== '');
    assert.deepEqual(
      rows('').map((line) => line.trim()),
      [
        '> TARGET_REFUSED      40  target  the target refused the connection',
        'BAD_CREDENTIALS      2  client  Proxy Authentication Required',
      ],
    );
    assert.deepEqual(
      rows('CLIENT').map((line) => line.slice(2, 17)),
      ['BAD_CREDENTIALS'],
    );
    assert.match(frame({ ...state, filter: 'nowhere' }, BIG, PLAIN)[8]!, /no failures .* with "nowhere"/);
  });

  test('keeps the selected row on the screen', () => {
    const items = Array.from({ length: 300 }, (_, i) => tunnelSample({ id: `1-${i}`, received: 1000 - i }));
    let state = arrive(initialState('x'), { status: statusSample(), tunnels: tunnelPage(items) });
    for (const key of ['end', 'pageup', 'up', 'pagedown', 'home', 'pagedown'] as const) {
      state = press(state, key, 40).state;
      const marked = frame(state, { columns: 100, rows: 20 }, PLAIN).filter((line) => line.startsWith('> '));
      assert.deepEqual(
        marked.map((line) => line.split(' ')[1]),
        [state.selected.id],
      );
    }
    assert.equal(state.selected.id, '1-40');
  });

  test('paints only where there are colours, and counts no paint as width', () => {
    const plain = frame(watched(), BIG, PLAIN);
    const painted = frame(watched(), BIG, { color: true, unicode: true });
    assert.match(painted.join(''), /\x1b\[/);
    assert.deepEqual(
      painted.map((line) => stripVTControlCharacters(line).trimEnd()),
      plain.map((line) => line.trimEnd()),
    );
  });

  test('tells what is wrong, in the place of the keys', () => {
    const lines = frame({ ...watched(), trouble: 'nothing listens there' }, BIG, PLAIN);
    assert.equal(lines.at(-1), 'nothing listens there');
  });

  test('whatever strangers wrote, and whatever the size: it fits, and has no control characters', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 30 }), fc.constant(HOSTILE));
    const state = fc
      .record({
        a: text,
        b: text,
        c: text,
        filter: text,
        view: fc.constantFrom(...VIEWS),
        help: fc.boolean(),
      })
      .map(({ a, b, c, filter, view, help }): TopState => {
        const tunnel = tunnelSample({ id: a, client: b, user: c, target: a, egress: b, session: c });
        const totals = {
          ...statusSample().totals,
          failures: { [a]: 1 } as Partial<Record<FailureCode, number>>,
        };
        return Object.assign(watched(), {
          place: a,
          status: statusSample({
            version: b,
            totals,
            pools: [poolSample({ name: c }), poolSample({ name: a })],
          }),
          tunnels: tunnelPage([tunnel]),
          egresses: {
            total: 1,
            offset: 0,
            items: [egressSample({ address: a, pool: b, lastError: c, publicAddress: a })],
          },
          question: filter === '' ? { text: a, deed: { do: 'cut', filter: {} } } : undefined,
          notice: { text: b, bad: true },
          filter,
          view,
          help,
        });
      });
    const size = fc.record({
      columns: fc.integer({ min: 0, max: 130 }),
      rows: fc.integer({ min: 0, max: 40 }),
    });
    const look = fc.record({ color: fc.boolean(), unicode: fc.boolean() });
    fc.assert(
      fc.property(state, size, look, (state, size, look) => {
        const lines = frame(state, size, look);
        assert.equal(lines.length, size.columns < 1 ? 0 : size.rows);
        for (const line of lines) {
          const bare = line.replaceAll(/\x1b\[[\d;]*m/g, '');
          assert.doesNotMatch(bare, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
          assert.ok(widthOf(bare) <= size.columns, JSON.stringify(line));
          if (!look.color) assert.equal(bare, line);
        }
      }),
    );
  });
});
