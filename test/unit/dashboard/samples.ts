/** A status as a gateway would send it, for the tests of what is made from it. */
import type { PoolStatus, Status } from '../../../src/admin/api.ts';

export interface Change {
  readonly now?: number;
  readonly startedAt?: number;
  readonly totals?: Partial<Status['totals']>;
  readonly rest?: Partial<Status>;
}

export const POOL: PoolStatus = {
  name: 'default',
  expression: ['127.0.0.2-127.0.0.9'],
  addresses: '8',
  members: 8,
  byState: { new: 0, up: 8, down: 0, draining: 0 },
  tunnels: 0,
  sources: [],
};

export function sampleStatus({
  now = 1_000_000,
  startedAt = 0,
  totals = {},
  rest = {},
}: Change = {}): Status {
  return {
    version: '0.1.0',
    node: 'v26.10.0',
    pid: 1,
    startedAt,
    now,
    state: 'ready',
    listeners: [],
    threads: [],
    totals: {
      accepted: 0,
      active: 0,
      tunnels: 0,
      sent: 0,
      received: 0,
      byInbound: { socks5: 0, socks4: 0, 'http-connect': 0, 'http-forward': 0 },
      failures: {},
      byBlame: { client: 0, target: 0, egress: 0, self: 0 },
      logLinesDropped: 0,
      ...totals,
    },
    latency: {
      handshake: { count: 0, p50Ms: null, p90Ms: null, p99Ms: null },
      dial: { count: 0, p50Ms: null, p90Ms: null, p99Ms: null },
    },
    pools: [POOL],
    sessions: { live: 0 },
    users: { known: 0 },
    config: { file: null, loadedAt: 0, reloads: { ok: 0, failed: 0 }, last: null },
    ...rest,
  };
}
