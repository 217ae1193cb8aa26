/** What a running server does about SIGHUP: it reads its configuration again, unless its terminal is gone. */
import { isatty } from 'node:tty';

const STDIN = 0;

/**
 * Listens from now on; a signal that comes before there is anything to reload is kept for {@link Hangups.serve}.
 * A terminal that is closed sends the same signal: then the program is to stop, as it would have without us.
 */
export class Hangups {
  readonly #onTerminal = isatty(STDIN);
  #waiting = false;
  #reload: (() => void) | undefined = undefined;

  constructor() {
    process.on('SIGHUP', () => {
      if (this.#onTerminal && !isatty(STDIN)) process.kill(process.pid, 'SIGTERM');
      else if (this.#reload !== undefined) this.#reload();
      else this.#waiting = true;
    });
  }

  serve(reload: () => void): void {
    this.#reload = reload;
    if (this.#waiting) reload();
    this.#waiting = false;
  }
}
