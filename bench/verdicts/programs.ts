/** Every program that is asked, each as plain as it can be set up, on ports of the loopback. */
import type { ChildProcess } from 'node:child_process';
import { gyre as benchGyre } from '../opponents/gyre.ts';
import { haproxy as benchHaproxy } from '../opponents/fixed.ts';
import { squid, tinyproxy as benchTinyproxy } from '../opponents/http.ts';
import { configFile, type Command, type Opponent, type Site } from '../opponents/opponent.ts';
import { dante as benchDante, microsocks as benchMicrosocks } from '../opponents/socks.ts';
import { end, folder, freePort, listening, start } from '../processes.ts';
import type { Door } from './judge.ts';
import { PASSWORD, USER, type Protocol, type Vector } from './vector.ts';

/** A setting of a program: what it is asked there, and how it is started. */
interface Instance {
  readonly protocols: readonly Protocol[];
  readonly users?: boolean;
  readonly behindHeader?: Door['behindHeader'];
  command(site: Site, plain: Command): Command;
}

interface Program {
  readonly opponent: Opponent;
  readonly instances: readonly Instance[];
}

const asIs = (_: Site, plain: Command): Command => plain;
const withArgs =
  (...more: string[]): Instance['command'] =>
  (_, plain) => ({ ...plain, args: [...plain.args, ...more] });
const gyreWith =
  (text: (port: number) => string): Instance['command'] =>
  (site, plain) => ({
    file: plain.file,
    args: [
      plain.args[0]!,
      'serve',
      '--config',
      configFile(
        site,
        `gyre-${site.port}.yaml`,
        `${text(site.port)}pool: 127.0.0.2-127.0.0.9
workers: 1
targets: { allowPrivate: true }
timeouts: { drain: 0s }
log: { level: error, access: 'off' }
`,
      ),
    ],
  });

const PROGRAMS: readonly Program[] = [
  {
    opponent: { ...benchGyre, name: 'Gyre' },
    instances: [
      { protocols: ['socks5', 'socks4', 'http'], command: gyreWith((port) => `listen: 127.0.0.1:${port}\n`) },
      {
        protocols: ['socks5', 'http'],
        users: true,
        command: gyreWith(
          (port) => `listen: 127.0.0.1:${port}\nusers: [{ name: ${USER}, password: ${PASSWORD} }]\n`,
        ),
      },
      {
        protocols: ['proxy'],
        command: gyreWith(
          (port) => `listen: [{ address: '127.0.0.1:${port}', proxyProtocol: [127.0.0.0/8] }]\n`,
        ),
      },
    ],
  },
  {
    opponent: { ...benchDante, name: 'Dante' },
    instances: [{ protocols: ['socks5', 'socks4'], command: asIs }],
  },
  {
    opponent: benchMicrosocks,
    instances: [
      { protocols: ['socks5'], command: asIs },
      { protocols: ['socks5'], users: true, command: withArgs('-u', USER, '-P', PASSWORD) },
    ],
  },
  { opponent: { ...squid, name: 'Squid' }, instances: [{ protocols: ['http'], command: asIs }] },
  {
    opponent: benchTinyproxy,
    instances: [
      { protocols: ['http'], command: asIs },
      {
        protocols: ['http'],
        users: true,
        command: (site, { file }) => ({
          file,
          args: [
            '-d',
            '-c',
            configFile(
              site,
              'tinyproxy-users.conf',
              `Listen 127.0.0.1
Port ${site.port}
Allow 127.0.0.1
LogLevel Critical
BasicAuth ${USER} ${PASSWORD}
`,
            ),
          ],
        }),
      },
    ],
  },
  {
    opponent: { ...benchHaproxy, name: 'HAProxy' },
    instances: [
      {
        protocols: ['proxy'],
        behindHeader: 'echo',
        command: (site, { file }) => ({
          file,
          args: [
            '-db',
            '-q',
            '-f',
            configFile(
              site,
              'haproxy-header.cfg',
              `defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen header
  bind 127.0.0.1:${site.port} accept-proxy
  server target 127.0.0.1:${site.sinkPort}
`,
            ),
          ],
        }),
      },
    ],
  },
];

/** A program that runs, or why it does not. */
export interface Participant {
  readonly name: string;
  readonly version: string;
  readonly missing?: string;
  /** Where to send a vector; undefined when it does not speak of such things. */
  doorFor(vector: Vector): Door | undefined;
}

interface Running {
  readonly instance: Instance;
  readonly door: Door;
  readonly child: ChildProcess;
}

/** Starts all that are installed. What was started is listed in `children` even if a later one fails. */
export async function startAll(targetPort: number, children: ChildProcess[]): Promise<Participant[]> {
  const participants: Participant[] = [];
  for (const { opponent, instances } of PROGRAMS) {
    const found = opponent.find(folder);
    if ('missing' in found) {
      participants.push({ ...opponent, version: '', missing: found.missing, doorFor: () => undefined });
      continue;
    }
    const running: Running[] = [];
    for (const instance of instances) {
      const port = await freePort();
      const site: Site = { port, sinkPort: targetPort, folder, tunnels: 1000 };
      const { file, args } = instance.command(site, found.command(site));
      const child = start('load', file, args, 'ignore');
      children.push(child);
      await listening(child, port).catch((error: Error) => {
        throw new Error(`${opponent.name} does not start: ${error.message}; try ${file} ${args.join(' ')}`);
      });
      running.push({ instance, child, door: { port, behindHeader: instance.behindHeader ?? 'socks5' } });
    }
    participants.push({
      name: opponent.name,
      version: found.version,
      doorFor: ({ protocol, users }) =>
        running.find(
          ({ instance }) => instance.protocols.includes(protocol) && (instance.users ?? false) === users,
        )?.door,
    });
  }
  return participants;
}

/** Ends what {@link startAll} has started. */
export async function endAll(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(children.map((child) => end(child)));
}
