/** Where clients come in, and the threads that serve them. */
import type { VNode } from 'preact';
import type { Status, ThreadStatus } from '../../admin/api.ts';
import { count, duration, latency } from '../model/format.ts';
import { Card } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { type Column, Table } from '../parts/table.ts';

const KINDS = { tcp: '', tls: 'TLS', unix: 'Unix socket' };

export function Threads({ status }: { readonly status: Status }): VNode {
  const { listeners, threads, now, node, pid } = status;
  return html`<${Card}
    title="Listeners and threads"
    aside=${html`<small>Node ${node.replace(/^v/, '')}, process ${pid}</small>`}
  >
    <ul class="listeners">
      ${listeners.map(
        ({ address, kind, proxyProtocol }) =>
          html`<li key=${address}>
            <code>${address}</code>${' '}<small
              >${[KINDS[kind], proxyProtocol ? 'PROXY protocol' : ''].filter(Boolean).join(', ')}</small
            >
          </li>`,
      )}
    </ul>
    <${Table}
      caption="Threads"
      columns=${columnsAt(now)}
      rows=${threads}
      keyOf=${({ index }: ThreadStatus) => String(index)}
      empty="No thread is known yet."
    />
  <//>`;
}

function columnsAt(now: number): Column<ThreadStatus>[] {
  return [
    { id: 'thread', title: 'Thread', head: true, cell: ({ index }) => `Thread ${index}` },
    {
      id: 'state',
      title: 'State',
      cell: ({ state, since }) =>
        html`<span class=${`thread ${state}`}>${state}</span> <small>${duration(now - since)}</small>`,
    },
    { id: 'active', title: 'Active', number: true, cell: ({ active }) => count(active) },
    { id: 'late', title: 'Loop delay', number: true, cell: ({ loopDelayMs }) => latency(loopDelayMs) },
    { id: 'restarts', title: 'Replaced', number: true, cell: ({ restarts }) => count(restarts) },
  ];
}
