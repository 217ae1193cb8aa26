/** Where the program's log and the access lines of all lanes go. */
import { LineSink } from '../ops/sink.ts';
import type { SinkError } from '../ops/target.ts';
import { createLog, type AdjustableLog } from '../ops/log.ts';
import { LogRing } from '../ops/ring.ts';
import type { LineFormat } from '../ops/text.ts';
import { StartError } from '../listener.ts';
import type { Config } from './config.ts';
import type { LineOutput } from './lane.ts';

/** What a stalled log target may delay the end of the program; milliseconds. */
const FLUSH_MS = 1000;

export interface Outputs extends LineOutput {
  readonly log: AdjustableLog;
  /** How access lines look; undefined when nobody wants them. */
  readonly accessFormat: LineFormat | undefined;
  /** The latest events of the log. */
  readonly ring: LogRing;
  /** Lines that found no room. */
  readonly dropped: number;
  /**
   * Opens another access log, or the file of the same one anew: a log rotation may have moved it.
   * @throws StartError; the one in use stays.
   */
  prepare(access: string): OutputChange;
  close(): Promise<void>;
}

/** An access log that is open, and not in use yet. */
export interface OutputChange {
  readonly accessFormat: LineFormat | undefined;
  put(): void;
  discard(): void;
}

/** @throws StartError when the access log cannot be opened. */
export function openOutputs({ level, format, access }: Config['log']): Outputs {
  const logSink = new LineSink('stderr', { format });
  const open = (target: string): LineSink | undefined =>
    target === 'off' ? undefined : target === '-' ? logSink : openFile(target, format);
  let target = access;
  let accessSink = open(access);
  /** Of targets that are no longer in use. */
  let droppedBefore = 0;
  const sinks = (): Set<LineSink> => new Set(accessSink === undefined ? [logSink] : [logSink, accessSink]);
  const end = async (sink: LineSink | undefined): Promise<void> => {
    if (sink === undefined || sink === logSink) return;
    await sink.flush(FLUSH_MS);
    sink.close();
    droppedBefore += sink.dropped;
  };
  const ring = new LogRing();
  const log = createLog({ level, format, sink: logSink, ring });
  return {
    log,
    ring,
    get accessFormat() {
      return accessSink?.format;
    },
    access: (text) => accessSink?.write(text),
    warn: log.warn,
    get dropped() {
      return [...sinks()].reduce((sum, sink) => sum + sink.dropped, droppedBefore);
    },
    async close() {
      await Promise.all([...sinks()].map((sink) => sink.flush(FLUSH_MS)));
      for (const sink of sinks()) sink.close();
    },
    prepare(wanted) {
      if (wanted === target) {
        attempt(() => accessSink?.reopen());
        return { accessFormat: accessSink?.format, put: () => {}, discard: () => {} };
      }
      const next = open(wanted);
      const put = (): void => {
        void end(accessSink);
        [target, accessSink] = [wanted, next];
      };
      return { accessFormat: next?.format, put, discard: () => void end(next) };
    },
  };
}

function openFile(path: string, format: Config['log']['format']): LineSink {
  return attempt(() => new LineSink({ path }, { format }));
}

/** @throws StartError */
function attempt<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    const { message, hint } = error as SinkError;
    throw new StartError(message, hint, error);
  }
}
