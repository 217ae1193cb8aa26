/** "Are you sure?", and where it hurts most a word to type. */
import { useState } from 'preact/hooks';
import type { VNode } from 'preact';
import { useBoard } from '../data/board.ts';
import { type Question, useStore } from '../data/store.ts';
import { Dialog } from './dialog.ts';
import { html } from './html.ts';

/** Shows the question that is open, if any. */
export function Confirm(): VNode | null {
  const { store } = useBoard();
  const question = useStore(store, (state) => state.question);
  return question ? html`<${Ask} key=${question.title} question=${question} />` : null;
}

function Ask({ question }: { readonly question: Question }): VNode {
  const { title, text, action, danger, typed, answer } = question;
  const [word, setWord] = useState('');
  const ready = typed === undefined || word.trim().toLowerCase() === typed;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (ready) answer(true);
  };
  return html`<${Dialog} title=${title} onClose=${() => answer(false)}>
    <form onSubmit=${submit}>
      <p>${text}</p>
      ${
        typed !== undefined &&
        html`<label class="field">
          <span>Type <strong>${typed}</strong> to go on</span>
          <input
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            value=${word}
            onInput=${(event: InputEvent) => setWord((event.currentTarget as HTMLInputElement).value)}
          />
        </label>`
      }
      <div class="actions">
        <button type="button" onClick=${() => answer(false)}>Cancel</button>
        <button type="submit" class=${danger ? 'danger' : 'primary'} disabled=${!ready}>${action}</button>
      </div>
    </form>
  <//>`;
}
