import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildResolver } from '../../../../src/egress/names/resolver.ts';
import type { FailureCode } from '../../../../src/errors.ts';
import { DnsServer, type Answer } from '../../../support/dns-server.ts';

const BOTH = () => true;
const ONLY_4 = (family: number) => family === 4;
const withCode = (code: FailureCode) => ({ name: 'ProxyError', code });
const NO_HOSTS = '/nonexistent/hosts';

const server = (answer: (name: string, family: 4 | 6) => Answer | Promise<Answer>) =>
  DnsServer.listen(answer);
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

test('an answer is asked for once in its TTL, and one with a TTL of 0 every time', async () => {
  await using dns = await server((name) => ({
    addresses: ['192.0.2.1'],
    ttl: name === 'kept.test' ? 60 : 0,
  }));
  const names = resolver(dns);
  for (const name of ['kept.test', 'kept.test', 'fresh.test', 'fresh.test']) {
    assert.deepEqual(await names.resolve(name, ONLY_4, 2000), [{ address: '192.0.2.1', family: 4 }]);
  }
  assert.deepEqual(dns.asked, ['kept.test A', 'fresh.test A', 'fresh.test A']);
});

test('"no such name" is remembered for a while, a failing server is not', async () => {
  await using dns = await server((name) => (name === 'none.test' ? 'nxdomain' : 'servfail'));
  const names = buildResolver({ servers: [dns.address], hostsFile: NO_HOSTS, tries: 1 });
  for (let i = 0; i < 2; i++) {
    await assert.rejects(names.resolve('none.test', ONLY_4, 2000), withCode('NAME_NOT_FOUND'));
    await assert.rejects(names.resolve('broken.test', ONLY_4, 2000), withCode('DNS_FAILED'));
  }
  assert.equal(dns.asked.filter((question) => question === 'none.test A').length, 1);
  assert(dns.asked.filter((question) => question === 'broken.test A').length >= 2);
});

test('one caller that loses patience leaves the query running for the others', async () => {
  const gate = Promise.withResolvers<Answer>();
  await using dns = await server(() => gate.promise);
  const names = resolver(dns);
  const patient = names.resolve('slow.test', ONLY_4, 5000);
  await assert.rejects(names.resolve('slow.test', ONLY_4, 20), withCode('DNS_TIMEOUT'));
  gate.resolve({ addresses: ['192.0.2.7'], ttl: 60 });
  assert.deepEqual(await patient, [{ address: '192.0.2.7', family: 4 }]);
  assert.deepEqual(dns.asked, ['slow.test A']);
});

test('both families are asked for at the same time', async () => {
  const asked = { 4: Promise.withResolvers<void>(), 6: Promise.withResolvers<void>() };
  await using dns = await server(async (_, family) => {
    asked[family].resolve();
    // Neither answer comes before both questions have.
    await Promise.all([asked[4].promise, asked[6].promise]);
    return family === 6 ? ['2001:db8::1'] : ['192.0.2.1'];
  });
  assert.equal((await resolver(dns).resolve('both.test', BOTH, 2000)).length, 2);
});

test('RFC 8305 §3: a family that is late is not waited for, whichever it is, but kept for the next time', async () => {
  for (const late of [4, 6] as const) {
    const gate = Promise.withResolvers<Answer>();
    const text = (family: number): Answer => ({
      addresses: [family === 6 ? '2001:db8::1' : '192.0.2.1'],
      ttl: 60,
    });
    await using dns = await server((_, family) => (family === late ? gate.promise : text(family)));
    const names = resolver(dns);
    const first = await names.resolve('half.test', BOTH, 10_000);
    assert.deepEqual(
      first.map(({ family }) => family),
      [late === 6 ? 4 : 6],
    );
    gate.resolve(text(late));
    const both = await names.resolve('half.test', BOTH, 10_000);
    assert.deepEqual(
      both.map(({ family }) => family),
      [6, 4],
    );
    assert.equal(dns.asked.length, 2);
  }
});

test('a family that has nothing is no reason to hurry the other', async () => {
  const gate = Promise.withResolvers<Answer>();
  await using dns = await server((_, family) => (family === 6 ? [] : gate.promise));
  const found = resolver(dns).resolve('four.test', BOTH, 10_000);
  // Longer than the resolution delay: what would have hurried would be over by now.
  await new Promise((resolve) => setTimeout(resolve, 150));
  gate.resolve(['192.0.2.1']);
  assert.deepEqual(await found, [{ address: '192.0.2.1', family: 4 }]);
});

test('a name that has only the other family is not a name without addresses', async () => {
  await using dns = await server((name, family) =>
    name === 'gone.test' ? 'nxdomain' : family === 6 ? ['2001:db8::1'] : [],
  );
  const names = resolver(dns);
  assert.deepEqual(await names.resolve('six.test', ONLY_4, 2000), [{ address: '2001:db8::1', family: 6 }]);
  dns.asked.length = 0;
  await assert.rejects(names.resolve('gone.test', ONLY_4, 2000), withCode('NAME_NOT_FOUND'));
  assert.deepEqual(dns.asked, ['gone.test A']);
});

test('an address that comes twice is one address', async () => {
  await using dns = await server((_, family) =>
    family === 6 ? ['::ffff:192.0.2.1', '2001:db8::1'] : ['192.0.2.1', '192.0.2.2', '192.0.2.1'],
  );
  assert.deepEqual(
    (await resolver(dns).resolve('twice.test', BOTH, 2000)).map(({ address }) => address),
    ['2001:db8::1', '192.0.2.1', '192.0.2.2'],
  );
});
