import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { LegStream } from '../../../src/forward/leg-stream.ts';
import { RemoteStream } from '../../../src/forward/remote-stream.ts';
import { Leg, ReadBuffers, type Reader } from '../../../src/leg.ts';

const NOBODY: Reader = { bytes: () => false, end() {}, drain() {}, gone() {} };

/** A leg, and the socket at its other end. */
async function pair(): Promise<{ leg: Leg; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const leg = Leg.connect({ host: '127.0.0.1', port }, NOBODY, new ReadBuffers());
  const [peer] = await accepted;
  peer.on('error', () => {});
  if (leg.socket.connecting) await once(leg.socket, 'connect');
  server.close();
  return { leg, peer };
}

/** Whatever error there was. */
const closed = (socket: Socket | LegStream): Promise<unknown> =>
  socket.closed ? Promise.resolve() : new Promise((over) => socket.once('close', over));

/** Until the leg has read something. */
async function heardSomething({ socket }: Leg): Promise<void> {
  while (socket.bytesRead === 0) await new Promise(setImmediate);
}

/** What a stream says until it ends. */
function collect(stream: LegStream): { text: string } {
  const heard = { text: '' };
  stream.on('data', (chunk: Buffer) => (heard.text += chunk.toString()));
  return heard;
}

test('what comes while nobody reads is kept, the leg stops, and all comes in order later', async () => {
  const { leg, peer } = await pair();
  leg.held = Buffer.from('held ');
  const stream = new LegStream(leg).listen();
  peer.write('and '.repeat(200_000));
  peer.end('end');
  while (peer.bytesWritten === 0) await new Promise(setImmediate);
  const heard = collect(stream);
  stream.pause();
  await new Promise(setImmediate);
  assert.deepEqual([heard.text, leg.socket.bytesRead], ['', 0]);
  stream.resume();
  await once(stream, 'end');
  assert.equal(heard.text, `held ${'and '.repeat(200_000)}end`);
  stream.destroy();
  await closed(peer);
});

test('FIN and a close behind bytes that wait are not lost, nor is a reset', async () => {
  for (const how of ['fin', 'reset'] as const) {
    const { leg, peer } = await pair();
    const stream = new LegStream(leg).listen();
    await new Promise((sent) => peer.write('last words', sent));
    await heardSomething(leg);
    if (how === 'reset') peer.resetAndDestroy();
    else peer.end();
    // A leg that stopped has to be read on for its end to be seen.
    leg.resume();
    if (how === 'reset') await closed(leg.socket);
    else await once(leg.socket, 'end');
    if (how === 'fin') leg.socket.destroy();
    assert.equal(stream.destroyed, false);
    const heard = collect(stream);
    if (how === 'reset') await closed(stream);
    else await once(stream, 'end');
    assert.equal(heard.text, 'last words');
    assert.equal(stream.failure?.code, how === 'fin' ? undefined : 'ECONNRESET');
    stream.destroy();
  }
});

test('writes wait for a peer that does not read, and a released leg is as it was', async () => {
  const { leg, peer } = await pair();
  const stream = new LegStream(leg).listen();
  peer.pause();
  while (stream.write(Buffer.alloc(65_536))) await new Promise(setImmediate);
  assert.ok(stream.writableNeedDrain);
  peer.resume();
  await once(stream, 'drain');
  peer.write('for the next one');
  await heardSomething(leg);
  stream.release();
  await closed(stream);
  assert.deepEqual([leg.held?.toString(), leg.socket.destroyed], ['for the next one', false]);
  const next = new LegStream(leg);
  const heard = collect(next);
  next.listen();
  peer.end();
  await once(next, 'end');
  assert.equal(heard.text, 'for the next one');
  next.abort();
  await closed(peer);
});

test('a remote that has nothing to say any more is closed by its target, or soon', async () => {
  for (const closes of [true, false]) {
    const { leg, peer } = await pair();
    const stream = new RemoteStream(leg).listen().resume();
    stream.end('request');
    await once(peer, 'data');
    stream.part();
    if (closes) peer.end();
    await closed(stream);
    assert.equal(leg.socket.destroyed, true);
    peer.destroy();
  }
});
