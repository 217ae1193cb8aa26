/** What the page knows, in one place; components take what they show from it and are drawn again when it changes. */
import { useEffect, useState } from 'preact/hooks';
import type { LogLine, ReloadReport, Status } from '../../admin/api.ts';
import type { History } from '../model/history.ts';
import type { TabName } from '../model/tabs.ts';
import type { Link } from './follow.ts';

/** A question that must be answered before anything happens. */
export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button says. */
  readonly action: string;
  readonly danger: boolean;
  /** Has to be typed before the button can be pressed. */
  readonly typed?: string;
  readonly answer: (yes: boolean) => void;
}

/** `id` tells two equal messages apart. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

export interface State {
  readonly link: Link;
  readonly tab: TabName;
  readonly status: Status | undefined;
  readonly history: History;
  /** How far the server's clock is ahead of ours; ms. */
  readonly clockAheadMs: number;
  readonly log: readonly LogLine[];
  /** Counted up with every reload, so that views ask again. */
  readonly reload: { readonly count: number; readonly last: ReloadReport | undefined };
  readonly question: Question | undefined;
  readonly notice: Notice | undefined;
  readonly helping: boolean;
  /** What is looked for in the table of addresses; the map sets it as well. */
  readonly poolFilter: string;
}

export class Store {
  #state: State;
  readonly #listeners = new Set<() => void>();

  constructor(state: State) {
    this.#state = state;
  }

  get state(): State {
    return this.#state;
  }

  set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** A part of the state, and drawn again when that part is another one. */
export function useStore<Part>(store: Store, part: (state: State) => Part): Part {
  const [, draw] = useState({});
  const shown = part(store.state);
  useEffect(() => {
    let last = shown;
    const look = (): void => {
      const now = part(store.state);
      if (Object.is(now, last)) return;
      last = now;
      draw({});
    };
    look();
    return store.on(look);
  }, [store]);
  return shown;
}
