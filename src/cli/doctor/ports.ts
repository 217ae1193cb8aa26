/** Source ports: how many connections an address can have, and whether one may take the port of a listener. */
import { enumerate, formatCount } from '../terminal.ts';
import { ok, setSysctl, warn, type Check, type Finding, type Patient } from './finding.ts';
import { sysctl, type System } from './system.ts';

const RANGE = 'net.ipv4.ip_local_port_range';
const RESERVED = 'net.ipv4.ip_local_reserved_ports';
/** Fewer are soon used up by connections that ended a minute ago. */
const FEW = 20_000;
/** What the kernel keeps for itself when it chooses the port: see `ports: kernel`. */
const WIDE = '1024 65535';

export const PORTS: Check = {
  name: 'ports',
  examine(patient) {
    const range = rangeOf(patient.system);
    if (range === undefined) return [];
    return [amount(patient, range), ...clashes(patient, range)];
  },
};

interface Ports {
  readonly first: number;
  readonly last: number;
  readonly reserved: string;
}

function rangeOf(system: System): Ports | undefined {
  const [first = 0, last = 0] = (sysctl(system, RANGE) ?? '').split(/\s+/).map(Number);
  return first > 0 && last >= first ? { first, last, reserved: sysctl(system, RESERVED) ?? '' } : undefined;
}

function amount({ loaded }: Patient, { first, last, reserved }: Ports): Finding {
  const count = last - first + 1 - reservedWithin(reserved, first, last);
  const scope =
    loaded.config.ports === 'own'
      ? 'towards each destination'
      : 'towards all destinations together (ports: kernel)';
  const message = `an egress address has ${formatCount(count)} ports (${first} to ${last}) ${scope}`;
  return count < FEW ? warn(`${message}: few`, setSysctl(RANGE, WIDE)) : ok(message);
}

/** Listeners within the range: after a restart a connection of before may sit on their port. */
function clashes({ loaded }: Patient, { first, last, reserved }: Ports): Finding[] {
  const ports = loaded.config.listen.flatMap(({ at }) => ('port' in at ? [at.port] : []));
  const open = [...new Set(ports)].filter(
    (port) => port >= first && port <= last && !spansOf(reserved).some(([a, b]) => port >= a && port <= b),
  );
  if (open.length === 0) return [];
  const value = [...(reserved === '' ? [] : [reserved]), ...open].join(',');
  return [
    warn(
      `the listening port ${enumerate(open.map(String))} is one of the ports that connections leave from: one of them may take it while the proxy restarts`,
      setSysctl(RESERVED, value),
    ),
  ];
}

function spansOf(text: string): [number, number][] {
  return text
    .split(',')
    .filter((part) => /^\d+(-\d+)?$/.test(part))
    .map((part) => {
      const [a = 0, b = a] = part.split('-').map(Number);
      return [a, b];
    });
}

function reservedWithin(reserved: string, first: number, last: number): number {
  return spansOf(reserved).reduce(
    (sum, [a, b]) => sum + Math.max(0, Math.min(b, last) - Math.max(a, first) + 1),
    0,
  );
}
