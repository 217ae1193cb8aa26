/** Reverse-path filter: answers that come in by another interface than the one they would be sent by are dropped. */
import { enumerate } from '../terminal.ts';
import { ok, setSysctl, warn, type Check, type Patient } from './finding.ts';
import { addressValue, within } from './interfaces.ts';
import { sysctlNumber } from './system.ts';

const STRICT = 1;
const LOOSE = 2;

export const RP_FILTER: Check = {
  name: 'rp-filter',
  examine(patient) {
    const devices = devicesOf(patient);
    if (devices.length < 2) return [];
    // The kernel takes the larger of the two.
    const all = sysctlNumber(patient.system, 'net.ipv4.conf.all.rp_filter') ?? 0;
    const strict = devices.filter((device) => {
      const own = sysctlNumber(patient.system, `net.ipv4.conf.${device}.rp_filter`) ?? 0;
      return Math.max(all, own) === STRICT;
    });
    if (strict.length === 0)
      return [
        ok(`the reverse-path filter lets answers in on ${enumerate(devices)}, whichever way they come`),
      ];
    return [
      warn(
        `the pools have addresses of ${enumerate(devices)}, and the reverse-path filter of ${enumerate(strict)} is strict: answers that come in another way than they would go out are dropped`,
        ...strict.map((device) => setSysctl(`net.ipv4.conf.${device}.rp_filter`, LOOSE)),
      ),
    ];
  },
};

/** The interfaces with IPv4 addresses of the pools. */
function devicesOf({ interfaces, ranges }: Patient): string[] {
  const used = interfaces.filter(({ family, internal, address }) => {
    const value = addressValue(address)!;
    return family === 4 && !internal && ranges.some((range) => range.family === 4 && within(value, range));
  });
  return [...new Set(used.map(({ device }) => device))];
}
