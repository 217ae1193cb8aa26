/** A body of 5 GB through plain HTTP: nothing of it stays. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Check, MIB, say } from '../support/long-stream.ts';
import { GYRE_BIN, startGyre } from '../support/program-gyre.ts';
import { childRunning, residentBytes } from '../support/resident.ts';

const LENGTH = 5e9;
/** What the process may grow by at all. */
const GROWTH_BYTES = 128 * MIB;
/** What it may grow by from the first half of the body to the second: 2.5 GB more have passed by then. */
const SLOPE_BYTES = 48 * MIB;
const SAMPLE_MS = 200;
const STREAM = 5;
const ARGS = [
  '--listen',
  '127.0.0.1:0',
  '--pool',
  '127.0.0.2-127.0.0.9',
  '--allow-private',
  '--workers',
  '1',
];

test('a POST of 5 GB arrives whole, in flat memory', { timeout: 300_000 }, async (context) => {
  await using proxy = await startGyre(ARGS);
  await using target = await listen();
  using memory = watch(childRunning(GYRE_BIN));
  const { status, body } = await post(proxy.port, target.port);
  const { start, samples } = memory.take();
  const half = Math.ceil(samples.length / 2);
  const first = Math.max(...samples.slice(0, half)) - start;
  const second = Math.max(...samples.slice(half)) - start;
  const grown = `grown by ${mib(first)} MiB at most in the first half, by ${mib(second)} in the second`;
  context.diagnostic(`${grown}; ${samples.length} samples, ${mib(start)} MiB before`);
  assert.deepEqual([status, body], [200, `${LENGTH} bytes, each the right one`]);
  assert(second - first < SLOPE_BYTES, `not flat: ${grown}`);
  assert(Math.max(first, second) < GROWTH_BYTES, `more than ${mib(GROWTH_BYTES)} MiB: ${grown}`);
});

async function post(proxy: number, port: number): Promise<{ status: number | undefined; body: string }> {
  const upload = request({
    host: '127.0.0.1',
    port: proxy,
    method: 'POST',
    path: `http://127.0.0.1:${port}/`,
    headers: { host: `127.0.0.1:${port}`, 'content-length': LENGTH },
    agent: false,
  });
  const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
  // Whichever ends first: an answer before the end of the body is a refusal, and is told as such.
  await Promise.race([answered, say(upload, STREAM, LENGTH)]);
  upload.end();
  const [answer] = await answered;
  let body = '';
  for await (const part of answer.setEncoding('latin1')) body += part as string;
  return { status: answer.statusCode, body };
}

async function listen(): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer((asked, answer) => void answerTo(asked, answer));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { port, [Symbol.asyncDispose]: close };
}

/** Reads it all before it answers, and says how much that was. */
async function answerTo(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const check = new Check(STREAM);
  try {
    for await (const chunk of asked) check.hear(chunk as Buffer);
    answer.end(`${check.at} bytes, each the right one`);
  } catch (error) {
    answer.writeHead(400).end(String(error));
  }
}

/** Looks at a process's memory until it is disposed of; bytes. */
function watch(pid: number): Disposable & { take(): { start: number; samples: readonly number[] } } {
  const start = residentBytes(pid);
  const samples: number[] = [];
  const look = (): void => void samples.push(residentBytes(pid));
  const timer = setInterval(look, SAMPLE_MS);
  return {
    take: () => (look(), { start, samples }),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
