/**
 * The transformations of the matrix: what becomes of one vector.
 *
 * M0 as a client would · M1 one byte a segment · M2 every split · M3–M5 every prefix, then silence, FIN or RST · M6 with
 * another request right behind · M7 with 64 KiB of noise behind · M8 every byte as 00, FF, 7F and 80 · and at random.
 */
import { mayDial } from './hostile-oracle.ts';
import type { Random } from './hostile-random.ts';
import type { Vector } from './hostile-vectors.ts';
import { LOGINS } from './hostile-world.ts';

export interface Case {
  readonly vector: Vector;
  /** Which transformation, and where: `M2@17`. */
  readonly label: string;
  /** Written one after the other, each in a segment of its own as far as the kernel plays along. */
  readonly writes: readonly Buffer[];
  /** What a write waits for: an answer to the one before, or a moment. */
  readonly pace: 'answer' | 'moment';
  /** After the last write: wait for the gateway to act, or FIN, or RST. */
  readonly ending: 'wait' | 'fin' | 'rst';
  /** Sent to a gateway whose deadlines are short. */
  readonly hasty: boolean;
  /** What has to be heard; undefined: anything that is whole and valid. */
  readonly verdict: string | undefined;
  /** What the tunnel has to echo, if one comes about; undefined: the end of what was sent. */
  readonly early: Buffer | undefined;
  /** Whether anything may be dialled for it. */
  readonly dial: boolean;
}

const NOISE_BYTES = 65_536;
const FLIPS = [0x00, 0xff, 0x7f, 0x80];
/** A vector that is longer is not sent byte by byte: it would take longer than a deadline. */
const MOST_PIECES = 1024;
const NOTHING = Buffer.alloc(0);

export const sentBy = ({ writes }: Case): Buffer => Buffer.concat(writes);

/** All of M0 to M8. */
export function* matrix(vector: Vector, random: Random): Generator<Case> {
  const all = Buffer.concat(vector.stages);
  const spots = positions(all.length, vector.spots);
  yield whole(vector, 'M0', vector.stages, NOTHING, 'answer');
  yield whole(vector, 'M1', pieces(all, Math.ceil(all.length / MOST_PIECES)), NOTHING, 'moment');
  for (const at of spots) {
    if (at > 0) yield whole(vector, `M2@${at}`, [all.subarray(0, at), all.subarray(at)], NOTHING, 'moment');
  }
  for (const at of spots) {
    yield prefix(vector, `M3@${at}`, all.subarray(0, at), 'wait');
    yield prefix(vector, `M4@${at}`, all.subarray(0, at), 'fin');
    yield prefix(vector, `M5@${at}`, all.subarray(0, at), 'rst');
  }
  yield { ...whole(vector, 'M4', [all], NOTHING, 'moment'), ending: 'fin' };
  yield { ...whole(vector, 'M5', [all], NOTHING, 'moment'), ending: 'rst', verdict: undefined };
  for (const [label, tail] of [
    ['M6', vector.next],
    ['M7', random.bytes(NOISE_BYTES)],
  ] as const) {
    if (vector.tail) yield whole(vector, label, [Buffer.concat([all, tail])], tail, 'moment');
  }
  for (const at of spots) {
    for (const value of FLIPS) {
      if (all[at] === value) continue;
      const flipped = Buffer.from(all);
      flipped[at] = value;
      yield altered(vector, `M8@${at}=${value.toString(16)}`, flipped, 'wait', true);
    }
  }
}

const pieces = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

/** Every offset, or about `limit` of them: both ends closely, the middle evenly. */
function positions(length: number, limit: number): number[] {
  const all = Array.from({ length }, (_, at) => at);
  const step = Math.ceil(length / limit);
  return all.filter((at) => at % step === 0 || at < limit / 4 || at > length - limit / 4);
}

function whole(
  vector: Vector,
  label: string,
  writes: readonly Buffer[],
  early: Buffer,
  pace: Case['pace'],
): Case {
  const { dials, pipelined, stalls } = vector;
  const verdict = pipelined || pace === 'answer' ? vector.verdict : undefined;
  return { vector, label, writes, pace, ending: 'wait', hasty: stalls, verdict, early, dial: dials };
}

function prefix(vector: Vector, label: string, bytes: Buffer, ending: Case['ending']): Case {
  return {
    vector,
    label,
    writes: bytes.length === 0 ? [] : [bytes],
    pace: 'moment',
    ending,
    hasty: ending === 'wait',
    verdict: undefined,
    early: undefined,
    dial: vector.dials && bytes.length >= vector.dialsFrom,
  };
}

function altered(vector: Vector, label: string, bytes: Buffer, ending: Case['ending'], hasty: boolean): Case {
  const gate = { users: vector.users ? LOGINS : undefined, proxied: vector.listener === 'proxied' };
  const dial = mayDial(bytes, gate);
  return {
    vector,
    label,
    writes: [bytes],
    pace: 'moment',
    ending,
    hasty,
    verdict: undefined,
    early: undefined,
    dial,
  };
}

const ENDINGS = ['wait', 'fin', 'fin', 'fin', 'rst'] as const;

/** For ever: any vector with one to four changes, in one or two segments, ended in any way. */
export function* mutations(vectors: readonly Vector[], random: Random): Generator<Case> {
  for (let n = 1; ; n++) {
    const vector = random.pick(vectors);
    let bytes = Buffer.concat(vector.stages);
    for (let left = 1 + random.below(4); left > 0; left--) bytes = change(bytes, vectors, random);
    const ending = random.pick(ENDINGS);
    const made = altered(vector, `random ${n}`, bytes, ending, ending === 'wait');
    const at = random.below(2 * bytes.length);
    yield at > 0 && at < bytes.length
      ? { ...made, writes: [bytes.subarray(0, at), bytes.subarray(at)] }
      : made;
  }
}

/** What no byte can stand in for: line ends, lengths at their limits, and letters that look like others. */
const TOKENS = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  ':',
  '\r\n\r\n',
  '@',
  '%00',
  '-1',
  '+',
  '65536',
  'ſ',
  '。',
].map((text) => Buffer.from(text));

function change(bytes: Buffer, vectors: readonly Vector[], random: Random): Buffer<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(8));
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  const join = (...parts: readonly Buffer[]): Buffer<ArrayBuffer> => Buffer.concat(parts);
  switch (random.below(8)) {
    case 0:
      return join(before, after);
    case 1:
      return join(before, random.bytes(part.length), after);
    case 2:
      return join(before, part, part, after);
    case 3:
      return join(before, random.pick(TOKENS), part, after);
    case 4:
      return join(before, random.bytes(1 + random.below(16)), part, after);
    case 5: {
      // The head of one vector, the tail of another.
      const other = Buffer.concat(random.pick(vectors).stages);
      return join(before, other.subarray(random.below(other.length + 1)));
    }
    case 6: {
      const flipped = join(before, part, after);
      if (at < flipped.length) flipped[at]! ^= 1 << random.below(8);
      return flipped;
    }
    default:
      return join(before, part);
  }
}
