/** Smooth weighted turns: weights 5, 1, 1 give A A B A C A A, and not five times A in a row. */

/** Turns in a schedule, as far as the members allow: each has one at least. */
export const MAX_TURNS = 65_536;

/** Members of one weight: among themselves they simply take turns. */
interface WeightClass {
  readonly weight: number;
  readonly members: number[];
  given: number;
}

/**
 * Every member as often as its weight says, reduced by the common divisor, and as evenly as that can be: each turn goes to
 * the member that is furthest behind its share, the earlier of equals. Weights are rounded, to 1 at least, where the
 * sequence would be longer than {@link MAX_TURNS}.
 * @param weights By member; whole numbers from 1.
 * @returns Indexes of members.
 */
export function smoothSchedule(weights: readonly number[]): Int32Array {
  const classes = classesOf(fit(weights));
  const total = classes.reduce((sum, { weight, members }) => sum + weight * members.length, 0);
  const turns = new Int32Array(total);
  for (let turn = 0; turn < total; turn++) {
    let best: WeightClass | undefined;
    let most = -Infinity;
    for (const one of classes) {
      // All of a class are due the same, and those had the fewest turns that come next in its round.
      const behind = (turn + 1) * one.weight - total * Math.floor(one.given / one.members.length);
      if (behind < most || (behind === most && next(one) > next(best!))) continue;
      best = one;
      most = behind;
    }
    turns[turn] = next(best!);
    best!.given++;
  }
  return turns;
}

function next({ members, given }: WeightClass): number {
  return members[given % members.length]!;
}

function classesOf(weights: readonly number[]): WeightClass[] {
  const classes = new Map<number, WeightClass>();
  for (const [member, weight] of weights.entries()) {
    const one = classes.get(weight);
    if (one === undefined) classes.set(weight, { weight, members: [member], given: 0 });
    else one.members.push(member);
  }
  return [...classes.values()];
}

function fit(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(gcd, 0);
  const most = Math.max(MAX_TURNS, weights.length);
  const scaled = (by: number): number[] => weights.map((weight) => Math.max(1, Math.round(weight / by)));
  let by = divisor;
  let fitting = scaled(by);
  for (let sum = total(fitting); sum > most; sum = total(fitting)) {
    // Those that weigh 1 already cannot give way: the others must by more, in a few rounds.
    by *= Math.max(1.25, sum / most);
    fitting = scaled(by);
  }
  return fitting;
}

function total(weights: readonly number[]): number {
  return weights.reduce((sum, weight) => sum + weight, 0);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
