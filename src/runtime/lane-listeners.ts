/**
 * The listeners of one lane, and their change while connections come in: what is new is opened first, and takes no
 * connection before everything else is in place; what is the same is never touched.
 */
import { chmodSync } from 'node:fs';
import type { Endpoint } from '../connection.ts';
import type { Leg } from '../leg/leg.ts';
import type { Legs } from '../leg/legs.ts';
import { listen, StartError, type Listener } from '../listener.ts';
import { buildClientFilter } from '../policy/clients.ts';
import type { Entry } from '../proxy.ts';
import { Secure, type CertificatePems } from '../secure.ts';
import type { PlacedListener } from './placed-listeners.ts';

/** Connections that wait for a new listener to be put in use; there may be more, but those are closed. */
const MOST_HELD = 1024;

/** For each listener, in the order of the config; undefined: no TLS there. */
export type ListenerCertificates = readonly (CertificatePems | undefined)[];

export interface LaneListenersOptions {
  /** A socket file can be bound once: the first lane serves it. */
  readonly first: boolean;
  /** Other lanes listen there as well. */
  readonly reusePort: boolean;
  /** By key: see `listener.ts`. Each is used once. */
  readonly inherited: ReadonlyMap<string, readonly number[]>;
  readonly legs: Legs;
  readonly onAccept: (leg: Leg, entry: Entry) => void;
  readonly onError: (error: Error) => void;
}

/** One listening socket. */
class Door {
  placed: PlacedListener;
  listener!: Listener;
  #entry: Entry | undefined = undefined;
  #held: Leg[] = [];
  #closed = false;
  readonly #onAccept: LaneListenersOptions['onAccept'];

  constructor(placed: PlacedListener, onAccept: LaneListenersOptions['onAccept']) {
    this.placed = placed;
    this.#onAccept = onAccept;
  }

  accept(leg: Leg): void {
    if (this.#entry !== undefined) return this.#onAccept(leg, this.#entry);
    if (this.#held.length < MOST_HELD && !this.#closed) this.#held.push(leg);
    else leg.destroy();
  }

  /** Serves by that from now on, those who wait first. */
  use(placed: PlacedListener, pems: CertificatePems | undefined): void {
    this.#entry = this.#entryOf(placed, pems);
    this.placed = placed;
    for (const leg of this.#held.splice(0)) this.#onAccept(leg, this.#entry);
  }

  renew(pems: CertificatePems | undefined): void {
    if (pems !== undefined) this.#entry?.tls?.renew(pems);
  }

  /** See {@link Listener.close}. */
  close(handedOver = false): Promise<void> {
    this.#closed = true;
    for (const leg of this.#held.splice(0)) leg.destroy();
    return this.listener.close(handedOver);
  }

  #entryOf({ slot, proxyProtocol, tls }: PlacedListener, pems: CertificatePems | undefined): Entry {
    return {
      index: slot,
      trusts: proxyProtocol && buildClientFilter(proxyProtocol),
      tls: tls && this.#secureOf(tls, pems!),
    };
  }

  /** The same object for the same files: with it go the keys that clients resume their sessions by. */
  #secureOf(tls: NonNullable<PlacedListener['tls']>, pems: CertificatePems): Secure {
    const there = this.#entry?.tls;
    const before = this.placed.tls;
    if (there === undefined || JSON.stringify(before) !== JSON.stringify(tls))
      return new Secure(pems, tls.sessionDomain);
    there.renew(pems);
    return there;
  }
}

export class LaneListeners {
  readonly #options: LaneListenersOptions;
  /** By key: those in use, and those that wait for it. */
  #doors = new Map<string, Door>();
  #ready = new Map<string, Door>();
  #order: readonly string[] = [];
  readonly #inherited: Map<string, readonly number[]>;

  constructor(options: LaneListenersOptions) {
    this.#options = options;
    this.#inherited = new Map(options.inherited);
  }

  /**
   * Opens those that are not open yet. {@link use} or {@link abandon} follows.
   * @returns where all of them are, in their order.
   * @throws StartError; none that was not open is open then.
   */
  async prepare(listeners: readonly PlacedListener[]): Promise<readonly Endpoint[]> {
    await this.abandon();
    const ready = this.#ready;
    try {
      for (const placed of this.#ours(listeners)) {
        if (this.#doors.has(placed.key)) continue;
        const door = await this.#open(placed);
        ready.set(placed.key, door);
        if (ready !== this.#ready) throw new StartError('the change was given up before its listeners stood');
      }
    } catch (error) {
      await closeAll(ready);
      throw error;
    }
    return listeners.map((placed) => this.#endpointOf(placed));
  }

  /**
   * Puts them in place of those before, at once, and closes what is gone. Their connections go on.
   * @returns Resolves when what is gone is closed: its port is free then.
   */
  async use(listeners: readonly PlacedListener[], certificates: ListenerCertificates): Promise<void> {
    const doors = new Map<string, Door>();
    for (const [i, placed] of listeners.entries()) {
      const { key } = placed;
      const door = this.#doors.get(key) ?? this.#ready.get(key);
      if (door === undefined) continue;
      this.#ready.delete(key);
      this.#allow(door.placed, placed);
      door.use(placed, certificates[i]);
      doors.set(key, door);
    }
    const gone = new Map([...this.#doors].filter(([key, door]) => doors.get(key) !== door));
    this.#doors = doors;
    this.#order = listeners.map(({ key }) => key);
    await Promise.all([closeAll(gone), this.abandon()]);
  }

  /** Closes what {@link prepare} has opened. */
  async abandon(): Promise<void> {
    const ready = this.#ready;
    this.#ready = new Map();
    await closeAll(ready);
  }

  /** @param certificates For the listeners last given to {@link use}. */
  renew(certificates: ListenerCertificates): void {
    for (const [i, key] of this.#order.entries()) this.#doors.get(key)?.renew(certificates[i]);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#order.flatMap((key) => this.#doors.get(key)?.listener.endpoint ?? []);
  }

  /** Resolves when none accepts any more; see {@link Listener.close}. */
  async close(handedOver: boolean): Promise<void> {
    const closing = Array.from(this.#doors.values(), (door) => door.close(handedOver));
    await Promise.all([...closing, this.abandon()]);
  }

  #ours(listeners: readonly PlacedListener[]): readonly PlacedListener[] {
    return this.#options.first ? listeners : listeners.filter(({ at }) => !('path' in at));
  }

  #endpointOf({ key, at }: PlacedListener): Endpoint {
    const door = this.#doors.get(key) ?? this.#ready.get(key);
    if (door !== undefined) return door.listener.endpoint;
    return 'path' in at ? { address: `unix:${at.path}`, port: 0 } : { address: at.host, port: at.port };
  }

  async #open(placed: PlacedListener): Promise<Door> {
    const { reusePort, legs, onAccept, onError } = this.#options;
    const inherited = this.#inherited.get(placed.key);
    this.#inherited.delete(placed.key);
    const door = new Door(placed, onAccept);
    door.listener = await listen(placed.at, {
      reusePort,
      inherited,
      legs,
      onAccept: (leg) => door.accept(leg),
      onError,
    });
    return door;
  }

  /** Who may connect to a socket file is said by its permissions. */
  #allow(before: PlacedListener, { at }: PlacedListener): void {
    if (!('path' in at) || !('path' in before.at) || before.at.mode === at.mode) return;
    try {
      chmodSync(at.path, at.mode);
    } catch (error) {
      this.#options.onError(error as Error);
    }
  }
}

async function closeAll(doors: Map<string, Door>): Promise<void> {
  const closing = Array.from(doors.values(), (door) => door.close());
  doors.clear();
  await Promise.all(closing);
}
