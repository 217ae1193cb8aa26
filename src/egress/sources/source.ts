/** What every source of addresses is, and the ways in which one fails. */
import type { Interfaces } from './interface.ts';
import type { Range } from '../pool/ranges.ts';

/** A line that was left out. */
export interface Problem {
  /** Counted from 1; 0 when it belongs to no line. */
  readonly line: number;
  /** One sentence without a full stop. */
  readonly message: string;
}

export interface SourceAnswer {
  /** Disjoint, in the order of the source. */
  readonly ranges: readonly Range[];
  readonly problems: readonly Problem[];
}

/** Somewhere addresses come from, again and again. */
export interface Source {
  /** For people: free of secrets. */
  readonly text: string;
  /**
   * The addresses as they are now. Never two calls at a time.
   * @throws {SourceError} There is no answer, or none to be trusted: the one before stays in force.
   */
  read(signal: AbortSignal): Promise<SourceAnswer>;
  /**
   * Tells when a look is worth while, without waiting for the next refresh. It may tell too often, and miss changes.
   * @returns Ends it.
   */
  watch?(changed: () => void): () => void;
  /** Milliseconds from one read to the next. */
  readonly refreshMs: number;
}

/** Times are in milliseconds. Everything has a default fit for production. */
export interface SourceOptions {
  /** From one read to the next, where a term does not say `refresh=`; default 30 s. */
  readonly refreshMs?: number;
  /** From one look at the interfaces to the next, and until a watch that was lost is tried again; default 2 s. */
  readonly watchMs?: number;
  /** How long a file must have rested before it is read; default 200 ms. */
  readonly settleMs?: number;
  /** For a URL or a command as a whole (default 10 s), and for each request to a metadata service (default 5 s). */
  readonly limitMs?: number;
  /** Default `os.networkInterfaces`. */
  readonly interfaces?: () => Interfaces;
  /** Default `process.env`. */
  readonly environment?: NodeJS.ProcessEnv;
}

export const REFRESH_MS = 30_000;
export const WATCH_MS = 2000;

/** Bytes a text of addresses may have. */
export const MOST_BYTES: number = 8 * 1024 * 1024;

/** Why a source has no answer: one sentence without a full stop and without secrets. */
export class SourceError extends Error {
  override readonly name = 'SourceError' as const;
}

/** Anything thrown while reading, as a sentence that shows no secrets: what others threw may quote a whole URL. */
export function describe(thrown: unknown): string {
  if (thrown instanceof SourceError) return thrown.message;
  const code = errorCode(thrown);
  return code === undefined ? 'it failed unexpectedly' : `it failed with ${code}`;
}

/** The code of a system or network error, of its cause where it only wraps one. */
export function errorCode(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth++) {
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) return code;
    if (error instanceof AggregateError && error.errors.length > 0) return errorCode(error.errors[0]);
  }
  return undefined;
}

/** Refuses a stream of bytes in the moment it gets too long. @throws {SourceError} */
export async function collect(
  chunks: AsyncIterable<Uint8Array>,
  most: number = MOST_BYTES,
): Promise<Uint8Array> {
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > most) throw tooLong(most);
    kept.push(chunk);
  }
  return Buffer.concat(kept);
}

export function tooLong(most: number = MOST_BYTES): SourceError {
  return new SourceError(`the answer is larger than ${most / (1024 * 1024)} MiB`);
}

/** A promise that ends with the signal, for what does not listen to it. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
