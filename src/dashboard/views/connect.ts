/** The line for your client, ready to be copied. */
import { useState } from 'preact/hooks';
import type { VNode } from 'preact';
import { useBoard } from '../data/board.ts';
import { useStore } from '../data/store.ts';
import { type ClientLine, clientLines, PASSWORD, USER, wayTo } from '../model/client-lines.ts';
import { Card, Choice, Copy } from '../parts/controls.ts';
import { html } from '../parts/html.ts';

export function Connect(): VNode {
  const { store } = useBoard();
  const listeners = useStore(store, (state) => state.status)!.listeners;
  const [login, setLogin] = useState(store.state.status!.users.known > 0);
  const [chosen, choose] = useState('');
  const usable = listeners.filter(({ kind }) => kind !== 'unix');
  const listener = usable.find(({ address }) => address === chosen) ?? usable[0];
  const way = listener && wayTo(listener, location.hostname, login);
  if (!way)
    return html`<div class="empty">
      This gateway listens on Unix sockets only: see the documentation of your client.
    </div>`;
  const options = usable.map(({ address }) => ({ value: address, text: address }));
  return html`<div class="connect">
    <${Card} title="Connect a client">
      <div class="bar">
        <${Choice} label="Listener" value=${listener.address} options=${options} onChange=${choose} />
        <label class="check"
          ><input type="checkbox" checked=${login} onChange=${() => setLogin(!login)} /> With user name and
          password</label
        >
      </div>
      <p>
        One port speaks SOCKS5, SOCKS4, HTTP CONNECT and plain HTTP. Every new connection leaves from the next
        address; whoever keeps a connection keeps its
        address.${login && html` Put your own in place of <code>${USER}</code> and <code>${PASSWORD}</code>.`}
      </p>
    <//>
    <div class="lines">${clientLines(way).map((line) => html`<${Line} key=${line.id} line=${line} />`)}</div>
  </div>`;
}

function Line({ line: { id, title, note, code } }: { readonly line: ClientLine }): VNode {
  return html`<${Card}
    title=${title}
    name=${`line-${id}`}
    aside=${html`<${Copy} text=${code} what=${title} />`}
  >
    <pre class="code" tabindex="0" aria-label=${`For ${title}`}>${code}</pre>
    <p class="note">${note}</p>
  <//>`;
}
