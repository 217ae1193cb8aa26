/** What a client can say by the server name of its TLS handshake (SNI, RFC 6066 §3), before any proxy protocol is spoken. */

// One label of at most 63 characters, of which `s-` takes two. The flag `i` without `u` folds ASCII only.
const NAME = /^s-([a-z0-9_-]{1,61})\.([a-z0-9._-]+)$/i;

/**
 * The sticky session a server name asks for: `ID` of `s-ID.DOMAIN`, in lower case, as names have none of their own.
 * @param domain A domain in ASCII, in any case, without a trailing dot.
 * @returns 1–61 characters of a-z, 0-9, `-` and `_`; undefined for every other name.
 */
export function sessionOfServerName(name: string, domain: string): string | undefined {
  const [, id, rest] = NAME.exec(name) ?? [];
  return rest?.toLowerCase() === domain.toLowerCase() ? id?.toLowerCase() : undefined;
}
