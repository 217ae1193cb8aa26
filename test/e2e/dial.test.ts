import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { DnsServer } from '../support/dns-server.ts';
import { eventually, gateway, socksRequest } from '../support/gateway.ts';
import { closedPort, Peer, Target } from '../support/peer.ts';
import { stalledTarget } from '../support/stalled-target.ts';

const connect = (authority: string): string => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;

test('I14: a target that does not answer is given up in time, after other egresses were tried', async () => {
  await using target = await stalledTarget();
  await using proxy = await gateway({
    timeouts: { connect: '150ms', dialHttp: '400ms', dialSocks: '400ms' },
  });
  using http = await Peer.connect(proxy.endpoints[0]!.port);
  http.text(connect(`127.0.0.1:${target.port}`));
  const { status, reason } = await http.readHttp();
  assert.deepEqual([status, reason], [504, 'the target did not answer in time']);

  using socks = await Peer.connect(proxy.endpoints[0]!.port);
  socks.write(Buffer.concat([Buffer.from('050100', 'hex'), socksRequest(target.port)]));
  assert.equal((await socks.rest()).toString('hex'), '050005040001000000000000');
  await eventually('both are accounted', () => proxy.stats().failures.TARGET_TIMEOUT === 2);
});

test('C21: a client that resets while its target does not answer frees everything at once', async () => {
  await using target = await stalledTarget();
  await using proxy = await gateway({ timeouts: { connect: '60s', dialSocks: '60s' } });
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.write('05 01 00');
  await client.read(2);
  client.write(socksRequest(target.port));
  await eventually('the dial has begun', () => proxy.stats().active === 1);
  client.reset();
  await eventually('it is over', () => proxy.stats().active === 0);
  assert.equal(proxy.stats().failures.CLIENT_GONE, 1);
});

test('C21: the same while the name is being resolved', async () => {
  await using dns = await DnsServer.listen(() => 'silence');
  await using proxy = await gateway({
    dns: { servers: [dns.address] },
    timeouts: { dns: '60s', dialHttp: '60s' },
  });
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(connect('slow.test:80'));
  await eventually('the name was asked for', () => dns.asked.length > 0);
  client.reset();
  await eventually('it is over', () => proxy.stats().active === 0);
  assert.equal(proxy.stats().failures.CLIENT_GONE, 1);
});

test('each thing DNS can say has its status', async () => {
  await using dns = await DnsServer.listen((name) =>
    name === 'none.test' ? 'nxdomain' : name === 'broken.test' ? 'servfail' : 'silence',
  );
  await using proxy = await gateway({ dns: { servers: [dns.address] }, timeouts: { dns: '300ms' } });
  for (const [name, status, token] of [
    ['none.test', 502, 'dns_error'],
    ['silent.test', 504, 'dns_timeout'],
  ] as const) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.text(connect(`${name}:80`));
    const answer = await client.readHttp();
    assert.equal(answer.status, status);
    assert.match(answer.head, new RegExp(`error=${token};`));
  }
});

test('a name is resolved once, and what was judged is what is dialled', async () => {
  await using target = await Target.listen();
  let answers = 0;
  await using dns = await DnsServer.listen(() => (answers++ === 0 ? ['127.0.0.1'] : ['127.0.0.99']));
  await using proxy = await gateway({ dns: { servers: [dns.address] } });
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(connect(`rebind.test:${target.port}`));
  assert.equal((await client.readHttp()).status, 200);
  assert.deepEqual(dns.asked, ['rebind.test A']);
});

test('G13, G16: names that lead inside are denied, also among others that do not', async () => {
  await using dns = await DnsServer.listen((name, family) =>
    family === 6
      ? name === 'mapped.test'
        ? ['::ffff:10.0.0.1']
        : []
      : name === 'mapped.test'
        ? []
        : ['127.0.0.1', '10.0.0.1'],
  );
  await using proxy = await gateway({
    dns: { servers: [dns.address] },
    targets: { allowPrivate: false },
    pool: '127.0.0.2, ::1',
  });
  for (const name of ['inside.test', 'mapped.test']) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.text(connect(`${name}:80`));
    assert.equal((await client.readHttp()).status, 403);
  }
});

test('the next address of a target is tried when one refuses, from the same egress', async () => {
  await using target = await Target.listen(undefined, '127.0.3.2');
  const { port } = target;
  await using dns = await DnsServer.listen(() => ['127.0.3.1', '127.0.3.2']);
  await using proxy = await gateway({
    dns: { servers: [dns.address] },
    pool: '127.0.0.2, 127.0.0.3',
    cursor: 'global',
  });
  const egresses: string[] = [];
  for (let i = 0; i < 2; i++) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.text(connect(`two.test:${port}`));
    egresses.push(/egress="(.*)"/.exec((await client.readHttp()).head)?.[1] ?? '');
  }
  assert.deepEqual(egresses, ['127.0.0.2', '127.0.0.3']);
});

test('K5: with a pool of both families the egress matches the target', async () => {
  await using six = await Target.listen(undefined, '::1');
  await using four = await Target.listen();
  await using proxy = await gateway({ pool: '127.0.0.2, ::1' });
  for (const [authority, egress] of [
    [`[::1]:${six.port}`, '::1'],
    [`127.0.0.1:${four.port}`, '127.0.0.2'],
    [`localhost:${six.port}`, '::1'],
    [`localhost:${four.port}`, '127.0.0.2'],
  ] as const) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.text(connect(authority));
    assert.match((await client.readHttp()).head, new RegExp(`egress="${egress}"`), authority);
  }
});

test('K8: a refusing target does not cost an address its turn', async () => {
  await using target = await Target.listen();
  const dead = await closedPort();
  await using proxy = await gateway({ pool: '127.0.0.2-127.0.0.4', cursor: 'global' });
  const seen: string[] = [];
  for (let i = 0; i < 6; i++) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.text(connect(`127.0.0.1:${i % 2 === 0 ? dead : target.port}`));
    seen.push(/egress="(.*)"/.exec((await client.readHttp()).head)?.[1] ?? 'refused');
  }
  assert.deepEqual(seen, ['refused', '127.0.0.3', 'refused', '127.0.0.2', 'refused', '127.0.0.4']);
});

test('a name is not asked for again within its TTL', async () => {
  await using target = await Target.listen();
  await using dns = await DnsServer.listen(() => ({ addresses: ['127.0.0.1'], ttl: 60 }));
  await using proxy = await gateway({ dns: { servers: [dns.address] } });
  for (let i = 0; i < 3; i++) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.text(connect(`kept.test:${target.port}`));
    assert.equal((await client.readHttp()).status, 200);
  }
  assert.deepEqual(dns.asked, ['kept.test A']);
});

test('a name that has only IPv6 and a pool that has only IPv4: the error that says so', async () => {
  await using dns = await DnsServer.listen((_, family) => (family === 6 ? ['::1'] : []));
  await using proxy = await gateway({ dns: { servers: [dns.address] } });
  using http = await Peer.connect(proxy.endpoints[0]!.port);
  http.text(connect('six.test:80'));
  const { status, reason } = await http.readHttp();
  assert.deepEqual([status, reason], [502, 'no IPv6 egress address in the pool']);
  await eventually('it is accounted', () => proxy.stats().failures.NO_EGRESS_FAMILY === 1);
});

test('a target whose IPv6 is silent is reached by IPv4, and the egress said is the one it left from', async () => {
  await using silent = await stalledTarget('::1');
  const server = createServer().listen(silent.port, '127.0.0.1');
  await once(server, 'listening');
  await using dns = await DnsServer.listen((_, family) => (family === 6 ? ['::1'] : ['127.0.0.1']));
  await using proxy = await gateway({ dns: { servers: [dns.address] }, pool: '127.0.0.2, ::1' });
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(connect(`both.test:${silent.port}`));
  assert.match((await client.readHttp()).head, /^HTTP\/1\.1 200 .*egress="127\.0\.0\.2"/s);
  server.close();
});
