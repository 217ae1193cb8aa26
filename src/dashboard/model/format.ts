/** Numbers as people read them: few digits, a unit, and the same width from one second to the next. */

/** A number and its unit apart, since a tile shows them in two sizes. */
export interface Quantity {
  readonly value: string;
  readonly unit: string;
}

/** What is shown where there is nothing to show. */
export const NOTHING = '–';

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const BITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];

/** `12,345` */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** Digits of any length, grouped: `18,446,744,073,709,551,616`. Above a quadrillion, as a power: `1.8 × 10^19`. */
export function bigCount(digits: string): string {
  if (!/^\d+$/.test(digits)) return digits;
  if (digits.length <= 15) return count(Number(digits));
  return `${digits[0]}.${digits[1]} × 10^${digits.length - 1}`;
}

/** `1 tunnel`, `2 tunnels` */
export function plural(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Bytes, in powers of 1000: `1.2 MB`. */
export function bytes(value: number): string {
  const { value: number, unit } = scaled(value, BYTES);
  return `${number} ${unit}`;
}

/** @param bytesPerSecond Payload. */
export function bitRate(bytesPerSecond: number | null): Quantity {
  return bytesPerSecond === null ? { value: NOTHING, unit: 'Mbit/s' } : scaled(bytesPerSecond * 8, BITS, 2);
}

/** Per second: one digit after the point below ten. */
export function perSecond(value: number | null): Quantity {
  if (value === null) return { value: NOTHING, unit: '/s' };
  return { value: value > 0 && value < 10 ? value.toFixed(1) : count(value), unit: '/s' };
}

/** Milliseconds, as a latency: `0.4 ms`, `12 ms`, `1.4 s`. */
export function latency(ms: number | null): string {
  if (ms === null) return NOTHING;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** Milliseconds, as a span of time, in its two largest units: `3 d 4 h`, `12 min 5 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return '0 s';
  const shown = parts.slice(first, first + 2).filter(([amount], index) => index === 0 || amount > 0);
  return shown.map(([amount, unit]) => `${amount} ${unit}`).join(' ');
}

/** `4.2 %`, on one line; never 0 % or 100 % when it is not quite. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return '0\u202f%';
  const value = (100 * part) / whole;
  if (part > 0 && value < 0.1) return '< 0.1\u202f%';
  if (part < whole && value > 99.9) return '> 99.9\u202f%';
  return `${value === 0 || value === 100 || value >= 10 ? value.toFixed(0) : value.toFixed(1)}\u202f%`;
}

/** `14:03:59`, on the clock of who looks. */
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

/** Today only the time, else the date with it. */
export function moment(at: number, now: number): string {
  const day = new Date(at).toDateString();
  if (day === new Date(now).toDateString()) return clock(at);
  return `${new Date(at).toLocaleDateString('en-CA')} ${clock(at)}`;
}

function scaled(value: number, units: readonly string[], from = 0): Quantity {
  let unit = 0;
  let rest = value;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  // A quiet line says 0.0 Mbit/s rather than changing its unit all the time.
  for (; unit < from; unit += 1) rest /= 1000;
  const digits = unit === 0 || rest >= 99.95 ? 0 : rest >= 9.995 || rest === 0 ? 1 : 2;
  return { value: rest.toFixed(digits), unit: units[unit]! };
}
