/** Tables of what grows: a row an amount, beside it how much more that is than with the least of it. */
import { GROWTHS, type Growth, keyOf, tunnelAxis, USUALLY } from '../growth.ts';
import type { Opponent } from '../opponents/opponent.ts';
import type { Run } from './record.ts';
import { NOTHING, number, plain, table } from './table.ts';

const amountOf = ({ values, words }: Growth, value: number): string =>
  words?.[values.indexOf(value)] ?? plain(value);

function cells(run: Run, growth: Growth, opponent: Opponent, value: number): string[] {
  const key = (of: number): string => keyOf(growth.name, opponent.name, of);
  const one = (metric: string, digits: number): string => {
    const cell = run.results.cell(key(value), metric);
    const spread = run.results.spread(key(value), metric);
    if (!spread) return cell?.failed === undefined ? NOTHING : 'failed';
    return number(spread.median, digits);
  };
  const tunnel = tunnelAxis(opponent);
  const ratio = run.results.ratio([key(value), tunnel], [key(growth.values[0]!), tunnel]);
  return [one(tunnel, 0), ratio === undefined ? NOTHING : ratio.toFixed(2), one('rtt', 1)];
}

function present(run: Run, growth: Growth): Opponent[] {
  return growth.opponents.filter(({ name }) =>
    growth.values.some((value) => run.results.cell(keyOf(growth.name, name, value), 'rtt') !== undefined),
  );
}

const isMeasured = (run: Run, growth: Growth, value: number): boolean =>
  growth.opponents.some(({ name }) => run.results.cell(keyOf(growth.name, name, value), 'rtt') !== undefined);

function growthTable(run: Run, growth: Growth): string {
  const opponents = present(run, growth);
  const head = opponents.flatMap(({ name }) => [`${name}, tunnel`, '÷ first', 'round trip']);
  const unit = opponents.flatMap(() => ['µs', '', 'µs']);
  const rows = growth.values
    .filter((value) => isMeasured(run, growth, value))
    .map((value) =>
      [amountOf(growth, value)].concat(opponents.flatMap((opponent) => cells(run, growth, opponent, value))),
    );
  return `**${growth.title}**\n\n${table([[growth.of, ...head], ['', ...unit], ...rows])}`;
}

/** Tables of everything that was made to grow in this run; the first line says what else there was. */
export function growthTables(run: Run): string[] {
  const grown = GROWTHS.filter(
    (growth) => run.growths.includes(growth.name) && present(run, growth).length > 0,
  );
  if (grown.length === 0) return [];
  const failed = grown.flatMap((growth) =>
    present(run, growth).flatMap(({ name }) =>
      growth.values.flatMap((value) => {
        const reason = run.results.cell(keyOf(growth.name, name, value), 'rtt')?.failed;
        return reason === undefined ? [] : [`- failed: ${keyOf(growth.name, name, value)}: ${reason}`];
      }),
    ),
  );
  return [
    `CPU of a tunnel and of a round trip while one thing grows. Gyre's tunnels are over SOCKS5 with login, ` +
      `the floor's over SOCKS5, Squid's over CONNECT; of the rest Gyre has ${USUALLY}.`,
    ...grown.map((growth) => growthTable(run, growth)),
    ...(failed.length > 0 ? [failed.join('\n')] : []),
  ];
}
