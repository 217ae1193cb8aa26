import assert from 'node:assert/strict';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { parsePool } from '../../../../src/egress/expression/expression.ts';
import { expand } from '../../../../src/egress/pool/ranges.ts';
import { execSource } from '../../../../src/egress/sources/exec.ts';
import { describe, type Source, type SourceOptions } from '../../../../src/egress/sources/source.ts';
import type { ExecTerm } from '../../../../src/egress/expression/term.ts';

const never = new AbortController().signal;
const source = (item: string, options: SourceOptions = {}): Source =>
  execSource(parsePool([`exec:${item}`])[0] as ExecTerm, options);
const node = (script: string): string => `${process.execPath} -e "${script}"`;
const addresses = async (item: string): Promise<string[]> => [
  ...expand((await source(item).read(never)).ranges, 9),
];
const fails = (item: string, message: RegExp, options: SourceOptions = {}): Promise<void> =>
  assert.rejects(source(item, options).read(never), (error: unknown) => {
    assert.match(describe(error), message);
    return true;
  });

/** Waits until a process runs no more; nobody may have asked for its exit code. */
async function gone(pid: string): Promise<void> {
  const end = Date.now() + 5000;
  for (let state = 'R'; state !== 'Z'; await pause(5)) {
    assert.ok(Date.now() < end, `process ${pid} still runs`);
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
    state = stat.slice(stat.lastIndexOf(')') + 2)[0]!;
  }
}

suite('addresses printed by a command', () => {
  test('are read without a shell', async () => {
    assert.deepEqual(await addresses("printf '%s\\n' 192.0.2.1 192.0.2.2"), ['192.0.2.1', '192.0.2.2']);
    assert.deepEqual(await addresses(`printf '192.0.2.1 #%s' "$(touch /x) > | && ;"`), ['192.0.2.1']);
  });

  test('get our environment, but for its secrets', async () => {
    const secrets = { GYRE_USER: 'alice:s3cret', PROXY_PASS: 's3cret', GYRE_ADMIN_TOKEN: 's3cret' };
    Object.assign(process.env, secrets, { FROM_US: 'here' });
    try {
      const script =
        "const e = process.env; console.log('192.0.2.1 #', e.FROM_US); process.exit(Object.values(e).some((v) => v.includes('s3cret')) ? 4 : e.FROM_US === 'here' ? 0 : 5)";
      assert.deepEqual(await addresses(node(script)), ['192.0.2.1']);
    } finally {
      for (const name of [...Object.keys(secrets), 'FROM_US']) delete process.env[name];
    }
  });

  test('carry weight and tags of the term', async () => {
    const { ranges } = await source('echo 192.0.2.1*2*3;a=b').read(never);
    assert.deepEqual([ranges[0]?.weight, ranges[0]?.tags], [6, ['a=b']]);
  });

  test('count only when the command ends well', async () => {
    const failing = node(
      "console.log('192.0.2.1'); console.error('one\\nno\\x1b[31m route '); process.exit(3)",
    );
    await fails(failing, /^it ended with exit code 3: no \[31m route$/);
    await fails('false', /^it ended with exit code 1$/);
    await fails(node("process.kill(process.pid, 'SIGTERM')"), /^it was killed by SIGTERM$/);
    await fails('/no/such/command', /^there is no such command$/);
    await fails('/etc/passwd', /^the command may not be executed$/);
  });

  test('are refused when they are too many, or no text', async () => {
    await fails(node("setInterval(() => process.stdout.write('#'.repeat(1e6)), 1)"), /larger than 8 MiB/);
    await fails("printf '\\377'", /not UTF-8/);
    await fails('echo hello', /not one line is good/);
  });

  test('of a command that hangs are given up, and it is killed with its children', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'gyre-exec-'));
    const note = join(folder.path, 'pid');
    const item = source(`sh -c "sleep 600 & echo $! > ${note}; wait"`, { limitMs: 1500 });
    await assert.rejects(item.read(never), /did not end within 1.5 s and was killed/);
    await gone((await readFile(note, 'utf8')).trim());
    await fails('sleep 600', /within 0.05 s/, { limitMs: 50 });
    // It has closed its output, but does not end.
    await fails(`sh -c "exec >&- 2>&-; sleep 600"`, /within 0.2 s/, { limitMs: 200 });
  });

  test('end with the signal', async () => {
    const stop = new AbortController();
    const reading = source('sleep 600').read(stop.signal);
    stop.abort(new Error('stopped'));
    await assert.rejects(reading, /stopped/);
    await assert.rejects(source('sleep 600').read(stop.signal), /stopped/);
  });
});
