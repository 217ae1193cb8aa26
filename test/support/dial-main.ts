/** Dials inside a network namespace: one {@link Job} a line in, one {@link Outcome} a line out. What stands stays open. */
import { createInterface } from 'node:readline';
import { Connection, type Egress, type Family } from '../../src/connection.ts';
import { dial } from '../../src/egress/dial/dial.ts';
import { Ports, readPortRange } from '../../src/egress/dial/ports.ts';
import { EgressTable, tableMemory } from '../../src/egress/pool/table.ts';
import { ProxyError } from '../../src/errors.ts';
import { Legs } from '../../src/leg/legs.ts';

export interface Job {
  /** Tried in this order. */
  readonly pool: readonly string[];
  readonly addresses: readonly string[];
  readonly port: number;
  /** Time for all attempts together; milliseconds. */
  readonly ms: number;
  readonly ports: 'own' | 'kernel';
}

export interface Outcome {
  /** Where it left from, and the address it reached; both are missing where there is a code. */
  readonly egress?: string;
  readonly port?: number;
  readonly target?: string;
  readonly code?: string;
  /** `CODE ADDRESS` for every report about an egress. */
  readonly reports: readonly string[];
}

const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);
const slots = new Map<string, number>();
const ports = new Ports(readPortRange(), new EgressTable(tableMemory(64)));
const legs = new Legs(true);

const egress = (address: string): Egress => {
  const slot = slots.get(address) ?? slots.size;
  slots.set(address, slot);
  return { address, family: familyOf(address), slot };
};

async function run(job: Job): Promise<Outcome> {
  const reports: string[] = [];
  const connection = new Connection('test', { address: '127.0.0.1', port: 1 }, 0);
  connection.target = { host: 'target.test', port: job.port, family: 0 };
  const picksFor = (family: Family) => {
    const members = job.pool.filter((address) => familyOf(address) === family).map(egress);
    return { next: () => members.shift(), settle: () => false };
  };
  try {
    const remote = await dial(
      connection,
      job.addresses.map((address) => ({ address, family: familyOf(address) })),
      picksFor,
      {
        connect: job.ms,
        deadline: performance.now() + job.ms,
        family: { prefer: 6, stagger: 250 },
        serves: (family) => job.pool.some((address) => familyOf(address) === family),
        ports: job.ports === 'own' ? ports : undefined,
        report: ({ address }, error) => void reports.push(`${error?.code ?? 'fine'} ${address}`),
        release: () => {},
      },
      legs,
      { broken: undefined, onBroken: undefined },
    );
    const { address, port } = remote.bound;
    return { egress: address, port, target: connection.resolved!, reports };
  } catch (error) {
    return { code: ProxyError.from(error).code, reports };
  }
}

for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as Job))}\n`);
}
