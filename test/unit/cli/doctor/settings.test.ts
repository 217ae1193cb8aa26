/** The checks about limits and settings, each on recorded hosts. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BACKLOGS } from '../../../../src/cli/doctor/backlog.ts';
import { CLOCK } from '../../../../src/cli/doctor/clock.ts';
import { CONNTRACK } from '../../../../src/cli/doctor/conntrack.ts';
import { CONTAINER } from '../../../../src/cli/doctor/container.ts';
import { DESCRIPTORS } from '../../../../src/cli/doctor/descriptors.ts';
import { EXPOSURE } from '../../../../src/cli/doctor/exposure.ts';
import type { Check } from '../../../../src/cli/doctor/finding.ts';
import { MEMORY } from '../../../../src/cli/doctor/memory.ts';
import { judgeNode } from '../../../../src/cli/doctor/node.ts';
import { PORTS } from '../../../../src/cli/doctor/ports.ts';
import { TIME_WAIT } from '../../../../src/cli/doctor/time-wait.ts';
import { inLines, RecordedHost, type Host } from '../../../support/patient.ts';

async function lines(check: Check, host: Host): Promise<string[]> {
  using recorded = new RecordedHost(host);
  return inLines(await check.examine(recorded.patient));
}

const sysctls = (settings: Readonly<Record<string, string | number>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`/proc/sys/${name.replaceAll('.', '/')}`, `${value}\n`]),
  );
const clients = (connections: number) => ({ limits: { all: { connections } } });

suite('ports', () => {
  const range = 'net.ipv4.ip_local_port_range';

  test('the usual range is fine, a small one is told', async () => {
    const files = sysctls({
      [range]: '32768\t60999',
      'net.ipv4.ip_local_reserved_ports': '40000-40009,50000',
    });
    assert.deepEqual(await lines(PORTS, { files }), [
      'ok: an egress address has 28,221 ports (32768 to 60999) towards each destination',
    ]);
    const few = await lines(PORTS, {
      files: sysctls({ [range]: '50000 51000' }),
      options: { ports: 'kernel' },
    });
    assert.deepEqual(few, [
      'warn: an egress address has 1,001 ports (50000 to 51000) towards all destinations together (ports: kernel): few',
      "  sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
    ]);
  });

  test('a listener within the range may lose its port', async () => {
    const options = { listen: ['127.0.0.1:1080', '127.0.0.1:40000'] };
    const settings = { [range]: '1024 65535', 'net.ipv4.ip_local_reserved_ports': '8080' };
    const [, message, ...fix] = await lines(PORTS, { files: sysctls(settings), options });
    assert.match(message!, /^warn: the listening port 1080 and 40000 is one of the ports/);
    assert.deepEqual(fix, ['  sysctl -w net.ipv4.ip_local_reserved_ports=8080,1080,40000']);
    const reserved = { ...settings, 'net.ipv4.ip_local_reserved_ports': '1000-2000,40000' };
    assert.equal((await lines(PORTS, { files: sysctls(reserved), options })).length, 1);
  });

  test('where there is no such setting nothing is said', async () => {
    assert.deepEqual(await lines(PORTS, {}), []);
  });
});

suite('the table of tracked connections', () => {
  const table = (count: number, max: number): Host => ({
    files: sysctls({ 'net.netfilter.nf_conntrack_count': count, 'net.netfilter.nf_conntrack_max': max }),
    options: clients(1000),
  });

  test('with room is fine; nearly full, full, or too small for the clients it is not', async () => {
    assert.deepEqual(await lines(CONNTRACK, table(10, 65_536)), [
      'ok: the table of tracked connections holds 10 of 65,536',
    ]);
    assert.match((await lines(CONNTRACK, table(50_000, 65_536)))[0]!, /^warn: .* it will be full soon$/);
    const full = await lines(CONNTRACK, table(65_500, 65_536));
    assert.match(full[0]!, /^fail: .* new connections are dropped$/);
    assert.equal(full[1], '  sysctl -w net.netfilter.nf_conntrack_max=131072');
    assert.match((await lines(CONNTRACK, table(0, 1024)))[0]!, /^warn: .* 1,000 clients take 2 each$/);
  });

  test('that is not there tracks nothing', async () => {
    assert.deepEqual(await lines(CONNTRACK, {}), []);
  });
});

suite('descriptors', () => {
  const limits = (soft: string, hard: string): Record<string, string> => ({
    '/proc/self/limits': `Limit                     Soft Limit           Hard Limit           Units
Max processes             1000                 1000                 processes
Max open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files
`,
  });

  test('are two a client, of the hard limit', async () => {
    assert.match(
      (await lines(DESCRIPTORS, { files: limits('1024', '524288') }))[0]!,
      /^ok: .* 524,288 files, enough/,
    );
    assert.match(
      (await lines(DESCRIPTORS, { files: limits('1024', 'unlimited') }))[0]!,
      /^ok: .* any number/,
    );
    const few = await lines(DESCRIPTORS, { files: limits('1024', '4096'), options: clients(5000) });
    assert.match(
      few[0]!,
      /^warn: a process may open 4,096 files, and 5,000 clients need 10,512; .*LimitNOFILE/,
    );
    assert.deepEqual(few.slice(1), ['  ulimit -n 10512']);
  });

  test('may need the bound of the kernel raised first', async () => {
    const files = { ...limits('1024', '4096'), ...sysctls({ 'fs.nr_open': 8192 }) };
    assert.deepEqual((await lines(DESCRIPTORS, { files, options: clients(5000) })).slice(1), [
      '  sysctl -w fs.nr_open=10512',
      '  ulimit -n 10512',
    ]);
  });
});

suite('queues and reuse', () => {
  test('short queues are told', async () => {
    const short = sysctls({ 'net.core.somaxconn': 128, 'net.ipv4.tcp_max_syn_backlog': 256 });
    assert.deepEqual(
      (await lines(BACKLOGS, { files: short })).filter((line) => line.startsWith(' ')),
      ['  sysctl -w net.core.somaxconn=4096', '  sysctl -w net.ipv4.tcp_max_syn_backlog=1024'],
    );
    const long = sysctls({ 'net.core.somaxconn': 4096, 'net.ipv4.tcp_max_syn_backlog': 4096 });
    assert.deepEqual(await lines(BACKLOGS, { files: long }), [
      'ok: the queues of new connections are long enough',
    ]);
  });

  test('handing over what waits at a thread that dies is a note, where there are threads', async () => {
    const files = sysctls({ 'net.ipv4.tcp_migrate_req': 0 });
    assert.equal((await lines(BACKLOGS, { files }))[2], '  sysctl -w net.ipv4.tcp_migrate_req=1');
    assert.equal((await lines(BACKLOGS, { files, options: { workers: 1 } })).length, 1);
  });

  test('tcp_tw_reuse', async () => {
    const state = async (value: number): Promise<string> =>
      (await lines(TIME_WAIT, { files: sysctls({ 'net.ipv4.tcp_tw_reuse': value }) }))[0]!.slice(0, 4);
    assert.deepEqual([await state(0), await state(1), await state(2)], ['warn', 'ok: ', 'ok: ']);
  });
});

suite('memory', () => {
  const free = { '/proc/meminfo': 'MemTotal:       4000000 kB\nMemAvailable:    2000000 kB\n' };

  test('of the host', async () => {
    assert.deepEqual(await lines(MEMORY, { files: free }), [
      'ok: 2.0 GB of memory are free, enough for 10,000 clients',
    ]);
    assert.match(
      (await lines(MEMORY, { files: free, options: clients(100_000) }))[0]!,
      /^warn: 2\.0 GB .* free/,
    );
  });

  for (const [version, cgroup, limit] of [
    ['2', '0::/system.slice/gyre.service\n', '/sys/fs/cgroup/system.slice/memory.max'],
    ['1', '4:memory:/a/b\n0::/\n', '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes'],
  ] as const) {
    test(`of the control group, version ${version}, or of one around it`, async () => {
      const files = { ...free, '/proc/self/cgroup': cgroup, [limit]: '134217728\n' };
      const [message] = await lines(MEMORY, { files });
      assert.match(message!, /^warn: 134\.2 MB of memory are what the control group allows, .*MemoryMax/);
    });
  }

  test('no limit is none', async () => {
    const files = { ...free, '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': 'max\n' };
    assert.match((await lines(MEMORY, { files }))[0]!, /^ok: 2\.0 GB/);
  });
});

suite('clock', () => {
  const asked = (programs: Record<string, string>, files: Record<string, string> = {}) =>
    lines(CLOCK, { files, programs });

  test('systemd says whether it is synchronised, or nobody does', async () => {
    assert.deepEqual(await asked({}, { '/run/systemd/timesync/synchronized': '' }), [
      'ok: the clock is synchronised',
    ]);
    assert.deepEqual(await asked({ timedatectl: 'yes\n' }), ['ok: the clock is synchronised']);
    assert.deepEqual((await asked({ timedatectl: 'no\n' })).slice(1), ['  timedatectl set-ntp true']);
    assert.match((await asked({}))[0]!, /^ok: nothing on this host says/);
  });
});

suite('where it runs', () => {
  const device = (iflink: number): Record<string, string> => ({
    '/sys/class/net/lo/ifindex': '1\n',
    '/sys/class/net/eth0/ifindex': '2\n',
    '/sys/class/net/eth0/iflink': `${iflink}\n`,
  });

  test('a container with a network of its own is told', async () => {
    const inside = { '/.dockerenv': '' };
    assert.match(
      (await lines(CONTAINER, { files: { ...inside, ...device(9) } }))[0]!,
      /^warn: .*--network host/,
    );
    assert.deepEqual(await lines(CONTAINER, { files: { ...inside, ...device(2) } }), []);
    assert.deepEqual(await lines(CONTAINER, { files: device(9) }), []);
  });

  test('the version of Node', () => {
    assert.deepEqual(
      ['24.12.0', '26.0.0', '24.11.9', '22.20.0'].map((version) => judgeNode(version).state),
      ['ok', 'ok', 'fail', 'fail'],
    );
  });
});

test('an open relay is told', async () => {
  const open = { listen: ':1080', openRelay: true };
  assert.match((await lines(EXPOSURE, { options: open }))[0]!, /^warn: this is an open relay/);
  assert.match((await lines(EXPOSURE, {}))[0]!, /^ok: /);
});
