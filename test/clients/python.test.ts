/** Python: PySocks (what `requests[socks]` uses), and the standard library's urllib. */
import { runProgram } from '../support/program.ts';
import { PYSOCKS, PYTHON } from '../support/program-case.ts';
import { assertThreeTurns, LOGIN, PASSWORD, setStage, USER, type Props } from '../support/program-stage.ts';

const declare = setStage('python');

const PYSOCKS_SCRIPT = `
import http.client, socks, sys
version, host, port, rdns, user, password, target, path = sys.argv[1:]
s = socks.socksocket()
s.settimeout(15)
s.set_proxy(getattr(socks, version), host, int(port), rdns == 'rdns', user or None, password or None)
name, target_port = target.rsplit(':', 1)
s.connect((name, int(target_port)))
connection = http.client.HTTPConnection(name)
connection.sock = s
connection.request('GET', path)
sys.stdout.write(connection.getresponse().read().decode())
`;

const URLLIB_SCRIPT = `
import ssl, sys, urllib.request
proxy, ca, url = sys.argv[1:]
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({'http': proxy, 'https': proxy}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
sys.stdout.write(opener.open(url, timeout=15).read().decode())
`;

declare('PySocks', [PYTHON, PYSOCKS], async (props) => {
  await pysocks(props, 'SOCKS5', props.open.port, 'local', '', '');
});

declare('PySocks, SOCKS4 and 4a', [PYTHON, PYSOCKS], async (props) => {
  await pysocks(props, 'SOCKS4', props.open.port, 'local', '', '');
  await pysocks(props, 'SOCKS4', props.open.port, 'rdns', 'somebody', '');
});

declare('PySocks with user and password, names resolved by the gateway', [PYTHON, PYSOCKS], async (props) => {
  await pysocks(props, 'SOCKS5', props.guarded.port, 'rdns', USER, PASSWORD);
});

declare('urllib, https target', [PYTHON], async (props) => {
  await urllib(props, `http://${props.open.address}`);
});

declare('urllib with credentials, https target', [PYTHON], async (props) => {
  await urllib(props, `http://${LOGIN}@${props.guarded.address}`);
});

declare('urllib with credentials, http target', [PYTHON], async (props) => {
  await urllib(props, `http://${LOGIN}@${props.guarded.address}`, props.http.origin);
});

async function pysocks(
  props: Props,
  version: 'SOCKS4' | 'SOCKS5',
  port: number,
  ...how: [rdns: string, user: string, password: string]
): Promise<void> {
  const [rdns] = how;
  const target = `${rdns === 'rdns' ? 'localhost' : '127.0.0.1'}:${props.http.port}`;
  await assertThreeTurns((path) =>
    runProgram(PYTHON, ['-c', PYSOCKS_SCRIPT, version, '127.0.0.1', String(port), ...how, target, path]),
  );
}

async function urllib(props: Props, proxy: string, origin: string = props.https.origin): Promise<void> {
  const { caFile } = props.certificate;
  await assertThreeTurns((path) => runProgram(PYTHON, ['-c', URLLIB_SCRIPT, proxy, caFile, origin + path]));
}
