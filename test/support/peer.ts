/** A socket that is read like a file: for tests that speak bytes. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** Everything a test waits for comes within this, or the test fails; milliseconds. */
const PATIENCE_MS = 15_000;

export class Peer {
  readonly socket: Socket;
  error: NodeJS.ErrnoException | undefined;
  #chunks: Buffer[] = [];
  #length = 0;
  #wake: (() => void) | undefined;
  ended = false;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#notify();
    });
    socket.on('end', () => ((this.ended = true), this.#notify()));
    socket.on('error', (error) => (this.error = error));
    socket.on('close', () => ((this.closed = true), this.#notify()));
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<Peer> {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const peer = new Peer(socket);
    await once(socket, 'connect');
    return peer;
  }

  /** Bytes, or hex with spaces. */
  write(data: Buffer | string): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data.replaceAll(/\s/g, ''), 'hex') : data);
  }

  text(data: string): void {
    this.socket.write(data, 'latin1');
  }

  /** One byte a segment, as far as the kernel plays along. */
  async trickle(data: Buffer): Promise<void> {
    for (const byte of data) {
      await new Promise((sent) => this.socket.write(Buffer.of(byte), sent));
      await new Promise(setImmediate);
    }
  }

  async read(length: number): Promise<Buffer> {
    await this.#until(() => this.#length >= length || this.ended || this.closed);
    const all = this.#take();
    if (all.length < length)
      throw new Error(
        `wanted ${length} bytes, got ${all.length}: ${all.toString('hex')}${this.error ? ` (${this.error.code})` : ''}`,
      );
    this.#put(all.subarray(length));
    return all.subarray(0, length);
  }

  async readHex(length: number): Promise<string> {
    return (await this.read(length)).toString('hex');
  }

  /** An HTTP head, and as much body as its Content-Length says. */
  async readHttp(): Promise<{ status: number; reason: string; head: string; body: string }> {
    let head = '';
    while (!head.endsWith('\r\n\r\n')) head += (await this.read(1)).toString('latin1');
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const body = (await this.read(length)).toString('latin1');
    const [, status = '', reason = ''] = /^HTTP\/1\.1 (\d{3}) (.*)\r\n/.exec(head) ?? [];
    return { status: Number(status), reason, head, body };
  }

  /** Everything until FIN or RST. */
  async rest(): Promise<Buffer> {
    await this.#until(() => this.ended || this.closed);
    return this.#take();
  }

  async waitClosed(): Promise<void> {
    await this.#until(() => this.closed);
  }

  get buffered(): number {
    return this.#length;
  }

  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #take(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#length = 0;
    return all;
  }

  #put(rest: Buffer): void {
    if (rest.length > 0) this.#chunks.unshift(rest);
    this.#length += rest.length;
  }

  #notify(): void {
    this.#wake?.();
  }

  async #until(condition: () => boolean): Promise<void> {
    const deadline = setTimeout(
      () => this.socket.destroy(new Error('the test waited too long')),
      PATIENCE_MS,
    );
    while (!condition()) {
      if (this.error?.message === 'the test waited too long') throw this.error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    clearTimeout(deadline);
  }
}

/** A TCP server on loopback that hands out its connections one by one. */
export class Target implements AsyncDisposable {
  readonly server: Server;
  readonly #waiting: Peer[] = [];
  readonly #wanted: ((peer: Peer) => void)[] = [];
  readonly #open = new Set<Socket>();

  private constructor(onConnection?: (socket: Socket) => void) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#open.add(socket);
      socket.on('close', () => this.#open.delete(socket));
      if (onConnection !== undefined) {
        socket.on('error', () => {});
        return onConnection(socket);
      }
      const peer = new Peer(socket);
      const next = this.#wanted.shift();
      if (next === undefined) this.#waiting.push(peer);
      else next(peer);
    });
  }

  static async listen(onConnection?: (socket: Socket) => void, host = '127.0.0.1'): Promise<Target> {
    const target = new Target(onConnection);
    target.server.listen({ host, port: 0, backlog: 4096 });
    await once(target.server, 'listening');
    return target;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#open.size;
  }

  accept(): Promise<Peer> {
    const peer = this.#waiting.shift();
    return peer === undefined ? new Promise((resolve) => this.#wanted.push(resolve)) : Promise.resolve(peer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((closed) => this.server.close(closed));
  }
}

/** A port of loopback on which nobody listens. */
export async function closedPort(): Promise<number> {
  const target = await Target.listen();
  const { port } = target;
  await target[Symbol.asyncDispose]();
  return port;
}
