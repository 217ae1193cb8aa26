import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { Failure } from '../../../../src/cli/exit.ts';
import { Channel } from '../../../../src/cli/load/channel.ts';
import { exchangeWith, readLoadTarget, type Answer } from '../../../../src/cli/load/exchange.ts';
import { openingTo, readLoadProxy } from '../../../../src/cli/load/proxy.ts';

/** A server that hands out each connection, and a channel to it. */
async function meet<T>(body: (channel: Channel, peer: Socket) => Promise<T>, plain = true): Promise<T> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection');
  let born: Channel | undefined;
  const channel = await Channel.open(
    { address: '127.0.0.1', port },
    'the proxy',
    plain,
    (one) => (born = one),
  );
  const [peer] = (await accepted) as [Socket];
  try {
    return await body(channel, peer);
  } finally {
    born!.fail(new Failure('over'));
    peer.destroy();
    server.close();
  }
}

const answerTo = (text: string, keepAlive = true, end = false): Promise<Answer> =>
  meet(async (channel, peer) => {
    peer.once('data', () => (end ? peer.end(text) : peer.write(text)));
    return await exchangeWith(readLoadTarget('http://target.test/'), keepAlive)(channel);
  });

const CRLF2 = '\r\n\r\n';

suite('an HTTP answer', () => {
  test('with a length leaves the connection for the next', async () => {
    const answer = await answerTo(`HTTP/1.1 200 OK\r\nContent-Length: 10${CRLF2}127.0.0.7\n`);
    assert.deepEqual(answer, { address: '127.0.0.7', stays: true });
  });

  test('in chunks, cut anywhere, ends where the last chunk does', async () => {
    const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked${CRLF2}a\r\n127.0.0.7\n\r\n0\r\n\r\n`;
    for (let cut = 1; cut < text.length; cut += 7) {
      const answer = await meet(async (channel, peer) => {
        peer.setNoDelay(true);
        peer.once('data', () => {
          peer.write(text.slice(0, cut));
          setImmediate(() => peer.write(text.slice(cut)));
        });
        return await exchangeWith(readLoadTarget('http://target.test/'), true)(channel);
      });
      assert.deepEqual(answer, { address: '127.0.0.7', stays: true }, `cut at ${cut}`);
    }
  });

  test('without either goes on until the connection ends', async () => {
    const answer = await answerTo(`HTTP/1.1 200 OK${CRLF2}{"ip": "2001:db8::7"}`, true, true);
    assert.deepEqual(answer, { address: '2001:db8::7', stays: false });
  });

  test('that is long is no address, and all of it is read', async () => {
    const body = `127.0.0.7 ${'x'.repeat(300_000)}`;
    const answer = await answerTo(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}${CRLF2}${body}`);
    assert.deepEqual(answer, { address: undefined, stays: true });
  });

  test('may be announced by others before it', async () => {
    const answer = await answerTo(`HTTP/1.1 103 Early Hints${CRLF2}HTTP/1.1 204 No Content${CRLF2}`);
    assert.deepEqual(answer, { address: undefined, stays: true });
  });

  const failures: readonly (readonly [string, string, RegExp])[] = [
    ['an error', `HTTP/1.1 503 Go away\r\nContent-Length: 0${CRLF2}`, /^the target answered 503 Go away$/],
    ['no HTTP', `SSH-2.0-x${CRLF2}`, /^the target does not speak HTTP\/1$/],
    ['half an answer', `HTTP/1.1 200 OK\r\nContent-Length: 10${CRLF2}12`, /in the middle of its answer$/],
    ['a head without an end', 'HTTP/1.1 200 OK\r\n' + 'x: y\r\n'.repeat(20_000), /answers without an end$/],
    [
      'broken chunks',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked${CRLF2}zz\r\n`,
      /^the target sends malformed chunks$/,
    ],
  ];
  for (const [what, text, message] of failures) {
    test(`${what} is a failure in words`, async () => {
      await assert.rejects(
        meet(async (channel, peer) => {
          channel.reached('the target');
          peer.once('data', () => peer.end(text));
          return await exchangeWith(readLoadTarget('http://target.test/'), true)(channel);
        }),
        (error) => error instanceof Failure && message.test(error.message),
      );
    });
  }
});

suite('a channel', () => {
  for (const plain of [true, false]) {
    test(`gives exactly what is asked for, ${plain ? 'reading into a shared buffer' : 'reading as streams do'}`, async () => {
      await meet(async (channel, peer) => {
        peer.write('abcdefgh');
        assert.equal(String(await channel.take(3)), 'abc');
        assert.equal(String(await channel.takeUntil('f', 100)), 'def');
        assert.equal(channel.idle, false);
        assert.equal(String(await channel.take(2)), 'gh');
        assert.equal(channel.idle, true);
        peer.end();
        assert.equal(await channel.chunk(), undefined);
        assert.equal(channel.lost, true);
      }, plain);
    });
  }

  test('is ended by a peer that says far too much', async () => {
    await meet(async (channel, peer) => {
      const flood = Buffer.alloc(1 << 20);
      peer.write(flood);
      await assert.rejects(channel.take(1 << 20), /^Failure: the proxy .* sends more than was asked for$/);
    });
  });

  test('says who was late', async () => {
    await meet(async (channel) => {
      const waiting = channel.take(1);
      channel.late();
      await assert.rejects(waiting, /^Failure: the proxy at 127\.0\.0\.1 port \d+ did not answer in time$/);
    });
  });
});

suite('what is said to a proxy', () => {
  const said = (url: string, target: string, answer: readonly number[] | string): Promise<string> =>
    meet(async (channel, peer) => {
      const opening = await openingTo(readLoadProxy(url), readLoadTarget(target).endpoint);
      const heard: Buffer[] = [];
      peer.on('data', (bytes: Buffer) => {
        heard.push(bytes);
        if (heard.length === 1) peer.write(typeof answer === 'string' ? answer : Uint8Array.from(answer));
      });
      await opening(channel);
      return Buffer.concat(heard).toString('latin1');
    });

  test('SOCKS4 carries an address and a user id', async () => {
    assert.equal(
      await said('socks4://bob@x:1', 'tcp://192.0.2.1:80', [0, 0x5a, 0, 0, 0, 0, 0, 0]),
      '\x04\x01\x00\x50\xc0\x00\x02\x01bob\x00',
    );
  });

  test('SOCKS4a carries a name', async () => {
    assert.equal(
      await said('socks4a://x:1', 'tcp://a.test:80', [0, 0x5a, 0, 0, 0, 0, 0, 0]),
      '\x04\x01\x00\x50\x00\x00\x00\x01\x00a.test\x00',
    );
  });

  test('CONNECT carries credentials', async () => {
    assert.equal(
      await said('http://bob:pw@x:1', 'https://a.test/', `HTTP/1.1 200 OK${CRLF2}`),
      `CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic Ym9iOnB3${CRLF2}`,
    );
  });

  const refusals: readonly (readonly [string, readonly number[] | string, string])[] = [
    ['socks5h://x:1', [5, 0xff], 'the proxy wants a user name and a password'],
    ['socks5h://a:b@x:1', [5, 0xff], 'the proxy does not accept this user name and password'],
    [
      'socks5h://x:1',
      [5, 0, 5, 5, 0, 1],
      'the proxy answered connection refused by the target (SOCKS reply 5)',
    ],
    ['socks5h://x:1', 'HT', 'what answers there does not speak SOCKS5'],
    [
      'socks4://x:1',
      [0, 0x5b, 0, 0, 0, 0, 0, 0],
      'the proxy rejected the request, or it failed (SOCKS4 reply 91)',
    ],
    ['http://x:1', `HTTP/1.1 407 Who${CRLF2}`, 'the proxy wants a user name and a password'],
    ['http://x:1', `HTTP/1.1 502 Bad \x1bGateway${CRLF2}`, 'the proxy answered 502 Bad'],
    ['http://x:1', `SSH-2.0${CRLF2}`, 'what answers there does not speak HTTP CONNECT'],
  ];
  for (const [url, answer, message] of refusals) {
    test(`${url} hears ${JSON.stringify(answer)}: ${message}`, async () => {
      await assert.rejects(said(url, 'tcp://192.0.2.1:80', answer), { name: 'Failure', message });
    });
  }
});

suite('where the load goes', () => {
  test('targets', () => {
    assert.deepEqual(readLoadTarget('http://[::1]/x').endpoint, { address: '::1', port: 80 });
    assert.deepEqual(readLoadTarget('https://a.test').endpoint, { address: 'a.test', port: 443 });
    assert.deepEqual(readLoadTarget('tcp://a.test:7'), {
      endpoint: { address: 'a.test', port: 7 },
      secure: false,
      url: undefined,
    });
    for (const wrong of ['tcp://a.test', 'ftp://a.test/', 'a.test', 'http://'])
      assert.throws(() => readLoadTarget(wrong), Failure, wrong);
  });

  test('proxies, without their credentials', () => {
    assert.equal(readLoadProxy('socks4a://me@127.0.0.1:1').text, 'socks4a://127.0.0.1:1');
    assert.equal(readLoadProxy('https://a:b@proxy.test').text, 'https://proxy.test:443');
    assert.equal(readLoadProxy('direct').speech, 'direct');
    assert.throws(() => readLoadProxy('socks4://a:b@127.0.0.1:1'), /SOCKS4 has no passwords/);
  });
});
