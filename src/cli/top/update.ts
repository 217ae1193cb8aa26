/** What keys do. Pure. */
import type { EgressAction, EgressView } from '../../admin/api.ts';
import { graphemesOf } from '../text-width.ts';
import type { Key } from './keys.ts';
import { SORTS, VIEWS, type Deed, type TopState, type View } from './state.ts';
import { rowsOf, selectedIndex } from './views.ts';

/** What is left to whoever has the terminal and the gateway. */
export type Order = 'quit' | 'suspend' | 'redraw' | 'look' | Deed;

export interface Step {
  readonly state: TopState;
  readonly order?: Order;
}

const LONGEST_FILTER = 100;

/** @param page Rows that Page Up and Page Down go over. */
export function press(before: TopState, key: Key, page: number): Step {
  if (key === 'ctrl-c') return { state: before, order: 'quit' };
  if (key === 'ctrl-z') return { state: before, order: 'suspend' };
  if (key === 'ctrl-l') return { state: before, order: 'redraw' };
  if (before.question !== undefined) return answer(before, key);
  if (before.typing !== undefined) return type(before, before.typing, key);
  const state: TopState = { ...before, notice: undefined };
  if (state.help) return { state: { ...state, help: false } };
  return typeof key === 'string' ? move(state, key, page) : command(state, key.char);
}

/** Only a plain yes is one. */
function answer(state: TopState, key: Key): Step {
  const { question, ...rest } = state;
  const yes = typeof key !== 'string' && /^[yY]$/.test(key.char);
  const closed: TopState = { ...rest, question: undefined };
  return yes && question !== undefined ? { state: closed, order: question.deed } : { state: closed };
}

function type(state: TopState, before: string, key: Key): Step {
  const filtered = (filter: string): Step => ({ state: { ...state, filter }, order: 'look' });
  if (key === 'enter') return { state: { ...state, typing: undefined } };
  if (key === 'escape') return { state: { ...state, filter: before, typing: undefined }, order: 'look' };
  if (key === 'backspace') return filtered(graphemesOf(state.filter).slice(0, -1).join(''));
  if (key === 'ctrl-u') return filtered('');
  if (typeof key === 'string' || state.filter.length >= LONGEST_FILTER) return { state };
  return filtered(state.filter + key.char);
}

function move(state: TopState, key: Exclude<Key, object>, page: number): Step {
  switch (key) {
    case 'tab':
      return turnTo(state, VIEWS[(VIEWS.indexOf(state.view) + 1) % VIEWS.length]!);
    case 'backtab':
      return turnTo(state, VIEWS.at(VIEWS.indexOf(state.view) - 1)!);
    case 'up':
      return { state: select(state, (index) => index - 1) };
    case 'down':
      return { state: select(state, (index) => index + 1) };
    case 'pageup':
      return { state: select(state, (index) => index - page) };
    case 'pagedown':
      return { state: select(state, (index) => index + page) };
    case 'home':
      return { state: select(state, () => 0) };
    case 'end':
      return { state: select(state, () => Number.MAX_SAFE_INTEGER) };
    case 'escape':
      return state.filter === '' ? { state } : { state: { ...state, filter: '' }, order: 'look' };
    default:
      return { state };
  }
}

function command(state: TopState, char: string): Step {
  switch (char) {
    case '1':
    case '2':
    case '3':
      return turnTo(state, VIEWS[Number(char) - 1]!);
    case 'q':
    case 'Q':
      return { state, order: 'quit' };
    case '?':
    case 'h':
      return { state: { ...state, help: true } };
    case '/':
      return { state: { ...state, typing: state.filter } };
    case 's':
      return sortBy(state, 1);
    case 'S':
      return sortBy(state, -1);
    case 'p':
    case ' ':
      return { state: { ...state, paused: !state.paused }, order: 'look' };
    case 'k':
      return { state: askToCut(state) };
    case 'K':
      return { state: askToCutAll(state) };
    case 'd':
      return { state: askToDrain(state) };
    case 'e':
      return { state: askAboutEgress(state, 'eject') };
    default:
      return { state };
  }
}

function turnTo(state: TopState, view: View): Step {
  return { state: { ...state, view, selected: { id: undefined, index: 0 } }, order: 'look' };
}

function sortBy(state: TopState, step: number): Step {
  const { view, sort } = state;
  const count = SORTS[view].length;
  const next = (sort[view] + step + count) % count;
  const selected = { id: undefined, index: 0 };
  return { state: { ...state, selected, sort: { ...sort, [view]: next } }, order: 'look' };
}

function select(state: TopState, to: (index: number) => number): TopState {
  const rows = rowsOf(state);
  if (rows.ids.length === 0) return state;
  const index = Math.max(0, Math.min(to(selectedIndex(state, rows)), rows.ids.length - 1));
  return { ...state, selected: { id: rows.ids[index], index } };
}

const ask = (state: TopState, text: string, deed: Deed): TopState => ({ ...state, question: { text, deed } });
const refuse = (state: TopState, text: string): TopState => ({ ...state, notice: { text, bad: true } });

/** From here on the row is the one the question was about, whatever moves. */
function askToCut(state: TopState): TopState {
  const id = state.view === 'tunnels' ? selectedId(state) : undefined;
  const tunnel = state.tunnels?.items.find((one) => one.id === id);
  if (tunnel === undefined) return refuse(state, 'select a tunnel first: 1 shows them');
  const { user, client, target } = tunnel;
  const text = `cut the tunnel ${tunnel.id} of ${user ?? client} to ${target}?`;
  return ask(state, text, { do: 'cut', filter: { id: tunnel.id } });
}

function askToCutAll(state: TopState): TopState {
  const { view, filter, tunnels } = state;
  if (view !== 'tunnels' || filter === '')
    return refuse(state, 'K cuts what a filter shows: press 1, then /');
  const text = `cut all tunnels with "${filter}", ${tunnels?.total ?? 0} at the moment?`;
  return ask(state, text, { do: 'cut', filter: { q: filter } });
}

function askToDrain(state: TopState): TopState {
  const egress = selectedEgress(state);
  return askAboutEgress(state, egress?.byHand === 'drain' ? 'undrain' : 'drain');
}

function askAboutEgress(state: TopState, action: EgressAction): TopState {
  const tunnel =
    state.view === 'tunnels' ? state.tunnels?.items.find(({ id }) => id === selectedId(state)) : undefined;
  const address = tunnel?.egress ?? selectedEgress(state)?.address;
  if (address === undefined) return refuse(state, 'select an egress first: 2 shows them');
  return ask(state, `${action} the egress ${address}?`, { do: 'egress', address, action });
}

function selectedEgress(state: TopState): EgressView | undefined {
  const id = state.view === 'egresses' ? selectedId(state) : undefined;
  return state.egresses?.items.find(({ pool, address }) => `${pool} ${address}` === id);
}

function selectedId(state: TopState): string | undefined {
  const rows = rowsOf(state);
  return rows.ids[selectedIndex(state, rows)];
}
