/**
 * Finds where a chunked body ends, without looking at what is in it. RFC 9112 §7.1.
 *
 * Somebody else decodes it; that this agrees about its end is what keeps the next request out of it. Stricter than the
 * RFC: a bare LF ends nothing, sizes have at most 13 digits, and what is not data is bounded.
 */
import { ProxyError } from '../errors.ts';
import { MAX_HEAD_BYTES } from './http.ts';

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
/** Hexadecimal digits of a size: below 2^53. */
const MAX_DIGITS = 13;
/** Chunk extensions of one body, and its trailers; bytes of each. Nobody needs any. */
const MAX_EXTRA_BYTES = MAX_HEAD_BYTES;

type Stage =
  | 'size'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'line'
  | 'trailer'
  | 'trailer-lf'
  | 'end-lf'
  | 'done';

export class ChunkedEnd {
  #stage: Stage = 'size';
  #size = 0;
  #digits = 0;
  #extensions = 0;
  /** The last chunk has been seen. */
  #trailing = false;
  #trailers = 0;

  /** The last byte of the body has been seen. */
  get done(): boolean {
    return this.#stage === 'done';
  }

  /**
   * @returns how many of these bytes belong to the body: all, or fewer when it ends among them.
   * @throws ProxyError `BAD_REQUEST`
   */
  skip(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && this.#stage !== 'done') {
      if (this.#stage === 'data') at += this.#skipData(bytes.length - at);
      else this.#step(bytes[at++]!);
    }
    return at;
  }

  #skipData(available: number): number {
    const length = Math.min(available, this.#size);
    this.#size -= length;
    if (this.#size === 0) this.#stage = 'data-cr';
    return length;
  }

  #step(byte: number): void {
    if (this.#trailing && ++this.#trailers > MAX_EXTRA_BYTES)
      throw new ProxyError('HEAD_TOO_LARGE', 'the trailers are too long');
    switch (this.#stage) {
      case 'size':
        return this.#readSize(byte);
      case 'extension':
        if (byte === CR) return this.#to('size-lf');
        if (++this.#extensions > MAX_EXTRA_BYTES) throw malformed('the chunk extensions are too long');
        return checkText(byte);
      case 'size-lf':
        want(byte, LF);
        this.#trailing = this.#size === 0;
        return this.#to(this.#trailing ? 'line' : 'data');
      case 'data-cr':
        want(byte, CR);
        return this.#to('data-lf');
      case 'data-lf':
        want(byte, LF);
        this.#digits = 0;
        return this.#to('size');
      case 'line':
        if (byte === CR) return this.#to('end-lf');
        return this.#readTrailer(byte);
      case 'trailer':
        return byte === CR ? this.#to('trailer-lf') : this.#readTrailer(byte);
      case 'trailer-lf':
        want(byte, LF);
        return this.#to('line');
      case 'end-lf':
        want(byte, LF);
        return this.#to('done');
      case 'data':
      case 'done':
    }
  }

  #to(stage: Stage): void {
    this.#stage = stage;
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit !== -1) {
      if (++this.#digits > MAX_DIGITS) throw malformed('a chunk is too large');
      this.#size = this.#size * 16 + digit;
    } else if (this.#digits > 0 && byte === CR) {
      this.#to('size-lf');
    } else if (this.#digits > 0 && byte === SEMICOLON) {
      this.#to('extension');
    } else {
      throw malformed('malformed chunk size');
    }
  }

  #readTrailer(byte: number): void {
    // A line that begins with white space goes on with the one before, for some readers.
    if (this.#stage === 'line' && (byte === 0x20 || byte === 0x09)) throw malformed('malformed trailer');
    checkText(byte);
    this.#to('trailer');
  }
}

function want(byte: number, wanted: number): void {
  if (byte !== wanted) throw malformed('malformed chunk');
}

/** Visible characters, spaces and tabs. */
function checkText(byte: number): void {
  if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) throw malformed('malformed chunk');
}

/** -1 for every other byte. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const malformed = (detail: string): ProxyError => new ProxyError('BAD_REQUEST', detail);
