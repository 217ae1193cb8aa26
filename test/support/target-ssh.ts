/** OpenSSH's server on loopback: a target that speaks first, with keys and configuration made for one test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment, findProgram, runProgram } from './program.ts';

export interface SshTarget extends AsyncDisposable {
  readonly port: number;
  /** Arguments for `ssh`: key, known hosts, port, user and host. ProxyCommand and the command are the caller's. */
  readonly args: readonly string[];
  /** Addresses the connections came from, oldest first. */
  readonly callers: readonly string[];
}

/** Starts it in `folder`. It lets in the user who runs the test, by a key that only the test has. */
export async function startSshTarget(folder: string): Promise<SshTarget> {
  const file = (name: string): string => join(folder, name);
  await Promise.all([makeKey(file('host_key')), makeKey(file('user_key'))]);
  const user = userInfo().username;
  await writeFile(file('sshd_config'), configuration(folder, user));
  // sshd refuses to run as root without the empty folder it confines itself to.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });

  const callers: string[] = [];
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    callers.push(socket.remoteAddress ?? '');
    socket.on('error', () => {});
    // -i: one process for one connection, which it gets as its stdin and stdout.
    const sshd = spawn(findProgram('sshd')!, ['-i', '-e', '-f', file('sshd_config')], {
      env: cleanEnvironment(),
      stdio: [socket, socket, 'ignore'],
    });
    sshd.once('error', () => socket.destroy());
    sshd.once('spawn', () => socket.destroy()); // Ours is a copy; sshd holds the connection now.
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await writeFile(file('known_hosts'), `[127.0.0.1]:${port} ${await publicKey(file('host_key'))}\n`);
  const settings = [
    `UserKnownHostsFile=${file('known_hosts')}`,
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'ConnectTimeout=15',
  ];
  return {
    port,
    args: ['-F', 'none', '-i', file('user_key'), '-p', String(port), '-l', user, ...settings.flatMap(option)],
    callers,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

function option(setting: string): string[] {
  return ['-o', setting];
}

function configuration(folder: string, user: string): string {
  return [
    `HostKey ${join(folder, 'host_key')}`,
    `AuthorizedKeysFile ${join(folder, 'user_key.pub')}`,
    `AllowUsers ${user}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    // The scratch folder stands in a world-writable one.
    'StrictModes no',
    'UsePAM no',
    'UseDNS no',
    'PidFile none',
    'PrintMotd no',
    'PrintLastLog no',
    'LoginGraceTime 20',
    '',
  ].join('\n');
}

async function makeKey(file: string): Promise<void> {
  const outcome = await runProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
  if (outcome.code !== 0) throw new Error(`ssh-keygen: ${outcome.stderr}`);
}

/** A private key file's public half: type and key, without the comment. */
async function publicKey(file: string): Promise<string> {
  const outcome = await runProgram('ssh-keygen', ['-y', '-f', file]);
  return outcome.stdout.trim();
}
