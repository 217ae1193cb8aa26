/** How the program itself is doing. */
import { counter, gauge, series, single, type Family } from './family.ts';

export const GATEWAY: readonly Family[] = [
  gauge(
    'gyre_build_info',
    'Always 1, with the versions that run.',
    ['version', 'node'],
    ({ version, node }) => [series(1, { version, node })],
  ),
  gauge(
    'gyre_ready',
    'Whether it accepts connections: 0 while it starts and from the moment it drains.',
    [],
    single(({ ready }) => (ready ? 1 : 0)),
  ),
  gauge(
    'gyre_sessions_live',
    'Sticky sessions that have not run out.',
    [],
    single(({ sessions }) => sessions),
  ),
  gauge(
    'gyre_users',
    'Users that are listed.',
    [],
    single(({ users }) => users),
  ),
  counter('gyre_config_reloads_total', 'Reloads of the configuration.', ['result'], ({ reloads }) => [
    series(reloads.ok, { result: 'ok' }),
    series(reloads.failed, { result: 'failed' }),
  ]),
  gauge(
    'gyre_config_last_reload_successful',
    'Whether the last reload put a new configuration in place; 1 before the first.',
    [],
    single(({ reloads }) => (reloads.lastOk ? 1 : 0)),
  ),
  gauge(
    'gyre_config_last_reload_success_timestamp_seconds',
    'When the configuration in use was put in place; since the epoch.',
    [],
    single(({ reloads }) => reloads.loadedAtS),
  ),
  gauge('gyre_thread_up', 'Whether a thread serves connections.', ['thread'], ({ threads }) =>
    threads.map(({ index, serving }) => series(serving ? 1 : 0, { thread: index })),
  ),
  counter('gyre_thread_restarts_total', 'How often a thread was replaced.', ['thread'], ({ threads }) =>
    threads.map(({ index, restarts }) => series(restarts, { thread: index })),
  ),
  gauge(
    'gyre_thread_connections_active',
    'Connections of a thread, accepted and not yet over.',
    ['thread'],
    ({ threads }) => threads.map(({ index, active }) => series(active, { thread: index })),
  ),
  gauge(
    'gyre_thread_loop_delay_seconds',
    'How late the timers of a thread were lately, at worst.',
    ['thread'],
    ({ threads }) => threads.map(({ index, loopDelayS }) => series(loopDelayS, { thread: index })),
  ),
  counter(
    'gyre_log_lines_dropped_total',
    'Log and access lines dropped, because their target was too slow or full.',
    [],
    single(({ logLinesDropped }) => logLinesDropped),
  ),
];
