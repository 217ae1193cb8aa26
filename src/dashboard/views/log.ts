/** The tail of the application log, as it is written. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import type { LogLine } from '../../admin/api.ts';
import { useBoard } from '../data/board.ts';
import { usePolled } from '../data/poll.ts';
import { useStore } from '../data/store.ts';
import { clock, plural } from '../model/format.ts';
import { appended, fieldsText, type Level, LINES_KEPT, visibleLines } from '../model/log-lines.ts';
import { Card, Choice, Filter, Problem } from '../parts/controls.ts';
import { html } from '../parts/html.ts';

const OPTIONS: readonly { readonly value: Level; readonly text: string }[] = [
  { value: 'error', text: 'errors only' },
  { value: 'warn', text: 'warnings and errors' },
  { value: 'info', text: 'all but debug' },
  { value: 'debug', text: 'everything' },
];

export function LogTail(): VNode {
  const [level, setLevel] = useState<Level>('debug');
  const [text, setText] = useState('');
  const [paused, pause] = useState<readonly LogLine[] | undefined>(undefined);
  const { lines, error } = useLines();
  const shown = visibleLines(paused ?? lines, level, text);
  const behind = paused ? lines.length - paused.length : 0;
  const aside = html`<button
    aria-pressed=${String(paused !== undefined)}
    onClick=${() => pause(paused ? undefined : lines)}
  >
    ${paused ? `Go on${behind > 0 ? ` (${behind} new)` : ''}` : 'Pause'}
  </button>`;
  return html`<${Card} title="Log" aside=${aside}>
    <div class="bar">
      <${Filter} label="Find lines" hint="words" value=${text} onChange=${setText} />
      <${Choice}
        label="Level"
        value=${level}
        options=${OPTIONS}
        onChange=${(value: string) => setLevel(value as Level)}
      />
      <span class="found">${plural(shown.length, 'line')}</span>
    </div>
    <${Problem} error=${error} />
    <${Lines} lines=${shown} />
    <p class="note">
      The latest ${LINES_KEPT.toLocaleString('en-US')} lines of the level that is configured; one line a
      connection is in the access log.
    </p>
  <//>`;
}

/** What was written before this page was opened, and what comes since. */
function useLines(): { readonly lines: readonly LogLine[]; readonly error: string | undefined } {
  const { store } = useBoard();
  const lines = useStore(store, (state) => state.log);
  const { answer, error } = usePolled<readonly LogLine[]>(`log?limit=${LINES_KEPT}`, 0);
  useEffect(() => {
    if (!answer) return;
    // Lines that came as events meanwhile are in the answer as well.
    const newest = answer.at(-1)?.at ?? 0;
    store.set({
      log: appended(
        answer,
        store.state.log.filter(({ at }) => at > newest),
      ),
    });
  }, [answer]);
  return { lines, error };
}

function Lines({ lines }: { readonly lines: readonly LogLine[] }): VNode {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const onScroll = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    atEnd.current = scrollTop + clientHeight > scrollHeight - 24;
  };
  useEffect(() => {
    if (atEnd.current) box.current!.scrollTop = box.current!.scrollHeight;
  }, [lines]);
  return html`<div class="log" role="log" aria-label="Log lines" tabindex="0" ref=${box} onScroll=${onScroll}>
    ${
      lines.length === 0
        ? html`<p class="empty">Nothing to show: a quiet log is a good sign.</p>`
        : lines.map((line, index) => html`<${Line} key=${`${line.at}-${index}`} line=${line} />`)
    }
  </div>`;
}

function Line({ line: { at, level, message, fields } }: { readonly line: LogLine }): VNode {
  return html`<p class=${level}>
    <time>${clock(at)}</time> <b>${level}</b> <span>${message}</span> <small>${fieldsText(fields)}</small>
  </p>`;
}
