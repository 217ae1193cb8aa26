/** What the harness asks of the load generator, and what travels between the processes. */

/**
 * How a client reaches the sink: through a SOCKS5 or CONNECT request, by a proxy that knows only one target, or with plain
 * HTTP requests: one a connection, or many over connections that are kept (`kept`).
 */
export type Protocol = 'socks5' | 'connect' | 'fixed' | 'http' | 'kept';

/** What clients of a proxy with users log in with. */
export const LOGIN = { name: 'bench', password: 'bench-password' } as const;

export interface Route {
  readonly protocol: Protocol;
  /** The proxy's port on 127.0.0.1. */
  readonly port: number;
  /** The sink's port on 127.0.0.1. */
  readonly sinkPort: number;
  /** Whether the client has to log in, with {@link LOGIN}. */
  readonly login: boolean;
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
  | { readonly kind: 'idle'; readonly count: number }
  /** `count` GET requests, `lanes` at once: each over a connection of its own, or all of a lane over one. */
  | { readonly kind: 'requests'; readonly count: number; readonly lanes: number; readonly kept: boolean }
  /** As `tunnels`, but begun at fixed moments, whether or not those before have ended. */
  | { readonly kind: 'paced'; readonly count: number; readonly perSecond: number };

export interface Job {
  readonly route: Route;
  readonly work: Work;
}

/**
 * Harness to load generator. `go` starts the measured part, `check` proves afterwards that what should be open still is,
 * and closes it.
 */
export type Order = { readonly prepare: Job } | 'go' | 'check';

/** Of a paced job: how long tunnels took from the moment they should have begun, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface Done {
  readonly kind: 'done';
  /** Wall time of the measured part. */
  readonly seconds: number;
  readonly latency?: Latency | undefined;
}

/** Load generator to harness. */
export type Answer = { readonly kind: 'ready' } | Done | { readonly kind: 'failed'; readonly reason: string };

/** Sink to harness. */
export interface SinkReady {
  readonly port: number;
}

/** First bytes a client sends to the sink, and the length of the echo of the tunnel axis. */
export const REQUEST_BYTES = 16;
export const MESSAGE_BYTES = 64;
/** The body of an answer over plain HTTP: the path of its request, filled up with spaces. */
export const BODY_BYTES = 64;

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
