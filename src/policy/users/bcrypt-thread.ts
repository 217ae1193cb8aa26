/** The entry of the thread that verifies bcrypt hashes: one question after the other. */
import { timingSafeEqual } from 'node:crypto';
import { parentPort, threadId } from 'node:worker_threads';
import bcrypt from 'bcryptjs';
import type { Answer, Question } from './bcrypt.ts';

/** What comes before the hash proper: `$2b$10$` and 22 characters of salt. */
const SALT_END = 29;

const port = parentPort!;

port.on('message', ({ id, password, hash }: Question) => {
  const answer: Answer = { id, right: matches(password, hash), thread: threadId };
  port.postMessage(answer);
});

/**
 * Only the part behind the salt counts: the last character of a salt has bits without a meaning, which some programs set.
 * A password with a NUL in it is never right: bcrypt repeats the password with a NUL behind it, so `a` and `a\0a` have the
 * same hash.
 */
function matches(password: string, hash: string): boolean {
  const made = bcrypt.hashSync(password, hash.slice(0, SALT_END)).slice(SALT_END);
  const same = timingSafeEqual(Buffer.from(made), Buffer.from(hash.slice(SALT_END)));
  return same && !password.includes('\0');
}
