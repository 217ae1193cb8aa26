/** SIGUSR2 tells a running Gyre to let a new process take its place. */
import type { Gateway } from '../runtime/gateway.ts';
import { startSuccessor } from './successor.ts';

export class Upgrades {
  #gateway: Gateway | undefined = undefined;
  #activated = false;
  #asked = false;
  #starting = false;
  readonly #stop = new AbortController();
  readonly #done: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Listens from now on: an unheard SIGUSR2 ends a process. */
  constructor() {
    process.on('SIGUSR2', () => {
      this.#asked = true;
      void this.#begin();
    });
  }

  /** @param activated The sockets are systemd's. */
  serve(gateway: Gateway, activated: boolean): void {
    this.#gateway = gateway;
    this.#activated = activated;
    void this.#begin();
  }

  /** Resolves when another process serves in place of this one. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** This process is to end, and so is the one that was to follow it. */
  giveUp(): void {
    this.#stop.abort();
  }

  async #begin(): Promise<void> {
    const gateway = this.#gateway;
    if (!this.#asked || gateway === undefined || this.#starting) return;
    this.#asked = false;
    const { log, state } = gateway;
    if (state !== 'ready') return log.warn(`no upgrade: Gyre is ${state}`);
    if (process.pid === 1) return log.error(FIRST_PROCESS);
    this.#starting = true;
    log.info('upgrade: starting the new process');
    try {
      const estate = { sockets: gateway.handOver(), activated: this.#activated };
      const pid = await startSuccessor(estate, { signal: this.#stop.signal });
      log.info('upgrade: the new process serves, this one ends when its connections have', { pid });
      this.#done.resolve();
    } catch (error) {
      this.#starting = false;
      log.error(`upgrade failed, this process serves on: ${(error as Error).message}`);
    }
  }
}

const FIRST_PROCESS =
  'no upgrade: Gyre is the first process of its container, which ends with it; start another container beside it instead';
