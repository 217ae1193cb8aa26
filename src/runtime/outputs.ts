/** Where the program's log and the access lines of all lanes go. */
import { LineSink } from '../ops/sink.ts';
import type { SinkError } from '../ops/target.ts';
import { createLog, type Log } from '../ops/log.ts';
import type { LineFormat } from '../ops/text.ts';
import { StartError } from '../listener.ts';
import type { Config } from './config.ts';
import type { LineOutput } from './lane.ts';

/** What a stalled log target may delay the end of the program; milliseconds. */
const FLUSH_MS = 1000;

export interface Outputs extends LineOutput {
  readonly log: Log;
  /** How access lines look; undefined when nobody wants them. */
  readonly accessFormat: LineFormat | undefined;
  /** Lines that found no room. */
  readonly dropped: number;
  close(): Promise<void>;
}

/** @throws StartError when the access log cannot be opened. */
export function openOutputs({ level, format, access }: Config['log']): Outputs {
  const logSink = new LineSink('stderr', { format });
  const accessSink = access === 'off' ? undefined : access === '-' ? logSink : openFile(access, format);
  const sinks = new Set([logSink, ...(accessSink === undefined ? [] : [accessSink])]);
  const log = createLog({ level, format, sink: logSink });
  return {
    log,
    accessFormat: accessSink?.format,
    access: (text) => accessSink?.write(text),
    warn: log.warn,
    get dropped() {
      return [...sinks].reduce((sum, sink) => sum + sink.dropped, 0);
    },
    async close() {
      await Promise.all([...sinks].map((sink) => sink.flush(FLUSH_MS)));
      for (const sink of sinks) sink.close();
    },
  };
}

function openFile(path: string, format: Config['log']['format']): LineSink {
  try {
    return new LineSink({ path }, { format });
  } catch (error) {
    const { message, hint } = error as SinkError;
    throw new StartError(message, hint, error);
  }
}
