/** The users file: whether it can be read, and by whom else. */
import { statSync } from 'node:fs';
import { plural } from '../terminal.ts';
import { examineUsers } from '../check-users.ts';
import { fail, ok, warn, type Check } from './finding.ts';

export const USERS: Check = {
  name: 'users',
  examine: async ({ loaded: { config } }) => {
    const { usersFile } = config;
    if (usersFile === undefined) return [];
    const { names, unusable, warnings } = await examineUsers(config);
    if (unusable !== undefined)
      return [fail(unusable.message + (unusable.hint === undefined ? '' : `: ${unusable.hint}`))];
    const open = (statSync(usersFile, { throwIfNoEntry: false })?.mode ?? 0) & 0o004;
    return [
      open === 0
        ? ok(`${usersFile} has ${plural(names.length, 'user')}`)
        : warn(
            `everyone on this host can read ${usersFile}, and try passwords against its hashes`,
            `chmod o-r ${usersFile}`,
          ),
      ...warnings.map((message) => warn(message)),
    ];
  },
};
