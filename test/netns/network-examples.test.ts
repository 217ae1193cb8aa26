/** The commands of `deploy/network`, run on a host of the test's own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProgram, runProgram, type Outcome } from '../support/program.ts';
import { declareCase, PYTHON, ROOT } from '../support/program-case.ts';
import { Namespace } from '../support/netns.ts';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

for (const prefix of ['2001:db8:1::/64', '198.51.100.0/28']) {
  declareCase(
    `anyip.sh makes every address of ${prefix} one to leave from`,
    ['ip', 'sysctl', ROOT],
    async () => {
      const name = `gyre-anyip-${prefix.includes(':') ? 6 : 4}`;
      await using _host = await Namespace.create(name);
      const inside = async (...command: string[]): Promise<Outcome> => await within(name, ...command);
      const check = [process.execPath, `${REPOSITORY}bin/gyre.js`, 'check', '--bind', '--pool', prefix];
      assert.notEqual((await inside(...check)).code, 0);
      const { code, stderr } = await inside('sh', `${REPOSITORY}deploy/network/anyip.sh`, prefix);
      assert.equal(code, 0, stderr);
      const { stdout, ...outcome } = await inside(...check);
      assert.equal(outcome.code, 0, stdout + outcome.stderr);
    },
  );
}

declareCase('sysctl.conf: the kernel takes every setting', ['ip', 'sysctl', ROOT], async () => {
  const name = 'gyre-sysctl';
  await using _host = await Namespace.create(name);
  const file = `${REPOSITORY}deploy/network/sysctl.conf`;
  const { code, stderr } = await within(name, 'sysctl', '-p', file);
  assert.equal(code, 0, stderr);
  const settings = readFileSync(file, 'utf8').matchAll(/^([\w.]+) = (.+)$/gm);
  for (const [, key = '', value] of settings) {
    const { stdout } = await within(name, 'sysctl', '-n', key);
    assert.equal(stdout.trim().replace(/\s+/g, ' '), value, key);
  }
});

declareCase(
  'ndppd.conf answers for every address of a prefix that is on the link',
  ['ip', 'sysctl', 'ndppd', PYTHON, ROOT],
  async () => {
    await using host = await Namespace.create('gyre-ndp-host');
    await using router = await Namespace.create('gyre-ndp-router');
    await host.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', router.name);
    for (const [side, address] of [
      [host, '2001:db8:ffff::1/64'],
      [router, '2001:db8:ffff::2/64'],
    ] as const) {
      await side.ip('link', 'set', 'eth0', 'up');
      await side.ip('-6', 'addr', 'add', address, 'dev', 'eth0', 'nodad');
    }
    // On the link, and not by way of the host: the router asks for each address.
    await router.ip('-6', 'route', 'add', '2001:db8:1::/64', 'dev', 'eth0');
    const anyip = await within(host.name, 'sh', `${REPOSITORY}deploy/network/anyip.sh`, '2001:db8:1::/64');
    assert.equal(anyip.code, 0, anyip.stderr);
    const connect = async (tries: number): Promise<string> =>
      (await within(router.name, PYTHON, '-c', CONNECT, '2001:db8:1::1234', String(tries))).stdout.trim();
    assert.equal(await connect(1), 'EHOSTUNREACH');
    await host.sysctl('net/ipv6/conf/eth0/proxy_ndp', '1');
    host.start('ndppd', '-c', `${REPOSITORY}deploy/network/ndppd.conf`);
    // Nobody listens there, which only a host that was found can say.
    assert.equal(await connect(10), 'ECONNREFUSED');
  },
);

/** The kernel asks for a second or three each time. */
const CONNECT = `
import errno, socket, sys
for attempt in range(int(sys.argv[2])):
    with socket.socket(socket.AF_INET6) as s:
        code = s.connect_ex((sys.argv[1], 9))
    if code != errno.EHOSTUNREACH:
        break
print(errno.errorcode[code])
`;

async function within(namespace: string, ...command: string[]): Promise<Outcome> {
  const [program = '', ...args] = command;
  const words = ['netns', 'exec', namespace, findProgram(program) ?? program, ...args];
  return await runProgram('ip', words, { timeoutMs: 45_000 });
}
