/** curl's tunnels: CONNECT and SOCKS5, with and without credentials, and what its user reads when it is refused. */
import assert from 'node:assert/strict';
import { connectionsOf, curl, curlThreeTurns } from '../support/program-curl.ts';
import { assertPool, callerIn, LOGIN, setStage, USER } from '../support/program-stage.ts';

const declare = setStage('curl');

declare('http:// proxy, https target', ['curl'], async (props) => {
  await curlThreeTurns(props, ['-x', `http://${props.open.address}`], props.https.origin);
});

declare('http:// proxy with -p, http target', ['curl'], async (props) => {
  await curlThreeTurns(props, ['-p', '-x', `http://${props.open.address}`], props.http.origin);
});

declare('http:// proxy with credentials', ['curl'], async (props) => {
  await curlThreeTurns(props, ['-x', `http://${LOGIN}@${props.guarded.address}`], props.https.origin);
});

declare(
  '--proxy-anyauth: the password goes out only after the 407, on the same connection',
  ['curl'],
  async (props) => {
    const proxy = ['-v', '--proxy-anyauth', '-x', `http://${LOGIN}@${props.guarded.address}`];
    const outcome = await curl(props, [...proxy, `${props.https.origin}/any`]);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stderr, /< HTTP\/1\.1 407 Proxy Authentication Required[^]*< HTTP\/1\.1 200 /);
    assert.equal(connectionsOf(outcome), 1, 'one connection to the proxy');
    const caller = callerIn(outcome.stdout, '/any');
    assertPool([caller]);
    assert(
      outcome.stderr.includes(`< Proxy-Status: gyre; egress="${caller}"`),
      'the answer names the egress',
    );
  },
);

declare('http:// proxy with a wrong password: 407, and curl says so', ['curl'], async (props) => {
  const proxy = ['-v', '-x', `http://${USER}:wrong@${props.guarded.address}`];
  const outcome = await curl(props, [...proxy, props.https.origin]);
  assert.equal(outcome.code, 56, outcome.stderr);
  assert.match(outcome.stderr, /< HTTP\/1\.1 407 Proxy Authentication Required/);
  assert.match(outcome.stderr, /curl: \(56\).*407/);
  assert.deepEqual(props.https.takeVisits(), []);
});

for (const scheme of ['socks5', 'socks5h']) {
  declare(`${scheme}:// proxy, https target`, ['curl'], async (props) => {
    await curlThreeTurns(props, ['-x', `${scheme}://${props.open.address}`], props.https.origin);
  });

  declare(`${scheme}:// proxy with credentials, http target`, ['curl'], async (props) => {
    await curlThreeTurns(props, ['-x', `${scheme}://${LOGIN}@${props.guarded.address}`], props.http.origin);
  });
}

declare('socks5h:// proxy: the gateway resolves the name', ['curl'], async (props) => {
  await curlThreeTurns(
    props,
    ['-x', `socks5h://${props.open.address}`],
    `https://localhost:${props.https.port}`,
  );
});

declare('socks5:// proxy with a wrong password is refused', ['curl'], async (props) => {
  const outcome = await curl(props, [
    '-x',
    `socks5://${USER}:wrong@${props.guarded.address}`,
    props.http.origin,
  ]);
  assert.equal(outcome.code, 97, outcome.stderr);
  assert.match(outcome.stderr, /User was rejected by the SOCKS5 server/);
});

declare('socks5:// proxy without the credentials it wants is refused', ['curl'], async (props) => {
  const outcome = await curl(props, ['-x', `socks5://${props.guarded.address}`, props.http.origin]);
  assert.equal(outcome.code, 97, outcome.stderr);
  assert.match(outcome.stderr, /No authentication method was acceptable/);
});

declare('an IPv6 target with an IPv4 pool is refused by name: CONNECT', ['curl'], async (props) => {
  const outcome = await curl(props, ['-v', '-p', '-x', `http://${props.open.address}`, 'http://[::1]:9/']);
  assert.equal(outcome.code, 56, outcome.stderr);
  assert.match(outcome.stderr, /< HTTP\/1\.1 502 .*no IPv6 egress address in the pool/);
});

declare('an IPv6 target with an IPv4 pool is refused by name: SOCKS5 REP 08', ['curl'], async (props) => {
  const outcome = await curl(props, ['-x', `socks5://${props.open.address}`, 'http://[::1]:9/']);
  assert.equal(outcome.code, 97, outcome.stderr);
  assert.match(outcome.stderr, /complete SOCKS5 connection to ::1\. \(8\)/);
});

declare('a body goes up and comes back unchanged', ['curl'], async (props) => {
  const body = 'A line of some length, many times over.\n'.repeat(20_000);
  for (const proxy of [`http://${props.open.address}`, `socks5h://${props.open.address}`]) {
    const outcome = await curl(props, ['-x', proxy, '--data-binary', '@-', props.https.origin], {
      input: body,
    });
    assert.equal(outcome.code, 0, outcome.stderr);
    assert(outcome.stdout === body, 'the body came back changed');
  }
});
