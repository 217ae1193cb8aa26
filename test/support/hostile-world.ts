/**
 * The world the hostile matrix plays in: gateways in a process of their own, a target that echoes, an HTTP origin and a
 * name server, all on loopback; and the means to see whether anything was left behind.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GyreOptions } from '../../src/runtime/config.ts';
import { DnsServer } from './dns-server.ts';
import { startChild } from './hostile-child.ts';
import type { Health } from './hostile-gateway.ts';
import { LineReader, type Line } from './hostile-lines.ts';
import { startTargets, TARGET_HOST, type Targets } from './hostile-targets.ts';
import { closedPort } from './peer.ts';
import { makeCertificate } from './tls.ts';

/** Stands in every password: it must turn up in no line and no answer. */
export const PLANTED = 'PLANTED';
export const USER = 'alice';
export const PASSWORD: string = `s3cret:${PLANTED}`;
/** RFC 1929 §2 has room for 255 bytes each. */
export const LONG_USER: string = 'l'.repeat(255);
export const LONG_PASSWORD: string = PLANTED.padEnd(255, 'p');
export const LOGINS: readonly string[] = [`${USER}:${PASSWORD}`, `${LONG_USER}:${LONG_PASSWORD}`];

/** By whether they ask for credentials, and by how long they wait for a request. */
const GATEWAYS = ['open', 'users', 'hasty open', 'hasty users'] as const;
export type GatewayName = (typeof GATEWAYS)[number];
/** What stands before the protocol. */
const LISTENERS = ['plain', 'proxied', 'tls'] as const;
export type ListenerName = (typeof LISTENERS)[number];

/** How long the hasty gateways wait; milliseconds. */
const HASTY = '300ms';
/** How long they wait where a loaded machine must not be too slow for it. */
const STALL = '3s';

export interface HostileWorld extends AsyncDisposable {
  readonly targets: Targets;
  /** A port of the targets' host on which nobody listens. */
  readonly closedPort: number;
  /** PEM of the authority behind the TLS listeners. */
  readonly ca: string;
  portOf(gateway: GatewayName, listener: ListenerName): number;
  health(): Promise<ReadonlyMap<GatewayName, Health>>;
  /** Access lines written since the last call. */
  takeLines(): Line[];
  /** All the gateways have written, access lines and log, as text. */
  allText(): string;
  /** Open descriptors of the gateways' process. */
  descriptors(): number;
  /** What the gateways have said on stderr. */
  log(): string;
  /** How their process ended; undefined while it lives. */
  death(): string | undefined;
}

export async function startWorld(): Promise<HostileWorld> {
  await using building = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'gyre-hostile-'));
  building.defer(() => rmSync(folder, { recursive: true }));
  const { caFile } = await makeCertificate(folder);
  const dns = building.use(await DnsServer.listen(answerName));
  const targets = building.use(await startTargets());
  const child = building.use(startChild());
  const files = GATEWAYS.map((name) => join(folder, `${name.replace(' ', '-')}.log`));
  const ports = await child.start(GATEWAYS.map((name, i) => optionsOf(name, folder, files[i]!, dns.address)));
  const readers = files.map((file) => new LineReader(file));
  const all = building.move();
  return {
    targets,
    closedPort: await closedPort(),
    ca: readFileSync(caFile, 'utf8'),
    portOf: (gateway, listener) => ports[GATEWAYS.indexOf(gateway)]![LISTENERS.indexOf(listener)]!,
    async health() {
      const health = await child.health();
      return new Map(GATEWAYS.map((name, i) => [name, health[i]!]));
    },
    takeLines: () => readers.flatMap((reader) => reader.take()),
    allText: () => [child.log(), ...files.map((file) => readFileSync(file, 'latin1'))].join('\n'),
    descriptors: () => readdirSync(`/proc/${child.pid}/fd`).length,
    log: () => child.log(),
    death: () => child.death(),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Only the names below `.echo` exist: what mutation makes of a name must not be asked for in the world outside. */
const answerName = (name: string, family: 4 | 6): readonly string[] | 'nxdomain' =>
  !name.endsWith('.echo') ? 'nxdomain' : family === 4 ? [TARGET_HOST] : [];

function optionsOf(name: GatewayName, folder: string, access: string, dns: string): GyreOptions {
  const tls = { cert: join(folder, 'target.pem'), key: join(folder, 'target.key') };
  const users = LOGINS.map((login) => {
    const colon = login.indexOf(':');
    return { name: login.slice(0, colon), password: login.slice(colon + 1) };
  });
  const hasty = { handshake: HASTY, proxyHeader: HASTY, keepAlive: HASTY, response: STALL, idle: STALL };
  return {
    listen: [
      '127.0.0.1:0',
      { address: '127.0.0.1:0', proxyProtocol: ['127.0.0.0/8'] },
      { address: 'tls://127.0.0.1:0', ...tls },
    ],
    pool: '127.0.0.2-127.0.0.9',
    workers: 1,
    targets: { allowPrivate: true },
    dns: { servers: [dns] },
    users: name.endsWith('users') ? users : [],
    // Half-closed tunnels: no case is over before they are.
    timeouts: { fin: STALL, ...(name.startsWith('hasty') && hasty) },
    // Wrong passwords by the thousand are the point here, and must not lock out the right ones.
    limits: { logins: { failures: 0 } },
    log: { level: 'warn', access, format: 'json' },
  };
}
