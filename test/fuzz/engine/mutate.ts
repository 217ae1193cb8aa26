/** Makes new inputs out of old ones. */
import type { Random } from './random.ts';

/** Bytes at which parsers turn: ends of ranges, separators, lengths. */
const EDGES = [0x00, 0x01, 0x04, 0x05, 0x09, 0x0a, 0x0d, 0x20, 0x2e, 0x30, 0x3a, 0x7f, 0x80, 0xfe, 0xff];
const MOST_CHANGES = 6;
/** Longest piece that is moved, taken out or put in; bytes. Now and then a longer one. */
const PIECE = 16;

/** Changes the first `length` bytes of `bytes`, which has room for more, and answers their new number. */
type Change = (draft: Draft, random: Random) => void;

/** An input under work. */
class Draft {
  readonly bytes: Buffer;
  length = 0;

  constructor(longest: number) {
    this.bytes = Buffer.alloc(longest);
  }

  load(input: Uint8Array): void {
    this.length = Math.min(input.length, this.bytes.length);
    this.bytes.set(input.subarray(0, this.length));
  }

  /** Makes room, as far as there is any. @returns How many bytes wide it is; what stands in it is left over. */
  open(at: number, width: number): number {
    const room = Math.min(width, this.bytes.length - this.length);
    this.bytes.copyWithin(at + room, at, this.length);
    this.length += room;
    return room;
  }

  put(at: number, piece: Uint8Array): void {
    this.bytes.set(piece.subarray(0, this.length - at), at);
  }
}

export class Mutator {
  readonly #random: Random;
  readonly #draft: Draft;
  readonly #changes: readonly Change[];

  /** @param longest No input becomes longer; bytes. */
  constructor(random: Random, longest: number, words: readonly string[]) {
    this.#random = random;
    this.#draft = new Draft(longest);
    const known = words.map((word) => Buffer.from(word, 'latin1'));
    // Words are worth more than single changes: listed twice.
    this.#changes = known.length === 0 ? CHANGES : [...CHANGES, ...wordChanges(known), ...wordChanges(known)];
  }

  /** @param other A second input, pieces of which may be put into the first. */
  mutate(input: Buffer, other: Buffer): Buffer {
    const draft = this.#draft;
    const random = this.#random;
    draft.load(input);
    for (let left = 1 + random.below(MOST_CHANGES); left > 0; left--) {
      if (random.once(10)) splice(draft, random, other);
      else random.pick(this.#changes)(draft, random);
      if (random.once(3)) break;
    }
    return Buffer.from(draft.bytes.subarray(0, draft.length));
  }
}

const width = (random: Random, most: number): number =>
  1 + random.below(Math.min(most, random.once(8) ? most : PIECE));

/** A change that needs a byte to work on. */
const onByte =
  (alter: (value: number, random: Random) => number): Change =>
  ({ bytes, length }, random) => {
    if (length === 0) return;
    const at = random.below(length);
    bytes[at] = alter(bytes[at]!, random);
  };

/** A change that needs a piece to work on. */
const onPiece =
  (alter: (draft: Draft, from: number, to: number, random: Random) => void): Change =>
  (draft, random) => {
    if (draft.length === 0) return;
    const from = random.below(draft.length);
    alter(draft, from, from + width(random, draft.length - from), random);
  };

const erase = onPiece((draft, from, to) => {
  draft.bytes.copyWithin(from, to, draft.length);
  draft.length -= to - from;
});

const repeat = onPiece((draft, from, to, random) => {
  const piece = Buffer.from(draft.bytes.subarray(from, to));
  const times = random.once(16) ? 1 + random.below(200) : 1;
  for (let time = 0; time < times; time++) {
    if (draft.open(to, piece.length) < piece.length) return;
    draft.put(to, piece);
  }
});

const move = onPiece((draft, from, to, random) => {
  draft.put(random.below(draft.length), Buffer.from(draft.bytes.subarray(from, to)));
});

const reverse = onPiece((draft, from, to) => draft.put(from, draft.bytes.subarray(from, to).toReversed()));

const cut: Change = (draft, random) => {
  draft.length = random.below(draft.length + 1);
};

const insert: Change = (draft, random) => {
  const at = random.below(draft.length + 1);
  const room = draft.open(at, width(random, PIECE));
  const same = random.once(2) ? random.pick(EDGES) : undefined;
  for (let i = at; i < at + room; i++) draft.bytes[i] = same ?? random.below(256);
};

/** A number in digits becomes another one. */
const renumber: Change = (draft, random) => {
  const text = draft.bytes.toString('latin1', 0, draft.length);
  const numbers = [...text.matchAll(/\d+/g)];
  if (numbers.length === 0) return;
  const { index, 0: digits } = random.pick(numbers);
  const nearby = String(Math.max(0, Number(digits) + random.below(5) - 2));
  const next = random.once(2) ? nearby : random.pick(['0', '-1', '65536', '4294967296', '9'.repeat(25)]);
  draft.load(Buffer.from(text.slice(0, index) + next + text.slice(index + digits.length), 'latin1'));
};

const CHANGES: readonly Change[] = [
  onByte((value, random) => value ^ (1 << random.below(8))),
  onByte((_, random) => random.pick(EDGES)),
  onByte((_, random) => random.below(256)),
  onByte((value, random) => value + random.below(9) - 4),
  // Printable: most of what is parsed is text.
  onByte((_, random) => 0x20 + random.below(95)),
  erase,
  repeat,
  move,
  reverse,
  cut,
  insert,
  renumber,
];

function wordChanges(words: readonly Buffer[]): Change[] {
  const add: Change = (draft, random) => {
    const word = random.pick(words);
    const at = random.below(draft.length + 1);
    draft.open(at, word.length);
    draft.put(at, word);
  };
  const overwrite: Change = (draft, random) => draft.put(random.below(draft.length + 1), random.pick(words));
  return [add, overwrite];
}

function splice(draft: Draft, random: Random, other: Buffer): void {
  if (other.length === 0) return;
  const from = random.below(other.length);
  const piece = other.subarray(from, from + width(random, other.length - from));
  const at = random.below(draft.length + 1);
  if (random.once(2)) draft.open(at, piece.length);
  draft.put(at, piece);
}
