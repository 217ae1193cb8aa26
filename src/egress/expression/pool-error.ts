/** What is wrong with a pool expression. The message is one sentence without a full stop. */
export class PoolError extends Error {
  override readonly name = 'PoolError' as const;
  /** The text at fault, as written; of a URL without user, password and query, of a command only the program. */
  readonly term: string;
  /** What to write instead, where that is known. */
  readonly hint: string | undefined;

  constructor(message: string, term: string, hint?: string) {
    super(message);
    this.term = term;
    this.hint = hint;
  }
}

/** A PoolError whose sentence begins with the term. */
export function bad(term: string, complaint: string, hint?: string): PoolError {
  return new PoolError(`${quote(term)} ${complaint}`, term, hint);
}

/** A term for an error message: whole unless it is absurdly long. */
export function quote(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 79)}…`);
}

/** The hint for whatever is no term at all. */
export const SUPPORTED: string =
  'supported are an address, a range (192.0.2.1-192.0.2.9), a prefix (192.0.2.0/28), interface:NAME, file:/PATH, https://HOST/PATH, aws:NAME, exec:COMMAND, and !TERM to exclude';
