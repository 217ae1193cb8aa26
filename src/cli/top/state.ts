/** What `gyre top` knows and shows. Immutable: keys and answers each make a new one. */
import type {
  CutRequest,
  EgressAction,
  EgressView,
  Page,
  Status,
  TunnelPage,
  TunnelSort,
} from '../../admin/api.ts';
import { ratesBetween, type Rates } from '../status-lines.ts';

export const VIEWS = ['tunnels', 'egresses', 'failures'] as const;
export type View = (typeof VIEWS)[number];

export type TunnelOrder = TunnelSort | 'speed';
export type EgressOrder = 'tunnels' | 'failures' | 'ports' | 'address';
export type FailureOrder = 'count' | 'code';

/** How each view can be sorted; the first is the usual. */
export const SORTS: {
  readonly tunnels: readonly TunnelOrder[];
  readonly egresses: readonly EgressOrder[];
  readonly failures: readonly FailureOrder[];
} = {
  tunnels: ['received', 'sent', 'age', 'speed'],
  egresses: ['tunnels', 'failures', 'ports', 'address'],
  failures: ['count', 'code'],
};

/** One look at the gateway. */
export interface Sample {
  readonly status: Status;
  /** Of the view that asked for it. */
  readonly tunnels?: TunnelPage;
  readonly egresses?: Page<EgressView>;
}

/** Bytes per second of one tunnel. */
export interface Speed {
  readonly up: number;
  readonly down: number;
}

/** What is done when the user says yes. */
export type Deed =
  | { readonly do: 'cut'; readonly filter: CutRequest }
  | { readonly do: 'egress'; readonly address: string; readonly action: EgressAction };

export interface TopState {
  /** Where the gateway is, for the title. */
  readonly place: string;
  readonly view: View;
  /** The latest answer of each kind. */
  readonly status: Status | undefined;
  readonly tunnels: TunnelPage | undefined;
  readonly egresses: Page<EgressView> | undefined;
  /** The oldest first; as many as a sparkline may have. */
  readonly history: readonly Rates[];
  readonly speeds: ReadonlyMap<string, Speed>;
  /** An index into {@link SORTS}. */
  readonly sort: Readonly<Record<View, number>>;
  readonly filter: string;
  /** The filter as it was, while it is being typed. */
  readonly typing: string | undefined;
  /** The selected row: by its id as long as that is there, then by its place. */
  readonly selected: { readonly id: string | undefined; readonly index: number };
  readonly question: { readonly text: string; readonly deed: Deed } | undefined;
  /** What a deed has led to. */
  readonly notice: { readonly text: string; readonly bad: boolean } | undefined;
  /** Why there is no answer. */
  readonly trouble: string | undefined;
  readonly paused: boolean;
  readonly help: boolean;
}

const MOST_HISTORY = 120;

export function initialState(place: string, view: View = 'tunnels', filter = ''): TopState {
  return {
    place,
    view,
    status: undefined,
    tunnels: undefined,
    egresses: undefined,
    history: [],
    speeds: new Map(),
    sort: { tunnels: 0, egresses: 0, failures: 0 },
    filter,
    typing: undefined,
    selected: { id: undefined, index: 0 },
    question: undefined,
    notice: undefined,
    trouble: undefined,
    paused: false,
    help: false,
  };
}

/** Takes a look in. Paused, nothing that is shown changes. */
export function arrive(state: TopState, { status, tunnels, egresses }: Sample): TopState {
  if (state.paused) return { ...state, trouble: undefined };
  const before = state.status;
  // Two looks at the same moment say nothing about speed.
  const moved = before !== undefined && status.now > before.now;
  return {
    ...state,
    trouble: undefined,
    status: before === undefined || moved || status.startedAt !== before.startedAt ? status : before,
    history: moved ? [...state.history, ratesBetween(before, status)].slice(-MOST_HISTORY) : state.history,
    tunnels: tunnels ?? state.tunnels,
    egresses: egresses ?? state.egresses,
    speeds: tunnels !== undefined && moved ? speedsOf(state, tunnels, status.now - before.now) : state.speeds,
  };
}

/** How the API is to sort tunnels; by speed only we can. */
export function tunnelSort({ sort }: TopState): TunnelSort {
  const name = SORTS.tunnels[sort.tunnels]!;
  return name === 'speed' ? 'received' : name;
}

function speedsOf({ tunnels }: TopState, now: TunnelPage, ms: number): Map<string, Speed> {
  const before = new Map(tunnels?.items.map((tunnel) => [tunnel.id, tunnel]));
  const speed = (from: number, to: number): number => (Math.max(0, to - from) * 1000) / ms;
  return new Map(
    now.items.flatMap(({ id, sent, received }) => {
      const earlier = before.get(id);
      if (earlier === undefined) return [];
      return [[id, { up: speed(earlier.sent, sent), down: speed(earlier.received, received) }] as const];
    }),
  );
}
