/**
 * Playwright through Gyre: a browser whose connections leave from different addresses.
 *
 *   npm install playwright-core gyre
 *   node examples/playwright.ts [URL] [PROXY]
 *
 * With PROXY (`http://127.0.0.1:1080`) it uses a Gyre that runs already, started with `gyre serve`. Without, it starts
 * one inside this program for as long as the browser lives. CHROMIUM names the browser's executable.
 */
import { chromium, type Browser } from 'playwright-core';
import { createGateway } from 'gyre';

/**
 * The shape of a Playwright fixture: what is wanted is ready when `use` is called, and gone after it. In a test file:
 *
 *   export const test = base.extend<{ rotating: Browser }>({
 *     rotating: async ({}, use) => withRotatingBrowser(use),
 *   });
 */
export async function withRotatingBrowser(use: (browser: Browser) => Promise<void>): Promise<void> {
  await using gateway = await createGateway({
    pool: process.env['IP_POOL'] ?? '127.0.0.2-127.0.0.9',
    listen: '127.0.0.1:0',
    // A test's own server is on this machine; Gyre reaches it only when told so.
    targets: { allowPrivate: true },
  });
  await withBrowser(gateway.url, use);
}

export async function withBrowser(proxy: string, use: (browser: Browser) => Promise<void>): Promise<void> {
  const { protocol, host, username, password } = new URL(proxy);
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    // Credentials are fields of their own: Playwright drops those in `server` without a word.
    proxy: { server: `${protocol}//${host}`, ...(username && { username, password }) },
  });
  try {
    await use(browser);
  } finally {
    await browser.close();
  }
}

async function showAddresses(browser: Browser): Promise<void> {
  const url = process.argv[2] ?? 'https://api.ipify.org';
  for (let i = 0; i < 3; i += 1) {
    // A context has connections of its own, so each one gets an address of its own.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(url);
    console.log((await page.innerText('body')).trim());
    await context.close();
  }
}

const proxy = process.argv[3];
await (proxy === undefined ? withRotatingBrowser(showAddresses) : withBrowser(proxy, showAddresses));
