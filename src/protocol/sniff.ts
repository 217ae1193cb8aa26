/** Which protocol a client speaks, told by its first byte alone: waiting for a second one can deadlock. */
import type { InboundName } from '../connection.ts';
import type { Parser } from './parsed.ts';

/** What a first byte can tell. Which of the two HTTPs it is shows with the method: {@link wantsTunnel}. */
export type FirstByte = Exclude<InboundName, 'http-forward'>;

/** RFC 9110 §5.6.2 `tchar`, the only bytes an HTTP method can begin with. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]$/;

/** For each first byte 0–255 the protocol it announces, or undefined. */
const BY_FIRST_BYTE: readonly (FirstByte | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x05) return 'socks5';
  if (byte === 0x04) return 'socks4';
  return TOKEN.test(String.fromCodePoint(byte)) ? 'http-connect' : undefined;
});

/** @param first The first byte a client sent, 0–255. */
export function inboundOf(first: number): FirstByte | undefined {
  return BY_FIRST_BYTE[first];
}

const CONNECT = Buffer.from('CONNECT ');

/** Whether an HTTP request is CONNECT, as soon as that can be said. The bytes are not consumed. */
export const wantsTunnel: Parser<boolean> = (bytes) => {
  const length = Math.min(bytes.length, CONNECT.length);
  const same = bytes.subarray(0, length).equals(CONNECT.subarray(0, length));
  return same && length < CONNECT.length ? undefined : { value: same, length: 0 };
};
