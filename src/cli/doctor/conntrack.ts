/** Connection tracking: when its table is full, the kernel drops packets of new connections without a word. */
import { formatCount } from '../terminal.ts';
import { expectedClients, fail, ok, setSysctl, warn, type Check } from './finding.ts';
import { sysctlNumber } from './system.ts';

const MAX = 'net.netfilter.nf_conntrack_max';
const COUNT = 'net.netfilter.nf_conntrack_count';
/** Shares of the table. */
const TIGHT = 0.7;
const FULL = 0.95;
/** Entries of a client: its own connection, and the one that leaves. */
const A_CLIENT = 2;

export const CONNTRACK: Check = {
  name: 'conntrack',
  examine({ system, loaded }) {
    const max = sysctlNumber(system, MAX) ?? sysctlNumber(system, 'net.nf_conntrack_max');
    const count = sysctlNumber(system, COUNT) ?? 0;
    // Not loaded: nothing is tracked.
    if (max === undefined || max === 0) return [];
    const needed = expectedClients(loaded) * A_CLIENT + count;
    const words = `the table of tracked connections holds ${formatCount(count)} of ${formatCount(max)}`;
    const fix = setSysctl(MAX, powerOfTwo(Math.max(needed, max + 1)));
    if (count >= max * FULL) return [fail(`${words}: new connections are dropped`, fix)];
    if (count >= max * TIGHT) return [warn(`${words}: it will be full soon`, fix)];
    if (needed > max)
      return [
        warn(`${words}, and ${formatCount(expectedClients(loaded))} clients take ${A_CLIENT} each`, fix),
      ];
    return [ok(words)];
  },
};

/** The next one, not below this. */
function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
