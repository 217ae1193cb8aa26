/** The commands of `deploy/network`, run on a host of the test's own. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { findProgram, runProgram, type Outcome } from '../support/program.ts';
import { declareCase, ROOT } from '../support/program-case.ts';
import { Namespace } from '../support/netns.ts';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

for (const prefix of ['2001:db8:1::/64', '198.51.100.0/28']) {
  declareCase(
    `anyip.sh makes every address of ${prefix} one to leave from`,
    ['ip', 'sysctl', ROOT],
    async () => {
      const name = `gyre-anyip-${prefix.includes(':') ? 6 : 4}`;
      await using _host = await Namespace.create(name);
      const inside = async (...command: string[]): Promise<Outcome> =>
        await runProgram('ip', [
          'netns',
          'exec',
          name,
          findProgram(command[0]!) ?? command[0]!,
          ...command.slice(1),
        ]);
      const check = [process.execPath, `${REPOSITORY}bin/gyre.js`, 'check', '--bind', '--pool', prefix];
      assert.notEqual((await inside(...check)).code, 0);
      const { code, stderr } = await inside('sh', `${REPOSITORY}deploy/network/anyip.sh`, prefix);
      assert.equal(code, 0, stderr);
      const { stdout, ...outcome } = await inside(...check);
      assert.equal(outcome.code, 0, stdout + outcome.stderr);
    },
  );
}
