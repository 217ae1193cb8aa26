/** File descriptors: each client takes two, its own and that of its target. */
import { formatCount } from '../terminal.ts';
import { expectedClients, ok, setSysctl, warn, type Check } from './finding.ts';
import { sysctlNumber } from './system.ts';

const A_CLIENT = 2;
/** Listeners, logs, DNS, the pools. */
const SPARE = 512;

export const DESCRIPTORS: Check = {
  name: 'descriptors',
  examine({ system, loaded }) {
    const limits = system.read('/proc/self/limits') ?? '';
    const [, , hard] = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(limits) ?? [];
    if (hard === undefined) return [];
    // Node raises the soft limit to the hard one.
    const limit = hard === 'unlimited' ? Infinity : Number(hard);
    const clients = expectedClients(loaded);
    const needed = clients * A_CLIENT + SPARE;
    const words = `a process may open ${limit === Infinity ? 'any number of' : formatCount(limit)} files`;
    if (limit >= needed) return [ok(`${words}, enough for ${formatCount(clients)} clients`)];
    const most = sysctlNumber(system, 'fs.nr_open') ?? Infinity;
    return [
      warn(
        `${words}, and ${formatCount(clients)} clients need ${formatCount(needed)}; under systemd it is LimitNOFILE of the unit, with containers --ulimit nofile`,
        ...(needed > most ? [setSysctl('fs.nr_open', needed)] : []),
        `ulimit -n ${needed}`,
      ),
    ];
  },
};
