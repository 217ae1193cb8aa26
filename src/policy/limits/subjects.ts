/**
 * Which slot a subject has. Under the gate, all of it.
 *
 * When a newcomer finds no empty place, who has a connection stays, whoever the newcomer is; of the others the one goes
 * that has least to remember: first who owes nothing any more, then whose debts end first, and last whose quota is the
 * least used. Only when all sixteen places a key may have are taken by live subjects there is none.
 */
import { ipBytes, formatIpv4, formatIpv6, isMapped, parseIpv4 } from '../../protocol/address.ts';
import { KeyTable } from './key-table.ts';
import { KeyedHash, type KeyHash } from './keyed-hash.ts';
import {
  CONNECTIONS,
  ENTRY_DOUBLES,
  ENTRY_WORDS,
  FLOWS,
  HANDSHAKES,
  LABEL_BYTES,
  PACE,
  PERIOD,
  PERIOD_END,
  SECRET,
  USED,
  type LimitMemory,
} from './memory.ts';
import { CLIENT, GLOBAL, LISTENER, USER, type Kind } from './terms.ts';

/** Someone that limits count for. */
export interface Subject {
  readonly kind: typeof CLIENT | typeof USER;
  readonly label: string;
  readonly key: KeyHash;
}

/** The times that decide what is still worth remembering: monotonic, and since the epoch; milliseconds. */
export interface Moment {
  readonly now: number;
  readonly utc: number;
}

/** Worth more than any time. */
const A_QUOTA = 2 ** 52;

/** One kind of subjects, and where its slots begin. */
interface Room {
  readonly table: KeyTable;
  readonly first: number;
  readonly labels: Buffer;
  readonly labelBytes: number;
}

export class Subjects {
  readonly #hash: KeyedHash;
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;
  readonly #listeners: number;
  readonly #clients: Room;
  readonly #users: Room;

  constructor({ head, entries, listeners, clients, users }: LimitMemory) {
    const secret = new Int32Array(head);
    this.#hash = new KeyedHash(secret[SECRET]!, secret[SECRET + 1]!);
    this.#ints = new Int32Array(entries);
    this.#doubles = new Float64Array(entries);
    this.#listeners = listeners;
    const room = (memory: typeof clients, first: number, labelBytes: number): Room => ({
      table: new KeyTable(memory.keys),
      first,
      labels: Buffer.from(memory.labels),
      labelBytes,
    });
    this.#clients = room(clients, 1 + listeners, LABEL_BYTES.clients);
    this.#users = room(users, this.#clients.first + this.#clients.table.size, LABEL_BYTES.users);
  }

  /** @param address As text; undefined when it is no IP address, such as that of a client on a socket file. */
  client(address: string): Subject | undefined {
    const label = clientLabel(address);
    return label === undefined ? undefined : { kind: CLIENT, label, key: this.#hash.of(label) };
  }

  user(name: string): Subject {
    return { kind: USER, label: name, key: this.#hash.of(name) };
  }

  /** @throws RangeError for a listener the memory was not made for. */
  listener(index: number): number {
    if (index < this.#listeners) return 1 + index;
    throw new RangeError(
      `listener ${index + 1} has no place in the limits: start anew to have more listeners`,
    );
  }

  /** Finds it, or makes it one. @returns its slot, -1 when there is no room for it. */
  claim(subject: Subject, moment: Moment): number {
    const { table, first } = this.#room(subject.kind);
    const found = table.find(subject.key);
    if (found !== -1) return first + found;
    const slot = table.room(subject.key, (slot) => this.#worth(first + slot, moment));
    if (slot === -1) return -1;
    // The key last: a thread that dies on the way leaves an empty place behind.
    table.clear(slot);
    this.#ints.fill(0, (first + slot) * ENTRY_WORDS, (first + slot + 1) * ENTRY_WORDS);
    this.#write(subject, slot);
    table.put(slot, subject.key);
    return first + slot;
  }

  /** Where it is, -1 when nowhere. Without the gate the answer may be about to change. */
  find(subject: Subject): number {
    const { table, first } = this.#room(subject.kind);
    const found = table.find(subject.key);
    return found === -1 ? -1 : first + found;
  }

  /** Who is at a slot. @returns undefined for nobody, and for a name too long to be kept. */
  whoIs(slot: number): { readonly kind: Kind; readonly label: string } | undefined {
    if (slot === 0) return { kind: GLOBAL, label: '' };
    if (slot <= this.#listeners) return { kind: LISTENER, label: String(slot - 1) };
    const kind = slot < this.#users.first ? CLIENT : USER;
    const { table, first, labels, labelBytes } = this.#room(kind);
    const length = labels[(slot - first) * labelBytes]!;
    if (table.isEmpty(slot - first) || length === 0) return undefined;
    const at = (slot - first) * labelBytes + 1;
    return { kind, label: labels.toString('utf8', at, at + length) };
  }

  #room(kind: Subject['kind']): Room {
    return kind === CLIENT ? this.#clients : this.#users;
  }

  #write({ kind, label }: Subject, slot: number): void {
    const { labels, labelBytes } = this.#room(kind);
    const at = slot * labelBytes;
    const fits = Buffer.byteLength(label) < labelBytes;
    labels[at] = fits ? labels.write(label, at + 1, labelBytes - 1) : 0;
  }

  #worth(slot: number, { now, utc }: Moment): number {
    const at = slot * ENTRY_WORDS;
    const ints = this.#ints;
    if (ints[at + CONNECTIONS] !== 0 || ints[at + HANDSHAKES] !== 0) return Infinity;
    const doubles = slot * ENTRY_DOUBLES;
    const entry = this.#doubles;
    if (ints[at + PERIOD] !== 0 && entry[doubles + PERIOD_END]! > utc && entry[doubles + USED]! > 0) {
      return A_QUOTA + entry[doubles + USED]!;
    }
    const owes = Math.max(entry[doubles + PACE]!, entry[doubles + FLOWS]!, entry[doubles + FLOWS + 1]!);
    return owes > now ? owes : 0;
  }
}

/** IPv4 as it is, IPv6 by its /64: the smallest network that a client is given. */
export function clientLabel(address: string): string | undefined {
  if (parseIpv4(address) !== -1) return address;
  const zone = address.indexOf('%');
  const bytes = ipBytes(zone === -1 ? address : address.slice(0, zone));
  if (bytes === undefined) return undefined;
  if (isMapped(bytes, 0)) return formatIpv4(bytes, 12);
  return `${formatIpv6(bytes.fill(0, 8), 0)}/64`;
}
