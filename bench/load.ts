/**
 * The load generator: one job at a time. It says `ready` when everything is open that the job does not measure,
 * runs on `go`, and says `done` only if every byte was the right one.
 */
import { type Answer, type Job, type Latency, MESSAGE_BYTES, Mode, type Order, request } from './job.ts';
import type { Route, Work } from './job.ts';
import { paced } from './paced.ts';
import { each } from './each.ts';
import { matches, pour } from './pattern.ts';
import { requests } from './requests.ts';
import { Tunnel } from './tunnel.ts';

interface Prepared {
  /** The measured part. */
  run(): Promise<void | Latency>;
  /** After the measurement: whether it measured what it was meant to. */
  check?(): Promise<void>;
}

type WorkOf<K extends Work['kind']> = Extract<Work, { kind: K }>;

async function all(tasks: readonly Promise<void>[]): Promise<void> {
  await Promise.all(tasks);
}

async function expectEcho(tunnel: Tunnel, message: Buffer): Promise<void> {
  tunnel.write(message);
  const echo = await tunnel.take(message.length);
  if (!echo.equals(message)) throw new Error('the echo differs from what was sent');
}

/** The sink closes first: so TIME_WAIT gathers at listening ports and not at the ports others have to search. */
async function farewell(tunnel: Tunnel, serial: number): Promise<void> {
  await expectEcho(tunnel, request(Mode.once, serial));
  await tunnel.closed();
}

function tunnels(route: Route, work: WorkOf<'tunnels'>): Prepared {
  const one = async (index: number): Promise<void> => farewell(await Tunnel.open(route), index);
  return { run: () => each(work.count, work.atOnce, one) };
}

function pacedTunnels(route: Route, work: WorkOf<'paced'>): Prepared {
  const one = async (index: number): Promise<void> => farewell(await Tunnel.open(route), index);
  return { run: () => paced(work, one) };
}

async function download(tunnel: Tunnel, bytes: number): Promise<void> {
  let seen = 0;
  let right = true;
  tunnel.consume((chunk) => {
    right &&= matches(seen, chunk);
    seen += chunk.length;
  });
  tunnel.write(request(Mode.down, 0, bytes));
  await tunnel.closed();
  if (seen !== bytes) throw new Error(`${seen} bytes arrived instead of ${bytes}`);
  if (!right) throw new Error('the bytes that arrived are not those that were sent');
}

async function upload(tunnel: Tunnel, bytes: number): Promise<void> {
  tunnel.write(request(Mode.up, 0, bytes));
  pour(tunnel.socket, bytes, () => {});
  const right = Number((await tunnel.take(8)).readBigUInt64BE());
  if (right !== bytes) throw new Error(`${right} bytes arrived right instead of ${bytes}`);
  await tunnel.closed();
}

async function bytes(route: Route, work: WorkOf<'bytes'>): Promise<Prepared> {
  const open = await Promise.all(Array.from({ length: work.streams }, () => Tunnel.open(route)));
  const share = Math.floor(work.bytes / work.streams);
  const move = work.direction === 'down' ? download : upload;
  return { run: () => all(open.map((tunnel) => move(tunnel, share))) };
}

/** `count` tunnels that echo, each proved by one echo. */
async function openEchoing(route: Route, count: number): Promise<Tunnel[]> {
  const open: Tunnel[] = [];
  await each(count, 32, async (index) => {
    const tunnel = await Tunnel.open(route);
    await expectEcho(tunnel, request(Mode.echo, index));
    open.push(tunnel);
  });
  return open;
}

async function roundTrips(route: Route, work: WorkOf<'roundTrips'>): Promise<Prepared> {
  const open = await openEchoing(route, work.tunnels);
  const share = Math.floor(work.count / work.tunnels);
  const talk = async (tunnel: Tunnel, index: number): Promise<void> => {
    const message = Buffer.alloc(MESSAGE_BYTES, Mode.echo);
    message.writeUInt32BE(index, 4);
    for (let serial = 0; serial < share; serial++) {
      message.writeUInt32BE(serial, 8);
      await expectEcho(tunnel, message);
    }
  };
  return { run: () => all(open.map(talk)), check: () => all(open.map(farewell)) };
}

function idle(route: Route, work: WorkOf<'idle'>): Prepared {
  let open: Tunnel[] = [];
  return {
    run: async () => {
      open = await openEchoing(route, work.count);
    },
    check: () => each(open.length, 32, (index) => farewell(open[index]!, index)),
  };
}

function prepare({ route, work }: Job): Prepared | Promise<Prepared> {
  if (work.kind === 'tunnels') return tunnels(route, work);
  if (work.kind === 'bytes') return bytes(route, work);
  if (work.kind === 'roundTrips') return roundTrips(route, work);
  if (work.kind === 'requests') return requests(route, work);
  if (work.kind === 'paced') return pacedTunnels(route, work);
  return idle(route, work);
}

const answer = (message: Answer): void => void process.send?.(message);
const failed = (error: unknown): void =>
  answer({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });

let prepared: Prepared | undefined;

async function obey(order: Order): Promise<void> {
  if (typeof order === 'object') {
    prepared = await prepare(order.prepare);
    answer({ kind: 'ready' });
    return;
  }
  const started = performance.now();
  const latency = (await (order === 'go' ? prepared?.run() : prepared?.check?.())) ?? undefined;
  answer({ kind: 'done', seconds: (performance.now() - started) / 1000, latency });
}

process.on('message', (order: Order) => void obey(order).catch(failed));
process.on('disconnect', () => process.exit());
