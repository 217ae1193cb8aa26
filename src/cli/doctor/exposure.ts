/** Who can reach what: open relays, private targets, passwords that others can read. */
import { warnings } from '../sources.ts';
import { ok, warn, type Check } from './finding.ts';

export const EXPOSURE: Check = {
  name: 'exposure',
  examine: ({ loaded }) => {
    const found = warnings(loaded);
    const readable = loaded.file !== undefined && found.some((one) => one.includes('can read the passwords'));
    if (found.length === 0)
      return [ok('nothing is open that should not be, as far as the configuration says')];
    return found.map((message) =>
      warn(
        message,
        ...(readable && message.includes('can read the passwords') ? [`chmod 600 ${loaded.file}`] : []),
      ),
    );
  },
};
