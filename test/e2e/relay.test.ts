import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { GyreOptions } from '../../src/runtime/config.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { Target, type Peer } from '../support/peer.ts';
import { storm } from '../support/storm.ts';

const MIB = 1024 * 1024;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

for (const [name, adopt] of [
  ['handles', true],
  ['sockets', false],
] as const) {
  const start = (options: Partial<GyreOptions> = {}): Promise<Gateway> => gateway(options, adopt);
  const tunnel = async (proxy: Gateway, target: Target): Promise<[Peer, Peer]> => {
    const [{ client }, server] = await Promise.all([socksTunnel(proxy, target.port), target.accept()]);
    return [client, server];
  };

  describe(`relay by ${name}`, () => {
    test('J1: after the FIN of one side the other still says all it has', async () => {
      await using target = await Target.listen();
      await using proxy = await start();
      const data = randomBytes(10 * MIB);
      for (const clientFirst of [true, false]) {
        const [client, server] = await tunnel(proxy, target);
        const [first, second] = clientFirst ? [client, server] : [server, client];
        first.end();
        assert.equal((await second.rest()).length, 0);
        second.write(data);
        second.end();
        assert.equal(sha256(await first.rest()), sha256(data));
        await Promise.all([first.waitClosed(), second.waitClosed()]);
        assert.equal(first.error ?? second.error, undefined);
      }
      await eventually('nothing is active', () => proxy.stats().active === 0);
      assert.deepEqual([proxy.stats().sent, proxy.stats().received], [data.length, data.length]);
    });

    test('J3: a half-closed silent tunnel ends at the FIN timeout, an idle one at the idle timeout', async () => {
      await using target = await Target.listen();
      await using proxy = await start({ timeouts: { fin: '150ms', idle: '600ms' } });
      const [idleClient, idleServer] = await tunnel(proxy, target);
      const [client, server] = await tunnel(proxy, target);
      client.end();
      await Promise.all([client.waitClosed(), server.rest()]);
      await eventually('the half-closed one is accounted', () => proxy.stats().failures.FIN_TIMEOUT === 1);
      await Promise.all([idleClient.rest(), idleServer.rest()]);
      await eventually('the idle one is accounted', () => proxy.stats().failures.IDLE_TIMEOUT === 1);
      assert.equal(proxy.stats().active, 0);
    });

    test('J4, J6: RST is passed on as RST, both ways', async () => {
      await using target = await Target.listen();
      await using proxy = await start();
      for (const byServer of [true, false]) {
        const [client, server] = await tunnel(proxy, target);
        const [from, to] = byServer ? [server, client] : [client, server];
        from.text('last words');
        assert.equal((await to.read(10)).toString(), 'last words');
        from.reset();
        await to.waitClosed();
        assert.equal(to.error?.code, 'ECONNRESET');
        assert.equal(to.ended, false);
      }
      await eventually('both are accounted', () => proxy.stats().active === 0);
      assert.deepEqual([proxy.stats().failures.CLIENT_RESET, proxy.stats().failures.TARGET_RESET], [1, 1]);
    });

    test('J5: what was read before an RST is delivered before it is passed on', async () => {
      await using target = await Target.listen();
      await using proxy = await start();
      const [client, server] = await tunnel(proxy, target);
      const data = randomBytes(32_768);
      // On loopback, what the kernel has accepted has arrived: the RST comes behind it.
      await new Promise((accepted) => server.socket.write(data, accepted));
      server.reset();
      await client.waitClosed();
      assert.equal(sha256(await client.rest()), sha256(data));
      assert.equal(client.error?.code, 'ECONNRESET');
    });

    test('J8: a reader that stops stalls its sender, and gets everything when it goes on', async () => {
      await using target = await Target.listen();
      await using proxy = await start();
      const [client, server] = await tunnel(proxy, target);
      client.socket.pause();
      const block = randomBytes(MIB);
      const hash = createHash('sha256');
      let written = 0;
      while (server.socket.write(block) || server.socket.writableLength < 8 * MIB) {
        hash.update(block);
        written += block.length;
        assert.ok(written < 512 * MIB, 'the sender is never stalled');
        await new Promise(setImmediate);
      }
      hash.update(block);
      server.end();
      const received = createHash('sha256');
      client.socket.on('data', (chunk: Buffer) => received.update(chunk));
      client.socket.resume();
      await once(client.socket, 'end');
      assert.equal(received.digest('hex'), hash.digest('hex'));
    });

    test('a client that vanishes while its reader is stalled takes the tunnel with it', async () => {
      await using target = await Target.listen();
      await using proxy = await start();
      const [client, server] = await tunnel(proxy, target);
      client.socket.pause();
      while (server.socket.write(Buffer.alloc(MIB)) || server.socket.writableLength < 8 * MIB)
        await new Promise(setImmediate);
      client.reset();
      await server.waitClosed();
      await eventually('nothing is active', () => proxy.stats().active === 0);
    });

    test('J11: random chunks, pauses and half-closes, both ways: every stream arrives as it was sent', async () => {
      await using proxy = await start();
      const result = await storm(proxy, 200 * MIB, 24, 2 * MIB);
      assert.equal(result.corrupted, 0);
      await eventually('nothing is active', () => proxy.stats().active === 0);
      assert.equal(proxy.stats().sent + proxy.stats().received, result.bytes);
      assert.equal(proxy.stats().tunnels, result.tunnels);
    });

    test('J13: opening and closing leaves no descriptor and no counter behind', async () => {
      await using target = await Target.listen((socket) => socket.end('bye'));
      await using proxy = await start();
      const descriptors = (): number => readdirSync('/proc/self/fd').length;
      const before = descriptors();
      for (let round = 0; round < 10; round++) {
        await Promise.all(
          Array.from({ length: 50 }, async (_, i) => {
            const { client } = await socksTunnel(proxy, target.port);
            if (i % 3 === 0) client.reset();
            else if (i % 3 === 1) client.socket.destroy();
            else client.end();
            await client.waitClosed();
          }),
        );
      }
      await eventually('nothing is active', () => proxy.stats().active === 0 && target.connections === 0);
      await eventually('descriptors are back', () => descriptors() <= before);
      assert.equal(proxy.stats().tunnels, 500);
    });
  });
}
