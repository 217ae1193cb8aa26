/** What `gyre top` asks the gateway, and what it tells it to do. */
import type { CutAnswer, EgressView, Page, Status, TunnelPage } from '../../admin/api.ts';
import type { AdminClient } from '../admin-client.ts';
import { plural } from '../terminal.ts';
import { tunnelSort, type Deed, type Sample, type TopState } from './state.ts';

/** Rows of a table that anybody scrolls through. */
const MOST_ROWS = 500;

/** One look: the totals, and the rows of the view. */
export async function look(client: AdminClient, state: TopState): Promise<Sample> {
  const { view, filter } = state;
  const status = client.get<Status>('status');
  const query = { q: filter, limit: MOST_ROWS };
  if (view === 'tunnels') {
    const tunnels = client.get<TunnelPage>('tunnels', { ...query, sort: tunnelSort(state) });
    const [one, two] = await Promise.all([status, tunnels]);
    return { status: one, tunnels: two };
  }
  if (view === 'egresses') {
    const [one, two] = await Promise.all([status, client.get<Page<EgressView>>('egresses', query)]);
    return { status: one, egresses: two };
  }
  return { status: await status };
}

/** @returns What has come of it, for the user. */
export async function carryOut(client: AdminClient, deed: Deed): Promise<string> {
  if (deed.do === 'cut') {
    const { cut } = await client.post<CutAnswer>('tunnels/cut', deed.filter);
    return cut === 0 ? 'it was gone already' : `${plural(cut, 'tunnel')} cut`;
  }
  const path = `egresses/${encodeURIComponent(deed.address)}/${deed.action}`;
  const { state } = await client.post<EgressView>(path);
  return `${deed.address} is ${state} now`;
}
