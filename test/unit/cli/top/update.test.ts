import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { keysOf } from '../../../../src/cli/top/keys.ts';
import { arrive, initialState, tunnelSort, type TopState } from '../../../../src/cli/top/state.ts';
import { press, type Step } from '../../../../src/cli/top/update.ts';
import { rowsOf } from '../../../../src/cli/top/views.ts';
import { egressSample, NOW, statusSample, tunnelPage, tunnelSample } from '../../../support/admin-samples.ts';

const TUNNELS = [
  tunnelSample({ id: '1-1', sent: 1, received: 30, openedAt: NOW - 1000, egress: '192.0.2.3' }),
  tunnelSample({ id: '1-2', sent: 3, received: 20, openedAt: NOW - 3000, egress: '192.0.2.4' }),
  tunnelSample({ id: '1-3', sent: 2, received: 10, openedAt: NOW - 2000, egress: '192.0.2.5' }),
];
const EGRESSES = [
  egressSample({ address: '192.0.2.3', tunnels: 1, failures: 9 }),
  egressSample({ address: '192.0.2.4', tunnels: 5, state: 'draining', byHand: 'drain' }),
  egressSample({ address: '192.0.2.5', tunnels: 5, freePorts: 3 }),
];

function watching(): TopState {
  const egresses = { total: 3, offset: 0, items: EGRESSES };
  return arrive(initialState('127.0.0.1:1082'), {
    status: statusSample(),
    tunnels: tunnelPage(TUNNELS),
    egresses,
  });
}

/** Types it all; what the last key led to. */
function after(text: string, state: TopState = watching()): Step {
  let step: Step = { state };
  for (const key of keysOf(text)) step = press(step.state, key, 10);
  return step;
}

suite('keys of gyre top', () => {
  test('quit, stop, draw anew', () => {
    assert.equal(after('q').order, 'quit');
    assert.equal(after('/q\x03').order, 'quit');
    assert.equal(after('k\x03').order, 'quit');
    assert.equal(after('\x1a').order, 'suspend');
    assert.equal(after('\x0c').order, 'redraw');
  });

  test('go round the views', () => {
    assert.deepEqual(
      ['\t', '\t\t', '\t\t\t', '\x1b[Z', '3', '32'].map((text) => after(text).state.view),
      ['egresses', 'failures', 'tunnels', 'failures', 'failures', 'egresses'],
    );
    assert.equal(after('2').order, 'look');
  });

  test('sort: the API by what it can, the rest here', () => {
    const order = (text: string): readonly string[] => rowsOf(after(text).state).ids;
    assert.deepEqual(
      ['', 's', 'ss', 'sss', 'S', 'ssss'].map((text) => tunnelSort(after(text).state)),
      ['received', 'sent', 'age', 'received', 'received', 'received'],
    );
    assert.deepEqual(order(''), ['1-1', '1-2', '1-3']);
    assert.deepEqual(order('s'), ['1-2', '1-3', '1-1']);
    assert.deepEqual(order('ss'), ['1-2', '1-3', '1-1']);
    const addresses = (text: string): string[] => order(`2${text}`).map((id) => id.slice(-1));
    assert.deepEqual(
      ['', 's', 'ss', 'sss'].map((text) => addresses(text).join('')),
      ['453', '345', '534', '345'],
    );
    assert.deepEqual(order('3s'), ['BAD_CREDENTIALS', 'TARGET_REFUSED']);
  });

  test('sort by speed, as far as it is known', () => {
    const faster = TUNNELS.map((tunnel) => (tunnel.id === '1-3' ? { ...tunnel, received: 5010 } : tunnel));
    const state = arrive(watching(), {
      status: statusSample({ now: NOW + 1000 }),
      tunnels: tunnelPage(faster),
    });
    assert.deepEqual(rowsOf(after('S', state).state).ids, ['1-3', '1-1', '1-2']);
    assert.deepEqual(state.speeds.get('1-3'), { up: 0, down: 5000 });
  });

  test('select: the row stays selected wherever it goes, and its place when it is gone', () => {
    const down = after('\x1b[B').state;
    assert.deepEqual(down.selected, { id: '1-2', index: 1 });
    const moved = {
      ...down,
      tunnels: tunnelPage([{ ...TUNNELS[1]!, received: 99 }, TUNNELS[0]!, TUNNELS[2]!]),
    };
    assert.equal(after('k', moved).state.question?.text, 'cut the tunnel 1-2 of alice to example.com:443?');
    const gone = { ...down, tunnels: tunnelPage([TUNNELS[0]!, TUNNELS[2]!]) };
    assert.match(after('k', gone).state.question!.text, /tunnel 1-3/);
    assert.equal(after('\x1b[F\x1b[B').state.selected.id, '1-3');
    assert.equal(after('\x1b[6~\x1b[5~\x1b[A').state.selected.id, '1-1');
  });

  test('filter: looked for as it is typed, kept by Enter, dropped by Escape', () => {
    const typing = after('/abx\x7fc');
    assert.deepEqual([typing.state.filter, typing.order], ['abc', 'look']);
    assert.deepEqual([after('/ab\r').state.filter, after('/ab\r').state.typing], ['ab', undefined]);
    assert.equal(after('/ab\r/cd\x1b').state.filter, 'ab');
    assert.equal(after('/ab\r\x1b').state.filter, '');
    assert.equal(after('/ab\x15').state.filter, '');
    assert.equal(after(`/${'x'.repeat(500)}`).state.filter.length, 100);
    // Keys that do something are letters while one types.
    assert.equal(after('/qkd?').state.filter, 'qkd?');
  });

  test('cut: asks, and only y is yes', () => {
    assert.deepEqual(after('ky').order, { do: 'cut', filter: { id: '1-1' } });
    for (const no of ['n', ' ', '\r', '\x1b', 'q']) {
      const { state, order } = after(`k${no}`);
      assert.deepEqual([state.question, order], [undefined, undefined]);
    }
    assert.deepEqual(after('/alice\rKy').order, { do: 'cut', filter: { q: 'alice' } });
    assert.deepEqual([after('K').state.question, after('K').state.notice?.bad], [undefined, true]);
    assert.equal(after('2k').state.question, undefined);
  });

  test('drain and eject: the egress of the row, or of its tunnel', () => {
    const deed = (text: string) => after(text).order;
    assert.deepEqual(deed('dy'), { do: 'egress', address: '192.0.2.3', action: 'drain' });
    assert.deepEqual(deed('2dy'), { do: 'egress', address: '192.0.2.4', action: 'undrain' });
    assert.deepEqual(deed('2\x1b[Bey'), { do: 'egress', address: '192.0.2.5', action: 'eject' });
    assert.equal(after('3d').state.notice?.bad, true);
  });

  test('pause: what is shown stays', () => {
    const paused = after('p').state;
    const later = arrive(paused, {
      status: statusSample({ now: NOW + 5000, state: 'draining' }),
      tunnels: tunnelPage([]),
    });
    assert.deepEqual([later.status, later.tunnels], [paused.status, paused.tunnels]);
    const running = arrive(after('p', later).state, {
      status: statusSample({ now: NOW + 6000 }),
      tunnels: tunnelPage([]),
    });
    assert.equal(running.tunnels?.total, 0);
  });

  test('help is left by any key, which does nothing else', () => {
    assert.equal(after('?').state.help, true);
    const { state, order } = after('?q');
    assert.deepEqual([state.help, order], [false, undefined]);
  });

  test('whatever is typed, nothing is done without a y after its question', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...'kKde/123\t\r sp?n'.split(''), '\x1b[B', '\x1b[A', '\x1b')),
        (keys) => {
          const { order } = after(keys.join(''));
          assert.ok(order === undefined || typeof order === 'string', JSON.stringify(order));
        },
      ),
    );
  });
});

test('a gateway that has started anew is shown as it is', () => {
  const anew = statusSample({ startedAt: NOW - 10, now: NOW - 5 });
  const state = arrive(watching(), { status: anew });
  assert.equal(state.status, anew);
  assert.deepEqual(state.history, []);
});
