/** What somebody has chosen for this browser: the theme, and whether single keys do something. */
export type Theme = 'auto' | 'dark' | 'light';

export const THEMES: readonly Theme[] = ['auto', 'dark', 'light'];
const THEME_KEY = 'gyre.theme';
const KEYS_KEY = 'gyre.keys';

export function readTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY);
  return THEMES.find((theme) => theme === kept) ?? 'auto';
}

/** Canvases hear of it by the event `themechange`: they cannot take their colours from the style sheet. */
export function setTheme(theme: Theme): void {
  localStorage.setItem(THEME_KEY, theme);
  document.documentElement.dataset['theme'] = theme;
  window.dispatchEvent(new Event('themechange'));
}

/** Calls back whenever colours are others: by choice here, or by the system's. */
export function onThemeChange(listener: () => void): () => void {
  const ending = new AbortController();
  const system = matchMedia('(prefers-color-scheme: dark)');
  window.addEventListener('themechange', listener, { signal: ending.signal });
  system.addEventListener('change', listener, { signal: ending.signal });
  return () => ending.abort();
}

/** The colours of the style sheet's variables as they are now, as `rgb(…)`. */
export function coloursOf(names: readonly string[]): string[] {
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  const colours = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colours;
}

export function keysOn(): boolean {
  return localStorage.getItem(KEYS_KEY) !== 'off';
}

export function setKeys(on: boolean): void {
  localStorage.setItem(KEYS_KEY, on ? 'on' : 'off');
}
