/** The first line of the page: which gateway this is, whether it runs, and whether what is shown is live. */
import { useEffect, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import { type Board, useBoard } from '../data/board.ts';
import type { Link } from '../data/follow.ts';
import { readTheme, setTheme, type Theme, THEMES } from '../data/settings.ts';
import { useStore } from '../data/store.ts';
import { duration, plural } from '../model/format.ts';
import { Choice } from './controls.ts';
import { html } from './html.ts';

const STATES = { starting: 'Starting', ready: 'Ready', draining: 'Draining' };

export function Header(): VNode {
  const board = useBoard();
  const status = useStore(board.store, (state) => state.status);
  const link = useStore(board.store, (state) => state.link);
  const state = status?.state ?? 'starting';
  return html`<header class="top">
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <div class="brand">
      <img src="/app/icon.svg" width="26" height="26" alt="" />
      <h1>Gyre</h1>
      <span class="version">${status ? `v${status.version}` : ''}</span>
    </div>
    <div class="facts">
      ${status && html`<span class=${`pill ${state}`}><i aria-hidden="true"></i>${STATES[state]}</span>`}
      ${status && html`<span class="uptime">up ${duration(status.now - status.startedAt)}</span>`}
      <${LinkState} link=${link} />
    </div>
    <div class="tools">
      <${ThemeChoice} />
      <button onClick=${() => board.store.set({ helping: true })} aria-label="Help" title="Help (?)">
        ?
      </button>
      <button
        class="danger outline"
        disabled=${!status || state === 'draining' || link.state !== 'live'}
        onClick=${() => void drain(board)}
      >
        Drain…
      </button>
    </div>
  </header>`;
}

function LinkState({ link }: { readonly link: Link }): VNode {
  const words = {
    connecting: 'Connecting…',
    live: 'Live',
    refused: 'Needs a token',
    lost: 'Connection lost',
  };
  const lost = link.state === 'lost';
  return html`<span class=${`link ${link.state}`} role="status">
    <i aria-hidden="true"></i>${words[link.state]}${lost && html`<${Countdown} until=${link.retryAt} />`}
  </span>`;
}

/** Not read out: a screen reader would count along. */
function Countdown({ until }: { readonly until: number }): VNode {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return html`<span aria-hidden="true"
    >${`, again in ${Math.max(0, Math.ceil((until - now) / 1000))} s`}</span
  >`;
}

function ThemeChoice(): VNode {
  const [theme, choose] = useState(readTheme());
  const words: Record<Theme, string> = { auto: 'Auto', dark: 'Dark', light: 'Light' };
  const onChange = (value: string): void => {
    setTheme(value as Theme);
    choose(value as Theme);
  };
  const options = THEMES.map((value) => ({ value, text: words[value] }));
  return html`<${Choice}
    label="Theme"
    bare=${true}
    value=${theme}
    options=${options}
    onChange=${onChange}
  />`;
}

async function drain(board: Board): Promise<void> {
  const active = board.store.state.status?.totals.active ?? 0;
  const sure = await board.confirm({
    title: 'Drain and stop Gyre?',
    text: `It stops taking connections at once; ${plural(active, 'connection')} may finish until the drain deadline. Then the process ends, and this page with it. It cannot be taken back.`,
    action: 'Drain and stop',
    danger: true,
    typed: 'drain',
  });
  if (sure) await board.attempt(board.api.post('drain', {}), () => 'Gyre is draining.');
}

/** The fragment belongs to the views, so that the jump is made by hand. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
