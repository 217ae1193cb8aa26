/** What the doctor prints, run as it is printed, mends the host: routes, settings and addresses that are missing. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { cable, Namespace } from '../support/netns.ts';
import { TARGET_6, until, World, WORLD_NEEDS } from '../support/netns-world.ts';
import { declareCase, missing, ROOT } from '../support/program-case.ts';
import { runProgram } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';

const NEEDS = [...WORLD_NEEDS, 'sysctl'];
const NONLOCAL_6 = 'net/ipv6/ip_nonlocal_bind';

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly fix: readonly string[];
}

const leaving = new AsyncDisposableStack();
let world: World;

before(async () => {
  if (missing(NEEDS).length > 0) return;
  world = leaving.use(await World.create('doctor'));
});
after(() => leaving.disposeAsync());

const inside = (host: Namespace, ...command: string[]) =>
  runProgram('ip', ['netns', 'exec', host.name, ...command], { timeoutMs: 40_000 });

async function examine(host: Namespace, pool: string): Promise<Finding[]> {
  const words = ['doctor', '--pool', pool, '--listen', '127.0.0.1:0', '--json'];
  const { stdout, stderr } = await inside(host, process.execPath, GYRE_BIN, ...words);
  assert.ok(stdout.startsWith('{'), stderr);
  return (JSON.parse(stdout) as { readonly findings: Finding[] }).findings;
}

const failing = (findings: readonly Finding[]): Finding[] => findings.filter(({ state }) => state === 'fail');

/** Runs what each of these findings prints, as a shell of root would. */
async function mend(host: Namespace, findings: readonly Finding[]): Promise<void> {
  for (const command of new Set(findings.flatMap(({ fix }) => fix))) {
    const { code, stderr } = await inside(host, 'sh', '-c', command);
    assert.equal(code, 0, `${command}: ${stderr}`);
  }
}

/** The doctor fails these checks, its commands are run, it fails none, and connections leave and come back. */
async function assertMends(pool: string, checks: readonly string[]): Promise<void> {
  const before = failing(await examine(world.left, pool));
  assert.deepEqual(
    before.map(({ check }) => check),
    checks,
  );
  await mend(world.left, before);
  assert.deepEqual(failing(await examine(world.left, pool)), []);
  await using gateway = await world.gateway({ pool });
  const seen = await gateway.visit(4, pool.includes(':') ? { host: TARGET_6 } : {});
  assert.equal(new Set(seen).size, 4);
}

declareCase('a prefix that is not here: the printed route mends it', NEEDS, async () => {
  await assertMends('10.9.0.32/28', ['addresses']);
});

declareCase('addresses that were lost: the printed commands bring them back', NEEDS, async () => {
  await world.add('10.9.0.11', '10.9.0.12', '10.9.0.13', '10.9.0.14');
  await world.remove('10.9.0.12');
  await world.remove('10.9.0.14');
  await assertMends('10.9.0.11, 10.9.0.12, 10.9.0.13, 10.9.0.14', ['addresses']);
});

declareCase('an IPv6 prefix: the printed route and setting mend it', NEEDS, async () => {
  await world.left.sysctl(NONLOCAL_6, '0');
  await assertMends('2001:db8:51::/64', ['addresses', 'nonlocal-bind']);
});

declareCase('an IPv6 prefix with its route, but without ip_nonlocal_bind', NEEDS, async () => {
  await world.left.sysctl(NONLOCAL_6, '0');
  await world.left.ip('-6', 'route', 'add', 'local', '2001:db8:52::/64', 'dev', 'lo');
  await assertMends('2001:db8:52::/64', ['addresses', 'nonlocal-bind']);
});

declareCase('an IPv6 prefix that can be bound, but has no route for the answers', NEEDS, async () => {
  await world.left.sysctl(NONLOCAL_6, '1');
  await assertMends('2001:db8:53::/64', ['routes']);
});

declareCase('an address another host has, and one that nobody is asked about', [ROOT, 'ip'], async () => {
  await using hosts = new AsyncDisposableStack();
  const left = hosts.use(await Namespace.create(`gyre-doctor-a-${process.pid}`));
  const right = hosts.use(await Namespace.create(`gyre-doctor-b-${process.pid}`));
  await cable(left, right);
  await left.ip('address', 'add', '2001:db8:9::1/64', 'dev', 'veth0', 'nodad');
  await right.ip('address', 'add', '2001:db8:9::7/64', 'dev', 'veth0', 'nodad');
  await left.ip('address', 'add', '2001:db8:9::7/64', 'dev', 'veth0');
  const twice = '2001:db8:9::7';
  const about = async (check: string): Promise<Finding[]> =>
    (await examine(left, twice)).filter((finding) => finding.check === check);
  await until('the duplicate is found', async () => failing(await about('neighbours')).length > 0);
  const found = failing(await about('neighbours'));
  assert.match(found[0]!.message, /^another host on veth0 has 2001:db8:9::7 too/);
  await right.ip('address', 'delete', '2001:db8:9::7/64', 'dev', 'veth0');
  await mend(left, found);
  await until('it is used', async () => failing(await examine(left, twice)).length === 0);
});

declareCase('a prefix on the link: routers ask, and the doctor says that nobody answers', NEEDS, async () => {
  await world.left.sysctl(NONLOCAL_6, '1');
  // The cable is 2001:db8:ffff::/64.
  const found = await examine(world.left, '2001:db8:ffff:0:1::/80');
  const neighbours = found.filter(({ check }) => check === 'neighbours');
  assert.deepEqual(
    neighbours.map(({ state }) => state),
    ['warn'],
  );
  assert.match(neighbours[0]!.message, /is on the link of veth0/);
  // A single one: as soon as the interface has it, and has found no other host with it, the kernel answers.
  const single = '2001:db8:ffff::1:99';
  const about = async (): Promise<Finding[]> =>
    (await examine(world.left, single)).filter(({ check }) => check === 'neighbours');
  await mend(world.left, await about());
  await until('it is usable', async () => (await about()).every(({ state }) => state === 'ok'));
  await using gateway = await world.gateway({ pool: single });
  assert.deepEqual(await gateway.visit(2, { host: TARGET_6 }), [single, single]);
});
