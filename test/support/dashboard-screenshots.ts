/**
 * Takes the pictures of `docs/dashboard.md`: a gateway with a minute of traffic behind it, as a browser shows it.
 *
 *   npm run screenshots
 */
import { setTimeout } from 'node:timers/promises';
import type { BrowserContextOptions } from 'playwright-core';
import { look, openBrowser, startWorld, USER_PASSWORD, type World } from './dashboard-world.ts';
import type { Peer } from './peer.ts';

const FOLDER = new URL('../../docs/images/', import.meta.url).pathname;
/** The lines need a minute to fill their places. */
const TRAFFIC_MS = 75_000;
const TICK_MS = 100;
const USERS = ['alice', 'bob', 'carol', 'alice-session-cart', 'carol-session-search', 'bob-session-7'];
/** Nothing listens there. */
const CLOSED_PORT = 1;

interface Picture {
  readonly name: string;
  readonly tab: string;
  readonly options: BrowserContextOptions;
}

const DESKTOP = { viewport: { width: 1180, height: 800 } };
const PICTURES: readonly Picture[] = [
  { name: 'dark', tab: 'overview', options: { ...DESKTOP, colorScheme: 'dark' } },
  { name: 'light', tab: 'pool', options: { ...DESKTOP, colorScheme: 'light' } },
  {
    name: 'phone',
    tab: 'overview',
    options: { viewport: { width: 360, height: 760 }, deviceScaleFactor: 2, colorScheme: 'light' },
  },
];

await using world = await startWorld({
  // Two that are not on this host, apart, so that the next address saves the connection.
  pool: ['127.1.0.0/24', '203.0.113.4', '127.1.1.0/24', '203.0.113.9'],
  workers: 2,
  users: ['alice', 'bob', 'carol'].map((name, index) => ({
    name,
    password: USER_PASSWORD,
    limits: { quota: `${[2, 1, 20][index]}GB/month` },
  })),
});
const browser = await openBrowser();
// Opened before the traffic: the lines are the page's own memory.
const eyes = await Promise.all(PICTURES.map(({ options }) => look(browser, world.link, options)));
const stop = new AbortController();
const traffic = makeTraffic(world, stop.signal);
await setTimeout(TRAFFIC_MS);
for (const address of ['127.1.0.77', '127.1.1.20', '127.1.1.21'])
  await world.gateway.control.act(address, 'drain');
for (const [index, { name, tab }] of PICTURES.entries()) await take(index, name, tab);
stop.abort();
for (const { socket } of await traffic) socket.destroy();
await browser.close();

/** Waves of short connections, some that fail, and long ones that stay. */
async function makeTraffic(world: World, stop: AbortSignal): Promise<Peer[]> {
  const long: Peer[] = [];
  for (let tick = 0; !stop.aborted; tick += 1) {
    const wave = 3 + 2 * Math.sin(tick / 40) + 1.5 * Math.sin(tick / 9);
    const opened = Array.from({ length: Math.ceil(wave) }, (_, at) =>
      brief(world, USERS[(tick + at) % USERS.length]!),
    );
    if (tick % 30 === 0) void world.tunnel('mallory').catch(() => {});
    if (tick % 12 === 0) void world.tunnel('alice', CLOSED_PORT).catch(() => {});
    if (tick % 5 === 0) long.push(await world.tunnel(USERS[tick % USERS.length]));
    for (const { socket } of long) if (Math.random() < wave / 30) socket.write(Buffer.alloc(40_000));
    await Promise.all([...opened, setTimeout(TICK_MS)]);
  }
  process.stderr.write(`${world.gateway.stats().accepted} connections\n`);
  return long;
}

async function brief(world: World, user: string): Promise<void> {
  const peer = await world.tunnel(user);
  peer.socket.end(Buffer.alloc(2000));
}

async function take(index: number, name: string, tab: string): Promise<void> {
  const { page } = eyes[index]!;
  await page.click(`#tab-${tab}`);
  if (tab === 'pool') {
    await page.locator('.cells canvas').waitFor();
    const box = (await page.locator('.cells').boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.42, box.y + box.height * 0.55);
    await page.locator('.looked').filter({ hasText: '127.1.' }).waitFor();
  }
  // A status more, so that everything is drawn with the fonts and sizes it will have.
  await setTimeout(1500);
  await page.screenshot({ path: `${FOLDER}dashboard-${name}.png` });
}
