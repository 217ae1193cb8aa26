/**
 * The other end of every tunnel: one server, told by the first 16 bytes of a connection what to do with it. What begins
 * like `GET` is plain HTTP.
 */
import { createServer, type Socket } from 'node:net';
import { BODY_BYTES, Mode, REQUEST_BYTES, type SinkReady } from './job.ts';
import { matches, pour } from './pattern.ts';

const byteCount = (head: Buffer): number => Number(head.readBigUInt64BE(8));

/** Counts the bytes that are right and answers with the count: whoever sent them compares. */
function drink(socket: Socket, total: number, early: Buffer): void {
  let seen = 0;
  let right = 0;
  const take = (chunk: Buffer): void => {
    if (matches(seen, chunk)) right += chunk.length;
    seen += chunk.length;
    if (seen < total) return;
    const answer = Buffer.alloc(8);
    answer.writeBigUInt64BE(BigInt(seen === total ? right : 0));
    socket.end(answer);
  };
  socket.on('data', take);
  if (early.length > 0) take(early);
}

const G = 0x47;
const PATH = /^GET (?:http:\/\/[^/ ]+)?(\/\S*) HTTP\/1\.[01]\r$/m;

/** Answers a request with its own path, so that an answer to another one is noticed. */
function answer(socket: Socket, head: string): void {
  const path = PATH.exec(head)?.[1] ?? '';
  const text = `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${BODY_BYTES}\r\n`;
  const closes = /^connection:.*close/im.test(head) || head.includes(' HTTP/1.0\r\n');
  socket.write(`${text}${closes ? 'Connection: close\r\n' : ''}\r\n${path.padEnd(BODY_BYTES)}`);
  if (closes) socket.end();
}

/** Requests without a body, one after the other. */
function serveHttp(socket: Socket, early: Buffer): void {
  let held = early.toString('latin1');
  const take = (): void => {
    for (let end = held.indexOf('\r\n\r\n'); end >= 0; end = held.indexOf('\r\n\r\n')) {
      answer(socket, held.slice(0, end + 4));
      held = held.slice(end + 4);
    }
  };
  socket.on('data', (chunk) => {
    held += chunk.toString('latin1');
    take();
  });
  take();
}

function serve(socket: Socket, head: Buffer, early: Buffer): void {
  const mode = head[0];
  if (mode === G) {
    serveHttp(socket, Buffer.concat([head, early]));
  } else if (mode === Mode.once) {
    socket.end(head);
  } else if (mode === Mode.echo) {
    socket.on('data', (chunk) => (chunk[0] === Mode.once ? socket.end(chunk) : socket.write(chunk)));
    socket.write(early.length > 0 ? Buffer.concat([head, early]) : head);
  } else if (mode === Mode.down) {
    pour(socket, byteCount(head), () => socket.end());
  } else if (mode === Mode.up) {
    drink(socket, byteCount(head), early);
  } else {
    socket.destroy();
  }
  // A socket without a reader never sees the FIN of the other side.
  socket.resume();
}

function welcome(socket: Socket): void {
  let held: Buffer = Buffer.alloc(0);
  const collect = (chunk: Buffer): void => {
    held = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
    if (held.length < REQUEST_BYTES) return;
    socket.off('data', collect);
    serve(socket, held.subarray(0, REQUEST_BYTES), held.subarray(REQUEST_BYTES));
  };
  // A proxy may cut a tunnel any way it likes; the client's side of the bench tells right from wrong.
  socket.on('error', () => socket.destroy());
  socket.on('data', collect);
}

const server = createServer({ noDelay: true }, welcome);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the sink has no port');
  process.send?.({ port: address.port } satisfies SinkReady);
});
process.on('disconnect', () => process.exit());
