/**
 * The bytes of the bulk axes: every position has a known value, so a lost, doubled or misplaced block is noticed.
 *
 * The period is a prime, so that a shift by any buffer size in use changes the bytes.
 */
import type { Socket } from 'node:net';

const PERIOD = 65_521;
const CHUNK = 256 * 1024;

const bytes = Buffer.allocUnsafe(PERIOD + CHUNK);
for (let index = 0, value = 1; index < bytes.length; index++) {
  if (index % PERIOD === 0) value = 1;
  value = (value * 48_271) % 2_147_483_647;
  bytes[index] = value & 0xff;
}

/** The pattern from `position` on; at most 256 KiB at once. Shared memory: never write into it. */
const slice = (position: number, length: number): Buffer => {
  const from = position % PERIOD;
  return bytes.subarray(from, from + Math.min(length, CHUNK));
};

/** Whether `chunk` is what stands at `position`. */
export function matches(position: number, chunk: Buffer): boolean {
  for (let from = 0; from < chunk.length; from += CHUNK) {
    const part = chunk.subarray(from, from + CHUNK);
    if (!part.equals(slice(position + from, part.length))) return false;
  }
  return true;
}

/** Writes the first `total` bytes of the pattern as fast as the socket takes them, then calls `written`. */
export function pour(socket: Socket, total: number, written: () => void): void {
  let position = 0;
  const push = (): void => {
    while (position < total) {
      const chunk = slice(position, total - position);
      position += chunk.length;
      if (!socket.write(chunk) && position < total) return;
    }
    socket.off('drain', push);
    written();
  };
  socket.on('drain', push);
  push();
}
