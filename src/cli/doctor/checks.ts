/** All that the doctor looks at, in the order in which one would mend it. */
import { ADDRESSES } from './addresses.ts';
import { BACKLOGS } from './backlog.ts';
import { CERTIFICATES } from './certificates.ts';
import { CLOCK } from './clock.ts';
import { CONNTRACK } from './conntrack.ts';
import { CONTAINER } from './container.ts';
import { DESCRIPTORS } from './descriptors.ts';
import { DNS } from './dns.ts';
import { EXPOSURE } from './exposure.ts';
import type { Check, Finding, Patient } from './finding.ts';
import { LISTENERS } from './listeners.ts';
import { MEMORY } from './memory.ts';
import { NEIGHBOURS } from './neighbours.ts';
import { NODE } from './node.ts';
import { NONLOCAL_BIND } from './nonlocal-bind.ts';
import { PORTS } from './ports.ts';
import { ROUTES } from './routes.ts';
import { RP_FILTER } from './rp-filter.ts';
import { TIME_WAIT } from './time-wait.ts';
import { USERS } from './users.ts';

const CHECKS: readonly Check[] = [
  NODE,
  CONTAINER,
  ADDRESSES,
  NONLOCAL_BIND,
  ROUTES,
  NEIGHBOURS,
  RP_FILTER,
  PORTS,
  TIME_WAIT,
  CONNTRACK,
  DESCRIPTORS,
  MEMORY,
  BACKLOGS,
  LISTENERS,
  CERTIFICATES,
  USERS,
  EXPOSURE,
  DNS,
  CLOCK,
];

export interface NamedFinding extends Finding {
  readonly check: string;
}

export async function examineAll(patient: Patient): Promise<NamedFinding[]> {
  const found = CHECKS.map(async ({ name, examine }) =>
    (await examine(patient)).map((finding) => Object.assign({ check: name }, finding)),
  );
  return (await Promise.all(found)).flat();
}
