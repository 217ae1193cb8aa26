/** IPv6 prefixes that are local as a whole (AnyIP), and pools of one family or both, on a host of the test's own. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { ipBytes } from '../../src/protocol/address.ts';
import { declareCase, missing } from '../support/program-case.ts';
import { TARGET, TARGET_6, World, WORLD_NEEDS } from '../support/netns-world.ts';

const SMALL = '2001:db8:64::/64';
const LARGE = '2001:db8:48::/48';
const WHOLE = '2001:db8:49::/48';
const FOURS = ['10.9.0.2', '10.9.0.3'];

const leaving = new AsyncDisposableStack();
let world: World;

before(async () => {
  if (missing(WORLD_NEEDS).length > 0) return;
  world = leaving.use(await World.create('prefix'));
  await world.add(...FOURS);
  for (const prefix of [SMALL, LARGE, WHOLE])
    await world.left.ip('-6', 'route', 'add', 'local', prefix, 'dev', 'lo');
  // Without it the kernel accepts packets for a whole prefix but refuses to bind to its addresses.
  await world.left.sysctl('net/ipv6/ip_nonlocal_bind', '1');
});
after(() => leaving.disposeAsync());

for (const [what, prefix, bytes, unit] of [
  ['a /64: an address each', SMALL, 8, 16],
  ['a /48: an address each', LARGE, 6, 16],
  ['a /48 with identity=64: a /64 each', WHOLE, 6, 8],
] as const) {
  declareCase(`K12: 200 connections from ${what}, none twice`, WORLD_NEEDS, async () => {
    const pool = unit === 8 ? `${prefix};identity=64` : prefix;
    await using gateway = await world.gateway({ pool });
    const seen = await gateway.visit(200, { host: TARGET_6, concurrency: 8 });
    const outside = seen.filter((address) => head(address, bytes) !== head(prefix.slice(0, -3), bytes));
    assert.deepEqual(outside, []);
    assert.equal(new Set(seen.map((address) => head(address, unit))).size, 200);
  });
}

declareCase(
  'K5: a target of both families: always an address of the family it is reached by',
  WORLD_NEEDS,
  async () => {
    // A machine that is busy must not make IPv4 take over.
    await using mixed = await world.gateway({ pool: [...FOURS, SMALL], family: { stagger: '3s' } });
    const four = await mixed.visit(8, { host: 'four.test' });
    assert.deepEqual(
      four.toSorted(),
      FOURS.flatMap((address) => Array.from({ length: 4 }, () => address)),
    );
    const six = await mixed.visit(8, { host: 'six.test' });
    assert.ok(six.every(inSmall), six.join(' '));
    const both = await mixed.visit(8, { host: 'both.test' });
    assert.ok(both.every(inSmall), both.join(' '));
  },
);

declareCase(
  'K5: a target of both families and a pool of one: by the family of the pool',
  WORLD_NEEDS,
  async () => {
    await using fours = await world.gateway({ pool: FOURS });
    assert.ok((await fours.visit(8, { host: 'both.test' })).every((address) => FOURS.includes(address)));
    await using sixes = await world.gateway({ pool: SMALL });
    assert.ok((await sixes.visit(8, { host: 'both.test' })).every(inSmall));
  },
);

for (const [pool, missing, hosts] of [
  [FOURS, 6, [TARGET_6, 'six.test']],
  [[SMALL], 4, [TARGET, 'four.test']],
] as const) {
  declareCase(
    `K5: an IPv${missing} target that the pool has no address for: the error that says so`,
    WORLD_NEEDS,
    async () => {
      await using gateway = await world.gateway({ pool });
      for (const host of hosts) {
        const [socks] = await gateway.open(1, { host, protocols: ['socks5'] });
        assert.equal(socks!.refusal, 'REP 8');
        const [http] = await gateway.open(1, { host, protocols: ['http'] });
        assert.equal(http!.refusal, `502 no IPv${missing} egress address in the pool`);
      }
    },
  );
}

declareCase('K3: no packet came from an address outside the pools', WORLD_NEEDS, async () => {
  const heads = new Set([SMALL, LARGE, WHOLE].map((prefix) => head(prefix.slice(0, -3), 6)));
  const seen = await world.assertOnlyFrom(
    (address) => FOURS.includes(address) || heads.has(head(address, 6)),
  );
  assert.ok(seen.length > 600);
});

const inSmall = (address: string): boolean => head(address, 8) === head('2001:db8:64::', 8);

/** The first so many bytes of an address. */
function head(address: string, bytes: number): string {
  return Buffer.from(ipBytes(address)!).toString('hex', 0, bytes);
}
