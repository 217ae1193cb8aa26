/** The target of all vectors: answers a complete HTTP request with what it was sent, and echoes everything else. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** The length of the request that stands at the beginning; undefined while it is not complete, 0 if it is none. */
function requestLength(text: string): number | undefined {
  if (!/^[A-Za-z]+ \S* HTTP\/1/.test(text)) return 0;
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = text.slice(0, end + 4);
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (/^transfer-encoding: *chunked/im.test(head)) {
    const last = /(?:^|\r\n)0+\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(end + 4));
    return last === null ? undefined : end + 4 + last.index + last[0].length;
  }
  const whole = end + 4 + Number(length ?? 0);
  return text.length < whole ? undefined : whole;
}

export async function startOrigin(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const length = requestLength(text);
      if (length === undefined) return;
      if (length === 0) {
        text = '';
        socket.write(chunk);
        return;
      }
      const body = `ORIGIN\r\n${text.slice(0, text.indexOf('\r\n\r\n') + 2)}`;
      socket.end(
        `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body, 'latin1')}\r\nConnection: close\r\n\r\n${body}`,
        'latin1',
      );
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the target has no port');
  return { server, port: address.port };
}
