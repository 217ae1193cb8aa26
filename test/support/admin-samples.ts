/** Answers of the admin API as tests want them: whole, and with a word changed here and there. */
import type {
  EgressView,
  PoolStatus,
  SessionView,
  Status,
  TunnelPage,
  TunnelView,
  UserView,
} from '../../src/admin/api.ts';

/** The moment all of them are from; milliseconds since the epoch. */
export const NOW = 1_700_000_000_000;

/** What ends a line, moves the cursor, rings, renames the window, turns the text around, or is half a character. */
export const HOSTILE = '\x1b[2J\x1b]0;owned\x07\r\n\t\x00\x7f\x9b31m\u202eevil\u200b\ud800';

export function statusSample(changes: Partial<Status> = {}): Status {
  return {
    version: '0.1.0',
    node: '26.10.0',
    pid: 4711,
    startedAt: NOW - 11_520_000,
    now: NOW,
    state: 'ready',
    listeners: [
      { address: '127.0.0.1:1080', kind: 'tcp', proxyProtocol: false },
      { address: 'tls://[::]:1443', kind: 'tls', proxyProtocol: true },
    ],
    threads: [
      { index: 0, state: 'serving', since: NOW - 60_000, restarts: 0, active: 7, loopDelayMs: 1.25 },
      { index: 1, state: 'starting', since: NOW - 500, restarts: 2, active: 0, loopDelayMs: 0 },
    ],
    totals: {
      accepted: 12_345,
      active: 7,
      tunnels: 12_000,
      sent: 1_234_567,
      received: 98_765_432_100,
      byInbound: { socks5: 12_000, socks4: 0, 'http-connect': 345, 'http-forward': 0 },
      failures: { TARGET_REFUSED: 40, BAD_CREDENTIALS: 2 },
      byBlame: { client: 2, target: 40, egress: 0, self: 0 },
      logLinesDropped: 0,
    },
    latency: {
      handshake: { count: 12_000, p50Ms: 0.4, p90Ms: 2, p99Ms: 12.4 },
      dial: { count: 12_000, p50Ms: 18, p90Ms: 90, p99Ms: 1250 },
    },
    pools: [poolSample()],
    sessions: { live: 3 },
    users: { known: 2 },
    config: {
      file: '/etc/gyre/gyre.yaml',
      loadedAt: NOW - 3_600_000,
      reloads: { ok: 1, failed: 0 },
      last: null,
    },
    ...changes,
  };
}

export function poolSample(changes: Partial<PoolStatus> = {}): PoolStatus {
  return {
    name: 'default',
    expression: ['192.0.2.0/29'],
    addresses: '8',
    members: 8,
    byState: { new: 0, up: 6, down: 1, draining: 1 },
    tunnels: 7,
    sources: [{ text: '192.0.2.0/29', state: 'fresh', readAt: NOW, error: null, errors: 0 }],
    ...changes,
  };
}

export function tunnelSample(changes: Partial<TunnelView> = {}): TunnelView {
  return {
    id: '1-7',
    thread: 1,
    client: '198.51.100.7:40000',
    user: 'alice',
    inbound: 'socks5',
    target: 'example.com:443',
    egress: '192.0.2.3',
    session: null,
    openedAt: NOW - 184_000,
    sent: 1500,
    received: 2_500_000,
    ...changes,
  };
}

export function tunnelPage(items: readonly TunnelView[], total: number = items.length): TunnelPage {
  return { total, offset: 0, items, silent: [] };
}

export function egressSample(changes: Partial<EgressView> = {}): EgressView {
  return {
    pool: 'default',
    address: '192.0.2.3',
    family: 4,
    block: false,
    state: 'up',
    since: NOW - 60_000,
    tunnels: 2,
    freePorts: 28_000,
    failures: 0,
    ejections: 0,
    lastError: null,
    publicAddress: null,
    held: false,
    retryAt: null,
    byHand: null,
    ...changes,
  };
}

export function sessionSample(changes: Partial<SessionView> = {}): SessionView {
  return {
    key: 'c0ffee',
    kind: 'user',
    pool: 'default',
    user: 'alice',
    id: 'cart-1',
    family: 4,
    egress: '192.0.2.3',
    firstUse: NOW - 120_000,
    lastUse: NOW - 5000,
    expiresAt: NOW + 480_000,
    ...changes,
  };
}

export function userSample(changes: Partial<UserView> = {}): UserView {
  return {
    name: 'alice',
    source: 'config',
    pool: null,
    pools: null,
    strategy: null,
    expiresAt: null,
    connections: 2,
    quota: null,
    ...changes,
  };
}
