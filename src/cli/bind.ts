/** Whether the addresses of a pool can be bound on this host, and what to do about those that cannot. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { formatAddress } from '../egress/pool/format.ts';
import { isBlock, type Range } from '../egress/pool/ranges.ts';
import { plural } from './terminal.ts';

/** Addresses bound one by one; of what exceeds it, samples. */
const MOST_ADDRESSES = 65_536n;
/** Random addresses of a sample, beside the first and the last. */
const RANDOM_SAMPLES = 14;
/** Sockets open at once. */
const CONCURRENCY = 64;
/** Of many addresses that cannot be bound, those that are named. */
const MOST_NAMED = 10;
/** Of many ranges that need help, those whose commands are shown. */
const MOST_HELPED = 3;

export interface Unbindable {
  readonly address: string;
  /** errno of bind(2), for example `EADDRNOTAVAIL`. */
  readonly code: string;
}

export interface BindResult {
  readonly range: Range;
  /** Addresses tried. */
  readonly tried: number;
  readonly failed: readonly Unbindable[];
}

/** Binds every address; of blocks, and of what exceeds 65,536 addresses, the first, the last and some between. */
export async function bindAll(ranges: readonly Range[]): Promise<BindResult[]> {
  const results: BindResult[] = [];
  let budget = MOST_ADDRESSES;
  for (const range of joined(ranges)) {
    const size = range.last - range.first + 1n;
    const whole = !isBlock(range) && size <= budget;
    if (whole) budget -= size;
    const values = whole ? every(range) : sample(range);
    const failed = await bindEach(values.map((value) => formatAddress(range.family, value)));
    results.push({ range, tried: values.length, failed });
  }
  return results;
}

/** What the user is to know about addresses that cannot be bound: sentences, and commands for root. */
export function bindReport(
  results: readonly BindResult[],
  device: string,
): { readonly complaints: readonly string[]; readonly commands: readonly string[] } {
  const failed = results.flatMap((result) => result.failed);
  const complaints = failed
    .slice(0, MOST_NAMED)
    .map(({ address, code }) => `${address} cannot be bound: ${reason(code)}`);
  const left = failed.length - complaints.length;
  if (left > 0) complaints.push(`${plural(left, 'more address', 'more addresses')} cannot be bound`);
  const fixes = results.map((result) => fixFor(result, device)).filter((fix) => fix.length > 0);
  const commands = [...new Set(fixes.slice(0, MOST_HELPED).flat())];
  if (fixes.length > MOST_HELPED) commands.push('… and so on for the other ranges');
  return { complaints, commands };
}

/** errno in words. */
export function reason(code: string): string {
  switch (code) {
    case 'EADDRNOTAVAIL':
      return 'this host does not have it';
    case 'EACCES':
    case 'EPERM':
      return 'not permitted';
    case 'EADDRINUSE':
      return 'all of its ports are taken';
    case 'EAFNOSUPPORT':
      return 'this host has no IPv6';
    default:
      return code;
  }
}

/**
 * Lists bring addresses in one by one: those that follow on each other make one range, so that a prefix is known for one.
 * Blocks stay as they are; a pool has too few other addresses to make one more.
 */
function joined(ranges: readonly Range[]): Range[] {
  const runs: Range[] = [];
  for (const range of ranges) {
    const before = runs.at(-1);
    const follows = before?.family === range.family && before.last + 1n === range.first;
    if (follows && !isBlock(before) && !isBlock(range))
      runs[runs.length - 1] = { ...before, last: range.last };
    else runs.push(range);
  }
  return runs;
}

/** What a range of addresses that this host does not have needs, as commands for root. */
export function fixFor({ range, failed }: BindResult, device: string): string[] {
  if (failed[0]?.code !== 'EADDRNOTAVAIL') return [];
  const bits = range.family === 4 ? 32 : 128;
  const network = prefixOf(range);
  if (network === undefined || failed.length === 1) {
    const commands = failed.slice(0, 3).map(({ address }) => `ip addr add ${address}/${bits} dev ${device}`);
    return failed.length > 3 ? [...commands, '… and so on for the others'] : commands;
  }
  // AnyIP: a local route makes a whole prefix bindable at once (ip-route(8), type local).
  const route = `ip ${range.family === 6 ? '-6 ' : ''}route add local ${network} dev lo`;
  return range.family === 4 ? [route] : [route, 'sysctl -w net.ipv6.ip_nonlocal_bind=1'];
}

/** A device that is not loopback, for the example. */
export function outwardDevice(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string {
  const outward = Object.entries(interfaces).find(([, infos]) => infos?.some(({ internal }) => !internal));
  return outward?.[0] ?? 'eth0';
}

async function bindEach(addresses: readonly string[]): Promise<Unbindable[]> {
  const failed: (Unbindable | undefined)[] = [];
  let next = 0;
  const binder = async (): Promise<void> => {
    while (next < addresses.length) {
      const index = next++;
      const address = addresses[index]!;
      const code = await bindOnce(address);
      if (code !== undefined) failed[index] = { address, code };
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, addresses.length) }, binder));
  return failed.filter((one) => one !== undefined);
}

/** @returns errno, or undefined when it could be bound. */
function bindOnce(host: string): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port: 0, backlog: 1, exclusive: true }, () =>
      server.close(() => resolve(undefined)),
    );
  });
}

function every({ first, last }: Range): bigint[] {
  return Array.from({ length: Number(last - first + 1n) }, (_, index) => first + BigInt(index));
}

function sample({ first, last, holes }: Range): bigint[] {
  const span = last - first + 1n;
  const values = new Set([first, last]);
  for (let index = 0; index < RANDOM_SAMPLES; index++) {
    values.add(first + (BigInt(`0x${randomBytes(24).toString('hex')}`) % span));
  }
  const inHole = (value: bigint): boolean => holes.some((hole) => value >= hole.first && value <= hole.last);
  return [...values].filter((value) => !inHole(value));
}

/** `ADDRESS/LENGTH` of a range that is a prefix. */
function prefixOf({ family, first, last }: Range): string | undefined {
  const size = last - first + 1n;
  const hostBits = size.toString(2).length - 1;
  const aligned = size === 1n << BigInt(hostBits) && first % size === 0n;
  if (!aligned || size < 4n) return undefined;
  return `${formatAddress(family, first)}/${(family === 4 ? 32 : 128) - hostBits}`;
}
