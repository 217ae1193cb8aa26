/**
 * One event of the application log as one line, without the line end. Pure, and it never throws: a log call inside an
 * error path must not become the next error.
 */
import { clock, humanText, humanWord, jsonString, jsonValue } from './text.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export type Fields = Readonly<Record<string, unknown>>;

/** What was logged. */
export interface LogEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Fields | undefined;
}

export interface EventStyle {
  /** Errors come with their stack. */
  readonly stacks: boolean;
  /** The level is coloured; only in lines for people. */
  readonly colour: boolean;
}

/** ANSI colours: red, yellow, green, grey. */
const COLOURS = { error: 31, warn: 33, info: 32, debug: 90 } as const satisfies Record<LogLevel, number>;
/** How many causes of an error are printed. A chain may be a ring. */
const CAUSES = 4;
const OURS = new Set(['time', 'level', 'message']);

/** `{"time":"2026-11-22T12:03:04.123Z","level":"info","message":"…","key":value}`. A field named like ours gets a `_`. */
export function jsonEvent({ at, level, message, fields }: LogEvent, style: EventStyle): string {
  let line = `{"time":"${new Date(at).toISOString()}","level":"${level}","message":${jsonString(message)}`;
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue;
    const name = OURS.has(key) ? `${key}_` : key;
    line += `,${jsonString(name)}:${jsonValue(value instanceof Error ? described(value, style.stacks) : value)}`;
  }
  return `${line}}`;
}

/** `12:03:04.123 info  message key=value`. */
export function humanEvent({ at, level, message, fields }: LogEvent, style: EventStyle): string {
  const padded = level.padEnd(5);
  const label = style.colour ? `\u001b[${COLOURS[level]}m${padded}\u001b[0m` : padded;
  let line = `${clock(at)} ${label} ${humanText(message)}`;
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue;
    line += ` ${humanWord(key)}=${humanValue(value)}`;
    if (style.stacks && value instanceof Error)
      line += ` ${humanWord(`${key}_stack`)}=${jsonString(String(value.stack))}`;
  }
  return line;
}

function humanValue(value: unknown): string {
  if (typeof value === 'string') return humanWord(value);
  return value instanceof Error ? humanWord(sentence(value)) : jsonValue(value);
}

interface DescribedError {
  readonly message: string;
  readonly code?: string | number;
  readonly cause?: unknown;
  readonly stack?: string;
}

function described(error: Error, stacks: boolean, causes = CAUSES): DescribedError {
  const code = codeOf(error);
  const { cause, stack } = error;
  return {
    message: error.message,
    ...(code !== undefined && { code }),
    ...(cause !== undefined &&
      causes > 0 && { cause: cause instanceof Error ? described(cause, false, causes - 1) : cause }),
    ...(stacks && stack !== undefined && { stack }),
  };
}

/** `message (CODE): message of the cause (CODE)`. */
export function sentence(error: Error, causes: number = CAUSES): string {
  const code = codeOf(error);
  const text = code === undefined ? error.message : `${error.message} (${code})`;
  const { cause } = error;
  if (cause === undefined || causes === 0) return text;
  return `${text}: ${cause instanceof Error ? sentence(cause, causes - 1) : jsonValue(cause)}`;
}

function codeOf(error: Error): string | number | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' || typeof code === 'number' ? code : undefined;
}
