import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { Connection, type Egress, type Family } from '../../../../src/connection.ts';
import { dial, leavesBy, type DialOptions, type Remote } from '../../../../src/egress/dial/dial.ts';
import { portRange, Ports } from '../../../../src/egress/dial/ports.ts';
import { EgressTable, tableMemory } from '../../../../src/egress/pool/table.ts';
import { ProxyError, type FailureCode } from '../../../../src/errors.ts';
import { Legs } from '../../../../src/leg/legs.ts';
import { closedPort, Target } from '../../../support/peer.ts';
import { stalledTarget } from '../../../support/stalled-target.ts';

/** An address of no host: documentation (RFC 5737, RFC 3849). */
const NOT_HERE = '203.0.113.1';
const NOT_HERE_6 = '2001:db8::1';
const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);
const withCode = (code: FailureCode) => ({ name: 'ProxyError', code });

interface Fixture {
  dial(port: number, ...addresses: string[]): Promise<Remote>;
  readonly connection: Connection;
  /** Everything `dial` did with the pool, in order. */
  readonly log: string[];
  /** Egresses that were picked and are neither released nor the one of a remote that stands. */
  readonly open: Set<Egress>;
  readonly interrupt: { broken: ProxyError | undefined; onBroken: ((error: ProxyError) => void) | undefined };
  readonly remotes: Remote[];
  [Symbol.dispose](): void;
}

/** A pool with these addresses, in this order, and everything that happens to them written down. */
function fixture(
  pool: readonly string[],
  options: Partial<DialOptions> & { readonly ms?: number } = {},
): Fixture {
  const log: string[] = [];
  const open = new Set<Egress>();
  const remotes: Remote[] = [];
  const interrupt: Fixture['interrupt'] = { broken: undefined, onBroken: undefined };
  const connection = new Connection('test', { address: '127.0.0.1', port: 1 }, 0);
  const picksFor = (family: Family) => {
    const members = pool.flatMap((address, slot) =>
      familyOf(address) === family ? [{ address, family, slot }] : [],
    );
    log.push(`turn ${family}`);
    return {
      next: () => {
        const egress = members.shift();
        if (egress !== undefined) open.add(egress);
        return egress;
      },
      settle: ({ address }: Egress) => log.push(`settle ${address}`) > 3,
    };
  };
  return {
    connection,
    log,
    open,
    interrupt,
    remotes,
    async dial(port, ...addresses) {
      connection.target = { host: 'target.test', port, family: 0 };
      const remote = await dial(
        connection,
        addresses.map((address) => ({ address, family: familyOf(address) })),
        picksFor,
        {
          connect: 10_000,
          deadline: performance.now() + (options.ms ?? 10_000),
          family: { prefer: 6, stagger: 60_000 },
          serves: (family) => pool.some((address) => familyOf(address) === family),
          ports: undefined,
          report: ({ address }, error) => void log.push(`${error?.code ?? 'fine'} ${address}`),
          release: (egress) => {
            assert(open.delete(egress), `${egress.address} was released twice, or never picked`);
            log.push(`release ${egress.address}`);
          },
          ...options,
        },
        new Legs(true),
        interrupt,
      );
      remotes.push(remote);
      open.delete(remote.egress);
      return remote;
    },
    [Symbol.dispose]: () => remotes.forEach(({ leg }) => leg.destroy()),
  };
}

/** One port on ::1 and 127.0.0.1, or only on one of them. */
async function targets(...hosts: string[]): Promise<{ port: number } & AsyncDisposable> {
  for (;;) {
    const first = await Target.listen(undefined, hosts[0]);
    const servers = hosts.slice(1).map((host) => createServer().listen(first.port, host));
    try {
      await Promise.all(servers.map((server) => once(server, 'listening')));
      return {
        port: first.port,
        async [Symbol.asyncDispose]() {
          for (const server of servers) server.close();
          await first[Symbol.asyncDispose]();
        },
      };
    } catch {
      // Somebody else has this port on the other address.
      for (const server of servers) server.close();
      await first[Symbol.asyncDispose]();
    }
  }
}

test('the remote leaves from the egress, which is settled and stays picked', async () => {
  await using target = await Target.listen();
  using way = fixture(['127.0.0.2', '127.0.0.3']);
  const { egress, bound, leg } = await way.dial(target.port, '127.0.0.1');
  assert.deepEqual(way.log, ['turn 4', 'fine 127.0.0.2', 'settle 127.0.0.2']);
  assert.equal(egress.address, '127.0.0.2');
  assert.deepEqual([bound.address, bound.port], ['127.0.0.2', leg.local?.port]);
  assert.equal((await target.accept()).socket.remoteAddress, '127.0.0.2');
  assert.deepEqual([way.connection.egress, way.connection.resolved], [egress, '127.0.0.1']);
});

test('an egress that is not on this host is reported, released, and followed by the next', async () => {
  await using target = await Target.listen();
  using way = fixture([NOT_HERE, '127.0.0.2']);
  await way.dial(target.port, '127.0.0.1');
  assert.deepEqual(way.log, [
    'turn 4',
    `EGRESS_NOT_ON_HOST ${NOT_HERE}`,
    `release ${NOT_HERE}`,
    'fine 127.0.0.2',
    'settle 127.0.0.2',
  ]);
  assert.equal(way.connection.attempts, 2);
});

test('at most three egresses, each once, and none stays open', async () => {
  using way = fixture([NOT_HERE, '203.0.113.2', '203.0.113.3', '203.0.113.4', '127.0.0.2']);
  await assert.rejects(way.dial(9, '127.0.0.1', '127.0.0.9'), withCode('EGRESS_NOT_ON_HOST'));
  const count = (word: string) => way.log.filter((line) => line.startsWith(word)).length;
  assert.deepEqual([count('EGRESS_NOT_ON_HOST'), count('release'), way.open.size], [3, 3, 0]);
});

test('a target that refuses is reported for nobody, and costs no second egress', async () => {
  const port = await closedPort();
  using way = fixture(['127.0.0.2', '127.0.0.3']);
  await assert.rejects(way.dial(port, '127.0.0.1', '127.0.3.1'), withCode('TARGET_REFUSED'));
  assert.deepEqual(way.log, ['turn 4', 'release 127.0.0.2']);
  assert.equal(way.connection.attempts, 2);
});

test('silence leaves time for another egress, which goes to another address', async () => {
  await using silent = await stalledTarget();
  // Only the first address of the target is silent, and only the second one listens on that port.
  const server = createServer().listen(silent.port, '127.0.3.1');
  await once(server, 'listening');
  using way = fixture(['127.0.0.2', '127.0.0.3'], { ms: 1000 });
  const remote = await way.dial(silent.port, '127.0.0.1', '127.0.3.1');
  assert.deepEqual(way.log, ['turn 4', 'release 127.0.0.2', 'fine 127.0.0.3', 'settle 127.0.0.3']);
  assert.equal(remote.leg.peer?.address, '127.0.3.1');
  server.close();
});

test('a silent target takes all egresses and ends in time; with one egress it has all the time there is', async () => {
  await using silent = await stalledTarget();
  using several = fixture(['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'], { ms: 400 });
  await assert.rejects(several.dial(silent.port, '127.0.0.1'), withCode('TARGET_TIMEOUT'));
  assert.equal(several.connection.attempts, 3);
  assert.equal(several.open.size, 0);
  using one = fixture(['127.0.0.2'], { ms: 400, connect: 300 });
  const startedAt = performance.now();
  await assert.rejects(one.dial(silent.port, '127.0.0.1'), withCode('TARGET_TIMEOUT'));
  // 60 % would be 240 ms: a lower bound cannot fail on a slow machine.
  assert(performance.now() - startedAt >= 299);
  assert.equal(one.connection.attempts, 1);
});

test('the last egress tries the addresses that are left', async () => {
  await using silent = await stalledTarget();
  const server = createServer().listen(silent.port, '127.0.3.1');
  await once(server, 'listening');
  using way = fixture(['127.0.0.2'], { ms: 1000 });
  const remote = await way.dial(silent.port, '127.0.0.1', '127.0.3.1');
  assert.equal(remote.leg.peer?.address, '127.0.3.1');
  server.close();
});

test('a client that leaves ends the dial, and no egress stays open', async () => {
  await using silent = await stalledTarget();
  using way = fixture(['127.0.0.2', '127.0.0.3']);
  const dialling = way.dial(silent.port, '127.0.0.1');
  const gone = new ProxyError('CLIENT_GONE');
  way.interrupt.broken = gone;
  way.interrupt.onBroken!(gone);
  await assert.rejects(dialling, gone);
  assert.deepEqual(way.log, ['turn 4', 'release 127.0.0.2']);
});

test('both families: the preferred one goes first, and the other one is not even picked', async () => {
  await using target = await targets('::1', '127.0.0.1');
  for (const [prefer, egress] of [
    [6, '::1'],
    [4, '127.0.0.2'],
  ] as const) {
    using way = fixture(['127.0.0.2', '::1'], { family: { prefer, stagger: 60_000 } });
    const remote = await way.dial(target.port, '127.0.0.1', '::1');
    assert.equal(remote.egress.address, egress);
    assert.deepEqual(way.log, [`turn ${prefer}`, `fine ${egress}`, `settle ${egress}`]);
  }
});

test('both families: when the preferred one refuses, the other one goes at once', async () => {
  await using target = await targets('127.0.0.1');
  using way = fixture(['127.0.0.2', '::1']);
  const remote = await way.dial(target.port, '::1', '127.0.0.1');
  assert.equal(remote.egress.address, '127.0.0.2');
  assert.deepEqual(way.log.toSorted(), [
    'fine 127.0.0.2',
    'release ::1',
    'settle 127.0.0.2',
    'turn 4',
    'turn 6',
  ]);
  assert.equal(way.connection.resolved, '127.0.0.1');
});

test('both families: a silent one is overtaken, stopped and not blamed', async () => {
  await using silent = await stalledTarget();
  const six = createServer().listen(silent.port, '::1');
  await once(six, 'listening');
  using way = fixture(['127.0.0.2', '::1'], { family: { prefer: 4, stagger: 20 } });
  const remote = await way.dial(silent.port, '127.0.0.1', '::1');
  await new Promise(setImmediate);
  assert.equal(remote.egress.address, '::1');
  assert.deepEqual(way.log.toSorted(), ['fine ::1', 'release 127.0.0.2', 'settle ::1', 'turn 4', 'turn 6']);
  assert.deepEqual([way.connection.resolved, way.open.size], ['::1', 0]);
  six.close();
});

test('both families: egresses that fail leave some for the other family', async () => {
  await using target = await targets('127.0.0.1');
  using way = fixture([NOT_HERE_6, '2001:db8::2', '2001:db8::3', '127.0.0.2']);
  assert.equal((await way.dial(target.port, '::1', '127.0.0.1')).egress.address, '127.0.0.2');
  await new Promise(setImmediate);
  assert.equal(way.open.size, 0);
});

test('`only` is kept to, and says so when the target has nothing else', async () => {
  await using target = await targets('::1', '127.0.0.1');
  using way = fixture(['127.0.0.2', '::1'], { family: { prefer: 6, only: 4, stagger: 0 } });
  assert.equal((await way.dial(target.port, '::1', '127.0.0.1')).egress.address, '127.0.0.2');
  await assert.rejects(way.dial(target.port, '::1'), {
    ...withCode('NO_EGRESS_FAMILY'),
    message: 'the target has no IPv4 address, and this proxy is set to use only IPv4',
  });
  const options = { family: { prefer: 6, only: 4, stagger: 0 }, serves: () => true } as const;
  assert.deepEqual([leavesBy(4, options), leavesBy(6, options)], [true, false]);
});

test('a target the pool cannot reach by family, an empty pool and one that is all down are three different things', async () => {
  using four = fixture(['127.0.0.2']);
  await assert.rejects(four.dial(80, '::1'), {
    ...withCode('NO_EGRESS_FAMILY'),
    message: 'no IPv6 egress address in the pool',
  });
  using none = fixture([]);
  await assert.rejects(none.dial(80, '::1'), withCode('NO_EGRESS'));
  using down = fixture([], { serves: () => true });
  await assert.rejects(down.dial(80, '::1', '127.0.0.1'), withCode('NO_EGRESS'));
  assert.deepEqual([four.log, none.log], [[], []]);
});

test('one address has its whole port range for each destination, and then the next one takes over without blame', async () => {
  await using one = await Target.listen();
  await using other = await Target.listen();
  const ports = new Ports(portRange(20_000, 20_019), new EgressTable(tableMemory(4)));
  const bound = new Map<number, number[]>();
  const left: Fixture[] = [];
  for (const { port } of [one, other, one, other]) {
    for (let i = 0; i < 10; i++) {
      const way = fixture(['127.0.9.1', '127.0.9.2'], { ports });
      left.push(way);
      const remote = await way.dial(port, '127.0.0.1');
      assert.equal(remote.egress.address, '127.0.9.1');
      bound.set(port, [...(bound.get(port) ?? []), remote.bound.port]);
    }
  }
  for (const used of bound.values()) assert.equal(new Set(used).size, 20);
  using next = fixture(['127.0.9.1', '127.0.9.2'], { ports });
  const remote = await next.dial(one.port, '127.0.0.1');
  assert.deepEqual(next.log, ['turn 4', 'release 127.0.9.1', 'fine 127.0.9.2', 'settle 127.0.9.2']);
  assert.equal(remote.bound.port >= 20_000 && remote.bound.port <= 20_019, true);
  using alone = fixture(['127.0.9.1'], { ports });
  await assert.rejects(alone.dial(one.port, '127.0.0.1'), withCode('PORTS_EXHAUSTED'));
  assert.equal(alone.connection.attempts, 1);
  for (const way of left) way[Symbol.dispose]();
});

test('ports that listeners have are passed over', async () => {
  await using target = await Target.listen();
  const servers = [20_101, 20_102, 20_104].map((port) => createServer().listen(port, '127.0.9.3'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = new Ports(portRange(20_101, 20_104), new EgressTable(tableMemory(4)));
  using way = fixture(['127.0.9.3'], { ports });
  assert.equal((await way.dial(target.port, '127.0.0.1')).bound.port, 20_103);
  for (const server of servers) server.close();
});

test('no socket ever connects to itself', async () => {
  const ports = new Ports(portRange(20_111, 20_111), new EgressTable(tableMemory(4)));
  using way = fixture(['127.0.9.4'], { ports });
  await assert.rejects(way.dial(20_111, '127.0.9.4'), withCode('PORTS_EXHAUSTED'));
});
