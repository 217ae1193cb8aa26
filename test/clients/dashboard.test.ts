/** The dashboard in a real browser, before a real gateway with real traffic: what it shows, and what it does. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import {
  look,
  openBrowser,
  startWorld,
  USER_PASSWORD,
  type Eyes,
  type World,
} from '../support/dashboard-world.ts';
import { eventually } from '../support/gateway.ts';
import { declareCase, missing } from '../support/program-case.ts';

const NEEDS = ['chromium'];
/** Not on this host: an address that fails by its own fault. */
const ABSENT = '203.0.113.5';
const leaving = new AsyncDisposableStack();
let browser: Browser;
let world: World;

before(async () => {
  if (missing(NEEDS).length > 0) return;
  browser = leaving.use(await openBrowser());
  world = leaving.use(
    await startWorld({
      pool: ['127.0.0.2-127.0.0.9', ABSENT],
      users: [{ name: 'alice', password: USER_PASSWORD, limits: { quota: '1GB/month' } }],
    }),
  );
});
after(() => leaving.disposeAsync());

/** @param tab To be open at first. */
function declare(name: string, tab: string, body: (eyes: Eyes) => Promise<void>): void {
  declareCase(`dashboard: ${name}`, NEEDS, async () => {
    const eyes = await look(browser, world.link);
    try {
      await eyes.page.click(`#tab-${tab}`);
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

/** Waits for a text in the page, or in a part of it. */
async function reads(page: Page, text: string | RegExp, where = 'body'): Promise<void> {
  await page.locator(where).filter({ hasText: text }).first().waitFor();
}

async function confirmed(page: Page, action: string): Promise<void> {
  await page.locator('dialog').getByRole('button', { name: action, exact: true }).click();
  await page.locator('dialog').waitFor({ state: 'detached' });
}

declare(
  'the token leaves the address bar, and totals move with the traffic',
  'overview',
  async ({ page }) => {
    assert(!page.url().includes('token'), page.url());
    await reads(page, 'Ready', '.pill');
    const active = page.locator('[data-tile=active] .big');
    const was = Number(await active.innerText());
    const tunnels = await Promise.all([1, 2, 3].map(() => world.tunnel('alice')));
    for (const tunnel of tunnels) {
      tunnel.text('x'.repeat(50_000));
      await tunnel.read(50_000);
    }
    await reads(page, String(was + 3), '[data-tile=active] .big');
    await reads(page, /1[5-9]\d kB in all|MB in all/, '[data-tile=sent]');
    await reads(page, /leaving from 8|leaving from 9/, '.verdict');
    const lines = await page.evaluate<number>("document.querySelectorAll('.spark canvas').length");
    assert.equal(lines, 6);
    for (const { socket } of tunnels) socket.destroy();
  },
);

declare('what fails is said in words, with whose fault it is', 'overview', async ({ page }) => {
  await assert.rejects(world.tunnel('mallory'));
  await reads(page, /Wrong user name or password.*Client/s, '.card tbody tr');
});

declare('the map draws every address in its state, and is read by keys', 'pool', async ({ page }) => {
  const colours =
    'new Set(new Uint32Array(c.getContext("2d").getImageData(0,0,c.width,c.height).data.buffer)).size';
  const drawn = (): Promise<number> =>
    page.evaluate<number>(
      `(() => { const c = document.querySelector('.cells canvas'); return c ? ${colours} : 0; })()`,
    );
  await eventually('the map is drawn in more than one colour', async () => (await drawn()) > 1);
  await page.focus('.cells');
  await page.keyboard.press('ArrowRight');
  await reads(page, /127\.0\.0\.3: (up|new)/, '.looked');
  assert.match((await page.getAttribute('.cells', 'aria-valuetext')) ?? '', /127\.0\.0\.3/);
  await page.keyboard.press('Enter');
  await eventually('the table shows this address only', async () => {
    const rows = await page.locator('tbody tr').allInnerTexts();
    return rows.length === 1 && rows[0]!.includes('127.0.0.3');
  });
});

declare('an address is drained, and comes back', 'pool', async ({ page }) => {
  const row = page.locator('tbody tr').filter({ hasText: '127.0.0.4' });
  const stateOf = (): string => world.gateway.control.egresses({ offset: 2, limit: 1 }).items[0]!.state;
  await page.getByRole('button', { name: 'drain 127.0.0.4' }).click();
  assert.notEqual(stateOf(), 'draining', 'nothing happens before it is confirmed');
  await confirmed(page, 'Drain');
  await row.filter({ hasText: /draining.*by hand/s }).waitFor();
  assert.equal(stateOf(), 'draining');
  await reads(page, '127.0.0.4 takes no new connections.', '.notices');
  await page.getByRole('button', { name: 'undrain 127.0.0.4' }).click();
  await page.getByRole('button', { name: 'drain 127.0.0.4', exact: true }).waitFor();
  assert.notEqual(stateOf(), 'draining');
});

declare('a tunnel appears, is found, and is cut', 'tunnels', async ({ page }) => {
  const [one, other] = [await world.tunnel('alice'), await world.tunnel('alice')];
  await page.locator('tbody tr').nth(1).waitFor();
  await page.fill('[data-filter]', `user:alice 127.0.0.1:${one.socket.localPort}`);
  await reads(page, '1 tunnel', '.found');
  await page.getByRole('button', { name: 'Cut these 1…' }).click();
  await confirmed(page, 'Cut');
  await eventually('the client of the tunnel has heard', () => one.closed || one.ended);
  await reads(page, '1 tunnel cut.', '.notices');
  await reads(page, 'No live tunnel is like that.', '.empty');
  assert(!other.closed && !other.ended, 'the other one stays');
  await page.fill('[data-filter]', '');
  await page.getByRole('button', { name: /^Cut the tunnel to/ }).click();
  await confirmed(page, 'Cut');
  await eventually('the other client has heard', () => other.closed || other.ended);
  one.socket.destroy();
  other.socket.destroy();
});

declare('a session is pinned, and dropped', 'sessions', async ({ page }) => {
  await reads(page, 'No sticky sessions.', '.empty');
  const tunnel = await world.tunnel('alice-session-cart');
  const row = page.locator('tbody tr').filter({ hasText: 'cart' });
  await row.waitFor();
  const egress = (await row.innerText()).includes('127.0.0.7') ? '127.0.0.8' : '127.0.0.7';
  await page.getByRole('button', { name: 'Pin session alice / cart' }).click();
  await page.fill('dialog input', egress);
  await confirmed(page, 'Pin');
  await row.filter({ hasText: egress }).waitFor();
  await page.getByRole('button', { name: 'Drop session alice / cart' }).click();
  await confirmed(page, 'Drop');
  await reads(page, 'No sticky sessions.', '.empty');
  tunnel.socket.destroy();
});

declare('users with what is used of their quotas', 'users', async ({ page }) => {
  await reads(page, /alice.*of 1\.00 GB this month/s, 'tbody tr');
  assert.equal(await page.locator('progress[aria-label="Quota of alice"]').count(), 1);
});

declare('log lines come by themselves, unless paused', 'log', async ({ page }) => {
  // Another address is tried in its place, so that only the log tells.
  const seen = `egress=${ABSENT}`;
  await eventually('the address that is not there was tried', async () => {
    (await world.tunnel('alice')).socket.destroy();
    return (await page.locator('.log').innerText()).includes(seen);
  });
  await page.selectOption('.bar select', 'error');
  await reads(page, 'Nothing to show', '.log');
  await page.selectOption('.bar select', 'debug');
  await page.getByRole('button', { name: 'Pause' }).click();
  const lines = await page.locator('.log p').count();
  await world.gateway.control.reload('api');
  await page.getByRole('button', { name: /Go on \(\d+ new\)/ }).click();
  await eventually(
    'what came meanwhile is there',
    async () => (await page.locator('.log p').count()) > lines,
  );
});

declare('a reload is shown, before and after; a broken one with what is wrong', 'config', async (eyes) => {
  const { page } = eyes;
  await world.configure({ timeouts: { drain: '50ms', idle: '7m' } });
  await page.getByRole('button', { name: 'Reload now' }).click();
  await reads(page, /timeouts\.idle.*7m|timeouts\.idle.*420/s, '.reload tbody tr');
  await reads(page, 'Reloaded: 1 changed', '.notices');
  await world.scribble('listen: [');
  await page.getByRole('button', { name: 'Reload now' }).click();
  await reads(page, /Failed, with 1 problem/, '.reload .outcome');
  await reads(page, /gyre\.yaml:\d/, '.problems');
  await page.click('#tab-overview');
  await reads(page, 'the last reload failed', '.verdict');
  await world.configure({});
  await world.gateway.control.reload('api');
  // A 422 is an answer like any other to us; the console notes each one.
  eyes.complaints.splice(0, Infinity, ...eyes.complaints.filter((text) => !text.includes('422')));
});

declare(
  'the line for a client has the real listener, and says when it is copied',
  'connect',
  async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const line = page.locator('.line-curl');
    const { port } = world.gateway.endpoints[0]!;
    await reads(page, `socks5h://USER:PASSWORD@127.0.0.1:${port}`, '.line-curl');
    await line.getByRole('button', { name: 'Copy: curl' }).click();
    await reads(page, 'Copied', '.line-curl');
    assert.match(
      await page.evaluate<string>('navigator.clipboard.readText()'),
      new RegExp(`^curl .*:${port} `),
    );
    await page.getByLabel('With user name and password').uncheck();
    await reads(page, `socks5h://127.0.0.1:${port}`, '.line-curl');
  },
);

declareCase('dashboard: without the right token there is a form, and nothing else', NEEDS, async () => {
  const { page, context } = await look(browser, `${world.url}#token=wrong`);
  await reads(page, 'That token is not the right one.', '.gate');
  assert.equal(await page.locator('[role=tab]').count(), 0);
  const token = decodeURIComponent(world.link.split('#token=')[1]!);
  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
  await reads(page, 'Live', '.link');
  await page.reload();
  await reads(page, 'Live', '.link');
  await context.close();
});

declareCase('dashboard: it says when the connection is lost, and comes back by itself', NEEDS, async () => {
  const { page, context } = await look(browser, 'about:blank');
  await page.route('**/api/v1/events*', (route) => route.abort());
  await page.goto(world.link);
  await reads(page, /Connection lost, again in \d+ s/, '.link');
  await page.unroute('**/api/v1/events*');
  await reads(page, 'Live', '.link');
  await context.close();
});

declareCase('dashboard: draining takes a word that is typed', NEEDS, async () => {
  await using mortal = await startWorld();
  const { page, context } = await look(browser, mortal.link);
  await page.getByRole('button', { name: 'Drain…' }).click();
  const go = page.locator('dialog').getByRole('button', { name: 'Drain and stop' });
  assert(await go.isDisabled());
  await page.locator('dialog input').fill('drian');
  assert(await go.isDisabled());
  await page.locator('dialog input').fill('drain');
  await go.click();
  await mortal.gateway.closed;
  await reads(page, 'Connection lost', '.link');
  await context.close();
});
