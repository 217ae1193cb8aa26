/** IPv6 prefixes with a local route (AnyIP) can only be bound with net.ipv6.ip_nonlocal_bind; in IPv4 the route is enough. */
import { NONLOCAL_6 } from './addresses.ts';
import { fail, ok, setSysctl, type Check, type Patient } from './finding.ts';
import { addressValue } from './interfaces.ts';
import { sysctlNumber } from './system.ts';

export const NONLOCAL_BIND: Check = {
  name: 'nonlocal-bind',
  examine(patient) {
    if (!needed(patient)) return [];
    if (sysctlNumber(patient.system, NONLOCAL_6) === 1)
      return [ok(`${NONLOCAL_6} is 1: addresses of IPv6 prefixes can be bound`)];
    return [
      fail(
        `${NONLOCAL_6} is not 1: of an IPv6 prefix only addresses of an interface can be bound`,
        setSysctl(NONLOCAL_6, 1),
      ),
    ];
  },
};

/** Some address of the pools is on no interface. */
function needed({ ranges, interfaces }: Patient): boolean {
  const own = new Set(interfaces.map(({ address }) => addressValue(address)));
  return ranges
    .filter(({ family }) => family === 6)
    .some(({ first, last }) => last - first > 256n || !own.has(first) || !own.has(last));
}
