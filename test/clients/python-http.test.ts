/** Python's HTTP libraries: requests, httpx and aiohttp, with http targets (no tunnel), https targets, and WebSockets. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PYSOCKS, PYTHON } from '../support/program-case.ts';
import { assertPool, callerIn, LOGIN, setStage, USER, type Props } from '../support/program-stage.ts';
import { assertAnswers, urlsOf } from '../support/program-turns.ts';
import { runProgram, type Outcome } from '../support/program.ts';
import { startWebSocketTarget } from '../support/target-websocket.ts';

const declare = setStage('python');
const PACKAGES = '/usr/lib/python3/dist-packages';
const AIOHTTP = [PYTHON, join(PACKAGES, 'aiohttp')];
const AIOHTTP_SOCKS = [...AIOHTTP, join(PACKAGES, 'aiohttp_socks')];

for (const library of ['requests', 'httpx', 'aiohttp']) {
  const needs = [PYTHON, join(PACKAGES, library)];

  for (const scheme of ['http', 'https'] as const) {
    declare(`${library}, ${scheme} targets: each request takes its turn`, needs, async (props) => {
      assertAnswers(await run(props, library, proxy(props), urlsOf(props[scheme].origin)));
    });

    declare(`${library} with credentials, ${scheme} targets`, needs, async (props) => {
      assertAnswers(await run(props, library, proxy(props, LOGIN), urlsOf(props[scheme].origin)));
    });

    declare(`${library} with a wrong password, ${scheme} target: 407`, needs, async (props) => {
      const outcome = await run(props, library, proxy(props, `${USER}:wrong`), [props[scheme].origin]);
      assert.equal(outcome.code, 1, outcome.stdout);
      assert.match(outcome.stderr, /407/);
      assert.deepEqual(props[scheme].takeVisits(), []);
    });
  }

  declare(`${library}: bodies go up and come back, whole and in chunks`, needs, async (props) => {
    // Without credentials: requests 2.28 leaves them out of a request in chunks.
    const outcome = await run(props, library, proxy(props), [`post:${props.http.origin}/`]);
    assert.equal(outcome.stdout, 'posted True True\n', outcome.stderr);
    assertPool(props.http.takeVisits().map(({ address }) => address));
  });
}

for (const scheme of ['http', 'https'] as const) {
  declare(`aiohttp, sixty requests at once, ${scheme} target`, AIOHTTP, async (props) => {
    const outcome = await run(props, 'aiohttp', proxy(props, LOGIN), [`all:${props[scheme].origin}`]);
    assert.equal(outcome.code, 0, outcome.stderr);
    const lines = outcome.stdout.trim().split('\n');
    assert.equal(lines.length, 60);
    const callers = lines.map((line, i) => callerIn(line, `/${i}`));
    assertPool(callers);
    assert.equal(new Set(callers).size, 8, 'sixty requests use every address');
  });
}

for (const scheme of ['ws', 'wss'] as const) {
  declare(`aiohttp, ${scheme}://`, AIOHTTP, async (props) => {
    await using target = await startWebSocketTarget(scheme === 'wss' ? props.certificate : undefined);
    const urls = urlsOf(`${scheme}://localhost:${target.port}`);
    assertAnswers(await run(props, 'aiohttp', proxy(props, LOGIN), urls));
    assert.equal(target.visits.length, urls.length);
  });
}

for (const { version, host } of [
  { version: 'socks4', host: '127.0.0.1' },
  { version: 'socks4', host: 'localhost' },
  { version: 'socks5', host: 'localhost' },
]) {
  declare(`aiohttp-socks, ${version}, ${host}`, AIOHTTP_SOCKS, async (props) => {
    const through = `${version}://${props.open.address}`;
    assertAnswers(await run(props, 'aiohttp', through, urlsOf(`https://${host}:${props.https.port}`)));
  });
}

declare('aiohttp-socks, socks5 with credentials', AIOHTTP_SOCKS, async (props) => {
  const through = `socks5://${LOGIN}@${props.guarded.address}`;
  assertAnswers(await run(props, 'aiohttp', through, urlsOf(props.http.origin)));
});

declare(
  'requests over PySocks, socks4 and socks5h',
  [PYTHON, PYSOCKS, join(PACKAGES, 'requests')],
  async (props) => {
    for (const scheme of ['socks4', 'socks4a', 'socks5h']) {
      const host = scheme === 'socks4' ? '127.0.0.1' : 'localhost';
      const urls = urlsOf(`https://${host}:${props.https.port}`);
      assertAnswers(await run(props, 'requests', `${scheme}://${props.open.address}`, urls));
    }
  },
);

function proxy({ open, guarded }: Props, login?: string): string {
  return login === undefined ? `http://${open.address}` : `http://${login}@${guarded.address}`;
}

function run(props: Props, library: string, through: string, urls: readonly string[]): Promise<Outcome> {
  const script = join(import.meta.dirname, 'programs', `${library}_client.py`);
  return runProgram(PYTHON, [script, through, props.certificate.caFile, ...urls]);
}
