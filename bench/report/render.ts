/** The whole report of a run. */
import { details, failures, overview } from './axes-tables.ts';
import { chartLinks } from './charts.ts';
import { growthTables } from './growth-tables.ts';
import type { Run } from './record.ts';
import { plain } from './table.ts';
import { targets } from './targets.ts';

function amounts({ rounds, sizes }: Run): string {
  return (
    `${rounds} interleaved rounds; a round of one proxy is ${plain(sizes.tunnels)} tunnels a protocol (32 at once), ` +
    `${plain(Math.round(sizes.bytes / 2 ** 20))} MiB each way (4 streams, and 64), ${plain(sizes.roundTrips)} round ` +
    `trips (32 tunnels), ${plain(sizes.requests)} plain HTTP requests (32 at once), ${plain(sizes.idle)} idle tunnels ` +
    `and a crowd of ${plain(sizes.crowd)}, and ${sizes.seconds} s of ${plain(sizes.rate)} tunnels a second for the latency.`
  );
}

function circumstances({ date, machine, disturbance, minutes }: Run): string {
  const { cpu, cores, kernel, node, pinning } = machine;
  return (
    `${date}. ${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}. ${pinning} Other programs kept ` +
    `${disturbance.toFixed(2)} cores busy meanwhile. It took ${Math.ceil(minutes)} minutes.`
  );
}

function notes(run: Run): string {
  return [
    ...run.entrants.map(({ opponent, version }) => `- ${opponent.name} (${version}): ${opponent.setup}`),
    ...[...run.missing].map(([name, reason]) => `- ${name}: ${reason}`),
    ...[...run.skipped].map(([axis, reason]) => `- ${axis} was not run: ${reason}`),
    ...failures(run),
  ].join('\n');
}

const section = (title: string, blocks: readonly string[]): string[] =>
  blocks.length === 0 ? [] : [`### ${title}`, ...blocks];

const folded = (title: string, blocks: readonly string[]): string[] =>
  blocks.length === 0 ? [] : ['<details>', `<summary>${title}</summary>`, ...blocks, '</details>'];

export function render(run: Run): string {
  return [
    circumstances(run),
    amounts(run),
    ...section('Targets', [
      'Ratios of medians in this run. Handshakes are compared without a login, as the others have none; the column ' +
        'beside it has the login. Everything else is Gyre with users, access log and metrics.',
      targets(run),
    ]),
    ...section('All proxies', [
      ...chartLinks(run),
      overview(run),
      'Smaller is better everywhere. A column "÷ name" is a ratio of medians: 2.00 costs twice as much.',
      ...folded('Every figure with its extremes', details(run)),
    ]),
    ...section('Growth', growthTables(run)),
    ...section('How each was set up', [notes(run)]),
  ].join('\n\n');
}
