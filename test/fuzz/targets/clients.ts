import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { buildClientFilter, parseCidr, type Cidr } from '../../../src/policy/clients.ts';
import { formatIpv4, ipBytes, isMapped } from '../../../src/protocol/address.ts';
import type { Target } from '../target.ts';

/** The address of a client, then a network on each line: `192.0.2.0/24` is allowed, `!192.0.2.7` denied. */
function run(input: Buffer): string {
  const [client = '', ...lines] = input.toString('latin1').split('\n');
  const denied = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const allowed = lines.filter((line) => !line.startsWith('!'));
  let admits: (address: string) => boolean;
  try {
    admits = buildClientFilter({ allow: allowed, deny: denied });
  } catch (error) {
    // It is for the person who wrote the configuration, and says what to write.
    if (error instanceof RangeError) return error.message.split('" ').at(-1)!.slice(0, 30);
    throw error;
  }
  const networks = { allow: allowed.map(canonical), deny: denied.map(canonical) };
  const expected = admit(client, networks.allow, networks.deny);
  assert.equal(admits(client), expected, `${client} is ${expected ? 'shut out' : 'let in'}`);
  return `${isIP(client)} ${expected}`;
}

function canonical(text: string): Cidr {
  const cidr = parseCidr(text);
  assert.equal(cidr.family, isIP(cidr.address));
  assert.deepEqual(parseCidr(`${cidr.address}/${cidr.prefix}`), cidr);
  return cidr;
}

/** What code that is not ours says. */
function admit(client: string, allowed: readonly Cidr[], denied: readonly Cidr[]): boolean {
  if (allowed.length === 0 && denied.length === 0) return true;
  const bytes = ipBytes(client.split('%', 1)[0]!);
  if (bytes === undefined) return false;
  const unmapped =
    bytes.length === 16 && isMapped(bytes, 0) ? formatIpv4(bytes, 12) : client.split('%', 1)[0]!;
  const family = isIP(unmapped) === 4 ? 'ipv4' : 'ipv6';
  const listed = (networks: readonly Cidr[]): boolean => {
    const list = new BlockList();
    // Node's list would match an IPv6 address with IPv4 networks too.
    const own = networks.filter((network) => network.family === isIP(unmapped));
    for (const { address, prefix } of own) list.addSubnet(address, prefix, family);
    return list.check(unmapped, family);
  };
  return (allowed.length === 0 || listed(allowed)) && !listed(denied);
}

export const target: Target = {
  longest: 400,
  words: [
    '192.0.2.7',
    '192.0.2.0/24',
    '\n192.0.2.0/25',
    '\n!192.0.2.7',
    '\n!192.0.2.0/30',
    '\n0.0.0.0/0',
    '\n2001:db8::/32',
    '\n2001:db8:8000::/33',
    '\n!2001:db8::1',
    '\n::/0',
    '::ffff:192.0.2.7',
    'fe80::1%eth0',
    '/',
    '\n',
    '!',
  ],
  run,
};
