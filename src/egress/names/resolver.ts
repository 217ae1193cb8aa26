/**
 * Names to addresses, by our own rules.
 *
 * `dns.lookup` is not used: it shares four threads with everything else in the process, reads odd spellings as
 * addresses, and cannot be cancelled. Instead: `localhost` is what RFC 6761 says, then the hosts file, then DNS
 * queries of only those families the pool can leave by, A and AAAA at the same time, with a cache in front.
 */
import { Resolver } from 'node:dns/promises';
import type { Family } from '../../connection.ts';
import { ProxyError } from '../../errors.ts';
import { DnsCache, NEGATIVE_TTL, type Answer } from './dns-cache.ts';
import { HostsFile } from './hosts.ts';
import { targetAddress, type TargetAddress } from './target-address.ts';

export type { TargetAddress } from './target-address.ts';

export interface NameResolver {
  /**
   * The addresses of a canonical name, IPv6 first; never empty.
   * @param wanted Families worth asking for; when none is, all are asked, so that the answer can say what is missing.
   * @param ms Time to answer in.
   * @throws ProxyError `NAME_NOT_FOUND`, `DNS_FAILED` or `DNS_TIMEOUT`.
   */
  resolve(name: string, wanted: (family: Family) => boolean, ms: number): Promise<readonly TargetAddress[]>;
}

export interface ResolverOptions {
  /** `address` or `address:port`; empty means those of the system. */
  readonly servers: readonly string[];
  /** The longest an answer is kept, whatever its TTL; milliseconds, 0 for no cache. Default 5 minutes. */
  readonly cacheMaxTtl?: number;
  /** How long one server is waited for; milliseconds. Default 2000. */
  readonly queryTimeout?: number;
  /** How often all servers are asked. Default 2. */
  readonly tries?: number;
  /** Default `/etc/hosts`. */
  readonly hostsFile?: string;
}

const LOOPBACK: readonly TargetAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];
const FAMILIES: readonly Family[] = [6, 4];

/** How long an answer waits for the other family's, when that one is late (RFC 8305 §3, "Resolution Delay"); milliseconds. */
const RESOLUTION_DELAY_MS = 50;
/** Addresses kept of one answer: more than are ever dialled. */
const MAX_ADDRESSES = 32;

/** @throws when a server is not an address. */
export function buildResolver(options: ResolverOptions): NameResolver {
  const {
    servers,
    cacheMaxTtl = 300_000,
    queryTimeout = 2000,
    tries = 2,
    hostsFile = '/etc/hosts',
  } = options;
  const dns = new Resolver({ timeout: queryTimeout, tries });
  if (servers.length > 0) dns.setServers(servers);
  const cache = new DnsCache((name, family) => ask(dns, name, family), { maxTtl: cacheMaxTtl });
  const hosts = new HostsFile(hostsFile);
  return {
    async resolve(name, wanted, ms) {
      const local = name === 'localhost' || name.endsWith('.localhost') ? LOOPBACK : hosts.find(name);
      if (local !== undefined) return preferred(local, wanted);
      return inTime(find(cache, name, FAMILIES.filter(wanted)), ms);
    },
  };
}

const preferred = (
  addresses: readonly TargetAddress[],
  wanted: (family: Family) => boolean,
): readonly TargetAddress[] => {
  const fitting = addresses.filter(({ family }) => wanted(family));
  return fitting.length === 0 ? addresses : fitting;
};

async function find(
  cache: DnsCache,
  name: string,
  wanted: readonly Family[],
): Promise<readonly TargetAddress[]> {
  const answers = await gather(wanted.map((family) => cache.lookup(name, family)));
  // The name exists, but not with a family we can leave by. Whether it has the other one is the difference between a
  // target without addresses and a pool that does not fit it.
  if (wanted.length < FAMILIES.length && answers.every(({ error }) => error?.code === 'ENODATA')) {
    const others = FAMILIES.filter((family) => !wanted.includes(family));
    answers.push(...(await gather(others.map((family) => cache.lookup(name, family)))));
  }
  const addresses = unique(answers.flatMap(({ addresses }) => addresses));
  if (addresses.length > 0) return addresses.toSorted((a, b) => b.family - a.family);
  throw dnsError(answers.flatMap(({ error }) => error ?? []));
}

/** Waits for all answers; from the first one with addresses on, for {@link RESOLUTION_DELAY_MS} and no longer. */
function gather(asked: readonly Promise<Answer>[]): Promise<Answer[]> {
  if (asked.length < 2) return Promise.all(asked);
  return new Promise((resolve) => {
    const answers: Answer[] = [];
    let timer: NodeJS.Timeout | undefined;
    const take = (answer: Answer): void => {
      answers.push(answer);
      if (answers.length === asked.length) {
        clearTimeout(timer);
        resolve(answers);
      } else if (answer.addresses.length > 0) {
        timer ??= setTimeout(() => resolve([...answers]), RESOLUTION_DELAY_MS);
      }
    };
    for (const answer of asked) void answer.then(take);
  });
}

async function ask(dns: Resolver, name: string, family: Family): Promise<Answer> {
  try {
    const records = await (family === 6
      ? dns.resolve6(name, { ttl: true })
      : dns.resolve4(name, { ttl: true }));
    const kept = records.slice(0, MAX_ADDRESSES);
    const addresses = kept.map(({ address }) => targetAddress(address));
    return { addresses, error: undefined, ttl: Math.min(...kept.map(({ ttl }) => ttl)) };
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException;
    return { addresses: [], error, ttl: NO_SUCH_NAME.has(error.code ?? '') ? NEGATIVE_TTL : 0 };
  }
}

const unique = (addresses: readonly TargetAddress[]): TargetAddress[] =>
  addresses.filter(
    ({ address }, index) => addresses.findIndex((other) => other.address === address) === index,
  );

const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME', 'ENONAME']);

function dnsError(errors: readonly NodeJS.ErrnoException[]): ProxyError {
  const serious = errors.find(({ code }) => !NO_SUCH_NAME.has(code ?? ''));
  if (serious === undefined) return new ProxyError('NAME_NOT_FOUND', undefined, errors[0]);
  return new ProxyError(serious.code === 'ETIMEOUT' ? 'DNS_TIMEOUT' : 'DNS_FAILED', undefined, serious);
}

async function inTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ProxyError('DNS_TIMEOUT')), Math.max(0, ms));
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
