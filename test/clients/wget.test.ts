/** wget: HTTP CONNECT only, set by environment. */
import assert from 'node:assert/strict';
import { runProgram, type Outcome } from '../support/program.ts';
import { assertThreeTurns, LOGIN, PASSWORD, setStage, USER, type Props } from '../support/program-stage.ts';

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

function wget(
  props: Props,
  proxy: string,
  path: string,
  extra: readonly string[] = ['-q'],
): Promise<Outcome> {
  const fixed = ['--no-config', '--no-hsts', '--tries=1', '--timeout=15', '--output-document=-'];
  const trust = `--ca-certificate=${props.certificate.caFile}`;
  return runProgram('wget', [...fixed, trust, ...extra, props.https.origin + path], {
    env: { https_proxy: proxy },
  });
}
