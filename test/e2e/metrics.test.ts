/** A scrape of a real gateway: exact numbers, live ones while they change, and no more lines for more traffic. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { visit } from '../support/load.ts';
import { closedPort, Peer, Target } from '../support/peer.ts';
import { linesOf } from '../support/readings.ts';
import { startTarget } from '../support/target.ts';
import { ThreadFaults } from '../support/thread-faults.ts';

const ADMIN = { admin: '127.0.0.1:0' } as const;

async function scrape({ admin }: Gateway): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://127.0.0.1:${admin!.port}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  return linesOf(await response.text());
}

/** Of all lines that begin so, 0 for none. */
const sum = (lines: ReadonlyMap<string, number>, beginning: string): number =>
  [...lines].reduce((total, [line, value]) => total + (line.startsWith(beginning) ? value : 0), 0);

const bytes = (lines: ReadonlyMap<string, number>): (number | undefined)[] =>
  ['sent', 'received'].map((direction) => lines.get(`gyre_bytes_total{direction="${direction}"}`));

/** One HTTP request to the proxy itself, its answer's status. */
async function ask(proxy: Gateway, head: string): Promise<number> {
  const client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(head);
  const { status } = await client.readHttp();
  client.socket.destroy();
  return status;
}

for (const workers of [0, 2]) {
  describe(`with ${workers} workers`, () => {
    test('bytes of a live tunnel are told while it lasts, and once', async () => {
      await using target = await Target.listen();
      await using proxy = await gateway({ workers, ...ADMIN });
      const { client } = await socksTunnel(proxy, target.port);
      const far = await target.accept();
      for (const round of [1, 2]) {
        client.text('a'.repeat(1000));
        await far.read(1000);
        far.text('b'.repeat(300));
        await client.read(300);
        await eventually('the bytes are told', async () => bytes(await scrape(proxy))[1] === 300 * round);
        const lines = await scrape(proxy);
        assert.deepEqual(bytes(lines), [1000 * round, 300 * round]);
        assert.equal(lines.get('gyre_connections_active'), 1);
        assert.equal(sum(lines, 'gyre_egress_active{'), 1);
        assert.equal(sum(lines, 'gyre_thread_connections_active{'), 1);
        assert.equal(sum(lines, 'gyre_connections_total{'), 0);
      }
      client.text('the end');
      client.socket.end();
      far.socket.end();
      await client.rest();
      await eventually('it is over', () => proxy.stats().active === 0);
      const lines = await scrape(proxy);
      assert.deepEqual(bytes(lines), [2007, 600]);
      assert.equal(lines.get('gyre_connections_total{inbound="socks5",result="ok"}'), 1);
      assert.equal(sum(lines, 'gyre_egress_active{'), 0);
    });

    test('what became of connections is told exactly, by inbound, result, failure and time', async () => {
      await using target = await Target.listen();
      await using web = await startTarget();
      await using proxy = await gateway({ workers, ...ADMIN });
      await visit(proxy, 10, 2);
      const closed = await closedPort();
      const at = `127.0.0.1:${closed}`;
      for (let i = 0; i < 3; i++) {
        assert.equal(await ask(proxy, `CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`), 502);
      }
      assert.equal(
        await ask(proxy, `GET ${web.origin}/ HTTP/1.1\r\nHost: ${web.origin.slice(7)}\r\n\r\n`),
        200,
      );
      const { client } = await socksTunnel(proxy, target.port);
      client.socket.resetAndDestroy();
      const stranger = await Peer.connect(proxy.endpoints[0]!.port);
      stranger.write('ff');
      await stranger.rest();
      await eventually('all are over', () => proxy.stats().active === 0);
      const lines = await scrape(proxy);
      const expected = {
        'gyre_connections_total{inbound="socks5",result="ok"}': 10,
        'gyre_connections_total{inbound="socks5",result="broken"}': 1,
        'gyre_connections_total{inbound="http-connect",result="failed"}': 3,
        'gyre_connections_total{inbound="http-forward",result="ok"}': 1,
        'gyre_connections_total{inbound="unknown",result="failed"}': 1,
        'gyre_failures_total{code="TARGET_REFUSED",blame="target"}': 3,
        'gyre_failures_total{code="CLIENT_RESET",blame="client"}': 1,
        'gyre_failures_total{code="UNKNOWN_PROTOCOL",blame="client"}': 1,
        gyre_connections_active: 0,
        // Every complete request, and every one that reached its target.
        gyre_handshake_seconds_count: 15,
        gyre_dial_seconds_count: 12,
        'gyre_dial_seconds_bucket{le="+Inf"}': 12,
        gyre_dial_attempts_total: 15,
        gyre_dial_failovers_total: 0,
        gyre_ready: 1,
        gyre_config_last_reload_successful: 1,
        'gyre_pool_addresses{pool="default"}': 8,
      };
      for (const [line, value] of Object.entries(expected)) assert.equal(lines.get(line), value, line);
      assert.equal(sum(lines, 'gyre_connections_total{'), lines.get('gyre_connections_accepted_total'));
      assert.equal(sum(lines, 'gyre_failures_total{'), 5);
      assert.equal(sum(lines, 'gyre_pool_egresses{'), 8);
      assert.equal(sum(lines, 'gyre_thread_up{'), Math.max(1, workers));
      assert.ok(lines.get('gyre_dial_seconds_sum')! > 0);
    });
  });
}

test('a thread that dies leaves its sums, nothing active, and a line of its own', async () => {
  using faults = new ThreadFaults();
  await using target = await Target.listen();
  await using proxy = await gateway({ ...ADMIN, workers: 1 });
  const { client } = await socksTunnel(proxy, target.port);
  client.text('a'.repeat(1000));
  await eventually('the bytes are told', async () => bytes(await scrape(proxy))[0] === 1000);
  const [thread] = proxy.control.status().threads;
  assert.deepEqual([thread?.restarts, thread?.active], [0, 1]);
  faults.run(0, "setTimeout(() => { throw new Error('a fault of this test') })");
  await client.rest();
  await eventually('another thread serves', () => {
    const [thread] = proxy.control.status().threads;
    return thread?.restarts === 1 && thread.state === 'serving';
  });
  await visit(proxy, 3, 1);
  await eventually('all are over', () => proxy.stats().active === 0);
  const lines = await scrape(proxy);
  assert.equal(bytes(lines)[0], 1000);
  assert.equal(lines.get('gyre_connections_total{inbound="unknown",result="lost"}'), 1);
  assert.equal(lines.get('gyre_connections_total{inbound="socks5",result="ok"}'), 3);
  assert.equal(sum(lines, 'gyre_connections_total{'), lines.get('gyre_connections_accepted_total'));
  assert.equal(lines.get('gyre_thread_restarts_total{thread="0"}'), 1);
  assert.equal(sum(lines, 'gyre_egress_active{'), 0);
});

test('refused logins and reached limits are told by reason', async () => {
  await using target = await Target.listen();
  const options = {
    ...ADMIN,
    users: [{ name: 'ada', password: 'right' }],
    limits: { user: { connections: 1 }, logins: { failures: 4 } },
  };
  await using proxy = await gateway(options);
  const at = `127.0.0.1:${target.port}`;
  const connect = (login: string): string => {
    const word = Buffer.from(login).toString('base64');
    return `CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\nProxy-Authorization: Basic ${word}\r\n\r\n`;
  };
  const client = await Peer.connect(proxy.endpoints[0]!.port);
  // Two wrong ones and a right one on one connection, which in the end does not fail.
  for (const [login, status] of [
    ['ada:wrong', 407],
    ['eve:right', 407],
    ['ada:right', 200],
  ] as const) {
    client.text(connect(login));
    assert.equal((await client.readHttp()).status, status);
  }
  assert.equal(await ask(proxy, connect('ada:right')), 429);
  const lines = await scrape(proxy);
  assert.equal(lines.get('gyre_auth_failures_total{reason="credentials"}'), 2);
  assert.equal(lines.get('gyre_limits_refused_total{limit="connections",holder="user"}'), 1);
  assert.equal(sum(lines, 'gyre_limits_refused_total{'), 1);
  assert.equal(lines.get('gyre_users'), 1);
  client.socket.destroy();
});

test('an egress that cannot be used is told by state and failures', async () => {
  await using target = await Target.listen();
  // 203.0.113.9 is not on this host.
  await using proxy = await gateway({ ...ADMIN, pool: ['127.0.0.2', '203.0.113.9'], cursor: 'global' });
  const { client } = await socksTunnel(proxy, target.port);
  const other = await socksTunnel(proxy, target.port);
  const lines = await scrape(proxy);
  assert.equal(lines.get('gyre_egress_failures_total{pool="default",egress="203.0.113.9"}'), 1);
  assert.equal(lines.get('gyre_egress_state{pool="default",egress="203.0.113.9",state="down"}'), 1);
  assert.equal(lines.get('gyre_egress_active{pool="default",egress="127.0.0.2"}'), 2);
  assert.equal(lines.get('gyre_dial_failovers_total'), 1);
  assert.ok(lines.get('gyre_egress_free_ports{pool="default",egress="127.0.0.2"}')! > 0);
  client.socket.destroy();
  other.client.socket.destroy();
});

test('L15: more clients, targets, users and addresses are no more lines', async () => {
  const users = Array.from({ length: 200 }, (_, i) => ({ name: `user${i}`, password: `password${i}` }));
  await using few = await gateway({ ...ADMIN, pool: '127.0.1.0/24' });
  await using many = await gateway({ ...ADMIN, pool: '127.1.0.0/18', users });
  // What Node's own collector has seen is not ours to bound.
  const names = (lines: ReadonlyMap<string, number>): string[] =>
    [...lines.keys()].filter((line) => line.startsWith('gyre_'));
  const before = names(await scrape(few));
  assert.equal(before.filter((line) => line.startsWith('gyre_egress_active{')).length, 256);
  await visit(few, 200, 4);
  // A state changes; that is another line in place of one.
  const stateless = (lines: readonly string[]): string[] =>
    lines.filter((line) => !line.startsWith('gyre_egress_state{'));
  const after = names(await scrape(few));
  assert.deepEqual(stateless(after), stateless(before));
  assert.equal(after.length, before.length);
  const lines = await scrape(many);
  assert.equal(lines.get('gyre_egress_series_omitted'), 16_384);
  assert.equal(sum(lines, 'gyre_pool_egresses{'), 16_384);
  assert.deepEqual(
    names(lines),
    before.filter((line) => !line.includes('egress="')),
  );
});
