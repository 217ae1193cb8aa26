/** The gateway at a glance. */
import type { ListenerStatus, PoolStatus, Status, ThreadStatus, Totals } from '../../admin/api.ts';
import type { Endpoint } from '../../connection.ts';
import { FAILURES, type Blame, type FailureCode } from '../../errors.ts';
import type { ListenerConfig } from '../../listener.ts';
import { readActive, readLatency, readStats, type Stats } from '../../ops/counters.ts';
import type { Config } from '../config.ts';
import { formatListen } from '../config/listen.ts';
import type { Reloads } from '../reload/reloads.ts';
import { VERSION } from '../../version.ts';

/** Where the numbers are. */
export interface StatusGround {
  readonly counters: SharedArrayBuffer;
  readonly state: () => Status['state'];
  readonly config: () => Config;
  /** In the order of the config. */
  readonly endpoints: () => readonly Endpoint[];
  readonly threads: () => readonly Omit<ThreadStatus, 'active'>[];
  readonly logLinesDropped: () => number;
  readonly pools: () => readonly PoolStatus[];
  readonly sessions: () => number;
  readonly users: () => number;
  readonly reloads: Pick<Reloads, 'state'>;
}

const STARTED_AT = Math.round(performance.timeOrigin);

export function statusOf(ground: StatusGround): Status {
  const { handshake, dial } = readLatency(ground.counters);
  const active = readActive(ground.counters);
  return {
    version: VERSION,
    node: process.version,
    pid: process.pid,
    startedAt: STARTED_AT,
    now: Date.now(),
    state: ground.state(),
    listeners: listenersOf(ground.config().listen, ground.endpoints()),
    threads: ground.threads().map((thread) => {
      return Object.assign({}, thread, { active: active[thread.index] ?? 0 });
    }),
    totals: totalsOf(readStats(ground.counters), ground.logLinesDropped()),
    latency: { handshake, dial },
    pools: ground.pools(),
    sessions: { live: ground.sessions() },
    users: { known: ground.users() },
    config: ground.reloads.state(),
  };
}

function listenersOf(listen: readonly ListenerConfig[], endpoints: readonly Endpoint[]): ListenerStatus[] {
  return endpoints.map(({ address, port }, index) => {
    const { at, tls, proxyProtocol } = listen[index]!;
    const text = 'path' in at ? `unix:${at.path}` : formatListen({ host: address, port });
    return {
      address: tls === undefined ? text : `tls://${text}`,
      kind: 'path' in at ? 'unix' : tls === undefined ? 'tcp' : 'tls',
      proxyProtocol: proxyProtocol !== undefined,
    };
  });
}

function totalsOf(stats: Stats, logLinesDropped: number): Totals {
  const { accepted, active, tunnels, sent, received, byInbound } = stats;
  const met = (Object.entries(stats.failures) as [FailureCode, number][]).filter(([, times]) => times > 0);
  const byBlame: Record<Blame, number> = { client: 0, target: 0, egress: 0, self: 0 };
  for (const [code, times] of met) byBlame[FAILURES[code].blame] += times;
  const failures = Object.fromEntries(met);
  return { accepted, active, tunnels, sent, received, byInbound, failures, byBlame, logLinesDropped };
}
