/** How many descriptors this process has open. */
import { readdirSync, statSync } from 'node:fs';

const FOLDER = '/proc/self/fd';

/**
 * Linux 6.2 and later tell it as the size of the folder, in microseconds; before, its entries are counted, which takes
 * some 10 ms with 20,000 of them.
 *
 * @throws where there is no such folder, or no descriptor left to read it with.
 */
export function openDescriptors(): number {
  return statSync(FOLDER).size || readdirSync(FOLDER).length - 1;
}
