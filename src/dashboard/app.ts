/** The page: header, tabs, the view that is chosen, and what lies over it. */
import { useEffect } from 'preact/hooks';
import type { VNode } from 'preact';
import { useBoard } from './data/board.ts';
import { keysOn } from './data/settings.ts';
import { type Store, useStore } from './data/store.ts';
import { TABS, type TabName } from './model/tabs.ts';
import { Confirm } from './parts/confirm.ts';
import { Header } from './parts/header.ts';
import { Help } from './parts/help.ts';
import { html } from './parts/html.ts';
import { Notices } from './parts/notice.ts';
import { Tabs } from './parts/tabs.ts';
import { TokenForm } from './parts/token-form.ts';
import { ConfigPage } from './views/config.ts';
import { Connect } from './views/connect.ts';
import { LogTail } from './views/log.ts';
import { Overview } from './views/overview.ts';
import { Pool } from './views/pool.ts';
import { Sessions } from './views/sessions.ts';
import { Tunnels } from './views/tunnels.ts';
import { Users } from './views/users.ts';

const VIEWS: Readonly<Record<TabName, () => VNode>> = {
  overview: Overview,
  pool: Pool,
  tunnels: Tunnels,
  sessions: Sessions,
  users: Users,
  log: LogTail,
  config: ConfigPage,
  connect: Connect,
};

export function App(): VNode {
  const { store, api } = useBoard();
  const refused = useStore(store, (state) => state.link.state === 'refused');
  const known = useStore(store, (state) => state.status !== undefined);
  useEffect(() => onKeys(store), [store]);
  return html`<${Header} />
    ${refused ? html`<${TokenForm} wrong=${api.tried} />` : known ? html`<${Content} />` : html`<${Waiting} />`}
    <${Notices} /><${Confirm} /><${Help} />`;
}

function Content(): VNode {
  const { store } = useBoard();
  const tab = useStore(store, (state) => state.tab);
  const stale = useStore(store, (state) => state.link.state !== 'live');
  useEffect(() => {
    document.title = `${TABS.find(({ name }) => name === tab)!.title} – Gyre`;
  }, [tab]);
  return html`<${Tabs} />
    <main id="main" tabindex="-1" class=${stale ? 'stale' : ''}>
      <div id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`}><${VIEWS[tab]} key=${tab} /></div>
    </main>`;
}

function Waiting(): VNode {
  return html`<main id="main" tabindex="-1" class="gate"><p>Waiting for the gateway’s first word…</p></main>`;
}

/** Single keys, where nobody is typing. */
function onKeys(store: Store): () => void {
  const onKeyDown = (event: KeyboardEvent): void => {
    const typing = (event.target as Element).closest('input, select, textarea, dialog') !== null;
    if (typing || event.ctrlKey || event.altKey || event.metaKey || !keysOn()) return;
    if (event.key === '?') store.set({ helping: true });
    else if (event.key === '/') document.querySelector<HTMLInputElement>('[data-filter]')?.focus();
    else return;
    event.preventDefault();
  };
  document.addEventListener('keydown', onKeyDown);
  return () => document.removeEventListener('keydown', onKeyDown);
}
