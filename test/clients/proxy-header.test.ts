/** The PROXY header: curl's own, and HAProxy in front as a load balancer, in both versions and before TLS. */
import assert from 'node:assert/strict';
import { eventually } from '../support/gateway.ts';
import { CURL, curl, curlThreeTurns } from '../support/program-curl.ts';
import { startHaproxy } from '../support/program-haproxy.ts';
import { LOGIN, setStage, type Props } from '../support/program-stage.ts';

const TRUSTING = { address: '127.0.0.1:0', proxyProtocol: '127.0.0.0/8' };
const declare = setStage('PROXY header', {
  listen: ({ cert, key }) => [
    { address: '127.0.0.1:0' },
    TRUSTING,
    { address: '127.0.0.1:0', proxyProtocol: '192.0.2.1' },
    { ...TRUSTING, address: 'tls://127.0.0.1:0', cert, key },
  ],
});

declare('curl --haproxy-protocol, plain http', CURL, async (props) => {
  const proxy = ['--haproxy-protocol', '-x', `http://127.0.0.1:${ports(props).trusting}`];
  await curlThreeTurns(props, ['--interface', '127.0.0.71', ...proxy], props.http.origin);
  await logged(props, '127.0.0.71', 3);
});

// curl 8.2 and later say of anybody that he is the client.
declare('curl --haproxy-clientip, plain http, where curl has it', CURL, async (props) => {
  const help = await curl(props, ['--help', 'all']);
  const header = help.stdout.includes('--haproxy-clientip')
    ? ['--haproxy-clientip', '127.0.0.72']
    : ['--haproxy-protocol', '--interface', '127.0.0.72'];
  const proxy = ['-x', `http://127.0.0.1:${ports(props).trusting}`];
  await curlThreeTurns(props, [...header, ...proxy], props.http.origin);
  await logged(props, '127.0.0.72', 3);
});

declare('curl --haproxy-protocol through a tunnel: the header is payload', CURL, async (props) => {
  // What stands behind the tunnel expects a header as well: it is a listener of another gateway.
  const { trusting } = ports(props);
  const chain = ['--preproxy', `socks5h://${LOGIN}@${props.guarded.address}`, '--haproxy-protocol'];
  await curlThreeTurns(props, [...chain, '-x', `http://127.0.0.1:${trusting}`], props.http.origin);
});

declare('curl without a header, and a sender who is not trusted: no answer', CURL, async (props) => {
  const { trusting, strict } = ports(props);
  for (const proxy of [
    ['-x', `http://127.0.0.1:${trusting}`],
    ['--haproxy-protocol', '-x', `http://127.0.0.1:${strict}`],
  ]) {
    const outcome = await curl(props, [...proxy, props.http.origin]);
    // 52: nothing came back; 56: the connection was reset.
    assert([52, 56].includes(outcome.code ?? 0), outcome.stdout + outcome.stderr);
  }
  assert.deepEqual(props.http.takeVisits(), []);
});

const VERSIONS = [
  { version: 'send-proxy', client: '127.0.0.73', secureClient: '127.0.0.74' },
  { version: 'send-proxy-v2', client: '127.0.0.75', secureClient: '127.0.0.76' },
];

for (const { version, client, secureClient } of VERSIONS) {
  declare(`HAProxy, ${version}: every protocol behind it`, [...CURL, 'haproxy'], async (props) => {
    await using balancer = await startHaproxy(props.scratch, `127.0.0.1:${ports(props).trusting} ${version}`);
    const from = ['--interface', client, '-x'];
    for (const scheme of ['socks5h', 'socks4a', 'http']) {
      await curlThreeTurns(props, [...from, `${scheme}://127.0.0.1:${balancer.port}`], props.https.origin);
    }
    await curlThreeTurns(props, [...from, `http://127.0.0.1:${balancer.port}`], props.http.origin);
    await logged(props, client, 12);
  });

  declare(`HAProxy, ${version}: before TLS`, [...CURL, 'haproxy'], async (props) => {
    await using balancer = await startHaproxy(props.scratch, `127.0.0.1:${ports(props).secure} ${version}`);
    const trust = ['--proxy-cacert', props.certificate.caFile];
    const proxy = [...trust, '--interface', secureClient, '-x', `https://127.0.0.1:${balancer.port}`];
    await curlThreeTurns(props, proxy, props.https.origin);
    await curlThreeTurns(props, proxy, props.http.origin);
    await logged(props, secureClient, 6);
  });
}

function ports({ open }: Props): Record<'trusting' | 'strict' | 'secure', number> {
  const [, trusting, strict, secure] = open.ports as [number, number, number, number];
  return { trusting, strict, secure };
}

/** The access log, which is written in batches, has this many lines of a client that only one case has. */
async function logged({ open }: Props, client: string, count: number): Promise<void> {
  const lines = (): number => open.log().split(`"client":"${client}:`).length - 1;
  await eventually(`${count} log lines name ${client}`, () => lines() >= count);
  assert.equal(lines(), count, open.log());
}
