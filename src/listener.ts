/** A listening socket, and what to say when it cannot be had. */
import { chmodSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import {
  BACKLOG,
  bind,
  bindFile,
  bound,
  endpointOf,
  formatAddress,
  removerOf,
  startError,
  type ListenAddress,
  type StartError,
  type UnixAddress,
} from './bind.ts';
import type { Endpoint } from './connection.ts';
import type { Leg } from './leg/leg.ts';
import type { Legs } from './leg/legs.ts';

export { bindServer, leaveFile, probe, StartError } from './bind.ts';
export type { ListenAddress, UnixAddress } from './bind.ts';

/** How long those who wait to be accepted may hold up the end of a listener; milliseconds. */
const LAST_CALL_MS = 50;

/** One listener: where, and what stands before the protocol a client speaks. */
export interface ListenerConfig {
  readonly at: ListenAddress | UnixAddress;
  /** TLS around every protocol; undefined: none. */
  readonly tls: TlsFiles | undefined;
  /**
   * Senders, as addresses and prefixes, whose PROXY header is believed: each connection must come from one of them and
   * begin with a header. Undefined: none is expected.
   */
  readonly proxyProtocol: readonly string[] | undefined;
}

/** What a TLS listener shows and asks for; paths of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate of these authorities; undefined: none is asked for. */
  readonly clientCa: string | undefined;
  /** `proxy.example`: the server name `s-ID.proxy.example` names the sticky session ID. */
  readonly sessionDomain: string | undefined;
}

export interface Listener {
  /** The address and port really bound. */
  readonly endpoint: Endpoint;
  /**
   * Stops accepting, after whoever waits for it now; connections that were accepted go on. The kernel resets what is left in
   * the queue of a listener that closes.
   * @param handedOver Another process has the socket too, and serves who waits.
   * @returns when it has stopped: at most 50 ms later, and at once when it was handed over.
   */
  close(handedOver?: boolean): Promise<void>;
}

export interface ListenOptions {
  /** Several threads listen on one port, and the kernel spreads the connections over them. */
  readonly reusePort: boolean;
  /**
   * Descriptors of listening sockets that were made for this address, to be used in place of a new one. None: other threads
   * have them, and this one does without where the port cannot be shared. Undefined: there are none at all.
   */
  readonly inherited?: readonly number[] | undefined;
  readonly legs: Legs;
  /** Nothing of it has been read. */
  readonly onAccept: (leg: Leg) => void;
  /** Accepting failed, for example for want of descriptors; the listener goes on. */
  readonly onError: (error: Error) => void;
}

/** @throws StartError */
export async function listen(at: ListenAddress | UnixAddress, options: ListenOptions): Promise<Listener> {
  const { inherited } = options;
  const doors = await Promise.all((inherited ?? []).map((fd) => take(fd, at, options)));
  if (inherited === undefined) doors.push(await open(at, options));
  else if (inherited.length === 0) doors.push(...(await join(at, options)));
  const here = 'path' in at ? { address: `unix:${at.path}`, port: 0 } : { address: at.host, port: at.port };
  return {
    endpoint: ('path' in at ? undefined : doors[0]?.endpoint) ?? here,
    async close(handedOver = false) {
      await Promise.all(doors.map((door) => door.close(handedOver)));
    },
  };
}

/** One listening socket. */
class Door {
  readonly server: Server;
  /** Removes the socket file; undefined where there is none. */
  remove: (() => void) | undefined = undefined;
  #accepted = 0;
  #closed: Promise<void> | undefined = undefined;

  constructor({ legs, onAccept }: ListenOptions) {
    // Paused: not a byte is read before somebody listens, who has a deadline.
    this.server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    legs.acceptFrom(this.server, (leg) => {
      this.#accepted++;
      onAccept(leg);
    });
  }

  get endpoint(): Endpoint {
    return endpointOf(this.server);
  }

  close(handedOver: boolean): Promise<void> {
    return (this.#closed ??= this.#close(handedOver));
  }

  async #close(handedOver: boolean): Promise<void> {
    if (!handedOver) {
      this.remove?.();
      await this.#lastCall();
    }
    this.server.close();
  }

  /** A connection is accepted with each turn of the event loop: a whole turn without one says that nobody waits. */
  async #lastCall(): Promise<void> {
    const deadline = performance.now() + LAST_CALL_MS;
    let before: number;
    do {
      before = this.#accepted;
      // The first of the two ends the turn that was under way.
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    } while (this.#accepted !== before && performance.now() < deadline);
  }
}

async function open(at: ListenAddress | UnixAddress, options: ListenOptions): Promise<Door> {
  const door = new Door(options);
  if ('path' in at) {
    await bindFile(door.server, at);
    door.remove = removerOf(at.path);
  } else await bind(door.server, at, options.reusePort);
  door.server.on('error', options.onError);
  return door;
}

/** A socket that somebody else has bound. */
async function take(fd: number, at: ListenAddress | UnixAddress, options: ListenOptions): Promise<Door> {
  const door = new Door(options);
  await bound(door.server, () => door.server.listen({ fd, backlog: BACKLOG })).catch((error) => {
    throw startError('path' in at ? `unix:${at.path}` : formatAddress(at), '', error);
  });
  if ('path' in at) {
    chmodSync(at.path, at.mode);
    door.remove = removerOf(at.path);
  }
  door.server.on('error', options.onError);
  return door;
}

/** Beside those who have inherited theirs; they may not share. */
async function join(at: ListenAddress | UnixAddress, options: ListenOptions): Promise<Door[]> {
  if ('path' in at) return [];
  try {
    return [await open(at, options)];
  } catch (error) {
    const { cause } = error as StartError;
    if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') return [];
    throw error;
  }
}
