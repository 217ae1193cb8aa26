import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Legs } from '../../src/leg/legs.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { answer, ask, clientOf, readHead, readMessage, type Message } from '../support/http-bytes.ts';
import { Target, type Peer } from '../support/peer.ts';

/** A client that has asked, and a target that has heard it. */
async function asked<T>(
  request: (url: string) => string,
  then: (client: Peer, server: Peer) => Promise<T>,
): Promise<T> {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  client.text(request(`http://127.0.0.1:${target.port}/`));
  const server = await target.accept();
  await readMessage(server);
  const result = await then(client, server);
  client.socket.destroy();
  server.socket.destroy();
  await eventually('nothing is active', () => proxy.stats().active === 0 && target.connections === 0);
  return result;
}

const get = (url: string): string => ask('GET', url);
const head = (url: string): string => ask('HEAD', url);
const old = (url: string): string => `GET ${url} HTTP/1.0\r\n\r\n`;

describe('F15: Expect: 100-continue', () => {
  const post = (url: string): string => ask('POST', url, 'Expect: 100-continue', 'Content-Length: 3');
  const begin = async (): Promise<{
    stack: AsyncDisposableStack;
    client: Peer;
    server: Peer;
    url: string;
    target: Target;
  }> => {
    const stack = new AsyncDisposableStack();
    const target = stack.use(await Target.listen());
    const proxy = stack.use(await gateway());
    const client = stack.use(await clientOf(proxy));
    const url = `http://127.0.0.1:${target.port}/`;
    client.text(post(url));
    const server = await target.accept();
    assert.match(await readHead(server), /\r\nExpect: 100-continue\r\n/);
    return { stack, client, server, url, target };
  };

  test('the target says go on, the client does, and may ask again', async () => {
    const { stack, client, server, url, target } = await begin();
    await using _ = stack;
    server.text('HTTP/1.1 100 Go On\r\nX-Why: because\r\n\r\n');
    assert.equal(await readHead(client), 'HTTP/1.1 100 Go On\r\nX-Why: because\r\n\r\n');
    client.text('abc');
    assert.equal((await server.read(3)).toString(), 'abc');
    server.text(answer('thanks'));
    const response = await readMessage(client);
    assert.equal(response.body.toString(), 'thanks');
    assert.ok(response.lines.includes('Connection: keep-alive'));
    client.text(ask('GET', url));
    const next = await target.accept();
    await readMessage(next);
    next.text(answer('again'));
    assert.equal((await readMessage(client)).body.toString(), 'again');
  });

  for (const status of ['417 Expectation Failed', '200 OK']) {
    test(`the target says ${status} at once: no body is waited for, and none read as a request`, async () => {
      const { stack, client, server } = await begin();
      await using _ = stack;
      server.text(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nno`);
      const response = await readMessage(client);
      assert.equal(response.first, `HTTP/1.1 ${status}`);
      assert.ok(response.lines.includes('Connection: close'));
      client.text('abc');
      assert.equal((await client.rest()).length, 0);
    });
  }

  test('a client that does not wait loses nothing', async () => {
    await asked(
      (url) => `${post(url)}abc`,
      async (client, server) => {
        server.text(`HTTP/1.1 100 Continue\r\n\r\n${answer('ok')}`);
        assert.equal(await readHead(client), 'HTTP/1.1 100 Continue\r\n\r\n');
        assert.equal((await readMessage(client)).body.toString(), 'ok');
      },
    );
  });

  test('said twice it means the same; anything else is 417', async () => {
    const twice = (url: string): string =>
      ask('POST', url, 'Expect: 100-continue', 'Expect: 100-Continue', 'Content-Length: 0');
    await asked(twice, async (client, server) => {
      server.text(answer('ok'));
      assert.equal((await readMessage(client)).status, 200);
    });
    await using proxy = await gateway();
    for (const expectation of ['200-ok', '100-continue, x', '100-continue;a']) {
      using client = await clientOf(proxy);
      client.text(ask('POST', 'http://h/', `Expect: ${expectation}`, 'Content-Length: 3'));
      assert.equal((await readMessage(client)).status, 417);
      assert.equal((await client.rest()).length, 0);
    }
  });
});

describe('F16: interim responses', () => {
  test('100, 102, 103 and unknown ones are relayed as they came, before the response', async () => {
    const interim = [
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 102 Processing\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\n\r\n',
      'HTTP/1.1 199 \r\n\r\n',
    ];
    await asked(get, async (client, server) => {
      for (const one of interim) {
        server.text(one);
        assert.equal(await readHead(client), one);
      }
      server.text(interim.join('') + answer('ok'));
      for (const one of interim) assert.equal(await readHead(client), one);
      assert.equal((await readMessage(client)).body.toString(), 'ok');
    });
  });

  test('an HTTP/1.0 client hears of none', async () => {
    await asked(old, async (client, server) => {
      server.text(`HTTP/1.1 103 Early Hints\r\n\r\n${answer('ok')}`);
      assert.equal((await readMessage(client)).body.toString(), 'ok');
    });
  });

  test('a lone 100 is not an answer', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway({ timeouts: { response: '200ms' } });
    using client = await clientOf(proxy);
    client.text(ask('GET', `http://127.0.0.1:${target.port}/`));
    const server = await target.accept();
    await readMessage(server);
    server.text('HTTP/1.1 100 Continue\r\n\r\n');
    assert.equal((await readMessage(client)).status, 100);
    assert.equal((await readMessage(client)).status, 504);
    await eventually('it is accounted', () => proxy.stats().failures.RESPONSE_TIMEOUT === 1);
  });

  test('interim responses without end are not', async () => {
    await asked(get, async (client, server) => {
      server.text('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000));
      let status = 102;
      while (status === 102) status = (await readMessage(client)).status;
      assert.equal(status, 502);
    });
  });
});

describe('F24: responses that are none', () => {
  const bad = {
    'status 99': 'HTTP/1.1 99 Low\r\n\r\n',
    'status 099': 'HTTP/1.1 099 Low\r\n\r\n',
    'status 600': 'HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n',
    'status 999': 'HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n',
    'status 1000': 'HTTP/1.1 1000 High\r\n\r\n',
    'no colon': 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n',
    'space before the colon': 'HTTP/1.1 200 OK\r\nA : b\r\n\r\n',
    'a folded line': 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n',
    'NUL in a value': 'HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n',
    'a control character': 'HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n',
    'bare LF': 'HTTP/1.1 200 OK\nA: b\n\n',
    'a long head': `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(65_536)}\r\n\r\n`,
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
    'length and chunks':
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'no HTTP': 'SSH-2.0-OpenSSH\r\n',
    'HTTP/2': 'HTTP/2 200\r\n\r\n',
    'a version of its own': 'HTTP/3.1 200 OK\r\n\r\n',
    'FIN in the head': 'HTTP/1.1 200 OK\r\nA: b',
    'FIN at once': '',
    '101 unasked': 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    '101 without a protocol': 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  };
  for (const [what, bytes] of Object.entries(bad)) {
    test(`${what} is 502`, async () => {
      await asked(get, async (client, server) => {
        server.text(bytes);
        server.end();
        const response = await readMessage(client);
        assert.equal(response.status, 502, response.head);
        assert.match(response.head, /error=http_protocol_error/);
      });
    });
  }

  test('Host twice is a field like any other, and an odd reason phrase no reason to fail', async () => {
    await asked(get, async (client, server) => {
      server.text('HTTP/1.1 200 O\x01K\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n');
      const { first, lines } = await readMessage(client);
      assert.deepEqual([first, lines.slice(0, 2)], ['HTTP/1.1 200 ', ['Host: a', 'Host: b']]);
    });
    await asked(get, async (client, server) => {
      server.text('HTTP/1.1 200 D\xe9j\xe0 vu\r\nContent-Length: 0\r\n\r\n');
      assert.equal((await readMessage(client)).first, 'HTTP/1.1 200 D\xe9j\xe0 vu');
    });
  });

  test('a reset before the answer is told from nonsense', async () => {
    await asked(get, async (client, server) => {
      server.reset();
      assert.match((await readMessage(client)).head, /^HTTP\/1\.1 502 the target reset the connection\r\n/);
    });
  });
});

describe('F25: bodies that are none', () => {
  /** Behind a response without a body: the next answer on the client's connection is the next one. */
  async function next(request: (url: string) => string, bytes: string, method = ''): Promise<Message> {
    await using target = await Target.listen();
    await using proxy = await gateway();
    using client = await clientOf(proxy);
    const url = `http://127.0.0.1:${target.port}/`;
    client.text(request(url) + ask('GET', url, 'Connection: close'));
    const server = await target.accept();
    await readMessage(server);
    server.text(bytes);
    const first = await readMessage(client, method);
    const again = await target.accept();
    await readMessage(again);
    again.text(answer('next'));
    assert.equal((await readMessage(client)).body.toString(), 'next');
    assert.equal((await client.rest()).length, 0);
    return first;
  }

  test('HEAD with a length, with chunks, with neither, and with bytes behind it', async () => {
    const withLength = await next(head, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'HEAD');
    assert.ok(withLength.lines.includes('Content-Length: 5'));
    await next(
      head,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nab\r\n0\r\n\r\n',
      'HEAD',
    );
    const plain = await next(head, 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n', 'HEAD');
    assert.doesNotMatch(plain.head, /content-length|transfer-encoding/i);
  });

  test('204 and 304 with a body', async () => {
    const empty = await next(get, 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello');
    assert.doesNotMatch(empty.head, /content-length/i);
    const same = await next(get, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "x"\r\n\r\nhello');
    assert.ok(same.lines.includes('Content-Length: 5'));
    await next(get, 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n');
    await next(
      get,
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    );
  });
});

describe('lengths', () => {
  test('a response without one goes in chunks, and ends with its target', async () => {
    await asked(get, async (client, server) => {
      server.text('HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello');
      server.end();
      const { body, lines } = await readMessage(client);
      assert.equal(body.toString(), 'hello');
      assert.ok(lines.includes('Transfer-Encoding: chunked') && lines.includes('Connection: keep-alive'));
    });
  });

  test('HTTP/1.0: nothing in chunks, closed behind it unless a length allows to stay', async () => {
    const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n';
    for (const request of [
      old,
      (url: string) => `GET ${url} HTTP/1.0\r\nTE: chunked\r\nConnection: keep-alive\r\n\r\n`,
    ]) {
      await asked(request, async (client, server) => {
        server.text(chunks);
        const { body, head } = await readMessage(client);
        assert.equal(body.toString(), 'hello');
        assert.doesNotMatch(head, /transfer-encoding/i);
        assert.match(head, /\r\nConnection: close\r\n/);
        client.text(request('http://127.0.0.1:1/'));
        assert.equal((await client.rest()).length, 0, 'it is over');
      });
    }
    for (const asks of ['Connection: keep-alive', 'Proxy-Connection: Keep-Alive']) {
      await asked(
        (url) => `GET ${url} HTTP/1.0\r\n${asks}\r\n\r\n`,
        async (client, server) => {
          server.text(answer('ok'));
          assert.match((await readMessage(client)).head, /\r\nConnection: keep-alive\r\n/);
        },
      );
    }
  });

  test('an HTTP/1.0 target is no worse than any other', async () => {
    await asked(get, async (client, server) => {
      server.text('HTTP/1.0 200 OK\r\n\r\nhello');
      server.end();
      assert.equal((await readMessage(client)).body.toString(), 'hello');
    });
  });

  test('the head of a response does not wait for its body', async () => {
    await asked(get, async (client, server) => {
      server.text('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      assert.match(await readHead(client), /^HTTP\/1\.1 200 OK\r\n/);
      server.text('2\r\nab\r\n');
      assert.equal((await client.read(7)).toString(), '2\r\nab\r\n');
    });
  });
});

test('F32: a target that speaks before it is asked is not listened to', async (t) => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  // What such a target says usually comes too late to be told from an answer; here it comes with the connection.
  const connect = Reflect.get<Legs, 'connect'>(Legs.prototype, 'connect');
  const early = t.mock.method(
    Legs.prototype,
    'connect',
    function (this: Legs, ...args: Parameters<typeof connect>) {
      const leg = connect.apply(this, args);
      leg.held = Buffer.from(answer('poison'));
      return leg;
    },
  );
  client.text(ask('GET', `http://127.0.0.1:${target.port}/`));
  assert.equal((await readMessage(client)).status, 502);
  const dropped = await target.accept();
  assert.equal((await dropped.rest()).length, 0, 'it was not even asked');
  early.mock.restore();
  client.text(ask('GET', `http://127.0.0.1:${target.port}/`));
  const server = await target.accept();
  await readMessage(server);
  server.text(answer('fine'));
  assert.equal((await readMessage(client)).body.toString(), 'fine');
});
