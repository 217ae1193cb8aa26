/**
 * A target as a program for a network namespace. It tells every caller where it came from, then sends back what it gets;
 * an exclamation mark makes it hang up. Prints its ports.
 */
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { GREETING_BYTES } from './netns-client.ts';

/** Two destinations on one host. */
const PORTS: readonly number[] = [7001, 7002];

for (const port of PORTS) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, serve);
  server.listen({ host: '::', port, backlog: 4096 });
  await once(server, 'listening');
}
process.stdout.write(`${PORTS.join(' ')}\n`);

function serve(socket: Socket): void {
  socket.on('error', () => {});
  const caller = `${socket.remoteAddress?.replace('::ffff:', '')} ${socket.remotePort} `;
  socket.write(caller.padEnd(GREETING_BYTES));
  socket.on('data', (bytes) => {
    if (bytes.includes('!')) socket.end();
    else socket.write(bytes);
  });
  socket.on('end', () => socket.end());
}
