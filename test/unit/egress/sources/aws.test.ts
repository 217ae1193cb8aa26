import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { suite, test } from 'node:test';
import { parsePool } from '../../../../src/egress/expression/expression.ts';
import { count, expand } from '../../../../src/egress/pool/ranges.ts';
import { awsSource } from '../../../../src/egress/sources/aws.ts';
import type { Source, SourceOptions } from '../../../../src/egress/sources/source.ts';
import type { AwsTerm } from '../../../../src/egress/expression/term.ts';
import { MetadataServer } from '../../../support/metadata-server.ts';

const MAC = '0a:1b:2c:3d:4e:5f';
const card = (mac: string): NetworkInterfaceInfo => ({
  address: '192.0.2.1',
  family: 'IPv4',
  netmask: '255.255.255.0',
  mac,
  internal: false,
  cidr: null,
});
const HOST = { lo: [card('00:00:00:00:00:00')], eth0: [card(MAC.toUpperCase())] };

const source = (server: MetadataServer, item: string, options: SourceOptions = {}): Source =>
  awsSource(parsePool([item])[0] as AwsTerm, {
    environment: server.environment,
    interfaces: () => HOST,
    ...options,
  });
const never = new AbortController().signal;

suite('the addresses of an EC2 network card', () => {
  test('are its addresses and its prefixes, found by interface or MAC', async () => {
    await using server = await MetadataServer.listen();
    server.cards[MAC] = {
      'local-ipv4s': '192.0.2.10\n192.0.2.11',
      ipv6s: '2001:db8::1',
      'ipv4-prefix': '198.51.100.0/28',
      'ipv6-prefix': '2001:db8:1::/80\n2001:db8:2::/80',
    };
    for (const item of ['aws:eth0*2;a=b', `aws:${MAC.toUpperCase()}*2;a=b`]) {
      const { ranges, problems } = await source(server, item).read(never);
      assert.deepEqual([...expand(ranges.slice(0, 3), 9)], ['192.0.2.10', '192.0.2.11', '2001:db8::1']);
      assert.equal(count(ranges), 3n + 16n + 2n * 2n ** 48n);
      assert.equal(ranges.length, 6);
      assert.deepEqual([ranges[5]?.weight, ranges[5]?.tags, problems], [2, ['a=b'], []]);
    }
  });

  test('need one token for many questions, and another when it has run out', async () => {
    await using server = await MetadataServer.listen();
    server.cards[MAC] = { 'local-ipv4s': '192.0.2.10' };
    const eth0 = source(server, 'aws:eth0');
    await eth0.read(never);
    await eth0.read(never);
    assert.equal(server.tokens, 1);
    server.expire();
    server.cards[MAC] = { 'local-ipv4s': '192.0.2.12' };
    assert.deepEqual([...expand((await eth0.read(never)).ranges, 9)], ['192.0.2.12']);
    assert.equal(server.tokens, 2);
  });

  test('cannot all go at once', async () => {
    await using server = await MetadataServer.listen();
    server.cards[MAC] = { 'local-ipv4s': '192.0.2.10' };
    const eth0 = source(server, 'aws:eth0');
    await eth0.read(never);
    server.cards[MAC] = { 'local-ipv4s': '' };
    await assert.rejects(eth0.read(never), /no addresses any more/);
    delete server.cards[MAC];
    await assert.rejects(eth0.read(never), /knows no network card 0a:1b:2c:3d:4e:5f/);
  });

  test('are missed with a reason', async () => {
    await using server = await MetadataServer.listen();
    await assert.rejects(source(server, 'aws:eth7').read(never), /no such interface/);
    await assert.rejects(source(server, 'aws:lo').read(never), /no such interface/);
    await assert.rejects(source(server, 'aws:constructor').read(never), /no such interface/);
    server.tokenStatus = 403;
    await assert.rejects(source(server, 'aws:eth0').read(never), /refuses with HTTP status 403/);
    server.silent = /token/;
    await assert.rejects(source(server, 'aws:eth0', { limitMs: 50 }).read(never), /within 0.05 s/);
    server.tokenStatus = 200;
    server.silent = /ipv6s/;
    await assert.rejects(source(server, 'aws:eth0', { limitMs: 50 }).read(never), /within 0.05 s/);
    for (const endpoint of ['nonsense', 'file:///etc', 'http://u:secret@127.0.0.1/']) {
      const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint };
      await assert.rejects(source(server, 'aws:eth0', { environment }).read(never), /is no http URL$/);
    }
  });

  test('are missed with a reason where there is no service', async () => {
    const server = await MetadataServer.listen();
    const eth0 = source(server, 'aws:eth0');
    await server[Symbol.asyncDispose]();
    await assert.rejects(eth0.read(never), /cannot be reached: ECONNREFUSED/);
  });
});
