/**
 * Many clients of a proxy, as a program for a network namespace: one {@link Order} a line in, one line of JSON out. It also
 * runs a name server, for names of {@link NAMES}; the first line it prints says where.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { DnsServer } from './dns-server.ts';
import { socksRequest } from './gateway.ts';
import { Peer } from './peer.ts';

export type Protocol = 'socks5' | 'http';

export interface Opening {
  readonly do: 'open';
  /** By turns. */
  readonly protocols: readonly Protocol[];
  readonly proxy: number;
  readonly host: string;
  readonly port: number;
  readonly count: number;
  readonly concurrency: number;
  /** Tunnels stay open and keep their `id`. */
  readonly hold: boolean;
}

/** Open tunnels; ask those that stand what they carry, or the target to end them; connect to a target without a proxy. */
export type Order =
  | Opening
  | { readonly do: 'echo' | 'end'; readonly ids: readonly number[] }
  | { readonly do: 'leave'; readonly from: string; readonly host: string; readonly port: number };

/** One client's connection. */
export interface Trip {
  readonly id: number;
  readonly protocol: Protocol;
  /** Where it came from as the target says; missing when it never got there. */
  readonly seen?: string;
  readonly port?: number;
  /** The same as the proxy says. */
  readonly named?: string;
  /** REP of SOCKS5, or the status and reason of HTTP, or what went wrong otherwise. */
  readonly refusal?: string;
}

/** What the target says first: its caller's address and port, filled up with spaces. */
export const GREETING_BYTES = 64;

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'six.test': ['2001:db8:ffff::100'],
  'four.test': ['10.9.0.100'],
  'both.test': ['10.9.0.100', '2001:db8:ffff::100'],
};

const held = new Map<number, Peer>();
let count = 0;

if (import.meta.main) {
  await using names = await DnsServer.listen((name, family) =>
    (NAMES[name] ?? []).filter((address) => address.includes(':') === (family === 6)),
  );
  process.stdout.write(`${names.address}\n`);
  for await (const line of createInterface(process.stdin)) {
    process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line) as Order))}\n`);
  }
}

async function obey(order: Order): Promise<unknown> {
  if (order.do === 'open') return openAll(order);
  if (order.do === 'leave') return leave(order.from, order.host, order.port);
  const tell = order.do === 'echo' ? echo : end;
  const done = await Promise.all(order.ids.map(async (id) => ((await tell(id)) ? [id] : [])));
  return done.flat();
}

async function openAll(order: Opening): Promise<Trip[]> {
  const trips: Trip[] = [];
  let left = order.count;
  const client = async (): Promise<void> => {
    while (left-- > 0) trips.push(await open(order, order.protocols[left % order.protocols.length]!));
  };
  await Promise.all(Array.from({ length: order.concurrency }, client));
  return trips;
}

async function open(order: Opening, protocol: Protocol): Promise<Trip> {
  const id = ++count;
  let peer: Peer | undefined;
  try {
    peer = new Peer(start(order.proxy, id));
    await once(peer.socket, 'connect');
    const answer = await greet(peer, order, protocol);
    const [seen, port] =
      answer.refusal === undefined ? (await peer.read(GREETING_BYTES)).toString().split(' ') : [];
    if (seen !== undefined && order.hold) held.set(id, peer);
    else peer.socket.destroy();
    return { id, protocol, ...answer, ...(seen !== undefined && { seen, port: Number(port) }) };
  } catch (error) {
    peer?.socket.destroy();
    return { id, protocol, refusal: String(error) };
  }
}

function start(proxy: number, id: number): Socket {
  // An address of its own each: a port range made small for the proxy's sake must do for its clients, too.
  const localAddress = `127.1.${(id >> 7) & 127}.${(id & 127) + 1}`;
  return connect({ host: '127.0.0.1', port: proxy, localAddress, allowHalfOpen: true, noDelay: true });
}

/** @returns the caller's address as the target says. */
async function leave(from: string, host: string, port: number): Promise<string> {
  const peer = new Peer(connect({ host, port, localAddress: from }));
  const greeting = await peer.read(GREETING_BYTES);
  peer.socket.destroy();
  return greeting.toString().split(' ')[0]!;
}

async function greet(
  peer: Peer,
  { host, port }: Opening,
  protocol: Protocol,
): Promise<Pick<Trip, 'named' | 'refusal'>> {
  if (protocol === 'http') {
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    peer.text(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    const { status, reason, head } = await peer.readHttp();
    return status === 200 ? { named: /egress="(.*?)"/.exec(head)![1]! } : { refusal: `${status} ${reason}` };
  }
  peer.write('05 01 00');
  await peer.read(2);
  peer.write(requestOf(host, port));
  const [, reply, , type] = await peer.read(4);
  const bound = await peer.read(type === 4 ? 18 : 6);
  return reply === 0 ? { named: textOf(bound.subarray(0, -2)) } : { refusal: `REP ${reply}` };
}

function requestOf(host: string, port: number): Buffer {
  if (/^[\d.]+$/.test(host)) return socksRequest(port, host);
  // A SOCKS server takes an IPv6 address by its text as well.
  return Buffer.of(5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 255);
}

function textOf(address: Buffer): string {
  if (address.length === 4) return address.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => address.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** @returns whether a byte went to the target and came back. */
async function echo(id: number): Promise<boolean> {
  const peer = held.get(id)!;
  peer.text('?');
  try {
    return (await peer.read(1)).toString() === '?';
  } catch {
    return false;
  }
}

/** The target ends its side first, so that the proxy has nothing to wait for afterwards. */
async function end(id: number): Promise<boolean> {
  const peer = held.get(id)!;
  held.delete(id);
  peer.text('!');
  await peer.rest();
  peer.end();
  await peer.waitClosed();
  return true;
}
