/** What Gyre is meant to reach, as ratios within one run, and whether it did. */
import { GROWTHS, keyOf, type GrowthName } from '../growth.ts';
import type { Place } from '../results.ts';
import type { Run } from './record.ts';
import { NOTHING, table } from './table.ts';

interface Target {
  readonly figure: string;
  readonly against: string;
  /** What the figure may be at most. */
  readonly most: number;
  readonly unit?: string;
  measured(run: Run): number | undefined;
  /** The same of clients that log in, where `measured` is without. */
  withLogin?(run: Run): number | undefined;
}

/** Names of opponents with what the ratio to them may be. */
type Most = Readonly<Record<string, number>>;

/** The figure of Gyre as users run it, against others. */
const plainly = (figure: string, metric: string, most: Most): Target[] =>
  Object.entries(most).map(([against, most]) => ({
    figure,
    against,
    most,
    measured: ({ results }) => results.ratio(['gyre', metric], [against, metric]),
  }));

/** The figure of a handshake, without a login as theirs. */
const handshake = (figure: string, metric: string, most: Most): Target[] =>
  Object.entries(most).map(([against, most]) => ({
    figure,
    against,
    most,
    measured: ({ results }) => results.ratio(['gyre-open', metric], [against, metric]),
    withLogin: ({ results }) => results.ratio(['gyre', metric], [against, metric]),
  }));

/** A tunnel with the most of something against one with the least. */
function grown(name: GrowthName, most: number): Target {
  const { values, of } = GROWTHS.find((growth) => growth.name === name)!;
  const [first, last] = [values[0]!, values.at(-1)!];
  const place = (value: number): Place => [keyOf(name, 'gyre', value), 'socks5'];
  return {
    figure: `CPU per tunnel, ${last.toLocaleString('en')} ${of}`,
    against: `itself with ${first}`,
    most,
    measured: ({ results }) => results.ratio(place(last), place(first)),
  };
}

const bytes: Most = {
  floor: 1.15,
  haproxy: 0.85,
  'haproxy-splice': 0.85,
  squid: 0.7,
  'hev-socks5-server': 1,
  '3proxy': 1,
};

/** Two threads must do at least 0.95 of the tunnels a CPU second that one does. */
const THREADS_AT_LEAST = 0.95;

const TARGETS: readonly Target[] = [
  ...plainly('CPU per GB down', 'down', bytes),
  ...plainly('CPU per GB up', 'up', bytes),
  ...handshake('CPU per tunnel, SOCKS5', 'socks5', {
    floor: 1.7,
    dante: 0.85,
    'hev-socks5-server': 1,
    '3proxy': 1,
    microsocks: 1,
  }),
  ...handshake('CPU per tunnel, CONNECT', 'connect', {
    floor: 1.7,
    squid: 0.7,
    tinyproxy: 1,
    'proxy-chain': 0.55,
  }),
  ...plainly('CPU per round trip', 'rtt', { haproxy: 1.25, squid: 1, microsocks: 0.75 }),
  ...plainly('RSS per idle tunnel, crowd', 'crowdRss', { microsocks: 0.7, squid: 0.25 }),
  {
    figure: 'RSS per idle tunnel, crowd',
    against: 'nobody',
    most: 8,
    unit: ' KiB',
    measured: ({ results }) => results.spread('gyre', 'crowdRss')?.median,
  },
  // Without what is there anyway: who is above in one is above in the other, and a quiet moment makes that one negative.
  ...handshake('Latency at half load, p99', 'p99', { squid: 1 }),
  grown('open', 1.2),
  grown('addresses', 1.2),
  grown('users', 1.2),
  {
    figure: 'CPU per tunnel, 2 threads',
    against: 'itself with 1',
    most: 1 / THREADS_AT_LEAST,
    measured: ({ results }) =>
      results.ratio([keyOf('threads', 'gyre', 2), 'socks5'], [keyOf('threads', 'gyre', 1), 'socks5']),
  },
];

function verdict({ most }: Target, measured: number | undefined): string {
  if (measured === undefined) return 'not measured';
  // As it is shown: to two digits.
  return Number(measured.toFixed(2)) <= most ? 'met' : '**missed**';
}

function row(target: Target, run: Run): string[] {
  const { figure, against, most, unit = '' } = target;
  const text = (value: number | undefined): string =>
    value === undefined ? NOTHING : `${value.toFixed(2)}${unit}`;
  const measured = target.measured(run);
  return [
    figure,
    against,
    text(most),
    text(measured),
    text(target.withLogin?.(run)),
    verdict(target, measured),
  ];
}

export function targets(run: Run): string {
  const head = ['figure of Gyre', 'against', 'at most', 'measured', 'with login', ''];
  return table([head, ...TARGETS.map((target) => row(target, run))]);
}
