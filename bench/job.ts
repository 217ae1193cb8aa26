/** What the harness asks of the load generator, and what travels between the processes. */

/** How a client reaches the sink: through a SOCKS5 or CONNECT request, or by a proxy that knows only one target. */
export type Protocol = 'socks5' | 'connect' | 'fixed';

export interface Route {
  readonly protocol: Protocol;
  /** The proxy's port on 127.0.0.1. */
  readonly port: number;
  /** The sink's port on 127.0.0.1. */
  readonly sinkPort: number;
}

export type Work =
  /** Open, echo 16 bytes, close; so many times, so many at once. */
  | { readonly kind: 'tunnels'; readonly count: number; readonly atOnce: number }
  /** Move `bytes` in all, shared by `streams` tunnels. */
  | {
      readonly kind: 'bytes';
      readonly direction: 'down' | 'up';
      readonly bytes: number;
      readonly streams: number;
    }
  /** Echo 64 bytes `count` times in all over `tunnels` open tunnels, one message at a time on each. */
  | { readonly kind: 'roundTrips'; readonly count: number; readonly tunnels: number }
  /** Open `count` tunnels, echo once over each, leave them open. */
  | { readonly kind: 'idle'; readonly count: number };

export interface Job {
  readonly route: Route;
  readonly work: Work;
}

/**
 * Harness to load generator. `go` starts the measured part, `check` proves afterwards that what should be open still is,
 * and closes it.
 */
export type Order = { readonly prepare: Job } | 'go' | 'check';

/** Load generator to harness. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly seconds: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** Sink to harness. */
export interface SinkReady {
  readonly port: number;
}

/** First bytes a client sends to the sink, and the length of the echo of the tunnel axis. */
export const REQUEST_BYTES = 16;
export const MESSAGE_BYTES = 64;

/** What the sink does with a connection: the first byte of the request. */
export const Mode = {
  /** Answer the request with itself, then close. */
  once: 1,
  /** Echo everything, until a message starts with `once`. */
  echo: 2,
  /** Send so many bytes of the pattern, then close. */
  down: 3,
  /** Read so many bytes, answer how many of them were right, then close. */
  up: 4,
} as const;

export type ModeByte = (typeof Mode)[keyof typeof Mode];

/** A request to the sink: mode, serial number (so that no two are alike), byte count. */
export function request(mode: ModeByte, serial: number, bytes = 0): Buffer {
  const head = Buffer.alloc(REQUEST_BYTES);
  head.writeUInt8(mode, 0);
  head.writeUInt32BE(serial, 4);
  head.writeBigUInt64BE(BigInt(bytes), 8);
  return head;
}
