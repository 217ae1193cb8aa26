/**
 * What the main thread asks a lane, and how a lane answers: at once, and never with more than was asked for.
 *
 * Plain data on both sides, since most lanes are on other threads.
 */
import type { TunnelFilter, TunnelSort, TunnelView } from '../../admin/api.ts';
import type { Connection } from '../../connection.ts';
import type { SeenSession, SeenSessions } from '../../egress/sessions/seen.ts';
import type { Forward } from '../../forward/forward.ts';
import type { Tunnels } from '../../relay.ts';
import { tunnelFilter, tunnelOrder, tunnelView } from './tunnels.ts';

export type Question =
  | {
      readonly type: 'tunnels';
      readonly filter: TunnelFilter;
      readonly sort: TunnelSort;
      readonly limit: number;
    }
  | { readonly type: 'cut'; readonly filter: TunnelFilter }
  /** @param keys Whose labels are wanted; all there are when left out. */
  | { readonly type: 'sessions'; readonly keys?: readonly string[] | undefined };

export interface Answers {
  readonly tunnels: { readonly total: number; readonly items: readonly TunnelView[] };
  readonly cut: number;
  readonly sessions: readonly SeenSession[];
}

export type AnswerTo<Q extends Question> = Answers[Q['type']];

/** What a lane answers from. */
export interface Knowledge {
  readonly index: number;
  readonly tunnels: Tunnels;
  readonly forwards: ReadonlySet<Forward>;
  readonly sessions: SeenSessions;
}

export function answer<Q extends Question>(question: Q, lane: Knowledge): AnswerTo<Q> {
  return answerAny(question, lane) as AnswerTo<Q>;
}

function answerAny(question: Question, lane: Knowledge): Answers[keyof Answers] {
  switch (question.type) {
    case 'tunnels':
      return list(question, lane);
    case 'cut':
      return cut(question.filter, lane);
    // Sessions.
    default:
      return lane.sessions.list(question.keys);
  }
}

function list(
  { filter, sort, limit }: Extract<Question, { type: 'tunnels' }>,
  lane: Knowledge,
): Answers['tunnels'] {
  const found = connections(lane).filter(tunnelFilter(filter)).toArray().sort(tunnelOrder(sort));
  return { total: found.length, items: found.slice(0, limit).map((c) => tunnelView(c, lane.index)) };
}

function* connections({ tunnels, forwards }: Knowledge): Generator<Connection, void, undefined> {
  yield* tunnels.connections();
  for (const { current } of forwards) if (current !== undefined) yield current;
}

function cut(filter: TunnelFilter, { tunnels, forwards }: Knowledge): number {
  const chosen = tunnelFilter(filter);
  let count = tunnels.cut('CUT_BY_OPERATOR', chosen);
  for (const client of forwards) if (client.cutIf('CUT_BY_OPERATOR', chosen)) count++;
  return count;
}
