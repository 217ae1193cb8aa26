/** The bearer token: it comes in a link's fragment, which no server sees, and stays as long as the browser's tab. */
import { tokenOf } from '../model/tabs.ts';

const KEY = 'gyre.token';

/** Takes the token out of the address bar, so that neither history nor a screenshot shows it. */
export function readToken(): string | undefined {
  const brought = tokenOf(location.hash);
  if (brought) {
    history.replaceState(null, '', location.pathname + location.search);
    keepToken(brought);
  }
  return brought ?? sessionStorage.getItem(KEY) ?? undefined;
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function dropToken(): void {
  sessionStorage.removeItem(KEY);
}
