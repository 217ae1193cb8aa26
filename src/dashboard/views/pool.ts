/** The pool: a map of all addresses, and a table of those one looks for. */
import { useState } from 'preact/hooks';
import type { VNode } from 'preact';
import { useBoard } from '../data/board.ts';
import { useStore } from '../data/store.ts';
import { bigCount, plural } from '../model/format.ts';
import { Card, Choice } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { AddressMap } from '../map/address-map.ts';
import { PoolTable } from './pool-table.ts';

export function Pool(): VNode {
  const { store } = useBoard();
  const pools = useStore(store, (state) => state.status)!.pools;
  const [chosen, choose] = useState('');
  const pool = pools.find(({ name }) => name === chosen) ?? pools[0];
  if (!pool) return html`<div class="empty">There is no pool.</div>`;
  const options = pools.map(({ name }) => ({ value: name, text: name }));
  const facts = `${bigCount(pool.addresses)} ${pool.addresses === '1' ? 'address' : 'addresses'}, ${plural(pool.tunnels, 'tunnel')} now`;
  const aside = html`<small>${facts}</small>
    ${pools.length > 1 && html`<${Choice} label="Pool" value=${pool.name} options=${options} onChange=${choose} />`}`;
  return html`<div class="pool">
    <${Card} title=${pools.length > 1 ? `Pool ${pool.name}` : 'Map of addresses'} aside=${aside}>
      <${AddressMap} key=${pool.name} pool=${pool} />
    <//>
    <${PoolTable} key=${pool.name} pool=${pool.name} />
  </div>`;
}
