/**
 * Dialling on a host whose routes and ports are the test's own: a network namespace with a cable to a second one, where
 * the targets are and where a listener on the wire notes every address that packets come from.
 */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Job, Outcome } from '../support/dial-main.ts';
import { cable, Namespace, type Conversation } from '../support/netns.ts';
import { declareCase, missing, PYTHON, ROOT } from '../support/program-case.ts';

const NEEDS = [ROOT, 'ip', PYTHON];
const DIAL = fileURLToPath(new URL('../support/dial-main.ts', import.meta.url));
const TARGET = '10.9.0.100';
const TARGET_6 = 'fd00:9::100';
const GOOD = '10.9.0.2';
const GOOD_TOO = '10.9.0.3';
/** Packets from here go to a station that does not exist. */
const SWALLOWED = '10.9.0.4';
const PROHIBITED = '10.9.0.5';
const UNREACHABLE = '10.9.0.6';
/** These two are used up by the cases about ports. */
const CROWDED = '10.9.0.7';
const CROWDED_TOO = '10.9.0.8';
const POOL = [GOOD, GOOD_TOO, SWALLOWED, PROHIBITED, UNREACHABLE, CROWDED, CROWDED_TOO];
/** On the host, the kernel's own first choice, and not in the pool. */
const OUTSIDE = '10.9.0.1';
const POOL_6 = 'fd00:9::2';

/** Accepts whatever comes on two ports of both families, and keeps it. */
const LISTEN = `
  const net = require('node:net');
  const ports = [];
  for (let i = 0; i < 2; i++) {
    const server = net.createServer(() => {}).listen(7001 + i, '::', 1024, () => {
      if (ports.push(7001 + i) === 2) console.log(ports.join(' '));
    });
  }
`;
/** Every source address of a TCP packet on the cable, each once. */
const WATCH = `
import socket
wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
wire.bind(("veth0", 0))
print("ready", flush=True)
seen = set()
while True:
    data, link = wire.recvfrom(65535)
    if link[2] == socket.PACKET_OUTGOING: continue
    if link[1] == 0x0800 and data[9] == 6: source = socket.inet_ntop(socket.AF_INET, data[12:16])
    elif link[1] == 0x86dd and data[6] == 6: source = socket.inet_ntop(socket.AF_INET6, data[8:24])
    else: continue
    if source not in seen:
        seen.add(source)
        print(source, flush=True)
`;

const leaving = new AsyncDisposableStack();
let host: Namespace;
let wire: Conversation;

before(async () => {
  if (missing(NEEDS).length > 0) return;
  host = leaving.use(await Namespace.create(`gyre-dial-${process.pid}`));
  const far = leaving.use(await Namespace.create(`gyre-far-${process.pid}`));
  await cable(host, far);
  for (const address of [OUTSIDE, ...POOL]) await host.ip('address', 'add', `${address}/24`, 'dev', 'veth0');
  await host.ip('address', 'add', `${POOL_6}/64`, 'dev', 'veth0', 'nodad');
  await far.ip('address', 'add', `${TARGET}/24`, 'dev', 'veth0');
  await far.ip('address', 'add', `${TARGET_6}/64`, 'dev', 'veth0', 'nodad');
  await host.sysctl('net/ipv4/ip_local_port_range', '40000 40099');
  // Nobody has this hardware address: what is sent there is gone without a word.
  for (const gateway of ['10.9.0.250', 'fd00:9::250']) {
    await host.ip('neighbour', 'add', gateway, 'lladdr', '02:00:00:00:00:fa', 'dev', 'veth0');
  }
  await way(SWALLOWED, '104', 'default', 'via', '10.9.0.250', 'dev', 'veth0');
  await way(PROHIBITED, '105', 'prohibit', 'default');
  await way(UNREACHABLE, '106', 'unreachable', 'default');
  const target = far.start(process.execPath, '-e', LISTEN);
  wire = far.start(PYTHON, '-c', WATCH);
  assert.deepEqual([await target.hear(), await wire.hear()], ['7001 7002', 'ready']);
});
after(() => leaving.disposeAsync());

declareCase('netns: 100 ports carry 200 tunnels from one address to two destinations', NEEDS, async () => {
  const dialer = open();
  const used = new Map([
    [7001, new Set<number>()],
    [7002, new Set<number>()],
  ]);
  for (let i = 0; i < 200; i++) {
    // Some to one, some to the other, and in the end all that is left.
    const port = used.get(7001)!.size < 100 && (i % 3 !== 0 || used.get(7002)!.size === 100) ? 7001 : 7002;
    const outcome = await ask(dialer, { pool: [CROWDED], port });
    assert.equal(outcome.egress, CROWDED, `tunnel ${i + 1}: ${outcome.code}`);
    used.get(port)!.add(outcome.port!);
  }
  for (const ports of used.values()) {
    assert.equal(ports.size, 100);
    for (const port of ports) assert(port >= 40_000 && port <= 40_099, `${port} is outside the range`);
  }
  // The next one finds no port there, and leaves from the next address; nobody is to blame.
  const next = await ask(dialer, { pool: [CROWDED, GOOD_TOO] });
  assert.deepEqual([next.egress, next.reports], [GOOD_TOO, [`fine ${GOOD_TOO}`]]);
  const none = await ask(dialer, { pool: [CROWDED] });
  assert.deepEqual([none.code, none.reports], ['PORTS_EXHAUSTED', []]);
});

declareCase('netns: left to the kernel, 100 ports are 100 tunnels in all', NEEDS, async () => {
  const dialer = open();
  let stood = 0;
  for (let i = 0; i < 110; i++) {
    const { code } = await ask(dialer, {
      pool: [CROWDED_TOO],
      port: i % 2 === 0 ? 7001 : 7002,
      ports: 'kernel',
    });
    if (code === undefined) stood++;
    else assert.equal(code, 'PORTS_EXHAUSTED');
  }
  assert.equal(stood, 100);
});

declareCase('netns: a route that swallows packets leaves time for another address', NEEDS, async () => {
  const outcome = await ask(open(), { pool: [SWALLOWED, GOOD], ms: 2000 });
  // Silence may be the target's: nothing is reported but what worked.
  assert.deepEqual([outcome.egress, outcome.reports], [GOOD, [`fine ${GOOD}`]]);
});

declareCase(
  'netns: routes that say no are passed over at once, and a prohibition is reported',
  NEEDS,
  async () => {
    const outcome = await ask(open(), { pool: [PROHIBITED, UNREACHABLE, GOOD] });
    assert.equal(outcome.egress, GOOD);
    assert.deepEqual(outcome.reports, [`EGRESS_FORBIDDEN ${PROHIBITED}`, `fine ${GOOD}`]);
  },
);

declareCase('netns: when every route says no, the dial ends with what the last one said', NEEDS, async () => {
  const outcome = await ask(open(), { pool: [UNREACHABLE, PROHIBITED] });
  assert.deepEqual([outcome.code, outcome.reports], ['EGRESS_FORBIDDEN', [`EGRESS_FORBIDDEN ${PROHIBITED}`]]);
});

declareCase(
  'netns: a target of one family and a pool of the other: the error that says so',
  NEEDS,
  async () => {
    const dialer = open();
    const six = await ask(dialer, { pool: [GOOD], addresses: [TARGET_6] });
    assert.deepEqual([six.code, six.reports], ['NO_EGRESS_FAMILY', []]);
    const four = await ask(dialer, { pool: [POOL_6] });
    assert.deepEqual([four.code, four.reports], ['NO_EGRESS_FAMILY', []]);
  },
);

declareCase(
  'netns: IPv6 first, and IPv4 in its place when the way of IPv6 swallows packets',
  NEEDS,
  async () => {
    const dialer = open();
    const both = { pool: [GOOD, POOL_6], addresses: [TARGET, TARGET_6] };
    assert.equal((await ask(dialer, both)).egress, POOL_6);
    await way(POOL_6, '107', 'default', 'via', 'fd00:9::250', 'dev', 'veth0');
    const outcome = await ask(dialer, both);
    assert.deepEqual([outcome.egress, outcome.target, outcome.reports], [GOOD, TARGET, [`fine ${GOOD}`]]);
  },
);

declareCase('netns: no packet came from an address outside the pool', NEEDS, async () => {
  // The mark at the end of the tape, and the proof that the listener would have noticed.
  assert.equal((await ask(open(), { pool: [OUTSIDE] })).egress, OUTSIDE);
  const seen: string[] = [];
  for (let source = await wire.hear(); source !== OUTSIDE; source = await wire.hear()) seen.push(source);
  // What is swallowed travels along the cable, too.
  assert.deepEqual(seen.toSorted(), [GOOD, GOOD_TOO, CROWDED, CROWDED_TOO, SWALLOWED, POOL_6].toSorted());
});

/** Packets from an address go by a route of their own. */
async function way(from: string, table: string, ...route: string[]): Promise<void> {
  const family = from.includes(':') ? '-6' : '-4';
  await host.ip(family, 'rule', 'add', 'from', from, 'lookup', table, 'priority', table);
  await host.ip(family, 'route', 'add', ...route, 'table', table);
}

function open(): Conversation {
  return host.start(process.execPath, DIAL);
}

async function ask(dialer: Conversation, job: Partial<Job>): Promise<Outcome> {
  const whole: Job = { pool: [], addresses: [TARGET], port: 7001, ms: 5000, ports: 'own', ...job };
  dialer.say(JSON.stringify(whole));
  return JSON.parse(await dialer.hear()) as Outcome;
}
