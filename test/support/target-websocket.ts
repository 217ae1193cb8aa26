/** A WebSocket server (RFC 6455): tells its caller who it is and what it asked for, then sends back what it gets. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { visitOf, type Visit } from './target.ts';
import type { Certificate } from './tls.ts';

export interface WebSocketTarget extends AsyncDisposable {
  readonly port: number;
  /** Every handshake, oldest first. */
  readonly visits: readonly Visit[];
}

/** From RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 0x81;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

/** @param certificate For wss://. */
export async function startWebSocketTarget(certificate?: Certificate): Promise<WebSocketTarget> {
  const visits: Visit[] = [];
  const sockets = new Set<Duplex>();
  const server = certificate === undefined ? http.createServer() : https.createServer(certificate);
  server.on('request', (_, response) => response.writeHead(426).end());
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    const visit = visitOf(request);
    visits.push(visit);
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    accept(socket, String(request.headers['sec-websocket-key']));
    socket.write(frame(TEXT, Buffer.from(`${visit.address} ${visit.url}`)));
    if (head.length > 0) socket.unshift(head);
    echo(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    visits,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function accept(socket: Duplex, key: string): void {
  const answer = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.write([...head, `Sec-WebSocket-Accept: ${answer}`, '', ''].join('\r\n'));
}

function echo(socket: Duplex): void {
  let held = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (let read = readFrame(held); read !== undefined; read = readFrame(held)) {
      held = held.subarray(read.length);
      const opcode = read.first & 0x0f;
      // A fragment goes back as the fragment it is.
      socket.write(frame(opcode === PING ? 0x80 | PONG : read.first, read.payload));
      if (opcode === CLOSE) socket.end();
    }
  });
  socket.once('end', () => socket.end());
}

interface Frame {
  /** The byte with FIN and the opcode. */
  readonly first: number;
  readonly payload: Buffer;
  /** Of the whole frame. */
  readonly length: number;
}

/** Reads a client's frame, which is always masked; undefined: not all of it is here. */
function readFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + extended + 4;
  if (bytes.length < start) return undefined;
  const size = extended === 0 ? short : bytes.readUIntBE(extended === 8 ? 4 : 2, extended === 8 ? 6 : 2);
  if (bytes.length < start + size) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + size));
  for (let i = 0; i < size; i += 1) payload[i]! ^= mask[i % 4]!;
  return { first: bytes[0]!, payload, length: start + size };
}

function frame(first: number, payload: Buffer): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.of(first, length), payload]);
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = first;
  head[1] = length < 65_536 ? 126 : 127;
  head.writeUIntBE(length, length < 65_536 ? 2 : 4, length < 65_536 ? 2 : 6);
  return Buffer.concat([head, payload]);
}
