import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, gateway, socksRequest, socksTunnel } from '../support/gateway.ts';
import { closedPort, Peer, Target } from '../support/peer.ts';

const USERS = { users: [{ name: 'alice', password: 's3cret' }] };
const login = (name: string, password: string): Buffer =>
  Buffer.concat([
    Buffer.of(1, name.length),
    Buffer.from(name),
    Buffer.of(password.length),
    Buffer.from(password),
  ]);

test('C1: the reply names the address and port the target really sees', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  const { client, bound } = await socksTunnel(proxy, target.port);
  const server = await target.accept();
  assert.deepEqual(bound, { address: server.socket.remoteAddress, port: server.socket.remotePort });
  assert.match(bound.address, /^127\.0\.0\.[2-9]$/);
  client.text('ping');
  assert.equal((await server.read(4)).toString(), 'ping');
  server.text('pong');
  assert.equal((await client.read(4)).toString(), 'pong');
  client.end();
  server.end();
  await client.waitClosed();
  await eventually('no connection is active', () => proxy.stats().active === 0);
});

test('every message byte by byte, and all of them in one write', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway(USERS);
  const messages = [
    Buffer.from('050102', 'hex'),
    login('alice', 's3cret'),
    socksRequest(target.port),
    Buffer.from('hello'),
  ];

  using slow = await Peer.connect(proxy.endpoints[0]!.port);
  await slow.trickle(Buffer.concat(messages));
  assert.match(await slow.readHex(14), /^05020100050000017f0000/);
  assert.equal((await (await target.accept()).read(5)).toString(), 'hello');

  using quick = await Peer.connect(proxy.endpoints[0]!.port);
  quick.write(Buffer.concat(messages));
  assert.match(await quick.readHex(14), /^05020100050000017f0000/);
  assert.equal((await (await target.accept()).read(5)).toString(), 'hello');
});

test('A7, A9–A11: methods', async () => {
  await using open = await gateway();
  await using closed = await gateway(USERS);
  const cases = [
    [open, '05 03 99 21 10', '05ff'],
    [open, '05 01 01', '05ff'],
    [open, '05 00', '05ff'],
    [open, '05 03 02 02 02', '0502'],
    [open, '05 02 00 02', '0502'],
    [open, '05 01 00', '0500'],
    [closed, '05 01 00', '05ff'],
    [closed, '05 02 00 02', '0502'],
  ] as const;
  for (const [proxy, greeting, answer] of cases) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(greeting);
    assert.equal(await client.readHex(2), answer, greeting);
    if (answer === '05ff') assert.equal((await client.rest()).length, 0);
  }
});

test('A15: nothing is dialled for a client that goes on after 05 FF', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway(USERS);
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.write(Buffer.concat([Buffer.from('050100', 'hex'), socksRequest(target.port)]));
  assert.equal((await client.rest()).toString('hex'), '05ff');
  await eventually('the refusal is accounted', () => proxy.stats().failures.AUTH_REQUIRED === 1);
  assert.equal(target.connections, 0);
});

test('B: right, wrong, empty and malformed logins', async () => {
  await using proxy = await gateway(USERS);
  const cases = [
    [login('alice', 's3cret'), '0100'],
    [login('alice', 'wrong'), '0101'],
    [login('bob', 's3cret'), '0101'],
    [login('', 's3cret'), '0101'],
    [login('alice', ''), '0101'],
    [Buffer.from('0200', 'hex'), '0101'],
  ] as const;
  for (const [bytes, answer] of cases) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write('05 01 02');
    await client.read(2);
    client.write(bytes);
    assert.equal(await client.readHex(2), answer);
    if (answer === '0101') assert.equal((await client.rest()).length, 0);
  }
});

test('without users any name is welcome, also with an empty password', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.write(
    Buffer.concat([Buffer.from('05020002', 'hex'), login('whoever', ''), socksRequest(target.port)]),
  );
  assert.match(await client.readHex(14), /^0502010005000001/);
});

test('C23: each failure has its own reply code, whole and readable, then the connection closes', async () => {
  await using proxy = await gateway();
  await using guarded = await gateway({ targets: { allowPrivate: false } });
  const dead = await closedPort();
  const name = (text: string): string =>
    `05 01 00 03 ${text.length.toString(16).padStart(2, '0')} ${Buffer.from(text).toString('hex')} 00 50`;
  const cases = [
    [proxy, socksRequest(dead).toString('hex'), '05'],
    [proxy, '05 02 00 01 7f000001 0050', '07'],
    [proxy, '05 03 00 01 7f000001 0050', '07'],
    [proxy, '05 f0 00 01 7f000001 0050', '07'],
    [proxy, '05 01 00 02', '08'],
    [proxy, '05 01 00 04 00000000000000000000000000000001 0050', '08'],
    [proxy, '05 01 00 01 7f000001 0000', '01'],
    [proxy, '05 01 01 01 7f000001 0050', '01'],
    [proxy, '01 01 00', '01'],
    [proxy, name('a..b'), '01'],
    [proxy, name('127.1'), '02'],
    [proxy, '05 01 00 01 e0000001 0050', '02'],
    [guarded, '05 01 00 01 7f000001 0050', '02'],
    [guarded, '05 01 00 01 0a000001 0050', '02'],
    [guarded, name('localhost'), '02'],
    [proxy, `05 01 00 01 7f000001 ${proxy.endpoints[0]!.port.toString(16).padStart(4, '0')}`, '02'],
  ] as const;
  for (const [to, request, rep] of cases) {
    using client = await Peer.connect(to.endpoints[0]!.port);
    client.write('05 01 00');
    await client.read(2);
    client.write(request);
    assert.equal((await client.rest()).toString('hex'), `05${rep}0001000000000000`, request);
    client.end();
    await client.waitClosed();
    assert.equal(client.error, undefined);
  }
  await eventually('nothing is active', () => proxy.stats().active === 0);
});

test('C20: a request followed by FIN is answered, and the answer arrives whole', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.write(Buffer.concat([Buffer.from('050100', 'hex'), socksRequest(target.port), Buffer.from('GET')]));
  client.end();
  const server = await target.accept();
  assert.equal((await server.rest()).toString(), 'GET');
  const answer = Buffer.alloc(1_000_000, 'x');
  server.write(answer);
  server.end();
  const all = await client.rest();
  assert.equal(all.length, 2 + 10 + answer.length);
  assert.ok(all.subarray(12).equals(answer));
});

test('a name of the hosts file or below .localhost is resolved without DNS', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  const name = Buffer.from('app.localhost');
  client.write('05 01 00');
  await client.read(2);
  client.write(
    Buffer.concat([Buffer.of(5, 1, 0, 3, name.length), name, Buffer.of(target.port >> 8, target.port & 255)]),
  );
  assert.match(await client.readHex(10), /^05000001/);
});

test('A1, A6, B9: silence at any stage is cut at the deadline, with no answer', async () => {
  await using proxy = await gateway({ timeouts: { handshake: '200ms' }, ...USERS });
  for (const [bytes, answer] of [
    ['', ''],
    ['05', ''],
    ['05 ff 00', ''],
    ['05 01 02 01', '0502'],
    ['05 01 02 01 05 61 6c 69 63 65 ff 61 61 61', '0502'],
    [`05 01 02 ${login('alice', 's3cret').toString('hex')} 05 01 00`, '05020100'],
  ] as const) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(bytes);
    assert.equal((await client.rest()).toString('hex'), answer);
  }
  await eventually('all are accounted', () => proxy.stats().failures.HANDSHAKE_TIMEOUT === 6);
});

test('A12–A14: what is no protocol is closed without an answer and counted', async () => {
  await using proxy = await gateway();
  const firsts = ['00', '01 02 6d65 02 6d65', '16 03 01', '20', '7f', '80', 'ff'];
  for (const bytes of firsts) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(bytes);
    assert.equal((await client.rest()).length, 0);
    assert.equal(client.error, undefined, 'closed by FIN');
  }
  await eventually('all are accounted', () => proxy.stats().failures.UNKNOWN_PROTOCOL === firsts.length);
});

test('C21: a client that resets while its target does not answer frees everything', async () => {
  await using proxy = await gateway({ pool: '127.0.0.2' });
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  // A listener with a full backlog of its own would be needed for silence on loopback; DNS that never answers serves too.
  client.write('05 01 00');
  await client.read(2);
  client.reset();
  await eventually(
    'the reset is accounted',
    () => proxy.stats().failures.CLIENT_GONE === 1 && proxy.stats().active === 0,
  );
});
