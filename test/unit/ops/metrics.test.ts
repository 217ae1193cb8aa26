import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection } from '../../../src/connection.ts';
import { FAILURES, ProxyError } from '../../../src/errors.ts';
import { Counters, countersMemory } from '../../../src/ops/counters.ts';
import { FAMILIES, Metrics } from '../../../src/ops/metrics.ts';
import {
  fewEnough,
  MOST_EGRESSES,
  type EgressReading,
  type PoolReading,
  type Readings,
} from '../../../src/ops/metrics/readings.ts';
import { linesOf, readings } from '../../support/readings.ts';

const scrape = (now: Readings): Promise<string> => new Metrics({ read: () => now }).render();

const egress = (index: number, changes: Partial<EgressReading> = {}): EgressReading => ({
  pool: 'default',
  address: `198.51.100.${index}`,
  state: 'up',
  tunnels: 0,
  freePorts: 28_232,
  faults: 0,
  ...changes,
});

const pool = (changes: Partial<PoolReading> = {}): PoolReading => ({
  name: 'default',
  addresses: 2,
  byState: { new: 0, up: 2, down: 0, draining: 0 },
  tunnels: 0,
  sources: [],
  ...changes,
});

test('every family has its help and type, and says so before its lines', async () => {
  const text = await scrape(readings());
  for (const { name, help, type } of FAMILIES) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
  }
});

test('names follow the conventions of Prometheus', () => {
  for (const { name, type, help } of FAMILIES) {
    assert.match(name, /^gyre_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.doesNotMatch(name, /_(ms|milliseconds|kb|percent)(_|$)/);
    assert.match(help, /^[A-Z].*\.$/);
  }
  assert.equal(new Set(FAMILIES.map(({ name }) => name)).size, FAMILIES.length);
});

test('labels are those that are declared, and none is about a client, a target or a user', () => {
  const now = readings({
    pools: [pool({ sources: [{ text: 'file:/pool', fresh: true, ageS: 1, errors: 0 }] })],
    egresses: [egress(1)],
    threads: [{ index: 0, serving: true, restarts: 0, active: 0, loopDelayS: 0 }],
  });
  const allowed = new Set(
    'blame code direction egress holder inbound le limit node pool reason result source state thread version'.split(
      ' ',
    ),
  );
  for (const { name, labels, read } of FAMILIES) {
    const lines = read(now);
    assert.ok(lines.length > 0, name);
    for (const label of labels) assert.ok(allowed.has(label), `${name} ${label}`);
    for (const line of lines) {
      for (const label of Object.keys(line.labels)) assert.ok(labels.includes(label), `${name} ${label}`);
    }
  }
});

test('what connections counted is what is told', async () => {
  const counters = countersMemory(2);
  const thread = new Counters(counters, 1);
  const tunnel = new Connection('1-1', { address: '192.0.2.1', port: 1 }, 0);
  Object.assign(tunnel, {
    inbound: 'socks5',
    handshakeMs: 2,
    dialMs: 30,
    attempts: 2,
    sent: 10,
    received: 20,
  });
  thread.opened(tunnel);
  thread.dialled(tunnel);
  tunnel.phase = 'relay';
  tunnel.failure = new ProxyError('TARGET_RESET');
  thread.closed(tunnel);
  thread.opened(new Connection('1-2', { address: '192.0.2.1', port: 1 }, 0));
  const lines = linesOf(await scrape(readings({}, counters)));
  const expected = {
    gyre_connections_accepted_total: 2,
    gyre_connections_active: 1,
    'gyre_connections_total{inbound="socks5",result="broken"}': 1,
    'gyre_connections_total{inbound="socks5",result="ok"}': 0,
    'gyre_bytes_total{direction="sent"}': 10,
    'gyre_bytes_total{direction="received"}': 20,
    'gyre_failures_total{code="TARGET_RESET",blame="target"}': 1,
    gyre_dial_attempts_total: 2,
    gyre_dial_failovers_total: 1,
    'gyre_dial_seconds_bucket{le="0.025"}': 0,
    'gyre_dial_seconds_bucket{le="0.05"}': 1,
    'gyre_dial_seconds_bucket{le="10"}': 1,
    'gyre_dial_seconds_bucket{le="+Inf"}': 1,
    gyre_dial_seconds_sum: 0.03,
    gyre_dial_seconds_count: 1,
    gyre_resolve_seconds_count: 0,
  };
  for (const [line, value] of Object.entries(expected)) assert.equal(lines.get(line), value, line);
  const failures = [...lines.keys()].filter((line) => line.startsWith('gyre_failures_total{'));
  assert.equal(failures.length, Object.keys(FAILURES).length);
});

test('pools, egresses, sources and threads are told one by one', async () => {
  const now = readings({
    ready: false,
    pools: [
      pool({
        tunnels: 4,
        sources: [
          { text: 'file:/pool', fresh: true, ageS: 1.5, errors: 0 },
          { text: 'https://pool.example/', fresh: false, ageS: undefined, errors: 3 },
        ],
      }),
    ],
    egresses: [egress(1, { tunnels: 4, faults: 2 }), egress(2, { state: 'down', freePorts: undefined })],
    reloads: { ok: 1, failed: 2, lastOk: false, loadedAtS: 1_700_000_000 },
    threads: [{ index: 0, serving: false, restarts: 3, active: 5, loopDelayS: 0.25 }],
    logLinesDropped: 6,
  });
  const lines = linesOf(await scrape(now));
  const told = [...lines].filter(([line]) => /^gyre_(pool|egress|source|thread|config|log|ready)/.test(line));
  assert.deepEqual(Object.fromEntries(told), {
    gyre_ready: 0,
    'gyre_config_reloads_total{result="ok"}': 1,
    'gyre_config_reloads_total{result="failed"}': 2,
    gyre_config_last_reload_successful: 0,
    gyre_config_last_reload_success_timestamp_seconds: 1_700_000_000,
    'gyre_thread_up{thread="0"}': 0,
    'gyre_thread_restarts_total{thread="0"}': 3,
    'gyre_thread_connections_active{thread="0"}': 5,
    'gyre_thread_loop_delay_seconds{thread="0"}': 0.25,
    gyre_log_lines_dropped_total: 6,
    'gyre_pool_addresses{pool="default"}': 2,
    'gyre_pool_egresses{pool="default",state="new"}': 0,
    'gyre_pool_egresses{pool="default",state="up"}': 2,
    'gyre_pool_egresses{pool="default",state="down"}': 0,
    'gyre_pool_egresses{pool="default",state="draining"}': 0,
    'gyre_pool_active{pool="default"}': 4,
    'gyre_egress_active{pool="default",egress="198.51.100.1"}': 4,
    'gyre_egress_active{pool="default",egress="198.51.100.2"}': 0,
    'gyre_egress_failures_total{pool="default",egress="198.51.100.1"}': 2,
    'gyre_egress_failures_total{pool="default",egress="198.51.100.2"}': 0,
    'gyre_egress_state{pool="default",egress="198.51.100.1",state="up"}': 1,
    'gyre_egress_state{pool="default",egress="198.51.100.2",state="down"}': 1,
    'gyre_egress_free_ports{pool="default",egress="198.51.100.1"}': 28_232,
    gyre_egress_series_omitted: 0,
    'gyre_source_up{pool="default",source="file:/pool"}': 1,
    'gyre_source_up{pool="default",source="https://pool.example/"}': 0,
    'gyre_source_age_seconds{pool="default",source="file:/pool"}': 1.5,
    'gyre_source_errors_total{pool="default",source="file:/pool"}': 0,
    'gyre_source_errors_total{pool="default",source="https://pool.example/"}': 3,
  });
});

test('above the cap egresses have no series of their own, and how many is told', async () => {
  const all = Array.from({ length: MOST_EGRESSES + 1 }, (_, i) => egress(i));
  assert.equal(fewEnough(all.slice(1))?.length, MOST_EGRESSES);
  const pools = [pool({ byState: { up: MOST_EGRESSES, down: 1 } })];
  const lines = linesOf(await scrape(readings({ pools, egresses: fewEnough(all) })));
  assert.equal(lines.get('gyre_egress_series_omitted'), MOST_EGRESSES + 1);
  assert.equal(lines.get('gyre_pool_egresses{pool="default",state="down"}'), 1);
  assert.deepEqual(
    [...lines.keys()].filter((line) => line.includes('egress="')),
    [],
  );
});

test('an egress that is there twice is told once: Prometheus refuses an answer with a line twice', async () => {
  const text = await scrape(readings({ egresses: [egress(1), egress(1), egress(1, { pool: 'other' })] }));
  const lines = text.split('\n').filter((line) => line.startsWith('gyre_egress_active{'));
  assert.equal(lines.length, 2);
});

test('a label may hold anything', async () => {
  const sources = [{ text: 'exec:echo "a\\b"\n', fresh: true, ageS: 0, errors: 0 }];
  const text = await scrape(readings({ pools: [pool({ sources })] }));
  assert.ok(text.includes('gyre_source_up{pool="default",source="exec:echo \\"a\\\\b\\"\\n"} 1\n'));
});

test('each scrape reads anew, and two at a time do not mix', async () => {
  let scrapes = 0;
  const metrics = new Metrics({ read: () => readings({ sessions: ++scrapes, users: scrapes }) });
  const texts = await Promise.all([metrics.render(), metrics.render()]);
  const seen = texts.map((text) => [
    linesOf(text).get('gyre_sessions_live'),
    linesOf(text).get('gyre_users'),
  ]);
  assert.deepEqual(seen, [
    [1, 1],
    [2, 2],
  ]);
});

test('the process is told of once, however many gateways it has', async () => {
  const [one, other] = await Promise.all([scrape(readings()), scrape(readings())]);
  for (const text of [one, other]) {
    const lines = linesOf(text);
    assert.ok(lines.get('process_resident_memory_bytes')! > 0);
    assert.ok(lines.get('process_open_fds')! > 0);
    assert.ok(lines.has('nodejs_eventloop_lag_p99_seconds'));
    assert.equal(text.match(/^# TYPE process_cpu_seconds_total /gm)?.length, 1);
    assert.doesNotMatch(text, /nodejs_active_/);
  }
});
