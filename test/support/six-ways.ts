/** The six ways to ask the proxy for a target, and what came of each. */
import type { Spelling } from './forbidden.ts';
import { Peer } from './peer.ts';

/** `granted` above all: the others are refusals of the kinds that the protocol can tell apart. */
export type Outcome = 'granted' | 'denied' | 'malformed' | `other: ${string}`;

export interface Way {
  readonly name: string;
  /** The whole request; undefined where the protocol has no room for such a target. */
  request(target: Spelling, port: number): Buffer | undefined;
  answer(peer: Peer): Promise<Outcome>;
}

const portBytes = (port: number): Buffer => Buffer.of(port >> 8, port & 255);

/** REP 02 is a refusal by rule, 01 any other. */
async function socks5Answer(peer: Peer): Promise<Outcome> {
  await peer.read(2);
  const reply = (await peer.read(10))[1]!;
  return ({ 0: 'granted', 1: 'malformed', 2: 'denied' } as const)[reply] ?? `other: REP ${reply}`;
}

/** SOCKS4 has one word for every refusal. */
async function socks4Answer(peer: Peer): Promise<Outcome> {
  const code = (await peer.read(8))[1]!;
  return ({ 0x5a: 'granted', 0x5b: 'denied' } as const)[code] ?? `other: ${code}`;
}

async function httpAnswer(peer: Peer): Promise<Outcome> {
  const { status } = await peer.readHttp();
  return ({ 200: 'granted', 400: 'malformed', 403: 'denied' } as const)[status] ?? `other: ${status}`;
}

const bracketed = (text: string): string => (/^[\da-f:.]*:[\da-f:.]*$/i.test(text) ? `[${text}]` : text);

export const WAYS: readonly Way[] = [
  {
    name: 'SOCKS5 address',
    request({ bytes }, port) {
      if (bytes === undefined) return undefined;
      const type = bytes.length === 4 ? 1 : 4;
      return Buffer.concat([Buffer.of(5, 1, 0, 5, 1, 0, type), bytes, portBytes(port)]);
    },
    answer: socks5Answer,
  },
  {
    name: 'SOCKS5 name',
    request({ text }, port) {
      const bytes = Buffer.from(text);
      return Buffer.concat([Buffer.of(5, 1, 0, 5, 1, 0, 3, bytes.length), bytes, portBytes(port)]);
    },
    answer: socks5Answer,
  },
  {
    name: 'SOCKS4',
    request({ bytes }, port) {
      // 0.0.0.1 to 0.0.0.255 say that a name follows.
      if (bytes?.length !== 4 || (bytes.readUInt32BE(0) > 0 && bytes.readUInt32BE(0) < 256)) return undefined;
      return Buffer.concat([Buffer.of(4, 1), portBytes(port), bytes, Buffer.of(0)]);
    },
    answer: socks4Answer,
  },
  {
    name: 'SOCKS4a',
    request: ({ text }, port) =>
      Buffer.concat([
        Buffer.of(4, 1),
        portBytes(port),
        Buffer.of(0, 0, 0, 9, 0),
        Buffer.from(text),
        Buffer.of(0),
      ]),
    answer: socks4Answer,
  },
  {
    name: 'CONNECT',
    request: ({ text }, port) =>
      Buffer.from(`CONNECT ${bracketed(text)}:${port} HTTP/1.1\r\nHost: example.com\r\n\r\n`),
    answer: httpAnswer,
  },
  {
    name: 'plain HTTP',
    request: ({ text }, port) =>
      Buffer.from(`GET http://${bracketed(text)}:${port}/ HTTP/1.1\r\nHost: example.com\r\n\r\n`),
    answer: httpAnswer,
  },
];

/** Asks a proxy on loopback in one of the ways. */
export async function ask(way: Way, request: Buffer, proxy: number): Promise<Outcome> {
  using peer = await Peer.connect(proxy);
  peer.write(request);
  return await way.answer(peer);
}

/** Runs so many jobs at a time that a test takes seconds, and keeps their order. */
export async function inParallel<Job, Result>(
  jobs: readonly Job[],
  run: (job: Job) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < jobs.length; index = next++) results[index] = await run(jobs[index]!);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return results;
}
