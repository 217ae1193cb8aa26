/** The latest events of the application log, for whoever looks in after they have happened. */
import { sentence, type LogEvent, type LogLevel } from './event.ts';

/** An event as plain data: errors are text, and what is undefined is not there. */
export interface RingLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const MOST = 1000;
/** From the gravest on. */
const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

export class LogRing {
  readonly #most: number;
  readonly #listeners = new Set<(line: RingLine) => void>();
  /** The oldest is at {@link #next} once it is full. */
  readonly #lines: RingLine[] = [];
  #next = 0;

  /** @param most Lines it holds, at least 1. */
  constructor(most: number = MOST) {
    this.#most = most;
  }

  add(event: LogEvent): void {
    const line = plain(event);
    this.#lines[this.#next] = line;
    this.#next = (this.#next + 1) % this.#most;
    for (const listener of this.#listeners) listener(line);
  }

  /**
   * Oldest first.
   * @param limit At most so many, and of all the latest. @param level Only of this level and graver ones.
   */
  latest(limit: number, level: LogLevel = 'debug'): RingLine[] {
    const gravity = LEVELS.indexOf(level);
    const lines = [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)];
    const chosen = lines.filter((line) => LEVELS.indexOf(line.level) <= gravity);
    return limit > 0 ? chosen.slice(-limit) : [];
  }

  /** @param listener Hears every event from now on; it must not throw, nor log. @returns how to stop that. */
  on(listener: (line: RingLine) => void): () => void {
    // Not the listener itself: it may be given twice.
    const own = (line: RingLine): void => listener(line);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }
}

function plain({ at, level, message, fields = {} }: LogEvent): RingLine {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return {
    at,
    level,
    message,
    fields: Object.fromEntries(entries.map(([key, value]) => [key, flat(value)])),
  };
}

/** A copy that JSON has words for, and that nobody changes afterwards. */
function flat(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  try {
    const text = JSON.stringify(value, (_, inner: unknown) => word(inner));
    return text === undefined ? String(value) : (JSON.parse(text) as unknown);
  } catch {
    // It contains itself.
    return String(value);
  }
}

function word(value: unknown): unknown {
  if (value instanceof Error) return sentence(value);
  return typeof value === 'bigint' ? String(value) : value;
}
