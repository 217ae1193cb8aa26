/** The listeners of a configuration, each with what stays its own over reloads. */
import type { Endpoint } from '../connection.ts';
import type { ListenerConfig } from '../listener.ts';
import type { LimitMemory } from '../policy/limits/memory.ts';
import { ListenerSlots } from '../policy/limits/listener-slots.ts';
import type { LimitTerms } from '../policy/limits/terms.ts';
import type { Config } from './config.ts';
import { formatAt } from './config/listen.ts';

/** Plain data: it crosses to the threads as it is. */
export interface PlacedListener extends ListenerConfig {
  /** What it is known by: its address as configured. Whoever has the same is the same. */
  readonly key: string;
  /** Its place in the limits; not its place in the config. */
  readonly slot: number;
  readonly limits: LimitTerms;
}

/** Which listeners there are; main thread only. */
export class PlacedListeners {
  readonly #slots: ListenerSlots;
  /** Where they really are, by their keys: with the ports that the kernel chose. */
  readonly #bound = new Map<string, Endpoint>();

  constructor(memory: LimitMemory) {
    this.#slots = new ListenerSlots(memory);
  }

  /** @throws RangeError when the limits have no room for so many. */
  plan({ listen, limits }: Pick<Config, 'listen' | 'limits'>): readonly PlacedListener[] {
    const keys = listenerKeys(listen);
    const slots = this.#slots.plan(keys);
    return listen.map((listener, i) => {
      const key = keys[i]!;
      const placed = { ...listener, key, slot: slots.get(key)!, limits: limits.perListener[i] ?? {} };
      return withPort(placed, this.#bound.get(key));
    });
  }

  /** They all stand, at these endpoints; others are gone. */
  take(listen: readonly PlacedListener[], endpoints: readonly Endpoint[]): void {
    this.#slots.take(new Map(listen.map(({ key, slot }) => [key, slot])));
    this.#bound.clear();
    for (const [i, { key }] of listen.entries()) this.#bound.set(key, endpoints[i]!);
  }

  /** Where a listener with that slot stands in the config; undefined when it is gone. */
  placeOf(slot: number): number | undefined {
    // Before the start each has the slot of its place.
    if (this.#slots.taken.size === 0) return slot;
    const place = [...this.#slots.taken.values()].indexOf(slot);
    return place === -1 ? undefined : place;
  }

  /** Those of a plan that are not there yet. */
  isNew({ key }: PlacedListener): boolean {
    return !this.#bound.has(key);
  }

  /** Whether a listener of ours has the port, on whatever address. */
  has(port: number): boolean {
    return this.#bound.values().some((endpoint) => endpoint.port === port);
  }
}

/** The same listener at the port it really has. */
export function withPort(listener: PlacedListener, bound: Endpoint | undefined): PlacedListener {
  if (bound === undefined || 'path' in listener.at) return listener;
  return { ...listener, at: { ...listener.at, port: bound.port } };
}

/** What each is known by: where it listens. Several may have the port that the kernel chooses: they are counted. */
export function listenerKeys(listen: readonly Pick<ListenerConfig, 'at'>[]): string[] {
  const times = new Map<string, number>();
  return listen.map(({ at }) => {
    const text = formatAt(at);
    const before = times.get(text) ?? 0;
    times.set(text, before + 1);
    return before === 0 ? text : `${text} ${before + 1}`;
  });
}
