import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually, gateway } from '../support/gateway.ts';
import { answer, ask, clientOf, readHead, readMessage } from '../support/http-bytes.ts';
import { Target, type Peer } from '../support/peer.ts';

const MIB = 1024 * 1024;
const BLOCK = randomBytes(MIB);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes in buffers that somebody still holds. */
async function liveBytes(): Promise<number> {
  let bytes = Infinity;
  // Buffers are given back behind a collection, piece by piece.
  for (let now = process.memoryUsage().arrayBuffers; now < bytes; now = process.memoryUsage().arrayBuffers) {
    bytes = now;
    collectGarbage();
    await new Promise((later) => setTimeout(later, 20));
  }
  return bytes;
}

/**
 * Writes as fast as the other side reads.
 * @param last The last block waits for this.
 * @returns the hash of it all.
 */
async function pour(
  peer: Peer,
  mebibytes: number,
  chunked: boolean,
  last: Promise<unknown> = Promise.resolve(),
): Promise<string> {
  const hash = createHash('sha256');
  for (let i = 0; i < mebibytes; i++) {
    if (i === mebibytes - 1) await last;
    const block = BLOCK.subarray(0, MIB - (chunked ? i : 0));
    hash.update(block);
    const frame = chunked
      ? Buffer.concat([Buffer.from(`${block.length.toString(16)}\r\n`), block, Buffer.from('\r\n')])
      : block;
    if (!peer.socket.write(frame)) await once(peer.socket, 'drain');
  }
  if (chunked) peer.text('0\r\n\r\n');
  return hash.digest('hex');
}

/** Reads a body piece by piece. @returns its hash. */
async function drink(peer: Peer, mebibytes: number, chunked: boolean): Promise<string> {
  const hash = createHash('sha256');
  if (!chunked) {
    for (let i = 0; i < mebibytes; i++) hash.update(await peer.read(MIB));
    return hash.digest('hex');
  }
  for (;;) {
    let line = '';
    while (!line.endsWith('\r\n')) line += (await peer.read(1)).toString('latin1');
    const size = Number.parseInt(line, 16);
    if (size > 0) hash.update(await peer.read(size));
    await peer.read(2);
    if (size === 0) return hash.digest('hex');
  }
}

for (const adopt of [true, false]) {
  describe(`bodies by ${adopt ? 'handles' : 'sockets'}`, () => {
    for (const chunked of [false, true]) {
      test(`100 MiB up and 100 MiB down ${chunked ? 'in chunks' : 'by length'}, at the same time`, async () => {
        await using target = await Target.listen();
        await using proxy = await gateway({}, adopt);
        using client = await clientOf(proxy);
        const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${100 * MIB}`;
        client.text(ask('POST', `http://127.0.0.1:${target.port}/`, framing));
        const server = await target.accept();
        await readHead(server);
        server.text(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
        await readHead(client);
        // A response that is complete before its request would end both.
        const heard = drink(server, 100, chunked);
        const [up, down, upRead, downRead] = await Promise.all([
          pour(client, 100, chunked),
          pour(server, 100, chunked, heard),
          heard,
          drink(client, 100, chunked),
        ]);
        assert.deepEqual([upRead, downRead], [up, down]);
        client.end();
        server.end();
        await eventually('it is accounted', () => proxy.stats().active === 0);
        assert.ok(proxy.stats().sent > 99 * MIB && proxy.stats().received > 99 * MIB);
      });
    }

    for (const up of [true, false]) {
      for (const size of [MIB, 1000]) {
        const who = up ? 'a target' : 'a client';
        test(`F30, J8: ${who} that does not read stalls the other side, and gets all later; chunks of ${size}`, async () => {
          await using target = await Target.listen();
          await using proxy = await gateway({}, adopt);
          using client = await clientOf(proxy);
          client.text(ask('POST', `http://127.0.0.1:${target.port}/`, 'Transfer-Encoding: chunked'));
          const server = await target.accept();
          await readHead(server);
          if (!up) server.text('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
          if (!up) await readHead(client);
          const [from, to] = up ? [client, server] : [server, client];
          to.socket.pause();
          const block = inChunks(BLOCK, size);
          const before = await liveBytes();
          let written = 0;
          // Stalled: the kernel and the proxy have what they take, the rest stays with the sender.
          while (from.socket.writableLength < 32 * MIB) {
            from.socket.write(block);
            assert.ok(++written < 512, 'the sender is never stalled');
            await new Promise(setImmediate);
          }
          const held = (await liveBytes()) - before;
          assert.ok(held < 4 * MIB, `${held} bytes are held`);
          from.text('0\r\n\r\n');
          to.socket.resume();
          assert.equal(await countBlocks(to), written);
        });
      }
    }

    test('a body in chunks of one byte costs and means no more than it should, both ways', async () => {
      await using target = await Target.listen();
      await using proxy = await gateway({}, adopt);
      using client = await clientOf(proxy);
      const body = BLOCK.subarray(0, 100_000);
      const chunks = Buffer.concat([inChunks(body, 1), Buffer.from('0\r\n\r\n')]);
      client.text(ask('POST', `http://127.0.0.1:${target.port}/`, 'Transfer-Encoding: chunked'));
      client.write(chunks);
      const server = await target.accept();
      const request = await readMessage(server);
      assert.ok(request.body.equals(body));
      server.text('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      server.write(chunks);
      assert.ok((await readMessage(client)).body.equals(body));
    });
  });
}

function inChunks(body: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Reads chunks until the last one; each must be pieces of {@link BLOCK}, in order. @returns how many blocks. */
async function countBlocks(peer: Peer): Promise<number> {
  let at = 0;
  for (;;) {
    let line = '';
    while (!line.endsWith('\r\n')) line += (await peer.read(1)).toString('latin1');
    const size = Number.parseInt(line, 16);
    const bytes = await peer.read(size);
    for (let done = 0; done < size;) {
      const length = Math.min(size - done, MIB - (at % MIB));
      assert.ok(bytes.subarray(done, done + length).equals(BLOCK.subarray(at % MIB, (at % MIB) + length)));
      done += length;
      at += length;
    }
    await peer.read(2);
    if (size === 0) return at / MIB;
  }
}

test('a client that leaves in the middle of its body, or of the answer, takes the upstream with it', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  const url = `http://127.0.0.1:${target.port}/`;
  for (const how of ['reset', 'end'] as const) {
    using client = await clientOf(proxy);
    client.text(`${ask('POST', url, 'Content-Length: 100')}abc`);
    const server = await target.accept();
    await readHead(server);
    await server.read(3);
    client[how]();
    await server.waitClosed();
    assert.equal(server.ended, false, 'a truncated body does not end well');
    if (how === 'end') assert.equal((await readMessage(client)).status, 499);
  }
  using client = await clientOf(proxy);
  client.text(ask('GET', url));
  const server = await target.accept();
  await readHead(server);
  server.text('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
  await readHead(client);
  client.reset();
  await server.waitClosed();
  await eventually('all are accounted', () => proxy.stats().active === 0);
  assert.deepEqual([proxy.stats().failures.CLIENT_RESET, proxy.stats().failures.CLIENT_GONE], [2, 1]);
});

test('a target that leaves in the middle of its answer: what it said arrives, and never a clean end', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  const url = `http://127.0.0.1:${target.port}/`;
  const heads = ['Content-Length: 100', 'Transfer-Encoding: chunked', 'X-No: length'];
  for (const line of heads) {
    for (const how of ['reset', 'end'] as const) {
      for (const version of ['1.1', '1.0']) {
        if (line === 'X-No: length' && how === 'end') continue;
        using client = await clientOf(proxy);
        client.text(`GET ${url} HTTP/${version}\r\nHost: h\r\n\r\n`);
        const server = await target.accept();
        await readHead(server);
        const body = line.startsWith('T') ? '32\r\nabc' : 'abc';
        await new Promise((sent) => server.socket.write(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n${body}`, sent));
        await readHead(client);
        assert.equal((await client.read(3)).length, 3);
        server[how]();
        await client.waitClosed();
        assert.equal(client.error?.code, 'ECONNRESET', `${line}, ${how}, ${version}`);
        assert.equal(client.ended, false);
      }
    }
  }
  await eventually('all are accounted', () => proxy.stats().active === 0 && target.connections === 0);
  const { TARGET_RESET, BAD_RESPONSE } = proxy.stats().failures;
  assert.deepEqual([TARGET_RESET, BAD_RESPONSE], [6, 4]);
});

test('an answer that comes before the whole request is relayed, then the connection ends', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  client.text(ask('POST', `http://127.0.0.1:${target.port}/`, `Content-Length: ${64 * MIB}`));
  client.write(BLOCK);
  const server = await target.accept();
  await readHead(server);
  server.text('HTTP/1.1 413 Too Much\r\nContent-Length: 4\r\n\r\nstop');
  const response = await readMessage(client);
  assert.deepEqual([response.status, response.body.toString()], [413, 'stop']);
  assert.ok(response.lines.includes('Connection: close'));
  for (let i = 0; i < 8; i++) client.write(BLOCK);
  assert.equal((await client.rest()).length, 0);
  await server.waitClosed();
});

test('J1: a client that has sent FIN behind its request gets the whole answer', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  client.text(ask('GET', `http://127.0.0.1:${target.port}/`));
  client.end();
  const server = await target.accept();
  await readHead(server);
  server.text(`HTTP/1.1 200 OK\r\nContent-Length: ${10 * MIB}\r\n\r\n`);
  const sent = pour(server, 10, false);
  await readHead(client);
  assert.equal(await drink(client, 10, false), await sent);
  assert.equal((await client.rest()).length, 0);
  assert.equal(client.error, undefined);
});

test('J13: a storm of requests that end in every way leaves no socket, counter or egress behind', async () => {
  await using target = await Target.listen((socket) => {
    socket.on('end', () => socket.end());
    socket.once('data', () => {
      const fate = Math.floor(Math.random() * 6);
      if (fate === 0) socket.resetAndDestroy();
      else if (fate === 1) socket.destroy();
      else if (fate === 2)
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', () => socket.destroy());
      else if (fate === 3) socket.write('nonsense\r\n\r\n');
      else socket.end(answer('ok'));
    });
  });
  await using proxy = await gateway({ timeouts: { response: '300ms' } });
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  const before = descriptors();
  const url = `http://127.0.0.1:${target.port}/`;
  let asked = 0;
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        using client = await clientOf(proxy);
        client.text(
          i % 2 === 0
            ? ask('GET', url)
            : `${ask('POST', url, 'Content-Length: 4')}${i % 4 === 1 ? 'body' : 'bo'}`,
        );
        asked++;
        if (i % 5 === 0) client.reset();
        else if (i % 5 === 1) client.end();
        await Promise.race([client.rest(), new Promise((done) => setTimeout(done, i * 5))]);
      }),
    );
  }
  await eventually('nothing is active', () => proxy.stats().active === 0 && target.connections === 0);
  await eventually('descriptors are back', () => descriptors() <= before);
  assert.equal(proxy.stats().accepted, asked);
  assert.equal(proxy.stats().failures.INTERNAL, 0);
  assert.ok([...proxy.egresses()].every(({ tunnels }) => tunnels === 0));
});
