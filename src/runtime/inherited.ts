/**
 * Listening sockets that a process is given at its birth: by systemd, or by the Gyre whose place it takes.
 *
 * They come as descriptors from 3 on (sd_listen_fds(3)). Which listener each one belongs to is told by its own address, as
 * the kernel shows it in /proc: no list has to come along that could be wrong.
 */
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIP, isIPv6, SocketAddress } from 'node:net';
import { endianness } from 'node:os';
import type { Endpoint } from '../connection.ts';
import { BESIDE } from '../bind.ts';
import type { ListenAddress, UnixAddress } from '../listener.ts';

/** Where systemd begins to count. */
const FIRST_FD = 3;
/** `st` of a listening socket in /proc/net/tcp. */
const LISTENING = '0A';
/** `Flags` of a listening socket in /proc/net/unix: `__SO_ACCEPTCON`. */
const ACCEPTING = 0x10000;

/** A listening socket of this process. */
export interface ListeningSocket {
  readonly fd: number;
  /** `127.0.0.1 1080`, `::1 1080`, `/run/gyre.sock`. */
  readonly at: string;
}

/** What a process was given at its birth. */
export interface Birth {
  readonly inherited: Inherited;
  /** Who to tell that it is ready; a descriptor. */
  readonly readyFd: number | undefined;
}

/** The variable by which a Gyre tells its successor what it hands over: its process id, how many, and whose they are. */
const HANDOVER = 'GYRE_HANDOVER';

/** @param count Sockets, at the descriptors from 3 on; behind them the one to report to. */
export function handoverVariables(count: number, activated: boolean): Readonly<Record<string, string>> {
  return { [HANDOVER]: `${process.pid} ${count} ${activated ? 'systemd' : 'own'}` };
}

/** The descriptors are marked to be closed in programs that this one starts: Node does so with all that it finds. */
export function takeBirth(environment: NodeJS.ProcessEnv): Birth {
  const { LISTEN_PID, LISTEN_FDS, [HANDOVER]: handover = '' } = environment;
  // Not for programs that we start.
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', HANDOVER]) delete environment[name];
  const [parent, count, owner] = handover.split(' ');
  if (Number(parent) === process.ppid) {
    const inherited = new Inherited(listeningSockets(descriptors(Number(count))), owner === 'systemd');
    return { inherited, readyFd: FIRST_FD + Number(count) };
  }
  const own = Number(LISTEN_PID) === process.pid;
  const sockets = own ? listeningSockets(descriptors(Number(LISTEN_FDS))) : [];
  return { inherited: new Inherited(sockets, own), readyFd: undefined };
}

function descriptors(count: number): number[] {
  return Array.from({ length: count }, (_, i) => FIRST_FD + i);
}

/** The sockets of one address. */
export interface Portion {
  /** One, or several that share the port. */
  readonly fds: readonly number[];
  /** Where they are: with the port they really have. */
  readonly endpoint: Endpoint;
}

/** What was inherited and is not in use yet. */
export class Inherited {
  /** Somebody outside has them too, and keeps them when we close ours: systemd. */
  readonly activated: boolean;
  #sockets: readonly ListeningSocket[];

  constructor(sockets: readonly ListeningSocket[] = [], activated = false) {
    this.#sockets = sockets;
    this.activated = activated;
  }

  /**
   * Who gets which. A port that the kernel chooses may be any port of that address that nobody names.
   * @returns for each of these addresses what it gets; undefined: nothing.
   */
  async assign(
    addresses: readonly (ListenAddress | UnixAddress)[],
  ): Promise<readonly (Portion | undefined)[]> {
    const keys = await Promise.all(addresses.map((at) => keyOf(at)));
    const exact = keys.map((key) => this.#take((at) => at === key));
    return exact.map((portion, i) => {
      if (portion !== undefined || !keys[i]?.endsWith(' 0')) return portion;
      const host = keys[i].slice(0, -1);
      const first = this.#sockets.find(({ at }) => at.startsWith(host));
      return first && this.#take((at) => at === first.at);
    });
  }

  /** Closes what nobody wants: clients would wait there for ever. @returns where that was. */
  closeRest(): readonly string[] {
    const rest = this.#sockets;
    this.#sockets = [];
    for (const { fd } of rest) closeSync(fd);
    return [...new Set(rest.map(({ at }) => at.replace(/ (?=\d+$)/, ' port ')))];
  }

  #take(wanted: (at: string) => boolean): Portion | undefined {
    const taken = this.#sockets.filter(({ at }) => wanted(at));
    const [first] = taken;
    if (first === undefined) return undefined;
    this.#sockets = this.#sockets.filter(({ at }) => !wanted(at));
    return { fds: taken.map(({ fd }) => fd), endpoint: endpointOf(first.at) };
  }
}

/** Those of all listening sockets of this process that listen at one of these addresses; in the order of descriptors. */
export function ownSockets(
  addresses: readonly { readonly address: string; readonly port: number }[],
): readonly ListeningSocket[] {
  const wanted = new Set(
    addresses.map(({ address, port }) =>
      address.startsWith('unix:') ? unixKey(address.slice('unix:'.length)) : tcpKey(address, port),
    ),
  );
  const fds = readdirSync('/proc/self/fd').map(Number);
  return listeningSockets(fds.toSorted((a, b) => a - b)).filter(({ at }) => wanted.has(at));
}

/** Those of these descriptors that are listening stream sockets; none where the kernel does not tell. */
export function listeningSockets(fds: readonly number[]): readonly ListeningSocket[] {
  if (fds.length === 0) return [];
  const sockets = new Map([...tcpListeners('tcp'), ...tcpListeners('tcp6'), ...unixListeners()]);
  return fds.flatMap((fd) => {
    const at = sockets.get(inodeOf(fd));
    return at === undefined ? [] : [{ fd, at }];
  });
}

/** proc(5), `/proc/net/tcp`: by inode. */
function tcpListeners(table: 'tcp' | 'tcp6'): [inode: string, at: string][] {
  return linesOf(table).flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state !== LISTENING) return [];
    const [address = '', port = ''] = local.split(':');
    return [[inode, tcpKey(addressOf(address), Number.parseInt(port, 16))]];
  });
}

function unixListeners(): [inode: string, at: string][] {
  return linesOf('unix').flatMap((line) => {
    const [, flags = '', inode = '', path = ''] = /^(?:\S+ ){3}(\S+) \S+ \S+ +(\d+) (.+)$/.exec(line) ?? [];
    return (Number.parseInt(flags, 16) & ACCEPTING) === 0 ? [] : [[inode, unixKey(path)]];
  });
}

function linesOf(table: string): string[] {
  try {
    return readFileSync(`/proc/self/net/${table}`, 'latin1').trimEnd().split('\n').slice(1);
  } catch {
    // No IPv6, or no Linux.
    return [];
  }
}

function inodeOf(fd: number): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** 32-bit words in the order of the host, 8 digits each. */
function addressOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => {
    const four = word.match(/../g)!.map((byte) => Number.parseInt(byte, 16));
    return endianness() === 'LE' ? four.toReversed() : four;
  });
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16));
  return groups.join(':');
}

/** Where the file is that was bound beside. */
function unixKey(path: string): string {
  return path.endsWith(BESIDE) ? path.slice(0, -BESIDE.length) : path;
}

/** The same for all spellings of an address. */
function tcpKey(address: string, port: number): string {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  return `${new SocketAddress({ address, family }).address} ${port}`;
}

function endpointOf(at: string): Endpoint {
  if (at.startsWith('/')) return { address: `unix:${at}`, port: 0 };
  const [address = '', port] = at.split(' ');
  return { address, port: Number(port) };
}

async function keyOf(at: ListenAddress | UnixAddress): Promise<string | undefined> {
  if ('path' in at) return unixKey(at.path);
  const { host, port } = at;
  if (isIP(host) !== 0 && !host.includes('%')) return tcpKey(host, port);
  const { lookup } = await import('node:dns/promises');
  // What cannot be resolved will be told by who listens there.
  const found = await lookup(host).catch(() => undefined);
  return found && tcpKey(found.address, port);
}
