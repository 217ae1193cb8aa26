/** proxychains: it hooks connect() under a program that knows nothing of proxies. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { runProgram, type Outcome } from '../support/program.ts';
import { assertThreeTurns, PASSWORD, setStage, USER, type Props } from '../support/program-stage.ts';

const declare = setStage('proxychains');
const NEEDS = ['proxychains4', 'curl'];

declare('socks5', NEEDS, async (props) => {
  const file = await configure(props, 'socks5', `127.0.0.1 ${props.open.port}`);
  await assertThreeTurns((path) => curlUnder(props, file, props.https.origin + path));
});

declare('socks5 with user and password', NEEDS, async (props) => {
  const file = await configure(props, 'socks5', `127.0.0.1 ${props.guarded.port} ${USER} ${PASSWORD}`);
  await assertThreeTurns((path) => curlUnder(props, file, props.https.origin + path));
});

declare('socks5 with a wrong password: no connection at all', NEEDS, async (props) => {
  const file = await configure(props, 'socks5', `127.0.0.1 ${props.guarded.port} ${USER} wrong`);
  const outcome = await curlUnder(props, file, props.https.origin);
  assert.notEqual(outcome.code, 0);
  assert.deepEqual(props.https.takeVisits(), []);
});

declare('socks5 with proxy_dns: the name reaches the gateway', NEEDS, async (props) => {
  const file = await configure(props, 'socks5', `127.0.0.1 ${props.open.port}`, 'proxy_dns');
  await assertThreeTurns((path) => curlUnder(props, file, `https://localhost:${props.https.port}${path}`));
});

declare('socks4', NEEDS, async (props) => {
  const file = await configure(props, 'socks4', `127.0.0.1 ${props.open.port}`);
  await assertThreeTurns((path) => curlUnder(props, file, props.https.origin + path));
});

declare('socks4 with proxy_dns and a user id: the name reaches the gateway', NEEDS, async (props) => {
  const file = await configure(props, 'socks4', `127.0.0.1 ${props.open.port} somebody`, 'proxy_dns');
  await assertThreeTurns((path) => curlUnder(props, file, `https://localhost:${props.https.port}${path}`));
});

declare('socks4 where users are required: no connection at all', NEEDS, async (props) => {
  const file = await configure(props, 'socks4', `127.0.0.1 ${props.guarded.port} ${USER}`);
  const outcome = await curlUnder(props, file, props.https.origin);
  assert.notEqual(outcome.code, 0);
  assert.deepEqual(props.https.takeVisits(), []);
});

declare('http', NEEDS, async (props) => {
  const file = await configure(props, 'http', `127.0.0.1 ${props.open.port}`);
  await assertThreeTurns((path) => curlUnder(props, file, props.http.origin + path));
});

declare('http with user and password, under wget', ['proxychains4', 'wget'], async (props) => {
  const file = await configure(props, 'http', `127.0.0.1 ${props.guarded.port} ${USER} ${PASSWORD}`);
  await assertThreeTurns((path) =>
    under(file, [
      'wget',
      '--no-config',
      '--no-hsts',
      '-t',
      '1',
      '-T',
      '15',
      '-qO-',
      props.http.origin + path,
    ]),
  );
});

/** Writes a proxychains configuration with one proxy and returns its path. */
async function configure(props: Props, type: string, proxy: string, ...extra: string[]): Promise<string> {
  const file = join(props.scratch, `proxychains-${type}.conf`);
  await writeFile(file, ['strict_chain', ...extra, '[ProxyList]', `${type} ${proxy}`, ''].join('\n'));
  return file;
}

function curlUnder(props: Props, file: string, url: string): Promise<Outcome> {
  return under(file, ['curl', '-q', '-sS', '--max-time', '15', '--cacert', props.certificate.caFile, url]);
}

function under(file: string, command: readonly string[]): Promise<Outcome> {
  return runProgram('proxychains4', ['-q', '-f', file, ...command]);
}
