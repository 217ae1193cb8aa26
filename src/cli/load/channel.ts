/** One connection of a load test: reads of so many bytes, without a stream in between. */
import { connect as connectTcp, isIP, type NetConnectOpts, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { noConnection, noTls, nameOf, unixPath, type Destination, type TlsTrust } from '../connect.ts';
import { Failure } from '../exit.ts';

const EMPTY: Buffer = Buffer.alloc(0);

/** All connections read into this one, since what must outlive the callback is copied out. */
const SHARED: Buffer = Buffer.allocUnsafe(65_536);

/** Bytes nobody has asked for yet; a peer that sends more says too much. */
const MOST_HELD = 262_144;

/** How long the other side may take to close, before it is cut; milliseconds. */
const LEAVE_MS = 1000;

/** What is wrong on this host, and nobody else's fault. */
const OWN_FAULTS: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  EMFILE: [
    'this program may not open more files',
    'raise the limit before: ulimit -n 65536, or lower --concurrency',
  ],
  ENFILE: ['this host cannot open more files', 'raise it: sysctl -w fs.file-max=1000000'],
  EADDRNOTAVAIL: [
    'this host has no port left to connect to the proxy from',
    'connections that ended occupy theirs for a minute: lower --rps, or use --keep-alive',
  ],
};

export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

export class Channel {
  readonly #socket: Socket;
  /** Whom failures are about: `the proxy at …`, later `the target`. */
  #peer: string;
  #held: Buffer = EMPTY;
  /** Wakes whoever waits for bytes. */
  #news: (() => void) | undefined = undefined;
  #failure: Error | undefined = undefined;
  #closed = false;
  #lost = false;

  private constructor(socket: Socket, peer: string, event: 'connect' | 'secureConnect') {
    this.#socket = socket;
    this.#peer = peer;
    socket.on('error', (error) => {
      this.#lost = this.#failure === undefined;
      this.fail(wordsFor(error, this.#peer, event === 'secureConnect'));
    });
    socket.once(event, () => this.#wake());
    socket.once('close', () => {
      this.#closed = true;
      this.#lost ||= this.#failure === undefined;
      this.#wake();
    });
  }

  /**
   * @param plain Nothing is put around this connection later: it may read into the shared buffer.
   * @param born Gets it before it stands, so that somebody can end it.
   * @throws {Failure} It does not come to be.
   */
  static async open(
    destination: Destination,
    peer: string,
    plain: boolean,
    born: (channel: Channel) => void,
  ): Promise<Channel> {
    const { address: host, port, tls } = destination;
    const path = unixPath(destination);
    const named = nameOf(peer, destination);
    const where: NetConnectOpts = path === undefined ? { host, port, noDelay: true } : { path };
    if (tls !== undefined) return await Channel.#secured(connectTcp(where), tls, host, named, born);
    const onread: OnReadOpts = {
      buffer: SHARED,
      callback: (size) => {
        channel.#received(Buffer.from(SHARED.subarray(0, size)));
        return true;
      },
    };
    const socket = connectTcp(plain ? { ...where, onread } : where);
    const channel = new Channel(socket, named, 'connect');
    if (!plain) socket.on('data', (chunk: Buffer) => channel.#received(chunk));
    born(channel);
    return await channel.#established();
  }

  static async #secured(
    socket: Socket,
    trust: TlsTrust,
    host: string,
    peer: string,
    born: (channel: Channel) => void,
  ): Promise<Channel> {
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const { ca, verify } = trust;
    const tls: TLSSocket = connectTls({
      socket,
      host,
      ...servername,
      rejectUnauthorized: verify,
      ...(ca !== undefined && { ca }),
    });
    const channel = new Channel(tls, peer, 'secureConnect');
    // An error before the handshake is told by the socket beneath alone.
    socket.on('error', (error) => channel.fail(wordsFor(error, peer, false)));
    tls.on('data', (chunk: Buffer) => channel.#received(chunk));
    born(channel);
    return await channel.#established();
  }

  /** TLS from here on, with the other end of a tunnel. This channel is spent. */
  async secure(trust: TlsTrust, host: string, born: (channel: Channel) => void): Promise<Channel> {
    const socket = this.#socket;
    socket.removeAllListeners('data');
    return await Channel.#secured(socket, trust, host, 'the target', born);
  }

  /** From now on it is the target that failures are about. */
  reached(peer: string): void {
    this.#peer = peer;
  }

  /** Bytes so far, of what goes through this connection. */
  traffic(): Traffic {
    const { bytesWritten: sent, bytesRead: received } = this.#socket;
    return { sent, received };
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next so many bytes. @throws {Failure} */
  async take(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#more();
    return this.#give(count);
  }

  /** Everything up to the mark, and the mark. @throws {Failure} Also when it does not come within so many bytes. */
  async takeUntil(mark: string, most: number): Promise<Buffer> {
    let from = 0;
    for (;;) {
      const at = this.#held.indexOf(mark, from, 'latin1');
      if (at !== -1) return this.#give(at + mark.length);
      if (this.#held.length > most) throw new Failure(`${this.#peer} answers without an end`);
      from = Math.max(0, this.#held.length - mark.length);
      await this.#more();
    }
  }

  /** Whatever came next. Undefined: the other side has ended. @throws {Failure} */
  async chunk(): Promise<Buffer | undefined> {
    while (this.#held.length === 0) {
      if (this.#closed && this.#failure === undefined) return undefined;
      await this.#more();
    }
    return this.#give(this.#held.length);
  }

  /** Gives back what was too much. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.#held = Buffer.concat([bytes, this.#held]);
  }

  /** Nothing was said that nobody asked for, and it still stands. */
  get idle(): boolean {
    return !this.#closed && this.#failure === undefined && this.#held.length === 0;
  }

  /** It was the other side that ended it. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Ends it at once; whoever waits for bytes gets this reason. */
  fail(failure: Error): void {
    this.#failure ??= failure;
    this.#socket.destroy();
    this.#wake();
  }

  /** The time is up. */
  late(): void {
    this.fail(new Failure(`${this.#peer} did not answer in time`));
  }

  /** Ends it in order, and does not wait for that. The side that closes first is the one whose port stays occupied. */
  leave(speaksLast: boolean): void {
    if (this.#closed) return;
    if (speaksLast) this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), LEAVE_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  async #established(): Promise<this> {
    await this.#more();
    if (this.#closed) throw this.#reason();
    return this;
  }

  #received(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (this.#held.length > MOST_HELD) this.fail(new Failure(`${this.#peer} sends more than was asked for`));
    this.#wake();
  }

  #give(count: number): Buffer {
    const bytes = this.#held.subarray(0, count);
    this.#held = count === this.#held.length ? EMPTY : this.#held.subarray(count);
    return bytes;
  }

  /** Until there is something new. @throws {Failure} There will be nothing any more. */
  async #more(): Promise<void> {
    if (this.#closed || this.#failure !== undefined) throw this.#reason();
    await new Promise<void>((resolve) => (this.#news = resolve));
    if (this.#failure !== undefined) throw this.#reason();
  }

  #wake(): void {
    const news = this.#news;
    this.#news = undefined;
    news?.();
  }

  #reason(): Error {
    return this.#failure ?? new Failure(`${this.#peer} closed the connection in the middle of its answer`);
  }
}

/** What is no call to the system is the matter of TLS, where there is TLS. */
function wordsFor(error: NodeJS.ErrnoException, peer: string, tls: boolean): Failure {
  const own = OWN_FAULTS[error.code ?? ''];
  if (own !== undefined) return new Failure(...own);
  return tls && error.syscall === undefined ? noTls(error, peer) : noConnection(error, peer);
}
