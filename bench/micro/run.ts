/**
 * `npm run bench:micro`: all of them, one after the other, each in a process of its own, so that none finds the code of
 * another compiled. `npm run bench:micro -- parse pick` chooses.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ALL = ['sniff', 'parse', 'authorize', 'pick', 'access-line', 'rules', 'limits'] as const;

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(ALL as readonly string[]).includes(name));
if (unknown.length > 0 || asked.includes('--help')) {
  console.error(`npm run bench:micro -- [NAME...]: nanoseconds an operation.\nNames: ${ALL.join(', ')}`);
  process.exit(asked.includes('--help') ? 0 : 2);
}
for (const name of asked.length > 0 ? asked : ALL) {
  console.log(`\n== ${name} ==`);
  const script = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
