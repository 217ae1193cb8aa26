/** Sends one vector, and says in a word or two what came of it. */
import { connect } from 'node:net';
import type { Protocol, Vector } from './vector.ts';

/** After the last byte that came or went; milliseconds. */
const PATIENCE_MS = 1500;
/** All in all; milliseconds. */
const MOST_MS = 6000;

/** What is known of an answer: the verdict, once there is one, or how it stands so far. */
interface Reading {
  readonly verdict?: string;
  /** What is to be said if nothing more comes. */
  readonly soFar?: string;
  /** Where the bytes of the target begin. */
  readonly payload?: number;
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');
const TUNNEL = 'tunnel';

function readSocks5(bytes: Buffer): Reading {
  if (bytes.length < 2) return {};
  if (bytes[0] !== 5) return { verdict: `answers ${hex(bytes[0]!)}` };
  if (bytes[1] === 0xff) return { verdict: 'refused FF' };
  const at = bytes[1] === 2 ? 4 : 2;
  if (bytes.length < at) return { soFar: 'method 02' };
  if (at === 4 && bytes[3] !== 0) return { verdict: 'login refused' };
  if (bytes.length < at + 4) return { soFar: at === 2 ? `method ${hex(bytes[1]!)}` : 'logged in' };
  if (bytes[at + 1] !== 0) return { verdict: `refused ${hex(bytes[at + 1]!)}` };
  return { verdict: TUNNEL, payload: at + (bytes[at + 3] === 4 ? 22 : 10) };
}

function readSocks4(bytes: Buffer): Reading {
  if (bytes.length < 8) return {};
  if (bytes[0] !== 0) return { verdict: `answers ${hex(bytes[0]!)}` };
  return bytes[1] === 0x5a ? { verdict: TUNNEL, payload: 8 } : { verdict: `refused ${hex(bytes[1]!)}` };
}

/** @param connects Whether 2xx is a tunnel; otherwise the target has to be heard behind it. */
function readHttp(text: string, connects: boolean): Reading {
  if (text.length < 12) return {};
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  if (status === undefined) return { verdict: 'answers without a head' };
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return {};
  if (status.startsWith('1')) return readHttp(text.slice(end + 4), connects);
  if (!status.startsWith('2')) return { verdict: `refused ${status}` };
  if (connects || text.includes('ORIGIN')) return { verdict: TUNNEL, payload: end + 4 };
  return { soFar: 'answers itself' };
}

const readEcho = (text: string): Reading => (text.includes('ping') ? { verdict: TUNNEL } : {});

/** How a program is spoken to. */
export interface Door {
  readonly port: number;
  /** What comes behind a PROXY header there. */
  readonly behindHeader: 'socks5' | 'echo';
}

function read(protocol: Protocol, door: Door, connects: boolean, bytes: Buffer): Reading {
  if (protocol === 'socks5') return readSocks5(bytes);
  if (protocol === 'socks4') return readSocks4(bytes);
  if (protocol === 'http') return readHttp(bytes.toString('latin1'), connects);
  return door.behindHeader === 'socks5' ? readSocks5(bytes) : readEcho(bytes.toString('latin1'));
}

function stepsOf(vector: Vector, door: Door, targetPort: number): Buffer[] {
  const [first = Buffer.alloc(0), ...more] = vector.send(targetPort);
  if (vector.protocol !== 'proxy' || vector.alone) return [first, ...more];
  if (door.behindHeader === 'echo') return [Buffer.concat([first, Buffer.from('ping')])];
  const request = Buffer.of(5, 1, 0, 1, 127, 0, 0, 1, targetPort >> 8, targetPort & 0xff);
  return [Buffer.concat([first, Buffer.of(5, 1, 0)]), request];
}

/** `tunnel`, `refused CODE`, `closed`, `waits`, or what else it was. Never rejects. */
export function judge(vector: Vector, door: Door, targetPort: number): Promise<string> {
  const steps = stepsOf(vector, door, targetPort);
  const connects = /^\s*CONNECT /i.test(steps[0]!.toString('latin1', 0, 16));
  return new Promise((told) => {
    let answer: Buffer = Buffer.alloc(0);
    const socket = connect({ port: door.port, host: '127.0.0.1', allowHalfOpen: true });
    const most = setTimeout(() => finish('waits'), MOST_MS);
    function finish(silent: 'waits' | 'closed'): void {
      clearTimeout(most);
      socket.destroy();
      told(wordFor(vector, read(vector.protocol, door, connects, answer), answer, silent));
    }
    socket.setTimeout(PATIENCE_MS, () => finish('waits'));
    socket.on('connect', () => socket.write(steps.shift()!));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      const { verdict } = read(vector.protocol, door, connects, answer);
      const done = verdict !== undefined && (verdict !== TUNNEL || vector.sight === undefined);
      if (done || (verdict === TUNNEL && vector.sight?.pattern.test(answer.toString('latin1'))))
        finish('waits');
      else if (steps.length > 0) socket.write(steps.shift()!);
    });
    socket.on('end', () => finish('closed'));
    socket.on('error', () => finish('closed'));
  });
}

function wordFor(
  { sight }: Vector,
  { verdict, soFar, payload = 0 }: Reading,
  answer: Buffer,
  silent: 'waits' | 'closed',
): string {
  if (verdict === TUNNEL && sight !== undefined)
    return `tunnel, ${sight.pattern.test(answer.toString('latin1', payload)) ? sight.yes : sight.no}`;
  return verdict ?? (silent === 'waits' || soFar === 'answers itself' ? (soFar ?? silent) : silent);
}
