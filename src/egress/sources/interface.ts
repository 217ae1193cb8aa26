/** The addresses an interface of this host carries at the moment. */
import { isIP } from 'node:net';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { Address4, Address6 } from 'ip-address';
import type { FamilySpan } from '../expression/span.ts';
import { asRange, type InterfaceTerm } from '../expression/term.ts';
import { REFRESH_MS, WATCH_MS, type Source, type SourceOptions } from './source.ts';

/** What `os.networkInterfaces()` gives. */
export type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/** Looking takes at most one part in this many of the thread's time. */
const LOOK_SHARE = 100;

/**
 * Watched by looking: Node tells nobody when an address comes or goes. An interface that is gone has no addresses, and
 * that is an answer like any other.
 */
export function interfaceSource(term: InterfaceTerm, options: SourceOptions = {}): Source {
  const { interfaces = networkInterfaces, watchMs = WATCH_MS, refreshMs = REFRESH_MS } = options;
  const carried = (): string => textOf(interfaces(), term.name);
  let seen: string | undefined;
  return {
    text: term.text,
    refreshMs: term.refreshMs ?? refreshMs,
    // async, so that a failure of the system call is a rejection like any other.
    // oxlint-disable-next-line require-await
    async read() {
      const all = interfaces();
      seen = textOf(all, term.name);
      const spans = addressesOf(all, term.name) ?? [];
      return { ranges: spans.map((span) => asRange(span, term)), problems: [] };
    },
    watch: (changed) =>
      every(watchMs, () => {
        if (carried() !== seen) changed();
      }),
  };
}

/** Takes a look again and again, and less often on a host with so many addresses that looking takes long. */
function every(ms: number, look: () => void): () => void {
  let timer: NodeJS.Timeout;
  const again = (): void => {
    const begun = performance.now();
    try {
      look();
    } catch {
      // The next regular read meets the same failure, and reports it.
    }
    timer = setTimeout(again, Math.max(ms, LOOK_SHARE * (performance.now() - begun))).unref();
  };
  timer = setTimeout(again, ms).unref();
  return () => clearTimeout(timer);
}

function textOf(interfaces: Interfaces, name: string): string {
  return (interfaces[name] ?? []).map(({ address }) => address).join();
}

/**
 * Without link-local addresses, and without loopback ones unless the interface is the loopback itself.
 * @returns Undefined when there is no such interface.
 */
export function addressesOf(interfaces: Interfaces, name: string): FamilySpan[] | undefined {
  // An own property only: `constructor` is no interface.
  const infos = Object.hasOwn(interfaces, name) ? interfaces[name] : undefined;
  if (infos === undefined) return undefined;
  // The same address may stand on an interface with two prefix lengths.
  const addresses = new Set(infos.map((info) => info.address));
  const loopback = /^lo\d*$/.test(name);
  return [...addresses].map(spanOf).filter((span) => !isLinkLocal(span) && (loopback || !isLoopback(span)));
}

function spanOf(text: string): FamilySpan {
  const family = isIP(text) === 4 ? 4 : 6;
  const value = (family === 4 ? new Address4(text) : new Address6(text)).bigInt();
  return { family, first: value, last: value };
}

function isLinkLocal({ family, first }: FamilySpan): boolean {
  return family === 6 && first >> 118n === 0xfe80n >> 6n;
}

function isLoopback({ family, first }: FamilySpan): boolean {
  return family === 4 ? first >> 24n === 127n : first === 1n;
}
