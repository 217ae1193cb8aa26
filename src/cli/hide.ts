/** Secrets on the command line, which every user of this host can read there (proc(5), `cmdline`). */

/**
 * Writes the command line anew without them, in the place where the kernel shows it from. Whoever looked before that has
 * seen it: node takes some tenths of a second until it can begin. Nothing changes where there are none.
 *
 * @param secrets Arguments, or the ends of arguments; each with what stands there afterwards.
 */
export function hideArguments(secrets: ReadonlyMap<string, string>): void {
  if (secrets.size === 0) return;
  const words = [process.argv0, ...process.execArgv, ...process.argv.slice(1)];
  process.title = words.map((word) => withoutSecret(word, secrets)).join(' ');
}

function withoutSecret(word: string, secrets: ReadonlyMap<string, string>): string {
  for (const [secret, instead] of secrets) {
    // `--user NAME:PASSWORD` as well as `--user=NAME:PASSWORD`.
    if (secret !== '' && word.endsWith(secret)) return word.slice(0, -secret.length) + instead;
  }
  return word;
}
