/** The rules about who may use the proxy, and how much. */
import { DEFAULT_POOL } from '../../connection.ts';
import type { LimitTerms } from '../../policy/limits/terms.ts';
import type { Config } from '../config.ts';
import { isPublic } from './listen.ts';
import type { Locate } from './layers.ts';
import { didYouMean, quote, type Finding } from './problem.ts';
import { isEverything, places } from './rules-listen.ts';
import { plainTextHost } from './schema-access.ts';
import type { Written, WrittenTls } from './schema-listen.ts';

export function accessFindings(config: Partial<Written>): Finding[] {
  return [...repeatedUsers(config), ...unknownPools(config), ...unknownUsers(config), ...openRelay(config)];
}

export function accessRemarks(config: Written, locate: Locate, now: number): string[] {
  return [
    ...expiredUsers(config, now),
    ...plainTextPasswords(config),
    ...rulesNeverReached(config, locate),
    ...forgottenQuotas(config, locate),
  ];
}

/** Whether clients have to log in. */
export function asksWho({
  users,
  usersFile,
  userCheck,
}: Pick<Config, 'users' | 'usersFile' | 'userCheck'>): boolean {
  return users.length > 0 || usersFile !== undefined || userCheck !== undefined;
}

/** Whether everyone who reaches a listener may use it, as far as no client certificate is asked for. */
export function isOpenToAll(config: Pick<Config, 'users' | 'usersFile' | 'userCheck' | 'clients'>): boolean {
  const { allow } = config.clients;
  return !asksWho(config) && (allow.length === 0 || allow.some(isEverything));
}

function repeatedUsers({ users = [] }: Partial<Written>): Finding[] {
  const seen = new Set<string>();
  return users.flatMap(({ name }, index) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    const message = `the user ${quote(name)} is given twice`;
    return [{ path: ['users', index, 'name'], message, hint: 'leave one of the two out' }];
  });
}

function unknownPools({ users = [], pools }: Partial<Written>): Finding[] {
  if (pools === undefined) return [];
  const known = [DEFAULT_POOL, ...Object.keys(pools)];
  const check = (name: string, path: readonly PropertyKey[]): Finding[] => {
    if (known.includes(name)) return [];
    const hint = didYouMean(name, known) ?? `known here: ${known.join(', ')}; others are made under pools`;
    return [{ path, message: `there is no pool ${quote(name)}`, hint }];
  };
  return users.flatMap(({ pool, pools: own = [] }, index) => [
    ...(pool === undefined ? [] : check(pool, ['users', index, 'pool'])),
    ...own.flatMap((name, place) => check(name, ['users', index, 'pools', place])),
  ]);
}

/** With a users file or an external check nobody knows yet who there is. */
function unknownUsers(config: Partial<Written>): Finding[] {
  const { users, usersFile, userCheck, targets } = config;
  if (users === undefined || targets === undefined) return [];
  if (wentWrong(config, 'usersFile', 'userCheck') || (usersFile ?? userCheck) !== undefined) return [];
  const known = users.map(({ name }) => name);
  return targets.rules.flatMap((rule, index) =>
    (rule.users ?? []).flatMap((name, place) => {
      if (known.includes(name)) return [];
      const path = ['targets', 'rules', index, 'users', place];
      const hint = didYouMean(name, known) ?? 'add it to users, or leave it out here';
      return [{ path, message: `there is no user ${quote(name)}`, hint }];
    }),
  );
}

function openRelay(config: Partial<Written>): Finding[] {
  // An option that is wrong in itself may have been meant to close the relay.
  if (wentWrong(config, 'users', 'usersFile', 'userCheck', 'clients', 'tls', 'openRelay')) return [];
  const { listen = [] } = config;
  const { clients, tls } = config as Written;
  if (config.openRelay === true || !isOpenToAll(config as Written)) return [];
  const asksCertificates = (files: WrittenTls | undefined): boolean =>
    files !== undefined && (files.clientCa ?? tls.clientCa) !== undefined;
  const lacking =
    clients.allow.length === 0 ? 'no list of allowed clients' : 'the list of allowed clients names everyone';
  return places(listen.filter((one) => isPublic(one) && !asksCertificates(one.tls))).map(
    ({ path, text }) => ({
      path,
      message: `anyone who can reach ${text} could use this proxy: there are no users, and ${lacking}`,
      hint: 'add a user (users: in the file, --user NAME:PASSWORD, or GYRE_USER) or a file of them (usersFile: FILE, --users-file, or GYRE_USERS_FILE), or name the networks clients come from (clients: {allow: [192.0.2.0/24]}, or --allow-client), or listen on 127.0.0.1; if an open relay is what you want: openRelay: true, --open-relay, or GYRE_OPEN_RELAY=1',
    }),
  );
}

/** Options that are right are there, even when they are undefined. */
function wentWrong(config: Partial<Written>, ...keys: readonly (keyof Written)[]): boolean {
  return keys.some((key) => !Object.hasOwn(config, key));
}

/** How many of a kind are told one by one. */
const MOST_TOLD = 5;

function expiredUsers({ users }: Written, now: number): string[] {
  const expired = users.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt <= now);
  const more = expired.length - MOST_TOLD;
  return [
    ...expired.slice(0, MOST_TOLD).map(({ name, expiresAt }) => {
      const day = new Date(expiresAt!).toISOString().slice(0, 10);
      return `the user ${quote(name)} has expired on ${day} and is refused`;
    }),
    ...(more > 0 ? [`${more} more of the users have expired and are refused`] : []),
  ];
}

function plainTextPasswords({ userCheck }: Written): string[] {
  const host = plainTextHost(userCheck);
  if (host === undefined) return [];
  return [`userCheck sends every password to ${host} unencrypted: https:// would hide them on the way`];
}

/** Only where it is plain to see: behind a rule about everything, for everybody. */
function rulesNeverReached({ targets: { rules } }: Written, locate: Locate): string[] {
  const last = rules.findIndex(
    ({ allow, deny, users }) =>
      users === undefined && (allow ?? deny)!.some((pattern) => pattern.toLowerCase() === 'all'),
  );
  if (last === -1 || last === rules.length - 1) return [];
  const [here, next] = [last, last + 1].map((index) => locate(['targets', 'rules', index]));
  return [`the rule at ${next} is never reached: the one at ${here} decides about everything`];
}

interface PlacedTerms {
  readonly terms: LimitTerms | undefined;
  readonly path: readonly PropertyKey[];
}

/** Everything that is limited, with its place. */
function placesOfLimits({ limits, listen, users }: Written): PlacedTerms[] {
  return [
    { terms: limits.global, path: ['limits', 'all'] },
    { terms: limits.perClient, path: ['limits', 'client'] },
    { terms: limits.perUser, path: ['limits', 'user'] },
    ...listen.map((one) => ({ terms: one.limits, path: [...one.path, 'limits'] })),
    ...users.map((one, index) => ({ terms: one.limits, path: ['users', index, 'limits'] })),
  ];
}

function forgottenQuotas(config: Written, locate: Locate): string[] {
  const { quotaFile } = config.limits;
  const place = placesOfLimits(config).find(({ terms }) => terms?.quota !== undefined)?.path;
  if (place !== undefined && quotaFile === undefined)
    return [
      `the quota at ${locate([...place, 'quota'])} begins anew with every restart: limits.quotaFile names a file to keep it in`,
    ];
  if (place === undefined && quotaFile !== undefined)
    return [`nobody has a quota, so ${locate(['limits', 'quotaFile'], 'key')} has no effect`];
  return [];
}
