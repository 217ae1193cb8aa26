import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parsePool } from '../../../../src/egress/expression/expression.ts';
import { expand } from '../../../../src/egress/pool/ranges.ts';
import { listReader, readList } from '../../../../src/egress/sources/list.ts';
import type { SourceAnswer } from '../../../../src/egress/sources/source.ts';

const PLAIN = { weight: 1, tags: [] };
const addresses = ({ ranges }: SourceAnswer): string[] => [...expand(ranges, 100)];
const bytes = (text: string): Uint8Array => Buffer.from(text);

suite('a list of addresses', () => {
  test('has one term a line, or several with commas, and comments', async () => {
    const text =
      '# ours\r\n192.0.2.1\r\n\r\n  192.0.2.5-192.0.2.6 , 2001:db8::1 # two\n\t192.0.2.8/31\n#192.0.2.99';
    const answer = await readList(text, PLAIN);
    assert.deepEqual(addresses(answer), [
      '192.0.2.1',
      '192.0.2.5',
      '192.0.2.6',
      '2001:db8::1',
      '192.0.2.8',
      '192.0.2.9',
    ]);
    assert.deepEqual([answer.problems, answer.lines], [[], 6]);
  });

  test('skips what is bad and says in which line', async () => {
    const answer = await readList(
      '192.0.2.1\n192.0.2.300\n192.0.2.2,,192.0.2.3\n\nfile:/etc/passwd\ninterface:lo\n010.0.0.1\n0.0.0.0',
      PLAIN,
    );
    assert.deepEqual(addresses(answer), ['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    assert.deepEqual(
      answer.problems.map(({ line, message }) => `${line} ${message.slice(0, 40)}`),
      [
        '2 "192.0.2.300" is not an IP address, rang',
        '3 the pool expression has an empty term; r',
        '5 a list cannot name another source',
        '6 a list cannot name another source',
        '7 "010.0.0.1" has leading zeros, which som',
        '8 "0.0.0.0" cannot be in the pool: no conn',
      ],
    );
  });

  test('carries weights and tags, on top of those of its term', async () => {
    const [term] = parsePool(['file:/a*3;country=de;kind=x']);
    const answer = await readList('192.0.2.1\n192.0.2.2*2;country=fr\n192.0.2.3*500;z=1', term!);
    assert.deepEqual(
      answer.ranges.map(({ weight, tags }) => [weight, ...tags]),
      [
        [3, 'country=de', 'kind=x'],
        [6, 'country=fr', 'kind=x'],
        [1000, 'country=de', 'kind=x', 'z=1'],
      ],
    );
    assert.deepEqual(answer.problems, [
      { line: 3, message: 'its weight 1500 is too much and counts as 1000' },
    ]);
  });

  test('an overlap stays with the line that came first', async () => {
    const answer = await readList('192.0.2.1\n192.0.2.0/31\n192.0.2.1', PLAIN);
    assert.deepEqual(addresses(answer), ['192.0.2.1', '192.0.2.0']);
    assert.deepEqual(answer.problems, [
      { line: 2, message: '"192.0.2.0-192.0.2.1" overlaps line 1, which keeps the address' },
      { line: 3, message: '"192.0.2.1" overlaps line 1, which keeps the address' },
    ]);
  });

  test('may leave out some of its own addresses', async () => {
    const answer = await readList('!192.0.2.1\n192.0.2.0/30\n2001:db8::/64', PLAIN);
    assert.deepEqual(addresses(answer).slice(0, 4), ['192.0.2.0', '192.0.2.2', '192.0.2.3', '2001:db8::']);
  });

  test('with not one good line is no list', async () => {
    await assert.rejects(
      readList('hello\nworld', PLAIN),
      /not one line is good: line 1: "hello" is not an IP/,
    );
    await assert.rejects(readList('{"a": "SECRET"}', PLAIN), { name: 'SourceError' });
  });

  test('of garbage is given up, however long it is', async () => {
    await assert.rejects(
      readList(`192.0.2.1\n${'x\n'.repeat(1_000_000)}`, PLAIN),
      /more than 10000 terms are bad: line 2/,
    );
  });

  test('takes 65,536 terms and says where it stopped', async () => {
    const lines = Array.from(
      { length: 65_540 },
      (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    );
    const answer = await readList(lines.join('\n'), PLAIN);
    assert.equal(answer.ranges.length, 65_536);
    assert.deepEqual(answer.problems, [
      { line: 65_537, message: 'it has more than 65536 terms: the rest is left out' },
    ]);
  });

  test('that was not empty cannot become empty, nor anything but UTF-8', async () => {
    const read = listReader(PLAIN);
    assert.deepEqual((await read(bytes('# nothing yet'))).ranges, []);
    assert.deepEqual(addresses(await read(bytes('\u{feff}192.0.2.1'))), ['192.0.2.1']);
    await assert.rejects(read(bytes('')), /no addresses any more/);
    await assert.rejects(read(Buffer.from('192.0.2.1', 'utf16le').subarray(1)), { name: 'SourceError' });
    await assert.rejects(read(Buffer.from([0x31, 0xff, 0xfe])), /not UTF-8/);
    assert.deepEqual(addresses(await read(bytes('192.0.2.2'))), ['192.0.2.2']);
  });
});
