/** A name server on loopback that answers what a test tells it to (RFC 1035, one question a query). */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { ipBytes } from '../../src/protocol/address.ts';

const TYPE_A = 1;
const TYPE_AAAA = 28;
const NXDOMAIN = 3;

/** Addresses to answer with, with a TTL of 0 seconds or another one; `'nxdomain'`, `'servfail'`; or `'silence'`. */
export type Answer =
  | readonly string[]
  | { readonly addresses: readonly string[]; readonly ttl: number }
  | 'nxdomain'
  | 'servfail'
  | 'silence';

/** An answer may come later. */
type Answerer = (name: string, family: 4 | 6) => Answer | Promise<Answer>;

export class DnsServer implements AsyncDisposable {
  readonly #socket: Socket = createSocket('udp4');
  readonly #answer: Answerer;
  /** Names asked for, with the type, in the order they came. */
  readonly asked: string[] = [];
  #closed = false;

  private constructor(answer: Answerer) {
    this.#answer = answer;
    this.#socket.on('message', (query, from) => void this.#reply(query, from));
  }

  static async listen(answer: Answerer): Promise<DnsServer> {
    const server = new DnsServer(answer);
    server.#socket.bind(0, '127.0.0.1');
    await once(server.#socket, 'listening');
    return server;
  }

  /** `address:port`, as a resolver wants it. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await new Promise<void>((closed) => this.#socket.close(closed));
  }

  async #reply(query: Buffer, from: RemoteInfo): Promise<void> {
    const { name, end } = readName(query, 12);
    const type = query.readUInt16BE(end);
    this.asked.push(`${name} ${type === TYPE_A ? 'A' : 'AAAA'}`);
    const answer = await this.#answer(name, type === TYPE_AAAA ? 6 : 4);
    if (answer === 'silence' || this.#closed) return;
    const { addresses, ttl } =
      typeof answer === 'object' && 'ttl' in answer ? answer : { addresses: answer, ttl: 0 };
    const records = typeof addresses === 'string' ? [] : addresses.map((text) => record(type, text, ttl));
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (answer === 'nxdomain' ? NXDOMAIN : answer === 'servfail' ? 2 : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    this.#socket.send(
      Buffer.concat([header, query.subarray(12, end + 4), ...records]),
      from.port,
      from.address,
    );
  }
}

function readName(query: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = query[at]!; length !== 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** One answer record, its name a pointer to the question. */
function record(type: number, text: string, ttl: number): Buffer {
  const data = ipBytes(text)!;
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
