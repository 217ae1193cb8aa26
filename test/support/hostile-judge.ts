/**
 * What a gateway may say: the grammar of its answers in each protocol, and a word for what was said.
 *
 * Strict, and on purpose without a line of the gateway's own code: an answer that is cut short, that is followed by
 * something, or that belongs to another stage of the conversation is a fault, whatever the client sent.
 */

export interface Judgement {
  /**
   * `silence`, `method FF`, `login 01`, `rep 05`, `code 5B`, `http 502`, `tunnel`; `waiting` after a step of a negotiation
   * that goes on, `partial` in the middle of a message.
   */
  readonly verdict: string;
  /** Where the bytes of the tunnel begin, once it stands. */
  readonly tunnelAt?: number;
  /** Final HTTP answers so far: 1xx do not count. */
  readonly answers?: number;
  /** Nothing may follow, and the connection closes. */
  readonly final?: boolean;
  /** Of the last HTTP answer. */
  readonly body?: Buffer;
}

/** An answer that no client of the protocol could understand. */
export class Malformed extends Error {
  override readonly name = 'Malformed' as const;
}

const SILENCE: Judgement = { verdict: 'silence' };
const PARTIAL: Judgement = { verdict: 'partial' };
const hex = (byte: number): string => byte.toString(16).padStart(2, '0').toUpperCase();

function demand(condition: boolean, what: string, got: Buffer): asserts condition {
  if (!condition) throw new Malformed(`${what}: ${got.subarray(0, 80).toString('latin1')} (${hexOf(got)})`);
}
const hexOf = (got: Buffer): string => got.subarray(0, 40).toString('hex');

function final(verdict: string, got: Buffer, length: number): Judgement {
  demand(got.length === length, `bytes behind the last answer (${verdict})`, got);
  return { verdict, final: true };
}

/**
 * @param asked What the client has sent, from the first byte of the protocol on; it tells which grammar to go by.
 * @throws Malformed
 */
export function judge(asked: Buffer, got: Buffer): Judgement {
  if (got.length === 0) return SILENCE;
  const first = asked[0];
  demand(first !== undefined, 'an answer to nothing', got);
  if (first === 0x05) return judgeSocks5(got);
  if (first === 0x04) return judgeSocks4(got);
  demand(/[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCodePoint(first)), 'an answer to no protocol', got);
  return judgeHttp(got, asked.includes('HEAD '));
}

function judgeSocks5(got: Buffer): Judgement {
  if (got.length < 2) return PARTIAL;
  const [version, method] = got;
  demand(version === 5 && [0x00, 0x02, 0xff].includes(method!), 'no method of RFC 1928', got);
  if (method === 0xff) return final('method FF', got, 2);
  if (method === 0x00) return judgeReply(got, 2);
  if (got.length === 2) return { verdict: 'waiting' };
  if (got.length < 4) return PARTIAL;
  demand(got[2] === 1 && got[3]! <= 1, 'no answer of RFC 1929', got);
  return got[3] === 0 ? judgeReply(got, 4) : final('login 01', got, 4);
}

function judgeReply(got: Buffer, at: number): Judgement {
  if (got.length === at) return { verdict: 'waiting' };
  if (got.length < at + 4) return PARTIAL;
  const [version, rep, reserved, type] = got.subarray(at);
  demand(version === 5 && rep! <= 8 && reserved === 0 && (type === 1 || type === 4), 'no SOCKS5 reply', got);
  const end = at + (type === 1 ? 10 : 22);
  if (got.length < end) return PARTIAL;
  return rep === 0 ? { verdict: 'tunnel', tunnelAt: end } : final(`rep ${hex(rep!)}`, got, end);
}

function judgeSocks4(got: Buffer): Judgement {
  demand(got[0] === 0, 'a SOCKS4 reply begins with 00', got);
  if (got.length < 8) return PARTIAL;
  const code = got[1]!;
  demand(code >= 0x5a && code <= 0x5d, 'no SOCKS4 code', got);
  return code === 0x5a ? { verdict: 'tunnel', tunnelAt: 8 } : final(`code ${hex(code)}`, got, 8);
}

const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d) [\t -~\u0080-\u00ff]*$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\u0080-\u00ff]*)$/;

/** @param heads Some of the answers may be to HEAD. */
function judgeHttp(got: Buffer, heads: boolean): Judgement {
  let answers = 0;
  let at = 0;
  let last: Judgement = SILENCE;
  while (at < got.length) {
    demand(last.final !== true, 'an answer behind the last one', got.subarray(at));
    const answer = readAnswer(got, at, heads);
    if (answer === undefined) return { verdict: 'partial', answers };
    at = answer.end;
    if (answer.status < 200 && answer.status !== 101) {
      last = { verdict: 'waiting' };
      continue;
    }
    answers++;
    if (answer.tunnel) return { verdict: 'tunnel', tunnelAt: at, answers };
    last = { verdict: `http ${answer.status}`, final: answer.close, body: answer.body, answers };
  }
  return { ...last, answers };
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly end: number;
  readonly close: boolean;
  readonly tunnel: boolean;
}

/** @returns undefined while it is not all here. */
function readAnswer(got: Buffer, start: number, heads: boolean): Answer | undefined {
  const headEnd = got.indexOf('\r\n\r\n', start);
  if (headEnd === -1) return undefined;
  const [statusLine = '', ...lines] = got.toString('latin1', start, headEnd).split('\r\n');
  const status = Number(STATUS_LINE.exec(statusLine)?.[1]);
  demand(status >= 100, 'no HTTP status line', got.subarray(start));
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    demand(name !== undefined, `no HTTP field: ${line}`, got.subarray(start));
    fields.set(name.toLowerCase(), value!);
  }
  const bodyAt = headEnd + 4;
  const close = /\bclose\b/i.test(fields.get('connection') ?? '');
  const tunnel = status === 101 || statusLine.endsWith(' Connection established');
  const length = fields.get('content-length');
  const chunked = fields.has('transfer-encoding');
  if (tunnel) demand(length === undefined && !chunked, 'a tunnel with a length', got.subarray(start));
  const rest = got.subarray(bodyAt);
  // Which request is answered is not known here: after HEAD comes nothing, or the next answer.
  const silent = heads && (rest.length === 0 || rest.toString('latin1', 0, 7) === 'HTTP/1.');
  const bodiless = tunnel || silent || status < 200 || status === 204 || status === 304;
  const framed = bodiless
    ? { body: rest.subarray(0, 0), taken: 0 }
    : chunked
      ? dechunk(rest)
      : readLength(rest, length, close);
  return framed && { status, body: framed.body, end: bodyAt + framed.taken, close, tunnel };
}

interface Framed {
  readonly body: Buffer;
  readonly taken: number;
}

function readLength(rest: Buffer, length: string | undefined, close: boolean): Framed | undefined {
  demand(length === undefined || /^\d+$/.test(length), 'no Content-Length', rest);
  demand(length !== undefined || close, 'an answer without an end', rest);
  const taken = length === undefined ? rest.length : Number(length);
  return rest.length < taken ? undefined : { body: rest.subarray(0, taken), taken };
}

function dechunk(rest: Buffer): Framed | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(/^[\da-f]+$/i.exec(rest.toString('latin1', at, lineEnd))?.[0] ?? 'x', 16);
    demand(!Number.isNaN(size), 'no chunk size', rest.subarray(at));
    const next = lineEnd + 2 + size + 2;
    if (size === 0) {
      // Trailers, if any, end in an empty line.
      const end = rest.indexOf('\r\n\r\n', lineEnd);
      return end === -1 ? undefined : { body: Buffer.concat(parts), taken: end + 4 };
    }
    if (rest.length < next) return undefined;
    parts.push(rest.subarray(lineEnd + 2, next - 2));
    at = next;
  }
}

/** What a TLS listener may say to what is no TLS: whole records (RFC 8446 §5.1), of which an alert is the usual one. */
export function judgeRecords(got: Buffer): Judgement {
  for (let at = 0; at < got.length;) {
    if (got.length < at + 5) return PARTIAL;
    // The version is no sign: an alert repeats what the client said.
    demand(got[at]! >= 20 && got[at]! <= 23, 'no TLS record', got.subarray(at));
    at += 5 + got.readUInt16BE(at + 3);
    if (at > got.length) return PARTIAL;
  }
  return got.length === 0 ? SILENCE : { verdict: 'records' };
}
