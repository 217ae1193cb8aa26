/** Sections A, B and C of the failure catalogue, over sockets: what a SOCKS5 client can get wrong, row by row. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError } from '../../src/index.ts';
import { defineConfig, type GyreOptions } from '../../src/runtime/config.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { DnsServer } from '../support/dns-server.ts';
import { eventually, gateway, socksRequest } from '../support/gateway.ts';
import { counted, hex, port } from '../support/hostile-vectors.ts';
import { Peer, Target } from '../support/peer.ts';

const PASSWORD = 's3cret';
const LONG = 'x'.repeat(255);
const USERS: Partial<GyreOptions> = {
  users: [
    { name: 'alice', password: PASSWORD },
    { name: LONG, password: LONG },
  ],
};

const login = (name: string, password: string): Buffer =>
  Buffer.concat([hex('01'), counted(name), counted(password)]);
const byName = (name: string | Buffer, number = 80): Buffer =>
  Buffer.concat([hex('05 01 00 03'), counted(name), port(number)]);
const byAddress = (address: string, number = 80): Buffer => socksRequest(number, address);

/** Says everything at once, reads until the gateway closes, and makes sure that it did so in order. */
async function hear(proxy: Gateway, ...said: readonly Buffer[]): Promise<string> {
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.write(Buffer.concat(said));
  const heard = await client.rest();
  assert.equal(client.error, undefined, 'closed by FIN');
  return heard.toString('hex');
}

/** The 10 bytes of a refusal. */
const refusal = (rep: string): string => `05${rep}0001000000000000`;

describe('A: detection and method negotiation', () => {
  test('A2: one byte tells the protocol, and a greeting is answered without waiting for more', async () => {
    await using proxy = await gateway();
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    for (const byte of hex('05 01 00')) {
      assert.equal(client.buffered, 0);
      client.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    assert.equal(await client.readHex(2), '0500');
  });

  test('A2: a greeting that ends in the middle is answered by no message of a later stage', async () => {
    await using proxy = await gateway();
    for (const begun of ['05', '05 02', '05 02 00']) {
      using client = await Peer.connect(proxy.endpoints[0]!.port);
      client.write(begun);
      client.end();
      assert.equal((await client.rest()).toString('hex'), '', begun);
    }
  });

  const METHODS: readonly (readonly [row: string, greeting: string, open: string, guarded: string])[] = [
    ['A4: no method at all', '05 00', '05ff', '05ff'],
    ['A7: methods nobody knows', '05 03 99 21 10', '05ff', '05ff'],
    ['A9: only "none" where users must log in', '05 01 00', '0500', '05ff'],
    ['A10: the same method three times is answered once', '05 03 02 02 02', '0502', '0502'],
    ['A11: GSSAPI only', '05 01 01', '05ff', '05ff'],
  ];
  for (const [row, greeting, open, guarded] of METHODS) {
    test(row, async () => {
      for (const [options, answer] of [
        [{}, open],
        [USERS, guarded],
      ] as const) {
        await using proxy = await gateway(options);
        using client = await Peer.connect(proxy.endpoints[0]!.port);
        client.write(greeting);
        assert.equal(await client.readHex(2), answer);
        if (answer === '05ff') assert.equal((await client.rest()).length, 0);
      }
    });
  }

  test('A5: 255 methods are 257 bytes, and not one more is taken', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway(USERS);
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    const methods = Buffer.concat([hex('05 ff'), Buffer.alloc(254, 0x99), hex('02')]);
    client.write(Buffer.concat([methods, login('alice', PASSWORD), socksRequest(target.port)]));
    assert.match(await client.readHex(14), /^05020100050000017f/);
  });

  test('A12: a first byte that begins no protocol is closed without a word, and counted', async () => {
    await using proxy = await gateway();
    const begins = /[!#$%&'*+.^_`|~0-9A-Za-z-]/;
    const strangers = Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => byte !== 4 && byte !== 5 && !begins.test(String.fromCodePoint(byte)),
    );
    for (const byte of strangers) assert.equal(await hear(proxy, Buffer.of(byte)), '', `first byte ${byte}`);
    await eventually('all are counted', () => proxy.stats().failures.UNKNOWN_PROTOCOL === strangers.length);
  });

  test('A13: TLS where none is spoken', async () => {
    await using proxy = await gateway();
    assert.equal(await hear(proxy, hex('16 03 01 02 00 01 00 01 fc 03 03')), '');
    await eventually('it is counted', () => proxy.stats().failures.UNKNOWN_PROTOCOL === 1);
  });

  test('A14: a login before the greeting', async () => {
    await using proxy = await gateway(USERS);
    assert.equal(await hear(proxy, hex('01 02 6d65 02 6d65')), '');
  });
});

describe('B: user and password', () => {
  const LOGINS: readonly (readonly [row: string, login: Buffer, answer: string])[] = [
    ['B1: success has the version of RFC 1929', login('alice', PASSWORD), '0100'],
    ['B3: another version', hex('02 05 68656c6c6f 05 776f726c64'), '0101'],
    ['B4: no name and no password', hex('01 00 00'), '0101'],
    ['B5: an empty name with a good password', login('', PASSWORD), '0101'],
    ['B5: a good name with an empty password', login('alice', ''), '0101'],
    ['B6: 255 and 255 bytes are welcome', login(LONG, LONG), '0100'],
  ];
  for (const [row, bytes, answer] of LOGINS) {
    test(row, async () => {
      await using proxy = await gateway(USERS);
      using client = await Peer.connect(proxy.endpoints[0]!.port);
      client.write('05 01 02');
      assert.equal(await client.readHex(2), '0502');
      client.write(bytes);
      assert.equal(await client.readHex(2), answer);
      if (answer === '0101') assert.equal((await client.rest()).length, 0);
    });
  }

  test('B5: nobody can be stored with an empty name or password', () => {
    const options = { pool: '127.0.0.2', users: [{ name: 'alice', password: '' }] };
    assert.throws(() => defineConfig(options), ConfigError);
  });

  test('B8: everything in one write is answered in order', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway();
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(Buffer.concat([hex('05 01 02'), login('me', 'you'), socksRequest(target.port)]));
    assert.match(await client.readHex(14), /^05020100050000017f/);
  });

  test('B10: a second login is no request', async () => {
    await using proxy = await gateway(USERS);
    const twice = [login('alice', PASSWORD), login('alice', PASSWORD)];
    assert.equal(await hear(proxy, hex('05 01 02'), ...twice), `05020100${refusal('01')}`);
  });
});

describe('C: requests', () => {
  test('C2: an IPv6 target, and the reply has room for the address it is reached from', async () => {
    await using target = await Target.listen(undefined, '::1');
    await using proxy = await gateway({ pool: '::1' });
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(
      Buffer.concat([hex('05 01 00 05 01 00 04'), Buffer.alloc(15), hex('01'), port(target.port)]),
    );
    const answer = await client.read(24);
    const { remotePort } = (await target.accept()).socket;
    assert.equal(
      answer.toString('hex', 2),
      `05000004${'00'.repeat(15)}01${port(remotePort!).toString('hex')}`,
    );
  });

  const NAMES: readonly (readonly [row: string, name: string | Buffer, rep: string])[] = [
    ['C3: an empty name', '', '01'],
    ['C5: a NUL within', '127.0.0.1\0.a.com', '01'],
    ['C6: quotes', '"""""".com', '01'],
    ['C6: dashes', '---', '01'],
    ['C6: a space', 'a b.com', '01'],
    ['C6: a line end', 'a\r\nb.com', '01'],
    ['C6: a slash', 'a/b.com', '01'],
    ['C6: a user', 'u@b.com', '01'],
    ['C6: two dots', 'a..com', '01'],
    ['C6: a dot before', '.a.com', '01'],
    ['C8: a decimal number', '2130706433', '02'],
    ['C8: hexadecimal', '0x7f.1', '02'],
    ['C8: octal', '0177.0.0.1', '02'],
    ['C8: two numbers', '127.1', '02'],
    ['C8: zero', '0', '02'],
    ['C10: UTF-8', Buffer.from('bücher.example'), '01'],
    ['C10: ideographic dots', Buffer.from('\uff11\uff12\uff17.\uff10.\uff10.\uff11'), '01'],
    ['C10: full-width digits', Buffer.from('\uff11\uff12\uff17.\uff10.\uff10.\uff11'), '01'],
  ];
  for (const [row, name, rep] of NAMES) {
    test(`${row} is refused, and DNS not asked`, async () => {
      await using dns = await DnsServer.listen(() => ['127.0.0.1']);
      await using proxy = await gateway({ dns: { servers: [dns.address] } });
      assert.equal(await hear(proxy, hex('05 01 00'), byName(name)), `0500${refusal(rep)}`);
      assert.deepEqual(dns.asked, []);
    });
  }

  test('C7: an address written as a name is that address, with the same verdict', async () => {
    await using dns = await DnsServer.listen(() => ['127.0.0.1']);
    await using proxy = await gateway({ dns: { servers: [dns.address] }, targets: { allowPrivate: false } });
    const six = hex('05 01 00 04 fd00 0000 0000 0000 0000 0000 0000 0001 0050');
    for (const [as, names] of [
      [byAddress('10.0.0.1'), ['10.0.0.1']],
      [six, ['fd00::1', '[fd00::1]', 'FD00:0:0::1']],
    ] as const) {
      const verdict = await hear(proxy, hex('05 01 00'), as);
      assert.equal(verdict, `0500${refusal('02')}`);
      for (const name of names) assert.equal(await hear(proxy, hex('05 01 00'), byName(name)), verdict, name);
    }
    assert.deepEqual(dns.asked, []);
  });

  test('C11: port 0 is no port, of an address or of a name', async () => {
    await using dns = await DnsServer.listen(() => ['127.0.0.1']);
    await using proxy = await gateway({ dns: { servers: [dns.address] } });
    for (const request of [byAddress('127.0.0.1', 0), byName('a.test', 0)])
      assert.equal(await hear(proxy, hex('05 01 00'), request), `0500${refusal('01')}`);
    assert.deepEqual(dns.asked, []);
  });

  const REFUSED: readonly (readonly [row: string, request: string, rep: string])[] = [
    ['C12: a reserved byte that is not zero', '05 01 01 01 7f000001 0050', '01'],
    ['C13: address type 00, without waiting for an address', '05 01 00 00', '08'],
    ['C13: address type 02', '05 01 00 02', '08'],
    ['C13: address type 23', '05 01 00 23', '08'],
    ['C13: address type FF', '05 01 00 ff', '08'],
    ['C15: BIND', '05 02 00 01 02 02 02 01 01 01', '07'],
    ['C16: UDP ASSOCIATE', '05 03 00 01 00000000 0000', '07'],
    ['C17: command F0', '05 f0 00 01 7f000001 0050', '07'],
    ['C17: command F1', '05 f1 00 01 7f000001 0050', '07'],
    ['C17: command 00', '05 00 00 01 7f000001 0050', '07'],
    ['C17: command FF', '05 ff 00 01 7f000001 0050', '07'],
  ];
  for (const [row, request, rep] of REFUSED) {
    test(row, async () => {
      await using proxy = await gateway();
      assert.equal(await hear(proxy, hex('05 01 00'), hex(request)), `0500${refusal(rep)}`);
    });
  }

  test('C18: of all commands and all address types only four pairs are dialled', async () => {
    await using target = await Target.listen((socket) => socket.end());
    await using proxy = await gateway();
    const dialled: string[] = [];
    const ask = async (command: number, type: number): Promise<void> => {
      const address = type === 4 ? hex('00000000000000000000ffff7f000001') : hex('7f000001');
      const host = type === 3 ? counted('127.0.0.1') : address;
      using client = await Peer.connect(proxy.endpoints[0]!.port);
      client.write(Buffer.concat([hex('05 01 00 05'), Buffer.of(command, 0, type), host, port(target.port)]));
      if ((await client.read(12))[3] === 0) dialled.push(`${command} ${type}`);
    };
    for (let byte = 0; byte < 256; byte++) await Promise.all([ask(1, byte), ask(byte, 1)]);
    assert.deepEqual(dialled.sort(), ['1 1', '1 1', '1 3', '1 4']);
  });

  test('C22: after a refusal the gateway closes, also when the client does not', async () => {
    await using proxy = await gateway();
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(Buffer.concat([hex('05 01 00'), hex('05 02 00 01 7f000001 0050')]));
    assert.equal((await client.rest()).toString('hex'), `0500${refusal('07')}`);
    // It keeps its side open, and goes on talking: before long nobody is there any more.
    await eventually('it is cut', () => {
      client.text('x');
      return client.closed;
    });
    await eventually('nothing is active', () => proxy.stats().active === 0);
  });
});
