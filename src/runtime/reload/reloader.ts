/** Reloads of a running gateway, whoever asks for one. */
import { StartError } from '../../listener.ts';
import { DEFAULT_POOL } from '../../connection.ts';
import type { Config, LoadedConfig } from '../config.ts';
import type { GatewayOptions, GatewayState } from '../gateway-types.ts';
import type { Parts } from '../parts.ts';
import { changeOver, letGo, type InUse, type Standing } from './change-over.ts';
import { compareConfigs } from './compare.ts';
import { Following } from './following.ts';
import { Reloads, type Applied } from './reloads.ts';
import { untilRestart } from './restart.ts';
import { tellReload } from './tell.ts';

/** The gateway, as far as a reload changes it. */
export interface Reloadable {
  readonly standing: Standing;
  readonly state: () => GatewayState;
  readonly inUse: () => InUse;
  /** Something else is in use from now on. */
  readonly take: (now: InUse) => void;
  /** Reads the files that a configuration names. */
  readonly read: (config: Config) => Promise<Parts>;
}

export class Reloader {
  readonly reloads: Reloads;
  readonly #gateway: Reloadable;
  readonly #following: Following;
  readonly #atStart: Omit<LoadedConfig, 'config' | 'notes'>;
  /** Notes about the configuration that people have seen. */
  #told: ReadonlySet<string>;

  constructor(gateway: Reloadable, { file, fingerprint, notes, reloadFrom }: GatewayOptions) {
    const same = (): LoadedConfig => ({ config: gateway.inUse().config, file, notes: [] });
    const load = reloadFrom ?? same;
    this.#gateway = gateway;
    this.reloads = new Reloads(file, load, (loaded) => this.#apply(loaded));
    this.reloads.on((report) => tellReload(gateway.standing.outputs.log, report));
    this.#following = new Following(load, () => void this.reloads.again('file'));
    this.#told = new Set(notes);
    this.#atStart = { file, fingerprint };
  }

  /** The gateway is ready: from now on its file may be looked at. */
  start(): void {
    this.#following.follow({ config: this.#gateway.inUse().config, ...this.#atStart });
  }

  stop(): void {
    this.#following.stop();
  }

  async #apply({ config: wanted, file, fingerprint, notes }: LoadedConfig): Promise<Applied> {
    const { standing, state, inUse, take, read } = this.#gateway;
    if (state() !== 'ready') throw new StartError(`Gyre is ${state()}: nothing can be changed now`);
    const before = inUse();
    const { config, needsRestart } = untilRestart(before.config, wanted);
    const changes = compareConfigs(before.config, config);
    const goesOn = (): boolean => state() === 'ready';
    const now = await changeOver(standing, before, config, poolsOf(config), read, goesOn);
    take(now);
    this.#tell(notes);
    if (goesOn()) this.#following.follow({ config, file, fingerprint });
    else await letGo(now);
    return { changes, needsRestart };
  }

  #tell(notes: readonly string[]): void {
    for (const note of notes) if (!this.#told.has(note)) this.#gateway.standing.outputs.log.warn(note);
    this.#told = new Set(notes);
  }
}

/** Every pool by its name. */
export function poolsOf({ pool, pools }: Config): ReadonlyMap<string, readonly string[]> {
  return new Map([[DEFAULT_POOL, pool], ...Object.entries(pools)]);
}
