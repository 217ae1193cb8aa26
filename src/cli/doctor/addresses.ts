/** Whether this host lets a connection leave from each address of the pools. */
import { formatAddress } from '../../egress/pool/format.ts';
import { reason, type BindResult } from '../bind.ts';
import { formatCount, plural } from '../terminal.ts';
import { fail, ok, setSysctl, warn, type Check, type Finding, type Patient } from './finding.ts';
import { giveAddresses } from './repair.ts';
import { sysctlNumber } from './system.ts';

/** Ranges that are named; the commands are for all. */
const MOST_NAMED = 5;

export const NONLOCAL_6 = 'net.ipv6.ip_nonlocal_bind';

export const ADDRESSES: Check = {
  name: 'addresses',
  examine({ binds, complaints, ranges, ...patient }) {
    const findings: Finding[] = complaints.map((complaint) => warn(complaint));
    if (ranges.length === 0)
      return [...findings, fail('the pools have no address: the proxy would not start')];
    const tried = binds.reduce((sum, { tried }) => sum + tried, 0);
    const lacking = binds.filter(({ failed }) => failed.length > 0);
    if (lacking.length === 0) {
      const words = plural(tried, 'address', 'addresses');
      return [...findings, ok(`${words} of the pools tried: each can be bound`)];
    }
    const named = lacking.slice(0, MOST_NAMED).map(complaint);
    const left = lacking.length - named.length;
    if (left > 0) named.push(`and the same for ${plural(left, 'more range')}`);
    return [...findings, fail(named.join('; '), ...repairs({ binds, ...patient }))];
  },
};

function complaint({ range, tried, failed }: BindResult): string {
  const { address, code } = failed[0]!;
  if (tried === 1) return `${address} cannot be bound: ${reason(code)}`;
  const [first, last] = [range.first, range.last].map((value) => formatAddress(range.family, value));
  const which = `${formatCount(failed.length)} of ${formatCount(tried)} addresses tried of ${first} to ${last}`;
  return `${which} cannot be bound, such as ${address}: ${reason(code)}`;
}

function repairs({
  binds,
  interfaces,
  routes,
  system,
}: Pick<Patient, 'binds' | 'interfaces' | 'routes' | 'system'>): string[] {
  const lacking = binds.filter(({ failed }) => failed.some(({ code }) => code === 'EADDRNOTAVAIL'));
  const commands = lacking.flatMap((result) => giveAddresses(result, interfaces, routes));
  const routed = commands.some((command) => command.includes('route')) || commands.length === 0;
  const six = lacking.some(({ range }) => range.family === 6);
  if (six && routed && sysctlNumber(system, NONLOCAL_6) !== 1) commands.push(setSysctl(NONLOCAL_6, 1));
  return [...new Set(commands)];
}
