import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildResolver } from '../../../src/egress/resolver.ts';
import type { FailureCode } from '../../../src/errors.ts';
import { DnsServer, type Answer } from '../../support/dns-server.ts';

const BOTH = () => true;
const ONLY_4 = (family: number) => family === 4;
const withCode = (code: FailureCode) => ({ name: 'ProxyError', code });
const NO_HOSTS = '/nonexistent/hosts';

const server = (answer: (name: string, family: 4 | 6) => Answer) => DnsServer.listen(answer);
const resolver = (dns: DnsServer, hostsFile = NO_HOSTS) =>
  buildResolver({ servers: [dns.address], hostsFile });

test('IPv6 first, and only families that are wanted are asked for', async () => {
  await using dns = await server((_, family) =>
    family === 6 ? ['2001:db8::1'] : ['192.0.2.1', '192.0.2.2'],
  );
  const names = resolver(dns);
  assert.deepEqual(await names.resolve('both.test', BOTH, 2000), [
    { address: '2001:db8::1', family: 6 },
    { address: '192.0.2.1', family: 4 },
    { address: '192.0.2.2', family: 4 },
  ]);
  dns.asked.length = 0;
  assert.deepEqual(await names.resolve('four.test', ONLY_4, 2000), [
    { address: '192.0.2.1', family: 4 },
    { address: '192.0.2.2', family: 4 },
  ]);
  assert.deepEqual(dns.asked, ['four.test A']);
});

test('one family without an answer does not hide the other', async () => {
  await using dns = await server((_, family) => (family === 6 ? 'servfail' : ['192.0.2.1']));
  assert.deepEqual(await resolver(dns).resolve('half.test', BOTH, 4000), [
    { address: '192.0.2.1', family: 4 },
  ]);
});

test('an AAAA that holds an IPv4 address is that IPv4 address', async () => {
  await using dns = await server((_, family) => (family === 6 ? ['::ffff:10.0.0.1'] : []));
  assert.deepEqual(await resolver(dns).resolve('mapped.test', BOTH, 2000), [
    { address: '10.0.0.1', family: 4 },
  ]);
});

test('no such name, no address, a broken server and silence are four different things', async () => {
  await using dns = await server((name) =>
    name === 'none.test'
      ? 'nxdomain'
      : name === 'empty.test'
        ? []
        : name === 'broken.test'
          ? 'servfail'
          : 'silence',
  );
  const names = resolver(dns);
  await assert.rejects(names.resolve('none.test', BOTH, 2000), withCode('NAME_NOT_FOUND'));
  await assert.rejects(names.resolve('empty.test', BOTH, 2000), withCode('NAME_NOT_FOUND'));
  await assert.rejects(names.resolve('broken.test', BOTH, 5000), withCode('DNS_FAILED'));
  await assert.rejects(names.resolve('silent.test', BOTH, 100), withCode('DNS_TIMEOUT'));
});

test('localhost never leaves the host, and honours the families', async () => {
  await using dns = await server(() => 'nxdomain');
  const names = resolver(dns);
  assert.deepEqual(await names.resolve('localhost', ONLY_4, 100), [{ address: '127.0.0.1', family: 4 }]);
  assert.deepEqual(await names.resolve('a.localhost', BOTH, 100), [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]);
  assert.deepEqual(dns.asked, []);
});

test('the hosts file comes before DNS, and lines that make no sense are skipped one by one', async () => {
  await using dns = await server(() => ['192.0.2.99']);
  const folder = mkdtempSync(join(tmpdir(), 'gyre-hosts-'));
  try {
    const file = join(folder, 'hosts');
    writeFileSync(
      file,
      '# comment\nfe80::1%lo0 localhost\n0177.0.0.1 odd.test\n10.0.0.5 App.test db.test # x\n2001:db8::5 app.test\n',
    );
    const names = resolver(dns, file);
    assert.deepEqual(await names.resolve('app.test', BOTH, 2000), [
      { address: '2001:db8::5', family: 6 },
      { address: '10.0.0.5', family: 4 },
    ]);
    assert.deepEqual(await names.resolve('db.test', BOTH, 2000), [{ address: '10.0.0.5', family: 4 }]);
    assert.deepEqual(dns.asked, []);
    assert.deepEqual(await names.resolve('odd.test', ONLY_4, 2000), [{ address: '192.0.2.99', family: 4 }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
