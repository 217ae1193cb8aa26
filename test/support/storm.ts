/** Many tunnels at once, every byte of them accounted for. */
import { createHash, randomBytes, type Hash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { socksTunnel } from './gateway.ts';
import { Target } from './peer.ts';

const MAX_CHUNK = 262_144;
/** Random bytes to cut chunks from: making fresh ones for each would measure the generator. */
const POOL = randomBytes(4 * 1024 * 1024);

export interface StormResult {
  readonly tunnels: number;
  readonly bytes: number;
  /** Streams whose hash at the far end was another one. */
  readonly corrupted: number;
}

const random = (below: number): number => Math.floor(Math.random() * below);
const pause = (): Promise<void> =>
  new Promise((resolve) => (random(8) === 0 ? setTimeout(resolve, random(4)) : setImmediate(resolve)));

function chunk(left: number): Buffer {
  // From single bytes to whole buffers, each size class equally often.
  const size = Math.min(left, 1 + random(2 ** (1 + random(18))), MAX_CHUNK);
  const at = random(POOL.length - size);
  return POOL.subarray(at, at + size);
}

/** Writes `bytes` random bytes in random chunks with random pauses, then FIN. */
async function speak(socket: Socket, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0;) {
    const part = chunk(left);
    left -= part.length;
    hash.update(part);
    if (!socket.write(part)) await once(socket, 'drain');
    if (random(16) === 0) await pause();
  }
  socket.end();
  return hash.digest('hex');
}

/** Reads until FIN, now and then stopping for a moment. */
async function listen(socket: Socket, hash: Hash = createHash('sha256')): Promise<string> {
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    hash.update(part as Buffer);
    if (random(64) === 0) await pause();
  }
  return hash.digest('hex');
}

/**
 * Tunnels with random data both ways until `totalBytes` have passed, `concurrency` at a time. Each direction ends by its
 * own FIN, in random order: half-closes happen by themselves.
 */
export async function storm(
  gateway: Gateway,
  totalBytes: number,
  concurrency: number,
  meanBytes: number,
): Promise<StormResult> {
  let bytes = 0;
  let tunnels = 0;
  let corrupted = 0;
  await using target = await Target.listen();
  const worker = async (): Promise<void> => {
    while (bytes < totalBytes) {
      const up = random(2 * meanBytes);
      const down = random(2 * meanBytes);
      bytes += up + down;
      tunnels++;
      const [near, far] = await pair(gateway, target);
      const [saidUp, heardUp, saidDown, heardDown] = await Promise.all([
        speak(near, up),
        listen(far),
        speak(far, down),
        listen(near),
      ]);
      if (saidUp !== heardUp) corrupted++;
      if (saidDown !== heardDown) corrupted++;
      near.destroy();
      far.destroy();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { tunnels, bytes, corrupted };
}

let pairing: Promise<unknown> = Promise.resolve();

/** The two ends of a fresh tunnel. One at a time, so that each client meets its own server side. */
function pair(gateway: Gateway, target: Target): Promise<readonly [Socket, Socket]> {
  const made = pairing.then(async () => {
    const [{ client }, server] = await Promise.all([socksTunnel(gateway, target.port), target.accept()]);
    for (const { socket } of [client, server])
      socket.removeAllListeners('data').removeAllListeners('end').pause();
    return [client.socket, server.socket] as const;
  });
  pairing = made.catch(() => {});
  return made;
}
