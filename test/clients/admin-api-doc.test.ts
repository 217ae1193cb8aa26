/** The examples of docs/admin-api.md, run as their reader would, but for the addresses in them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ConfigView, Page, SessionView, Status } from '../../src/admin/api.ts';
import { tokenFileOf } from '../../src/admin/token.ts';
import { adminGyre, type AdminGyre } from '../support/admin-gyre.ts';
import { runProgram } from '../support/program.ts';
import { declareCase } from '../support/program-case.ts';

const page = readFileSync(new URL('../../docs/admin-api.md', import.meta.url), 'utf8');
const blocks = Array.from(page.matchAll(/^```sh\n(.*?)^```/gms), ([, text]) => text!);
const NEEDS = ['bash', 'curl'];
const CONFIG = 'pool: 127.0.0.2-127.0.0.9\ntargets: {allowPrivate: true}\nworkers: 1\n';

const block = (word: string): string => blocks.find((text) => text.includes(word))!;

async function shell(gyre: AdminGyre, text: string): Promise<string> {
  const adapted = text
    .replaceAll('127.0.0.1:1082', gyre.admin)
    .replaceAll('192.0.2.', '127.0.0.')
    .replaceAll('curl -s', 'curl -q --fail-with-body --max-time 15 -s');
  const { code, stdout, stderr } = await runProgram('bash', ['-c', adapted], {
    env: { TOKEN: tokenOf(gyre) },
  });
  assert.equal(code, 0, `${adapted}: ${stdout}${stderr}`);
  return stdout;
}

function tokenOf({ admin, env }: AdminGyre): string {
  const port = Number(admin.split(':')[1]);
  return readFileSync(tokenFileOf({ host: '127.0.0.1', port }, env), 'utf8').trim();
}

declareCase('docs/admin-api.md: status by curl', NEEDS, async () => {
  await using gyre = await adminGyre(CONFIG);
  // Its first two lines start what has been started here.
  const [, , curl = ''] = block('gyre serve').split('\n');
  const { state } = JSON.parse(await shell(gyre, curl)) as Status;
  assert.equal(state, 'ready');
});

declareCase('docs/admin-api.md: the examples', NEEDS, async () => {
  await using gyre = await adminGyre(CONFIG);
  const [api = '', json = '', ...lines] = block('api()')
    .split('\n')
    .filter((line) => line !== '');
  assert.ok(lines.length >= 8);
  const run = (line: string): Promise<string> => shell(gyre, `${api}\n${json}\n${line}`);
  await gyre.tunnel('alice-session-42');
  const sessions = JSON.parse(await run('api sessions')) as Page<SessionView>;
  for (const line of lines) {
    await run(line.replace('KEY', sessions.items[0]!.key));
    if (!line.includes('/pin')) continue;
    const { items } = JSON.parse(await run('api sessions')) as Page<SessionView>;
    assert.equal(items[0]!.egress, '127.0.0.9');
  }
});

declareCase('docs/admin-api.md: events', NEEDS, async () => {
  await using gyre = await adminGyre(CONFIG);
  const live = block('curl -sN').trimEnd();
  assert.match(await shell(gyre, `${live} | head -n 1`), /^event: status\n/);
  const { config } = JSON.parse(
    await shell(gyre, `curl -s -H "Authorization: Bearer $TOKEN" http://127.0.0.1:1082/api/v1/config`),
  ) as ConfigView;
  assert.ok(!JSON.stringify(config).includes(tokenOf(gyre)));
});
