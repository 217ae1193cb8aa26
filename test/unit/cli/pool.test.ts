import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { addressesOf } from '../../../src/cli/pool.ts';
import {
  complaintsOf,
  hasFailed,
  kindOf,
  readPool,
  stateOf,
  statusAsJson,
} from '../../../src/cli/read-pool.ts';
import { parsePool, PoolError } from '../../../src/egress/expression/expression.ts';
import { ListServer } from '../../support/list-server.ts';
import { MetadataServer } from '../../support/metadata-server.ts';

const FAST = { settleMs: 20 };

suite('a pool read once', () => {
  test('says of every address where it is from, its weight and its tags', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'gyre-pool-'));
    await using server = await ListServer.listen();
    await using metadata = await MetadataServer.listen();
    const file = join(folder.path, 'pool.txt');
    await writeFile(file, '192.0.2.1*2;city=ulm\n192.0.2.9\n');
    server.serve('192.0.2.2\n');
    metadata.cards['0a:00:00:00:00:01'] = { 'local-ipv4s': '192.0.2.3' };
    const url = server.url('/list?secret', 'me:secret@');
    const terms = parsePool([
      '192.0.2.100-192.0.2.101*3',
      `file:${file}*2;country=de`,
      url,
      'aws:0A:00:00:00:00:01',
      'exec:echo 192.0.2.4 #secret',
      '!192.0.2.9',
    ]);
    const reading = await readPool(terms, { ...FAST, environment: metadata.environment });
    const shown = (source: string) => ({ weight: 1, tags: [], source });
    assert.deepEqual(
      [...addressesOf(reading.parts, 100)],
      [
        { address: '192.0.2.100', ...shown('192.0.2.100-192.0.2.101*3'), weight: 3 },
        { address: '192.0.2.101', ...shown('192.0.2.100-192.0.2.101*3'), weight: 3 },
        {
          address: '192.0.2.1',
          weight: 4,
          tags: ['city=ulm', 'country=de'],
          source: `file:${file}*2;country=de`,
        },
        { address: '192.0.2.2', ...shown(server.url('/list')) },
        { address: '192.0.2.3', ...shown('aws:0A:00:00:00:00:01') },
        { address: '192.0.2.4', ...shown('exec:echo') },
      ],
    );
    assert.deepEqual(
      reading.sources.map((source) => [kindOf(source), stateOf(source)]),
      [
        ['written', '2 addresses'],
        ['file', '2 addresses'],
        ['url', '1 address'],
        ['aws', '1 address'],
        ['exec', '1 address'],
        ['written', '1 address, excluded'],
      ],
    );
    assert.ok(!JSON.stringify(reading.sources.map(statusAsJson)).includes('secret'));
  });

  test('stops at the limit in the middle of a block', async () => {
    const { parts } = await readPool(parsePool(['192.0.2.1', '2001:db8::/64']));
    const addresses = [...addressesOf(parts, 3)].map(({ address }) => address);
    assert.deepEqual(addresses, ['192.0.2.1', '2001:db8::', '2001:db8::1']);
    assert.deepEqual([...addressesOf(parts, 0)], []);
  });

  test('goes on without a source that fails, and ends', async () => {
    const terms = parsePool(['192.0.2.1', 'file:/nonexistent/pool.txt', 'exec:sleep 60']);
    const { parts, sources } = await readPool(terms, { limitMs: 50 });
    assert.deepEqual(
      [...addressesOf(parts, 9)].map(({ address }) => address),
      ['192.0.2.1'],
    );
    assert.deepEqual(sources.map(hasFailed), [false, true, true]);
    assert.deepEqual(sources.flatMap(complaintsOf), [
      'file:/nonexistent/pool.txt failed: there is no such file',
      'exec:sleep failed: it did not end within 0.05 s and was killed',
    ]);
    assert.equal(stateOf(sources[1]!), 'failed: there is no such file');
  });

  test('names the lines it skipped: the first ten, and how many more', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'gyre-pool-'));
    const file = join(folder.path, 'pool.txt');
    await writeFile(file, `192.0.2.1\n${'nonsense\n'.repeat(12)}`);
    const { sources } = await readPool(parsePool([`file:${file}`]), FAST);
    const complaints = sources.flatMap(complaintsOf);
    assert.equal(complaints.length, 11);
    assert.match(complaints[0]!, /^file:\/.*\/pool\.txt: line 2: "nonsense" is not an IP address/);
    assert.match(complaints[9]!, /: line 11: /);
    assert.equal(complaints[10], `file:${file}: … and 2 more problems`);
    assert.equal(stateOf(sources[0]!), '1 address, 12 problems');
  });

  test('tells of what two terms both have, and gives it to the first', async () => {
    const { parts, sources } = await readPool(parsePool(['exec:echo 192.0.2.1', '192.0.2.0/31']));
    assert.deepEqual(
      [...addressesOf(parts, 9)].map(({ address, source }) => `${address} ${source}`),
      ['192.0.2.1 exec:echo', '192.0.2.0 192.0.2.0/31'],
    );
    assert.match(sources.flatMap(complaintsOf)[0]!, /^192\.0\.2\.0\/31: .* is in the pool already/);
  });

  test('refuses terms that do not fit together', async () => {
    await assert.rejects(readPool(parsePool(['192.0.2.1', '192.0.2.0/31'])), PoolError);
    await assert.rejects(readPool(parsePool(['interface:nosuch0'])), /no interface "nosuch0"/);
  });
});
