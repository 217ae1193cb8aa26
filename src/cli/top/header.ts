/** The upper part of the picture: the gateway as a whole. */
import type { PoolStatus, Status } from '../../admin/api.ts';
import { humanText } from '../../ops/text.ts';
import { STATE_STYLE, type Rates } from '../status-lines.ts';
import { formatCount, plural } from '../terminal.ts';
import { clip, fit, widthOf } from '../text-width.ts';
import { formatBytes, formatFrequency, formatMs, formatSpan, formatSpeed } from '../units.ts';
import { barParts, glyphs, painter, sparkline, type Look } from './look.ts';
import type { TopState } from './state.ts';

/** Pools with a bar of their own. */
const MOST_POOLS = 4;
const LABEL = 7;
/** Where sparklines begin. */
const NUMBERS = 46;
const BAR = 24;

/** The most important first: a low terminal shows fewer. */
export function headerLines(state: TopState, columns: number, look: Look): string[] {
  const { status } = state;
  const line = titleLine(state, columns, look);
  if (status === undefined) return [line];
  const { totals } = status;
  const rate = state.history.at(-1);
  const measured = (text: string, of: (rates: Rates) => number, label: string): string =>
    measureLine(label, text, state.history.map(of), columns, look);
  const each = (value: number | undefined, format: (value: number) => string): string =>
    value === undefined ? '-' : format(value);
  const conns = `${formatCount(totals.active)} active  ${each(rate?.accepted, formatFrequency)} new  ${formatCount(totals.accepted)} in all`;
  return [
    line,
    measured(conns, ({ accepted }) => accepted, 'conns'),
    measured(
      `${each(rate?.received, formatSpeed)}  ${formatBytes(totals.received)} in all`,
      ({ received }) => received,
      'down',
    ),
    measured(
      `${each(rate?.sent, formatSpeed)}  ${formatBytes(totals.sent)} in all`,
      ({ sent }) => sent,
      'up',
    ),
    measured(
      failuresInWords(status, each(rate?.failures, formatFrequency)),
      ({ failures }) => failures,
      'fails',
    ),
    ...status.pools.slice(0, MOST_POOLS).map((pool) => poolLine(pool, columns, look)),
    latencyLine(status, columns, look),
  ];
}

function titleLine({ status, place, paused }: TopState, columns: number, look: Look): string {
  const paint = painter(look);
  const { dot, cut } = glyphs(look);
  if (status === undefined) return paint('bold', clip(`gyre at ${humanText(place)}`, columns, cut));
  const lost = status.threads.filter(({ state }) => state !== 'serving').length;
  const parts = [
    status.state,
    ...(paused ? ['PAUSED'] : []),
    `up ${formatSpan(status.now - status.startedAt)}`,
    `${plural(status.threads.length, 'thread')}${lost === 0 ? '' : `, ${lost} not serving`}`,
    place,
  ];
  const name = `gyre ${humanText(status.version)}`;
  const text = humanText(parts.join(` ${dot} `));
  const style = lost > 0 ? 'yellow' : (STATE_STYLE[status.state] ?? 'bold');
  if (columns <= widthOf(name) + 2) return paint('bold', clip(name, columns, cut));
  return `${paint('bold', name)}  ${paint(paused ? 'yellow' : style, clip(text, columns - widthOf(name) - 2, cut))}`;
}

function measureLine(
  label: string,
  text: string,
  values: readonly number[],
  columns: number,
  look: Look,
): string {
  const paint = painter(look);
  const { cut } = glyphs(look);
  const room = columns - LABEL - NUMBERS - 1;
  if (columns <= LABEL) return clip(`${label} ${text}`, columns, cut);
  const numbers = room < 4 ? clip(text, columns - LABEL, cut) : `${fit(text, NUMBERS, cut)} `;
  const spark = room < 4 ? '' : paint('cyan', sparkline(values, room, look));
  return `${paint('dim', fit(label, LABEL))}${numbers}${spark}`;
}

function failuresInWords({ totals }: Status, rate: string): string {
  const blames = Object.entries(totals.byBlame).filter(([, count]) => count > 0);
  const counts = blames.map(([blame, count]) => `${blame} ${formatCount(count)}`).join('  ');
  return humanText(`${rate}  ${counts === '' ? 'none since the start' : counts}`);
}

/** `pool   default [████▓▒░] 8 addresses  up 6  down 2`. */
function poolLine({ name, byState, addresses, tunnels }: PoolStatus, columns: number, look: Look): string {
  const paint = painter(look);
  const { states, cut } = glyphs(look);
  const order = ['up', 'new', 'draining', 'down'] as const;
  const counts = order.map((state) => byState[state]);
  const words = order
    .filter((state) => byState[state] > 0)
    .map((state) => `${state} ${formatCount(byState[state])}`);
  const text = humanText(
    `${name}  ${words.join('  ')}  ${formatCount(BigInt(addresses))} addresses  ${formatCount(tunnels)} tunnels`,
  );
  const bar = columns >= LABEL + BAR + 20 ? barParts(counts, BAR) : undefined;
  if (bar === undefined) return clip(`pool ${text}`, columns, cut);
  const styles = ['green', 'cyan', 'yellow', 'red'] as const;
  const painted = bar.map((part, index) => paint(styles[index]!, states[index]!.repeat(part))).join('');
  const blank = ' '.repeat(BAR - bar.reduce((sum, part) => sum + part, 0));
  return `${paint('dim', fit('pool', LABEL))}[${painted}${blank}] ${clip(text, columns - LABEL - BAR - 3, cut)}`;
}

function latencyLine({ latency }: Status, columns: number, look: Look): string {
  const part = (name: 'handshake' | 'dial'): string =>
    `${name} ${formatMs(latency[name].p50Ms)} / ${formatMs(latency[name].p99Ms)}`;
  return painter(look)(
    'dim',
    clip(`half / 99 % within: ${part('handshake')}  ${part('dial')}`, columns, glyphs(look).cut),
  );
}
