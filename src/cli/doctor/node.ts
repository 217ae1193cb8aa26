/** The Node this runs on. */
import { fail, ok, type Check } from './finding.ts';

/** As `engines` in package.json. */
const OLDEST = [24, 12] as const;

export const NODE: Check = {
  name: 'node',
  examine: () => [judgeNode(process.versions.node)],
};

export function judgeNode(version: string): ReturnType<typeof ok> {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
  if (enough) return ok(`Node ${version}`);
  return fail(`Node ${version} is too old: install ${OLDEST.join('.')} or newer from https://nodejs.org`);
}
