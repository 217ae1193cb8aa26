/** Keeps an eye on the configuration file for as long as the configuration in force wants that. */
import type { LoadedConfig } from '../config.ts';
import { ConfigWatch } from './config-watch.ts';

export class Following {
  readonly #load: () => LoadedConfig;
  readonly #changed: () => void;
  #watch: ConfigWatch | undefined = undefined;
  #path: string | undefined = undefined;

  /** @param load Throws when the configuration cannot be used. */
  constructor(load: () => LoadedConfig, changed: () => void) {
    this.#load = load;
    this.#changed = changed;
  }

  /** What is in force, and the file that was read for it. */
  follow({ config: { watch }, file, fingerprint }: Omit<LoadedConfig, 'notes'>): void {
    const path = watch ? file : undefined;
    if (path === this.#path) return this.#watch?.read(fingerprint);
    this.stop();
    this.#path = path;
    if (path === undefined) return;
    this.#watch = new ConfigWatch(path, fingerprint, { judge: this.#load, changed: this.#changed });
    this.#watch.start();
  }

  stop(): void {
    this.#watch?.stop();
    this.#watch = undefined;
    this.#path = undefined;
  }
}
