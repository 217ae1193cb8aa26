/** Which Gyre this is. */
import { readFileSync } from 'node:fs';

/** As package.json has it, which lies beside the sources and beside the compiled code alike. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  }
).version;
