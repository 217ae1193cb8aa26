/** Ports of connections that have ended: the side that closed first cannot use them again for a minute. */
import { ok, setSysctl, warn, type Check } from './finding.ts';
import { sysctlNumber } from './system.ts';

const NAME = 'net.ipv4.tcp_tw_reuse';

export const TIME_WAIT: Check = {
  name: 'time-wait',
  examine({ system }) {
    const value = sysctlNumber(system, NAME);
    if (value === undefined) return [];
    if (value === 0)
      return [
        warn(
          `${NAME} is 0: the port of a connection that has ended is not used for a minute, which few targets and many connections will notice`,
          setSysctl(NAME, 1),
        ),
      ];
    if (value === 1) return [ok(`${NAME} is 1: ports of connections that have ended are used again`)];
    return [
      ok(
        `${NAME} is ${value}: ports are used again towards loopback only; with thousands of connections a minute to one target, 1 helps`,
        setSysctl(NAME, 1),
      ),
    ];
  },
};
