/**
 * What can be seen of a running gateway and done to it, for the admin API and for programs that have a gateway inside.
 *
 * Nothing here is on the way of a connection: numbers are read from shared memory at the moment somebody asks, and only what
 * a thread alone knows, its tunnels and the names of sessions, is asked for by message.
 */
import type {
  ConfigView,
  CutRequest,
  EgressAction,
  EgressView,
  LogLine,
  Page,
  PoolMap,
  PoolStatus,
  ReloadReport,
  SessionView,
  Status,
  TunnelFilter,
  TunnelPage,
  TunnelSort,
  UserView,
} from '../admin/api.ts';
import { ControlError, type Control, type PageRequest } from '../admin/control.ts';
import type { PortRange } from '../egress/dial/ports.ts';
import type { SessionMemory } from '../egress/sessions/sessions.ts';
import { Metrics } from '../ops/metrics.ts';
import type { LogRing } from '../ops/ring.ts';
import type { LimitMemory } from '../policy/limits/memory.ts';
import type { Account } from '../policy/users/account.ts';
import { hideSecrets } from './config/hidden.ts';
import { act } from './control/act.ts';
import { Egresses } from './control/egresses.ts';
import { poolStatus } from './control/pools.ts';
import { SessionDesk } from './control/sessions.ts';
import { statusOf, type StatusGround } from './control/status.ts';
import { tunnelOrder } from './control/tunnels.ts';
import { Users } from './control/users.ts';
import type { Lanes } from './lanes.ts';
import type { Membership } from './membership.ts';
import { metricsSource } from './metrics-source.ts';
import type { Reloads } from './reload/reloads.ts';

/** What of a gateway is seen and steered. */
export interface ControlGround extends Pick<
  StatusGround,
  'counters' | 'state' | 'config' | 'endpoints' | 'logLinesDropped'
> {
  readonly membership: Membership;
  readonly lanes: Lanes;
  readonly sessions: SessionMemory;
  readonly limits: LimitMemory;
  readonly ports: PortRange;
  readonly ring: LogRing;
  readonly reloads: Reloads;
  /** Of the users file. */
  readonly fileAccounts: () => readonly Account[];
  /** As `Gateway.close`. */
  readonly close: (drainMs: number | undefined) => void;
}

export class GatewayControl implements Control {
  readonly #ground: ControlGround;
  readonly #egresses: Egresses;
  readonly #sessions: SessionDesk;
  readonly #users: Users;
  readonly #metrics: Metrics;

  constructor(ground: ControlGround) {
    const { membership, ports, sessions, lanes, limits, config, fileAccounts, counters } = ground;
    this.#ground = ground;
    this.#egresses = new Egresses(membership, ports);
    this.#sessions = new SessionDesk(sessions, membership, lanes);
    this.#users = new Users(limits, config, fileAccounts);
    const source = { status: () => this.status(), counters, egresses: () => membership.egresses(ports) };
    this.#metrics = new Metrics(metricsSource(source));
  }

  status(): Status {
    return statusOf({
      ...this.#ground,
      threads: () => this.#ground.lanes.threads(),
      pools: () => this.pools(),
      sessions: () => this.#sessions.live,
      users: () => this.#users.known,
    });
  }

  pools(): readonly PoolStatus[] {
    const { membership } = this.#ground;
    return membership.pools.map((name) => poolStatus(name, membership, this.#egresses));
  }

  poolMap(pool: string): PoolMap {
    return this.#egresses.map(pool);
  }

  egresses(request: Parameters<Control['egresses']>[0]): Page<EgressView> {
    return this.#egresses.page(request);
  }

  act(address: string, action: EgressAction): Promise<EgressView> {
    return act(address, action, this.#ground.membership, this.#egresses);
  }

  sessions(request: PageRequest): Promise<Page<SessionView>> {
    return this.#sessions.page(request);
  }

  pinSession(key: string, egress: string): Promise<SessionView> {
    return this.#sessions.pin(key, egress);
  }

  dropSession(key: string): Promise<boolean> {
    return Promise.resolve(this.#sessions.drop(key));
  }

  async tunnels(filter: TunnelFilter, sort: TunnelSort, limit: number): Promise<TunnelPage> {
    const { answers, silent } = await this.#ground.lanes.ask({ type: 'tunnels', filter, sort, limit });
    if (answers.length === 0) throw noAnswer('no thread answers: try again in a moment');
    const items = answers
      .flatMap((answer) => answer.items)
      .sort(tunnelOrder(sort))
      .slice(0, limit);
    return { total: answers.reduce((sum, { total }) => sum + total, 0), offset: 0, items, silent };
  }

  async cutTunnels({ all, ...filter }: CutRequest): Promise<number> {
    if (all !== true && Object.values(filter).every((value) => value === undefined))
      throw new ControlError('invalid', 'which tunnels? Name something they have, or say all: true');
    const { answers, silent } = await this.#ground.lanes.ask({ type: 'cut', filter });
    const cut = answers.reduce((sum, count) => sum + count, 0);
    if (silent.length === 0) return cut;
    throw noAnswer(`${cut} were cut, but thread ${silent.join(', ')} does not answer: try again in a moment`);
  }

  users(request: PageRequest): Page<UserView> {
    return this.#users.page(request);
  }

  config(): ConfigView {
    const { reloads, config } = this.#ground;
    return { ...reloads.state(), config: hideSecrets(config()), history: reloads.history() };
  }

  reload(trigger: ReloadReport['trigger']): Promise<ReloadReport> {
    return this.#ground.reloads.again(trigger);
  }

  drain(deadlineMs?: number): void {
    this.#ground.close(deadlineMs);
  }

  log(limit: number, level?: LogLine['level']): readonly LogLine[] {
    return this.#ground.ring.latest(limit, level);
  }

  metrics(): Promise<string> {
    return this.#metrics.render();
  }

  get ready(): boolean {
    return this.#ground.state() === 'ready';
  }

  on(event: 'log', listener: (line: LogLine) => void): () => void;
  on(event: 'reload', listener: (report: ReloadReport) => void): () => void;
  on(
    ...[event, listener]: ['log', (line: LogLine) => void] | ['reload', (report: ReloadReport) => void]
  ): () => void {
    return event === 'log' ? this.#ground.ring.on(listener) : this.#ground.reloads.on(listener);
  }
}

const noAnswer = (message: string): ControlError => new ControlError('unavailable', message);
