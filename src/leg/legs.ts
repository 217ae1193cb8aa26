/** How one thread makes its legs: over handles where this Node has them, else over sockets. */
import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Family } from '../connection.ts';
import { ReadBuffers } from './buffers.ts';
import { HandleLeg } from './handle-leg.ts';
import { giveHandles, handles } from './handle.ts';
import type { Leg, Reader } from './leg.ts';
import { SocketLeg } from './socket-leg.ts';

/** Where to, and where from. */
export interface Connect {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
  /** 0 leaves it to the kernel. */
  readonly localPort: number;
  readonly family: Family;
}

export class Legs {
  readonly buffers: ReadBuffers = new ReadBuffers();
  readonly #byHandle: boolean;

  /** @param byHandle False makes do with documented API. */
  constructor(byHandle: boolean) {
    this.#byHandle = byHandle && handles !== undefined;
  }

  /**
   * Has a server give out legs, none of which reads before it is handed to somebody.
   * @param server Made with `pauseOnConnect`; not listening yet.
   */
  acceptFrom(server: Server, onLeg: (leg: Leg) => void): void {
    const { buffers } = this;
    server.on('connection', (socket) => onLeg(SocketLeg.accepted(socket, buffers)));
    if (!this.#byHandle) return;
    server.once('listening', () =>
      giveHandles(server, (handle) => onLeg(HandleLeg.accepted(handle, buffers))),
    );
  }

  /** TLS around a leg that has read nothing but what is `early` here. */
  secure(leg: Leg, wrap: (socket: Socket) => TLSSocket, early?: Buffer): Leg {
    return SocketLeg.secure(wrap(leg.surrender(early)), this.buffers);
  }

  /** The same connection by documented API, for when TLS is to follow something else. It must not have read yet. */
  plain(leg: Leg): Leg {
    return SocketLeg.accepted(leg.surrender(), this.buffers);
  }

  /** Begins a connect. It calls `connected`, or closes with an error, and neither from within this call. */
  connect(to: Connect, reader: Reader, connected: () => void): Leg {
    const { buffers } = this;
    return this.#byHandle
      ? HandleLeg.connect(to, reader, buffers, connected)
      : SocketLeg.connect(to, reader, buffers, connected);
  }
}
