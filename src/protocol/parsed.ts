/** A message found at the beginning of what has arrived, and how many bytes it takes. */
export interface Parsed<T> {
  readonly value: T;
  readonly length: number;
}

/** Undefined means "not all here yet"; a {@link file://../errors.ts ProxyError} is thrown for what can never be valid. */
export type Parser<T> = (bytes: Buffer) => Parsed<T> | undefined;
