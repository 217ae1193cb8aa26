/** A list of header fields that Node will write as they are. */

/** Names and values in turn, in the making. */
export class FieldList {
  readonly list: string[] = [];
  /** The kinds of fields that are there once. */
  readonly #once = new Set<string>();
  /** Where `Content-Length` stands; -1: nowhere. */
  #length = -1;

  add(name: string, value: string): void {
    this.list.push(name, value);
    if (this.#length !== -1 && isAwkward(name, value)) this.#moveLength();
  }

  addLength(name: string, value: string): void {
    this.#length = this.list.length;
    this.list.push(name, value);
  }

  /** The first of its kind only. */
  once(kind: string, name: string, value: string): void {
    if (this.#once.has(kind)) return;
    this.#once.add(kind);
    this.list.push(name, value);
  }

  has(kind: string): boolean {
    return this.#once.has(kind);
  }

  #moveLength(): void {
    const [name = '', value = ''] = this.list.splice(this.#length, 2);
    this.addLength(name, value);
  }
}

/** Behind a `Content-Length`, Node takes this field's bytes for UTF-8 and writes others. Before it, it does not. */
const isAwkward = (name: string, value: string): boolean =>
  name.length === 19 && name.toLowerCase() === 'content-disposition' && !/^[\u0000-\u007f]*$/.test(value);

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TEXT = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/** Node refuses to write anything else, by throwing in the middle of it. */
export const isWritable = (name: string, value: string): boolean => TOKEN.test(name) && TEXT.test(value);
