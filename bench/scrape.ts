/**
 * What a scrape of the metrics costs with 9,000 live tunnels, as many sessions and 100,000 users, and whether the tunnels
 * notice: `node bench/scrape.ts [WORKERS]`.
 *
 * Some tunnels play ping-pong all the time. Their round trips are told twice: of a span without scrapes, and of one with
 * a scrape every 100 ms, which is 150 times what Prometheus asks for.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Mode, request, REQUEST_BYTES, type SinkReady } from './job.ts';
import { end, folder, freePort, listening, start, stopAll } from './processes.ts';
import { Tunnel } from './tunnel.ts';

const TUNNELS = 9000;
const USERS = 100_000;
const SPAN_MS = 10_000;
const SCRAPE_EVERY_MS = 100;
const PLAYERS = 8;
const AT_ONCE = 32;
/** `gyre hash-password`, of a word nobody uses: only its form counts. */
const HASH = `$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

interface Scrape {
  readonly ms: number;
  readonly bytes: number;
  readonly lines: number;
}

const quantile = (values: readonly number[], share: number): string => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2);
};

const spread = (values: readonly number[]): string =>
  `p50 ${quantile(values, 0.5)}  p99 ${quantile(values, 0.99)}  max ${quantile(values, 1)} ms  (${values.length})`;

/** The configuration: one user who logs in by password, and many more in a file. */
function configure(port: number, admin: number, workers: number): string {
  const users = join(folder, 'users');
  const lines = Array.from({ length: USERS }, (_, i) => `user${i}:${HASH}\n`);
  writeFileSync(users, lines.join(''));
  const file = join(folder, 'scrape.json');
  const options = {
    listen: `127.0.0.1:${port}`,
    admin: `127.0.0.1:${admin}`,
    pool: '127.0.1.0/24',
    workers,
    users: [{ name: 'bench', password: 'bench' }],
    usersFile: users,
    targets: { allowPrivate: true },
    overload: { descriptors: 1, loopDelay: '0s' },
    log: { access: 'off' },
  };
  writeFileSync(file, JSON.stringify(options));
  return file;
}

/** A tunnel of a session of its own that has echoed once. */
async function open(port: number, sinkPort: number, session: number): Promise<Tunnel> {
  const tunnel = await Tunnel.open({ protocol: 'fixed', port, sinkPort, login: false });
  const [name, password] = [Buffer.from(`bench-session-s${session}`), Buffer.from('bench')];
  tunnel.write(Buffer.of(5, 1, 2));
  await tunnel.take(2);
  tunnel.write(Buffer.concat([Buffer.of(1, name.length), name, Buffer.of(password.length), password]));
  if ((await tunnel.take(2))[1] !== 0) throw new Error('the login was refused');
  tunnel.write(Buffer.of(5, 1, 0, 1, 127, 0, 0, 1, sinkPort >> 8, sinkPort & 255));
  const reply = await tunnel.take(10);
  if (reply[1] !== 0) throw new Error(`the proxy answers with REP ${reply[1]}`);
  tunnel.write(request(Mode.echo, session));
  await tunnel.take(REQUEST_BYTES);
  return tunnel;
}

/** Round trips of some tunnels, one message at a time on each; milliseconds. */
async function play(tunnels: readonly Tunnel[]): Promise<number[]> {
  const trips: number[] = [];
  const message = request(Mode.echo, 0);
  const until = performance.now() + SPAN_MS;
  await Promise.all(
    tunnels.map(async (tunnel) => {
      while (performance.now() < until) {
        const startedAt = performance.now();
        tunnel.write(message);
        await tunnel.take(REQUEST_BYTES);
        trips.push(performance.now() - startedAt);
        await delay(5);
      }
    }),
  );
  return trips;
}

/** On a thread of its own, so that reading the answers is not taken for a hiccup. */
async function scrapeAll(url: string): Promise<Scrape[]> {
  const scrapes: Scrape[] = [];
  const until = performance.now() + SPAN_MS;
  while (performance.now() < until) {
    const startedAt = performance.now();
    const text = await (await fetch(url)).text();
    scrapes.push({ ms: performance.now() - startedAt, bytes: text.length, lines: text.split('\n').length });
    await delay(SCRAPE_EVERY_MS);
  }
  return scrapes;
}

async function startSink(): Promise<number> {
  const script = fileURLToPath(new URL('./sink.ts', import.meta.url));
  const sink = start('load', process.execPath, [script], ['ignore', 'ignore', 'inherit', 'ipc']);
  const [ready] = (await once(sink, 'message')) as [SinkReady];
  return ready.port;
}

async function openAll(port: number, sinkPort: number): Promise<Tunnel[]> {
  const tunnels: Tunnel[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < TUNNELS) tunnels.push(await open(port, sinkPort, next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return tunnels;
}

async function run(workers: number): Promise<void> {
  const sinkPort = await startSink();
  const [port, admin] = [await freePort(), await freePort()];
  const program = fileURLToPath(new URL('../bin/gyre.js', import.meta.url));
  const args = [program, 'serve', '--config', configure(port, admin, workers)];
  const gyre = start('proxy', process.execPath, args, ['ignore', 'ignore', 'inherit']);
  await listening(gyre, port);
  // One thread listens before all of them have their users.
  while (!(await fetch(`http://127.0.0.1:${admin}/readyz`)).ok) await delay(50);
  const players = (await openAll(port, sinkPort)).slice(0, PLAYERS);
  console.log(`workers ${workers}: ${TUNNELS} tunnels and sessions, ${USERS} users`);
  console.log(`round trips without scrapes  ${spread(await play(players))}`);
  const url = `http://127.0.0.1:${admin}/metrics`;
  const scraper = new Worker(fileURLToPath(import.meta.url), { workerData: url });
  const [trips, [scrapes]] = await Promise.all([
    play(players),
    once(scraper, 'message') as Promise<[Scrape[]]>,
  ]);
  console.log(`round trips with scrapes     ${spread(trips)}`);
  console.log(`scrapes                      ${spread(scrapes.map(({ ms }) => ms))}`);
  const { bytes, lines } = scrapes.at(-1)!;
  console.log(`${lines} lines, ${(bytes / 1024).toFixed(0)} KiB`);
  await end(gyre);
}

if (isMainThread) {
  try {
    await run(Number(process.argv[2] ?? 2));
  } finally {
    stopAll();
  }
  process.exit();
} else {
  parentPort!.postMessage(await scrapeAll(workerData as string));
}
