/** The JSON of `api.ts` as schemas: `config/openapi.json` is made of them, and tests hold every answer against them. */
import { z } from 'zod';
import type { InboundName } from '../connection.ts';
import type { Blame, FailureCode } from '../errors.ts';
import { FAILURES } from '../errors.ts';
import type {
  ApiProblem,
  ConfigState,
  ConfigView,
  CutAnswer,
  EgressState,
  EgressView,
  Latency,
  ListenerStatus,
  LogLine,
  Page,
  PoolMap,
  PoolStatus,
  ReloadProblem,
  ReloadReport,
  SessionView,
  SourceStatus,
  Status,
  ThreadStatus,
  Totals,
  TunnelPage,
  TunnelView,
  UserView,
} from './api.ts';

export const INBOUNDS: readonly InboundName[] = ['socks5', 'socks4', 'http-connect', 'http-forward'];
export const EGRESS_STATES: readonly EgressState[] = ['new', 'up', 'down', 'draining'];
export const LEVELS: readonly LogLine['level'][] = ['error', 'warn', 'info', 'debug'];

const BLAMES = ['client', 'target', 'egress', 'self'] as const satisfies readonly Blame[];
const CODES = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

const count = z.int().min(0);
const time = count.describe('Milliseconds since the epoch.');
const ms = z.number().min(0).describe('Milliseconds.');
const family = z.union([z.literal(4), z.literal(6)]);

const latency: z.ZodType<Latency> = z.strictObject({
  count,
  p50Ms: ms.nullable(),
  p90Ms: ms.nullable(),
  p99Ms: ms.nullable(),
});

const listenerStatus: z.ZodType<ListenerStatus> = z.strictObject({
  address: z.string(),
  kind: z.enum(['tcp', 'tls', 'unix']),
  proxyProtocol: z.boolean(),
});

const threadStatus: z.ZodType<ThreadStatus> = z.strictObject({
  index: count,
  state: z.enum(['serving', 'starting', 'lost']),
  since: time,
  restarts: count,
  active: count,
  loopDelayMs: ms,
});

const totals: z.ZodType<Totals> = z.strictObject({
  accepted: count,
  active: count,
  tunnels: count,
  sent: count.describe('Bytes from clients to targets.'),
  received: count.describe('Bytes from targets to clients.'),
  byInbound: z.record(z.enum(INBOUNDS), count),
  failures: z.partialRecord(z.enum(CODES), count),
  byBlame: z.record(z.enum(BLAMES), count),
  logLinesDropped: count,
});

const sourceStatus: z.ZodType<SourceStatus> = z.strictObject({
  text: z.string(),
  state: z.enum(['fresh', 'stale', 'failed']),
  readAt: time.nullable(),
  error: z.string().nullable(),
  errors: count,
});

const poolStatus: z.ZodType<PoolStatus> = z.strictObject({
  name: z.string(),
  expression: z.array(z.string()),
  addresses: z.string().regex(/^\d+$/).describe('A whole number in digits; it may exceed 2^53.'),
  members: count,
  byState: z.record(z.enum(EGRESS_STATES), count),
  tunnels: count,
  sources: z.array(sourceStatus),
});

const reloadProblem: z.ZodType<ReloadProblem> = z.strictObject({
  where: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
});

const reloadReport: z.ZodType<ReloadReport> = z.strictObject({
  at: time,
  trigger: z.enum(['signal', 'file', 'api']),
  ok: z.boolean(),
  durationMs: ms,
  changes: z.array(
    z.strictObject({
      path: z.string(),
      kind: z.enum(['added', 'removed', 'changed']),
      before: z.string().nullable(),
      after: z.string().nullable(),
    }),
  ),
  needsRestart: z.array(z.string()),
  problems: z.array(reloadProblem),
});

const stateOfConfig = {
  file: z.string().nullable(),
  loadedAt: time,
  reloads: z.strictObject({ ok: count, failed: count }),
  last: reloadReport.nullable(),
};
const configState: z.ZodType<ConfigState> = z.strictObject(stateOfConfig);

const configView: z.ZodType<ConfigView> = z.strictObject({
  ...stateOfConfig,
  config: z.unknown().describe('What runs, with `***` for secrets.'),
  history: z.array(reloadReport).max(20),
});

const status: z.ZodType<Status> = z.strictObject({
  version: z.string(),
  node: z.string(),
  pid: count,
  startedAt: time,
  now: time,
  state: z.enum(['starting', 'ready', 'draining']),
  listeners: z.array(listenerStatus),
  threads: z.array(threadStatus),
  totals,
  latency: z.strictObject({ handshake: latency, dial: latency }),
  pools: z.array(poolStatus),
  sessions: z.strictObject({ live: count }),
  users: z.strictObject({ known: count }),
  config: configState,
});

const egressView: z.ZodType<EgressView> = z.strictObject({
  pool: z.string(),
  address: z.string(),
  family,
  block: z.boolean(),
  state: z.enum(EGRESS_STATES),
  since: time.nullable(),
  tunnels: count,
  freePorts: count.nullable(),
  failures: count,
  ejections: count,
  lastError: z.string().nullable(),
  publicAddress: z.string().nullable(),
  held: z.boolean(),
  retryAt: time.nullable(),
  byHand: z.enum(['drain', 'eject']).nullable(),
});

const poolMap: z.ZodType<PoolMap> = z.strictObject({
  pool: z.string(),
  total: count,
  states: z.string().describe('Base64 of a byte each: 0 new, 1 up, 2 down, 3 draining.'),
  tunnels: z.string().describe('Base64 of 16 bits each, little endian.'),
});

const sessionView: z.ZodType<SessionView> = z.strictObject({
  key: z.string(),
  kind: z.enum(['user', 'client', 'port', 'listen']).nullable(),
  pool: z.string().nullable(),
  user: z.string().nullable(),
  id: z.string().nullable(),
  family: family.nullable(),
  egress: z.string().nullable(),
  firstUse: time,
  lastUse: time,
  expiresAt: time.nullable(),
});

const tunnelView: z.ZodType<TunnelView> = z.strictObject({
  id: z.string(),
  thread: count,
  client: z.string(),
  user: z.string().nullable(),
  inbound: z.enum(INBOUNDS),
  target: z.string(),
  egress: z.string(),
  session: z.string().nullable(),
  openedAt: time,
  sent: count,
  received: count,
});

const userView: z.ZodType<UserView> = z.strictObject({
  name: z.string(),
  source: z.enum(['config', 'file']),
  pool: z.string().nullable(),
  pools: z.array(z.string()).nullable(),
  strategy: z.string().nullable(),
  expiresAt: time.nullable(),
  connections: count,
  quota: z
    .strictObject({
      period: z.string(),
      bytes: z.number().min(0),
      used: z.number().min(0),
      resetsAt: time,
    })
    .nullable(),
});

const logLine: z.ZodType<LogLine> = z.strictObject({
  at: time,
  level: z.enum(LEVELS),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()),
});

const apiProblem: z.ZodType<ApiProblem> = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string(),
  problems: z.array(reloadProblem).exactOptional(),
});

const page = <Item>(items: z.ZodType<Item>): z.ZodType<Page<Item>> =>
  z.strictObject({ total: count, offset: count, items: z.array(items) });

const tunnelPage: z.ZodType<TunnelPage> = z.strictObject({
  total: count,
  offset: count,
  items: z.array(tunnelView),
  silent: z.array(count).describe('Threads that have not answered; their tunnels are missing.'),
});

const cutAnswer: z.ZodType<CutAnswer> = z.strictObject({ cut: count });

/** By the names they have in the OpenAPI file. */
export interface AnswerTypes {
  readonly Status: Status;
  readonly PoolStatus: PoolStatus;
  readonly PoolList: readonly PoolStatus[];
  readonly PoolMap: PoolMap;
  readonly EgressView: EgressView;
  readonly EgressPage: Page<EgressView>;
  readonly SessionView: SessionView;
  readonly SessionPage: Page<SessionView>;
  readonly TunnelView: TunnelView;
  readonly TunnelPage: TunnelPage;
  readonly UserView: UserView;
  readonly UserPage: Page<UserView>;
  readonly ConfigView: ConfigView;
  readonly ReloadReport: ReloadReport;
  readonly LogLine: LogLine;
  readonly LogLines: readonly LogLine[];
  readonly CutAnswer: CutAnswer;
  readonly ApiProblem: ApiProblem;
}

export const ANSWERS: { readonly [Name in keyof AnswerTypes]: z.ZodType<AnswerTypes[Name]> } = {
  Status: status,
  PoolStatus: poolStatus,
  PoolList: z.array(poolStatus),
  PoolMap: poolMap,
  EgressView: egressView,
  EgressPage: page(egressView),
  SessionView: sessionView,
  SessionPage: page(sessionView),
  TunnelView: tunnelView,
  TunnelPage: tunnelPage,
  UserView: userView,
  UserPage: page(userView),
  ConfigView: configView,
  ReloadReport: reloadReport,
  LogLine: logLine,
  LogLines: z.array(logLine),
  CutAnswer: cutAnswer,
  ApiProblem: apiProblem,
};
