/** Live tunnels, and forwarded requests under way, as an operator sees and chooses them. Runs on the threads that have them. */
import type { TunnelFilter, TunnelSort, TunnelView } from '../../admin/api.ts';
import type { Connection } from '../../connection.ts';
import { hostPort } from '../../ops/text.ts';
import { canonicalAddress } from './address.ts';

/** A connection that leaves from somewhere for somewhere. */
type Standing = Connection & { readonly egress: NonNullable<Connection['egress']> };

/** Whether there is a tunnel, or a request that is being answered: one that is still on its way to that is neither. */
export function stands(connection: Connection): connection is Standing {
  return connection.phase === 'relay' && connection.egress !== undefined && connection.target !== undefined;
}

/** @returns whether a connection that {@link stands} is meant: all that the filter names must hold. */
export function tunnelFilter(filter: TunnelFilter): (connection: Connection) => boolean {
  const { id, user, session, inbound } = filter;
  const client = filter.client && canonicalAddress(filter.client);
  const egress = filter.egress && canonicalAddress(filter.egress);
  const isTarget = targetFilter(filter.target);
  const q = filter.q?.toLowerCase();
  return (c) =>
    stands(c) &&
    (id === undefined || c.id === id) &&
    (user === undefined || c.identity?.user === user) &&
    (client === undefined || c.client.address === client) &&
    (egress === undefined || c.egress.address === egress) &&
    (session === undefined || c.session === session) &&
    (inbound === undefined || c.inbound === inbound) &&
    isTarget(c) &&
    (q === undefined || searchText(c).includes(q));
}

/** `host`, `host:port`, or an IPv6 address with brackets and a port, or without either. */
function targetFilter(text: string | undefined): (connection: Standing) => boolean {
  if (text === undefined) return () => true;
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  const host = canonicalAddress((bracketed ?? plain ?? text).toLowerCase().replace(/\.$/, ''));
  return ({ target }) => target!.host === host && (port === undefined || target!.port === Number(port));
}

function searchText(c: Standing): string {
  return [clientText(c), c.identity?.user ?? '', targetText(c), c.egress.address, c.session ?? '']
    .join('\n')
    .toLowerCase();
}

const clientText = ({ client }: Connection): string => hostPort(client.address, client.port);
const targetText = ({ target }: Connection): string => hostPort(target!.host, target!.port);

export function tunnelView(c: Connection, thread: number): TunnelView {
  return {
    id: c.id,
    thread,
    client: clientText(c),
    user: c.identity?.user ?? null,
    inbound: c.inbound!,
    target: targetText(c),
    egress: c.egress!.address,
    session: c.session ?? null,
    openedAt: c.openedAt,
    sent: c.sent,
    received: c.received,
  };
}

type Sortable = Pick<Connection, 'openedAt' | 'sent' | 'received'>;

/** The longest, or the one with most bytes, first. */
export function tunnelOrder(sort: TunnelSort): (a: Sortable, b: Sortable) => number {
  return sort === 'age' ? (a, b) => a.openedAt - b.openedAt : (a, b) => b[sort] - a[sort];
}
