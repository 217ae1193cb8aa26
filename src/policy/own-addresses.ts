/**
 * Which addresses are this host.
 *
 * Linux itself says it, in the routes it keeps for packets that are to stay here: they hold the addresses of all
 * interfaces, and the networks that are local as a whole (AnyIP), which no interface shows. Where there are no such
 * files, the interfaces have to do. Looking costs from 0.1 ms to some 100 ms on a host with thousands of addresses, so
 * it is done on a timer and off the thread, and a question only reads what was found last.
 */
import { open } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { ipBytes } from '../protocol/address.ts';
import { Networks } from './networks.ts';

/** A network of this host: its first address, and how many leading bits count. */
type LocalNetwork = readonly [bytes: Uint8Array, prefix: number];

export interface OwnAddressOptions {
  /** Between two looks; milliseconds. Default 1000. Looking takes at most one part in a hundred of the time. */
  readonly intervalMs?: number;
  /** `fib_trie` and `ipv6_route` of Linux. Default those in /proc/net. */
  readonly files?: readonly [ipv4: string, ipv6: string];
  /** What interfaces carry. */
  readonly interfaces?: typeof networkInterfaces;
}

/** The table of a router with the whole Internet in it is not worth reading once a second; bytes. */
const MAX_FILE = 16 * 1024 * 1024;
const LOOK_SHARE = 100;

export class OwnAddresses implements Disposable {
  readonly #options: Required<OwnAddressOptions>;
  #seen = '';
  #networks = { ipv4: new Networks<true>(), ipv6: new Networks<true>() };
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: OwnAddressOptions) {
    this.#options = {
      intervalMs: 1000,
      files: ['/proc/net/fib_trie', '/proc/net/ipv6_route'],
      interfaces: networkInterfaces,
      ...options,
    };
  }

  /** Looks once before it answers, and then again and again until it is disposed of. The timer keeps no process alive. */
  static async watch(options: OwnAddressOptions = {}): Promise<OwnAddresses> {
    const addresses = new OwnAddresses(options);
    await addresses.#look();
    return addresses;
  }

  /** Whether an address was one of this host at the last look. What is no address is none. */
  has(address: string): boolean {
    const bytes = ipBytes(address);
    if (bytes === undefined) return false;
    return (bytes.length === 4 ? this.#networks.ipv4 : this.#networks.ipv6).has(bytes);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const begun = performance.now();
    const { files, intervalMs } = this.#options;
    try {
      const [ipv4, ipv6] = await Promise.all(files.map(readWhole));
      const seen = `${ipv4}\n${ipv6}`;
      if (seen !== this.#seen) this.#replace([...localIpv4(ipv4!), ...localIpv6(ipv6!)]);
      this.#seen = seen;
    } catch (error) {
      this.#lookElsewhere(error);
    }
    if (this.#closed) return;
    const wait = Math.max(intervalMs, LOOK_SHARE * (performance.now() - begun));
    this.#timer = setTimeout(() => void this.#look(), wait).unref();
  }

  /** Without the kernel's files the interfaces have to do; without descriptors, what was found last. */
  #lookElsewhere(error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    if (this.#seen !== '' && code !== 'ENOENT' && code !== 'EACCES') return;
    try {
      this.#replace(onInterfaces(this.#options.interfaces()));
      this.#seen = '';
    } catch {
      // Nothing at all can be asked: it stays as it was.
    }
  }

  #replace(local: readonly LocalNetwork[]): void {
    const networks = { ipv4: new Networks<true>(), ipv6: new Networks<true>() };
    for (const [bytes, prefix] of local) {
      (bytes.length === 4 ? networks.ipv4 : networks.ipv6).at(bytes, prefix, () => true);
    }
    this.#networks = networks;
  }
}

/** Files of /proc have no size before they are read. @throws when it cannot be read, or is too long. */
async function readWhole(path: string): Promise<string> {
  await using file = await open(path);
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(65_536));
    if (bytesRead === 0) return Buffer.concat(chunks).toString('latin1');
    length += bytesRead;
    if (length > MAX_FILE) throw new RangeError(`${path} is longer than ${MAX_FILE} bytes`);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

/** In `fib_trie`, each address stands above the routes to it: `|-- 192.0.2.0`, and below, `/24 host LOCAL`. */
function* localIpv4(text: string): Generator<LocalNetwork> {
  let address = '';
  for (const [, leaf, prefix] of text.matchAll(/\|-- ([\d.]+)$|^\s+\/(\d+) \S+ LOCAL/gm)) {
    if (leaf !== undefined) address = leaf;
    const bytes = leaf === undefined ? ipBytes(address) : undefined;
    if (bytes !== undefined) yield [bytes, Number(prefix)];
  }
}

/** RTF_LOCAL and RTF_ANYCAST of the kernel's `ipv6_route.h`. */
const LOCAL_FLAGS = 0x8010_0000;

/** A line of `ipv6_route` is a route: destination, prefix in hexadecimal, …, flags, interface. */
function* localIpv6(text: string): Generator<LocalNetwork> {
  for (const line of text.split('\n')) {
    const [destination = '', prefix = '', , , , , , , flags = ''] = line.split(/\s+/);
    if ((Number.parseInt(flags, 16) & LOCAL_FLAGS) === 0) continue;
    yield [Buffer.from(destination, 'hex'), Number.parseInt(prefix, 16)];
  }
}

function onInterfaces(found: ReturnType<typeof networkInterfaces>): LocalNetwork[] {
  return Object.values(found).flatMap((entries = []) =>
    entries.flatMap(({ address }): LocalNetwork[] => {
      const bytes = ipBytes(address);
      return bytes === undefined ? [] : [[bytes, bytes.length * 8]];
    }),
  );
}
