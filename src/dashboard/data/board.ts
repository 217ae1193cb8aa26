/** The dashboard as one value: everything a component may reach, given down by a context. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { ReloadReport, Status } from '../../admin/api.ts';
import { History } from '../model/history.ts';
import { appended } from '../model/log-lines.ts';
import type { TabName } from '../model/tabs.ts';
import { tabOf } from '../model/tabs.ts';
import { Api, messageOf } from './api.ts';
import { follow } from './follow.ts';
import { type Question, Store } from './store.ts';
import { dropToken, keepToken } from './token.ts';

export class Board {
  readonly api: Api;
  readonly store: Store;
  #following = new AbortController();
  #notices = 0;

  constructor(token: string | undefined) {
    this.api = new Api(token, () => this.#refused());
    this.store = new Store({
      link: { state: 'connecting' },
      tab: tabOf(location.hash) ?? 'overview',
      status: undefined,
      history: new History(),
      clockAheadMs: 0,
      log: [],
      reload: { count: 0, last: undefined },
      question: undefined,
      notice: undefined,
      helping: false,
      poolFilter: '',
    });
  }

  /** Follows the gateway's events from now on; once more with another token. */
  start(token: string | undefined = this.api.token): void {
    this.#following.abort();
    this.#following = new AbortController();
    this.api.token = token;
    if (token) keepToken(token);
    this.store.set({ link: { state: 'connecting' } });
    const { store } = this;
    const following = follow(
      this.api,
      {
        link: (link) => store.set({ link }),
        event: (name, data) => {
          if (name === 'status') this.#status(data as Status);
          else if (name === 'log') store.set({ log: appended(store.state.log, [data as never]) });
          else if (name === 'reload') this.#reloaded(data as ReloadReport);
        },
      },
      this.#following.signal,
    );
    void following;
  }

  show(tab: TabName): void {
    history.replaceState(null, '', `#${tab}`);
    this.store.set({ tab });
  }

  /** Asks; true when the button was pressed. */
  confirm(question: Omit<Question, 'answer'>): Promise<boolean> {
    return new Promise((resolve) => {
      const answer = (yes: boolean): void => {
        this.store.set({ question: undefined });
        resolve(yes);
      };
      this.store.set({ question: { ...question, answer } });
    });
  }

  /** Says something to eyes and ears. */
  say(text: string, bad = false): void {
    this.#notices += 1;
    this.store.set({ notice: { id: this.#notices, text, bad } });
  }

  /** Does something, and says how it went. @returns whether it did. */
  async attempt<Answer>(doing: Promise<Answer>, done: (answer: Answer) => string): Promise<boolean> {
    try {
      this.say(done(await doing));
      return true;
    } catch (error) {
      this.say(messageOf(error), true);
      return false;
    }
  }

  #status(status: Status): void {
    const { history } = this.store.state;
    history.push(status);
    this.store.set({ status, clockAheadMs: status.now - Date.now(), link: { state: 'live' } });
  }

  #reloaded(last: ReloadReport): void {
    const { count } = this.store.state.reload;
    this.store.set({ reload: { count: count + 1, last } });
    const { changes, problems, needsRestart } = last;
    if (!last.ok) this.say(`The reload failed: ${problems[0]?.message ?? 'see the tab Config'}`, true);
    else if (changes.length + needsRestart.length === 0) this.say('Reloaded: nothing has changed.');
    else this.say(`Reloaded: ${changes.length} changed, ${needsRestart.length} wait for a restart.`);
  }

  #refused(): void {
    dropToken();
    this.api.token = undefined;
    this.#following.abort();
    this.store.set({ link: { state: 'refused' } });
  }
}

// The provider at the root always gives one.
export const BoardContext: ReturnType<typeof createContext<Board>> = createContext<Board>(
  undefined as unknown as Board,
);

export function useBoard(): Board {
  return useContext(BoardContext);
}
