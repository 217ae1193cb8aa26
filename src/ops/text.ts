/**
 * Text that is safe in a log: one event stays one line, and no byte a client sent reaches a terminal as a command.
 *
 * Escaped are control characters (C0, DEL, C1), format characters (bidirectional overrides, zero-width ones, BOM), lone
 * surrogates, and the line and paragraph separators; both formats spell them as JSON does.
 */

/** How a log line is written: one JSON object a line, or a sentence for people. */
export type LineFormat = 'json' | 'human';

const HOSTILE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** Printable ASCII without quote and backslash: by far the usual case, and it needs no escaping at all. */
const PLAIN = /^[ !#-[\]-~]*$/;
const BARE = /^[\w.:/@,+~%*[\]-]+$/;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeUnits(match: string): string {
  const short = SHORT[match];
  if (short !== undefined) return short;
  let escaped = '';
  for (let i = 0; i < match.length; i++) {
    escaped += `\\u${match.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}

/** A JSON string literal, quotes included, that is also harmless to print. */
export function jsonString(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text).replace(HOSTILE, escapeUnits);
}

/** Any value as JSON that is harmless to print; what JSON has no word for becomes text. Never throws. */
export function jsonValue(value: unknown): string {
  if (typeof value === 'string') return jsonString(value);
  try {
    return (JSON.stringify(value, spelled) ?? jsonString(typeof value)).replace(HOSTILE, escapeUnits);
  } catch {
    // A ring, or a getter that throws.
    return '"(not printable)"';
  }
}

function spelled(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return String(value);
  return value instanceof Error ? value.message : value;
}

/** A sentence for people: as it is, except for what could break the line or the terminal. */
export function humanText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(HOSTILE, escapeUnits);
}

/** One word for people: quoted as soon as it could be taken for several words or for nothing. */
export function humanWord(text: string): string {
  return BARE.test(text) ? text : jsonString(text);
}

/** `::ffff:192.0.2.1`, as a dual-stack socket reports an IPv4 peer, as `192.0.2.1`; anything else unchanged. */
export function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** `192.0.2.1:80`, `[2001:db8::1]:80`, `example.com:80`; `unix` for a client on a socket file. Not escaped. */
export function hostPort(host: string, port: number): string {
  if (host === 'unix' && port === 0) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0');

/** `12:03:04.123` in the time zone of this machine. */
export function clock(epochMs: number): string {
  const time = new Date(epochMs);
  const seconds = `${pad(time.getHours(), 2)}:${pad(time.getMinutes(), 2)}:${pad(time.getSeconds(), 2)}`;
  return `${seconds}.${pad(time.getMilliseconds(), 3)}`;
}
