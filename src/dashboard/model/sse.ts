/** Server-sent events out of a stream of text: `event:` and `data:` lines, an empty line ends each (WHATWG HTML §9.2.6). */

export interface SseMessage {
  readonly event: string;
  readonly data: string;
}

/** No event of ours comes near; what does is no stream of ours. Characters. */
const LIMIT = 4 * 1024 * 1024;

export class SseParser {
  #rest = '';
  #event = '';
  #data: string[] = [];

  /**
   * @returns the events that are complete with this piece.
   * @throws RangeError when a line never ends.
   */
  push(piece: string): SseMessage[] {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LIMIT) throw new RangeError('a line of the event stream does not end');
    return lines.map((line) => this.#line(line)).filter((message) => message !== undefined);
  }

  #line(line: string): SseMessage | undefined {
    if (line === '') return this.#end();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    if (field === 'data') this.#data.push(value);
    return undefined;
  }

  #end(): SseMessage | undefined {
    const message = { event: this.#event || 'message', data: this.#data.join('\n') };
    const empty = this.#data.length === 0;
    this.#event = '';
    this.#data = [];
    return empty ? undefined : message;
  }
}
