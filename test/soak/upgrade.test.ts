import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Target } from '../support/peer.ts';
import { Serving } from '../support/serving.ts';
import { socksRequest } from '../support/gateway.ts';

const CONNECTIONS = 100_000;
/** At a time. */
const CLIENTS = 64;
/** Connections between the end of one upgrade and the next. */
const BETWEEN = 4000;
/** In each direction. */
const PATIENCE_MS = 30_000;
const WORD = 'here';

/** One client from its first byte to its last. @returns what went wrong. */
function visit(port: number, target: number): Promise<string | undefined> {
  const request = Buffer.concat([Buffer.of(5, 1, 0), socksRequest(target)]);
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(request));
    const chunks: Buffer[] = [];
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('nothing came for 30 s')));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => {
      // Method, reply, and the word of the target.
      const answer = Buffer.concat(chunks);
      const well = answer.length === 2 + 10 + WORD.length && answer.subarray(12).toString() === WORD;
      resolve(well ? undefined : `answered with ${answer.toString('hex') || 'nothing'}`);
    });
  });
}

test(`L17: ${CONNECTIONS} connections over upgrade after upgrade, and none is refused, reset or dropped`, async (t) => {
  await using target = await Target.listen((socket) => socket.end(WORD));
  const args = [
    '--pool',
    '127.0.0.2-127.0.0.9',
    '--allow-private',
    '--access-log',
    'off',
    '--log-level',
    'info',
  ];
  await using serving = new Serving([...args, '--listen', '127.0.0.1:0', '--workers', '2'], {
    longestMs: 600_000,
  });
  const port = await serving.port();
  const failures: string[] = [];
  let done = 0;
  let enough = Promise.withResolvers<void>();
  let left = CONNECTIONS;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const failure = await visit(port, target.port);
      if (failure !== undefined) failures.push(failure);
      done++;
      if (done % BETWEEN === 0) enough.resolve();
    }
  };
  /** Resolves when as many have come as there are to be between two upgrades. */
  const more = (): Promise<void> => {
    enough = Promise.withResolvers();
    if (left <= 0) enough.resolve();
    return enough.promise;
  };
  const upgrades = async (): Promise<number> => {
    let count = 0;
    for (;;) {
      await more();
      if (left <= BETWEEN) return count;
      await serving.upgrade();
      count++;
    }
  };
  const [count] = await Promise.all([upgrades(), ...Array.from({ length: CLIENTS }, client)]);
  t.diagnostic(`${count} upgrades`);
  assert.ok(count >= 5, `${count} upgrades`);
  assert.deepEqual(failures, []);
  assert.equal(done, CONNECTIONS);
});
