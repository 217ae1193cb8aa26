/** `gyre load`: as many requests through a proxy as it can take, or as many a second as one wants to know about. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseDuration } from '../runtime/config/duration.ts';
import { Refusal } from '../runtime/config/problem.ts';
import { Failure } from './exit.ts';
import { startEchoThread, type EchoThread } from './load/echo.ts';
import { exchangeWith, readLoadTarget, type LoadTarget } from './load/exchange.ts';
import { GeneratorWatch } from './load/generator.ts';
import { Progress } from './load/progress.ts';
import { addressOf, located, openingTo, readLoadProxy, type LoadProxy } from './load/proxy.ts';
import { asJson, print } from './load/report.ts';
import { Schedule } from './load/schedule.ts';
import { Tally } from './load/tally.ts';
import { Visits, type VisitPlan } from './load/visits.ts';
import { addProxyOptions, hideSecrets, readCount, readProxy, type ProxyFlags } from './prove.ts';
import { readCredentials } from './proxy-url.ts';
import { stopRequested } from './stop-requests.ts';
import { complain, paint, say } from './terminal.ts';

const HELP = `
Without --target the requests go to a listener of this command on 127.0.0.1, so the proxy must run on this host and let
clients reach loopback (gyre serve --allow-private). Any other proxy will do as well as Gyre.

Without --rps each connection sends its next request when it has the answer to the last one: this finds out how much the
proxy can do. With --rps requests begin at a constant rate, whatever becomes of those before, and latency counts from the
moment a request was due: a proxy that stands still for a second is seen to do so. Latency to connect is that of the proxy
with the target behind it; it counts from when the connection was begun. Ctrl-C ends it early, with the report.

Examples:
  gyre load
  gyre load --rps 500 --duration 1m
  gyre load --concurrency 200 --count 100000 --proxy http://127.0.0.1:1080
  gyre load --proxy socks5h://alice:s3cret@proxy.example:1080 --target https://api.ipify.org --count 100
  gyre load --proxy socks4a://127.0.0.1:1080 --target tcp://echo.example:7 --keep-alive
  gyre load --proxy direct --target http://192.0.2.1/     without any proxy, to compare`;

const DEFAULT_DURATION_MS = 10_000;
/** Connections at once; for a constant rate this is a bound only. */
const DEFAULT_CONCURRENCY = { closed: 50, open: 1000 };
const MOST_CONNECTIONS = 60_000;

interface LoadFlags extends ProxyFlags {
  readonly target?: string;
  readonly concurrency?: number;
  readonly rps?: number;
  readonly duration?: number;
  readonly count?: number;
  readonly keepAlive?: true;
  readonly forward?: true;
  readonly timeout: number;
  readonly json?: true;
}

export function registerLoad(program: Command): void {
  addProxyOptions(
    program.command('load').description('load-test a proxy, with latencies and the addresses seen'),
    'socks5h://ADDR:PORT, socks4://, socks4a://, http://, https:// (TLS), unix:/PATH or direct',
  )
    .option('--target <url>', 'http://, https://, or tcp://HOST:PORT for an echo server')
    .addOption(
      new Option(
        '--connections, --concurrency <n>',
        'connections at once (default: 50; with --rps up to 1000)',
      ).argParser(readCount(MOST_CONNECTIONS)),
    )
    .option('--rps <rate>', 'requests that begin each second; as many as possible if not given', readRate)
    .option('--duration <time>', 'how long requests begin, such as 30s (default: 10s)', readDuration)
    .option('--count <n>', 'requests in all', readCount(999_999_999))
    .option('--keep-alive', 'many requests over each connection, instead of a new one for each')
    .option('--forward', 'give http:// requests to an HTTP proxy itself, instead of asking for tunnels')
    .option('--timeout <time>', 'for one connection and its request', readDuration, 10_000)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action((flags: LoadFlags) => load(flags));
}

async function load(flags: LoadFlags): Promise<void> {
  hideSecrets(flags);
  const proxy = await located(readTheProxy(flags));
  const given = flags.target === undefined ? undefined : readLoadTarget(flags.target);
  const echo = given === undefined ? await startEchoThread() : undefined;
  try {
    const target = given ?? readLoadTarget(`http://127.0.0.1:${echo!.port}/`);
    await run(flags, proxy, target, echo);
  } finally {
    await echo?.close();
  }
}

async function run(
  flags: LoadFlags,
  proxy: LoadProxy,
  target: LoadTarget,
  echo: EchoThread | undefined,
): Promise<void> {
  const plan = await planOf(flags, proxy, target);
  const tally = new Tally();
  const watch = new GeneratorWatch();
  const { rps, count } = flags;
  const duration = flags.duration ?? (count === undefined ? DEFAULT_DURATION_MS : undefined);
  const begun = performance.now();
  const schedule = new Schedule({ rps, count, duration });
  const visits = new Visits(plan, schedule, tally);
  const progress = new Progress(process.stderr, tally, schedule);
  void stopRequested((exitCode) => process.exit(exitCode)).then(() => visits.cut());
  await visits.run();
  progress.end();
  const elapsed = performance.now() - begun;
  const result = {
    proxy: proxy.text,
    target: flags.target ?? 'the echo listener of this command',
    tally,
    seconds: Math.max(tally.last - begun, Math.min(elapsed, duration ?? 0), 1) / 1000,
    rps,
    unsent: schedule.unsent,
    cut: visits.cutShort,
    generator: watch.end(),
  };
  if (flags.json) say(JSON.stringify(asJson(result)));
  else print(result);
  if (tally.succeeded > 0) return;
  if (echo !== undefined && proxy.speech !== 'direct')
    complain(
      `  ${paint('cyan', 'hint:')} the echo listener is on loopback: start the proxy with --allow-private, or give a --target`,
    );
  throw new Failure(`nothing came through ${proxy.text}`);
}

function readTheProxy(flags: LoadFlags): LoadProxy {
  const proxy = readLoadProxy(flags.proxy, (url) => readProxy({ ...flags, proxy: url }));
  return flags.user === undefined ? proxy : { ...proxy, credentials: readCredentials(flags.user) };
}

/** @throws {Failure} */
async function planOf(flags: LoadFlags, proxy: LoadProxy, target: LoadTarget): Promise<VisitPlan> {
  const { keepAlive = false, timeout } = flags;
  const direct = proxy.speech === 'direct';
  const forward = flags.forward === true ? proxy : undefined;
  if (forward !== undefined && (proxy.speech !== 'http' || target.url?.protocol !== 'http:'))
    throw new Failure('--forward needs an http:// target, and an http:// or https:// proxy', undefined, 2);
  const { endpoint } = target;
  const itself = { ...endpoint, address: direct ? await addressOf(endpoint.address, 'the target') : '' };
  return {
    destination: direct ? itself : proxy,
    peer: direct ? 'the target' : 'the proxy',
    opening: forward === undefined ? await openingTo(proxy, endpoint) : async () => {},
    secure: target.secure ? endpoint.address : undefined,
    exchange: exchangeWith(target, keepAlive, forward),
    keepAlive,
    timeout,
    concurrency: Math.min(
      flags.concurrency ?? DEFAULT_CONCURRENCY[flags.rps === undefined ? 'closed' : 'open'],
      flags.count ?? Infinity,
    ),
  };
}

function readRate(text: string): number {
  const rate = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (rate > 0 && rate <= 1_000_000) return rate;
  throw new InvalidArgumentError('It must be requests a second, such as 500 or 0.5.');
}

function readDuration(text: string): number {
  try {
    return parseDuration(text, 1);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new InvalidArgumentError(`It must be a time such as 30s or 5m.`);
  }
}
