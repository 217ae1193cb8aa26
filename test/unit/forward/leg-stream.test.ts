import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { LegStream } from '../../../src/forward/leg-stream.ts';
import { RemoteStream } from '../../../src/forward/remote-stream.ts';
import type { Leg, Reader } from '../../../src/leg/leg.ts';
import { Legs } from '../../../src/leg/legs.ts';

const NOBODY: Reader = { bytes: () => false, end() {}, drain() {}, gone() {} };

/** A leg, and the socket at its other end. */
async function pair(byHandle: boolean): Promise<{ leg: Leg; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const stands = Promise.withResolvers<void>();
  const to = { host: '127.0.0.1', port, localAddress: '127.0.0.1', localPort: 0, family: 4 } as const;
  const leg = new Legs(byHandle).connect(to, NOBODY, stands.resolve);
  const [peer] = await accepted;
  peer.on('error', () => {});
  await stands.promise;
  server.close();
  return { leg, peer };
}

/** Whatever error there was. */
const closed = (socket: Socket | LegStream): Promise<unknown> =>
  socket.closed ? Promise.resolve() : new Promise((over) => socket.once('close', over));

/** Until the leg has read something. */
const heardSomething = (leg: Leg): Promise<void> => until(() => leg.traffic.read > 0);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** What a stream says until it ends. */
function collect(stream: LegStream): { text: string } {
  const heard = { text: '' };
  stream.on('data', (chunk: Buffer) => (heard.text += chunk.toString()));
  return heard;
}

for (const byHandle of [true, false]) {
  suite(byHandle ? 'over handles' : 'over sockets', () => {
    test('what comes while nobody reads is kept, the leg stops, and all comes in order later', async () => {
      const { leg, peer } = await pair(byHandle);
      leg.held = Buffer.from('held ');
      const stream = new LegStream(leg).listen();
      peer.write('and '.repeat(200_000));
      peer.end('end');
      while (peer.bytesWritten === 0) await new Promise(setImmediate);
      const heard = collect(stream);
      stream.pause();
      await new Promise(setImmediate);
      assert.deepEqual([heard.text, leg.traffic.read], ['', 0]);
      stream.resume();
      await once(stream, 'end');
      assert.equal(heard.text, `held ${'and '.repeat(200_000)}end`);
      stream.destroy();
      await closed(peer);
    });

    test('FIN and a close behind bytes that wait are not lost, nor is a reset', async () => {
      for (const how of ['fin', 'reset'] as const) {
        const { leg, peer } = await pair(byHandle);
        const stream = new LegStream(leg).listen();
        await new Promise((sent) => peer.write('last words', sent));
        await heardSomething(leg);
        if (how === 'reset') peer.resetAndDestroy();
        else peer.end();
        // A leg that stopped has to be read on for its end to be seen.
        leg.resume();
        if (how === 'reset') await until(() => leg.closed);
        else await until(() => leg.ended);
        if (how === 'fin') leg.destroy();
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
      const { leg, peer } = await pair(byHandle);
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
      assert.deepEqual([leg.held?.toString(), leg.closed], ['for the next one', false]);
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
        const { leg, peer } = await pair(byHandle);
        const stream = new RemoteStream(leg).listen().resume();
        stream.end('request');
        await once(peer, 'data');
        stream.part();
        if (closes) peer.end();
        await closed(stream);
        await until(() => leg.closed);
        peer.destroy();
      }
    });
  });
}
