/** Asked when the link brought no token, or a wrong one. */
import { useState } from 'preact/hooks';
import type { VNode } from 'preact';
import { useBoard } from '../data/board.ts';
import { html } from './html.ts';

export function TokenForm({ wrong }: { readonly wrong: boolean }): VNode {
  const board = useBoard();
  const [token, setToken] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    if (token.trim() !== '') board.start(token.trim());
  };
  return html`<main id="main" tabindex="-1" class="gate">
    <form class="card" onSubmit=${submit}>
      <h2>This gateway wants a token</h2>
      <p>
        On the host it runs on, <code>gyre dashboard</code> prints a link that brings it along. It is also in
        the file that the start line names, or under <code>admin</code> in the configuration.
      </p>
      ${wrong && html`<p class="problem" role="alert">That token is not the right one.</p>`}
      <label class="field">
        <span>Token</span>
        <input
          type="password"
          autocomplete="off"
          required
          value=${token}
          onInput=${(event: InputEvent) => setToken((event.currentTarget as HTMLInputElement).value)}
        />
      </label>
      <div class="actions"><button class="primary" type="submit">Open</button></div>
    </form>
  </main>`;
}
