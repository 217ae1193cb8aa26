/** What people type to find tunnels: `user:alice egress:192.0.2.7 example` as the filter of the API. */
import type { TunnelFilter } from '../../admin/api.ts';

const FIELDS = ['id', 'user', 'client', 'target', 'egress', 'session', 'inbound'] as const;
const INBOUNDS = new Set(['socks5', 'socks4', 'http-connect', 'http-forward']);

/** Words with a known field and a colon become that field; everything else is looked for anywhere. */
export function parseFilter(text: string): TunnelFilter {
  const filter: Record<string, string> = {};
  const words: string[] = [];
  for (const word of text.trim().split(/\s+/)) {
    const [field, value] = split(word);
    if (field && value) filter[field] = value;
    else if (word) words.push(word);
  }
  if (words.length > 0) filter['q'] = words.join(' ');
  return filter;
}

/** The filter as a query; empty when nothing is asked. */
export function filterQuery(filter: TunnelFilter): URLSearchParams {
  return new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== undefined));
}

export function isEmpty(filter: TunnelFilter): boolean {
  return Object.keys(filter).length === 0;
}

/** At the first colon only: addresses have colons too. */
function split(word: string): [string | undefined, string] {
  const colon = word.indexOf(':');
  const field = FIELDS.find((name) => name === word.slice(0, Math.max(0, colon)).toLowerCase());
  const value = word.slice(colon + 1);
  if (field === 'inbound' && !INBOUNDS.has(value)) return [undefined, ''];
  return [field, value];
}
