/**
 * The destination guard: which addresses a client may be connected to.
 *
 * It judges the bytes that are about to be dialled, never a text that something else will read again: by their kind
 * (`special.ts`), and by whether they are this host or this proxy.
 */
import { ProxyError } from '../errors.ts';
import type { Endpoint } from '../connection.ts';
import { formatIpv4, formatIpv6, ipBytes } from '../protocol/address.ts';
import { classify, PHRASE, reachedBytes, type AddressKind } from './special.ts';

/** Denied whatever the configuration says: no tunnel can be meant for them, and metadata gives the host itself away. */
const NEVER: ReadonlySet<AddressKind> = new Set(['unspecified', 'multicast', 'broadcast', 'metadata']);

/** May a client be connected there? Both checks throw, neither ever touches the network. */
export interface Guard {
  /**
   * Before resolving. `name` is canonical, as {@link parseHost} leaves it.
   *
   * @throws ProxyError `TARGET_DENIED` for `localhost` and names below it (RFC 6761 §6.3).
   */
  checkName(name: string): void;
  /**
   * Before dialling. `address` is the one that will be dialled.
   *
   * @param explicit A destination rule means this very address: special ones and those of this host are let through,
   * except the kinds that never are and our own listeners.
   * @throws ProxyError `TARGET_DENIED`, and `BAD_TARGET` for a port outside 1–65535.
   */
  check(address: string, port: number, explicit?: boolean): void;
}

export interface GuardOptions {
  /** Lets private, loopback, link-local and the other special addresses through, and this host's own, for local work. */
  readonly allowPrivate: boolean;
  /** Our own listeners, never allowed as targets. On the port of `0.0.0.0` or `::` every loopback address is ours. */
  readonly own: readonly Endpoint[];
  /**
   * Whether an address is one of this host, which includes the pool. Asked for nearly every target, so it must not look
   * around each time: see {@link file://./own-addresses.ts}. Without it, no public address is this host's.
   */
  readonly isLocal?: (address: string) => boolean;
}

/** Compiles the guard. @throws TypeError when an address in `own` is none. */
export function buildGuard({ allowPrivate, own, isLocal = () => false }: GuardOptions): Guard {
  const listeners = new Set(own.map(({ address, port }) => endpointKey(reached(address), port)));
  const ports = new Set(own.map(({ port }) => port));
  const wildcards = new Set(own.filter(({ address }) => isUnspecified(address)).map(({ port }) => port));

  const isOwn = (address: string, port: number, kind: AddressKind): boolean =>
    ports.has(port) &&
    (listeners.has(endpointKey(address, port)) ||
      (wildcards.has(port) && (kind === 'loopback' || isLocal(address))));

  return {
    checkName(name) {
      if (!allowPrivate && (name === 'localhost' || name.endsWith('.localhost'))) {
        throw denied('a name of this host');
      }
    },
    check(address, port, explicit = false) {
      if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new ProxyError('BAD_TARGET');
      const bytes = ipBytes(address);
      if (bytes === undefined) throw denied(PHRASE.invalid);
      const kind = classify(bytes);
      const open = allowPrivate || explicit;
      if (NEVER.has(kind) || (kind !== 'global' && !open)) throw denied(PHRASE[kind]);
      const host = spell(reachedBytes(bytes));
      if (isOwn(host, port, kind)) throw denied('this proxy itself');
      if (!open && isLocal(host)) throw denied('an address of this host');
    },
  };
}

function denied(what: string): ProxyError {
  return new ProxyError('TARGET_DENIED', `the target is ${what}`);
}

/** The one spelling of the host that answers at an address: for IPv4-mapped and NAT64 addresses, the IPv4 address. */
function reached(address: string): string {
  const bytes = ipBytes(address);
  if (bytes === undefined) throw new TypeError(`"${address}" is not an IP address`);
  return spell(reachedBytes(bytes));
}

function spell(bytes: Uint8Array): string {
  return bytes.length === 4 ? formatIpv4(bytes, 0) : formatIpv6(bytes, 0);
}

function endpointKey(address: string, port: number): string {
  return `${port} ${address}`;
}

/** `0.0.0.0` and `::`, as listeners use them; in 0.0.0.0/8 there are more, which nobody can listen on. */
function isUnspecified(address: string): boolean {
  return ipBytes(address)?.every((byte) => byte === 0) === true;
}
