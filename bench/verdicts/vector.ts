/** What a vector is: bytes that every program is sent, and why Gyre answers as it does. */

/** `proxy` is the PROXY header, which goes before whatever a listener speaks. */
export type Protocol = 'socks5' | 'socks4' | 'http' | 'proxy';

/** Something the answer of the target shows, when it was reached. */
export interface Sight {
  readonly pattern: RegExp;
  /** What it means when it is there. */
  readonly yes: string;
  readonly no: string;
}

export interface Vector {
  /** Number and variant, for example `C5` or `E4.2`; those of one letter belong together. */
  readonly id: string;
  readonly title: string;
  readonly protocol: Protocol;
  /** For programs that were told to ask for a user and password. */
  readonly users: boolean;
  /** @param port Where the target listens, on 127.0.0.1. @returns what is sent; each further one after an answer. */
  readonly send: (port: number) => readonly Buffer[];
  readonly sight: Sight | undefined;
  /** Nothing comes behind it, though it is not complete. */
  readonly alone: boolean;
  /** Why Gyre does what it does: needed as soon as another program does something else. */
  readonly explained: string | undefined;
}

/** The user of the programs that ask for one. */
export const USER = 'user';
export const PASSWORD = 'secret';

/** A port of the loopback that nothing listens on: tcpmux. */
export const CLOSED_PORT = 1;

export const bytes = (...values: readonly number[]): Buffer => Buffer.from(values);
export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
export const port16 = (port: number): Buffer => Buffer.of(port >> 8, port & 0xff);

/** What a vector may have beside bytes. */
export interface Extra {
  readonly users?: boolean;
  readonly sight?: Sight;
  readonly alone?: boolean;
}

export const vector = (
  protocol: Protocol,
  id: string,
  title: string,
  send: Vector['send'],
  explained?: string,
  extra: Extra = {},
): Vector => ({
  protocol,
  id,
  title,
  send,
  explained,
  users: extra.users ?? false,
  sight: extra.sight,
  alone: extra.alone ?? false,
});
