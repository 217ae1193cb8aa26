/** Queues of connections that nobody has accepted yet. */
import { formatCount } from '../terminal.ts';
import { ok, setSysctl, warn, type Check, type Finding } from './finding.ts';
import { sysctlNumber, type System } from './system.ts';

/** What listeners ask for; the kernel gives them no more than somaxconn. */
const BACKLOG = 4096;
const LEAST_SYN = 1024;

export const BACKLOGS: Check = {
  name: 'backlog',
  examine({ system, loaded }) {
    const short = [
      ...tooShort(system, 'net.core.somaxconn', BACKLOG),
      ...tooShort(system, 'net.ipv4.tcp_max_syn_backlog', LEAST_SYN),
    ];
    return [
      ...(short.length > 0 ? short : [ok('the queues of new connections are long enough')]),
      ...(loaded.config.workers > 1 ? migration(system) : []),
    ];
  },
};

function tooShort(system: System, name: string, least: number): Finding[] {
  const value = sysctlNumber(system, name);
  if (value === undefined || value >= least) return [];
  const message = `${name} is ${formatCount(value)}: when many clients come at once, some wait a second or more`;
  return [warn(message, setSysctl(name, least))];
}

/** Threads share a port: what waits at one that ends may go to another. */
function migration(system: System): Finding[] {
  const name = 'net.ipv4.tcp_migrate_req';
  if (sysctlNumber(system, name) !== 0) return [];
  const message = `${name} is 0, as it is by default: connections that wait at a thread which dies are reset, with 1 another one gets them`;
  return [ok(message, setSysctl(name, 1))];
}
