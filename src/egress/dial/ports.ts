/**
 * Source ports of our own choice.
 *
 * Asked for port 0, the kernel must find a port that is free for the source address *whatever the destination*, since
 * bind comes before connect: 28,232 tunnels an address with Linux's default range. A port we name may be shared by
 * tunnels to different destinations (libuv sets SO_REUSEADDR), so the range counts anew for every destination. Whether
 * a port is free towards one destination only connect can tell; what is taken costs another try, not a wait.
 */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EgressTable } from '../pool/table.ts';

/** Where outgoing connections may come from. Plain data and shared memory: read once, and handed to every thread. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
  /**
   * Every usable port once, in an order that is this process's secret: a target that sees one port cannot tell the
   * next one, as RFC 6056 asks for.
   */
  readonly order: Uint16Array;
}

interface PortSpan {
  readonly first: number;
  readonly last: number;
}

/** Linux's own default, and a part of the dynamic ports elsewhere. */
const DEFAULT: PortSpan = { first: 32_768, last: 60_999 };
const LINUX_FILE = '/proc/sys/net/ipv4/ip_local_port_range';

/** Ports tried in a row: the one whose turn it is and those after it. About 50 µs of CPU each when they are taken. */
const RUN = 16;
/** Runs in all, spread evenly over the range, before an address counts as out of ports. */
const RUNS = 8;
/** After a search that found nothing, that destination gets one run a connection for so long; milliseconds. */
const SEARCH_PAUSE_MS = 1000;
/** Searches in vain that are remembered. */
const MOST_SEARCHES = 1024;

/**
 * The range of this network namespace, for both families, without the ports reserved for listeners.
 * @param file Two numbers; `ip_local_reserved_ports` is looked for beside it. What cannot be read is 32768–60999.
 */
export function readPortRange(file: string = LINUX_FILE): PortRange {
  const [first = 0, last = 0] = read(file).trim().split(/\s+/).map(Number);
  const reserved = read(join(dirname(file), 'ip_local_reserved_ports'));
  const range = isPort(first) && isPort(last) && first <= last ? { first, last } : DEFAULT;
  return portRange(range.first, range.last, parseReserved(reserved));
}

/**
 * @param first Lowest port, 1–65535.
 * @param last Highest port, not below the first.
 * @param reserved Ports within to stay away from.
 */
export function portRange(first: number, last: number, reserved: readonly PortSpan[] = []): PortRange {
  const ports: number[] = [];
  for (let port = first; port <= last; port++) {
    if (!reserved.some((span) => port >= span.first && port <= span.last)) ports.push(port);
  }
  const order = new Uint16Array(new SharedArrayBuffer(ports.length * Uint16Array.BYTES_PER_ELEMENT));
  // Fisher–Yates, inside out.
  for (const [index, port] of ports.entries()) {
    const other = randomInt(index + 1);
    order[index] = order[other]!;
    order[other] = port;
  }
  return { first, last, order };
}

/** The ports of all egresses, on one thread; the cursors are shared with the others. */
export class Ports {
  readonly #order: Uint16Array;
  readonly #table: Pick<EgressTable, 'nextPort'>;
  readonly #now: () => number;
  /** Egress and destination that were searched in vain, and until when they are not searched again. */
  readonly #searched = new Map<string, number>();

  constructor(
    { order }: PortRange,
    table: Pick<EgressTable, 'nextPort'>,
    now: () => number = () => performance.now(),
  ) {
    this.#order = order;
    this.#table = table;
    this.#now = now;
  }

  /** The port whose turn it is on an egress; 0, which lets the kernel choose, when every port is reserved. */
  take(slot: number): number {
    return this.#at(this.#table.nextPort(slot));
  }

  /**
   * Ports to try, one after the other, when the one taken turned out not to be free. They may come twice.
   * @param destination Address and port: what is full towards one may be free towards another.
   */
  *others(slot: number, destination: string): Generator<number, void> {
    if (this.#order.length === 0) return;
    let cursor = 0;
    for (let tries = 1; tries < RUN; tries++) {
      cursor = this.#table.nextPort(slot);
      yield this.#at(cursor);
    }
    const search = `${slot} ${destination}`;
    if (this.#now() < (this.#searched.get(search) ?? 0)) return;
    // Tunnels that last leave runs of taken ports behind the cursor: look on the far side of them. With a range of up
    // to RUN × RUNS ports that is all of it.
    const stride = Math.max(RUN, Math.ceil(this.#order.length / RUNS));
    for (let run = 1; run < RUNS; run++) {
      const start = cursor + 1 - RUN + run * stride;
      for (let tries = 0; tries < RUN; tries++) yield this.#at(start + tries);
    }
    if (this.#searched.size >= MOST_SEARCHES) this.#searched.clear();
    this.#searched.set(search, this.#now() + SEARCH_PAUSE_MS);
  }

  #at(cursor: number): number {
    return this.#order[cursor % this.#order.length] ?? 0;
  }
}

const isPort = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 65_535;

/** `8080,9000-9010`, as proc(5) writes it. */
function parseReserved(text: string): PortSpan[] {
  return text
    .trim()
    .split(',')
    .flatMap((item) => {
      const [first = 0, last = first] = item.split('-').map(Number);
      return isPort(first) && isPort(last) ? [{ first, last }] : [];
    });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Not Linux, or hidden in a container.
    return '';
  }
}
