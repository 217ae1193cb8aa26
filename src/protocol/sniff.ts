/** Which protocol a client speaks, told by its first byte alone: waiting for a second one can deadlock. */
import type { InboundName } from '../connection.ts';

/** RFC 9110 §5.6.2 `tchar`, the only bytes an HTTP method can begin with. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]$/;

/** For each first byte 0–255 the protocol it announces, or undefined. */
const BY_FIRST_BYTE: readonly (InboundName | undefined)[] = Array.from({ length: 256 }, (_, byte) =>
  byte === 0x05 ? 'socks5' : TOKEN.test(String.fromCodePoint(byte)) ? 'http-connect' : undefined,
);

/** @param first The first byte a client sent, 0–255. */
export function inboundOf(first: number): InboundName | undefined {
  return BY_FIRST_BYTE[first];
}
