/** Server-sent events: what is new is put into words once, for all who read. */
import type { ServerResponse } from 'node:http';
import type { Events } from './api.ts';
import type { Control } from './control.ts';
import { RequestProblem } from './problem.ts';
import type { Reply } from './routes.ts';

type EventName = keyof Events;

export interface EventOptions {
  /** At once; who comes after them is told to come again. @default 64 */
  readonly maxReaders?: number;
  /** Bytes that may wait for one reader; who is slower is cut off. @default 512 KiB */
  readonly maxWaiting?: number;
  /** Between two `status`; milliseconds. @default 1000 */
  readonly statusMs?: number;
  /** Between two comments that only keep connections open; milliseconds. @default 15_000 */
  readonly heartbeatMs?: number;
}

interface Reader {
  readonly response: ServerResponse;
  readonly wants: (name: EventName) => boolean;
}

const HEAD = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  // Reverse proxies that collect answers would hold these back.
  'X-Accel-Buffering': 'no',
};

export class EventReaders {
  readonly #control: Control;
  readonly #report: (error: unknown) => void;
  readonly #options: Required<EventOptions>;
  readonly #readers = new Set<Reader>();
  readonly #stop: readonly (() => void)[];
  #timers: readonly NodeJS.Timeout[] = [];

  /** @param report Hears what nobody foresaw. */
  constructor(control: Control, report: (error: unknown) => void, options: EventOptions = {}) {
    this.#control = control;
    this.#report = report;
    this.#options = {
      maxReaders: 64,
      maxWaiting: 512 * 1024,
      statusMs: 1000,
      heartbeatMs: 15_000,
      ...options,
    };
    this.#stop = [
      control.on('log', (line) => this.#tell('log', () => line)),
      control.on('reload', (report) => this.#tell('reload', () => report)),
    ];
  }

  /** How many read. */
  get size(): number {
    return this.#readers.size;
  }

  /**
   * @param only Undefined: everything.
   * @throws RequestProblem when there are too many.
   */
  reply(only: readonly EventName[] | undefined): Reply {
    if (this.#readers.size >= this.#options.maxReaders) {
      const many = `${this.#options.maxReaders} others read events already; close a dashboard and come again`;
      throw new RequestProblem(503, many, { 'Retry-After': '10' });
    }
    const wants = (name: EventName): boolean => only === undefined || only.includes(name);
    return { stream: (response) => this.#add({ response, wants }) };
  }

  close(): void {
    for (const stop of this.#stop) stop();
    for (const { response } of this.#readers) response.end();
    this.#readers.clear();
    this.#rest();
  }

  #add(reader: Reader): void {
    const { response } = reader;
    response.writeHead(200, HEAD);
    response.once('close', () => this.#remove(reader));
    this.#readers.add(reader);
    const first = reader.wants('status') ? this.#word('status', () => this.#control.status()) : ': \n\n';
    if (first !== undefined) this.#write(reader, first);
    if (this.#timers.length > 0) return;
    const { statusMs, heartbeatMs } = this.#options;
    this.#timers = [
      setInterval(() => this.#tell('status', () => this.#control.status()), statusMs),
      setInterval(() => this.#each(() => true, ': \n\n'), heartbeatMs),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size === 0) this.#rest();
  }

  #rest(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  #tell<Name extends EventName>(name: Name, data: () => Events[Name]): void {
    const wants = (reader: Reader): boolean => reader.wants(name);
    if (![...this.#readers].some(wants)) return;
    const text = this.#word(name, data);
    if (text !== undefined) this.#each(wants, text);
  }

  #word<Name extends EventName>(name: Name, data: () => Events[Name]): string | undefined {
    try {
      return `event: ${name}\ndata: ${JSON.stringify(data())}\n\n`;
    } catch (error) {
      this.#report(error);
      return undefined;
    }
  }

  #each(wanted: (reader: Reader) => boolean, text: string): void {
    for (const reader of this.#readers) if (wanted(reader)) this.#write(reader, text);
  }

  #write({ response }: Reader, text: string): void {
    if (response.writableLength + text.length > this.#options.maxWaiting) response.destroy();
    else response.write(text);
  }
}
