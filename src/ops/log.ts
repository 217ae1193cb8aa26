/**
 * The application log: what the program itself has to say, some tens of lines a second at most.
 *
 * winston carries it, and nothing outside this file knows that. Its one transport hands finished lines to a sink that
 * never makes it wait: a winston transport that calls back late holds up every log call after it.
 */
import winston from 'winston';
import Transport from 'winston-transport';
import { type Fields, humanEvent, jsonEvent, type LogEvent, type LogLevel } from './event.ts';
import type { LogRing } from './ring.ts';
import type { LineFormat } from './text.ts';

export type { LogLevel } from './event.ts';

type Write = (message: string, fields?: Fields) => void;

/** One event a call, one line an event. A field that holds an Error prints its message, code and causes. */
export interface Log {
  readonly error: Write;
  readonly warn: Write;
  readonly info: Write;
  readonly debug: Write;
}

/** A log that may come to write more, or less. */
export interface AdjustableLog extends Log {
  setLevel(level: LogLevel): void;
}

/** Where lines go: a `LineSink`. */
export interface LogSink {
  readonly terminal: boolean;
  readonly format: LineFormat;
  write(lines: string): void;
}

export interface LogOptions {
  /** The least important level that is written. At `debug`, errors come with their stack. */
  readonly level: LogLevel;
  /** `auto` takes the sink's format. */
  readonly format: LineFormat | 'auto';
  readonly sink: LogSink;
  /** Hears every event that is written. */
  readonly ring?: LogRing | undefined;
}

const LEVELS = { error: 0, warn: 1, info: 2, debug: 3 } as const satisfies Record<LogLevel, number>;
/** Where winston keeps the finished line of an event. */
const LINE = Symbol.for('message');

/** Colours appear on a terminal, unless the environment variable NO_COLOR is set and not empty. */
export function createLog({ level, format, sink, ring }: LogOptions): AdjustableLog {
  let least = level;
  const style = { stacks: level === 'debug', colour: sink.terminal && !process.env['NO_COLOR'] };
  const render = (format === 'auto' ? sink.format : format) === 'human' ? humanEvent : jsonEvent;
  const logger = winston.createLogger({
    levels: LEVELS,
    // What is too unimportant does not come as far as this.
    level: 'debug',
    format: winston.format((info) => {
      info[LINE] = render(info as unknown as LogEvent, style);
      return info;
    })(),
    transports: [new SinkTransport(sink)],
  });
  const at = (name: LogLevel): Write => {
    // The fields stay in a property of their own: spread out, one named `message` or `level` would mean something else.
    return (message, fields) => {
      if (LEVELS[name] > LEVELS[least]) return;
      const event: LogEvent = { at: Date.now(), level: name, message, fields };
      logger.log(event as unknown as winston.LogEntry);
      ring?.add(event);
    };
  };
  const setLevel = (name: LogLevel): void => {
    least = name;
    style.stacks = name === 'debug';
  };
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug'), setLevel };
}

class SinkTransport extends Transport {
  readonly #sink: LogSink;

  constructor(sink: LogSink) {
    super();
    this.#sink = sink;
  }

  override log(info: Record<symbol, string>, next: () => void): void {
    this.#sink.write(`${info[LINE]}\n`);
    next();
  }
}
