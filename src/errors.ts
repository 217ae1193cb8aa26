/**
 * Every way a connection can fail, in one table.
 *
 * A failure is a stable `code`. The table says whose fault it is, whether another egress may be tried, and what
 * each protocol answers; logs, metrics and replies all read it here and nowhere else.
 */

/** Where on its way a connection stood. The order is the order of {@link file://./proxy.ts}. */
export type Phase =
  | 'accept'
  | 'sniff'
  | 'handshake'
  | 'authorize'
  | 'resolve'
  | 'pick'
  | 'dial'
  | 'reply'
  | 'relay';

/** Whose fault a failure is. Only `egress` may ever count against an address of the pool. */
export type Blame = 'client' | 'target' | 'egress' | 'self';

export interface Failure {
  readonly blame: Blame;
  /** Another egress may succeed where this one failed. */
  readonly retry: boolean;
  /** SOCKS5 REP byte (RFC 1928 §6). */
  readonly socks5: number;
  /** HTTP status of the answer to CONNECT. */
  readonly http: number;
  /** RFC 9209 §2.3 proxy error type. */
  readonly proxyStatus: string;
  /** One plain sentence for people: reason phrase, log, CLI. */
  readonly reason: string;
}

const failure = (
  blame: Blame,
  socks5: number,
  http: number,
  proxyStatus: string,
  reason: string,
  retry = false,
): Failure => ({ blame, retry, socks5, http, proxyStatus, reason });

/** A stable name for a failure: the same word in logs, metrics and documentation. */
export type FailureCode =
  | 'PROXY_HEADER_INVALID'
  | 'TLS_FAILED'
  | 'UNKNOWN_PROTOCOL'
  | 'HANDSHAKE_TIMEOUT'
  | 'BAD_REQUEST'
  | 'HEAD_TOO_LARGE'
  | 'BAD_VERSION'
  | 'METHOD_NOT_SUPPORTED'
  | 'METHOD_NOT_ALLOWED'
  | 'COMMAND_NOT_SUPPORTED'
  | 'ADDRESS_TYPE_NOT_SUPPORTED'
  | 'BAD_TARGET'
  | 'AUTH_REQUIRED'
  | 'BAD_CREDENTIALS'
  | 'LOGIN_THROTTLED'
  | 'ACCOUNT_EXPIRED'
  | 'CLIENT_DENIED'
  | 'TOO_MANY_CONNECTIONS'
  | 'RATE_LIMITED'
  | 'QUOTA_EXCEEDED'
  | 'POOL_UNKNOWN'
  | 'TARGET_DENIED'
  | 'CLIENT_GONE'
  | 'CLIENT_RESET'
  | 'NAME_NOT_FOUND'
  | 'DNS_FAILED'
  | 'DNS_TIMEOUT'
  | 'TARGET_REFUSED'
  | 'TARGET_RESET'
  | 'TARGET_TIMEOUT'
  | 'BAD_RESPONSE'
  | 'RESPONSE_TIMEOUT'
  | 'HOST_UNREACHABLE'
  | 'NETWORK_UNREACHABLE'
  | 'EGRESS_NOT_ON_HOST'
  | 'EGRESS_FORBIDDEN'
  | 'NO_EGRESS'
  | 'SESSION_LOST'
  | 'NO_EGRESS_FAMILY'
  | 'PORTS_EXHAUSTED'
  | 'DESCRIPTORS_EXHAUSTED'
  | 'USER_REMOVED'
  | 'CUT_BY_OPERATOR'
  | 'OVERLOADED'
  | 'SHUTTING_DOWN'
  | 'IDLE_TIMEOUT'
  | 'FIN_TIMEOUT'
  | 'INTERNAL';

export const FAILURES: Readonly<Record<FailureCode, Failure>> = {
  // The client's fault
  PROXY_HEADER_INVALID: failure(
    'client',
    0x01,
    400,
    'http_request_error',
    'the connection does not begin with a valid PROXY header',
  ),
  TLS_FAILED: failure('client', 0x01, 400, 'http_request_error', 'the TLS handshake failed'),
  UNKNOWN_PROTOCOL: failure(
    'client',
    0x01,
    400,
    'http_request_error',
    'the first byte is no protocol spoken here',
  ),
  HANDSHAKE_TIMEOUT: failure('client', 0x01, 408, 'http_request_error', 'the request did not arrive in time'),
  BAD_REQUEST: failure('client', 0x01, 400, 'http_request_error', 'malformed request'),
  HEAD_TOO_LARGE: failure('client', 0x01, 431, 'http_request_error', 'the request head is too large'),
  BAD_VERSION: failure('client', 0x01, 505, 'http_request_error', 'HTTP version not supported'),
  METHOD_NOT_SUPPORTED: failure('client', 0x07, 501, 'http_request_denied', 'only CONNECT is supported'),
  METHOD_NOT_ALLOWED: failure('client', 0x07, 405, 'http_request_denied', 'the method is not allowed here'),
  COMMAND_NOT_SUPPORTED: failure('client', 0x07, 501, 'http_request_denied', 'command not supported'),
  ADDRESS_TYPE_NOT_SUPPORTED: failure(
    'client',
    0x08,
    400,
    'http_request_error',
    'address type not supported',
  ),
  BAD_TARGET: failure('client', 0x01, 400, 'http_request_error', 'the target is not a valid host and port'),
  AUTH_REQUIRED: failure('client', 0x02, 407, 'http_request_denied', 'Proxy Authentication Required'),
  BAD_CREDENTIALS: failure('client', 0x02, 407, 'http_request_denied', 'Proxy Authentication Required'),
  LOGIN_THROTTLED: failure('client', 0x02, 429, 'http_request_denied', 'too many wrong passwords, try later'),
  ACCOUNT_EXPIRED: failure('client', 0x02, 403, 'http_request_denied', 'the account has expired'),
  TOO_MANY_CONNECTIONS: failure('client', 0x02, 429, 'connection_limit_reached', 'too many connections'),
  RATE_LIMITED: failure('client', 0x02, 429, 'connection_limit_reached', 'too many new connections'),
  QUOTA_EXCEEDED: failure('client', 0x02, 429, 'connection_limit_reached', 'the quota of bytes is used up'),
  CLIENT_DENIED: failure('client', 0x02, 403, 'http_request_denied', 'this client address is not allowed'),
  POOL_UNKNOWN: failure('client', 0x02, 403, 'http_request_denied', 'there is no pool of that name'),
  TARGET_DENIED: failure('client', 0x02, 403, 'destination_ip_prohibited', 'the target is not allowed'),
  CLIENT_GONE: failure('client', 0x01, 499, 'connection_terminated', 'the client left before the answer'),
  CLIENT_RESET: failure('client', 0x01, 499, 'connection_terminated', 'the client reset the connection'),

  // The target's fault
  NAME_NOT_FOUND: failure('target', 0x04, 502, 'dns_error', 'the target name does not exist'),
  DNS_FAILED: failure('target', 0x04, 502, 'dns_error', 'the target name could not be resolved'),
  DNS_TIMEOUT: failure('target', 0x04, 504, 'dns_timeout', 'resolving the target name took too long'),
  TARGET_REFUSED: failure('target', 0x05, 502, 'connection_refused', 'the target refused the connection'),
  TARGET_RESET: failure('target', 0x05, 502, 'connection_terminated', 'the target reset the connection'),
  TARGET_TIMEOUT: failure(
    'target',
    0x04,
    504,
    'connection_timeout',
    'the target did not answer in time',
    true,
  ),
  BAD_RESPONSE: failure(
    'target',
    0x01,
    502,
    'http_protocol_error',
    'the target did not answer with valid HTTP',
  ),
  RESPONSE_TIMEOUT: failure(
    'target',
    0x04,
    504,
    'http_response_timeout',
    'the target did not respond in time',
  ),
  HOST_UNREACHABLE: failure(
    'target',
    0x04,
    502,
    'destination_ip_unroutable',
    'the target host is unreachable',
    true,
  ),
  NETWORK_UNREACHABLE: failure(
    'target',
    0x03,
    502,
    'destination_ip_unroutable',
    'the target network is unreachable',
    true,
  ),

  // The egress address's fault
  EGRESS_NOT_ON_HOST: failure(
    'egress',
    0x01,
    503,
    'proxy_configuration_error',
    'the egress address is not on this host',
    true,
  ),
  EGRESS_FORBIDDEN: failure(
    'egress',
    0x01,
    503,
    'proxy_configuration_error',
    'this host forbids leaving from the egress address',
    true,
  ),

  // Our own fault, or our limits
  NO_EGRESS: failure('self', 0x01, 503, 'destination_unavailable', 'no egress address available'),
  SESSION_LOST: failure(
    'self',
    0x01,
    503,
    'destination_unavailable',
    'the session has lost its egress address',
  ),
  NO_EGRESS_FAMILY: failure(
    'self',
    0x08,
    502,
    'destination_ip_unroutable',
    "no egress address of the target's family in the pool",
  ),
  PORTS_EXHAUSTED: failure(
    'self',
    0x01,
    503,
    'connection_limit_reached',
    'the egress address has no free port',
    true,
  ),
  DESCRIPTORS_EXHAUSTED: failure(
    'self',
    0x01,
    503,
    'connection_limit_reached',
    'the proxy is out of file descriptors',
  ),
  USER_REMOVED: failure('self', 0x02, 403, 'http_request_denied', 'the user may no longer use this proxy'),
  CUT_BY_OPERATOR: failure(
    'self',
    0x01,
    503,
    'connection_terminated',
    'the connection was cut by an operator',
  ),
  OVERLOADED: failure('self', 0x01, 503, 'connection_limit_reached', 'the proxy is overloaded'),
  SHUTTING_DOWN: failure('self', 0x01, 503, 'proxy_internal_error', 'the proxy is shutting down'),
  IDLE_TIMEOUT: failure('self', 0x01, 504, 'connection_timeout', 'the tunnel was idle too long'),
  FIN_TIMEOUT: failure('self', 0x01, 504, 'connection_timeout', 'the half-closed tunnel was idle too long'),
  INTERNAL: failure('self', 0x01, 500, 'proxy_internal_error', 'internal error'),
};

/** What a client can have too much of: connections at a time, requests that are not complete, new connections, bytes. */
export const LIMITS = ['connections', 'handshakes', 'rate', 'quota'] as const;
export type Limit = (typeof LIMITS)[number];

/** Whose limit it is: that of all clients together, or of one of those. */
export const LIMIT_HOLDERS = ['global', 'listener', 'client', 'user'] as const;
export type LimitHolder = (typeof LIMIT_HOLDERS)[number];

/** A failure on the way of one connection: a {@link FailureCode} plus what is particular to this case. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError' as const;
  readonly code: FailureCode;
  /** When trying again makes sense, where that is known; seconds. */
  retryAfterS: number | undefined = undefined;
  /** Which limit refused, if one did. */
  limit: { readonly name: Limit; readonly holder: LimitHolder } | undefined = undefined;

  /**
   * @param detail Replaces the table's sentence where something more exact is known. It reaches the client: never put
   * a credential or another tenant's data into it.
   */
  constructor(code: FailureCode, detail?: string, cause?: unknown) {
    super(detail ?? FAILURES[code].reason, cause === undefined ? undefined : { cause });
    this.code = code;
  }

  get failure(): Failure {
    return FAILURES[this.code];
  }

  /** Anything thrown, as a ProxyError; what nobody foresaw becomes `INTERNAL`. */
  static from(thrown: unknown): ProxyError {
    return thrown instanceof ProxyError ? thrown : new ProxyError('INTERNAL', undefined, thrown);
  }
}

/** Kernel errors of bind(2) and connect(2) → failure. The only place that knows errno (see `ip(7)`, `connect(2)`). */
const ERRNO: Readonly<Record<string, FailureCode>> = {
  ECONNREFUSED: 'TARGET_REFUSED',
  ECONNRESET: 'TARGET_RESET',
  ECONNABORTED: 'TARGET_RESET',
  EPIPE: 'TARGET_RESET',
  ETIMEDOUT: 'TARGET_TIMEOUT',
  EHOSTUNREACH: 'HOST_UNREACHABLE',
  EHOSTDOWN: 'HOST_UNREACHABLE',
  ENETUNREACH: 'NETWORK_UNREACHABLE',
  ENETDOWN: 'NETWORK_UNREACHABLE',
  // A source address that cannot have this destination, such as 127.0.0.2 for anything but loopback.
  EINVAL: 'NETWORK_UNREACHABLE',
  // IPv6 is switched off on this host.
  EAFNOSUPPORT: 'EGRESS_NOT_ON_HOST',
  // A route of type `prohibit`, or a firewall, on the way out of this source address.
  EACCES: 'EGRESS_FORBIDDEN',
  EPERM: 'EGRESS_FORBIDDEN',
  // libuv delays bind's EADDRINUSE to connect: every port of this source address is taken.
  EADDRINUSE: 'PORTS_EXHAUSTED',
  EMFILE: 'DESCRIPTORS_EXHAUSTED',
  ENFILE: 'DESCRIPTORS_EXHAUSTED',
  ENOBUFS: 'DESCRIPTORS_EXHAUSTED',
  ENOMEM: 'DESCRIPTORS_EXHAUSTED',
};

/** The failure behind a socket error met while dialling. */
export function fromDialError(error: NodeJS.ErrnoException): ProxyError {
  // EADDRNOTAVAIL at bind: the address left the host. At connect: no free port for this very 4-tuple.
  const code =
    error.code === 'EADDRNOTAVAIL'
      ? error.syscall === 'bind'
        ? 'EGRESS_NOT_ON_HOST'
        : 'PORTS_EXHAUSTED'
      : ERRNO[error.code ?? ''];
  const detail = error.code === 'EINVAL' ? 'the target cannot be reached from the egress address' : undefined;
  return new ProxyError(code ?? 'INTERNAL', detail, error);
}
