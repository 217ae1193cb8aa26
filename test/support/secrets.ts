/** Secrets that a test plants, and finds wherever they have got to. */
import { randomBytes } from 'node:crypto';

export class Secrets {
  readonly #planted = new Map<string, string>();

  /** A password, or a token: nothing else is spelt like it. @param name What it is, for people. */
  plant(name: string): string {
    return this.keep(name, `Sesame${randomBytes(9).toString('hex')}`);
  }

  /** One that was made elsewhere; a long one is found by any of its lines. */
  keep(name: string, text: string): string {
    const lines = text.split('\n').filter((line) => line.length >= 16 && !line.startsWith('-----'));
    for (const [i, line] of lines.entries())
      this.#planted.set(`${name}${i === 0 ? '' : `, line ${i + 1}`}`, line);
    return text;
  }

  get names(): readonly string[] {
    return [...this.#planted.keys()];
  }

  /** What a text gives away, in whatever spelling. */
  in(text: string): string[] {
    const lower = text.toLowerCase();
    return [...this.#planted].flatMap(([name, secret]) => {
      const spellings = [secret, encodeURIComponent(secret), ...inBase64(secret)];
      const shown = spellings.some((spelling) => text.includes(spelling));
      return shown || lower.includes(Buffer.from(secret).toString('hex')) ? [name] : [];
    });
  }
}

/** As it stands in the middle of something longer, at each of the three places it can begin at. */
function inBase64(secret: string): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.from('x'.repeat(before) + secret)
      .toString('base64')
      .replace(/=+$/, '');
    // The first characters and the last one depend on what stands beside it.
    return text.slice(before === 0 ? 0 : before + 1, -1);
  });
}
