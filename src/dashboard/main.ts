/** The dashboard, from here: takes the token out of the link, draws the page, follows the gateway. */
import { render } from 'preact';
import { Board, BoardContext } from './data/board.ts';
import { readTheme, setTheme } from './data/settings.ts';
import { readToken } from './data/token.ts';
import { App } from './app.ts';
import { html } from './parts/html.ts';

setTheme(readTheme());
const board = new Board(readToken());
board.start();
render(html`<${BoardContext.Provider} value=${board}><${App} /><//>`, document.getElementById('app')!);

// A link with a new token, pasted into a page that is open, loads nothing by itself.
window.addEventListener('hashchange', () => {
  const token = readToken();
  if (token !== undefined && token !== board.api.token) board.start(token);
});
