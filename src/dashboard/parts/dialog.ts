/** The browser's own dialog: it keeps the focus inside, closes by Escape, and gives the focus back. */
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import type { VNode } from 'preact';
import { type Children, html } from './html.ts';

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  readonly children?: Children;
  readonly wide?: boolean;
}

/** Open for as long as it is there. */
export function Dialog({ title, onClose, children, wide = false }: Props): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // At once, also when it goes: nobody is to find the focus nowhere.
  useLayoutEffect(() => {
    const before = document.activeElement;
    const element = dialog.current!;
    element.showModal();
    return () => {
      element.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const cancel = (event: Event): void => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${dialog} class=${wide ? 'wide' : ''} aria-labelledby=${heading} onCancel=${cancel}>
    <h2 id=${heading}>${title}</h2>
    ${children}
  </dialog>`;
}
