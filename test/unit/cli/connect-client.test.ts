import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { connectTunnel } from '../../../src/cli/connect-client.ts';
import { Failure } from '../../../src/cli/exit.ts';
import { ProxyRefusal } from '../../../src/cli/socks-client.ts';

const ALICE = { name: 'alice', password: 's3:cret' };

interface Run {
  readonly heard: string;
  readonly rest: string;
}

/** Answers the first request with a text, then ends. */
async function play(answer: string, credentials?: typeof ALICE, address = 'example.test'): Promise<Run> {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      heard += String(chunk);
      if (heard.includes('\r\n\r\n')) socket.end(answer);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const proxy = { protocol: 'http', address: '127.0.0.1', port, credentials } as const;
    const tunnel = await connectTunnel(proxy, { address, port: 443 }, AbortSignal.timeout(10_000));
    let rest = '';
    for await (const chunk of tunnel) rest += String(chunk);
    return { heard, rest };
  } finally {
    server.close();
  }
}

suite('a tunnel through HTTP CONNECT', () => {
  test('asks for the authority, and gives back what came with the answer', async () => {
    const { heard, rest } = await play('HTTP/1.1 200 Connection established\r\n\r\nhello');
    assert.match(heard, /^CONNECT example\.test:443 HTTP\/1\.1\r\nHost: example\.test:443\r\n/);
    assert.doesNotMatch(heard, /Authorization/);
    assert.equal(rest, 'hello');
  });

  test('writes IPv6 addresses in brackets', async () => {
    const { heard } = await play('HTTP/1.1 200 OK\r\n\r\n', undefined, '2001:db8::1');
    assert.match(heard, /^CONNECT \[2001:db8::1\]:443 /);
  });

  test('sends credentials at once', async () => {
    const { heard } = await play('HTTP/1.1 200 OK\r\n\r\n', ALICE);
    assert.match(heard, /\r\nProxy-Authorization: Basic YWxpY2U6czM6Y3JldA==\r\n/);
  });

  test('a refusal carries the status and the reason of the proxy, as far as it prints', async () => {
    await assert.rejects(
      play('HTTP/1.1 503 no egress address\x1b[31m available\r\nContent-Length: 0\r\n\r\n'),
      (error) => {
        assert.ok(error instanceof ProxyRefusal || error instanceof Failure);
        assert.doesNotMatch(error.message, /\x1b/);
        return true;
      },
    );
    await assert.rejects(
      play('HTTP/1.1 403 the target is not allowed\r\nContent-Length: 0\r\n\r\n'),
      (error) => {
        assert.ok(error instanceof ProxyRefusal);
        assert.deepEqual(
          [error.code, error.message],
          [403, 'the proxy answered 403 the target is not allowed'],
        );
        return true;
      },
    );
  });

  test('407 is about the user', async () => {
    const answer =
      'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n';
    await assert.rejects(play(answer), {
      message: 'the proxy wants a user name and a password',
      hint: 'give them with --user NAME:PASSWORD',
    });
    await assert.rejects(play(answer, ALICE), {
      message: 'the proxy does not accept this user name and password',
    });
  });

  test('what speaks something else is named', async () => {
    await assert.rejects(play('SSH-2.0-OpenSSH\r\n'), {
      message: 'what answers there does not speak HTTP CONNECT',
    });
    await assert.rejects(play(''), /^Failure: the proxy at 127\.0\.0\.1 port \d+ reset the connection$/);
  });
});
