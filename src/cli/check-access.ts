/** What `gyre check` says of users, clients, rules and limits. Names and numbers, and never a password or a hash. */
import type { LimitTerms } from '../policy/limits/terms.ts';
import type { Config } from '../runtime/config.ts';
import { formatRate, formatSize } from '../runtime/config/amounts.ts';
import { formatListeners } from '../runtime/config/listen.ts';
import { asksWho } from '../runtime/config/rules-access.ts';
import { enumerate, formatCount, plural } from './terminal.ts';

/** A line behind its label; a line without one belongs to the line above. */
export type Row = readonly [label: string, text: string];

/** More than that nobody reads. */
const MOST_NAMES = 10;

/** @param fromFile Names of the users in the users file. */
export function accessRows(config: Config, fromFile: readonly string[]): Row[] {
  const { allow, deny } = config.clients;
  const { allowPrivate, rules } = config.targets;
  const restricted = config.users.filter(({ targets }) => targets !== undefined);
  return [
    ...under('users', usersInWords(config, fromFile)),
    [
      'clients',
      `${allow.length === 0 ? 'from everywhere' : `from ${enumerate(allow)}`}${deny.length === 0 ? '' : `, but not from ${enumerate(deny)}`}`,
    ],
    ...under('targets', [
      allowPrivate ? 'all, private ones too' : 'public ones only',
      ...(rules.length === 0
        ? []
        : [`${plural(rules.length, 'rule')}, of which the first that matches decides`]),
      ...(restricted.length === 0
        ? []
        : [`${plural(restricted.length, 'user')} may reach only some of them`]),
    ]),
    ...under('limits', limitsInWords(config)),
  ];
}

const under = (label: string, texts: readonly string[]): Row[] =>
  texts.map((text, index) => [index === 0 ? label : '', text]);

function usersInWords(config: Config, fromFile: readonly string[]): string[] {
  const { users, usersFile, userCheck, removedUsers } = config;
  if (!asksWho(config)) return ['none: no credentials are asked for'];
  return [
    ...(users.length === 0 ? [] : [names(users.map(({ name }) => name))]),
    ...(usersFile === undefined
      ? []
      : [`in ${usersFile}: ${fromFile.length === 0 ? 'none' : names(fromFile)}`]),
    ...(userCheck === undefined ? [] : [`whom ${hostOf(userCheck)} knows`]),
    ...(removedUsers === 'keep' ? ['tunnels of users who are taken out go on'] : []),
  ];
}

/** Quoted where a name could be taken for several, or for something else. */
function names(all: readonly string[]): string {
  const shown = all
    .slice(0, MOST_NAMES)
    .map((name) => (/^[\w.@+-]+$/.test(name) ? name : JSON.stringify(name)));
  const more = all.length - shown.length;
  return enumerate(more === 0 ? shown : [...shown, `${formatCount(more)} more`]);
}

/** All of a URL that may be shown. */
export const hostOf = ({ url }: NonNullable<Config['userCheck']>): string => new URL(url).host;

function limitsInWords({ limits, listen, users }: Config): string[] {
  const { global, perListener, perClient, perUser, handshakes, logins } = limits;
  const ofListeners = Map.groupBy(listen, (_, index) => termsInWords(perListener[index] ?? {}));
  ofListeners.delete('');
  const ofUsers = users.filter((user) => user.limits !== undefined).length;
  const lines: Row[] = [
    ['all', termsInWords(global)],
    ...[...ofListeners].map(([terms, group]): Row => [enumerate(formatListeners(group)), terms]),
    ['each client', termsInWords(perClient)],
    ['each user', termsInWords(perUser)],
  ];
  return [
    ...lines.filter(([, terms]) => terms !== '').map(([whose, terms]) => `${whose}: ${terms}`),
    ...(ofUsers === 0 ? [] : [`${plural(ofUsers, 'user')} with limits of their own`]),
    ...(handshakes === Infinity
      ? []
      : [`${formatCount(handshakes)} unfinished requests of a client address`]),
    ...(logins.failures === Infinity
      ? []
      : [
          `${plural(logins.failures, 'wrong password')} in ${logins.perMs / 1000} s lock out for ${logins.banMs / 1000} s`,
        ]),
  ];
}

/** `100 connections, 20/s, up 1MB/s`; empty for no limits. */
export function termsInWords({ connections, rate, up, down, quota }: LimitTerms): string {
  return [
    ...(connections === undefined ? [] : [plural(connections, 'connection')]),
    ...(rate === undefined ? [] : [`${formatRate(rate)} new`]),
    ...(up === undefined ? [] : [`up ${formatSize(up)}/s`]),
    ...(down === undefined ? [] : [`down ${formatSize(down)}/s`]),
    ...(quota === undefined ? [] : [`${formatSize(quota.bytes)}/${quota.period}`]),
  ].join(', ');
}

/** The same for programs. What is not limited is null. */
export function accessAsJson(config: Config, fromFile: readonly string[]): object {
  const { users, usersFile, userCheck, removedUsers, clients, targets, limits, overload } = config;
  return {
    users: users.map(({ name }) => name),
    usersFile: usersFile === undefined ? undefined : { file: usersFile, users: fromFile },
    userCheck: userCheck === undefined ? undefined : hostOf(userCheck),
    removedUsers,
    clients,
    targets: { allowPrivate: targets.allowPrivate, rules: targets.rules.length },
    limits,
    overload,
  };
}
