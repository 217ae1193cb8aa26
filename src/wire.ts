/**
 * The wire a handshake is held on: the client's leg until its tunnel stands.
 *
 * Bytes collect here and are handed to pure parsers, however they were split or pipelined. One absolute deadline covers
 * the handshake and is never extended by bytes that trickle in; what a client sends ahead of our answer is bounded.
 */
import { ProxyError, type FailureCode } from './errors.ts';
import type { Leg, Reader } from './leg/leg.ts';
import type { Parser } from './protocol/parsed.ts';

/** What a client may send ahead of our answer before we stop reading; bytes. */
const EARLY_BYTES = 65_536;
/** A refused client that does not close after its answer is cut after this; milliseconds. */
const LINGER_MS = 1000;
const NOTHING = Buffer.alloc(0);

export class Wire implements Reader {
  leg: Leg;
  /** The conversation has already told the client why; {@link Inbound.refused} would be a second answer. */
  answered = false;
  /** Called once when the client is gone or the deadline has passed, with the reason. */
  onBroken: ((error: ProxyError) => void) | undefined = undefined;
  #inbox = NOTHING;
  #held = 0;
  #broken: ProxyError | undefined = undefined;
  #wake: (() => void) | undefined = undefined;
  #timer: NodeJS.Timeout;
  readonly #wires: Set<Wire>;
  #discarding = false;

  /**
   * @param handshakeMs The deadline of the whole handshake; bytes never extend it.
   * @param wires Where this wire is listed for as long as it is one.
   */
  constructor(leg: Leg, handshakeMs: number, wires: Set<Wire>) {
    this.#timer = setTimeout(() => this.break(new ProxyError('HANDSHAKE_TIMEOUT')), handshakeMs);
    this.#wires = wires.add(this);
    this.leg = leg;
    leg.hand(this);
  }

  /**
   * The next message.
   * @throws ProxyError what the parser throws, or why no more bytes will come.
   */
  async read<T>(parse: Parser<T>): Promise<T> {
    for (;;) {
      if (this.#broken !== undefined) throw this.#broken;
      const parsed = this.#held === 0 ? undefined : parse(this.#inbox.subarray(0, this.#held));
      if (parsed !== undefined) {
        this.#consume(parsed.length);
        return parsed.value;
      }
      if (this.leg.ended) throw new ProxyError('CLIENT_GONE');
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  /**
   * As {@link read}, with a deadline of its own.
   * @param ms Milliseconds from now.
   */
  async readWithin<T>(parse: Parser<T>, ms: number, late: FailureCode): Promise<T> {
    const timer = setTimeout(() => this.break(new ProxyError(late)), ms);
    try {
      return await this.read(parse);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Goes on inside TLS, whose first bytes may have come already. @param secure Puts TLS around a leg. */
  secure(secure: (leg: Leg, early: Buffer) => Leg): void {
    if (this.leg.ended) throw new ProxyError('CLIENT_GONE');
    const early = this.#inbox.subarray(0, this.#held);
    this.#forget();
    this.leg = secure(this.leg, early).hand(this);
  }

  send(bytes: Buffer): void {
    this.leg.write(bytes);
  }

  /** Whether bytes have come that nobody asked for yet. */
  get hasEarly(): boolean {
    return this.#held > 0;
  }

  /** The request is complete: the handshake's deadline is met. */
  complete(): void {
    clearTimeout(this.#timer);
  }

  /** The tunnel stands: the bytes behind the request go to the remote, first and once. */
  release(): Leg {
    if (this.#held > 0) this.leg.held = this.#inbox.subarray(0, this.#held);
    this.#forget();
    this.#wires.delete(this);
    return this.leg;
  }

  /**
   * Says no, and closes. What the client still sends is read and forgotten meanwhile: unread bytes would turn the FIN
   * into an RST, which can overtake the answer.
   */
  refuse(answer: Buffer | undefined): void {
    clearTimeout(this.#timer);
    this.#discarding = true;
    this.#forget();
    const { leg } = this;
    if (answer !== undefined && !this.answered) leg.write(answer);
    leg.end();
    leg.resume();
    this.#timer = setTimeout(() => leg.destroy(), LINGER_MS);
  }

  #forget(): void {
    this.#inbox = NOTHING;
    this.#held = 0;
  }

  get broken(): ProxyError | undefined {
    return this.#broken;
  }

  /** The process is closing: tell the client if it can still be told, and do not wait for it. */
  cut(): void {
    if (this.#discarding) this.leg.destroy();
    else this.break(new ProxyError('SHUTTING_DOWN'));
  }

  /** Why nothing can come of this connection any more. */
  break(error: ProxyError): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    this.#resumeReading();
    this.onBroken?.(error);
  }

  bytes(chunk: Buffer): boolean {
    if (this.#discarding) return true;
    this.#append(chunk);
    this.#resumeReading();
    return this.#held < EARLY_BYTES;
  }

  end(): void {
    this.#resumeReading();
  }

  drain(): void {}

  gone(error: NodeJS.ErrnoException | undefined): void {
    clearTimeout(this.#timer);
    this.#wires.delete(this);
    const code = error?.code?.startsWith('ERR_SSL_') === true ? 'TLS_FAILED' : 'CLIENT_GONE';
    this.break(new ProxyError(code, undefined, error));
  }

  #resumeReading(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Grows by doubling: a client that sends byte by byte must not cost a copy of everything for each. */
  #append(chunk: Buffer): void {
    const needed = this.#held + chunk.length;
    if (needed > this.#inbox.length) {
      const bigger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#inbox.length));
      this.#inbox.copy(bigger, 0, 0, this.#held);
      this.#inbox = bigger;
    }
    chunk.copy(this.#inbox, this.#held);
    this.#held = needed;
  }

  #consume(length: number): void {
    this.#inbox = this.#inbox.subarray(length);
    this.#held -= length;
    if (this.#held === 0) this.#forget();
  }
}
