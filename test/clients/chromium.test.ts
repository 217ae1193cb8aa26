/** Chromium, driven by Playwright: many connections at once, a 407 answered on the same socket, names left to us. */
import assert from 'node:assert/strict';
import { chromium, type LaunchOptions, type Page } from 'playwright-core';
import { findProgram } from '../support/program.ts';
import { assertPool, PASSWORD, setStage, USER, type Props } from '../support/program-stage.ts';
import { PAGE_IMAGES, PAGE_SCRIPTS } from '../support/target.ts';

const declare = setStage('chromium');
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
  await loadPage(props, { server, username: USER, password: PASSWORD }, props.https.origin);
});

declare('socks5 proxy, a page with many resources', NEEDS, async (props) => {
  await loadPage(props, { server: `socks5://${props.open.address}` }, props.https.origin);
});

declare('socks5 proxy, plain http by name', NEEDS, async (props) => {
  await loadPage(props, { server: `socks5://${props.open.address}` }, `http://localhost:${props.http.port}`);
});

declare('http proxy with a wrong password: the page does not load', NEEDS, async (props) => {
  const proxy = { server: `http://${props.guarded.address}`, username: USER, password: 'wrong' };
  await withPage(proxy, async (page) => {
    await assert.rejects(page.goto(`${props.https.origin}/page`), /ERR_/);
  });
  assert.deepEqual(props.https.takeVisits(), []);
});

type Proxy = NonNullable<LaunchOptions['proxy']>;

async function loadPage(props: Props, proxy: Proxy, origin: string): Promise<void> {
  await withPage(proxy, async (page) => {
    await page.goto(`${origin}/page`, { waitUntil: 'load' });
    // Strings, because the code runs in the browser and this project has no browser types.
    const drawn = await page.evaluate(
      '[...document.images].filter((image) => image.naturalWidth === 8).length',
    );
    assert.equal(drawn, PAGE_IMAGES.length);
    assert.equal(await page.evaluate('document.scriptsRun'), PAGE_SCRIPTS.length);
  });
  const visits = [...props.https.takeVisits(), ...props.http.takeVisits()];
  const paths = new Set(visits.map((visit) => visit.url));
  for (const path of ['/page', ...PAGE_IMAGES, ...PAGE_SCRIPTS])
    assert(paths.has(path), `${path} was not asked for`);
  const callers = visits.map((visit) => visit.address);
  assertPool(callers);
  assert(new Set(callers).size >= 2, 'the whole page came through one address');
}

async function withPage(proxy: Proxy, use: (page: Page) => Promise<void>): Promise<void> {
  const executablePath = findProgram('chromium')!;
  const browser = await chromium.launch({ executablePath, args: FLAGS, proxy, timeout: 40_000 });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await use(page);
  } finally {
    await browser.close();
  }
}
