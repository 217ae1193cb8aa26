/**
 * The relay: two legs become one tunnel. The only code that runs per read.
 *
 * Nothing here awaits, and a quiet tunnel allocates nothing but what `write()` itself needs. FIN is passed on each way
 * (half-close); RST is passed on after what was read before it has been flushed; a leg that does not read stalls its
 * sender and holds at most one private buffer.
 */
import type { Connection } from './connection.ts';
import { ProxyError, type FailureCode } from './errors.ts';
import { DEAF, type Leg, type Reader } from './leg/leg.ts';

/** Times after which a silent tunnel is cut; milliseconds. */
export interface TunnelTimeouts {
  /** No byte either way. */
  readonly idle: number;
  /** No byte either way since one side sent FIN. */
  readonly fin: number;
}

/** After a reset, the kernel gets this long to deliver what was written just before, then the RST follows. */
const RESET_LINGER_MS = 200;
const RESET_POLL_MS = 50;
/** TCP keep-alive is switched on once a tunnel is this old, so that short ones save the system calls. */
const KEEPALIVE_AFTER_MS = 30_000;
const SWEEP_MS = 1000;

/** All tunnels of one thread, and the one timer that watches their silence. */
export class Tunnels {
  timeouts: TunnelTimeouts;
  /** Told of tunnels that have passed bytes, at each look at them. */
  readonly moved: (connection: Connection) => void;
  readonly #tunnels = new Set<Tunnel>();
  #timer: NodeJS.Timeout | undefined;

  constructor(timeouts: TunnelTimeouts, moved: (connection: Connection) => void = () => {}) {
    this.timeouts = timeouts;
    this.moved = moved;
  }

  get size(): number {
    return this.#tunnels.size;
  }

  add(tunnel: Tunnel): void {
    this.#tunnels.add(tunnel);
    const period = Math.max(10, Math.min(SWEEP_MS, this.timeouts.idle / 4, this.timeouts.fin / 4));
    this.#timer ??= setInterval(() => this.#sweep(), period).unref();
  }

  delete(tunnel: Tunnel): void {
    this.#tunnels.delete(tunnel);
    if (this.#tunnels.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Whose tunnels stand. */
  *connections(): Generator<Connection, void, undefined> {
    for (const { connection } of this.#tunnels) yield connection;
  }

  /** Ends every tunnel, or those that `chosen` says, at once. @returns how many. */
  cut(code: FailureCode, chosen: (connection: Connection) => boolean = () => true): number {
    let cut = 0;
    for (const tunnel of this.#tunnels) {
      if (!chosen(tunnel.connection)) continue;
      tunnel.cut(code);
      cut++;
    }
    return cut;
  }

  /** The limits have changed, and with them how fast tunnels may be. */
  reshape(): void {
    for (const tunnel of this.#tunnels) tunnel.reshape();
  }

  #sweep(): void {
    const now = performance.now();
    for (const tunnel of this.#tunnels) tunnel.sweep(now, this.timeouts);
  }
}

/** One direction: everything `from` says goes to `to`. */
class Flow implements Reader {
  readonly from: Leg;
  readonly to: Leg;
  readonly #tunnel: Tunnel;
  /** Payload bytes passed on. */
  bytesPassed = 0;
  /** `from` sent FIN and all of its bytes have been handed to `to`. */
  ended = false;
  #stalled = false;

  constructor(from: Leg, to: Leg, tunnel: Tunnel) {
    this.from = from;
    this.to = to;
    this.#tunnel = tunnel;
  }

  bytes(chunk: Buffer, lent: boolean): boolean {
    const { from, to } = this;
    this.bytesPassed += chunk.length;
    const waiting = to.pending;
    // Behind a waiting write an exact copy: many small chunks must not hold a scratch buffer each.
    const out = lent ? (waiting ? Buffer.from(chunk) : to.buffers.copy(chunk)) : chunk;
    const room = to.write(out);
    if (!to.pending) {
      from.fit(chunk.length);
      return true;
    }
    // The kernel did not take it all: what it still reads from must not be reused.
    if (lent && !waiting) to.buffers.keepCopy();
    if (room) {
      if (!lent) from.handOver();
      return true;
    }
    // The peer is slower than this side: stop reading until it has taken what it was given. A private buffer may stay
    // with the leg, because nothing is read into it before `drain`.
    this.#stalled = true;
    return false;
  }

  end(): void {
    this.ended = true;
    this.#tunnel.ended(this);
  }

  /** `from`'s own writes have drained: whoever reads the other side may go on. */
  drain(): void {
    this.#tunnel.opposite(this).wake();
  }

  wake(): void {
    if (!this.#stalled || this.to.pending) return;
    this.#stalled = false;
    this.from.resume();
  }

  gone(error: NodeJS.ErrnoException | undefined): void {
    this.#tunnel.gone(this, error);
  }
}

export class Tunnel {
  readonly connection: Connection;
  readonly #tunnels: Tunnels;
  readonly #up: Flow;
  readonly #down: Flow;
  readonly #finished: () => void;
  readonly #openedAt = performance.now();
  #seenBytes: number;
  #activeAt = this.#openedAt;
  #keepAlive = false;
  #over = false;
  #resetting: NodeJS.Timeout | undefined = undefined;

  constructor(connection: Connection, client: Leg, remote: Leg, tunnels: Tunnels, finished: () => void) {
    this.connection = connection;
    this.#tunnels = tunnels;
    this.#up = new Flow(client, remote, this);
    this.#down = new Flow(remote, client, this);
    this.#finished = finished;
    // A forwarded request that became a tunnel has passed bytes before.
    this.#up.bytesPassed = connection.sent;
    this.#down.bytesPassed = connection.received;
    this.#seenBytes = connection.sent + connection.received;
  }

  /** Connects the two legs; what they said before is delivered first, once. */
  start(): void {
    this.#tunnels.add(this);
    this.reshape();
    for (const flow of [this.#up, this.#down]) flow.from.hand(flow);
  }

  reshape(): void {
    const { stay } = this.connection;
    this.#up.from.shaper = stay?.up;
    this.#down.from.shaper = stay?.down;
  }

  opposite(flow: Flow): Flow {
    return flow === this.#up ? this.#down : this.#up;
  }

  /** FIN has come through `flow`. Pass it on; or, when it is the second one, close both sockets instead. */
  ended(flow: Flow): void {
    this.connection.closedBy ??= flow === this.#up ? 'client' : 'target';
    if (this.opposite(flow).ended && !flow.to.pending) this.#settle();
    else flow.to.end(() => this.#settle());
  }

  /** Both FINs are here and everything is flushed: nothing is left to say. */
  #settle(): void {
    if (this.#over || !this.#up.ended || !this.#down.ended) return;
    if (this.#up.to.pending || this.#down.to.pending) return;
    this.#finish();
  }

  /** The `from` leg of `flow` is closed. Without an error it ended in order, or it was closed by us. */
  gone(flow: Flow, error: NodeJS.ErrnoException | undefined): void {
    if (this.#over) return;
    if (this.#resetting !== undefined) return this.#finish();
    if (error === undefined && this.#up.ended && this.#down.ended) return this.#settleOrWait(flow);
    const byClient = flow === this.#up;
    this.connection.closedBy ??= byClient ? 'client' : 'target';
    this.connection.failure ??= new ProxyError(byClient ? 'CLIENT_RESET' : 'TARGET_RESET', undefined, error);
    this.#reset(flow);
  }

  /** One leg closed itself after its two FINs; the other may still have bytes to deliver. */
  #settleOrWait(flow: Flow): void {
    if (!flow.to.pending) this.#finish();
  }

  /**
   * Passes an RST on. Closing with RST throws away what the kernel has not sent yet, so bytes written just now get a
   * moment to leave; those still waiting in `to` get the FIN timeout.
   */
  #reset(flow: Flow): void {
    const { to } = flow;
    const quiet = flow.bytesPassed === 0 || this.#up.bytesPassed + this.#down.bytesPassed === this.#seenBytes;
    if (to.closed || (quiet && !to.pending)) return this.#finish(true);
    const since = performance.now();
    to.pause();
    this.#resetting = setInterval(() => {
      const waited = performance.now() - since;
      if (waited < RESET_LINGER_MS || (to.pending && waited < this.#tunnels.timeouts.fin)) return;
      this.#finish(true);
    }, RESET_POLL_MS);
  }

  /** Ends the tunnel now, for our own reasons. */
  cut(code: FailureCode): void {
    if (this.#over) return;
    this.connection.failure ??= new ProxyError(code);
    this.#finish();
  }

  /** Called about once a second: cuts what is silent for too long, and tidies up behind what fell silent. */
  sweep(now: number, timeouts: TunnelTimeouts): void {
    const bytes = this.#up.bytesPassed + this.#down.bytesPassed;
    if (bytes !== this.#seenBytes) {
      this.#activeAt = now;
      this.#note();
      this.#tunnels.moved(this.connection);
    } else {
      this.#sweepSilent(now, timeouts);
    }
    // Asked of silent ones as well: others may have used a common quota up.
    if (!this.#spend(bytes)) return this.cut('QUOTA_EXCEEDED');
    if (!this.#keepAlive && now - this.#openedAt >= KEEPALIVE_AFTER_MS) {
      this.#keepAlive = true;
      this.#up.from.keepAlive(KEEPALIVE_AFTER_MS);
      this.#down.from.keepAlive(KEEPALIVE_AFTER_MS);
    }
  }

  #note(): void {
    this.connection.sent = this.#up.bytesPassed;
    this.connection.received = this.#down.bytesPassed;
  }

  /** @returns false when there are no more to be had. */
  #spend(bytes: number): boolean {
    const more = bytes - this.#seenBytes;
    this.#seenBytes = bytes;
    return this.connection.stay?.spend(more) ?? true;
  }

  #sweepSilent(now: number, timeouts: TunnelTimeouts): void {
    const halfClosed = this.#up.ended || this.#down.ended;
    if (now - this.#activeAt >= (halfClosed ? timeouts.fin : timeouts.idle)) {
      return this.cut(halfClosed ? 'FIN_TIMEOUT' : 'IDLE_TIMEOUT');
    }
    if (!this.#up.to.pending) this.#up.from.settle();
    if (!this.#down.to.pending) this.#down.from.settle();
  }

  #finish(reset = false): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#resetting);
    this.#tunnels.delete(this);
    this.#note();
    this.#spend(this.#up.bytesPassed + this.#down.bytesPassed);
    for (const { from, to } of [this.#up, this.#down]) {
      if (!to.pending) from.settle();
      from.reader = DEAF;
      if (reset) from.reset();
      else from.destroy();
    }
    this.#finished();
  }
}

/** Relays until both sides are done. @param finished Called once; how it ended is in the record. */
export function relay(
  connection: Connection,
  client: Leg,
  remote: Leg,
  tunnels: Tunnels,
  finished: () => void,
): void {
  new Tunnel(connection, client, remote, tunnels, finished).start();
}
