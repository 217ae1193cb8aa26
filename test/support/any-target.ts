/** A target for all four protocols: an echo that knows enough of HTTP to answer forwarded requests. */
import type { Socket } from 'node:net';
import { Target } from './peer.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';

/**
 * `GET /hold` gets the beginning of an answer that never comes, `GET /endless` one that never ends; any other GET an answer
 * that names its caller's address.
 * What is no HTTP comes back as it was sent.
 */
export function anyTarget(host = '127.0.0.1'): Promise<Target> {
  return Target.listen((socket) => {
    socket.once('data', (first: Buffer) => {
      const text = first.toString('latin1');
      if (text.startsWith('GET ')) return answer(socket, text);
      socket.write(first);
      socket.pipe(socket);
    });
    socket.on('end', () => socket.end());
  }, host);
}

function answer(socket: Socket, text: string): void {
  const address = socket.remoteAddress ?? '';
  if (text.startsWith('GET /hold ')) socket.write(`${HEAD}Content-Length: 1000\r\n\r\nbegun`);
  else if (text.startsWith('GET /endless ')) pour(socket, `${HEAD}Content-Length: ${2 ** 40}\r\n\r\n`);
  else socket.end(`${HEAD}Content-Length: ${address.length}\r\nConnection: close\r\n\r\n${address}`);
}

const BLOCK = Buffer.alloc(65_536);

/** As much as it takes, until it is gone. */
export function pour(socket: Socket, first: string = ''): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(BLOCK));
  };
  socket.write(first);
  socket.on('drain', more);
  more();
}
