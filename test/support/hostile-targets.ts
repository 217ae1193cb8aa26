/** What the hostile matrix asks to be connected with: a server that echoes, and an HTTP origin. Both count. */
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** No other program of the host is likely to be there. */
export const TARGET_HOST = '127.77.0.1';

export interface Targets extends AsyncDisposable {
  /** Says back what it hears, FIN included. */
  readonly echoPort: number;
  /** Answers every request with its method, path and body. */
  readonly originPort: number;
  /** Connections accepted so far, both together. */
  readonly accepted: number;
  /** Of those, open. */
  readonly open: number;
}

export async function startTargets(): Promise<Targets> {
  let accepted = 0;
  const open = new Set<Socket>();
  const count = (socket: Socket): void => {
    accepted++;
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  };
  const echo = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    count(socket);
    socket.pipe(socket);
  });
  const origin = createHttpServer(answer)
    .on('connection', count)
    .on('upgrade', (_, socket: Socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
    });
  await Promise.all([echo, origin].map(listen));
  return {
    echoPort: portOf(echo),
    originPort: portOf(origin),
    get accepted() {
      return accepted;
    },
    get open() {
      return open.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await Promise.all([echo, origin].map((server) => new Promise((closed) => server.close(closed))));
    },
  };
}

/** `POST /path` and the body, as plain text. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const parts: Buffer[] = [Buffer.from(`${request.method} ${request.url}\n`)];
  request.on('error', () => {}).on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => response.end(Buffer.concat(parts)));
}

async function listen(server: Server): Promise<void> {
  server.listen({ host: TARGET_HOST, port: 0, backlog: 4096 });
  await once(server, 'listening');
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
