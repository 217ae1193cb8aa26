/** What prom-client tells of the process and of Node, on the main thread. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { openDescriptors } from '../descriptors.ts';

/**
 * How often the delay of the loop is sampled; milliseconds. prom-client's own 10 wakes the main thread a hundred times a
 * second for nothing.
 */
const PRECISION_MS = 50;

/** Lists of all that is open: they cost with every tunnel, and Node has deprecated what they are read from. */
const COSTLY = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
];

/** prom-client lists the descriptors to count them. */
const OPEN = { name: 'process_open_fds', help: 'Number of open file descriptors.' } as const;

function setOpen(this: Gauge): void {
  try {
    this.set(openDescriptors());
  } catch {
    // No Linux: then it is not told.
    this.remove();
  }
}

let registry: Registry | undefined;

/**
 * The one of this process, however many gateways it has: what it watches with cannot be switched off again. Made when
 * it is first asked for.
 */
export function processMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: PRECISION_MS });
    for (const name of [...COSTLY, OPEN.name]) registry.removeSingleMetric(name);
    registry.registerMetric(new Gauge({ ...OPEN, registers: [], collect: setOpen }));
  }
  return registry;
}
