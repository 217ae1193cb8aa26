/** SIGHUP to a real `gyre serve`: what has changed in the file counts for new connections, and tunnels live on. */
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { eventually } from '../support/gateway.ts';
import { closedPort, Peer, Target } from '../support/peer.ts';
import { connectBy, passes, Served, type LogLine } from '../support/served.ts';
import { makeCertificate } from '../support/tls.ts';

const echoing = (): Promise<Target> => Target.listen((socket) => socket.pipe(socket));

/** The inodes of the sockets that a process has, and of those the ones that listen. */
function listeningSockets(pid: number): Set<string> {
  const listening = new Set(
    readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state]) => state === '0A')
      .map((fields) => fields[9]!),
  );
  const inodes = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
  return new Set(inodes.filter((inode) => listening.has(inode)));
}

async function egresses(port: number, target: number, count: number): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) {
    const { client, egress } = await connectBy(port, target);
    seen.add(egress);
    client.end();
    await client.waitClosed();
  }
  return seen;
}

suite('a reload', () => {
  test('puts another pool in place, while tunnels go on and listeners stay', async () => {
    await using target = await echoing();
    await using served = await Served.start();
    const [port] = served.ports;
    const { client: tunnel } = await connectBy(port!, target.port);
    const sockets = listeningSockets(served.pid);
    assert.deepEqual(await served.change({ pool: '127.0.0.20-127.0.0.21' }), ['pool']);
    assert.deepEqual([...(await egresses(port!, target.port, 6))].toSorted(), ['127.0.0.20', '127.0.0.21']);
    assert.ok(await passes(tunnel));
    assert.deepEqual(listeningSockets(served.pid), sockets);
    assert.equal(sockets.size, 2);
  });

  test('adds, changes and removes pools by name, and users with them', async () => {
    await using target = await echoing();
    const users = [{ name: 'alice', password: 'one' }];
    await using served = await Served.start({ users });
    const [port] = served.ports;
    const asked = ['alice-pool-de', 'one'] as const;
    assert.equal((await connectBy(port!, target.port, asked)).rep, 2);
    assert.deepEqual(await served.change({ users, pools: { de: '127.0.0.30' } }), ['pools.de']);
    const { client: tunnel, egress } = await connectBy(port!, target.port, asked);
    assert.equal(egress, '127.0.0.30');
    await served.change({ users, pools: { de: '127.0.0.31' } });
    assert.equal((await connectBy(port!, target.port, asked)).egress, '127.0.0.31');
    await served.change({ users });
    assert.equal((await connectBy(port!, target.port, asked)).rep, 2);
    assert.ok(await passes(tunnel));
  });

  test('changes the strategy and its terms', async () => {
    await using target = await echoing();
    await using served = await Served.start({ cursor: 'global' });
    const [port] = served.ports;
    assert.equal((await egresses(port!, target.port, 8)).size, 8);
    await served.change({ strategy: 'hash', hashBy: 'client' });
    assert.equal((await egresses(port!, target.port, 4)).size, 1);
    await served.change({ strategy: 'round-robin', sessions: { by: 'client' } });
    assert.equal((await egresses(port!, target.port, 4)).size, 1);
    await served.change({ cursor: 'global' });
    assert.equal((await egresses(port!, target.port, 8)).size, 8);
  });

  test('opens listeners and closes others; the tunnels of those live on', async () => {
    await using target = await echoing();
    const [one, two] = [await closedPort(), await closedPort()];
    const [a, b] = [`127.0.0.1:${one}`, `127.0.0.1:${two}`];
    await using served = await Served.start({ listen: a });
    const { client: first } = await connectBy(one, target.port);
    await served.change({ listen: [a, b] });
    const { client: second } = await connectBy(two, target.port);
    const sockets = listeningSockets(served.pid);
    assert.equal(sockets.size, 4);
    await served.change({ listen: b });
    assert.equal(listeningSockets(served.pid).size, 2);
    await assert.rejects(Peer.connect(one), { code: 'ECONNREFUSED' });
    assert.ok((await passes(first)) && (await passes(second)));
    assert.equal((await connectBy(two, target.port)).rep, 0);
  });

  test('a listener on a port of the kernel’s choice keeps it', async () => {
    await using target = await echoing();
    await using served = await Served.start();
    const [port] = served.ports;
    const other = await closedPort();
    await served.change({ listen: [`127.0.0.1:${other}`, '127.0.0.1:0'] });
    assert.equal((await connectBy(port!, target.port)).rep, 0);
    assert.equal((await connectBy(other, target.port)).rep, 0);
  });

  test('opens and closes a socket file, and changes who may use it', async () => {
    await using served = await Served.start();
    const path = join(served.folder, 'gyre.sock');
    const listen = (mode: string): { listen: (string | { address: string; mode: string })[] } => ({
      listen: ['127.0.0.1:0', { address: `unix:${path}`, mode }],
    });
    await served.change(listen('600'));
    const greeted = connect({ path });
    greeted.write(Buffer.of(5, 1, 0));
    const [answer] = (await once(greeted, 'data')) as [Buffer];
    assert.deepEqual([...answer], [5, 0]);
    greeted.destroy();
    assert.deepEqual(await served.change(listen('660')), ['listen[1]']);
    await served.change({});
    await assert.rejects(once(connect({ path }), 'connect'), { code: 'ENOENT' });
  });

  test('puts TLS and PROXY headers before a listener in place', async () => {
    await using target = await echoing();
    const port = await closedPort();
    const address = `127.0.0.1:${port}`;
    await using served = await Served.start({ listen: address });
    await makeCertificate(served.folder);
    const { client: plain } = await connectBy(port, target.port);
    const sockets = listeningSockets(served.pid);
    const files = { cert: join(served.folder, 'target.pem'), key: join(served.folder, 'target.key') };
    await served.change({ listen: { address: `tls://${address}`, ...files } });
    const secure = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    secure.write(Buffer.of(5, 1, 0));
    assert.deepEqual([...((await once(secure, 'data')) as [Buffer])[0]], [5, 0]);
    endSecure(secure);
    await served.change({ listen: { address, proxyProtocol: '127.0.0.1' } });
    const client = await Peer.connect(port);
    client.text('PROXY TCP4 198.51.100.7 192.0.2.1 5000 1080\r\n');
    client.write('05 01 00');
    assert.equal(await client.readHex(2), '0500');
    assert.ok(await passes(plain));
    assert.deepEqual(listeningSockets(served.pid), sockets);
  });

  test('changes clients, targets, timeouts and the log', async () => {
    await using target = await echoing();
    await using served = await Served.start();
    const [port] = served.ports;
    const { client: tunnel } = await connectBy(port!, target.port);
    await served.change({ targets: { allowPrivate: true, rules: [{ deny: `127.0.0.1:${target.port}` }] } });
    assert.equal((await connectBy(port!, target.port)).rep, 2);
    await served.change({ clients: { deny: '127.0.0.0/8' } });
    assert.notEqual((await connectBy(port!, target.port)).rep, 0);
    await served.change({ targets: { allowPrivate: false } });
    assert.notEqual((await connectBy(port!, target.port)).rep, 0);
    assert.ok(await passes(tunnel));
    const access = join(served.folder, 'access.log');
    await served.change({ log: { format: 'json', access }, timeouts: { handshake: '200ms' } });
    const slow = await Peer.connect(port!);
    await slow.waitClosed();
    await eventually('the access line is written', () =>
      readFileSync(access, 'utf8').includes('HANDSHAKE_TIMEOUT'),
    );
  });

  test('opens the access log anew after it was moved', async () => {
    await using target = await echoing();
    await using served = await Served.start();
    const [port] = served.ports;
    const access = join(served.folder, 'access.log');
    await served.change({ log: { format: 'json', access } });
    renameSync(access, `${access}.1`);
    await served.change({ log: { format: 'json', access } });
    (await connectBy(port!, target.port)).client.end();
    await eventually('the line is in the new file', () => readFileSync(access, 'utf8').includes('socks5'));
    assert.equal(readFileSync(`${access}.1`, 'utf8'), '');
  });

  test('starts, moves and ends the echo listener', async () => {
    await using served = await Served.start();
    const [one, two] = [await closedPort(), await closedPort()];
    const ask = async (port: number): Promise<string> =>
      (await (await fetch(`http://127.0.0.1:${port}/`)).text()).trim();
    await served.change({ echo: `127.0.0.1:${one}` });
    assert.equal(await ask(one), '127.0.0.1');
    await served.change({ echo: `127.0.0.1:${two}` });
    assert.equal(await ask(two), '127.0.0.1');
    await assert.rejects(ask(one));
    await served.change({});
    await assert.rejects(ask(two));
  });

  test('leaves what takes a restart as it was, says so, and does the rest', async () => {
    await using target = await echoing();
    await using served = await Served.start();
    assert.deepEqual(await served.change({ workers: 3, pool: '127.0.0.40' }), ['pool']);
    const told = (): LogLine | undefined => served.lines.find(({ level }) => level === 'warn');
    await served.until('it is told', () => told() !== undefined);
    assert.deepEqual(told()!['paths'], ['workers']);
    assert.deepEqual([...(await egresses(served.ports[0]!, target.port, 2))], ['127.0.0.40']);
  });

  test('keeps flags and variables, which are stronger than the file', async () => {
    await using target = await echoing();
    const env = { GYRE_USER: 'carol:secret' };
    await using served = await Served.start({}, { args: ['--pool', '127.0.0.50'], env });
    const [port] = served.ports;
    await served.change({ pool: '127.0.0.51', users: [{ name: 'dave', password: 'x' }], strategy: 'random' });
    const { rep, egress } = await connectBy(port!, target.port, ['carol', 'secret']);
    assert.deepEqual([rep, egress], [0, '127.0.0.50']);
    assert.equal((await connectBy(port!, target.port, ['dave', 'x'])).rep, 'refused');
  });
});

const endSecure = (socket: TLSSocket): void => void socket.on('error', () => {}).destroy();

suite('users', () => {
  const alice = { name: 'alice', password: 'one' };
  const bob = { name: 'bob', password: 'two' };

  test('who is taken out is cut, and the others are not', async () => {
    await using target = await echoing();
    await using served = await Served.start({ users: [alice, bob] });
    const [port] = served.ports;
    const { client: gone } = await connectBy(port!, target.port, ['alice', 'one']);
    const { client: stays } = await connectBy(port!, target.port, ['bob', 'two']);
    assert.deepEqual(await served.change({ users: [bob] }), ['users.alice']);
    await gone.rest();
    assert.ok(await passes(stays));
    assert.equal((await connectBy(port!, target.port, ['alice', 'one'])).rep, 'refused');
  });

  test('unless they may stay', async () => {
    await using target = await echoing();
    await using served = await Served.start({ users: [alice, bob] });
    const { client: stays } = await connectBy(served.ports[0]!, target.port, ['alice', 'one']);
    await served.change({ users: [bob], removedUsers: 'keep' });
    assert.ok(await passes(stays));
  });

  test('a login is asked for from now on, and no longer', async () => {
    await using target = await echoing();
    await using served = await Served.start();
    const [port] = served.ports;
    const { client: before } = await connectBy(port!, target.port);
    await served.change({ users: [alice] });
    assert.equal((await connectBy(port!, target.port)).rep, 'refused');
    assert.equal((await connectBy(port!, target.port, ['alice', 'one'])).rep, 0);
    await served.change({});
    assert.equal((await connectBy(port!, target.port)).rep, 0);
    assert.ok(await passes(before));
  });

  test('come from another file from now on', async () => {
    await using target = await echoing();
    await using served = await Served.start({ users: [alice] });
    const file = join(served.folder, 'users');
    // dave:three, by htpasswd -B with the least cost.
    writeFileSync(file, 'dave:$2y$05$uw5wEuLwL5.W6w8tVD4kTu8b0oMkzQXqVHnbPQd.KtLlSYBLzdmkC\n');
    await served.change({ usersFile: file });
    assert.equal((await connectBy(served.ports[0]!, target.port, ['alice', 'one'])).rep, 'refused');
  });
});

test('the limits of a listener stay its own when listeners change their order, come and go', async () => {
  await using target = await echoing();
  const [one, two] = [await closedPort(), await closedPort()];
  const limited = { address: `127.0.0.1:${one}`, limits: { connections: 1 } };
  const other = { address: `127.0.0.1:${two}`, limits: { connections: 2 } };
  await using served = await Served.start({ listen: [limited, other] });
  const { client: holder } = await connectBy(one, target.port);
  assert.equal((await connectBy(one, target.port)).rep, 2);
  for (const listen of [
    [other, limited],
    [limited],
    [`127.0.0.1:${await closedPort()}`, limited],
    [other, limited],
  ]) {
    await served.change({ listen });
    assert.equal((await connectBy(one, target.port)).rep, 2);
  }
  // What the first one holds is not held of the other.
  assert.equal((await connectBy(two, target.port)).rep, 0);
  assert.equal((await connectBy(two, target.port)).rep, 0);
  assert.equal((await connectBy(two, target.port)).rep, 2);
  holder.end();
  await holder.waitClosed();
  await served.change({ listen: [limited, other] });
  for (;;) if ((await connectBy(one, target.port)).rep === 0) break;
});
