/**
 * G15, G17 on hosts with public addresses, which are network namespaces: what is this host is denied, and of a name with
 * public and private addresses the public one is reached.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Opening, Trip } from '../support/netns-client.ts';
import { cable, Namespace, type Conversation } from '../support/netns.ts';
import { declareCase, missing, ROOT } from '../support/program-case.ts';
import { startGyre } from '../support/program-gyre.ts';

const NEEDS = [ROOT, 'ip', 'dnsmasq'];
const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Of the host with the gateway. */
const OWN = '5.5.5.1';
const POOL = '5.5.5.2-5.5.5.4';
const OWN_6 = '2600:5::1';
const POOL_6 = '2600:5::2';
/** Local as a whole, on no interface and in no pool. */
const ANY_IP = '6.6.6.0/24';
const ANY_IP_6 = '2600:6::/64';
/** Of the other host. */
const FAR = '5.5.5.100';
const FAR_6 = '2600:5::100';
const FAR_PRIVATE = '10.9.0.100';
const NAME_SERVER_PORT = 5300;

const leaving = new AsyncDisposableStack();
let host: Namespace;
let clients: Conversation;

before(async () => {
  if (missing(NEEDS).length > 0) return;
  host = leaving.use(await Namespace.create(`gyre-own-${process.pid}`));
  const far = leaving.use(await Namespace.create(`gyre-own-far-${process.pid}`));
  await cable(host, far);
  for (const address of [OWN, '5.5.5.2', '5.5.5.3', '5.5.5.4', '10.9.0.1']) await add(host, `${address}/24`);
  for (const address of [OWN_6, POOL_6]) await add(host, `${address}/64`);
  for (const address of [`${FAR}/24`, `${FAR_PRIVATE}/24`, `${FAR_6}/64`]) await add(far, address);
  await host.ip('route', 'add', 'local', ANY_IP, 'dev', 'lo');
  await host.ip('-6', 'route', 'add', 'local', ANY_IP_6, 'dev', 'lo');
  // The same listener on both hosts: whoever reaches it is told from where.
  const listeners = [host, far].map((side) =>
    side.start(process.execPath, path('../support/netns-target.ts')),
  );
  for (const listener of listeners) assert.equal(await listener.hear(), '7001 7002');
  host.start('dnsmasq', ...nameServer());
  clients = host.start(process.execPath, path('../support/netns-client.ts'));
  await clients.hear();
});
after(() => leaving.disposeAsync());

async function add(side: Namespace, address: string): Promise<void> {
  await side.ip('address', 'add', address, 'dev', 'veth0', ...(address.includes(':') ? ['nodad'] : []));
}

function nameServer(): string[] {
  return [
    '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--no-resolv', '--no-hosts', '--log-facility=/dev/null', '--user=',
    '--listen-address=127.0.0.1', '--bind-interfaces', `--port=${NAME_SERVER_PORT}`, '--local-ttl=0', '--local=/test/',
    `--host-record=mixed.test,${FAR_PRIVATE}`, `--host-record=mixed.test,127.0.0.1,::1`, `--host-record=mixed.test,${FAR},${FAR_6}`,
    `--host-record=mixed.test,${OWN},${OWN_6}`, `--host-record=private.test,${FAR_PRIVATE}`, `--host-record=own.test,${OWN},${OWN_6}`,
    `--cname=alias.test,own.test`,
  ]; // prettier-ignore
}

interface Visit {
  readonly target: string;
  readonly trips: readonly Trip[];
  /** What was dialled, connection by connection, in no particular order. */
  readonly resolved: readonly (string | null)[];
}

/** The real command line on the host, and for each target some clients that want it, by SOCKS5 and HTTP in turn. */
async function visit(targets: readonly string[], count: number, allowPrivate = false): Promise<Visit[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-own-'));
  try {
    const access = join(folder, 'access.log');
    const config = {
      listen: '127.0.0.1:0',
      pool: `${POOL},${POOL_6}`,
      workers: 0,
      targets: { allowPrivate },
      dns: { servers: `127.0.0.1:${NAME_SERVER_PORT}` },
      log: { access, format: 'json' },
      timeouts: { drain: '1s' },
    };
    writeFileSync(join(folder, 'gyre.json'), JSON.stringify(config));
    const prefix = ['ip', 'netns', 'exec', host.name];
    const trips: Trip[][] = [];
    {
      await using gyre = await startGyre(['--config', join(folder, 'gyre.json')], { prefix });
      for (const target of targets) trips.push(await open(gyre.port, target, count));
    }
    // It has ended, so that the log is complete.
    const lines = readFileSync(access, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    assert.equal(lines.length, targets.length * count);
    return targets.map((target, i) => {
      const own = lines.slice(i * count, (i + 1) * count);
      return { target, trips: trips[i]!, resolved: own.map(({ resolved }) => resolved) };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Line {
  readonly resolved: string | null;
}

async function open(proxy: number, target: string, count: number): Promise<Trip[]> {
  const order: Opening = {
    do: 'open',
    protocols: ['socks5', 'http'],
    proxy,
    host: target,
    port: 7001,
    count,
    concurrency: 4,
    hold: false,
  };
  clients.say(JSON.stringify(order));
  return JSON.parse(await clients.hear()) as Trip[];
}

const isRefused = ({ refusal, seen }: Trip): boolean =>
  seen === undefined && (refusal === 'REP 2' || refusal!.startsWith('403 '));

declareCase(
  'G15: of a name with addresses of all kinds, the public ones of others are reached',
  NEEDS,
  async () => {
    const [visited] = await visit(['mixed.test'], 24);
    for (const trip of visited!.trips)
      assert.ok(trip.seen !== undefined && trip.seen === trip.named, JSON.stringify(trip));
    for (const address of visited!.resolved) assert.ok([FAR, FAR_6].includes(address!), String(address));
  },
);

declareCase(
  'G17: every address of this host is denied on every port, unless private targets are allowed',
  NEEDS,
  async () => {
    const here = [
      OWN,
      OWN_6,
      '5.5.5.3',
      POOL_6,
      '10.9.0.1',
      '127.0.0.1',
      '::ffff:5.5.5.1',
      '64:ff9b::5.5.5.1',
      '6.6.6.77',
      '2600:6::7',
      'own.test',
      'alias.test',
    ];
    for (const { target, trips, resolved } of await visit([...here, FAR_PRIVATE, 'private.test'], 2)) {
      assert.ok(trips.every(isRefused), `${target}: ${JSON.stringify(trips)}`);
      assert.deepEqual(resolved, [null, null], target);
    }
    // The listener is there, for those who may reach it.
    for (const { target, trips } of await visit([OWN, 'own.test', FAR_PRIVATE], 2, true)) {
      assert.ok(
        trips.every(({ seen }) => seen !== undefined),
        `${target}: ${JSON.stringify(trips)}`,
      );
    }
  },
);

declareCase('G17: networks that are local as a whole are addresses of this host', NEEDS, async () => {
  const script = `
    const { OwnAddresses } = await import(${JSON.stringify(path('../../src/policy/own-addresses.ts'))});
    const own = await OwnAddresses.watch();
    console.log(process.argv.slice(1).map((address) => own.has(address)).join(' '));
  `;
  const here = [
    OWN,
    '5.5.5.4',
    OWN_6,
    POOL_6,
    '127.0.0.1',
    '127.200.0.1',
    '::1',
    '6.6.6.0',
    '6.6.6.77',
    '6.6.6.255',
    '2600:6::',
    '2600:6::dead:beef',
  ];
  const elsewhere = [
    FAR,
    FAR_6,
    FAR_PRIVATE,
    '5.5.5.0',
    '5.5.5.255',
    '6.6.7.0',
    '2600:5::',
    '2600:6:0:1::',
    '8.8.8.8',
  ];
  const answer = host.start(
    process.execPath,
    '--input-type=module',
    '-e',
    script,
    '--',
    ...here,
    ...elsewhere,
  );
  const found = (await answer.hear()).split(' ');
  assert.deepEqual(found, [...here.map(() => 'true'), ...elsewhere.map(() => 'false')]);
});
