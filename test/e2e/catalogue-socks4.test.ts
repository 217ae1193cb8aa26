/** Section D of the failure catalogue, over sockets: SOCKS4 and 4a, row by row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DnsServer } from '../support/dns-server.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { hex, port, quad } from '../support/hostile-vectors.ts';
import { Peer, Target } from '../support/peer.ts';

const REFUSED = '005b000000000000';
const USER_LENGTH = 2000;

const head = (address: string, number: number): Buffer =>
  Buffer.concat([hex('04 01'), port(number), quad(address)]);
const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1');
const named = (host: Buffer): Buffer => Buffer.concat([head('0.0.0.1', 80), text('me'), host]);

const ROWS: readonly (readonly [row: string, request: Buffer])[] = [
  ['D2: a user id of 2000 bytes', Buffer.concat([head('127.0.0.1', 80), text('u'.repeat(USER_LENGTH))])],
  ['D2: the same without an end', Buffer.concat([head('127.0.0.1', 80), Buffer.alloc(USER_LENGTH, 'u')])],
  ['D3: a name of 2000 bytes', named(text('h'.repeat(USER_LENGTH)))],
  ['D3: the same without an end', named(Buffer.alloc(USER_LENGTH, 'h'))],
  ['D12: a name of dashes', named(text('---'))],
  ['D12: a line end in the name', named(text('a\r\nb.com'))],
  ['D4: port 0', hex('04 01 00 00 01 02 03 04 00')],
  ['D5: 0.0.0.0 is no address, and no sign of a name either', hex('04 01 00 50 00 00 00 00 00')],
  ['D7: an empty name', named(text(''))],
  ['D9: command 02', hex('04 02 00 50 7f 00 00 01 00')],
  ['D9: command 00', hex('04 00 00 50 7f 00 00 01 00')],
  ['D9: command FF', hex('04 ff 00 50 7f 00 00 01 00')],
];
for (const [row, request] of ROWS) {
  test(`${row} is refused, and DNS not asked`, async () => {
    await using dns = await DnsServer.listen(() => ['127.0.0.1']);
    await using proxy = await gateway({ dns: { servers: [dns.address] } });
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(request);
    assert.equal((await client.rest()).toString('hex'), REFUSED);
    assert.equal(client.error, undefined, 'closed by FIN');
    assert.deepEqual(dns.asked, []);
  });
}

test('D8: 0.0.0.1 to 0.0.0.255 say that a name follows; 0.0.1.0 is an address, and denied', async () => {
  await using target = await Target.listen((socket) => socket.end());
  await using dns = await DnsServer.listen(() => ['127.0.0.1']);
  await using proxy = await gateway({ dns: { servers: [dns.address] } });
  for (const last of [1, 2, 127, 128, 255]) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(Buffer.concat([head(`0.0.0.${last}`, target.port), text(''), text(`n${last}.test`)]));
    assert.match(await client.readHex(8), /^005a/);
    assert.equal(dns.asked.at(-1), `n${last}.test A`);
  }
  const asked = dns.asked.length;
  for (const address of ['0.0.1.0', '0.1.0.0']) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(Buffer.concat([head(address, target.port), text('')]));
    assert.equal((await client.rest()).toString('hex'), REFUSED);
  }
  assert.equal(dns.asked.length, asked);
  await eventually('both are counted', () => proxy.stats().failures.TARGET_DENIED === 2);
});

test('D10: bytes behind the last NUL belong to the tunnel', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  for (const request of [
    Buffer.concat([head('127.0.0.1', target.port), text('me')]),
    Buffer.concat([head('0.0.0.1', target.port), text(''), text('localhost')]),
  ]) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(Buffer.concat([request, text('early')]));
    assert.match(await client.readHex(8), /^005a.{4}7f0000/);
    assert.equal((await (await target.accept()).read(6)).toString('latin1'), 'early\0');
  }
});
