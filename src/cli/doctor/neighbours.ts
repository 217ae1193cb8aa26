/**
 * IPv6 on the link: whether routers find the addresses of the pools, and whether another host has them already.
 *
 * A prefix that is routed to this host needs nothing. One that is on the link needs an answer to each question of
 * neighbour discovery (RFC 4861 §7.2.4), and the kernel gives it for addresses of interfaces only.
 */
import { formatAddress } from '../../egress/pool/format.ts';
import type { Range } from '../../egress/pool/ranges.ts';
import { fail, ok, warn, type Check, type Finding, type Patient } from './finding.ts';
import { addressValue, within, type Hosted } from './interfaces.ts';
import { readRoutes6, type Route6 } from './local-routes.ts';
import { prefixesOf } from './repair.ts';
import type { System } from './system.ts';

/** Flags of linux/if_addr.h as /proc/net/if_inet6 has them. */
const DAD_FAILED = 0x08;
const TENTATIVE = 0x40;

export const NEIGHBOURS: Check = {
  name: 'neighbours',
  examine(patient) {
    const six = patient.ranges.filter(({ family }) => family === 6);
    if (six.length === 0) return [];
    const findings = [...duplicates(patient, six), ...unanswered(patient, six)];
    return findings.length > 0
      ? findings
      : [ok('IPv6 neighbours find the addresses of the pools, as far as this host can tell')];
  },
};

/** Addresses of the pools on which duplicate address detection (RFC 4862 §5.4) has not succeeded. */
function duplicates({ system }: Patient, six: readonly Range[]): Finding[] {
  const lines = (system.read('/proc/net/if_inet6') ?? '').split('\n');
  return lines.flatMap((line) => {
    const [hex = '', , length = '', , flagText = '', device = ''] = line.trim().split(/\s+/);
    if (!/^[\da-f]{32}$/i.test(hex)) return [];
    const value = BigInt(`0x${hex}`);
    if (!six.some((range) => within(value, range))) return [];
    const flags = Number.parseInt(flagText, 16);
    const address = formatAddress(6, value);
    const written = `${address}/${Number.parseInt(length, 16)} dev ${device}`;
    if ((flags & DAD_FAILED) !== 0)
      return [
        fail(
          `another host on ${device} has ${address} too, so the kernel does not use it: take it from one of the two; then`,
          `ip -6 addr del ${written} && ip -6 addr add ${written}`,
        ),
      ];
    if ((flags & TENTATIVE) === 0) return [];
    return [
      warn(
        `${address} is still being checked for duplicates and cannot be used yet: wait a second, or leave the check out`,
        `ip -6 addr replace ${written} nodad`,
      ),
    ];
  });
}

function unanswered({ system, interfaces }: Patient, six: readonly Range[]): Finding[] {
  const links = readRoutes6(system).filter(
    ({ local, gateway, length, device }) => !local && !gateway && length > 0 && device !== 'lo',
  );
  const proxies = runsProxy(system);
  return six.flatMap((range) => {
    const link = links.find(({ network }) => within(range.first, network) && within(range.last, network));
    if (link === undefined || isOwn(range, interfaces)) return [];
    const [prefix = ''] = prefixesOf(6, range);
    if (proxies) return [ok(`ndppd answers for ${prefix} on ${link.device}, if it is configured to`)];
    return [unansweredOn(link, range, prefix)];
  });
}

function unansweredOn({ device }: Route6, range: Range, prefix: string): Finding {
  const message = `${prefix} is on the link of ${device}: routers ask for each address, and nobody answers for those that are on no interface`;
  // net.ipv6.conf.*.proxy_ndp would need forwarding, which makes a host ignore its routers.
  if (range.last === range.first)
    return warn(message, `ip -6 addr add ${formatAddress(6, range.first)}/128 dev ${device} preferred_lft 0`);
  return warn(
    `${message}; have the prefix routed to this host, or run ndppd`,
    `apt-get install ndppd && printf 'proxy ${device} {\\n  rule ${prefix} {\\n    static\\n  }\\n}\\n' > /etc/ndppd.conf && systemctl restart ndppd`,
  );
}

/** Every address of a small range is on an interface. */
function isOwn({ first, last }: Range, interfaces: readonly Hosted[]): boolean {
  const own = new Set(interfaces.map(({ address }) => addressValue(address)));
  if (last - first > BigInt(own.size)) return false;
  for (let value = first; value <= last; value++) if (!own.has(value)) return false;
  return true;
}

/** A daemon that answers in the name of others. */
function runsProxy(system: System): boolean {
  return system
    .list('/proc')
    .some((pid) => /^\d+$/.test(pid) && system.read(`/proc/${pid}/comm`)?.trim() === 'ndppd');
}
