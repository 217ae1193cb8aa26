/** One tunnel from the load generator's side: handshake, exact reads, a close that must have come in order. */
import { connect, type Socket } from 'node:net';
import { LOGIN, type Route } from './job.ts';

const HEAD_LIMIT = 16 * 1024;
const EMPTY: Buffer = Buffer.alloc(0);

/** Every socket reads into this one: what must outlive the callback is copied out. */
const shared = Buffer.allocUnsafe(256 * 1024);

interface Waiter {
  /** The number of bytes to give out, or -1 while they do not suffice. */
  enough(held: Buffer): number;
  resolve(bytes: Buffer): void;
  reject(error: Error): void;
}

export class Tunnel {
  readonly socket: Socket;
  #held: Buffer = EMPTY;
  #waiter: Waiter | undefined;
  #consume: ((chunk: Buffer) => void) | undefined;
  #failure: Error | undefined;
  #closed = false;
  #onClosed: (() => void) | undefined;

  private constructor(port: number) {
    this.socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: shared,
        callback: (size) => {
          this.#received(shared.subarray(0, size));
          return true;
        },
      },
    });
    this.socket.on('error', (error) => (this.#failure ??= error));
    this.socket.on('close', () => this.#close());
  }

  /** Opens a tunnel to the sink, or only the connection to an HTTP proxy; rejects if the answer is no success. */
  static async open(route: Route): Promise<Tunnel> {
    const tunnel = new Tunnel(route.port);
    try {
      if (route.protocol === 'socks5') await socks5(tunnel, route);
      else if (route.protocol === 'connect') await httpConnect(tunnel, route);
    } catch (error) {
      tunnel.socket.destroy();
      throw error;
    }
    return tunnel;
  }

  write(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  /** The next `length` bytes. */
  take(length: number): Promise<Buffer> {
    return this.#wait((held) => (held.length >= length ? length : -1));
  }

  /** Everything up to and with the empty line that ends an HTTP head. */
  takeHead(): Promise<Buffer> {
    return this.#wait((held) => {
      const end = held.indexOf('\r\n\r\n');
      if (end < 0 && held.length > HEAD_LIMIT) throw new Error('the answer to CONNECT has no end');
      return end < 0 ? -1 : end + 4;
    });
  }

  /** From now on every chunk goes to `consume`, which must not keep it. */
  consume(consume: (chunk: Buffer) => void): void {
    this.#consume = consume;
    if (this.#held.length > 0) consume(this.#held);
    this.#held = EMPTY;
  }

  /** Resolves when both sides have closed in order; rejects after an error or with bytes nobody asked for. */
  closed(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#onClosed = () => {
      if (this.#failure) reject(this.#failure);
      else if (this.#held.length > 0) reject(new Error(`${this.#held.length} bytes too many`));
      else resolve();
    };
    if (this.#closed) this.#onClosed();
    return promise;
  }

  #wait(enough: (held: Buffer) => number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#waiter = { enough, resolve, reject };
    this.#satisfy();
    return promise;
  }

  #received(chunk: Buffer): void {
    if (this.#consume) {
      this.#consume(chunk);
      return;
    }
    this.#held = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : Buffer.from(chunk);
    this.#satisfy();
  }

  #satisfy(): void {
    const waiter = this.#waiter;
    if (!waiter) return;
    try {
      const size = waiter.enough(this.#held);
      if (size < 0 && !this.#closed) return;
      if (size < 0) throw this.#failure ?? new Error('closed too early');
      this.#waiter = undefined;
      const bytes = this.#held.subarray(0, size);
      this.#held = this.#held.subarray(size);
      waiter.resolve(bytes);
    } catch (error) {
      this.#waiter = undefined;
      waiter.reject(error as Error);
    }
  }

  #close(): void {
    this.#closed = true;
    this.#satisfy();
    this.#onClosed?.();
  }
}

const ANYBODY = Buffer.of(5, 1, 0);
const WITH_PASSWORD = Buffer.of(5, 1, 2);
const CREDENTIALS = Buffer.concat([
  Buffer.of(1, LOGIN.name.length),
  Buffer.from(LOGIN.name),
  Buffer.of(LOGIN.password.length),
  Buffer.from(LOGIN.password),
]);

/** The line of an HTTP request that logs in; empty where nobody has to. */
export const loginLine = ({ login }: Route): string =>
  login
    ? `Proxy-Authorization: Basic ${Buffer.from(`${LOGIN.name}:${LOGIN.password}`).toString('base64')}\r\n`
    : '';

/** RFC 1928, and RFC 1929 for a login: one message after the other as clients do. */
async function socks5(tunnel: Tunnel, { sinkPort, login }: Route): Promise<void> {
  tunnel.write(login ? WITH_PASSWORD : ANYBODY);
  const method = await tunnel.take(2);
  if (method[0] !== 5 || method[1] !== (login ? 2 : 0))
    throw new Error(`SOCKS5 method ${method.toString('hex')}`);
  if (login) {
    tunnel.write(CREDENTIALS);
    if ((await tunnel.take(2))[1] !== 0) throw new Error('the login was refused');
  }
  tunnel.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, sinkPort >> 8, sinkPort & 0xff]));
  const reply = await tunnel.take(10);
  if (reply[0] !== 5 || reply[1] !== 0) throw new Error(`SOCKS5 reply ${reply[1]}`);
  if (reply[3] !== 1) throw new Error(`SOCKS5 reply with address type ${reply[3]}`);
}

async function httpConnect(tunnel: Tunnel, route: Route): Promise<void> {
  const authority = `127.0.0.1:${route.sinkPort}`;
  tunnel.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${loginLine(route)}\r\n`);
  const head = (await tunnel.takeHead()).toString('latin1');
  if (!/^HTTP\/1\.[01] 2\d\d /.test(head)) throw new Error(`CONNECT: ${head.split('\r\n', 1)[0]}`);
}
