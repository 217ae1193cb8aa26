import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { PoolError } from '../../../../src/egress/expression/expression.ts';
import { count } from '../../../../src/egress/pool/ranges.ts';
import { WatchedFeed } from '../../../support/feed.ts';
import { ListServer } from '../../../support/list-server.ts';
import { MetadataServer } from '../../../support/metadata-server.ts';

const SLOW = { refreshMs: 3_600_000, settleMs: 20 };

suite('the feed of a pool', () => {
  test('joins every kind of source in the order of the terms', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'gyre-feed-'));
    await using server = await ListServer.listen();
    await using metadata = await MetadataServer.listen();
    const file = join(folder.path, 'pool');
    await writeFile(file, '192.0.2.1*2\nnonsense\n192.0.2.200\n');
    server.serve('192.0.2.2\n');
    metadata.cards['0a:00:00:00:00:01'] = { 'local-ipv4s': '192.0.2.3' };
    using watched = new WatchedFeed(
      [
        '192.0.2.100',
        `file:${file};kind=f`,
        server.url('/list?secret', 'me:secret@'),
        'aws:0A:00:00:00:00:01',
        'exec:echo 192.0.2.4 #secret',
        'interface:lo',
        '!192.0.2.200',
      ],
      { ...SLOW, environment: metadata.environment },
    );
    const addresses = await watched.start();
    const expected = ['192.0.2.100', '192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '127.0.0.1'];
    assert.deepEqual(addresses.slice(0, 6), expected);
    assert.ok(!addresses.includes('192.0.2.200'));

    const status = watched.feed.status();
    assert.deepEqual(
      status
        .slice(0, 6)
        .map(({ kind, addresses }) => [kind, Number(addresses)])
        .slice(0, 5),
      [
        ['span', 1],
        ['file', 2],
        ['url', 1],
        ['aws', 1],
        ['exec', 1],
      ],
    );
    assert.deepEqual(
      status[1]?.problems.map(({ line }) => line),
      [2],
    );
    assert.equal(status[1]?.problemCount, 1);
    assert.equal(status[0]?.ageMs, undefined);
    assert.ok((status[1]?.ageMs ?? -1) >= 0);
    assert.deepEqual(
      status.map(({ lastError }) => lastError),
      Array.from({ length: 7 }),
    );
    assert.equal(status[2]?.text, server.url('/list'));
    const shown = inspect([status, watched.reports], { depth: null });
    assert.doesNotMatch(shown, /secret/);
    assert.deepEqual(
      watched.reports.map(({ level, message }) => `${level} ${message.slice(0, 20)}`),
      ['warn line 2: "nonsense" i'],
    );
  });

  test('begins without what cannot be read, says so and takes it up later', async () => {
    await using server = await ListServer.listen();
    server.answering = (_, response) => response.writeHead(500).end();
    using watched = new WatchedFeed(['192.0.2.1', server.url('/?secret')], { refreshMs: 10 });
    assert.deepEqual(await watched.start(), ['192.0.2.1']);
    assert.deepEqual(watched.reports, [
      {
        level: 'warn',
        text: server.url('/'),
        message: 'it answers with HTTP status 500; it brings no addresses',
      },
    ]);
    assert.equal(watched.feed.status()[1]?.lastError, 'it answers with HTTP status 500');
    assert.equal(watched.feed.status()[1]?.ageMs, undefined);
    const before = server.asked.length;
    server.answering = (_, response) => {
      // Some tries later: the same failure is told once.
      const well = server.asked.length >= before + 3;
      response.writeHead(well ? 200 : 500).end(well ? '192.0.2.2' : '');
    };
    await watched.becomes('192.0.2.1', '192.0.2.2');
    assert.deepEqual(
      watched.reports.slice(1).map(({ level, message }) => `${level} ${message}`),
      ['info it answers again'],
    );
    for (const [body, message] of [
      ['<html>', /a web page instead of a list; its last good answer stays/],
      ['', /no addresses any more/],
      [Buffer.from([0xff]), /not UTF-8/],
      [Buffer.alloc(8_400_000, '#'), /larger than 8 MiB/],
    ] as const) {
      server.serve(body);
      await watched.says(message);
    }
    assert.equal(watched.changes.length, 1);
    assert.equal(watched.feed.status()[1]?.addresses, 1n);
  });

  test('does not wait for a source that is silent', async () => {
    await using server = await ListServer.listen();
    server.answering = () => {};
    using watched = new WatchedFeed(['192.0.2.1', server.url('/')], { ...SLOW, readMs: 50 });
    assert.deepEqual(await watched.start(), ['192.0.2.1']);
    assert.match(watched.reports[0]?.message ?? '', /longer than 0.05 s; it brings no addresses/);
  });

  test('tells a change once, and what is no change not at all', async () => {
    await using one = await ListServer.listen();
    await using two = await ListServer.listen();
    one.serve('192.0.2.1');
    two.serve('192.0.2.2');
    using watched = new WatchedFeed([one.url('/'), two.url('/')], { refreshMs: 5 });
    await watched.start();
    const asked = one.asked.length + 10;
    one.answering = (_, response) => {
      // The same answer ten times, then both change at once.
      if (one.asked.length === asked) {
        one.serve('192.0.2.11');
        two.serve('192.0.2.12');
      }
      response.end('192.0.2.1 # still');
    };
    await watched.becomes('192.0.2.11', '192.0.2.12');
    assert.ok(watched.changes.length <= 2, 'two changes within 50 ms are one, or two beside its edge');
    one.serve('192.0.2.11*2');
    await watched.until(() => watched.changes.at(-1)?.[0]?.weight === 2);
    one.serve('192.0.2.11*2;a=b');
    await watched.until(() => watched.changes.at(-1)?.[0]?.tags[0] === 'a=b');
  });

  test('lets overlaps that turn up later stay with the earlier term', async () => {
    await using server = await ListServer.listen();
    server.serve('192.0.2.9');
    using watched = new WatchedFeed(['192.0.2.1', server.url('/'), '192.0.2.20-192.0.2.21'], {
      refreshMs: 10,
    });
    await watched.start();
    server.serve('192.0.2.1\n192.0.2.9\n192.0.2.21');
    await watched.becomes('192.0.2.1', '192.0.2.9', '192.0.2.21', '192.0.2.20');
    const [, list, range] = watched.feed.status();
    assert.deepEqual(
      [list?.problems[0]?.message, range?.problems[0]?.message],
      [
        '"192.0.2.1" is in the pool already, from 192.0.2.1, which keeps it',
        `"192.0.2.20-192.0.2.21" is in the pool already, from ${server.url('/')}, which keeps it`,
      ],
    );
    assert.deepEqual(
      watched.reports.map(({ level, text }) => `${level} ${text}`),
      [`warn ${server.url('/')}`, 'warn 192.0.2.20-192.0.2.21'],
    );
    server.serve('192.0.2.9');
    await watched.becomes('192.0.2.1', '192.0.2.9', '192.0.2.20', '192.0.2.21');
    assert.equal(watched.feed.status()[2]?.problemCount, 0);
  });

  test('refuses terms that do not fit before it reads anything', async () => {
    await using server = await ListServer.listen();
    for (const items of [
      ['192.0.2.1', '192.0.2.0/31', server.url('/')],
      ['interface:no-such0', server.url('/')],
      ['192.0.2.1', '127.0.0.1', 'interface:lo', server.url('/')],
    ]) {
      using watched = new WatchedFeed(items, SLOW);
      await assert.rejects(watched.start(), PoolError);
    }
    assert.equal(server.asked.length, 0);
  });

  test('holds 65,536 addresses of a source, and says what it left out', async () => {
    await using server = await ListServer.listen();
    const lines = Array.from({ length: 65_536 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    server.serve(lines.join('\n'));
    using watched = new WatchedFeed([server.url('/'), '192.0.2.1', '2001:db8::/64'], SLOW);
    assert.equal(count(await watched.feed.start()), 65_536n + 2n ** 64n);
    assert.deepEqual(
      watched.feed.status().map(({ addresses, problemCount }) => [addresses, problemCount]),
      [
        [65_536n, 0],
        [1n, 1],
        [2n ** 64n, 0],
      ],
    );
  });

  test('ends what is under way and says nothing more', async () => {
    await using server = await ListServer.listen();
    const closed = Promise.withResolvers<void>();
    using watched = new WatchedFeed(['192.0.2.1', server.url('/')], { refreshMs: 5 });
    server.serve('192.0.2.2');
    await watched.start();
    server.answering = (request) => {
      request.socket.on('close', () => closed.resolve());
      watched.feed.stop();
    };
    await closed.promise;
    assert.deepEqual([watched.changes, watched.reports], [[], []]);

    // Stopped before it has begun to run: the start ends, with what it has.
    using early = new WatchedFeed(['192.0.2.1', server.url('/')], SLOW);
    server.answering = () => early.feed.stop();
    await early.start();
    assert.deepEqual([early.changes, early.reports], [[], []]);
  });
});
