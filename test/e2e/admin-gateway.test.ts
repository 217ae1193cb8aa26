/** The admin listener of a real gateway: never a way in through the proxy, and never in the way of the proxy. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { StartError } from '../../src/listener.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { anyTarget } from '../support/any-target.ts';
import { ask, TOKEN, type Answer } from '../support/admin.ts';
import { DnsServer } from '../support/dns-server.ts';
import { spellings, type Spelling } from '../support/forbidden.ts';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import { ask as through, inParallel, WAYS } from '../support/six-ways.ts';

/** L16: dashboards at once. */
const DASHBOARDS = 1000;

const get = (running: Gateway, path: string): Promise<Answer> =>
  ask({ endpoint: running.admin!, token: () => TOKEN }, path);

/** Others lead nowhere from a pool on loopback. */
const isHere = ({ kind, text, bytes }: Spelling): boolean =>
  kind !== 'address' || /127\.|7f|^\[?[0:]*1?\]?$/i.test(text) || bytes!.every((byte) => byte === 0);

/** Which of them lead to the admin port by any of the six ways. */
async function leaks(
  running: Gateway,
  all: readonly Spelling[],
  port = running.admin!.port,
): Promise<string[]> {
  const tries = WAYS.flatMap((way) =>
    all.flatMap((spelling) => {
      const request = way.request(spelling, port);
      return request === undefined ? [] : [{ way, spelling, request }];
    }),
  );
  const outcomes = await inParallel(tries, ({ way, request }) =>
    through(way, request, running.endpoints[0]!.port),
  );
  return tries.flatMap(({ way, spelling }, i) =>
    outcomes[i] === 'granted' ? [`${way.name} ${JSON.stringify(spelling.text)}`] : [],
  );
}

suite('through the proxy', () => {
  const POOL = ['127.0.0.2-127.0.0.9', '::1'];

  for (const [at, others] of [
    ['127.0.0.1:0', []],
    ['[::1]:0', []],
    ['0.0.0.0:0', ['127.0.0.2', '127.200.1.1']],
    ['[::]:0', ['127.0.0.2', '127.200.1.1', '::ffff:127.0.0.2']],
  ] as const) {
    test(`the admin listener on ${at} is never reached, in any spelling, although private targets are`, async () => {
      // Whatever is no address is looked up here, and is this host.
      await using dns = await DnsServer.listen((_, family) => [family === 4 ? '127.0.0.1' : '::1']);
      await using bait = await anyTarget();
      await using running = await gateway({
        pool: POOL,
        targets: { allowPrivate: true, rules: [{ allow: ['127.0.0.0/8', '::1', 'all'] }] },
        dns: { servers: dns.address },
        timeouts: { connect: '500ms', dialSocks: '1s', dialHttp: '1s' },
        admin: { listen: at, token: TOKEN },
      });
      const names = ['rebound.test', 'a.rebound.test', ...others].map((text): Spelling => ({
        text,
        kind: 'name',
      }));
      const all = [...spellings().filter(isHere), ...names];
      // They would lead somewhere, if it were not for the port.
      const plain = all.filter(({ text }) => ['127.0.0.1', 'localhost', 'rebound.test'].includes(text));
      assert.ok((await leaks(running, plain, bait.port)).length >= 9);
      assert.deepEqual(await leaks(running, all), []);
      assert.equal((await get(running, '/api/v1/status')).status, 200);
    });
  }

  test('nor after a reload', async () => {
    const options = {
      pool: POOL,
      targets: { allowPrivate: true },
      admin: { listen: '127.0.0.1:0', token: TOKEN },
    };
    await using running = await gateway(options);
    const here: Spelling[] = [
      { text: '127.0.0.1', kind: 'address', bytes: Buffer.of(127, 0, 0, 1) },
      { text: 'localhost', kind: 'name' },
    ];
    assert.deepEqual(await leaks(running, here), []);
    const report = await running.reload({
      ...options,
      listen: '127.0.0.1:0',
      workers: 0,
      timeouts: { drain: '50ms', idle: '7m' },
      log: { level: 'error', access: 'off' },
    });
    assert.equal(report.ok, true, JSON.stringify(report));
    assert.ok(report.changes.length > 0);
    assert.deepEqual(await leaks(running, here), []);
  });
});

suite('beside the proxy', () => {
  test('L16: a thousand dashboards, and clients that read nothing, leave tunnels alone', async () => {
    await using target = await anyTarget();
    await using running = await gateway({ workers: 1, admin: { listen: '127.0.0.1:0', token: TOKEN } });
    const { client } = await socksTunnel(running, target.port);
    const head = `Host: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
    const sockets: Socket[] = [];
    const come = async (bytes: string): Promise<void> => {
      const socket = connect({ host: '127.0.0.1', port: running.admin!.port });
      socket.on('error', () => {});
      // Nothing of it is ever read.
      socket.pause();
      sockets.push(socket);
      await once(socket, 'connect').catch(() => undefined);
      socket.write(bytes);
    };
    for (let i = 0; i < DASHBOARDS; i++) {
      await come(
        i % 10 === 0
          ? `GET /metrics HTTP/1.1\r\n${head}`.repeat(8)
          : `GET /api/v1/events HTTP/1.1\r\n${head}`,
      );
      if (i % 100 !== 0) continue;
      client.text('echo');
      assert.equal((await client.read(4)).toString(), 'echo');
      const { client: another } = await socksTunnel(running, target.port);
      another.socket.destroy();
    }
    for (const socket of sockets) socket.destroy();
    await eventually('it answers again', () =>
      get(running, '/api/v1/status').then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    client.socket.destroy();
  });

  test('it says that it starts, that it is ready, and that it drains, to the end', async () => {
    await using target = await anyTarget();
    const running = await gateway({ admin: { listen: '127.0.0.1:0', token: TOKEN } });
    assert.equal((await get(running, '/readyz')).status, 200);
    const { client } = await socksTunnel(running, target.port);
    const closing = running.close(60_000);
    assert.equal((await get(running, '/readyz')).status, 503);
    assert.equal((await get(running, '/livez')).status, 200);
    const { json } = await get(running, '/api/v1/status');
    assert.equal(json!['state'], 'draining');
    assert.equal(((await get(running, '/api/v1/tunnels')).json!['items'] as readonly unknown[]).length, 1);
    await assert.rejects(Peer.connect(running.endpoints[0]!.port));
    const door = { endpoint: running.admin!, token: () => TOKEN };
    client.socket.destroy();
    await closing;
    await assert.rejects(ask(door, '/livez'));
  });

  test('a port that is taken keeps the gateway from starting, and it says which', async () => {
    await using target = await anyTarget();
    await assert.rejects(
      gateway({ admin: `127.0.0.1:${target.port}` }),
      (error: Error) => error instanceof StartError && error.message.includes(`127.0.0.1:${target.port}`),
    );
  });

  test('the link to the dashboard has the token only when it is asked for', async () => {
    await using running = await gateway({ admin: { listen: '127.0.0.1:0', token: TOKEN } });
    const { port } = running.admin!;
    assert.equal(running.dashboard(false), `http://127.0.0.1:${port}/`);
    assert.equal(running.dashboard(true), `http://127.0.0.1:${port}/#token=${TOKEN}`);
    await using without = await gateway();
    assert.deepEqual([without.admin, without.dashboard(true)], [undefined, undefined]);
  });
});
