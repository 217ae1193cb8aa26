/**
 * What systemd wants to hear from a service (sd_notify(3)): that it is ready, reloads or stops, which process it is, and that it
 * is alive.
 *
 * The messages are Unix datagrams, which Node cannot send; `systemd-notify` can, and is there where systemd is. It is
 * another process, so the unit needs `NotifyAccess=all`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Of the watchdog's period, when it is told that all is well: the other half is for delays. */
const SHARE = 0.5;
/** How often it is looked whether all is well, at the least; milliseconds. */
const LOOK_MS = 1000;

export class Systemd {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #warn: (message: string) => void;
  #last: Promise<void> = Promise.resolve();
  #watchdog: NodeJS.Timeout | undefined = undefined;
  #broken = false;

  /**
   * @param environment With `NOTIFY_SOCKET` when systemd listens; without it nothing is ever sent.
   * @param warn Told once when nothing can be sent.
   */
  constructor(environment: NodeJS.ProcessEnv, warn: (message: string) => void) {
    this.#environment = environment;
    this.#warn = warn;
  }

  /** Serves, with this configuration. */
  ready(status: string): Promise<void> {
    return this.#send('READY=1', `MAINPID=${process.pid}`, `STATUS=${status}`);
  }

  reloading(): Promise<void> {
    // CLOCK_MONOTONIC, by which `Type=notify-reload` tells this reload from the one before.
    return this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(status: string): Promise<void> {
    return this.#send('STOPPING=1', `STATUS=${status}`);
  }

  /** Says nothing any more: another process is the service by now. */
  stop(): void {
    clearInterval(this.#watchdog);
    this.#broken = true;
  }

  /** Says that all is well, as long as it is; nothing when no watchdog is set. @param well Asked every second. */
  watch(well: () => boolean): void {
    const { WATCHDOG_USEC, WATCHDOG_PID } = this.#environment;
    const periodMs = Number(WATCHDOG_USEC ?? 0) / 1000;
    if (!(periodMs > 0) || (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid)) return;
    const intervalMs = periodMs * SHARE;
    let saidAt = -Infinity;
    const look = (): void => {
      const now = performance.now();
      if (now - saidAt < intervalMs || !well()) return;
      saidAt = now;
      void this.#send('WATCHDOG=1');
    };
    this.#watchdog = setInterval(look, Math.min(LOOK_MS, intervalMs)).unref();
    look();
  }

  /** One at a time, in the order of the calls. */
  #send(...assignments: readonly string[]): Promise<void> {
    const { NOTIFY_SOCKET = '' } = this.#environment;
    if (NOTIFY_SOCKET === '' || this.#broken) return Promise.resolve();
    this.#last = this.#last.then(() => this.#notify(assignments));
    return this.#last;
  }

  async #notify(assignments: readonly string[]): Promise<void> {
    try {
      const child = spawn('systemd-notify', assignments, { stdio: 'ignore', env: this.#environment });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`it ended with exit code ${code}`);
    } catch (error) {
      if (this.#broken) return;
      this.#broken = (error as NodeJS.ErrnoException).code === 'ENOENT';
      this.#warn(`systemd cannot be told how Gyre is, by systemd-notify: ${(error as Error).message}`);
    }
  }
}
