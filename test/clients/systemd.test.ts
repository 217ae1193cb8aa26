/** What systemd hears of Gyre, and the sockets it gives it; systemd's part is played by its own programs and by Python. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { eventually, socksTunnel } from '../support/gateway.ts';
import { closedPort, Peer, Target } from '../support/peer.ts';
import { declareCase, PYTHON } from '../support/program-case.ts';
import { Serving } from '../support/serving.ts';
import { ThreadFaultsIn } from '../support/thread-faults.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-systemd-'));
after(() => rmSync(folder, { recursive: true }));

const OPTIONS = ['--pool', '127.0.0.2-127.0.0.5', '--allow-private', '--access-log', 'off'];
const NOTIFY = 'systemd-notify';
const ACTIVATE = 'systemd-socket-activate';

/** Prints each datagram as a line of JSON; closes descriptors that come along, as systemd does (`BARRIER=1`). */
const LISTENER = `
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print(json.dumps('bound'), flush=True)
while True:
    data, fds, flags, address = socket.recv_fds(s, 65536, 8)
    for fd in fds:
        os.close(fd)
    print(json.dumps(data.decode()), flush=True)
`;

/** The notify socket of a service manager. */
class Manager implements AsyncDisposable {
  readonly path: string;
  readonly messages: string[] = [];
  readonly #child: ChildProcess;

  private constructor(path: string) {
    this.path = path;
    this.#child = spawn(PYTHON, ['-c', LISTENER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    this.#child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop()!;
      this.messages.push(...lines.map((line) => JSON.parse(line) as string));
    });
  }

  static async start(name: string): Promise<Manager> {
    const manager = new Manager(join(folder, name));
    await eventually('the notify socket is there', () => manager.messages.shift() === 'bound');
    return manager;
  }

  /** The first message like that, and the place behind it. */
  async hears(pattern: RegExp, after = 0): Promise<{ readonly message: string; readonly next: number }> {
    const at = (): number => this.messages.findIndex((message, i) => i >= after && pattern.test(message));
    await eventually(`a message like ${pattern}`, () => at() >= 0);
    return { message: this.messages[at()]!, next: at() + 1 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

declareCase('ready, reloaded, alive and stopping: systemd is told', [NOTIFY, PYTHON], async () => {
  await using manager = await Manager.start('told.sock');
  const file = join(folder, 'told.yaml');
  writeFileSync(file, "listen: 127.0.0.1:0\npool: 127.0.0.2\nworkers: 2\nlog: {access: 'off'}\n");
  await using serving = new Serving(['--config', file], {
    env: { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '1000000' },
  });
  await serving.port();
  const ready = await manager.hears(/^READY=1\n/);
  assert.match(
    ready.message,
    new RegExp(`\nMAINPID=${serving.child.pid}\nSTATUS=gyre ready on 127\\.0\\.0\\.1:`),
  );
  const first = await manager.hears(/^WATCHDOG=1$/, ready.next);
  await manager.hears(/^WATCHDOG=1$/, first.next);
  serving.child.kill('SIGHUP');
  const reloading = await manager.hears(/^RELOADING=1\nMONOTONIC_USEC=\d+$/, ready.next);
  await manager.hears(/^READY=1\n/, reloading.next);
  serving.child.kill('SIGTERM');
  await manager.hears(/^STOPPING=1\n/, reloading.next);
  assert.equal(await serving.exited, 0);
});

declareCase('a thread that stands still lets the watchdog hear nothing', [NOTIFY, PYTHON], async () => {
  await using manager = await Manager.start('still.sock');
  const file = join(folder, 'still.yaml');
  writeFileSync(
    file,
    "listen: 127.0.0.1:0\npool: 127.0.0.2\nworkers: 2\ntimeouts: {stall: 0s}\nlog: {access: 'off'}\n",
  );
  await using serving = new Serving(['--config', file], {
    env: { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '1000000', NODE_OPTIONS: '--inspect=127.0.0.1:0' },
  });
  await serving.port();
  await manager.hears(/^WATCHDOG=1$/);
  const [, inspector = ''] = await serving.complains(/^Debugger listening on (ws:\S+)$/m);
  await using faults = await ThreadFaultsIn.open(inspector);
  await faults.run(1, 'setTimeout(() => { for (;;); })');
  const silent = async (): Promise<boolean> => {
    const before = manager.messages.length;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    return manager.messages.length === before;
  };
  await eventually('silence', silent);
});

declareCase(
  'an upgrade in place: systemd hears of the new main process first',
  [NOTIFY, PYTHON],
  async () => {
    await using manager = await Manager.start('upgrade.sock');
    await using serving = new Serving([...OPTIONS, '--listen', '127.0.0.1:0', '--workers', '1'], {
      env: { NOTIFY_SOCKET: manager.path },
    });
    await serving.port();
    const { next } = await manager.hears(/^READY=1\n/);
    const pid = await serving.upgrade();
    await manager.hears(new RegExp(`^READY=1\nMAINPID=${pid}\n`), next);
    assert.equal(await serving.exited, 0);
    assert.equal(
      manager.messages.some((message) => message.startsWith('STOPPING')),
      false,
    );
  },
);

declareCase(
  'sockets of systemd: those of the listeners are used, and kept over an upgrade',
  [ACTIVATE],
  async () => {
    const port = await closedPort();
    const listen = `127.0.0.1:${port}`;
    await using target = await Target.listen();
    await using serving = new Serving([...OPTIONS, '--listen', listen, '--workers', '2'], {
      under: [ACTIVATE, '--listen', listen, '--listen', `127.0.0.1:${await closedPort()}`],
    });
    await serving.complains(/Listening on/);
    const visit = async (): Promise<void> => {
      const { client } = await socksTunnel(at(port), target.port);
      (await target.accept()).end();
      await client.rest();
      client.end();
    };
    await visit();
    await serving.complains(/systemd gave fewer sockets than there are worker threads/);
    await serving.complains(/belongs to no listener.*127\.0\.0\.1 port/);
    const pid = await serving.upgrade();
    assert.equal(await serving.exited, 0);
    await visit();
    process.kill(pid, 'SIGTERM');
    await eventually('it has ended', () => !existsSync(`/proc/${pid}`));
  },
);

declareCase(
  'a thread that dies with a socket of systemd: Gyre ends, to be started again with it',
  [ACTIVATE],
  async () => {
    const port = await closedPort();
    const listen = `127.0.0.1:${port}`;
    await using serving = new Serving([...OPTIONS, '--listen', listen, '--workers', '2'], {
      under: [ACTIVATE, '--listen', listen, '--setenv', 'NODE_OPTIONS=--inspect=127.0.0.1:0'],
    });
    await serving.complains(/Listening on/);
    using wakes = await Peer.connect(port);
    await serving.port();
    const [, inspector = ''] = await serving.complains(/^Debugger listening on (ws:\S+)$/m);
    {
      await using faults = await ThreadFaultsIn.open(inspector);
      await faults.run(0, "setTimeout(() => { throw new Error('a fault for a test') })");
      await serving.complains(/died with its listening sockets, which are systemd's: Gyre ends/);
    }
    // A process that is inspected waits for the inspector to leave.
    assert.equal(await serving.exited, 0);
    await wakes.rest();
  },
);

function at(port: number): Parameters<typeof socksTunnel>[0] {
  return { endpoints: [{ address: '127.0.0.1', port }] } as unknown as Parameters<typeof socksTunnel>[0];
}
