/** The one timer of a client connection: the stage it is in has to be over by then. */

/** Looks at something that stalls this often within its time. */
const LOOKS = 4;
const SHORTEST_LOOK_MS = 10;

export class Deadline {
  #timer: NodeJS.Timeout | undefined = undefined;

  /** In place of what was set before. @param ms From now, whatever happens meanwhile. */
  set(ms: number, expire: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(expire, Math.max(0, ms));
  }

  /**
   * In place of what was set before: expires when `progress` has stayed the same for `ms`, give or take a quarter. Asking
   * now and then costs less than a timer that every byte puts off.
   */
  stall(ms: number, progress: () => number, expire: () => void): void {
    let seen = progress();
    let silentMs = 0;
    const period = Math.max(SHORTEST_LOOK_MS, ms / LOOKS);
    const look = (): void => {
      const now = progress();
      silentMs = now === seen ? silentMs + period : 0;
      seen = now;
      if (silentMs >= ms) expire();
      else this.set(period, look);
    };
    this.set(period, look);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
