/** curl's plain HTTP: requests with the whole URL in their first line, which are forwarded one by one. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectionsOf, CURL, curl, curlThreeTurns } from '../support/program-curl.ts';
import {
  assertPool,
  assertTurns,
  callerIn,
  LOGIN,
  setStage,
  USER,
  type Props,
} from '../support/program-stage.ts';
import { HINTS_EARLY, REFUSES_BODY, type Visit } from '../support/target.ts';

const declare = setStage('curl, plain http');
const PATHS = Array.from({ length: 50 }, (_, i) => `/${i + 1}`);
const MEBIBYTE = 1024 * 1024;

const http = ({ open }: Props): string[] => ['-x', `http://${open.address}`];
const guarded = ({ guarded }: Props, login: string): string[] => ['-x', `http://${login}${guarded.address}`];

declare('GET, a process each', CURL, async (props) => {
  await curlThreeTurns(props, http(props), props.http.origin);
});

declare('GET, names resolved by the gateway', CURL, async (props) => {
  await curlThreeTurns(props, http(props), `http://one.localhost:${props.http.port}`);
});

declare('http_proxy in the environment, with credentials', CURL, async (props) => {
  const env = { http_proxy: `http://${LOGIN}@${props.guarded.address}` };
  const outcome = await curl(props, [`${props.http.origin}/env`], { env });
  assert.equal(outcome.code, 0, outcome.stderr);
  assertPool([callerIn(outcome.stdout, '/env')]);
});

for (const version of ['--http1.1', '--http1.0']) {
  declare(`${version}: one connection to the proxy, each request takes its turn`, CURL, async (props) => {
    const keep = version === '--http1.0' ? ['-H', 'Proxy-Connection: keep-alive'] : [];
    const urls = Array.from({ length: 10 }, (_, i) => `${props.http.origin}/${i}`);
    const outcome = await curl(props, ['-v', version, ...keep, ...http(props), ...urls]);
    assert.equal(outcome.code, 0, outcome.stderr);
    if (version === '--http1.1') assert.equal(connectionsOf(outcome), 1, outcome.stderr);
    const lines = outcome.stdout.trim().split('\n');
    assert.equal(lines.length, urls.length);
    assertTurns(lines.map((line, i) => callerIn(line, `/${i}`)));
  });
}

declare('one connection to the proxy, several hosts', CURL, async (props) => {
  const hosts = ['127.0.0.1', 'one.localhost', 'localhost'];
  const rounds = [0, 1, 2, 3].flatMap((round) => hosts.map((host) => ({ host, path: `/${round}/${host}` })));
  const urls = rounds.map(({ host, path }) => `http://${host}:${props.http.port}${path}`);
  const outcome = await curl(props, ['-v', ...http(props), ...urls]);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.equal(connectionsOf(outcome), 1, 'one connection to the proxy');
  const lines = outcome.stdout.trim().split('\n');
  const callers = lines.map((line, i) => callerIn(line, rounds[i]!.path));
  for (const wanted of hosts) assertTurns(callers.filter((_, i) => rounds[i]!.host === wanted));
});

declare('fifty requests at once', CURL, async (props) => {
  const outcome = await curl(props, [
    '-Z',
    '--parallel-max',
    '10',
    ...http(props),
    `${props.http.origin}/[1-50]`,
  ]);
  assert.equal(outcome.code, 0, outcome.stderr);
  const answers = outcome.stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  assert.deepEqual(new Set(answers.map(([, path]) => path)), new Set(PATHS));
  assert.equal(answers.length, PATHS.length);
  const callers = answers.map(([address = '']) => address);
  assertPool(callers);
  assert.equal(new Set(callers).size, 8, 'fifty requests use every address');
});

declare('HEAD', CURL, async (props) => {
  const outcome = await curl(props, [
    ...http(props),
    '-I',
    `${props.http.origin}/page`,
    `${props.http.origin}/two`,
  ]);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.equal(outcome.stdout.match(/^HTTP\/1\.1 200 /gm)?.length, 2, outcome.stdout);
  assert.equal(lengthsIn(outcome.stdout), lengthsIn(await direct(props)));
  const visits = props.http.takeVisits().slice(0, 2);
  assert.deepEqual(
    visits.map(({ method, url }) => `${method} ${url}`),
    ['HEAD /page', 'HEAD /two'],
  );
  assertTurns(visits.map(({ address }) => address));
});

declare('POST of 20 MB, and back', CURL, async (props) => {
  const body = randomBytes(20 * MEBIBYTE);
  const [up, down] = [join(props.scratch, 'up'), join(props.scratch, 'down')];
  await writeFile(up, body);
  for (let round = 0; round < 2; round += 1) {
    const outcome = await curl(props, [
      ...http(props),
      '--data-binary',
      `@${up}`,
      '-o',
      down,
      props.http.origin,
    ]);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert((await readFile(down)).equals(body), 'the body came back changed');
  }
  assertTurns(props.http.takeVisits().map(({ address }) => address));
});

declare('PUT with Expect: 100-continue', CURL, async (props) => {
  const { file, digest } = await upload(props);
  const args = ['-v', ...http(props), '-H', 'Expect: 100-continue', '-T', file, '--expect100-timeout', '12'];
  const outcome = await curl(props, [...args, `${props.http.origin}/put`]);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.match(outcome.stderr, /< HTTP\/1\.1 100 Continue[^]*< HTTP\/1\.1 200 OK/);
  assertPool([callerIn(outcome.stdout, '/put')]);
  assert.equal(outcome.stdout.trim().split(' ')[2], digest);
});

declare('PUT of unknown length: chunked', CURL, async (props) => {
  const input = 'A line of some length, many times over.\n'.repeat(50_000);
  const outcome = await curl(props, [...http(props), '-T', '-', `${props.http.origin}/put`], { input });
  assert.equal(outcome.code, 0, outcome.stderr);
  assertPool([callerIn(outcome.stdout, '/put')]);
  assert.equal(outcome.stdout.trim().split(' ')[2], sha256(input));
});

declare('a target that does not want the body says so before it is sent', CURL, async (props) => {
  const { file } = await upload(props);
  const args = [...http(props), '-H', 'Expect: 100-continue', '-T', file, '--expect100-timeout', '12'];
  const report = ['-o', '/dev/null', '-w', '%{http_code} %{size_upload}'];
  const outcome = await curl(props, [...args, ...report, props.http.origin + REFUSES_BODY]);
  assert.equal(outcome.stdout, '413 0', outcome.stderr);
});

declare('103 Early Hints come through', CURL, async (props) => {
  const outcome = await curl(props, ['-v', ...http(props), props.http.origin + HINTS_EARLY]);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.match(outcome.stderr, /< HTTP\/1\.1 103 Early Hints[^]*preload[^]*< HTTP\/1\.1 200 OK/);
  assertPool([callerIn(outcome.stdout, HINTS_EARLY)]);
});

declare('what is meant for the proxy stays there, the rest arrives as it was sent', CURL, async (props) => {
  const own = ['-H', 'X-First: 1', '-H', 'x-SECOND: 2', '-H', 'X-First: 3', '-H', 'Accept: a/b'];
  const hop = ['-H', 'Connection: X-Hop', '-H', 'X-Hop: here', '-H', 'Keep-Alive: 5', '-H', 'TE: trailers'];
  const outcome = await curl(props, [
    ...guarded(props, `${LOGIN}@`),
    ...own,
    ...hop,
    `${props.http.origin}/h?a=1`,
  ]);
  assert.equal(outcome.code, 0, outcome.stderr);
  const [{ url, rawHeaders }] = props.http.takeVisits() as [Visit];
  assert.equal(url, '/h?a=1');
  const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
  const kept = pairs.filter((pair) => /^(x-(first|second)|accept):/i.test(pair));
  assert.deepEqual(kept, ['X-First: 1', 'x-SECOND: 2', 'X-First: 3', 'Accept: a/b']);
  assert(pairs.includes(`Host: 127.0.0.1:${props.http.port}`), pairs.join('\n'));
  assert.doesNotMatch(pairs.join('\n'), /^(proxy-|x-hop|keep-alive)/im);
});

declare('with credentials', CURL, async (props) => {
  await curlThreeTurns(props, guarded(props, `${LOGIN}@`), props.http.origin);
});

declare(
  '--proxy-anyauth: the password goes out only after the 407, on the same connection',
  CURL,
  async (props) => {
    const outcome = await curl(props, [
      '-v',
      '--proxy-anyauth',
      ...guarded(props, `${LOGIN}@`),
      `${props.http.origin}/a`,
    ]);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stderr, /< HTTP\/1\.1 407 Proxy Authentication Required[^]*< HTTP\/1\.1 200 /);
    assert.equal(connectionsOf(outcome), 1, 'one connection to the proxy');
    assertPool([callerIn(outcome.stdout, '/a')]);
  },
);

declare('--proxy-anyauth with a body of 2 MB', CURL, async (props) => {
  const input = 'A line of some length, many times over.\n'.repeat(50_000);
  const args = ['--proxy-anyauth', ...guarded(props, `${LOGIN}@`), '--data-binary', '@-'];
  const outcome = await curl(props, [...args, props.http.origin], { input });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert(outcome.stdout === input, 'the body came back changed');
});

for (const login of ['', `${USER}:wrong@`]) {
  declare(
    `${login === '' ? 'no' : 'a wrong'} password: 407, and with -f exit code 22`,
    CURL,
    async (props) => {
      const outcome = await curl(props, ['-v', '-f', ...guarded(props, login), props.http.origin]);
      assert.equal(outcome.code, 22, outcome.stderr);
      assert.match(outcome.stderr, /< HTTP\/1\.1 407 Proxy Authentication Required/);
      assert.match(outcome.stderr, /curl: \(22\).*407/);
      assert.deepEqual(props.http.takeVisits(), []);
    },
  );
}

declare(
  'a target that refuses, and one of a family the pool has not: the status says so',
  CURL,
  async (props) => {
    const report = ['-o', '/dev/null', '-w', '%{http_code} '];
    const urls = ['http://127.0.0.1:9/', 'http://[::1]:9/', `${props.http.origin}/fine`];
    const outcome = await curl(props, ['-v', ...http(props), ...report, ...report, ...report, ...urls]);
    assert.equal(outcome.stdout.trim(), '502 502 200', outcome.stderr);
    assert.match(outcome.stderr, /< HTTP\/1\.1 502 .*no IPv6 egress address in the pool/);
  },
);

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

async function upload({ scratch }: Props): Promise<{ file: string; digest: string }> {
  const body = randomBytes(2 * MEBIBYTE);
  const file = join(scratch, 'upload');
  await writeFile(file, body);
  return { file, digest: sha256(body) };
}

/** The same HEAD requests, without a proxy. */
async function direct(props: Props): Promise<string> {
  return (await curl(props, ['-I', `${props.http.origin}/page`, `${props.http.origin}/two`])).stdout;
}

function lengthsIn(heads: string): number {
  return heads.match(/^content-length: [1-9]/gim)?.length ?? 0;
}
