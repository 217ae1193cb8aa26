/** Ports as rules write them, and which rule comes first for a port. */

/** Both ends included, 1–65535. */
export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

/** Behind every rule. */
export const NO_RULE: number = Infinity;

const TOP = 65_535;
/** Looking through so few one after the other is as fast as searching. */
const FEW = 8;

/**
 * Of several rules about one and the same host, the first for a port. Rules are known by their rank, of which the lower
 * comes first; they are added in that order, and all of them before the first question.
 */
export class FirstByPort {
  readonly #spans: PortSpan[] = [];
  readonly #ranks: number[] = [];
  /** A rule for every port has come: those after it can never be the first. */
  #full = false;
  #runs: Runs | undefined = undefined;

  /** @param spans Undefined: every port. */
  add(spans: readonly PortSpan[] | undefined, rank: number): void {
    if (this.#full) return;
    this.#full = spans === undefined;
    for (const span of spans ?? [{ first: 0, last: TOP }]) {
      this.#spans.push(span);
      this.#ranks.push(rank);
    }
  }

  /** The rank of the first rule for a port, {@link NO_RULE} when there is none. */
  find(port: number): number {
    if (this.#spans.length > FEW) return findRun((this.#runs ??= paint(this.#spans, this.#ranks)), port);
    for (let i = 0; i < this.#spans.length; i++) {
      const { first, last } = this.#spans[i]!;
      if (port >= first && port <= last) return this.#ranks[i]!;
    }
    return NO_RULE;
  }
}

/** Neighbouring ports with the same first rule: where each run starts, and the rank that holds from there on. */
interface Runs {
  readonly starts: readonly number[];
  readonly ranks: readonly number[];
}

function paint(spans: readonly PortSpan[], ranks: readonly number[]): Runs {
  const canvas = new Float64Array(TOP + 1).fill(NO_RULE);
  // The last one first: what comes earlier is painted over it.
  for (let i = spans.length - 1; i >= 0; i--) canvas.fill(ranks[i]!, spans[i]!.first, spans[i]!.last + 1);
  const runs = { starts: [0], ranks: [canvas[0]!] };
  for (let port = 1; port <= TOP; port++) {
    if (canvas[port] === canvas[port - 1]) continue;
    runs.starts.push(port);
    runs.ranks.push(canvas[port]!);
  }
  return runs;
}

function findRun({ starts, ranks }: Runs, port: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= port) low = middle;
    else high = middle;
  }
  return ranks[low]!;
}

/**
 * Reads `443`, `80,443`, `8000-8999` and lists of them.
 *
 * @returns undefined when it is no such text.
 */
export function parsePorts(text: string): PortSpan[] | undefined {
  const spans: PortSpan[] = [];
  for (const item of text.split(',')) {
    const [, first, last = first] = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(item) ?? [];
    const span = { first: Number(first), last: Number(last) };
    if (first === undefined || span.first > span.last || span.last > TOP) return undefined;
    spans.push(span);
  }
  return spans;
}
