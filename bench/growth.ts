/** Growth: the same figures of a proxy that has more and more of one thing, each time in a process of its own. */
import type { AxisName, Sizes } from './axes.ts';
import { floor } from './opponents/floor.ts';
import { USUAL, gyreLike, gyre, type Shape } from './opponents/gyre.ts';
import { squid } from './opponents/http.ts';
import type { Opponent } from './opponents/opponent.ts';

export const GROWTH_NAMES = ['open', 'addresses', 'users', 'rules', 'threads', 'features'] as const;
export type GrowthName = (typeof GROWTH_NAMES)[number];

export interface Growth {
  readonly name: GrowthName;
  readonly title: string;
  /** What the values count. */
  readonly of: string;
  readonly values: readonly number[];
  /** In place of the values, where they are no amounts. */
  readonly words?: readonly string[];
  readonly opponents: readonly Opponent[];
  /** What this makes of Gyre. */
  shape(value: number): Partial<Shape>;
}

/** Features one after the other, each beside those before. */
const FEATURES: readonly Partial<Shape>[] = [
  { users: 0, accessLog: false, admin: false },
  { users: 0, admin: false },
  { users: 0 },
  {},
];

export const GROWTHS: readonly Growth[] = [
  {
    name: 'open',
    title: 'Open tunnels',
    of: 'open tunnels',
    values: [1, 10, 100, 1000, 9000],
    opponents: [gyre, squid, floor],
    shape: () => ({}),
  },
  {
    name: 'addresses',
    title: 'Addresses of the pool',
    of: 'addresses',
    values: [1, 16, 256, 4096, 65_536],
    opponents: [gyre],
    shape: (addresses) => ({ addresses }),
  },
  {
    name: 'users',
    title: 'Users',
    of: 'users',
    values: [1, 100, 10_000, 100_000],
    opponents: [gyre],
    shape: (users) => ({ users }),
  },
  {
    name: 'rules',
    title: 'Destination rules',
    of: 'rules',
    values: [0, 10, 100, 1000, 10_000],
    opponents: [gyre],
    shape: (rules) => ({ rules }),
  },
  {
    name: 'threads',
    title: 'Threads, on the one core',
    of: 'threads',
    values: [1, 2],
    opponents: [gyre],
    shape: (workers) => ({ workers }),
  },
  {
    name: 'features',
    title: 'Features',
    of: 'features',
    values: [0, 1, 2, 3],
    words: ['none', 'access log', '+ admin and metrics', '+ users and login'],
    opponents: [gyre],
    shape: (value) => FEATURES[value]!,
  },
];

/** One proxy with one amount. */
export interface Point {
  readonly growth: Growth;
  readonly value: number;
  /** Under which name the results have it. */
  readonly key: string;
  readonly opponent: Opponent;
  readonly axes: readonly AxisName[];
  /** Tunnels that are open all the time. */
  readonly held: number;
  /** Threads that have to get warm, each by itself. */
  readonly threads: number;
}

export const keyOf = (growth: GrowthName, opponent: string, value: number): string =>
  `${opponent}, ${growth} ${value}`;

/** The axis that tells what a tunnel costs this proxy. */
export const tunnelAxis = (opponent: Opponent): 'socks5' | 'connect' =>
  opponent.protocols[0] === 'connect' ? 'connect' : 'socks5';

/** @param most More tunnels than that are not held. */
export function pointsOf(growth: Growth, only: readonly string[], endsOnly: boolean, most: number): Point[] {
  const opponents = growth.opponents.filter(({ name }) => only.includes(name));
  const possible = growth.values.filter((value) => growth.name !== 'open' || value <= most);
  const values = endsOnly && growth.words === undefined ? [possible[0]!, possible.at(-1)!] : possible;
  return values.flatMap((value) =>
    opponents.map((opponent) => ({
      growth,
      value,
      key: keyOf(growth.name, opponent.name, value),
      opponent: opponent === gyre ? gyreLike(gyre.name, gyre.setup, growth.shape(value)) : opponent,
      axes: [tunnelAxis(opponent), 'rtt'] as const,
      held: growth.name === 'open' ? value : 0,
      threads: growth.name === 'threads' ? value : 1,
    })),
  );
}

/** A point does less than a round of an axis does: there are many of them. */
export const growthSizes = (sizes: Sizes): Sizes => ({
  ...sizes,
  tunnels: Math.ceil(sizes.tunnels * 0.5),
  roundTrips: Math.ceil(sizes.roundTrips * 0.3),
});

/** What Gyre has of everything that does not grow at the moment. */
export const USUALLY: string = `${USUAL.addresses} addresses, ${USUAL.users} user, no rules, ${USUAL.workers} thread`;
