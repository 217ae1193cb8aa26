/** Chromium, driven by Playwright: many connections at once, a 407 answered on the same socket, names left to us. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { chromium, type LaunchOptions, type Page } from 'playwright-core';
import { findProgram } from '../support/program.ts';
import { assertPool, callerIn, PASSWORD, setStage, USER, type Props } from '../support/program-stage.ts';
import { PAGE_IMAGES, PAGE_SCRIPTS } from '../support/target.ts';
import { startWebSocketTarget } from '../support/target-websocket.ts';

const declare = setStage('chromium', {
  listen: ({ cert, key }) => [{ address: '127.0.0.1:0' }, { address: 'tls://127.0.0.1:0', cert, key }],
});
const NEEDS = ['chromium'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

declare('http proxy with credentials, a page with many resources', NEEDS, async (props) => {
  const server = `http://${props.guarded.address}`;
  await loadPage(props, { server, username: USER, password: PASSWORD }, [props.https.origin]);
});

declare('socks5 proxy, a page with many resources', NEEDS, async (props) => {
  await loadPage(props, { server: `socks5://${props.open.address}` }, [props.https.origin]);
});

declare('socks5 proxy, plain http by name', NEEDS, async (props) => {
  await loadPage(props, { server: `socks5://${props.open.address}` }, [
    `http://localhost:${props.http.port}`,
  ]);
});

declare('http proxy with a wrong password: the page does not load', NEEDS, async (props) => {
  const proxy = { server: `http://${props.guarded.address}`, username: USER, password: 'wrong' };
  await withPage(proxy, async (page) => {
    await assert.rejects(page.goto(`${props.https.origin}/page`), /ERR_/);
  });
  assert.deepEqual(props.https.takeVisits(), []);
});

declare('http proxy, an http page with many resources: no tunnel', NEEDS, async (props) => {
  await loadPage(props, { server: `http://${props.open.address}` }, [props.http.origin]);
});

declare('http proxy with credentials, an http page with many resources', NEEDS, async (props) => {
  await loadPage(props, { server: `http://${props.guarded.address}`, ...CREDENTIALS }, [props.http.origin]);
});

declare('http proxy with a wrong password, http page: the 407 is the page', NEEDS, async (props) => {
  const proxy = { server: `http://${props.guarded.address}`, username: USER, password: 'wrong' };
  await withPage(proxy, async (page) => {
    const shown = await page.goto(`${props.http.origin}/page`);
    assert.equal(shown?.status(), 407);
  });
  assert.deepEqual(props.http.takeVisits(), []);
});

declare('https proxy with credentials, an https and an http page', NEEDS, async (props) => {
  const proxy = { server: `https://127.0.0.1:${props.guarded.ports[1]}`, ...CREDENTIALS };
  await loadPage(props, proxy, [props.https.origin, props.http.origin], [trusting(props)]);
});

declare('https proxy whose certificate Chromium does not trust: no page', NEEDS, async (props) => {
  await withPage({ server: `https://127.0.0.1:${props.open.ports[1]}` }, async (page) => {
    await assert.rejects(page.goto(`${props.http.origin}/page`), /ERR_PROXY_CERTIFICATE_INVALID/);
  });
});

declare('socks4 proxy, http and https', NEEDS, async (props) => {
  const proxy = { server: `socks4://${props.open.address}` };
  await loadPage(props, proxy, [props.http.origin, props.https.origin]);
});

for (const scheme of ['ws', 'wss'] as const) {
  declare(`http proxy with credentials, ${scheme}://`, NEEDS, async (props) => {
    await using target = await startWebSocketTarget(scheme === 'wss' ? props.certificate : undefined);
    const server = `http://${props.guarded.address}`;
    await withPage({ server, ...CREDENTIALS }, async (page) => {
      const origin = scheme === 'wss' ? props.https.origin : props.http.origin;
      await page.goto(`${origin}/blank`);
      const url = `${scheme}://localhost:${target.port}/socket`;
      const heard = await page.evaluate<string[]>(`(${TALK})(${JSON.stringify(url)})`);
      assertPool([callerIn(heard[0]!, '/socket')]);
      assert.equal(heard[1], 'x'.repeat(200_000));
    });
  });
}

/** Runs in the browser: what the target said first, and its echo. */
const TALK = `(url) => new Promise((resolve, reject) => {
  const heard = [];
  const socket = new WebSocket(url);
  socket.onerror = () => reject(new Error('the WebSocket failed'));
  socket.onclose = () => resolve(heard);
  socket.onmessage = ({ data }) => {
    if (heard.push(data) === 1) socket.send('x'.repeat(200000));
    else socket.close();
  };
})`;

const CREDENTIALS = { username: USER, password: PASSWORD };

/**
 * The flag by which Chromium trusts the key of the proxy's certificate: `ignoreHTTPSErrors` is about pages and does not
 * reach as far as the proxy.
 */
function trusting({ certificate }: Props): string {
  const key = new X509Certificate(certificate.cert).publicKey.export({ type: 'spki', format: 'der' });
  return `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`;
}

type Proxy = NonNullable<LaunchOptions['proxy']>;

/** Loads the page from each origin, one after the other, in one browser. */
async function loadPage(
  props: Props,
  proxy: Proxy,
  origins: readonly string[],
  flags: readonly string[] = [],
): Promise<void> {
  const load = async (page: Page): Promise<void> => {
    for (const origin of origins) {
      await page.goto(`${origin}/page`, { waitUntil: 'load' });
      // Strings, because the code runs in the browser and this project has no browser types.
      const drawn = await page.evaluate(
        '[...document.images].filter((image) => image.naturalWidth === 8).length',
      );
      assert.equal(drawn, PAGE_IMAGES.length);
      assert.equal(await page.evaluate('document.scriptsRun'), PAGE_SCRIPTS.length);
      assertVisits(props);
    }
  };
  await withPage(proxy, load, flags);
}

function assertVisits({ http, https }: Props): void {
  const visits = [...https.takeVisits(), ...http.takeVisits()];
  const paths = new Set(visits.map((visit) => visit.url));
  for (const path of ['/page', ...PAGE_IMAGES, ...PAGE_SCRIPTS])
    assert(paths.has(path), `${path} was not asked for`);
  const callers = visits.map((visit) => visit.address);
  assertPool(callers);
  assert(new Set(callers).size >= 2, 'the whole page came through one address');
}

async function withPage(
  proxy: Proxy,
  use: (page: Page) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  const executablePath = findProgram('chromium')!;
  const browser = await chromium.launch({
    executablePath,
    args: [...FLAGS, ...flags],
    proxy,
    timeout: 40_000,
  });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await use(page);
  } finally {
    await browser.close();
  }
}
