/** What no option can know by itself: the rules between options. */
import { networkInterfaces } from 'node:os';
import {
  parsePool,
  PoolError,
  poolRanges,
  splitTerms,
  type PoolTerm,
} from '../../egress/expression/expression.ts';
import { count } from '../../egress/pool/ranges.ts';
import type { Config, ListenAddress } from '../config.ts';
import { formatListen, isLoopback } from './listen.ts';
import { quote } from './problem.ts';

/** A problem before its place is known. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint?: string | undefined;
}

/** @param config The options that are right in themselves; rules about the others are not asked. */
export function crossCheck(config: Partial<Config>): Finding[] {
  return [
    ...poolAsAWhole(config.pool, ['pool']),
    ...Object.entries(config.pools ?? {}).flatMap(([name, pool]) => poolAsAWhole(pool, ['pools', name])),
    ...backoff(config),
    ...repeatedAddresses(config),
    ...repeatedUsers(config),
    ...openRelay(config),
  ];
}

/** Terms that cannot stand beside each other. Sources are left for the start: their addresses come and go. */
function poolAsAWhole(pool: readonly string[] | undefined, path: readonly PropertyKey[]): Finding[] {
  if (pool === undefined) return [];
  try {
    const terms = parsePool(pool);
    const left = count(poolRanges(checkable(terms), networkInterfaces()));
    if (left > 0n || terms.some((term) => term.kind !== 'span' && !term.excluded)) return [];
    return [{ path, message: 'the pool is empty: everything in it is excluded again' }];
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    const index = pool.findLastIndex((item) => splitTerms(item).some((piece) => piece.trim() === error.term));
    return [{ path: [...path, Math.max(0, index)], message: error.message, hint: error.hint }];
  }
}

/** With a source in the pool, nobody knows yet what an exclusion will take out of it. */
function checkable(terms: readonly PoolTerm[]): PoolTerm[] {
  const spans = terms.filter((term) => term.kind === 'span');
  return spans.length === terms.length ? spans : spans.filter((term) => !term.excluded);
}

function backoff({ health }: Partial<Config>): Finding[] {
  if (health === undefined || health.backoffMs.first <= health.backoffMs.last) return [];
  const message = 'the first wait is longer than the longest one, health.backoff.last';
  return [{ path: ['health', 'backoff', 'first'], message, hint: 'make first smaller, or last greater' }];
}

function repeatedAddresses({ listen, echo }: Partial<Config>): Finding[] {
  const all: { readonly address: ListenAddress; readonly path: readonly PropertyKey[] }[] = [];
  listen?.forEach((address, index) => all.push({ address, path: ['listen', index] }));
  if (echo !== undefined) all.push({ address: echo, path: ['echo'] });
  // Port 0 is another port each time.
  const texts = all.map(({ address }) => (address.port === 0 ? undefined : formatListen(address)));
  return all
    .filter((_, index) => texts[index] !== undefined && texts.indexOf(texts[index]) < index)
    .map(({ address, path }) => ({
      path,
      message: `${formatListen(address)} is given twice`,
      hint: path[0] === 'echo' ? 'give the echo listener a port of its own' : 'leave one of the two out',
    }));
}

function repeatedUsers({ users = [] }: Partial<Config>): Finding[] {
  const names = users.map(({ name }) => name);
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [
          {
            path: ['users', index, 'name'],
            message: `the user ${quote(name)} is given twice`,
            hint: 'leave one of the two out',
          },
        ],
  );
}

function openRelay({ listen, users, clients, openRelay }: Partial<Config>): Finding[] {
  // An option that is wrong in itself may have been meant to close the relay.
  if (users === undefined || clients === undefined || openRelay !== false) return [];
  if (users.length > 0 || clients.allow.length > 0) return [];
  return (listen ?? []).flatMap((address, index) =>
    isLoopback(address.host)
      ? []
      : [
          {
            path: ['listen', index],
            message: `anyone who can reach ${formatListen(address)} could use this proxy: there are no users and no list of allowed clients`,
            hint: 'add a user (users: in the file, --user NAME:PASSWORD, or GYRE_USER), or name the networks clients come from (clients: {allow: [192.0.2.0/24]}), or listen on 127.0.0.1; if an open relay is what you want: openRelay: true, --open-relay, or GYRE_OPEN_RELAY=1',
          },
        ],
  );
}
