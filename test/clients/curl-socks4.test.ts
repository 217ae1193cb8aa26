/** curl's SOCKS4, with and without names; and its CONNECT as HTTP/1.0 knows it. */
import assert from 'node:assert/strict';
import { CURL, curl, curlThreeTurns } from '../support/program-curl.ts';
import { assertTurns, callerIn, LOGIN, setStage } from '../support/program-stage.ts';

const declare = setStage('curl');

const SCHEMES = [
  { scheme: 'socks4', host: '127.0.0.1' },
  { scheme: 'socks4a', host: '127.0.0.1' },
  { scheme: 'socks4a', host: 'localhost' },
] as const;

for (const { scheme, host } of SCHEMES) {
  declare(`${scheme}:// proxy, ${host}, https target`, CURL, async (props) => {
    const origin = `https://${host}:${props.https.port}`;
    await curlThreeTurns(props, ['-x', `${scheme}://${props.open.address}`], origin);
  });

  declare(`${scheme}:// proxy, ${host}, http target, with a user id`, CURL, async (props) => {
    const origin = `http://${host}:${props.http.port}`;
    await curlThreeTurns(props, ['-x', `${scheme}://somebody@${props.open.address}`], origin);
  });
}

declare('socks4:// proxy, a name that curl resolves itself', CURL, async (props) => {
  const proxy = ['-4', '-x', `socks4://${props.open.address}`];
  await curlThreeTurns(props, proxy, `http://localhost:${props.http.port}`);
});

declare('--socks4 and --socks4a', CURL, async (props) => {
  await curlThreeTurns(props, ['--socks4', props.open.address], props.http.origin);
  await curlThreeTurns(props, ['--socks4a', props.open.address], `http://localhost:${props.http.port}`);
});

for (const scheme of ['socks4', 'socks4a']) {
  declare(`${scheme}:// proxy where users are required: refused`, CURL, async (props) => {
    for (const login of ['', 'alice@', `${LOGIN}@`]) {
      const proxy = `${scheme}://${login}${props.guarded.address}`;
      const outcome = await curl(props, ['-x', proxy, props.http.origin]);
      assert.equal(outcome.code, 97, outcome.stderr);
      // 91 is 5B: rejected or failed; 93 is 5D: the user id does not fit.
      assert.match(outcome.stderr, /complete SOCKS4 connection .*\((91|93)\)/);
    }
    assert.deepEqual(props.http.takeVisits(), []);
  });
}

declare('socks4a:// proxy, a target that refuses', CURL, async (props) => {
  const outcome = await curl(props, ['-x', `socks4a://${props.open.address}`, 'http://127.0.0.1:9/']);
  assert.equal(outcome.code, 97, outcome.stderr);
  assert.match(outcome.stderr, /complete SOCKS4 connection .*\(91\)/);
});

declare('socks4a:// proxy, a body goes up and comes back unchanged', CURL, async (props) => {
  const input = 'A line of some length, many times over.\n'.repeat(20_000);
  const proxy = ['-x', `socks4a://${props.open.address}`];
  const outcome = await curl(props, [...proxy, '--data-binary', '@-', props.http.origin], { input });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert(outcome.stdout === input, 'the body came back changed');
});

declare('--preproxy: SOCKS4a to the gateway, and through it CONNECT to another', CURL, async (props) => {
  const chain = ['--preproxy', `socks4a://${props.open.address}`, '-p', '-x'];
  await curlThreeTurns(props, [...chain, `http://${LOGIN}@${props.guarded.address}`], props.https.origin);
});

declare('--proxy1.0, https target', CURL, async (props) => {
  await curlThreeTurns(props, ['--proxy1.0', props.open.address], props.https.origin);
});

declare('--proxy1.0 with -p and credentials, http target', CURL, async (props) => {
  const proxy = ['-p', '--proxy1.0', props.guarded.address, '--proxy-user', LOGIN];
  await curlThreeTurns(props, proxy, props.http.origin);
});

declare(
  '--proxy1.0 --proxy-anyauth: the 407 says that the connection ends, or it goes on',
  CURL,
  async (props) => {
    const proxy = ['-v', '--proxy-anyauth', '--proxy1.0', props.guarded.address, '--proxy-user', LOGIN];
    const outcome = await curl(props, [...proxy, `${props.https.origin}/any`]);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stderr, /< HTTP\/1\.[01] 407 [^]*< HTTP\/1\.[01] 200 /);
    assertTurns([callerIn(outcome.stdout, '/any')]);
  },
);

declare(
  '--proxy1.0 --http1.0, http target: no tunnel, the request itself is HTTP/1.0',
  CURL,
  async (props) => {
    const proxy = ['-v', '--http1.0', '--proxy1.0', props.open.address];
    const urls = ['/one', '/two', '/three'].map((path) => props.http.origin + path);
    const outcome = await curl(props, [...proxy, ...urls]);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stderr, /> GET http:\/\/\S+ HTTP\/1\.0/);
    const lines = outcome.stdout.trim().split('\n');
    assertTurns(lines.map((line, i) => callerIn(line, ['/one', '/two', '/three'][i]!)));
  },
);
