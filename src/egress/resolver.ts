/**
 * Names to addresses, by our own rules.
 *
 * `dns.lookup` is not used: it shares four threads with everything else in the process, reads odd spellings as
 * addresses, and cannot be cancelled. Instead: `localhost` is what RFC 6761 says, then the hosts file, then DNS
 * queries of only those families the pool can leave by.
 */
import { Resolver } from 'node:dns/promises';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Family } from '../connection.ts';
import { ProxyError } from '../errors.ts';
import { parseHost } from '../protocol/address.ts';

/** One address of a target. */
export interface TargetAddress {
  readonly address: string;
  readonly family: Family;
}

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
  /** Default `/etc/hosts`. */
  readonly hostsFile?: string;
}

const LOOPBACK: readonly TargetAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];
const FAMILIES: readonly Family[] = [6, 4];

/** How long one server is waited for, and how often all are asked; the caller's deadline comes on top. */
const QUERY = { timeout: 2000, tries: 2 };

export function buildResolver({ servers, hostsFile = '/etc/hosts' }: ResolverOptions): NameResolver {
  const dns = new Resolver(QUERY);
  if (servers.length > 0) dns.setServers(servers);
  const hosts = new HostsFile(hostsFile);
  return {
    async resolve(name, wanted, ms) {
      const local = name === 'localhost' || name.endsWith('.localhost') ? LOOPBACK : hosts.find(name);
      if (local !== undefined) return preferred(local, wanted);
      const asked = FAMILIES.filter(wanted);
      return inTime(query(dns, name, asked.length === 0 ? FAMILIES : asked), ms);
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

async function query(
  dns: Resolver,
  name: string,
  families: readonly Family[],
): Promise<readonly TargetAddress[]> {
  const answers = await Promise.allSettled(
    families.map((family) => (family === 6 ? dns.resolve6(name) : dns.resolve4(name))),
  );
  const addresses = answers.flatMap((answer) =>
    answer.status === 'fulfilled' ? answer.value.map(targetAddress) : [],
  );
  if (addresses.length > 0) return addresses;
  throw dnsError(
    answers.flatMap((answer) =>
      answer.status === 'rejected' ? [answer.reason as NodeJS.ErrnoException] : [],
    ),
  );
}

/** What DNS answers is a peer's bytes too: an AAAA of ::ffff:10.0.0.1 is the IPv4 address it stands for. */
function targetAddress(text: string): TargetAddress {
  const { host, family } = parseHost(text);
  if (family === 0) throw new ProxyError('DNS_FAILED');
  return { address: host, family };
}

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

/** The system's hosts file, read again when it has changed. */
class HostsFile {
  readonly #path: string;
  #names = new Map<string, TargetAddress[]>();
  #modifiedAt = -1;
  #checkedAt = -Infinity;

  constructor(path: string) {
    this.#path = path;
  }

  find(name: string): readonly TargetAddress[] | undefined {
    const now = performance.now();
    if (now - this.#checkedAt > 5000) {
      this.#checkedAt = now;
      this.#refresh();
    }
    return this.#names.get(name);
  }

  #refresh(): void {
    try {
      const { mtimeMs } = statSync(this.#path);
      if (mtimeMs === this.#modifiedAt) return;
      this.#names = parseHosts(readFileSync(this.#path, 'utf8'));
      this.#modifiedAt = mtimeMs;
    } catch {
      // No hosts file, or none that we may read: then DNS alone answers.
      this.#names.clear();
    }
  }
}

/** `address name name # comment` lines (hosts(5)); IPv6 addresses first. Lines that cannot be targets are skipped. */
function parseHosts(text: string): Map<string, TargetAddress[]> {
  const names = new Map<string, TargetAddress[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    // An address with a zone id (fe80::1%lo0) means something on this host only.
    if (isIP(address) === 0 || address.includes('%')) continue;
    const found = targetAddress(address);
    for (const alias of aliases.map((name) => name.toLowerCase())) {
      const known = names.get(alias) ?? [];
      names.set(alias, found.family === 6 ? [found, ...known] : [...known, found]);
    }
  }
  return names;
}
