/** A target as a program, for places the test itself is not in: `node target-main.ts HOST` prints its port. */
import { startTarget } from './target.ts';

const target = await startTarget({ host: process.argv[2] ?? '127.0.0.1' });
process.stdout.write(`${target.port}\n`);
