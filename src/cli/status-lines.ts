/** The screen of `gyre status`. Pure. */
import type { Latency, PoolStatus, ReloadReport, SourceStatus, Status, ThreadStatus } from '../admin/api.ts';
import type { FailureCode } from '../errors.ts';
import { FAILURES } from '../errors.ts';
import { humanText } from '../ops/text.ts';
import { table, type CellStyle, type Column, type TableLook } from './table.ts';
import { enumerate, formatCount, plural } from './terminal.ts';
import { clip, widthOf } from './text-width.ts';
import { formatBytes, formatFrequency, formatMs, formatSpan, formatSpeed } from './units.ts';

const LABEL = 15;

export const STATE_STYLE: Readonly<Record<string, CellStyle>> = {
  ready: 'green',
  starting: 'yellow',
  draining: 'yellow',
  up: 'green',
  new: 'cyan',
  down: 'red',
  serving: 'green',
  lost: 'red',
};

export interface Rates {
  readonly accepted: number;
  readonly sent: number;
  readonly received: number;
  readonly failures: number;
}

export interface FailureRow {
  readonly code: string;
  readonly count: number;
  readonly blame: string;
  readonly reason: string;
}

/** Per second, between two looks at the same gateway; what ran backwards is another gateway, and counts as nothing. */
export function ratesBetween(before: Status, now: Status): Rates {
  const seconds = (now.now - before.now) / 1000;
  const rate = (of: (status: Status) => number): number =>
    seconds > 0 ? Math.max(0, of(now) - of(before)) / seconds : 0;
  return {
    accepted: rate(({ totals }) => totals.accepted),
    sent: rate(({ totals }) => totals.sent),
    received: rate(({ totals }) => totals.received),
    failures: rate(({ totals }) => Object.values(totals.failures).reduce((sum, count) => sum + count, 0)),
  };
}

/** The most frequent first. A newer gateway may know codes that this command does not. */
export function failureRows({ totals }: Status): FailureRow[] {
  return Object.entries(totals.failures)
    .map(([code, count]) => {
      const known = Object.hasOwn(FAILURES, code) ? FAILURES[code as FailureCode] : undefined;
      return { code, count, blame: known?.blame ?? '?', reason: known?.reason ?? '' };
    })
    .toSorted((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
}

/** @param before An earlier look, for the rates. */
export function statusLines(now: Status, before: Status, look: TableLook = {}): string[] {
  const { width = Number.POSITIVE_INFINITY } = look;
  const color = look.paint ?? ((_, text) => text);
  const row = (label: string, text: string): string =>
    `${color('dim', label.padEnd(LABEL))}${clip(humanText(text), Math.max(0, width - LABEL))}`;
  const { totals, config } = now;
  const rates = ratesBetween(before, now);
  const inbound = Object.entries(totals.byInbound).filter(([, count]) => count > 0);
  const blames = Object.entries(totals.byBlame).filter(([, count]) => count > 0);
  return [
    titleLine(now, look),
    ...now.listeners.map(({ address, proxyProtocol }, index) =>
      row(index === 0 ? 'listens on' : '', `${address}${proxyProtocol ? ' (PROXY protocol)' : ''}`),
    ),
    row(
      'connections',
      `${formatCount(totals.active)} active, ${formatFrequency(rates.accepted)} new, ${formatCount(totals.accepted)} accepted${inbound.length === 0 ? '' : `: ${listed(inbound)}`}`,
    ),
    row('up', `${formatSpeed(rates.sent)}, ${formatBytes(totals.sent)} in all`),
    row('down', `${formatSpeed(rates.received)}, ${formatBytes(totals.received)} in all`),
    row('handshake', inWords(now.latency.handshake)),
    row('dial', inWords(now.latency.dial)),
    row('sessions', `${formatCount(now.sessions.live)} live`),
    row('users', `${formatCount(now.users.known)} known`),
    row('configuration', `${config.file ?? 'no file'}, in use for ${formatSpan(now.now - config.loadedAt)}`),
    row('last reload', config.last === null ? 'none' : reloadInWords(config.last, now.now)),
    row(
      'failures',
      `${formatFrequency(rates.failures)}${blames.length === 0 ? ', none since the start' : `, by blame: ${listed(blames)}`}`,
    ),
    ...(totals.logLinesDropped > 0
      ? [row('log', `${plural(totals.logLinesDropped, 'line')} dropped, because nobody took them`)]
      : []),
    '',
    ...table(POOL_COLUMNS, now.pools, look),
    '',
    ...table(threadColumns(now.now), now.threads, look),
    ...(Object.keys(totals.failures).length === 0
      ? []
      : ['', ...table(FAILURE_COLUMNS, failureRows(now), look)]),
  ];
}

function titleLine({ version, state, now, startedAt, pid, node }: Status, look: TableLook): string {
  const { width = Number.POSITIVE_INFINITY, paint = (_, text) => text, mark } = look;
  const words = [`gyre ${humanText(version)}`, humanText(state), `up ${formatSpan(now - startedAt)}`];
  const rest = width - widthOf(words.join('  ')) - 2;
  const about = clip(humanText(`pid ${pid}, node ${node}`), Math.max(0, rest), mark);
  const [name, ...others] = [
    paint('bold', words[0]!),
    paint(STATE_STYLE[state] ?? 'bold', words[1]!),
    words[2]!,
  ];
  return [name, ...others, ...(about === '' ? [] : [paint('dim', about)])].join('  ');
}

const listed = (counts: readonly (readonly [string, number])[]): string =>
  enumerate(counts.map(([name, count]) => `${name} ${formatCount(count)}`));

function inWords({ count, p50Ms, p90Ms, p99Ms }: Latency): string {
  if (count === 0) return 'nothing measured yet';
  return `half within ${formatMs(p50Ms)}, 90 % within ${formatMs(p90Ms)}, 99 % within ${formatMs(p99Ms)}`;
}

export function reloadInWords({ at, ok, trigger, changes, problems }: ReloadReport, now: number): string {
  const result = ok
    ? changes.length === 0
      ? 'ok, nothing changed'
      : `ok, ${plural(changes.length, 'change')}`
    : `failed, ${plural(problems.length, 'problem')}: the one before is still in use`;
  return `${formatSpan(now - at)} ago by ${trigger}: ${result}`;
}

const POOL_COLUMNS: readonly Column<PoolStatus>[] = [
  { title: 'POOL', cell: ({ name }) => name, yields: true },
  { title: 'ADDRESSES', cell: ({ addresses }) => formatCount(BigInt(addresses)), right: true },
  ...(['up', 'new', 'down', 'draining'] as const).map((state): Column<PoolStatus> => ({
    title: state.toUpperCase(),
    cell: ({ byState }) => formatCount(byState[state]),
    right: true,
    style: ({ byState }) => (byState[state] > 0 ? STATE_STYLE[state] : 'dim'),
  })),
  { title: 'TUNNELS', cell: ({ tunnels }) => formatCount(tunnels), right: true },
  {
    title: 'SOURCES',
    // What is written down word by word has no source that could fail.
    cell: ({ sources, expression }) =>
      sources.length === 0 ? expression.join(', ') : sources.map(sourceInWords).join(', '),
    yields: true,
    style: ({ sources }) => (sources.some(({ state }) => state !== 'fresh') ? 'yellow' : undefined),
  },
];

const sourceInWords = ({ text, state, error }: SourceStatus): string =>
  state === 'fresh' ? text : `${text} ${state}${error === null ? '' : ` (${error})`}`;

const threadColumns = (now: number): readonly Column<ThreadStatus>[] => [
  { title: 'THREAD', cell: ({ index }) => String(index), right: true },
  { title: 'STATE', cell: ({ state }) => state, style: ({ state }) => STATE_STYLE[state] },
  { title: 'SINCE', cell: ({ since }) => formatSpan(now - since), right: true },
  { title: 'ACTIVE', cell: ({ active }) => formatCount(active), right: true },
  { title: 'DELAY', cell: ({ loopDelayMs }) => formatMs(loopDelayMs), right: true },
  {
    title: 'REPLACED',
    cell: ({ restarts }) => formatCount(restarts),
    right: true,
    style: ({ restarts }) => (restarts > 0 ? 'yellow' : 'dim'),
  },
];

export const FAILURE_COLUMNS: readonly Column<FailureRow>[] = [
  { title: 'FAILURE', cell: ({ code }) => code },
  { title: 'COUNT', cell: ({ count }) => formatCount(count), right: true },
  { title: 'BLAME', cell: ({ blame }) => blame },
  { title: 'REASON', cell: ({ reason }) => reason, yields: true, drop: 1 },
];
