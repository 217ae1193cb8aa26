/**
 * From the first byte to a complete request: the conversations of all inbound protocols, and the wire they are held on.
 *
 * The parsers in `protocol/` are pure; here they meet a socket. One absolute deadline covers the whole stage and is
 * never extended by bytes that trickle in.
 */
import type { Credentials, Endpoint, Identity, InboundName, Target } from './connection.ts';
import { ProxyError } from './errors.ts';
import type { Leg, Reader } from './leg.ts';
import type { Authenticator } from './policy/auth.ts';
import type { Parser } from './protocol/parsed.ts';
import { inboundOf } from './protocol/sniff.ts';
import * as http from './protocol/http.ts';
import * as socks5 from './protocol/socks5.ts';

/** What a client may send ahead of our answer before we stop reading; bytes. */
export const EARLY_BYTES = 65_536;
/** A refused client that does not close after its answer is cut after this; milliseconds. */
const LINGER_MS = 1000;
/** Wrong credentials answered on one connection before it is closed. */
const MAX_LOGINS = 3;

const NOTHING = Buffer.alloc(0);
/** The bytes are not consumed: the conversation reads them again. */
const FIRST_BYTE: Parser<number> = (bytes) =>
  bytes.length === 0 ? undefined : { value: bytes[0]!, length: 0 };

/** What a client asks for, once it is known. */
export interface Request {
  readonly identity: Identity | undefined;
  readonly target: Target;
}

/** How to answer in the client's protocol. */
export interface Inbound {
  readonly name: InboundName;
  /** Speaks the protocol until the request is complete. */
  converse(wire: Wire, auth: Authenticator): Promise<Request>;
  /** The answer when the tunnel stands. */
  granted(bound: Endpoint): Buffer;
  /** The answer when it does not; undefined where the protocol has no word for it. */
  refused(error: ProxyError): Buffer | undefined;
}

/** The client's leg until the tunnel stands: what it said and nobody has understood yet. */
export class Wire implements Reader {
  readonly leg: Leg;
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
  constructor(open: (wire: Wire) => Leg, handshakeMs: number, wires: Set<Wire>) {
    this.#timer = setTimeout(() => this.break(new ProxyError('HANDSHAKE_TIMEOUT')), handshakeMs);
    this.#wires = wires.add(this);
    this.leg = open(this);
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

  send(bytes: Buffer): void {
    this.leg.socket.write(bytes);
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
    const { socket } = this.leg;
    if (answer === undefined || this.answered) socket.end();
    else socket.end(answer);
    this.leg.resume();
    this.#timer = setTimeout(() => socket.destroy(), LINGER_MS);
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
    if (this.#discarding) this.leg.socket.destroy();
    else this.break(new ProxyError('SHUTTING_DOWN'));
  }

  /** An answer worth waiting for only while the client is there. */
  unlessBroken<T>(answer: Promise<T>): Promise<T> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.onBroken = reject;
      answer.then(resolve, reject);
    });
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
    this.break(new ProxyError('CLIENT_GONE', undefined, error));
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

/** Tells the protocol by the first byte. */
export async function sniff(wire: Wire): Promise<Inbound> {
  const name = inboundOf(await wire.read(FIRST_BYTE));
  if (name === undefined) throw new ProxyError('UNKNOWN_PROTOCOL');
  return INBOUND[name];
}

async function converseSocks5(wire: Wire, auth: Authenticator): Promise<Request> {
  const method = socks5.chooseMethod(await wire.read(socks5.parseGreeting), auth.required);
  wire.send(socks5.methodReply(method));
  if (method === socks5.METHOD.none) {
    wire.answered = true;
    throw new ProxyError(
      'AUTH_REQUIRED',
      'the client offered no authentication method that is accepted here',
    );
  }
  const identity = method === socks5.METHOD.password ? await logIn(wire, auth) : undefined;
  return { identity, target: await wire.read(socks5.parseRequest) };
}

async function logIn(wire: Wire, auth: Authenticator): Promise<Identity> {
  const identity = await readLogin(wire, auth);
  wire.send(socks5.authReply(identity !== undefined));
  if (identity !== undefined) return identity;
  wire.answered = true;
  throw new ProxyError('BAD_CREDENTIALS');
}

/** A login that is not even one is a wrong login: RFC 1929 has no other word for it. */
async function readLogin(wire: Wire, auth: Authenticator): Promise<Identity | undefined> {
  let credentials: Credentials;
  try {
    credentials = await wire.read(socks5.parseCredentials);
  } catch (error) {
    if (error instanceof ProxyError && error.code === 'BAD_REQUEST') return undefined;
    throw error;
  }
  return auth.verify(credentials);
}

async function converseConnect(wire: Wire, auth: Authenticator): Promise<Request> {
  for (let login = 1; ; login++) {
    const head = await wire.read(http.parseHead);
    const target = http.connectTarget(head);
    const credentials = http.basicCredentials(head);
    if (credentials === undefined && !auth.required) return { identity: undefined, target };
    const identity = credentials === undefined ? undefined : await auth.verify(credentials);
    if (identity !== undefined) return { identity, target };
    const error = new ProxyError(credentials === undefined ? 'AUTH_REQUIRED' : 'BAD_CREDENTIALS');
    // Bytes right behind the head belong to the tunnel that did not come about; they must not be read as a request.
    const retry = login < MAX_LOGINS && head.version === '1.1' && !wire.hasEarly && !wire.leg.ended;
    wire.send(http.refused(error, retry));
    if (retry) continue;
    wire.answered = true;
    throw error;
  }
}

const INBOUND: Readonly<Record<InboundName, Inbound>> = {
  socks5: {
    name: 'socks5',
    converse: converseSocks5,
    granted: (bound) => socks5.reply(0x00, bound),
    // A client that was too slow may stand anywhere in the negotiation: a reply could be taken for something else.
    refused: (error) => (error.code === 'HANDSHAKE_TIMEOUT' ? undefined : socks5.reply(error.failure.socks5)),
  },
  'http-connect': {
    name: 'http-connect',
    converse: converseConnect,
    granted: http.granted,
    refused: (error) => http.refused(error),
  },
};
