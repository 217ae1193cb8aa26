/** What can be seen of a gateway and done to it, with real tunnels on two threads and on none. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { ALL, isError, tunnels } from '../support/control.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { visit } from '../support/load.ts';
import { Target } from '../support/peer.ts';

for (const workers of [0, 2]) {
  describe(`with ${workers} workers`, () => {
    test('status, pools and tunnels say exactly what is there', async () => {
      await using target = await Target.listen();
      await using other = await Target.listen();
      await using proxy = await gateway({ workers, cursor: 'global' });
      const { control } = proxy;
      const ones = await tunnels(proxy, target, 12);
      const others = await tunnels(proxy, other, 4);
      for (const { client, far } of ones.slice(0, 3)) {
        client.text('0123456789');
        await far.read(10);
        far.text('x'.repeat(100));
        await client.read(100);
      }
      await eventually('bytes of live tunnels are counted', () => control.status().totals.received === 300);
      const { totals, threads, state, listeners, pools } = control.status();
      assert.deepEqual(
        [totals.accepted, totals.active, totals.tunnels, totals.sent, state, control.ready],
        [16, 16, 0, 30, 'ready', true],
      );
      assert.equal(threads.length, Math.max(1, workers));
      assert.equal(
        threads.reduce((sum, { active }) => sum + active, 0),
        16,
      );
      assert.deepEqual(
        listeners.map(({ address }) => address),
        [`127.0.0.1:${proxy.endpoints[0]!.port}`],
      );
      const [pool] = pools;
      assert.deepEqual([pool?.addresses, pool?.members, pool?.tunnels], ['8', 8, 16]);
      assert.deepEqual(pool?.byState, { new: 0, up: 8, down: 0, draining: 0 });

      const { total, items, silent } = await control.tunnels({}, 'age', 100);
      assert.deepEqual([total, items.length, silent], [16, 16, []]);
      assert.deepEqual(
        new Set(items.map(({ thread }) => thread)).size,
        threads.filter(({ active }) => active > 0).length,
      );
      const opened = items.map(({ openedAt }) => openedAt);
      assert.deepEqual(
        opened,
        opened.toSorted((a, b) => a - b),
      );
      const most = await control.tunnels({ target: `127.0.0.1:${target.port}` }, 'received', 3);
      assert.equal(most.total, 12);
      assert.deepEqual(
        most.items.map(({ sent, received }) => [sent, received]),
        [
          [10, 100],
          [10, 100],
          [10, 100],
        ],
      );
      const { egress } = others[0]!;
      const leaving = await control.tunnels({ egress, inbound: 'socks5' }, 'age', 100);
      assert.equal(leaving.total, 2);
      assert.deepEqual(
        control.egresses({ ...ALL, q: egress }).items.map((view) => [view.address, view.state, view.tunnels]),
        [[egress, 'up', 2]],
      );
      const map = control.poolMap('default');
      assert.deepEqual([...Buffer.from(map.states, 'base64')], Array(8).fill(1));
      assert.equal(Buffer.from(map.tunnels, 'base64').toString('hex'), '0200'.repeat(8));
      for (const { client } of [...ones, ...others]) client.reset();
      await eventually('all are gone', () => control.status().totals.active === 0);
      assert.equal((await control.tunnels({}, 'age', 100)).total, 0);
    });

    test('a cut ends those that are meant, and no others', async () => {
      await using target = await Target.listen();
      await using other = await Target.listen();
      await using proxy = await gateway({ workers });
      const { control } = proxy;
      const doomed = await tunnels(proxy, target, 10);
      const spared = await tunnels(proxy, other, 3);
      await assert.rejects(control.cutTunnels({}), isError('invalid', /all: true/));
      assert.equal(await control.cutTunnels({ target: `127.0.0.1:${target.port}` }), 10);
      for (const { client, far } of doomed) await Promise.all([client.rest(), far.rest()]);
      await eventually('they are accounted', () => proxy.stats().failures.CUT_BY_OPERATOR === 10);
      const { totals } = control.status();
      assert.deepEqual([totals.active, totals.tunnels, totals.byBlame.self], [3, 10, 10]);
      assert.deepEqual(totals.failures, { CUT_BY_OPERATOR: 10 });
      for (const { client, far } of spared) {
        far.text('still here');
        assert.equal((await client.read(10)).toString(), 'still here');
      }
      const { id } = (await control.tunnels({}, 'age', 1)).items[0]!;
      assert.equal(await control.cutTunnels({ id }), 1);
      assert.equal(await control.cutTunnels({ id }), 0);
      assert.equal(await control.cutTunnels({ all: true }), 2);
    });

    test('a request under way is a tunnel like others, and can be cut', async () => {
      await using target = await Target.listen();
      await using proxy = await gateway({ workers });
      const at = `127.0.0.1:${target.port}`;
      const asked = request({
        port: proxy.endpoints[0]!.port,
        path: `http://${at}/`,
        headers: { host: at },
      }).end();
      const ended = new Promise<void>((resolve) => {
        asked.on('error', () => resolve());
        asked.on('response', (response) => response.on('error', () => resolve()).resume());
      });
      const far = await target.accept();
      far.text('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome');
      const filter = { inbound: 'http-forward', target: at } as const;
      await eventually(
        'it is listed',
        async () => (await proxy.control.tunnels(filter, 'age', 10)).total === 1,
      );
      assert.equal(await proxy.control.cutTunnels(filter), 1);
      await Promise.all([ended, far.rest()]);
      await eventually('it is accounted', () => proxy.stats().failures.CUT_BY_OPERATOR === 1);
    });

    test('from a drained egress nothing new leaves, and what is there goes on; undrained it takes part again', async () => {
      await using target = await Target.listen();
      await using proxy = await gateway({
        workers,
        cursor: 'global',
        pools: { more: ['127.0.0.3', '127.0.0.100'] },
      });
      const { control } = proxy;
      const standing = await tunnels(proxy, target, 8);
      const one = standing.find(({ egress }) => egress === '127.0.0.3')!;
      const drained = await control.act('127.0.0.3', 'drain');
      assert.deepEqual([drained.state, drained.byHand, drained.tunnels], ['draining', 'drain', 1]);
      const seen = await visit(proxy, 140, 10);
      assert.equal(seen.byAddress.has('127.0.0.3'), false);
      assert.equal(seen.byAddress.size, 7);
      one.far.text('alive');
      assert.equal((await one.client.read(5)).toString(), 'alive');
      // It is the same egress in every pool, and remains drained whatever else comes and goes.
      assert.deepEqual(
        control
          .egresses({ ...ALL, state: 'draining' })
          .items.map(({ pool, address }) => `${pool} ${address}`),
        ['default 127.0.0.3', 'more 127.0.0.3'],
      );
      await proxy.replacePool(['127.0.0.3', '127.0.0.4']);
      assert.deepEqual([...(await visit(proxy, 20, 4)).byAddress.keys()], ['127.0.0.4']);
      assert.equal([...proxy.egresses()].find(({ address }) => address === '127.0.0.3')?.state, 'draining');
      const back = await control.act('127.0.0.3', 'undrain');
      assert.deepEqual([back.state, back.byHand], ['new', null]);
      await eventually('it is used again', async () => (await visit(proxy, 4, 1)).byAddress.has('127.0.0.3'));
      await assert.rejects(control.act('127.0.0.77', 'drain'), isError('not-found', /no pool has it/));
      // Who leaves the pool and comes back begins anew.
      await control.act('127.0.0.4', 'drain');
      await proxy.replacePool(['127.0.0.3']);
      await proxy.replacePool(['127.0.0.3', '127.0.0.4']);
      assert.equal(control.egresses({ ...ALL, state: 'draining' }).total, 0);
      for (const { client } of standing) client.reset();
    });

    test('an ejected egress is out at once, and comes back by itself; a probe brings it back before its time', async () => {
      const backoff = { first: '1s', last: '1s' };
      await using proxy = await gateway({
        workers,
        cursor: 'global',
        pool: '127.0.0.2, 127.0.0.3',
        health: { backoff },
      });
      const { control } = proxy;
      const ejected = await control.act('127.0.0.2', 'eject');
      assert.deepEqual([ejected.state, ejected.byHand, ejected.ejections], ['down', 'eject', 1]);
      assert.ok(ejected.retryAt! > Date.now() - 1000);
      assert.deepEqual([...(await visit(proxy, 20, 4)).byAddress.keys()], ['127.0.0.3']);
      await eventually('it is back', async () => (await visit(proxy, 2, 1)).byAddress.has('127.0.0.2'));
      await control.act('127.0.0.3', 'eject');
      const probed = await control.act('127.0.0.3', 'probe');
      assert.deepEqual([probed.state, probed.byHand], ['new', null]);
      await control.act('127.0.0.3', 'drain');
      await assert.rejects(control.act('127.0.0.3', 'eject'), isError('conflict', /undrain it first/));
    });

    test('a probe finds out that an address is not on this host', async () => {
      await using proxy = await gateway({ workers, pool: '127.0.0.2, 203.0.113.7' });
      const found = await proxy.control.act('203.0.113.7', 'probe');
      assert.deepEqual([found.state, found.lastError], ['down', 'EADDRNOTAVAIL']);
      assert.equal((await proxy.control.act('127.0.0.2', 'probe')).state, 'new');
    });
  });
}

test('what was drained by hand stays so over a reload that keeps the address', async () => {
  await using proxy = await gateway({ workers: 2, cursor: 'global' });
  const { control } = proxy;
  await control.act('127.0.0.3', 'drain');
  const { ok } = await proxy.reload({
    listen: '127.0.0.1:0',
    pool: '127.0.0.3-127.0.0.5',
    cursor: 'global',
    workers: 2,
    targets: { allowPrivate: true },
    health: { failures: 3 },
    log: { level: 'error', access: 'off' },
    timeouts: { drain: '50ms' },
  });
  assert.equal(ok, true);
  assert.deepEqual(
    control.egresses(ALL).items.map(({ address, byHand }) => [address, byHand]),
    [
      ['127.0.0.3', 'drain'],
      ['127.0.0.4', null],
      ['127.0.0.5', null],
    ],
  );
  assert.deepEqual([...(await visit(proxy, 20, 4)).byAddress.keys()].sort(), ['127.0.0.4', '127.0.0.5']);
});

test('the log is there for who comes later, and for who listens', async () => {
  await using proxy = await gateway({ log: { level: 'warn' }, pool: '127.0.0.2, 203.0.113.7' });
  const heard: string[] = [];
  const stop = proxy.control.on('log', ({ message }) => void heard.push(message));
  await proxy.control.act('203.0.113.7', 'probe');
  const [line] = proxy.control.log(1);
  assert.deepEqual(
    [line?.level, line?.message, line?.fields['egress']],
    ['warn', 'egress is down', '203.0.113.7'],
  );
  stop();
  await proxy.control.act('127.0.0.2', 'eject');
  assert.deepEqual(heard, ['egress is down']);
});

test('a drain is a close: nobody new, and who is there has until the deadline', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ workers: 2 });
  const [one] = await tunnels(proxy, target, 1);
  proxy.control.drain(60_000);
  assert.deepEqual([proxy.control.ready, proxy.control.status().state], [false, 'draining']);
  one!.far.text('alive');
  assert.equal((await one!.client.read(5)).toString(), 'alive');
  one!.client.reset();
  await proxy.closed;
});
