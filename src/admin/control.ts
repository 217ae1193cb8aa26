/** What can be seen of a running gateway, and done to it, from outside; `runtime/` does it. */
import type {
  ConfigView,
  CutRequest,
  EgressAction,
  EgressState,
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
} from './api.ts';

export interface PageRequest {
  readonly offset: number;
  /** 1–1000. */
  readonly limit: number;
  /** Anywhere in what is shown, whatever the case. */
  readonly q?: string | undefined;
}

export interface Control {
  status(): Status;
  pools(): readonly PoolStatus[];
  /** @throws ControlError */
  poolMap(pool: string): PoolMap;
  egresses(
    request: PageRequest & { readonly pool?: string | undefined; readonly state?: EgressState | undefined },
  ): Page<EgressView>;
  /** @throws ControlError */
  act(address: string, action: EgressAction): Promise<EgressView>;
  sessions(request: PageRequest): Promise<Page<SessionView>>;
  /** @throws ControlError */
  pinSession(key: string, egress: string): Promise<SessionView>;
  /** @returns false when there is none. */
  dropSession(key: string): Promise<boolean>;
  /** @throws ControlError when no thread answers. */
  tunnels(filter: TunnelFilter, sort: TunnelSort, limit: number): Promise<TunnelPage>;
  /** @returns how many. @throws ControlError when a thread does not answer: those of the others are cut then. */
  cutTunnels(filter: CutRequest): Promise<number>;
  users(request: PageRequest): Page<UserView>;
  config(): ConfigView;
  /** Never rejects: what is wrong is in the report. One at a time; who asks meanwhile waits for the next one. */
  reload(trigger: ReloadReport['trigger']): Promise<ReloadReport>;
  /** As SIGTERM; @param deadlineMs Default: that of the config. */
  drain(deadlineMs?: number): void;
  /** The latest lines, oldest first. */
  log(limit: number, level?: LogLine['level']): readonly LogLine[];
  /** Prometheus' text format. */
  metrics(): Promise<string>;
  /** False before all listeners stand, and from the moment it drains. */
  readonly ready: boolean;
  /** @returns how to stop listening. */
  on(event: 'log', listener: (line: LogLine) => void): () => void;
  on(event: 'reload', listener: (report: ReloadReport) => void): () => void;
}

/** What cannot be done, in words for whoever asked. */
export class ControlError extends Error {
  override readonly name = 'ControlError' as const;
  /** `unavailable`: a thread that is needed for it does not answer. */
  readonly kind: 'not-found' | 'conflict' | 'invalid' | 'unavailable';

  constructor(kind: ControlError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}
