/** `gyre hash-password`: a password → what stands for it in the configuration. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { hashPassword } from '../policy/password.ts';
import { EXIT, Failure } from './exit.ts';
import { complain, say } from './terminal.ts';

/** RFC 1929 gives the length of a password one byte. */
const LONGEST = 255;

const HELP = `
On a terminal it asks twice and shows nothing. Otherwise the password is the one line on standard input; it is never
taken from the command line, where other users of the host can see it.

Examples:
  gyre hash-password
  pass show proxy/alice | gyre hash-password

In the configuration:
  users:
    - name: alice
      passwordHash: $scrypt$ln=15,r=8,p=1$…`;

export function registerHashPassword(program: Command): void {
  program
    .command('hash-password')
    .description('read a password and print its scrypt hash for the configuration')
    .addHelpText('after', HELP)
    .action(async () => {
      const password = process.stdin.isTTY ? await askTwice() : await readLine();
      refuseUnusable(password);
      say(await hashPassword(password));
    });
}

async function readLine(): Promise<string> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    // Far more than a password: no need to wait for its end.
    if (bytes.length > 4 * LONGEST) break;
  }
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}

async function askTwice(): Promise<string> {
  // On a terminal readline echoes what is typed to its output: to nowhere, that is.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output, terminal: true });
  reader.once('SIGINT', () => reader.close());
  // One iterator for both, so that a second line that comes early is not lost.
  const lines = reader[Symbol.asyncIterator]();
  const ask = async (question: string): Promise<string> => {
    process.stderr.write(question);
    const { value, done } = await lines.next();
    complain('');
    if (done === true) throw new Failure('there is no password');
    return value;
  };
  try {
    const first = await ask('Password: ');
    refuseUnusable(first);
    if ((await ask('Again: ')) !== first) throw new Failure('the two passwords differ');
    return first;
  } finally {
    reader.close();
  }
}

function refuseUnusable(password: string): void {
  if (password === '') throw new Failure('the password is empty', undefined, EXIT.usage);
  if (password.includes('\n'))
    throw new Failure('the password has more than one line', undefined, EXIT.usage);
  if (Buffer.byteLength(password) > LONGEST) {
    throw new Failure(
      `the password is longer than ${LONGEST} bytes, more than SOCKS5 can carry`,
      undefined,
      EXIT.usage,
    );
  }
}
