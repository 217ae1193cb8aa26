/** What a running server does about the signals that tell it to stop. */
import { constants } from 'node:os';

/** One Ctrl-C reaches a program up to three times: from the terminal, from npm and from the shim. Milliseconds. */
const SAME_PRESS_MS = 250;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** What to do about a signal: the first drains, the next one leaves at once, an echo of one is no signal. */
export class StopRequests {
  #first: number | undefined = undefined;

  /** @param now Milliseconds on a clock that never goes back. */
  judge(now: number): 'drain' | 'ignore' | 'leave' {
    if (this.#first === undefined) {
      this.#first = now;
      return 'drain';
    }
    return now - this.#first < SAME_PRESS_MS ? 'ignore' : 'leave';
  }
}

/**
 * Listens for signals from now on.
 * @param leave Called with the exit code when the user will not wait.
 * @returns With the first signal: the exit code of a program that it ended on the spot, as shells report it.
 */
export function stopRequested(leave: (exitCode: number) => void): Promise<number> {
  const requests = new StopRequests();
  return new Promise((resolve) => {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        const verdict = requests.judge(performance.now());
        const exitCode = 128 + constants.signals[signal];
        if (verdict === 'drain') resolve(exitCode);
        if (verdict === 'leave') leave(exitCode);
      });
    }
  });
}
