/**
 * The access log: one line for each connection when it is over, a tunnel as well as a refusal.
 *
 * Runs once per connection on the data threads, so the JSON is put together by hand: numbers and names of ours go in as
 * they are, only what came from outside is looked at for characters that need escaping.
 */
import type { Connection } from '../connection.ts';
import { FAILURES, type ProxyError } from '../errors.ts';
import { clock, hostPort, humanText, humanWord, jsonString, type LineFormat } from './text.ts';

/**
 * The line of a finished connection, ended by `\n`.
 *
 * The time is that of accepting, in both formats. In JSON every key is there in every line, null where there is nothing
 * to say; times are milliseconds to 0.1, `end` is `closed` or a failure's code, `detail` what is more exact than that
 * code's usual sentence.
 */
export function accessLine(connection: Connection, format: LineFormat): string {
  return format === 'json' ? jsonLine(connection) : humanLine(connection);
}

function jsonLine(c: Connection): string {
  const { failure, target } = c;
  return (
    `{"time":"${isoTime(c.openedAt)}","id":"${c.id}","client":${jsonString(hostPort(c.client.address, c.client.port))}` +
    `,"user":${orNull(c.identity?.user)},"session":${orNull(c.session)},"moved":${c.moved}` +
    `,"inbound":${c.inbound === undefined ? 'null' : `"${c.inbound}"`}` +
    `,"target":${target === undefined ? 'null' : jsonString(hostPort(target.host, target.port))}` +
    `,"method":${orNull(c.method)},"status":${c.status === 0 ? 'null' : c.status}` +
    `,"resolved":${orNull(c.resolved)},"egress":${orNull(c.egress?.address)},"attempts":${c.attempts}` +
    `,"handshake_ms":${tenths(c.handshakeMs)},"resolve_ms":${tenths(c.resolveMs)}` +
    `,"dial_ms":${tenths(c.dialMs)},"total_ms":${tenths(c.totalMs)}` +
    `,"sent":${c.sent},"received":${c.received},"end":"${failure === undefined ? 'closed' : failure.code}"` +
    `,"closed_by":${c.closedBy === undefined ? 'null' : `"${c.closedBy}"`}` +
    (failure === undefined
      ? ',"blame":null,"detail":null}\n'
      : `,"blame":"${FAILURES[failure.code].blame}","detail":${orNull(detail(failure))}}\n`)
  );
}

function humanLine(c: Connection): string {
  const stood = c.phase === 'relay';
  const what = !stood ? 'refused' : c.inbound === 'http-forward' ? 'request' : 'tunnel ';
  let line = `${clock(c.openedAt)} ${what} ${hostPort(c.client.address, c.client.port)}`;
  if (c.identity !== undefined) line += ` ${humanWord(c.identity.user)}`;
  if (c.inbound !== undefined) line += ` ${c.inbound}`;
  if (c.method !== undefined) line += ` ${humanWord(c.method)}`;
  if (c.target !== undefined) line += ` -> ${humanWord(hostPort(c.target.host, c.target.port))}`;
  if (c.resolved !== undefined && c.resolved !== c.target?.host) line += ` (${humanWord(c.resolved)})`;
  if (c.egress !== undefined) line += ` via ${humanWord(c.egress.address)}`;
  return stood ? `${line}  ${account(c)}\n` : `${line} ${end(c)}\n`;
}

function account(c: Connection): string {
  const dials = c.attempts > 1 ? ` (${c.attempts} tries)` : '';
  const bytes = `${size(c.sent)} up, ${size(c.received)} down`;
  const status = c.status === 0 ? '' : `${c.status}, `;
  return `${status}${duration(c.dialMs)} dial${dials}, ${bytes}, ${end(c)} ${duration(c.totalMs)}`;
}

function end(c: Connection): string {
  if (c.failure === undefined) return c.closedBy === undefined ? 'closed' : `closed by ${c.closedBy}`;
  return `${c.failure.code} (${FAILURES[c.failure.code].blame}): ${humanText(c.failure.message)}`;
}

/** The message where it says more than the table does. */
function detail(failure: ProxyError): string | undefined {
  return failure.message === FAILURES[failure.code].reason ? undefined : failure.message;
}

function orNull(text: string | undefined): string {
  return text === undefined ? 'null' : jsonString(text);
}

/** A JSON number to one decimal. Building it from two integers is several times faster than printing a fraction. */
function tenths(ms: number): string {
  const all = Math.round(ms * 10);
  const whole = Math.floor(all / 10);
  return all === whole * 10 ? `${whole}` : `${whole}.${all - whole * 10}`;
}

const DAY_MS = 86_400_000;
const TWO = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'));
let knownDay = Number.NaN;
let dayText = '';

/** What `Date.toISOString` says. Calling it for every line would cost nearly half as much as the rest of the line. */
function isoTime(epochMs: number): string {
  const day = Math.floor(epochMs / DAY_MS);
  if (day !== knownDay) {
    dayText = new Date(epochMs).toISOString().slice(0, 11);
    knownDay = day;
  }
  const ms = Math.trunc(epochMs - day * DAY_MS);
  const seconds = Math.trunc(ms / 1000);
  const minutes = Math.trunc(seconds / 60);
  const hours = Math.trunc(minutes / 60);
  const thousandths = ms - seconds * 1000;
  const tens = Math.trunc(thousandths / 10);
  return `${dayText}${TWO[hours]}:${TWO[minutes - hours * 60]}:${TWO[seconds - minutes * 60]}.${TWO[tens]}${thousandths - tens * 10}Z`;
}

/** `870 B`, `1.2 kB`, `34 kB`: decimal units, two digits at least. */
function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = 'B';
  for (const next of ['kB', 'MB', 'GB', 'TB']) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** `12.3ms`, `1.2s`, `3m05s`, `2h07m`. */
function duration(ms: number): string {
  if (ms < 999.95) return `${tenths(ms)}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${pad(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h${pad(minutes % 60)}m`;
}
