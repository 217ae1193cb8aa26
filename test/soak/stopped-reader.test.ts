/** Whoever stops reading stops its sender, not the proxy: what piles up in between is bounded, and nothing is lost. */
import assert from 'node:assert/strict';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  httpConnect,
  httpConnectInTls,
  httpGet,
  httpPost,
  socks4a,
  socks5,
  takeOver,
  type LongWay,
  type Route,
} from '../support/long-ways.ts';
import { MIB, say, StoppingReader } from '../support/long-stream.ts';
import { Target, type Peer } from '../support/peer.ts';
import { GYRE_BIN, startGyre } from '../support/program-gyre.ts';
import { childRunning, residentBytes } from '../support/resident.ts';
import { makeCertificate } from '../support/tls.ts';

const TUNNELS = 8;
const LENGTH = 128 * MIB;
/** What a stopped tunnel may cost the process. */
const TUNNEL_BYTES = 8 * MIB;
/** What the process may grow by for being used at all: code that is loaded late, a heap that is collected late. */
const NOISE_BYTES = 16 * MIB;
/** A sender that has got nothing rid for this long is taken for stopped. */
const STILL_MS = 1000;
const POLL_MS = 50;
const LIMIT = { timeout: 120_000 };

for (const [name, way, direction] of [
  ['SOCKS5', socks5, 'down'],
  ['SOCKS4a', socks4a, 'down'],
  ['CONNECT', httpConnect, 'down'],
  ['CONNECT inside TLS', httpConnectInTls, 'down'],
  ['plain HTTP GET', httpGet, 'down'],
  ['SOCKS5', socks5, 'up'],
  ['plain HTTP POST', httpPost, 'up'],
] as const) {
  const who = direction === 'down' ? 'client' : 'target';
  test(
    `a ${who} that stops reading 1 GiB by ${name} costs bounded memory, and then gets every byte`,
    LIMIT,
    (context) => stopAndGoOn(context, way, direction),
  );
}

async function stopAndGoOn(context: TestContext, way: LongWay, direction: 'up' | 'down'): Promise<void> {
  await using leaving = new AsyncDisposableStack();
  const route = await raise(leaving);
  const pid = childRunning(GYRE_BIN);
  const before = residentBytes(pid);
  const streams: Stream[] = [];
  for (let i = 0; i < TUNNELS; i++) streams.push(leaving.use(await open(way, direction, route, i)));
  await standstill(streams);
  const grown = residentBytes(pid) - before;
  const left = streams.map(({ said }) => LENGTH - said());
  context.diagnostic(
    `stopped: grown by ${mib(grown)} MiB from ${mib(before)}; ${mib(Math.min(...left))} MiB or more to come in each`,
  );
  assert(Math.min(...left) > 0, 'a sender was never stopped: the stream is too short for this kernel');
  assert(grown < TUNNELS * TUNNEL_BYTES + NOISE_BYTES, `the proxy grew by ${mib(grown)} MiB`);
  await Promise.all(streams.flatMap(({ reader, sent }) => [reader.release(), sent]));
  context.diagnostic(`all through: grown by ${mib(residentBytes(pid) - before)} MiB`);
}

async function raise(leaving: AsyncDisposableStack): Promise<Route> {
  const { path } = leaving.use(await mkdtempDisposable(join(tmpdir(), 'gyre-stopped-')));
  const { caFile } = await makeCertificate(path);
  const tls = ['--tls-cert', join(path, 'target.pem'), '--tls-key', join(path, 'target.key')];
  const listen = ['--listen', '127.0.0.1:0', '--listen', 'tls://127.0.0.1:0', ...tls];
  const pool = ['--pool', '127.0.0.2-127.0.0.9', '--allow-private'];
  const quiet = ['--workers', '1', '--access-log', 'off'];
  const { ports } = leaving.use(await startGyre([...listen, ...pool, ...quiet]));
  const target = leaving.use(await Target.listen());
  return { port: ports[0]!, tlsPort: ports[1]!, ca: await readFile(caFile, 'utf8'), target, length: LENGTH };
}

interface Stream extends Disposable {
  readonly reader: StoppingReader;
  /** Bytes the sender has got rid of. */
  readonly said: () => number;
  /** All of them. */
  readonly sent: Promise<void>;
}

async function open(way: LongWay, direction: 'up' | 'down', route: Route, number: number): Promise<Stream> {
  const { near, far } = await way(route);
  const [from, to]: [Peer, Peer] = direction === 'down' ? [far, near] : [near, far];
  const { socket, early } = await takeOver(to);
  const reader = new StoppingReader(socket, number, LENGTH, early);
  let said = 0;
  const sent = say(from.socket, number, LENGTH, (at) => (said = at));
  // It is waited for later: a failure before that is not to end the process.
  sent.catch(() => {});
  return { reader, said: () => said, sent, [Symbol.dispose]: () => near.socket.destroy() };
}

/** Every reader has stopped, and no sender has moved for {@link STILL_MS}. No event says so. */
async function standstill(streams: readonly Stream[]): Promise<void> {
  let seen = -1;
  let since = performance.now();
  while (performance.now() - since < STILL_MS || !streams.every(({ reader }) => reader.stopped)) {
    await sleep(POLL_MS);
    const said = streams.reduce((sum, stream) => sum + stream.said(), 0);
    if (said !== seen) since = performance.now();
    seen = said;
  }
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
