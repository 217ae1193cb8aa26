/** Every failure in words for whoever looks: what happened, whose fault it is, and where to look next. */
import type { Blame, FailureCode } from '../../errors.ts';

export interface FailureWords {
  readonly blame: Blame;
  readonly what: string;
  /** What to do about it; empty where there is nothing to be done here. */
  readonly hint: string;
}

export const BLAME_WORDS: Readonly<Record<Blame, { readonly who: string; readonly means: string }>> = {
  client: { who: 'Client', means: 'the program that asked, or who is not let in' },
  target: { who: 'Target', means: 'the server that was asked for, or its name' },
  egress: { who: 'Address', means: 'an address of the pool that cannot be used' },
  self: { who: 'Gyre', means: 'this proxy, its limits, or its pool as a whole' },
};

const by =
  (blame: Blame) =>
  (what: string, hint = ''): FailureWords => ({ blame, what, hint });
const client = by('client');
const target = by('target');
const egress = by('egress');
const self = by('self');

export const FAILURE_WORDS: Readonly<Record<FailureCode, FailureWords>> = {
  PROXY_HEADER_INVALID: client(
    'No valid PROXY header came first',
    'The listener expects one: is the load balancer set to send it?',
  ),
  TLS_FAILED: client(
    'The TLS handshake failed',
    'Does the client speak TLS to the proxy, and trust its certificate?',
  ),
  UNKNOWN_PROTOCOL: client(
    'Not a proxy protocol',
    'Something other than SOCKS or HTTP connects to this port.',
  ),
  HANDSHAKE_TIMEOUT: client(
    'The client never finished its request',
    'Often a port scan or an idle health check.',
  ),
  BAD_REQUEST: client('The request was malformed'),
  HEAD_TOO_LARGE: client('The request head was too large'),
  BAD_VERSION: client('An HTTP version that is not supported'),
  METHOD_NOT_SUPPORTED: client('A method that is not supported'),
  METHOD_NOT_ALLOWED: client('A method that is not allowed'),
  COMMAND_NOT_SUPPORTED: client('A SOCKS command that is not supported', 'BIND and UDP are not offered.'),
  ADDRESS_TYPE_NOT_SUPPORTED: client('An address type that is not supported'),
  BAD_TARGET: client('The target is not a valid host and port'),
  AUTH_REQUIRED: client(
    'No user name and password',
    'Browsers ask once without and come again with them: that is normal.',
  ),
  BAD_CREDENTIALS: client('Wrong user name or password'),
  LOGIN_THROTTLED: client('Too many wrong passwords', 'The client has to wait before it may try again.'),
  ACCOUNT_EXPIRED: client('The account has expired'),
  CLIENT_DENIED: client('This client address is not allowed', 'See `clients` in the configuration.'),
  TOO_MANY_CONNECTIONS: client('Too many connections at once', 'See `limits` in the configuration.'),
  RATE_LIMITED: client('Too many new connections in a short time', 'See `limits` in the configuration.'),
  QUOTA_EXCEEDED: client('The quota of bytes is used up', 'See the tab Users.'),
  POOL_UNKNOWN: client('There is no pool of that name', 'It comes from the user name: `NAME-pool-POOL`.'),
  TARGET_DENIED: client(
    'This target is not allowed',
    'Private addresses are refused unless `targets` allows them.',
  ),
  CLIENT_GONE: client('The client left before the answer', 'Its own deadline may be too short.'),
  CLIENT_RESET: client('The client reset the connection'),
  NAME_NOT_FOUND: target('The target’s name does not exist'),
  DNS_FAILED: target('The target’s name could not be resolved', 'Ask this host’s resolver: `gyre doctor`.'),
  DNS_TIMEOUT: target('Resolving the name took too long', 'Ask this host’s resolver: `gyre doctor`.'),
  TARGET_REFUSED: target(
    'The target refused the connection',
    'Nothing listens on that port, or a firewall says so.',
  ),
  TARGET_RESET: target('The target reset the connection'),
  TARGET_TIMEOUT: target(
    'The target did not answer in time',
    'It may block these addresses, or packets do not come back.',
  ),
  BAD_RESPONSE: target('The target did not answer with valid HTTP'),
  RESPONSE_TIMEOUT: target('The target took too long to respond'),
  HOST_UNREACHABLE: target('The target host is unreachable'),
  NETWORK_UNREACHABLE: target(
    'The target network is unreachable',
    'Is there a route for this address family?',
  ),
  EGRESS_NOT_ON_HOST: egress(
    'The address is not on this host',
    'Add it, or an AnyIP route: `gyre doctor` says how.',
  ),
  EGRESS_FORBIDDEN: egress('This host forbids leaving from the address', 'A firewall or a prohibit route.'),
  NO_EGRESS: self('No address was available', 'All are down or draining: see the tab Pool.'),
  SESSION_LOST: self('A strict session has lost its address'),
  NO_EGRESS_FAMILY: self('No address of the target’s family', 'The pool has only IPv4, or only IPv6.'),
  PORTS_EXHAUSTED: self(
    'All ports of an address are taken',
    'More addresses, or shorter tunnels to that target.',
  ),
  DESCRIPTORS_EXHAUSTED: self('Out of file descriptors', 'Raise LimitNOFILE: `gyre doctor` says how.'),
  USER_REMOVED: self('The user was removed meanwhile'),
  CUT_BY_OPERATOR: self('Cut by hand', 'From this page, the command line, or the admin API.'),
  OVERLOADED: self('Gyre is overloaded', 'See `limits` and the threads below.'),
  SHUTTING_DOWN: self('Gyre is shutting down'),
  IDLE_TIMEOUT: self('The tunnel was silent too long', 'See `timeouts.idle`.'),
  FIN_TIMEOUT: self('A half-closed tunnel was silent too long', 'See `timeouts.fin`.'),
  INTERNAL: self('Something nobody foresaw', 'Please report it, with the log lines.'),
};

/** A newer gateway may have codes this page does not know. */
export function wordsOf(code: string): FailureWords {
  return (FAILURE_WORDS as Record<string, FailureWords | undefined>)[code] ?? self(code);
}
