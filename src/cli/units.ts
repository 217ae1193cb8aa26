/** Numbers as people read them in a table: short, with a unit. */

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];

/** Three digits at most: `0 B`, `999 B`, `1.2 kB`, `12 MB`. A kB are 1000, as in the configuration. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [Math.max(0, bytes), 0];
  // What would be rounded to four digits belongs to the next unit.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${shortNumber(value, unit > 0)} ${BYTE_UNITS[unit]}`;
}

/** @param perSecond Bytes. */
export function formatSpeed(perSecond: number): string {
  return `${formatBytes(perSecond)}/s`;
}

/** `0/s`, `0.4/s`, `35/s`. */
export function formatFrequency(perSecond: number): string {
  return `${shortNumber(Math.max(0, perSecond), true)}/s`;
}

/** The two largest units: `12s`, `3m 4s`, `3h 12m`, `4d 3h`. What is below zero, by a clock that was set, is `0s`. */
export function formatSpan(ms: number): string {
  const whole = Math.max(0, ms);
  const parts = (large: number, name: string, small: number, smallName: string): string =>
    `${Math.floor(whole / large)}${name} ${Math.floor((whole % large) / small)}${smallName}`;
  if (whole < MINUTE) return `${Math.floor(whole / SECOND)}s`;
  if (whole < HOUR) return parts(MINUTE, 'm', SECOND, 's');
  return whole < DAY ? parts(HOUR, 'h', MINUTE, 'm') : parts(DAY, 'd', HOUR, 'h');
}

/** A measured time: `0.4 ms`, `12 ms`, `1.2 s`; `-` where nothing was measured. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '-';
  return ms < 999.5 ? `${shortNumber(ms, true)} ms` : `${shortNumber(ms / 1000, true)} s`;
}

/** One decimal below ten, none above, none for zero. */
function shortNumber(value: number, decimals: boolean): string {
  const digits = decimals && value > 0 && value < 9.95 ? 1 : 0;
  return value.toFixed(digits);
}
