/** Small controls that several views have. */
import { useEffect, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import { type Children, html } from './html.ts';

interface FilterProps {
  readonly label: string;
  readonly value: string;
  readonly hint?: string;
  readonly onChange: (text: string) => void;
}

/** The box that `/` goes to. */
export function Filter({ label, value, hint, onChange }: FilterProps): VNode {
  return html`<label class="field filter">
    <span>${label}</span>
    <input
      type="search"
      data-filter
      autocomplete="off"
      spellcheck="false"
      placeholder=${hint ?? ''}
      value=${value}
      onInput=${(event: InputEvent) => onChange((event.currentTarget as HTMLInputElement).value)}
    />
  </label>`;
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly text: string }[];
  readonly onChange: (value: string) => void;
  /** The label is for screen readers only. */
  readonly bare?: boolean;
}

export function Choice({ label, value, options, onChange, bare = false }: ChoiceProps): VNode {
  return html`<label class="field">
    <span class=${bare ? 'hidden' : ''}>${label}</span>
    <select
      value=${value}
      onChange=${(event: Event) => onChange((event.currentTarget as HTMLSelectElement).value)}
    >
      ${options.map((option) => html`<option key=${option.value} value=${option.value}>${option.text}</option>`)}
    </select>
  </label>`;
}

/** Copies a text, and says so in the button itself; where the browser does not allow it, says that. */
export function Copy({ text, what }: { readonly text: string; readonly what: string }): VNode {
  const [said, say] = useState('');
  useEffect(() => {
    if (said === '') return undefined;
    const timer = setTimeout(() => say(''), 2500);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (): Promise<void> => say((await toClipboard(text)) ? 'Copied' : 'Press Ctrl+C');
  return html`<button class="copy" onClick=${() => void copy()} aria-label=${`Copy: ${what}`}>
    <span aria-live="polite">${said || 'Copy'}</span>
  </button>`;
}

/** A sentence on why there is nothing, or on what went wrong. */
export function Problem({ error }: { readonly error: string | undefined }): VNode | null {
  return error === undefined ? null : html`<p class="problem" role="alert">${error}</p>`;
}

/** A part of a view, with its heading and what can be done there. */
export function Card(props: {
  readonly title: string;
  readonly aside?: Children;
  readonly children?: Children;
  readonly name?: string;
}): VNode {
  const id = `card-${props.title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return html`<section class=${`card ${props.name ?? ''}`} aria-labelledby=${id}>
    <header>
      <h2 id=${id}>${props.title}</h2>
      <div class="aside">${props.aside}</div>
    </header>
    ${props.children}
  </section>`;
}

/** The clipboard wants a secure page; http on another host than localhost is none, so there the text is selected. */
async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
