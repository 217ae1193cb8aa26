/**
 * Users as htpasswd files list them: `NAME:HASH`, one a line.
 *
 * Only hashes that still protect a password are taken: bcrypt, as `htpasswd -B` makes them, and scrypt, as `gyre
 * hash-password` does. Every other kind is named, so that nobody has to find out what theirs is. A line is never shown:
 * what stands in it may be a password.
 */
import { hashKind } from '../password.ts';
import type { Account } from './account.ts';
import { foreignHash } from './foreign-hash.ts';

/** What is wrong with a line. */
export interface HtpasswdProblem {
  /** Counted from 1. */
  readonly line: number;
  /** One sentence without a full stop. */
  readonly message: string;
  readonly hint?: string | undefined;
}

export interface Htpasswd {
  readonly accounts: Account[];
  readonly problems: HtpasswdProblem[];
}

/** Bytes of a line. A name has at most 255, a hash some 200. */
const LONGEST_LINE = 1024;
/** RFC 1929 gives the length of a name one byte. */
const LONGEST_NAME = 255;
/** After so many problems the rest is not read: it is not such a file. */
const MOST_PROBLEMS = 20;

const LF = 0x0a;

/**
 * Reads such a file. Empty lines and lines that begin with `#` are left out; lines may end in CRLF, and a byte order mark
 * may stand before the first. Never throws: what cannot be read is among the problems, and is no account.
 */
export function readHtpasswd(file: string | Uint8Array): Htpasswd {
  const bytes = typeof file === 'string' ? Buffer.from(file) : file;
  const accounts: Account[] = [];
  const problems: HtpasswdProblem[] = [];
  const lines = new Map<string, number>();
  for (const [line, content] of linesOf(bytes)) {
    const entry = readLine(content);
    if (entry === undefined) continue;
    const first = 'message' in entry ? undefined : lines.get(entry.name);
    if ('message' in entry) problems.push({ line, ...entry });
    else if (first !== undefined) problems.push({ line, ...twice(entry.name, first) });
    else {
      lines.set(entry.name, line);
      accounts.push(entry);
    }
    if (problems.length === MOST_PROBLEMS) break;
  }
  return { accounts, problems };
}

type Complaint = Omit<HtpasswdProblem, 'line'>;

function* linesOf(bytes: Uint8Array): Generator<[line: number, content: Uint8Array]> {
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  for (let start = marked ? 3 : 0, line = 1; start < bytes.length; line++) {
    const lf = bytes.indexOf(LF, start);
    const end = lf === -1 ? bytes.length : lf;
    yield [line, bytes.subarray(start, end)];
    start = end + 1;
  }
}

/** @returns Undefined for a line without a user. */
function readLine(bytes: Uint8Array): Account | Complaint | undefined {
  if (bytes.length > LONGEST_LINE) return { message: `the line is longer than ${LONGEST_LINE} bytes` };
  const text = decode(bytes);
  if (text === undefined) return { message: 'the line is not UTF-8', hint: 'save the file as UTF-8' };
  const content = text.trimEnd();
  if (content === '' || content.trimStart().startsWith('#')) return undefined;
  const colon = content.indexOf(':');
  if (colon === -1)
    return { message: 'the line has no colon', hint: 'each line is a name, a colon, and a hash' };
  const name = content.slice(0, colon);
  return wrongName(name) ?? readEntry(name, content.slice(colon + 1));
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

function wrongName(name: string): Complaint | undefined {
  if (name === '') return { message: 'there is no name before the colon' };
  if (Buffer.byteLength(name) > LONGEST_NAME)
    return {
      message: `the name is longer than ${LONGEST_NAME} bytes`,
      hint: 'SOCKS5 can carry no longer ones',
    };
  if (/[\u0000-\u001f\u007f]/.test(name)) return { message: 'the name has a control character in it' };
  if (name.trim() !== name) return { message: 'the name begins or ends with white space' };
  return undefined;
}

function readEntry(name: string, hash: string): Account | Complaint {
  if (hashKind(hash) !== undefined) return { name, passwordHash: hash };
  const { kind, hint } = foreignHash(hash);
  return { message: `user ${JSON.stringify(name)} has ${kind}`, hint };
}

function twice(name: string, line: number): Complaint {
  return {
    message: `user ${JSON.stringify(name)} is there already, in line ${line}`,
    hint: 'remove one of the two',
  };
}
