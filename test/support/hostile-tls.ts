/** TLS vectors: what is no TLS, what is only the beginning of it, and every protocol inside of it. */
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { hex, vector, type Draft, type Vector } from './hostile-vectors.ts';

/** A real ClientHello, as this Node sends it. */
async function clientHello(): Promise<Buffer> {
  const said = Promise.withResolvers<Buffer>();
  const pipe = new Duplex({
    read() {},
    write: (chunk: Buffer, _, done) => {
      said.resolve(chunk);
      done();
    },
  });
  const socket = connect({ socket: pipe, servername: 'localhost' }).on('error', () => {});
  const hello = await said.promise;
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
  return hello;
}

/** @param inner Vectors that a client of TLS sends as well. */
export async function tlsVectors(inner: readonly Vector[]): Promise<Vector[]> {
  const hello = await clientHello();
  const next = Buffer.from('CONNECT a.echo:80 HTTP/1.1\r\nHost: a.echo:80\r\n\r\n');
  const record = (type: string, body: Buffer): Buffer =>
    Buffer.concat([hex(type), hex('0303'), Buffer.of(body.length >> 8, body.length & 255), body]);
  const drafts: Omit<Draft, 'verdict'>[] = [
    { name: 'a ClientHello and no more', stages: [hello], stalls: true },
    { name: 'two of them', stages: [Buffer.concat([hello, hello])] },
    { name: 'plain HTTP', stages: [next] },
    { name: 'plain SOCKS5', stages: [hex('05 01 00 05 01 00 01 7f000001 0050')] },
    { name: 'SSL 2', stages: [hex('80 2e 01 00 02 00 15 00 00 00 10'), Buffer.alloc(37, 1)] },
    { name: 'an alert', stages: [record('15', hex('02 28'))] },
    { name: 'application data', stages: [record('17', Buffer.alloc(64))] },
    { name: 'an empty record', stages: [record('16', Buffer.alloc(0))] },
  ];
  // What is said to noise differs from one OpenSSL to the next: that it is whole, and the last word, is looked at.
  const noise = drafts.map((draft) =>
    vector({ ...draft, name: `TLS, ${draft.name}`, listener: 'tls', verdict: undefined }, next),
  );
  const inside = inner.map((one) => ({
    ...one,
    name: `TLS, ${one.name}`,
    listener: 'tls' as const,
    secure: true,
    spots: Math.min(one.spots, 40),
  }));
  return [...noise, ...inside];
}
