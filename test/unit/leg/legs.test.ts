/** Both kinds of legs, over real sockets: what one does, the other does as well. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { handles } from '../../../src/leg/handle.ts';
import type { Leg, Reader } from '../../../src/leg/leg.ts';
import { Legs, type Connect } from '../../../src/leg/legs.ts';

const MIB = 1024 * 1024;

/** Remembers all it is told. */
class Ears implements Reader {
  text = '';
  length = 0;
  ends = 0;
  drains = 0;
  /** Undefined before the end; null when there was no error. */
  last: NodeJS.ErrnoException | null | undefined = undefined;
  deaths = 0;

  bytes(chunk: Buffer): boolean {
    this.length += chunk.length;
    if (this.text.length < 1000) this.text += chunk.toString('latin1');
    return true;
  }

  end(): void {
    this.ends++;
  }

  drain(): void {
    this.drains++;
  }

  gone(error: NodeJS.ErrnoException | undefined): void {
    this.last = error ?? null;
    this.deaths++;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const to = (port: number, more: Partial<Connect> = {}): Connect => ({
  host: '127.0.0.1',
  port,
  localAddress: '127.0.0.1',
  localPort: 0,
  family: 4,
  ...more,
});

interface Pair extends AsyncDisposable {
  readonly leg: Leg;
  readonly ears: Ears;
  readonly peer: Socket;
}

/** A leg that has connected, and the socket at its other end. */
async function connected(byHandle: boolean): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listening(server);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const ears = new Ears();
  const stands = Promise.withResolvers<void>();
  const leg = new Legs(byHandle).connect(to(port), ears, stands.resolve);
  const [peer] = await accepted;
  await stands.promise;
  return pair(leg, ears, peer, server);
}

/** A leg that was accepted, and the socket at its other end. */
async function accepted(byHandle: boolean): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const born = Promise.withResolvers<Leg>();
  new Legs(byHandle).acceptFrom(server, born.resolve);
  const port = await listening(server);
  const { connect } = await import('node:net');
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const ears = new Ears();
  const leg = await born.promise;
  leg.hand(ears);
  return pair(leg, ears, peer, server);
}

function pair(leg: Leg, ears: Ears, peer: Socket, server: Server): Pair {
  peer.on('error', () => {});
  return {
    leg,
    ears,
    peer,
    async [Symbol.asyncDispose]() {
      leg.destroy();
      peer.destroy();
      server.close();
      await until(() => leg.closed);
    },
  };
}

test('this Node has handles; without them everything works, and costs more', () => {
  assert.notEqual(handles, undefined);
});

for (const byHandle of [true, false]) {
  for (const [how, make] of [
    ['that has connected', connected],
    ['that was accepted', accepted],
  ] as const) {
    suite(`a leg ${how}, over ${byHandle ? 'handles' : 'sockets'}`, () => {
      test('reads, writes, and says FIN behind what it has written', async () => {
        await using both = await make(byHandle);
        const { leg, ears, peer } = both;
        peer.write('to the leg');
        await until(() => ears.text === 'to the leg');
        let heard = 0;
        peer.on('data', (chunk: Buffer) => (heard += chunk.length));
        const ended = once(peer, 'end');
        leg.writeAll([Buffer.alloc(3 * MIB), Buffer.from('!')]);
        leg.write(Buffer.alloc(MIB));
        let flushed = 0;
        leg.end(() => flushed++);
        await ended;
        assert.deepEqual([heard, leg.traffic.written, leg.traffic.read], [4 * MIB + 1, 4 * MIB + 1, 10]);
        await until(() => flushed === 1);
        // The other direction goes on.
        peer.write(' and more');
        await until(() => ears.text === 'to the leg and more');
        assert.equal(leg.closed, false);
        peer.end();
        await until(() => ears.deaths === 1);
        assert.deepEqual([ears.ends, ears.last, leg.closed, flushed], [1, null, true, 1]);
      });

      test('tells when a write waits, and when it has gone', async () => {
        await using both = await make(byHandle);
        const { leg, ears, peer } = both;
        peer.pause();
        while (leg.write(Buffer.alloc(65_536))) await new Promise(setImmediate);
        assert.equal(leg.pending, true);
        assert.equal(ears.drains, 0);
        peer.resume();
        await until(() => ears.drains === 1);
        assert.equal(leg.pending, false);
      });

      test('does not read while it is paused, and loses nothing', async () => {
        await using both = await make(byHandle);
        const { leg, ears, peer } = both;
        leg.pause();
        peer.write('waits');
        await new Promise((resolve) => setTimeout(resolve, 20));
        assert.equal(ears.text, '');
        leg.resume();
        await until(() => ears.text === 'waits');
      });

      test('hears of a reset, once', async () => {
        await using both = await make(byHandle);
        const { leg, ears, peer } = both;
        await until(() => !peer.connecting);
        peer.resetAndDestroy();
        await until(() => ears.deaths === 1);
        assert.equal(ears.last?.code, 'ECONNRESET');
        leg.write(Buffer.from('into the void'));
        leg.end();
        leg.reset();
        leg.destroy();
        await new Promise((resolve) => setTimeout(resolve, 5));
        assert.deepEqual([ears.deaths, ears.ends], [1, 0]);
      });

      test('resets its peer; in the middle of a FIN it closes, and leaves nothing open', async () => {
        for (const ending of [false, true]) {
          const before = readdirSync('/proc/self/fd').length;
          {
            await using both = await make(byHandle);
            const { leg, ears, peer } = both;
            peer.pause();
            if (ending) {
              while (leg.write(Buffer.alloc(65_536))) await new Promise(setImmediate);
              leg.end();
            }
            // What libuv cannot reset any more it closes: the peer hears FIN.
            const over = new Promise<void>((resolve) => peer.once(ending ? 'end' : 'close', () => resolve()));
            leg.reset();
            peer.resume();
            await over;
            await until(() => ears.deaths === 1);
            assert.equal(ears.last, null);
          }
          await until(() => readdirSync('/proc/self/fd').length <= before);
        }
      });

      test('knows both ends of its connection', async () => {
        await using both = await make(byHandle);
        const { leg, peer } = both;
        await until(() => !peer.connecting);
        assert.deepEqual(leg.local, { address: '127.0.0.1', port: peer.remotePort });
        assert.deepEqual(leg.peer, { address: '127.0.0.1', port: peer.localPort });
      });

      test('what it held comes first to whom it is handed', async () => {
        await using both = await make(byHandle);
        const { leg, peer } = both;
        leg.held = Buffer.from('held, ');
        const next = new Ears();
        leg.hand(next);
        peer.write('then heard');
        await until(() => next.text === 'held, then heard');
        leg.destroy();
        await until(() => next.deaths === 1);
        const late = new Ears();
        leg.hand(late);
        assert.equal(late.deaths, 1);
      });
    });
  }

  suite(`connecting over ${byHandle ? 'handles' : 'sockets'}`, () => {
    const failed = async (where: Connect): Promise<NodeJS.ErrnoException> => {
      const ears = new Ears();
      new Legs(byHandle).connect(where, ears, () => assert.fail('it stands'));
      assert.equal(ears.deaths, 0, 'not from within the call');
      await until(() => ears.deaths === 1);
      return ears.last!;
    };

    test('what failed, and in which call', async () => {
      const server = createServer();
      const port = await listening(server);
      const notHere = await failed(to(port, { localAddress: '192.0.2.1' }));
      assert.deepEqual([notHere.code, notHere.syscall], ['EADDRNOTAVAIL', 'bind']);
      // The server's own port.
      const taken = await failed(to(port, { localPort: port }));
      assert.equal(taken.code, 'EADDRINUSE');
      server.close();
      await once(server, 'close');
      const refused = await failed(to(port));
      assert.deepEqual([refused.code, refused.syscall], ['ECONNREFUSED', 'connect']);
      const noFamily = await failed(to(port, { host: '::1', family: 6, localAddress: '2001:db8::1' }));
      assert.equal(noFamily.syscall, 'bind');
    });

    test('given up, it is closed and does not stand any more', async () => {
      const server = createServer();
      const port = await listening(server);
      const ears = new Ears();
      const leg = new Legs(byHandle).connect(to(port), ears, () => assert.fail('it stands'));
      leg.destroy();
      await until(() => ears.deaths === 1);
      assert.equal(ears.last, null);
      server.close();
    });
  });

  test(`a connection nobody has read can be given away, over ${byHandle ? 'handles' : 'sockets'}`, async () => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const legs = new Legs(byHandle);
    const born = Promise.withResolvers<Leg>();
    legs.acceptFrom(server, born.resolve);
    const port = await listening(server);
    const { connect } = await import('node:net');
    const peer = connect({ port, host: '127.0.0.1' });
    peer.write('first words');
    const plain = legs.plain(await born.promise);
    const ears = new Ears();
    plain.hand(ears);
    await until(() => ears.text === 'first words');
    peer.destroy();
    plain.destroy();
    server.close();
  });
}
