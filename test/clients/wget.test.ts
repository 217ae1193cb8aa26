/** wget, its proxy set by the environment: CONNECT for https, the whole URL for http, many requests on one connection. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram, type Outcome } from '../support/program.ts';
import {
  assertPool,
  assertThreeTurns,
  assertTurns,
  LOGIN,
  PASSWORD,
  setStage,
  USER,
  type Props,
} from '../support/program-stage.ts';
import { PAGE_IMAGES, PAGE_SCRIPTS } from '../support/target.ts';

const declare = setStage('wget');

declare('https_proxy', ['wget'], async (props) => {
  await assertThreeTurns((path) => wget(props, `http://${props.open.address}`, path));
});

declare('https_proxy with credentials in the URL', ['wget'], async (props) => {
  await assertThreeTurns((path) => wget(props, `http://${LOGIN}@${props.guarded.address}`, path));
});

declare('https_proxy with --proxy-user and --proxy-password', ['wget'], async (props) => {
  const login = [`--proxy-user=${USER}`, `--proxy-password=${PASSWORD}`];
  await assertThreeTurns((path) => wget(props, `http://${props.guarded.address}`, path, login));
});

declare(
  'a wrong password: wget shows the reason phrase of the 407, and nothing else',
  ['wget'],
  async (props) => {
    const outcome = await wget(props, `http://${USER}:wrong@${props.guarded.address}`, '/', ['-nv']);
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, /failed: Proxy Authentication Required/);
    assert.deepEqual(props.https.takeVisits(), []);
  },
);

declare('http_proxy', ['wget'], async (props) => {
  await assertThreeTurns((path) => plain(props, `http://${props.open.address}`, [path]));
});

declare('http_proxy with credentials in the URL, and as options', ['wget'], async (props) => {
  await assertThreeTurns((path) => plain(props, `http://${LOGIN}@${props.guarded.address}`, [path]));
  const login = [`--proxy-user=${USER}`, `--proxy-password=${PASSWORD}`];
  await assertThreeTurns((path) => plain(props, `http://${props.guarded.address}`, [path], login));
});

declare('http_proxy, several files: each request takes its turn', ['wget'], async (props) => {
  const paths = Array.from({ length: 6 }, (_, i) => `/${i}`);
  const outcome = await plain(props, `http://${props.open.address}`, paths, ['-nv']);
  assert.equal(outcome.code, 0, outcome.stderr);
  const visits = props.http.takeVisits();
  assert.deepEqual(
    visits.map(({ url }) => url),
    paths,
  );
  assertTurns(visits.map(({ address }) => address));
});

declare('http_proxy, a page with everything on it', ['wget'], async (props) => {
  const folder = join(props.scratch, 'wget-page');
  const proxy = `http://${LOGIN}@${props.guarded.address}`;
  const recursive = ['-q', '-e', 'robots=off', '-r', '-l', '1', '-nd', '-P', folder];
  const outcome = await run(proxy, [...FIXED, ...recursive, `${props.http.origin}/page`]);
  assert.equal(outcome.code, 0, outcome.stderr);
  const names = [...PAGE_IMAGES, ...PAGE_SCRIPTS].map((path) => path.split('/').at(-1)!);
  assert.deepEqual((await readdir(folder)).toSorted(), ['page', ...names].toSorted());
  const callers = props.http.takeVisits().map(({ address }) => address);
  assertPool(callers);
  assert.equal(new Set(callers).size, 8, 'sixty requests use every address');
});

declare('http_proxy, a body goes up and comes back unchanged', ['wget'], async (props) => {
  const body = 'A line of some length, many times over.\n'.repeat(2_000);
  const post = ['-q', `--post-data=${body}`];
  const outcome = await plain(props, `http://${props.open.address}`, ['/'], post);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert(outcome.stdout === body, 'the body came back changed');
});

declare('http_proxy with a wrong password: 407', ['wget'], async (props) => {
  const outcome = await plain(props, `http://${USER}:wrong@${props.guarded.address}`, ['/'], ['-nv']);
  assert.notEqual(outcome.code, 0);
  assert.match(outcome.stderr, /407/);
  assert.deepEqual(props.http.takeVisits(), []);
});

const FIXED = ['--no-config', '--no-hsts', '--tries=1', '--timeout=15'];
const PRINT = '--output-document=-';

/** By https. */
function wget(
  props: Props,
  proxy: string,
  path: string,
  extra: readonly string[] = ['-q'],
): Promise<Outcome> {
  const trust = `--ca-certificate=${props.certificate.caFile}`;
  return run(proxy, [...FIXED, PRINT, trust, ...extra, props.https.origin + path]);
}

/** By http. */
function plain(
  props: Props,
  proxy: string,
  paths: readonly string[],
  extra: readonly string[] = ['-q'],
): Promise<Outcome> {
  return run(proxy, [...FIXED, PRINT, ...extra, ...paths.map((path) => props.http.origin + path)]);
}

function run(proxy: string, args: readonly string[]): Promise<Outcome> {
  return runProgram('wget', args, { env: { https_proxy: proxy, http_proxy: proxy } });
}
