import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { verifyPassword } from '../../src/policy/password.ts';
import { ListServer } from '../support/list-server.ts';
import { MetadataServer } from '../support/metadata-server.ts';
import { cleanEnvironment, runProgram, type Outcome, type RunOptions } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-cli-'));
after(() => rmSync(folder, { recursive: true }));

function gyre(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return runProgram(process.execPath, [GYRE_BIN, ...args], options);
}

/** Runs it on a terminal of its own, and types each text as soon as the prompt before it stands. */
async function onTerminal(
  args: readonly string[],
  typed: readonly string[],
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const command = [process.execPath, GYRE_BIN, ...args].join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: cleanEnvironment(), stdio: 'pipe' });
  const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const ended = once(child, 'close');
  let shown = '';
  let turn = 0;
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const prompts = shown.match(/: /g)?.length ?? 0;
    while (turn < Math.min(prompts, typed.length)) child.stdin.write(typed[turn++]!);
  });
  const [code] = (await ended) as [number | null];
  clearTimeout(kill);
  return { code, shown };
}

function fileOf(text: string): string {
  const path = join(folder, 'gyre.yaml');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Ends with this code, says this on standard error, and shows nobody a stack trace. */
function assertFails({ code, stderr }: Outcome, exitCode: number, message: RegExp): void {
  assert.equal(code, exitCode, stderr);
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /^ +at .*\(?(file|node):/m);
}

suite('the command line', () => {
  test('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    assert.deepEqual(await gyre(['--version']), {
      code: 0,
      signal: null,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  const VERBS = [
    '',
    'serve',
    'check',
    'pool',
    'pool expand',
    'prove',
    'load',
    'doctor',
    'hash-password',
    'cert',
    'init',
    'completion',
    'healthcheck',
  ];
  for (const verb of VERBS) {
    test(`${verb} --help shows what it takes${verb === 'pool' ? '' : ', and examples'}`, async () => {
      const { code, stdout, stderr } = await gyre([...verb.split(' ').filter(Boolean), '--help']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.ok(stdout.startsWith(`Usage: gyre${verb === '' ? '' : ` ${verb}`} [`), stdout);
      if (verb !== 'pool') assert.match(stdout, /\nExamples:\n {2}gyre /);
    });
  }

  test('usage errors end with 2, a suggestion and the way to the help', async () => {
    assertFails(await gyre([]), 2, /^Usage: gyre/);
    assertFails(await gyre(['serv']), 2, /unknown command 'serv'\n\(Did you mean serve\?\)\nAdd --help/);
    assertFails(
      await gyre(['serve', '--lisen', '1080']),
      2,
      /unknown option '--lisen'\n\(Did you mean --listen\?\)/,
    );
    assertFails(await gyre(['pool', 'expand']), 2, /missing required argument 'expr'/);
    assertFails(await gyre(['prove', '--count', '0']), 2, /whole number from 1/);
    assertFails(await gyre(['prove', '--proxy', 'ftp://x']), 2, /not the URL of a proxy/);
    assertFails(await gyre(['healthcheck', '127.0.0.1']), 2, /"127\.0\.0\.1" has no port/);
    assertFails(await gyre(['cert', '--days', '826']), 2, /whole number from 1 to 825/);
    assertFails(await gyre(['cert', '--name', 'a b']), 2, /It must be a name such as proxy\.test/);
    assertFails(await gyre(['cert', '--session-domain', '192.0.2.1']), 2, /It must be a domain/);
  });

  test('colours are for terminals, and not for those who ask for none', async () => {
    const forced = { env: { FORCE_COLOR: '1', TERM: 'xterm-256color' } };
    assert.match((await gyre(['check'], forced)).stderr, /\x1b\[/);
    assert.doesNotMatch((await gyre(['check'])).stderr, /\x1b\[/);
    assert.doesNotMatch((await gyre(['check', '--no-color'], forced)).stderr, /\x1b\[/);
    assert.doesNotMatch((await gyre(['check'], { env: { NO_COLOR: '1' } })).stderr, /\x1b\[/);
  });
});

suite('a wrong configuration ends with 78', () => {
  test('with file, line, column, message and hint of every problem', async () => {
    const file = fileOf('pool:\n  - 127.0.0.2\n  - 127.0.0.x\nwrokers: 2\ntimeouts:\n  idle: 30\n');
    for (const verb of ['serve', 'check']) {
      const outcome = await gyre([verb, '--config', file, '--listen', '127.0.0.1']);
      assertFails(outcome, 78, /^--listen: "127\.0\.0\.1" has no port\n {2}hint: write 127\.0\.0\.1:1080\n/);
      const places = [...outcome.stderr.matchAll(/^(?:.*\/)?gyre\.yaml:(\d+:\d+): (.*)$/gm)].map(
        ([, at, text]) => `${at} ${text}`,
      );
      assert.deepEqual(places, [
        '3:5 "127.0.0.x" is not an IP address, range or prefix',
        '4:1 unknown key "wrokers"',
        '6:9 expected a duration such as 10s, not the bare number 30',
      ]);
      assert.match(outcome.stderr, /\n {2}hint: did you mean workers\?\n/);
      assert.equal(outcome.stdout, '');
    }
  });

  test('with the line that is no YAML', async () => {
    const outcome = await gyre(['check', '--config', fileOf('pool: 127.0.0.2\nlisten: [::1]:1080\n')]);
    assertFails(
      outcome,
      78,
      /gyre\.yaml:2:14: .*\n {4}listen: \[::1\]:1080\n {17}\^\n {2}hint: .*'\[::1\]:1080'\n$/,
    );
  });

  test('for a file that is not there, and for no pool at all', async () => {
    assertFails(
      await gyre(['serve', '--config', join(folder, 'none.yaml')]),
      78,
      /none\.yaml: there is no such configuration file/,
    );
    assertFails(await gyre(['serve']), 78, /^pool: there is no pool.*\n {2}hint: .*--pool/);
    assertFails(await gyre(['serve'], { env: { IP_POOL: 'x' } }), 78, /^IP_POOL: /);
    assertFails(await gyre(['serve', '--pool', 'interface:nosuch0']), 78, /^gyre: .*interface "nosuch0"/);
  });

  test('for an open relay, with the ways out of it', async () => {
    assertFails(
      await gyre(['serve', '--pool', '127.0.0.2', '--listen', ':1080']),
      78,
      /anyone who can reach \[::\]:1080.*\n {2}hint: add a user .*--open-relay/,
    );
  });

  test('and never with a password', async () => {
    const file = fileOf('pool: 127.0.0.2\nusers:\n  - name: alice\n    password: @hunter2\n');
    const outcomes = [
      await gyre(['check', '--config', file]),
      await gyre(['check', '--user', 'hunter2']),
      await gyre(['check'], { env: { PROXY_PASS: 'hunter2', GYRE_USER: 'hunter2' } }),
    ];
    for (const outcome of outcomes) {
      assert.equal(outcome.code, 78);
      assert.ok(!(outcome.stdout + outcome.stderr).includes('hunter2'), outcome.stderr);
    }
  });
});

suite('gyre check', () => {
  test('says what would run', async () => {
    const { code, stdout, stderr } = await gyre([
      'check',
      '--pool',
      '127.0.0.2-127.0.0.9',
      '--workers',
      '3',
      '--user',
      'a:b',
    ]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^listeners +127\.0\.0\.1:1080 \(socks5, http\)$/m);
    assert.match(stdout, /^pool +8 egress addresses \(8 IPv4\)$/m);
    assert.match(
      stdout,
      /^strategy +round-robin: every address in turn, .*\n +turns are counted for each destination host$/m,
    );
    assert.match(stdout, /^workers +3$/m);
    assert.match(stdout, /^users +a$/m);
    assert.match(stdout, /\nok\n$/);
  });

  test('notes what is odd', async () => {
    const { code, stderr } = await gyre(['check', '--open-relay', '--listen', '0.0.0.0:0'], {
      env: { GYRE_POOL: '127.0.0.2', GYRE_POOOL: 'x' },
    });
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^gyre: note: the environment variable GYRE_POOOL is not known.*did you mean GYRE_POOL\?$/m,
    );
    assert.match(stderr, /^gyre: note: this is an open relay/m);
  });

  test('prints JSON, of problems too', async () => {
    const good = await gyre(['check', '--json', '--bind', '--pool', '127.0.0.2,127.0.0.3', '--listen', '0']);
    assert.equal(good.code, 0);
    const report = JSON.parse(good.stdout) as Record<string, unknown>;
    const { sources, ...pool } = report['pool'] as { sources: { kind: string }[] };
    assert.deepEqual(pool, { terms: ['127.0.0.2', '127.0.0.3'], addresses: '2', ipv4: '2', ipv6: '0' });
    assert.deepEqual(
      [report['ok'], report['strategy'], sources.map(({ kind }) => kind)],
      [true, 'round-robin', ['written', 'written']],
    );
    assert.deepEqual(report['bind'], { tried: 2, listeners: [], failed: [], fix: [] });
    const bad = await gyre(['check', '--json']);
    assert.equal(bad.code, 78);
    const { ok, problems } = JSON.parse(bad.stdout) as { ok: boolean; problems: { where: string }[] };
    assert.deepEqual([ok, problems.map(({ where }) => where)], [false, ['pool']]);
  });

  test('reads every source once, and only notes one that fails', async () => {
    const file = join(folder, 'check.txt');
    writeFileSync(file, '127.0.0.9*2\nnonsense\n');
    const pools = [`file:${file}`, 'exec:false hunter2', 'https://alice:hunter2@127.0.0.1:9/?hunter2', '::1'];
    const args = pools.flatMap((term) => ['--pool', term]);
    const { code, stdout, stderr } = await gyre(['check', ...args]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^pool +2 egress addresses \(1 IPv4, 1 IPv6\)$/m);
    assert.match(stdout, /^source +file:.*\/check\.txt: 1 address, 1 problem$/m);
    assert.match(stdout, /^source +exec:false: failed: it ended with exit code 1$/m);
    assert.match(stdout, /^source +https:\/\/127\.0\.0\.1:9\/: failed: .*$/m);
    assert.match(stdout, /\nok\n$/);
    assert.match(stderr, /^gyre: note: file:.*\/check\.txt: line 2: "nonsense" is not an IP address/m);
    assert.match(stderr, /^gyre: note: exec:false failed: it ended with exit code 1$/m);
    assert.match(stderr, /^gyre: note: weights have no effect with the strategy round-robin/m);
    const json = await gyre(['check', '--json', ...args]);
    const { ok, pool } = JSON.parse(json.stdout) as { ok: boolean; pool: { sources: { error?: string }[] } };
    assert.deepEqual(
      [ok, pool.sources.map(({ error }) => error !== undefined)],
      [true, [false, true, true, false]],
    );
    for (const text of [stdout, stderr, json.stdout, json.stderr]) assert.ok(!text.includes('hunter2'), text);
  });

  test('finds a pool that would not start', async () => {
    const empty = await gyre(['check', '--pool', 'file:/nonexistent/pool.txt']);
    assertFails(empty, 1, /^gyre: the pool is empty: the proxy would not start$/m);
    assert.doesNotMatch(empty.stdout, /^ok$/m);
    const exclusion = ['--pool', '127.0.0.2', '--pool', '!127.0.0.3'];
    assertFails(await gyre(['check', ...exclusion]), 78, /^--pool: "!127\.0\.0\.3" removes nothing/);
  });

  test('looks at every pool, and binds an address in two of them once', async () => {
    const file = fileOf('pool: 127.0.0.2-127.0.0.9\npools:\n  de: 127.0.0.8-127.0.0.10\n  six: ::1\n');
    const args = ['check', '--config', file, '--listen', '0', '--bind'];
    const { code, stdout } = await gyre(args);
    assert.equal(code, 0);
    assert.match(stdout, /^pool +8 egress addresses \(8 IPv4\)\npool de +3 .*\npool six +1 .*\(1 IPv6\)$/m);
    assert.match(stdout, /^bound +10 addresses of the pool tried$/m);
    const json = JSON.parse((await gyre([...args, '--json'])).stdout) as {
      pools: Record<string, { ipv4: string }>;
    };
    assert.deepEqual(
      Object.entries(json.pools).map(([name, { ipv4 }]) => [name, ipv4]),
      [
        ['de', '3'],
        ['six', '0'],
      ],
    );
    const wrong = fileOf('pool: 127.0.0.2\npools: {de: "exec:true"}\n');
    assertFails(await gyre(['check', '--config', wrong]), 78, /^gyre: pool de: the pool is empty/);
  });

  test('binds nothing unless it is told to', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, stdout } = await gyre(['check', '--pool', '198.51.100.249', '--listen', String(port)]);
    assert.equal(code, 0);
    assert.match(stdout, /\nok\n$/);
    server.close();
  });

  test('--bind names addresses that are not on the host, and what to do', async () => {
    const { code, stdout, stderr } = await gyre([
      'check',
      '--bind',
      '--listen',
      '0',
      '--pool',
      '127.0.0.2',
      '--pool',
      '198.51.100.248/29',
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /^gyre: 198\.51\.100\.249 cannot be bound: this host does not have it$/m);
    assert.match(stderr, /^ {4}ip route add local 198\.51\.100\.248\/29 dev lo$/m);
    assert.match(stderr, /^gyre: 8 addresses cannot be bound$/m);
    assert.match(stdout, /^bound +9 addresses of the pool tried$/m);
    assert.doesNotMatch(stdout, /^ok$/m);
  });

  test('--bind finds a listener that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    assertFails(
      await gyre(['check', '--bind', '--pool', '127.0.0.2', '--listen', String(port)]),
      1,
      new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: another program already does\\n {2}hint: `),
    );
    server.close();
  });
});

suite('gyre pool expand', () => {
  test('prints addresses one a line', async () => {
    const { code, stdout, stderr } = await gyre([
      'pool',
      'expand',
      '192.0.2.0/30',
      '!192.0.2.1',
      '2001:db8::a',
    ]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(stdout, '192.0.2.0\n192.0.2.2\n192.0.2.3\n2001:db8::a\n');
  });

  test('stops at the limit and says how many are left', async () => {
    const { code, stdout, stderr } = await gyre(['pool', 'expand', '--limit', '2', '2001:db8::/64']);
    assert.deepEqual([code, stdout], [0, '2001:db8::\n2001:db8::1\n']);
    assert.match(stderr, /^gyre: more than 2\^63 more addresses left out; see --limit$/m);
    const lines = (await gyre(['pool', 'expand', '10.0.0.0/15'])).stdout.split('\n');
    assert.deepEqual([lines.length, lines[65_535], lines[65_536]], [65_537, '10.0.255.255', '']);
  });

  test('counts without enumerating', async () => {
    assert.equal(
      (await gyre(['pool', 'expand', '--count', '2001:db8::/48', '192.0.2.1'])).stdout,
      `${2n ** 80n + 1n}\n`,
    );
  });

  test('prints JSON', async () => {
    const { stdout } = await gyre(['pool', 'expand', '--json', '--limit', '1', '192.0.2.0/31']);
    const first = { address: '192.0.2.0', weight: 1, tags: [], source: '192.0.2.0/31' };
    assert.deepEqual(JSON.parse(stdout), { count: '2', addresses: [first] });
    assert.deepEqual(
      JSON.parse((await gyre(['pool', 'expand', '--json', '--count', '192.0.2.0/31'])).stdout),
      { count: '2' },
    );
  });

  test('reads files, servers, instance metadata and commands', async () => {
    await using server = await ListServer.listen();
    await using metadata = await MetadataServer.listen();
    const file = join(folder, 'pool.txt');
    writeFileSync(file, '192.0.2.1 # ours\n\n192.0.2.2-192.0.2.3\n');
    server.serve('192.0.2.4\n');
    metadata.cards['0a:00:00:00:00:01'] = { 'local-ipv4s': '192.0.2.5', 'ipv6-prefix': '2001:db8::/127' };
    const url = server.url('/list?a=1,2', 'alice:hunter2@');
    const { code, stdout, stderr } = await gyre(
      [
        'pool',
        'expand',
        `file:${file}`,
        url,
        'aws:0a:00:00:00:00:01',
        'exec:printf "%s\\n" 192.0.2.6 192.0.2.7',
        '!192.0.2.7',
      ],
      { env: metadata.environment as Record<string, string> },
    );
    assert.deepEqual([code, stderr], [0, '']);
    const [v4, v6] = [[1, 2, 3, 4, 5].map((host) => `192.0.2.${host}`), ['2001:db8::', '2001:db8::1']];
    assert.deepEqual(stdout.trim().split('\n'), [...v4, ...v6, '192.0.2.6']);
    assert.equal(server.asked[0]?.path, '/list?a=1,2');
    assert.match(server.asked[0]?.headers.authorization ?? '', /^Basic /);
  });

  test('tells lines it skipped, and ends with 1 when a source failed', async () => {
    const file = join(folder, 'pool.txt');
    writeFileSync(file, '192.0.2.1*2;country=de\nnonsense\n');
    const skipped = await gyre(['pool', 'expand', '--json', `file:${file}`]);
    assert.equal(skipped.code, 0);
    assert.match(skipped.stderr, /^gyre: file:.*\/pool\.txt: line 2: "nonsense" is not an IP address/);
    const address = { address: '192.0.2.1', weight: 2, tags: ['country=de'], source: `file:${file}` };
    assert.deepEqual(JSON.parse(skipped.stdout), { count: '1', addresses: [address] });
    const failed = await gyre(['pool', 'expand', '192.0.2.9', 'file:/nonexistent', 'exec:false hunter2']);
    assertFails(failed, 1, /^gyre: file:\/nonexistent failed: there is no such file$/m);
    assert.match(failed.stderr, /^gyre: 2 sources of the pool failed$/m);
    assert.equal(failed.stdout, '192.0.2.9\n');
    assert.ok(!failed.stderr.includes('hunter2'));
  });

  test('--sources prints a line for each term, without what is secret in it', async () => {
    const terms = ['192.0.2.0/30', '!192.0.2.1', 'exec:echo 192.0.2.9 #hunter2', 'file:/nonexistent'];
    const { code, stdout, stderr } = await gyre(['pool', 'expand', '--sources', ...terms]);
    assert.equal(code, 1);
    assert.deepEqual(stdout.split('\n'), [
      '192.0.2.0/30       written    4 addresses',
      '!192.0.2.1         written    1 address, excluded',
      'exec:echo          exec       1 address',
      'file:/nonexistent  file       failed: there is no such file',
      '',
    ]);
    assert.match(stderr, /^gyre: 1 source of the pool failed$/m);
    const json = await gyre(['pool', 'expand', '--sources', '--json', '192.0.2.0/30', 'exec:echo 192.0.2.9']);
    const { count, sources } = JSON.parse(json.stdout) as { count: string; sources: { source: string }[] };
    assert.deepEqual([count, sources.map(({ source }) => source)], ['5', ['192.0.2.0/30', 'exec:echo']]);
  });

  test('a wrong expression is a usage error', async () => {
    assertFails(
      await gyre(['pool', 'expand', '192.0.2.300']),
      2,
      /^gyre: "192\.0\.2\.300" is not an IP address.*\n {2}hint: /,
    );
  });
});

suite('gyre hash-password', () => {
  test('reads one line, and its hash verifies', async () => {
    const { code, stdout, stderr } = await gyre(['hash-password'], { input: 'pass wörd\n' });
    assert.deepEqual([code, stderr], [0, '']);
    assert.ok(await verifyPassword('pass wörd', stdout.trim()));
    assert.ok(!(await verifyPassword('pass wörd\n', stdout.trim())));
  });

  test('works in a configuration', async () => {
    const { stdout } = await gyre(['hash-password'], { input: 's3cret' });
    const file = fileOf(`pool: 127.0.0.2\nusers:\n  - name: alice\n    passwordHash: ${stdout}`);
    assert.equal((await gyre(['check', '--config', file])).code, 0);
  });

  test('on a terminal asks twice and shows nothing of it', async () => {
    const right = await onTerminal(['hash-password'], ['s3cret\r', 's3cret\r']);
    assert.equal(right.code, 0, right.shown);
    const [, hash] = /^Password: \s*Again: \s*(\$scrypt\$\S+)\s*$/.exec(right.shown) ?? [];
    assert.ok(hash !== undefined && (await verifyPassword('s3cret', hash)), right.shown);
    const different = await onTerminal(['hash-password'], ['s3cret\r', 'secret\r']);
    assert.equal(different.code, 1);
    assert.match(different.shown, /the two passwords differ/);
    // Ctrl-C, as a terminal sends it.
    const cancelled = await onTerminal(['hash-password'], ['s3cr\x03']);
    assert.equal(cancelled.code, 1);
    assert.match(cancelled.shown, /there is no password/);
  });

  test('refuses what is no password', async () => {
    assertFails(await gyre(['hash-password'], { input: '\n' }), 2, /^gyre: the password is empty$/m);
    assertFails(await gyre(['hash-password'], { input: 'a\nb\n' }), 2, /more than one line/);
    assertFails(await gyre(['hash-password'], { input: 'ä'.repeat(128) }), 2, /longer than 255 bytes/);
    assertFails(await gyre(['hash-password'], { input: 'x'.repeat(100_000) }), 2, /longer than 255 bytes/);
    assertFails(await gyre(['hash-password', 'hunter2']), 2, /too many arguments/);
  });
});
