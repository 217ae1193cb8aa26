/** What happens to connections. */
import { FAILURES, type FailureCode } from '../../errors.ts';
import { counter, gauge, histogram, series, single, type Family, type Series } from './family.ts';

/** The values of a table, each with the names of its row and its column. */
function table(
  rows: Readonly<Record<string, Readonly<Record<string, number>>>>,
  row: string,
  column: string,
): Series[] {
  return Object.entries(rows).flatMap(([name, values]) =>
    Object.entries(values).map(([key, value]) => series(value, { [row]: name, [column]: key })),
  );
}

export const CONNECTIONS: readonly Family[] = [
  counter(
    'gyre_connections_accepted_total',
    'Connections accepted; forwarded requests count one by one.',
    [],
    single(({ stats }) => stats.accepted),
  ),
  counter(
    'gyre_connections_total',
    'Connections that are over, by what the client spoke and how they ended.',
    ['inbound', 'result'],
    ({ stats }) => table(stats.results, 'inbound', 'result'),
  ),
  gauge(
    'gyre_connections_active',
    'Connections accepted and not yet over.',
    [],
    single(({ stats }) => stats.active),
  ),
  counter(
    'gyre_bytes_total',
    'Payload bytes: sent by clients, and received by them. Those of live tunnels are up to a second late.',
    ['direction'],
    ({ stats }) => [
      series(stats.sent, { direction: 'sent' }),
      series(stats.received, { direction: 'received' }),
    ],
  ),
  histogram(
    'gyre_handshake_seconds',
    'From accept to the complete request, of all connections whose request came.',
    ({ histograms }) => histograms.handshake,
  ),
  histogram(
    'gyre_resolve_seconds',
    'Resolving the name of the target, of connections that reached it.',
    ({ histograms }) => histograms.resolve,
  ),
  histogram(
    'gyre_dial_seconds',
    'Connecting to the target, fail-overs included, of connections that reached it.',
    ({ histograms }) => histograms.dial,
  ),
  counter(
    'gyre_dial_attempts_total',
    'Dials begun.',
    [],
    single(({ stats }) => stats.attempts),
  ),
  counter(
    'gyre_dial_failovers_total',
    'Dials after the first one of a connection: from another egress, or to another address of the target.',
    [],
    single(({ stats }) => stats.failovers),
  ),
  counter(
    'gyre_failures_total',
    'Connections that failed, by failure and by whose fault that is.',
    ['code', 'blame'],
    ({ stats }) =>
      Object.entries(stats.failures).map(([code, value]) =>
        series(value, { code, blame: FAILURES[code as FailureCode].blame }),
      ),
  ),
  counter(
    'gyre_auth_failures_total',
    'Logins refused: with wrong credentials, or not even looked at after too many of those.',
    ['reason'],
    ({ stats }) => Object.entries(stats.loginsRefused).map(([reason, value]) => series(value, { reason })),
  ),
  counter(
    'gyre_limits_refused_total',
    'Connections refused by a limit, by what is limited and whose limit it is.',
    ['limit', 'holder'],
    ({ stats }) => table(stats.limitsReached, 'limit', 'holder'),
  ),
];
