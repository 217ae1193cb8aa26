/** The protocols as one who has a long stream to send speaks them: up to the place where the stream begins. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Peer, type Target } from './peer.ts';

/** Where to, and how much. */
export interface Route {
  /** Of the proxy. */
  readonly port: number;
  /** Of the proxy's listener inside TLS. */
  readonly tlsPort: number;
  /** PEM of who signed its certificate. */
  readonly ca: string;
  readonly target: Target;
  /** Of the stream; bytes. */
  readonly length: number;
}

/** Both ends, where the stream begins. */
export interface Ends {
  readonly near: Peer;
  readonly far: Peer;
}

export type LongWay = (route: Route) => Promise<Ends>;

export const socks5: LongWay = async (route) => {
  const near = await Peer.connect(route.port);
  near.write('05 01 00');
  await near.read(2);
  const far = route.target.accept();
  near.write(Buffer.concat([Buffer.of(5, 1, 0, 1, 127, 0, 0, 1), portBytes(route)]));
  expect(await near.read(10), '0500');
  return { near, far: await far };
};

/** By name, which is what the `a` adds. */
export const socks4a: LongWay = async (route) => {
  const near = await Peer.connect(route.port);
  const far = route.target.accept();
  const name = Buffer.from('\0localhost\0');
  near.write(Buffer.concat([Buffer.of(4, 1), portBytes(route), Buffer.of(0, 0, 0, 1), name]));
  expect(await near.read(8), '005a');
  return { near, far: await far };
};

export const httpConnect: LongWay = async (route) => connectBy(await Peer.connect(route.port), route);

export const httpConnectInTls: LongWay = async (route) => {
  const { tlsPort: port, ca } = route;
  const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' });
  await once(socket, 'secureConnect');
  return connectBy(new Peer(socket), route);
};

async function connectBy(near: Peer, { target }: Route): Promise<Ends> {
  const far = target.accept();
  near.text(`CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n\r\n`);
  await readOk(near);
  return { near, far: await far };
}

/** The stream is the body of the answer. */
export const httpGet: LongWay = async ({ port, target, length }) => {
  const near = await Peer.connect(port);
  near.text(`GET http://127.0.0.1:${target.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n\r\n`);
  const far = await target.accept();
  await readHead(far);
  far.text(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
  await readOk(near);
  return { near, far };
};

/** The stream is the body of the request. */
export const httpPost: LongWay = async ({ port, target, length }) => {
  const near = await Peer.connect(port);
  const url = `http://127.0.0.1:${target.port}/`;
  near.text(`POST ${url} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\nContent-Length: ${length}\r\n\r\n`);
  const far = await target.accept();
  await readHead(far);
  return { near, far };
};

/** Takes the socket over from a peer that has heard the opening. @returns it, stopped, and what came behind it. */
export async function takeOver(peer: Peer): Promise<{ socket: Socket; early: Buffer }> {
  const { socket } = peer;
  socket.pause();
  const early = await peer.read(peer.buffered);
  socket.removeAllListeners('data');
  return { socket, early };
}

async function readHead(peer: Peer): Promise<string> {
  let head = '';
  while (!head.endsWith('\r\n\r\n')) head += (await peer.read(1)).toString('latin1');
  return head;
}

async function readOk(peer: Peer): Promise<void> {
  const head = await readHead(peer);
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`refused: ${head}`);
}

function portBytes({ target }: Route): Buffer {
  return Buffer.of(target.port >> 8, target.port & 255);
}

function expect(answer: Buffer, start: string): void {
  if (!answer.toString('hex').startsWith(start)) throw new Error(`refused: ${answer.toString('hex')}`);
}
