/** The views, in the order of their tabs; the part after `#` in the address bar names one. */

export type TabName = 'overview' | 'pool' | 'tunnels' | 'sessions' | 'users' | 'log' | 'config' | 'connect';

export const TABS: readonly { readonly name: TabName; readonly title: string }[] = [
  { name: 'overview', title: 'Overview' },
  { name: 'pool', title: 'Pool' },
  { name: 'tunnels', title: 'Tunnels' },
  { name: 'sessions', title: 'Sessions' },
  { name: 'users', title: 'Users' },
  { name: 'log', title: 'Log' },
  { name: 'config', title: 'Config' },
  { name: 'connect', title: 'Connect' },
];

export function tabOf(hash: string): TabName | undefined {
  return TABS.find(({ name }) => `#${name}` === hash)?.name;
}

/** Where an arrow key leads; round at both ends. */
export function nextTab(from: TabName, key: string): TabName | undefined {
  const at = TABS.findIndex(({ name }) => name === from);
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: at - 1 + TABS.length,
    ArrowRight: at + 1,
    Home: 0,
    End: TABS.length - 1,
  };
  const to = moves[key];
  return to === undefined ? undefined : TABS[to % TABS.length]!.name;
}

/** The token that a link brings along: `#token=…`. */
export function tokenOf(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') || undefined;
}
