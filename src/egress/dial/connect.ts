/** One connect from one egress: a port that is free for this destination, and patience that knows its limits. */
import type { Egress, Endpoint } from '../../connection.ts';
import { fromDialError, ProxyError } from '../../errors.ts';
import type { Leg, Reader } from '../../leg/leg.ts';
import type { Legs } from '../../leg/legs.ts';
import type { Ports } from './ports.ts';
import type { Interrupt } from './race.ts';

/** A remote that stands, its egress, and the address and port it really leaves from. */
export interface Connected {
  readonly leg: Leg;
  readonly egress: Egress;
  readonly bound: Endpoint;
}

export interface ConnectOptions {
  /** Undefined leaves the port to the kernel. */
  readonly ports: Ports | undefined;
  readonly legs: Legs;
  readonly interrupt: Interrupt;
  /** Milliseconds to wait on, asked when those it said before are over; 0 or less gives the attempt up. */
  readonly patience: () => number;
}

/**
 * @throws ProxyError. `PORTS_EXHAUSTED` when no port was found free: {@link Ports.others} says how many are tried.
 */
export async function connect(target: Endpoint, egress: Egress, options: ConnectOptions): Promise<Connected> {
  const { ports } = options;
  if (ports === undefined) return attempt(target, egress, 0, options);
  let port = ports.take(egress.slot);
  let others: Generator<number, void> | undefined;
  for (;;) {
    try {
      return await attempt(target, egress, port, options);
    } catch (error) {
      if (!isTaken(error)) throw error;
      others ??= ports.others(egress.slot, `${target.address} ${target.port}`);
      const { value } = others.next();
      if (value === undefined || options.patience() <= 0) throw error;
      port = value;
    }
  }
}

/** EADDRINUSE: a listener or another program has it. EADDRNOTAVAIL from connect: a tunnel to the same destination has. */
const isTaken = (error: unknown): boolean => error instanceof ProxyError && error.code === 'PORTS_EXHAUSTED';

function attempt(
  { address, port }: Endpoint,
  egress: Egress,
  localPort: number,
  { legs, interrupt, patience }: ConnectOptions,
): Promise<Connected> {
  return new Promise((resolve, reject) => {
    if (interrupt.broken !== undefined) throw interrupt.broken;
    // A socket that connects to itself would stand, and echo.
    if (localPort === port && egress.address === address) throw new ProxyError('PORTS_EXHAUSTED');
    const attempt = new Attempt((error) => {
      clearTimeout(timer);
      interrupt.onBroken = undefined;
      leg.destroy();
      reject(error);
    });
    const expire = (): void => {
      const more = Math.ceil(patience());
      if (more > 0) timer = setTimeout(expire, more);
      else attempt.fail(new ProxyError('TARGET_TIMEOUT'));
    };
    let timer = setTimeout(expire, Math.max(0, Math.ceil(patience())));
    interrupt.onBroken = (error) => attempt.fail(error);
    const to = { host: address, port, localAddress: egress.address, localPort, family: egress.family };
    const leg = legs.connect(to, attempt, () => {
      clearTimeout(timer);
      interrupt.onBroken = undefined;
      // What was bound is what it leaves from: only a port of the kernel's choice is worth a system call.
      const boundPort = localPort === 0 ? (leg.local?.port ?? 0) : localPort;
      resolve({ leg, egress, bound: { address: egress.address, port: boundPort } });
    });
    attempt.leg = leg;
  });
}

/** Listens to a socket that is still connecting, and holds what a hasty server says before the tunnel stands. */
class Attempt implements Reader {
  readonly fail: (error: ProxyError) => void;
  leg: Leg | undefined = undefined;

  constructor(fail: (error: ProxyError) => void) {
    this.fail = fail;
  }

  bytes(chunk: Buffer): boolean {
    this.leg!.held = Buffer.from(chunk);
    return false;
  }

  end(): void {}

  drain(): void {}

  gone(error: NodeJS.ErrnoException | undefined): void {
    this.fail(error === undefined ? new ProxyError('TARGET_RESET') : fromDialError(error));
  }
}
