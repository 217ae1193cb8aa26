import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { Failure } from '../../../src/cli/exit.ts';
import { connectTo } from '../../../src/cli/connect.ts';
import { greet, ProxyRefusal, requestTunnel } from '../../../src/cli/socks-client.ts';

const TARGET = { address: 'example.test', port: 443 };
const ALICE = { name: 'alice', password: 's3cret' };
const REPLY = [5, 0, 0, 1, 127, 0, 0, 2, 0, 80];

/** What a proxy does: sends each text in turn, one after each message of the client. */
type Script = readonly (readonly number[])[];

interface Run {
  /** Everything the client sent. */
  readonly heard: Buffer;
  readonly rest: string;
}

async function play(
  script: Script,
  credentials?: typeof ALICE,
  target = TARGET,
  bytewise = false,
): Promise<Run> {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    let turn = 0;
    socket.setNoDelay().on('data', (chunk: Buffer) => {
      heard.push(chunk);
      const answer = script[turn++];
      const pieces = bytewise ? answer?.map((byte) => [byte]) : answer && [answer];
      for (const piece of pieces ?? []) socket.write(Uint8Array.from(piece));
      if (turn >= script.length) socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const signal = AbortSignal.timeout(10_000);
  const socket = await connectTo(
    { address: '127.0.0.1', port: (server.address() as AddressInfo).port },
    'the proxy',
    signal,
  );
  try {
    await requestTunnel(socket, target, credentials);
    let rest = '';
    for await (const chunk of socket) rest += String(chunk);
    return { heard: Buffer.concat(heard), rest };
  } finally {
    socket.destroy();
    for (const one of sockets) one.destroy();
    server.close();
  }
}

suite('a tunnel through SOCKS5', () => {
  test('without credentials: the messages of RFC 1928, and not a byte of the tunnel taken', async () => {
    const { heard, rest } = await play([
      [5, 0],
      [...REPLY, ...Buffer.from('hello')],
    ]);
    assert.deepEqual([...heard], [5, 1, 0, 5, 1, 0, 3, 12, ...Buffer.from('example.test'), 1, 187]);
    assert.equal(rest, 'hello');
  });

  test('with credentials: the messages of RFC 1929', async () => {
    const { heard } = await play([[5, 2], [1, 0], REPLY], ALICE);
    const login = [1, 5, ...Buffer.from('alice'), 6, ...Buffer.from('s3cret')];
    assert.deepEqual([...heard.subarray(0, 4 + login.length)], [5, 2, 0, 2, ...login]);
  });

  test('credentials that the proxy does not ask for are not sent', async () => {
    const { heard } = await play([[5, 0], REPLY], ALICE);
    assert.ok(!heard.includes('s3cret'));
  });

  test('addresses go as addresses', async () => {
    const v4 = await play([[5, 0], REPLY], undefined, { address: '192.0.2.1', port: 80 });
    assert.deepEqual([...v4.heard.subarray(3)], [5, 1, 0, 1, 192, 0, 2, 1, 0, 80]);
    const v6 = await play([[5, 0], REPLY], undefined, { address: '2001:db8::1', port: 80 });
    assert.deepEqual([...v6.heard.subarray(3, 9)], [5, 1, 0, 4, 0x20, 0x01]);
    assert.equal(v6.heard.length, 3 + 22);
  });

  test('bound addresses of every kind, even a byte at a time', async () => {
    const v6 = [5, 0, 0, 4, ...Array.from({ length: 16 }, () => 0), 0, 1];
    const name = [5, 0, 0, 3, 4, ...Buffer.from('host'), 0, 1];
    for (const reply of [REPLY, v6, name]) {
      const { rest } = await play(
        [
          [5, 0],
          [...reply, ...Buffer.from('hello')],
        ],
        undefined,
        TARGET,
        true,
      );
      assert.equal(rest, 'hello');
    }
  });
});

suite('what the proxy says instead', () => {
  const CASES: readonly (readonly [name: string, script: Script, message: RegExp, hint?: RegExp])[] = [
    [
      'a failure',
      [
        [5, 0],
        [5, 1, 0, 1],
      ],
      /^the proxy answered general failure \(SOCKS reply 1\)$/,
    ],
    [
      'a rule',
      [
        [5, 0],
        [5, 2, 0, 1],
      ],
      /not allowed by its rules \(SOCKS reply 2\)$/,
    ],
    [
      'no network',
      [
        [5, 0],
        [5, 3, 0, 1],
      ],
      /network unreachable/,
    ],
    [
      'no host',
      [
        [5, 0],
        [5, 4, 0, 1],
      ],
      /host unreachable/,
    ],
    [
      'refused',
      [
        [5, 0],
        [5, 5, 0, 1],
      ],
      /connection refused by the target/,
    ],
    [
      'too late',
      [
        [5, 0],
        [5, 6, 0, 1],
      ],
      /did not answer in time/,
    ],
    [
      'no such command',
      [
        [5, 0],
        [5, 7, 0, 1],
      ],
      /command not supported/,
    ],
    [
      'no such family',
      [
        [5, 0],
        [5, 8, 0, 1],
      ],
      /address family not supported/,
    ],
    [
      'a code of its own',
      [
        [5, 0],
        [5, 99, 0, 1],
      ],
      /unknown code 99/,
    ],
    ['a login, please', [[5, 0xff]], /wants a user name and a password$/, /--user NAME:PASSWORD/],
    ['another method than those offered', [[5, 2]], /a method that was not offered$/],
    [
      'HTTP',
      [[...Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]],
      /does not speak SOCKS5$/,
      /the port of the proxy/,
    ],
    ['half an answer', [[5]], /closed the connection in the middle/, /its log/],
    [
      'half a reply',
      [
        [5, 0],
        [5, 0, 0, 1, 127],
      ],
      /closed the connection in the middle/,
    ],
    [
      'half a name',
      [
        [5, 0],
        [5, 0, 0, 3, 200, 65],
      ],
      /closed the connection in the middle/,
    ],
  ];
  for (const [name, script, message, hint] of CASES) {
    test(name, async () => {
      await assert.rejects(play(script), (error) => {
        assert.ok(error instanceof Failure);
        assert.match(error.message, message);
        assert.match(error.hint ?? '', hint ?? /^/);
        return true;
      });
    });
  }

  test('a reply carries its code', async () => {
    await assert.rejects(
      play([
        [5, 0],
        [5, 2, 0, 1],
      ]),
      (error) => error instanceof ProxyRefusal && error.code === 2,
    );
  });

  test('no to a password, and not a word of it', async () => {
    await assert.rejects(
      play(
        [
          [5, 2],
          [1, 1],
        ],
        ALICE,
      ),
      { message: 'the proxy does not accept this user name and password' },
    );
    await assert.rejects(play([[5, 0xff]], ALICE), {
      message: 'the proxy accepts neither a password nor none',
    });
  });

  test('nothing, until the deadline', async () => {
    const deadline = new AbortController();
    const server = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => deadline.abort());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
    const socket = await connectTo(address, 'the proxy', deadline.signal);
    await assert.rejects(greet(socket, [0]), {
      message: 'the proxy did not answer in time',
    });
    assert.ok(socket.destroyed);
    server.close();
  });

  test('nothing, since nobody is there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await assert.rejects(
      connectTo({ address: '127.0.0.1', port }, 'the proxy', AbortSignal.timeout(10_000)),
      {
        message: `the proxy at 127.0.0.1 port ${port} is not there: the connection was refused`,
        hint: 'start it with: gyre serve',
      },
    );
  });
});
