/** Java: HttpClient (which asks for h2c on every plain request), HttpURLConnection, and Java's own SOCKS sockets. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { assertPool, LOGIN, setStage, USER, type Props } from '../support/program-stage.ts';
import { assertAnswers, urlsOf } from '../support/program-turns.ts';
import { runProgram, type Outcome } from '../support/program.ts';
import { startWebSocketTarget } from '../support/target-websocket.ts';

const declare = setStage('java');
const NEEDS = ['java', 'javac'];
/** Java sends no password through a tunnel unless it is told to, and never uses a proxy for loopback addresses. */
const PROPERTIES = [
  '-Djdk.http.auth.tunneling.disabledSchemes=',
  '-Dhttp.nonProxyHosts=',
  '-DsocksNonProxyHosts=',
  '-XX:TieredStopAtLevel=1',
];

declare('HttpClient, http and https targets: each request takes its turn', NEEDS, async (props) => {
  assertAnswers(await current(props, props.open.port, '', both(props)), 2);
});

declare('HttpClient with credentials', NEEDS, async (props) => {
  assertAnswers(await current(props, props.guarded.port, LOGIN, both(props)), 2);
});

declare('HttpURLConnection with credentials', NEEDS, async (props) => {
  const proxy = ['http', 'https'].flatMap((scheme) => [
    `-D${scheme}.proxyHost=127.0.0.1`,
    `-D${scheme}.proxyPort=${props.guarded.port}`,
  ]);
  assertAnswers(await old(props, proxy, LOGIN), 2);
});

for (const version of [4, 5]) {
  declare(`socksProxyHost, version ${version}`, NEEDS, async (props) => {
    const proxy = [...socks(props.open.port), `-DsocksProxyVersion=${version}`];
    assertAnswers(await old(props, proxy, ''), 2);
  });
}

declare('socksProxyHost with credentials', NEEDS, async (props) => {
  assertAnswers(await old(props, socks(props.guarded.port), LOGIN), 2);
});

declare('HttpClient, bodies go up and come back', NEEDS, async (props) => {
  const outcome = await current(props, props.guarded.port, LOGIN, [`post:${props.http.origin}/`]);
  assert.equal(outcome.stdout, 'posted true true\n', outcome.stderr);
  assertPool(props.http.takeVisits().map(({ address }) => address));
});

declare('HttpClient, ws://', NEEDS, async (props) => {
  await using target = await startWebSocketTarget();
  const urls = urlsOf(`ws://localhost:${target.port}`);
  assertAnswers(await current(props, props.guarded.port, LOGIN, urls));
});

declare('HttpClient with a wrong password: 407', NEEDS, async (props) => {
  const outcome = await current(props, props.guarded.port, `${USER}:wrong`, [props.http.origin]);
  assert.notEqual(outcome.code, 0);
  assert.match(outcome.stderr, /407|too many authentication attempts/);
  assert.deepEqual(props.http.takeVisits(), []);
});

function socks(port: number): string[] {
  return ['-DsocksProxyHost=127.0.0.1', `-DsocksProxyPort=${port}`, '-Dhttp.keepAlive=false'];
}

function both({ http, https }: Props): string[] {
  return [...urlsOf(`http://localhost:${http.port}`), ...urlsOf(`https://localhost:${https.port}`)];
}

function old(props: Props, proxy: readonly string[], login: string): Promise<Outcome> {
  return java(props, proxy, ['old', '-', login], both(props));
}

function current(props: Props, port: number, login: string, urls: readonly string[]): Promise<Outcome> {
  return java(props, [], ['new', String(port), login], urls);
}

let classes: Promise<string> | undefined;

async function java(
  props: Props,
  properties: readonly string[],
  how: readonly string[],
  urls: readonly string[],
): Promise<Outcome> {
  classes ??= compile(props);
  const program = ['-cp', await classes, 'Client', ...how, props.certificate.caFile, ...urls];
  return runProgram('java', [...PROPERTIES, ...properties, ...program], { timeoutMs: 30_000 });
}

async function compile({ scratch }: Props): Promise<string> {
  const source = join(import.meta.dirname, 'programs/Client.java');
  const compiled = await runProgram('javac', ['-d', scratch, source], { timeoutMs: 60_000 });
  assert.equal(compiled.code, 0, compiled.stderr);
  return scratch;
}
