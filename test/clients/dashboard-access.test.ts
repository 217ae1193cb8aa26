/** The dashboard for everybody: by keyboard, in both themes, on a phone, by axe-core's rules; and with 65,536 addresses. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { after, before } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Result } from 'axe-core';
import {
  look,
  openBrowser,
  startWorld,
  USER_PASSWORD,
  type Eyes,
  type World,
} from '../support/dashboard-world.ts';
import { eventually } from '../support/gateway.ts';
import type { Peer } from '../support/peer.ts';
import { declareCase, missing } from '../support/program-case.ts';

const NEEDS = ['chromium'];
const TABS = ['overview', 'pool', 'tunnels', 'sessions', 'users', 'log', 'config', 'connect'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const leaving = new AsyncDisposableStack();
let browser: Browser;
let world: World;
let tunnels: Peer[] = [];

before(async () => {
  if (missing(NEEDS).length > 0) return;
  browser = leaving.use(await openBrowser());
  world = leaving.use(
    await startWorld({
      pool: ['127.0.0.2-127.0.0.9', '203.0.113.5'],
      users: [{ name: 'alice', password: USER_PASSWORD, limits: { quota: '1GB/month' } }],
    }),
  );
  for (const user of ['alice', 'alice-session-a', 'alice-session-b']) tunnels.push(await world.tunnel(user));
  await assert.rejects(world.tunnel('mallory'));
  await world.gateway.control.act('127.0.0.5', 'drain');
  await world.configure({ timeouts: { drain: '50ms', idle: '7m' } });
  await world.gateway.control.reload('api');
});
after(async () => {
  for (const { socket } of tunnels) socket.destroy();
  tunnels = [];
  await leaving.disposeAsync();
});

function declare(name: string, options: BrowserContextOptions, body: (eyes: Eyes) => Promise<void>): void {
  declareCase(`dashboard: ${name}`, NEEDS, async () => {
    const eyes = await look(browser, world.link, options);
    try {
      await eyes.page.locator('#tab-overview').waitFor();
      await body(eyes);
      assert.deepEqual(
        eyes.complaints,
        [],
        'neither the console nor the policy of the page has anything to say',
      );
    } finally {
      await eyes.context.close();
    }
  });
}

/** Opens a view, and waits until it shows what it has to show. */
async function open(page: Page, tab: string): Promise<void> {
  await page.click(`#tab-${tab}`);
  await page.locator(`#panel[aria-labelledby=tab-${tab}]`).waitFor();
  await page.locator('#panel').getByText('Asking…').first().waitFor({ state: 'detached' });
}

async function assertNoFault(page: Page, where: string): Promise<void> {
  // A string, because the code runs in the browser and this project has no browser types.
  const found = await page.evaluate<Result[]>('axe.run(document).then(({ violations }) => violations)');
  const grave = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = grave.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, target }) => `${String(target)} ${html}`).join('\n   ')}`,
  );
  assert.deepEqual(told, [], where);
}

for (const colorScheme of ['dark', 'light'] as const) {
  declare(
    `axe-core finds no serious fault in any view, ${colorScheme}`,
    { colorScheme },
    async ({ page }) => {
      await page.evaluate(AXE);
      for (const tab of TABS) {
        await open(page, tab);
        await assertNoFault(page, tab);
      }
      await page.click('[aria-label=Help]');
      await assertNoFault(page, 'help');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Drain…' }).click();
      await assertNoFault(page, 'dialog');
    },
  );
}

declare(
  'the theme follows the system, and a choice overrules it',
  { colorScheme: 'dark' },
  async ({ page }) => {
    const ground = (): Promise<string> =>
      page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    const dark = await ground();
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await ground();
    assert.notEqual(dark, light);
    await page.getByLabel('Theme').selectOption('dark');
    assert.equal(await ground(), dark);
    await page.reload();
    await page.locator('#tab-overview').waitFor();
    assert.equal(await ground(), dark, 'the choice is kept');
  },
);

declare('no view is wider than a phone', { viewport: { width: 360, height: 740 } }, async ({ page }) => {
  for (const tab of TABS) {
    await open(page, tab);
    const [page_, window_] = await page.evaluate<[number, number]>(
      '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
    );
    assert(page_ <= window_, `${tab} is ${page_} px wide, the window ${window_}`);
  }
});

declare('everything by keyboard', {}, async ({ page }) => {
  const focused = (): Promise<string> =>
    page.evaluate<string>(
      'document.activeElement.id || document.activeElement.ariaLabel || document.activeElement.textContent.trim()',
    );
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await focused(), 'main');
  await page.focus('#tab-overview');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'tab-pool');
  await page.keyboard.press('End');
  assert.equal(await focused(), 'tab-connect');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'tab-overview');
  await page.focus('#tab-tunnels');
  await page.keyboard.press('Enter');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate("document.activeElement.matches('[data-filter]')"), true);
  await page.keyboard.type('/?');
  assert.equal(await page.inputValue('[data-filter]'), '/?', 'who types, types');
  await page.fill('[data-filter]', '');
  await page.focus('#tab-tunnels');
  await page.keyboard.press('?');
  await page.locator('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  assert.equal(await focused(), 'tab-tunnels', 'the focus is where it was');
});

declare('whoever walks by Tab sees where they are, and gets out again', {}, async ({ page }) => {
  await open(page, 'pool');
  const seen = new Set<string>();
  const here = `(() => {
    const at = document.activeElement;
    if (at === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(at);
    at.dataset.walked ??= String(Math.random());
    return [at.dataset.walked, outlineStyle !== 'none' && outlineWidth !== '0px', at.outerHTML.slice(0, 90)];
  })()`;
  for (let step = 0; step < 90; step += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate<[string, boolean, string] | null>(here);
    if (at === null || seen.has(at[0])) break;
    assert(at[1], `no focus to be seen at ${at[2]}`);
    seen.add(at[0]);
  }
  assert(seen.size > 20 && seen.size < 90, `${seen.size} stops`);
});

declareCase('dashboard: 65,536 addresses are drawn; how fast is printed', NEEDS, async (context) => {
  await using large = await startWorld({ pool: '127.1.0.0/16' });
  const eyes = await look(browser, large.link);
  const { page } = eyes;
  await page.click('#tab-pool');
  const times = (): Promise<number[]> =>
    page.evaluate<number[]>("performance.getEntriesByName('map-draw').map(({ duration }) => duration)");
  await eventually('the map was drawn three times', async () => (await times()).length >= 3);
  await page.focus('.cells');
  await page.keyboard.press('End');
  await page.locator('.looked').filter({ hasText: '127.1.255.255' }).waitFor();
  const [first = 0, ...rest] = await times();
  context.diagnostic(
    `first picture ${first.toFixed(1)} ms, then ${Math.max(...rest).toFixed(1)} ms at most a second`,
  );
  assert.deepEqual(eyes.complaints, []);
  await eyes.context.close();
});
