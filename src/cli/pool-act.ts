/** `gyre pool drain|undrain|eject|probe`: what an operator does to an egress. */
import type { Command } from 'commander';
import type { EgressAction, EgressView } from '../admin/api.ts';
import { addAdmin, adminClient, sayJson, type AdminFlags } from './admin-client.ts';
import { egressColumns } from './egress-columns.ts';
import { Failure } from './exit.ts';
import { sayTable } from './table.ts';
import { enumerate } from './terminal.ts';

/** A probe takes as long as its target does. */
const DEADLINE_MS = 60_000;

const VERBS: Readonly<Record<EgressAction, readonly [description: string, help: string]>> = {
  drain: [
    'let an egress take no new connections until undrain; those it has stay',
    `
Examples:
  gyre pool drain 192.0.2.10
  gyre pool drain 192.0.2.10 192.0.2.11 && gyre tunnels --egress 192.0.2.10`,
  ],
  undrain: ['let a drained egress take connections again', '\nExamples:\n  gyre pool undrain 192.0.2.10'],
  eject: [
    'take an egress out as a failure of its own would; it comes back by itself',
    '\nExamples:\n  gyre pool eject 192.0.2.10',
  ],
  probe: [
    'try an egress now: by the probe target of the configuration, or by binding it',
    `
Exit code 1 when it is down after that.

Examples:
  gyre pool probe 192.0.2.10
  gyre pool probe --json 192.0.2.10 | jq -r .publicAddress`,
  ],
};

/** @param pool The command `pool`. */
export function registerPoolActs(pool: Command): void {
  for (const [action, [description, help]] of Object.entries(VERBS)) {
    addAdmin(pool.command(action).description(description))
      .argument('<address...>', 'addresses of egresses; of a block, its first one')
      .addHelpText('after', help)
      .action((addresses: string[], flags: AdminFlags) => act(action as EgressAction, addresses, flags));
  }
}

/** With several addresses the JSON is a list of them. */
async function act(action: EgressAction, addresses: readonly string[], flags: AdminFlags): Promise<void> {
  const client = adminClient(flags);
  const after: EgressView[] = [];
  try {
    for (const address of addresses) {
      const path = `egresses/${encodeURIComponent(address)}/${action}`;
      after.push(await client.post<EgressView>(path, undefined, DEADLINE_MS));
    }
  } finally {
    // What was done is shown, even when the next one failed.
    if (flags.json) sayJson(addresses.length === 1 ? (after[0] ?? null) : after);
    else if (after.length > 0) sayTable(egressColumns(Date.now()), after);
  }
  const down = after.filter(({ state }) => state === 'down').map(({ address }) => address);
  if (action === 'probe' && down.length > 0)
    throw new Failure(`${enumerate(down)} ${down.length === 1 ? 'is' : 'are'} down after the probe`);
}
