/** Numbers of a load test as people read them. */

/** `0.42 ms`, `12.3 ms`, `1.50 s`. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

/** `12.3 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `4,012/s`, `3.4/s`. */
export function formatRate(perSecond: number): string {
  const text = perSecond >= 100 ? Math.round(perSecond).toLocaleString('en-US') : perSecond.toFixed(1);
  return `${text}/s`;
}

/** A bar of this many characters, of which a share is full; at least one where there is something. */
export function bar(share: number, width: number): string {
  const full = share > 0 ? Math.max(1, Math.round(share * width)) : 0;
  return '█'.repeat(Math.min(width, full));
}
