import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Cells,
  decodeMap,
  KINDS,
  kindOf,
  LOAD_STEPS,
  paint,
  pixelOf,
  sprites,
  tally,
} from '../../../src/dashboard/model/cells.ts';
import { around, indexAt, layOut, step } from '../../../src/dashboard/model/grid.ts';

const COLOURS = KINDS.map((_, kind) => 100 + kind);
const GROUND = 7;

test('65,536 addresses fit a desktop, and a phone with pixels of one', () => {
  const desktop = layOut(65_536, 1180, 400, 26);
  assert(desktop.cell >= 2 && desktop.rows * desktop.cell <= 400);
  assert.equal(layOut(65_536, 330, 400, 26).cell, 1);
  assert.equal(layOut(8, 1180, 400, 26).cell, 26, 'few addresses do not fill the page');
  assert.deepEqual(layOut(0, 0, 400, 26), { total: 0, columns: 1, rows: 1, cell: 26 });
});

test('every address has a cell of its own, and the cell leads back to it', () => {
  const sizes = fc.record({
    total: fc.integer({ min: 1, max: 5000 }),
    width: fc.integer({ min: 1, max: 800 }),
    largest: fc.integer({ min: 1, max: 40 }),
    at: fc.nat(),
  });
  fc.assert(
    fc.property(sizes, ({ total, width, largest, at }) => {
      const grid = layOut(total, width, 300, largest);
      assert(grid.columns * grid.cell <= Math.max(width, grid.cell));
      assert(grid.columns * grid.rows >= total);
      const index = at % total;
      const [x, y] = [(index % grid.columns) * grid.cell, Math.floor(index / grid.columns) * grid.cell];
      assert.equal(indexAt(grid, x, y), index);
      assert.equal(indexAt(grid, x + grid.cell - 1, y + grid.cell - 1), index);
    }),
  );
});

test('beside the map there is nothing', () => {
  const grid = layOut(10, 40, 300, 10);
  assert.deepEqual(grid, { total: 10, columns: 4, rows: 3, cell: 10 });
  for (const [x, y] of [
    [-1, 0],
    [40, 0],
    [0, 30],
    [25, 25],
  ])
    assert.equal(indexAt(grid, x!, y!), undefined);
});

test('keys lead from cell to cell and never out of the map', () => {
  const grid = layOut(10, 40, 300, 10);
  const steps = (from: number): (number | undefined)[] =>
    ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'a'].map((key) =>
      step(grid, from, key),
    );
  assert.deepEqual(steps(0), [0, 1, 0, 4, 0, 9, undefined]);
  assert.deepEqual(steps(9), [8, 9, 5, 9, 0, 9, undefined]);
});

test('the magnifier shows the neighbours, and nothing over the edge', () => {
  const grid = layOut(10, 40, 300, 10);
  assert.deepEqual(around(grid, 5, 3), [0, 1, 2, 4, 5, 6, 8, 9, undefined]);
  assert.deepEqual(around(grid, 0, 3).slice(0, 5), [undefined, undefined, undefined, undefined, 0]);
});

test('the bytes of the API are read little endian', () => {
  const states = Buffer.from([0, 1, 2, 3]).toString('base64');
  const tunnels = Buffer.from([1, 0, 0, 1, 255, 255, 0, 0]).toString('base64');
  const cells = decodeMap({ pool: 'default', total: 4, states, tunnels });
  assert.deepEqual([...cells.states], [0, 1, 2, 3]);
  assert.deepEqual([...cells.tunnels], [1, 256, 65_535, 0]);
  assert.deepEqual(tally(cells), { new: 1, up: 1, down: 1, draining: 1 });
});

test('load has steps, and only of addresses that are up', () => {
  assert.deepEqual(
    [0, ...LOAD_STEPS].map((tunnels) => KINDS[kindOf(1, tunnels)]),
    KINDS.slice(3),
  );
  assert.deepEqual(
    [0, 2, 3].map((state) => KINDS[kindOf(state, 500)]),
    ['new', 'down', 'draining'],
  );
});

test('colours of the style sheet as pixels', () => {
  assert.equal(pixelOf('#112233'), 0xff332211);
  assert.equal(pixelOf('rgb(17, 34, 51)'), 0xff332211);
});

test('large cells have a shape of their own for each state', () => {
  const tiles = sprites(COLOURS, GROUND, 12);
  const shapes = tiles
    .slice(0, 4)
    .map((tile, kind) => tile.map((pixel) => (pixel === 100 + kind ? 1 : 0)).join(''));
  assert.equal(new Set(shapes).size, 4, 'new, down, draining and up differ without their colours');
});

test('only what has changed is painted', () => {
  const grid = layOut(6, 30, 100, 10);
  const cells: Cells = { total: 6, states: new Uint8Array(6).fill(1), tunnels: new Uint16Array(6) };
  const pixels = new Uint32Array(grid.columns * grid.rows * 100);
  const drawn = new Uint8Array(6).fill(255);
  const tiles = sprites(COLOURS, GROUND, 10);
  assert.equal(paint(pixels, grid, cells, tiles, drawn), 6);
  assert.equal(pixels[0], 103);
  assert.equal(paint(pixels, grid, cells, tiles, drawn), 0);
  cells.tunnels[5] = 3;
  assert.equal(paint(pixels, grid, cells, tiles, drawn), 1);
  assert.equal(pixels[10 * 30 + 20], 105, 'the sixth cell, with its new load');
  assert.equal(pixels[10 * 30 + 10], 103, 'its neighbour as before');
});
