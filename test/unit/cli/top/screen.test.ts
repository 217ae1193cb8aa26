import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { changes, Screen } from '../../../../src/cli/top/screen.ts';

function terminal() {
  const written: string[] = [];
  const modes: boolean[] = [];
  const output = Object.assign(new EventEmitter(), {
    write: (text: string) => written.push(text) > 0,
    writableNeedDrain: false,
    columns: 0,
    rows: 0,
  });
  const input = { isTTY: true, setRawMode: (raw: boolean) => modes.push(raw) };
  const screen = new Screen(input as never, output as never);
  return { screen, output, written, modes };
}

test('only lines that changed are drawn, and lines that are gone are blanked', () => {
  assert.equal(changes(['a', 'b', 'c'], ['a', 'B']), '\x1b[2;1H\x1b[KB\x1b[3;1H\x1b[K');
  assert.equal(changes(['a'], ['a']), '');
});

test('a picture is one write; the same one again is none', () => {
  const { screen, written } = terminal();
  screen.enter();
  screen.draw(['a', 'b']);
  screen.draw(['a', 'b']);
  screen.draw(['a', 'c']);
  assert.deepEqual(written.slice(1), ['\x1b[H\x1b[2J\x1b[1;1H\x1b[Ka\x1b[2;1H\x1b[Kb', '\x1b[2;1H\x1b[Kc']);
  screen.forget();
  screen.draw(['a', 'c']);
  assert.match(written.at(-1)!, /^\x1b\[H\x1b\[2J.*a.*c$/s);
});

test('the terminal is taken once and given back once, with everything that was switched', () => {
  const { screen, written, modes } = terminal();
  screen.leave();
  screen.enter();
  screen.enter();
  screen.leave();
  screen.leave();
  assert.deepEqual(modes, [true, false]);
  const [on = '', off = ''] = written;
  assert.equal(written.length, 2);
  assert.ok(on.includes('\x1b[?1049h') && on.includes('\x1b[?25l'));
  assert.ok(off.endsWith('\x1b[?25h\x1b[?1049l'));
});

test('nothing is drawn on a terminal that is not ours, or that takes no more', () => {
  const { screen, output, written } = terminal();
  screen.draw(['a']);
  assert.deepEqual(written, []);
  screen.enter();
  output.writableNeedDrain = true;
  screen.draw(['a']);
  assert.equal(written.length, 1);
  output.writableNeedDrain = false;
  screen.draw(['a']);
  assert.equal(written.length, 2);
});

test('a terminal that knows no size of its own has the usual one', () => {
  assert.deepEqual(terminal().screen.size, { columns: 80, rows: 24 });
});
