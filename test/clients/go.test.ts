/** Go's net/http: the proxy from the environment and from the program, http and https targets, https:// and SOCKS5. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { assertPool, callerIn, LOGIN, setStage, USER, type Props } from '../support/program-stage.ts';
import { assertAnswers, urlsOf } from '../support/program-turns.ts';
import { findProgram, runProgram, type Outcome } from '../support/program.ts';

/** Debian's, where there is one: it brings its library compiled, and newer Go compiles that first, for half a minute. */
const GO = findProgram('/usr/bin/go') ?? 'go';
const NEEDS = [GO];
const declare = setStage('go', {
  listen: ({ cert, key }) => [{ address: '127.0.0.1:0' }, { address: 'tls://127.0.0.1:0', cert, key }],
});

/** The program, once it is built; it needs no module and no network. */
let client: Promise<string> | undefined;

for (const scheme of ['http', 'https'] as const) {
  declare(`proxy from the environment, ${scheme} targets`, NEEDS, async (props) => {
    const through = `http://${LOGIN}@${props.guarded.address}`;
    // Go goes to localhost directly whatever the environment says.
    const urls = urlsOf(`${scheme}://go.localhost:${props[scheme].port}`);
    assertAnswers(await run(props, urls, { HTTP_PROXY: through, HTTPS_PROXY: through }));
  });

  declare(`http:// proxy, ${scheme} targets: each request takes its turn`, NEEDS, async (props) => {
    assertAnswers(await run(props, ['-proxy', proxy(props), ...urlsOf(props[scheme].origin)]));
  });

  declare(`https:// proxy, ${scheme} targets`, NEEDS, async (props) => {
    const through = `https://${LOGIN}@localhost:${props.guarded.ports[1]}`;
    assertAnswers(await run(props, ['-proxy', through, ...urlsOf(props[scheme].origin)]));
  });

  declare(`socks5:// proxy, ${scheme} targets`, NEEDS, async (props) => {
    for (const through of [props.open.address, `${LOGIN}@${props.guarded.address}`]) {
      const urls = urlsOf(`${scheme}://localhost:${props[scheme].port}`);
      assertAnswers(await run(props, ['-proxy', `socks5://${through}`, ...urls]));
    }
  });

  declare(`a wrong password, ${scheme} target: the error is the 407`, NEEDS, async (props) => {
    const outcome = await run(props, ['-proxy', proxy(props, `${USER}:wrong`), props[scheme].origin]);
    assert.equal(outcome.code, 1, outcome.stdout);
    assert.match(outcome.stderr, /Proxy Authentication Required/);
    assert.deepEqual(props[scheme].takeVisits(), []);
  });

  declare(`sixty requests at once, ${scheme} target`, NEEDS, async (props) => {
    const outcome = await run(props, ['-proxy', proxy(props), `all:${props[scheme].origin}`]);
    assert.equal(outcome.code, 0, outcome.stderr);
    const callers = outcome.stdout
      .trim()
      .split('\n')
      .map((line, i) => callerIn(line, `/${i}`));
    assert.equal(callers.length, 60);
    assertPool(callers);
    assert.equal(new Set(callers).size, 8, 'sixty requests use every address');
  });

  declare(`bodies go up and come back, ${scheme} target`, NEEDS, async (props) => {
    const outcome = await run(props, ['-proxy', proxy(props), `post:${props[scheme].origin}/`]);
    assert.equal(outcome.stdout, 'posted true true\n', outcome.stderr);
    assertPool(props[scheme].takeVisits().map(({ address }) => address));
  });
}

function proxy({ guarded }: Props, login: string = LOGIN): string {
  return `http://${login}@${guarded.address}`;
}

async function run(
  props: Props,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  client ??= build(props);
  return runProgram(await client, ['-ca', props.certificate.caFile, ...args], { env });
}

async function build({ scratch }: Props): Promise<string> {
  const program = join(scratch, 'client');
  const source = join(import.meta.dirname, 'programs/client.go');
  const folders = { GOPATH: join(scratch, 'go'), GOCACHE: join(scratch, 'go-cache') };
  const env = { ...folders, GOPROXY: 'off', GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
  const built = await runProgram(GO, ['build', '-o', program, source], { env, timeoutMs: 80_000 });
  assert.equal(built.code, 0, built.stderr);
  return program;
}
