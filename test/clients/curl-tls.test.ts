/** curl through a proxy it speaks TLS with: `https://` for HTTP and for tunnels, and with a certificate of its own. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CURL, curl, curlThreeTurns } from '../support/program-curl.ts';
import type { GyreProcess } from '../support/program-gyre.ts';
import {
  assertTurns,
  callerIn,
  LOGIN,
  setStage,
  stageFiles,
  USER,
  type Props,
} from '../support/program-stage.ts';
import { makeCertificate } from '../support/tls.ts';

const declare = setStage('curl, https:// proxy', {
  listen: ({ cert, key, ca, scratch }, gateway) => [
    { address: 'tls://127.0.0.1:0', cert, key },
    { address: 'tls://127.0.0.1:0', cert, key, clientCa: ca },
    { address: '127.0.0.1:0' },
    { address: '[::1]:0' },
    { address: `unix:${join(scratch, `${gateway}.sock`)}` },
  ],
});

declare('https and http targets, tunnels and plain', CURL, async (props) => {
  await curlThreeTurns(props, proxy(props, props.open), props.https.origin);
  await curlThreeTurns(props, ['-p', ...proxy(props, props.open)], props.http.origin);
  await curlThreeTurns(props, proxy(props, props.open), props.http.origin);
});

declare('by name', CURL, async (props) => {
  const trust = ['--proxy-cacert', props.certificate.caFile, '-x', `https://localhost:${props.open.port}`];
  await curlThreeTurns(props, trust, props.https.origin);
});

declare('one connection to the proxy, each plain request takes its turn', CURL, async (props) => {
  const paths = Array.from({ length: 10 }, (_, i) => `/${i}`);
  const report = ['-w', '%{stderr}%{num_connects}'];
  const urls = paths.map((path) => props.http.origin + path);
  const outcome = await curl(props, [...proxy(props, props.open), ...report, ...urls]);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.equal(outcome.stderr, '1000000000', 'one connection to the proxy');
  const lines = outcome.stdout.trim().split('\n');
  assertTurns(lines.map((line, i) => callerIn(line, paths[i]!)));
});

declare('with credentials, and with a wrong password', CURL, async (props) => {
  await curlThreeTurns(props, proxy(props, props.guarded, `${LOGIN}@`), props.https.origin);
  await curlThreeTurns(props, proxy(props, props.guarded, `${LOGIN}@`), props.http.origin);
  props.http.takeVisits();
  props.https.takeVisits();
  for (const { way, code } of [
    { way: [props.https.origin], code: 56 },
    { way: ['-f', props.http.origin], code: 22 },
  ]) {
    const outcome = await curl(props, [...proxy(props, props.guarded, `${USER}:wrong@`), ...way]);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.match(outcome.stderr, /407/);
  }
  assert.deepEqual([...props.http.takeVisits(), ...props.https.takeVisits()], []);
});

declare('a large body both ways', CURL, async (props) => {
  const input = 'A line of some length, many times over.\n'.repeat(80_000);
  for (const { origin } of [props.http, props.https]) {
    const args = [...proxy(props, props.open), '--data-binary', '@-', origin];
    const outcome = await curl(props, args, { input });
    assert.equal(outcome.code, 0, outcome.stderr);
    assert(outcome.stdout === input, 'the body came back changed');
  }
});

declare('an authority curl does not know: curl refuses', CURL, async (props) => {
  const outcome = await curl(props, ['-x', `https://${props.open.address}`, props.https.origin]);
  assert.equal(outcome.code, 60, outcome.stderr);
});

declare('--proxy-cert: only clients of the authority come in', CURL, async (props) => {
  const { scratch, certificate, open, http, https } = props;
  const { cert, key } = stageFiles(scratch, certificate);
  const proxy = ['--proxy-cacert', certificate.caFile, '-x', `https://127.0.0.1:${open.ports[1]}`];
  const known = ['--proxy-cert', cert, '--proxy-key', key];
  await curlThreeTurns(props, [...known, ...proxy], https.origin);
  await curlThreeTurns(props, [...known, ...proxy], http.origin);

  const folder = join(scratch, 'stranger');
  await mkdir(folder);
  await makeCertificate(folder);
  const stranger = ['--proxy-cert', join(folder, 'target.pem'), '--proxy-key', join(folder, 'target.key')];
  http.takeVisits();
  for (const shown of [[], stranger]) {
    const outcome = await curl(props, [...shown, ...proxy, http.origin]);
    // With TLS 1.3 the handshake is over for curl before it is refused: 56 is the alert, 52 an end without words.
    assert([35, 52, 55, 56].includes(outcome.code ?? 0), outcome.stdout + outcome.stderr);
  }
  assert.deepEqual(http.takeVisits(), []);
});

declare('several listeners of one process, one rotation', CURL, async (props) => {
  const [secure, , plain, six] = props.open.ports;
  const trust = ['--proxy-cacert', props.certificate.caFile];
  const seen: string[] = [];
  for (const way of [
    ['-x', `http://127.0.0.1:${plain}`],
    [...trust, '-x', `https://127.0.0.1:${secure}`],
    ['-x', `socks4a://127.0.0.1:${plain}`],
    ['-x', `http://[::1]:${six}`],
    ['-x', `socks5h://[::1]:${six}`],
  ]) {
    const outcome = await curl(props, [...way, `${props.http.origin}/any`]);
    assert.equal(outcome.code, 0, outcome.stderr);
    seen.push(callerIn(outcome.stdout, '/any'));
  }
  assertTurns(seen);
});

// curl knows socket files only as SOCKS proxies, and only of its own host.
declare('a socket file', CURL, async (props) => {
  const file = join(props.scratch, 'open.sock');
  for (const scheme of ['socks5h', 'socks4a']) {
    await curlThreeTurns(props, ['-x', `${scheme}://localhost${file}`], props.https.origin);
  }
});

function proxy({ certificate }: Props, { address }: GyreProcess, login = ''): string[] {
  return ['--proxy-cacert', certificate.caFile, '-x', `https://${login}${address}`];
}
