/** Whether the name servers of the configuration answer. Those of the system are left alone. */
import { Resolver } from 'node:dns/promises';
import { fail, ok, type Check, type Finding } from './finding.ts';

/** Milliseconds a server has. */
const DEADLINE_MS = 2000;
/** The only name every server knows something about. */
const ROOT = '.';
/** There was no answer; every other code is one. */
const SILENT: ReadonlySet<string> = new Set(['ETIMEOUT', 'ECONNREFUSED', 'ENOTINITIALIZED', 'ECANCELLED']);

export const DNS: Check = {
  name: 'dns',
  examine: async ({ loaded }) => {
    const { servers } = loaded.config.dns;
    if (servers.length === 0) return [ok('the name servers are those of the system; they were not asked')];
    return await Promise.all(servers.map(ask));
  },
};

async function ask(server: string): Promise<Finding> {
  const resolver = new Resolver({ timeout: DEADLINE_MS, tries: 1 });
  resolver.setServers([server]);
  try {
    await resolver.resolveNs(ROOT);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (SILENT.has(code))
      return fail(
        `the name server ${server} does not answer (${code}): start it, or name another in dns.servers`,
      );
  }
  return ok(`the name server ${server} answers`);
}
