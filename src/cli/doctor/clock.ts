/** The clock: certificates, quotas, expiry of users and the log go by it. */
import { ok, warn, type Check } from './finding.ts';
import type { System } from './system.ts';

export const CLOCK: Check = {
  name: 'clock',
  examine: async ({ system }) => {
    const synchronised = await isSynchronised(system);
    if (synchronised === undefined)
      return [
        ok('nothing on this host says whether its clock is synchronised; a container has that of its host'),
      ];
    if (synchronised) return [ok('the clock is synchronised')];
    return [
      warn(
        'the clock is not synchronised: certificates, quotas and expiry of users go by it',
        'timedatectl set-ntp true',
      ),
    ];
  },
};

async function isSynchronised(system: System): Promise<boolean | undefined> {
  if (system.list('/run/systemd/timesync').includes('synchronized')) return true;
  const said = await system.run('timedatectl', 'show', '--property=NTPSynchronized', '--value');
  if (said !== undefined && /^(yes|no)$/.test(said.trim())) return said.trim() === 'yes';
  return undefined;
}
