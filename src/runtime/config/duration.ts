/** Durations as people write them. */
import { Refusal, quote } from './problem.ts';

/** A number and a unit: `500ms`, `10s`, `1.5m`, `1h`. */
export const DURATION: RegExp = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Node's timers hold 31 bits of milliseconds; 24 days are below that. */
const LONGEST = 24 * 24 * 3_600_000;

/**
 * @param shortest Least milliseconds allowed.
 * @returns Whole milliseconds.
 * @throws {Refusal}
 */
export function parseDuration(text: string, shortest: number): number {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  if (amount === undefined || unit === undefined) {
    throw /^\d+(\.\d+)?$/.test(text)
      ? unitMissing(text)
      : new Refusal(`expected a duration such as 10s, not ${quote(text)}`, 'the units are ms, s, m and h');
  }
  const value = Math.round(Number(amount) * MILLISECONDS[unit]!);
  if (value < shortest) throw new Refusal(`${text} is too short`, `the least is ${shortest}ms`);
  if (value > LONGEST) throw new Refusal(`${text} is too long`, 'the most is 576h, which is 24 days');
  return value;
}

/** For a bare number: one person means seconds by it, the next milliseconds. */
export function unitMissing(number: string): Refusal {
  return new Refusal(
    `expected a duration such as 10s, not the bare number ${number}`,
    `give a unit: ${number}s or ${number}ms`,
  );
}

/** A duration as people write it, in the largest unit that needs no fraction: `90s`, `1h`, `250ms`. */
export function formatDuration(ms: number): string {
  const fits = Object.entries(MILLISECONDS).findLast(([, size]) => ms >= size && ms % size === 0);
  return fits === undefined ? `${ms}ms` : `${ms / fits[1]}${fits[0]}`;
}
