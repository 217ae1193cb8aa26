/** L7: a file that cannot be used, of whatever kind, changes nothing, and is told. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { GyreOptions } from '../../src/runtime/config.ts';
import { closedPort, Target } from '../support/peer.ts';
import { configText, connectBy, passes, Served } from '../support/served.ts';

const echoing = (): Promise<Target> => Target.listen((socket) => socket.pipe(socket));
const FINE = { pool: '127.0.0.70' };

/** Every kind of broken file, and what is said of it. */
const BROKEN: Readonly<Record<string, readonly [text: string, said: RegExp]>> = {
  'invalid YAML': ['pool: [127.0.0.2\nlisten: {', /./],
  'invalid JSON': ['{"pool": "127.0.0.2",', /./],
  'an unknown key': [configText({ ...FINE, ...({ pol: 1 } as object) }), /unknown key "pol"/],
  truncated: [configText(FINE).slice(0, -20), /./],
  empty: ['', /empty/],
  'only comments': ['# nothing\n', /empty/],
  'a wrong type': [configText({ ...FINE, workers: 'many' as unknown as number }), /whole number/],
  'a list': ['- 1\n- 2\n', /expected options/],
  'more than 1 MB': [`${configText(FINE)}\n# ${'x'.repeat(1 << 20)}`, /larger than 1 MiB/],
  'not UTF-8': ['pool: "\u0000"', /./],
  'an impossible pool': [configText({ pool: '127.0.0.5-127.0.0.2' }), /./],
  'a public listener without users': [configText({ ...FINE, listen: '0.0.0.0:0' }), /./],
};

/** Configurations that are right in themselves, and cannot be put in place. */
const IMPOSSIBLE = (taken: number): Readonly<Record<string, readonly [Partial<GyreOptions>, RegExp]>> => ({
  'a port that another program has': [
    { ...FINE, listen: ['127.0.0.1:0', `127.0.0.1:${taken}`] },
    /another program/,
  ],
  'a listener that is no address of this host': [
    { ...FINE, listen: ['127.0.0.1:0', '203.0.113.7:1080'], users: [{ name: 'a', password: 'b' }] },
    /not an address of this host/,
  ],
  'an echo listener on a port that is taken': [{ ...FINE, echo: `127.0.0.1:${taken}` }, /another program/],
  'a users file that is not there': [{ ...FINE, usersFile: '/nonexistent/users' }, /no users file/],
  'a certificate that is not there': [
    {
      ...FINE,
      listen: [
        '127.0.0.1:0',
        { address: 'tls://127.0.0.1:0', cert: '/nonexistent/c', key: '/nonexistent/k' },
      ],
    },
    /no file \/nonexistent\/c/,
  ],
  'an empty pool': [{ pool: 'file:/nonexistent/pool' }, /the pool is empty/],
  'an empty pool by name': [{ ...FINE, pools: { de: 'file:/nonexistent/pool' } }, /the pool de is empty/],
  'an interface that is not there': [{ pool: 'interface:nonexistent0' }, /nonexistent0/],
  'an access log that cannot be opened': [
    { ...FINE, log: { level: 'info', format: 'json', access: '/nonexistent/access.log' } },
    /access\.log/,
  ],
});

suite('L7: a reload of a broken file changes nothing and is told', () => {
  test('whatever is wrong with the file', async () => {
    await using target = await echoing();
    await using served = await Served.start({ pool: '127.0.0.60', listen: ['127.0.0.1:0', '127.0.0.1:0'] });
    const [port, second] = served.ports;
    const { client: tunnel } = await connectBy(port!, target.port);
    const assertUnchanged = async (kind: string): Promise<void> => {
      for (const where of [port!, second!]) {
        const { client, rep, egress } = await connectBy(where, target.port);
        assert.deepEqual([rep, egress], [0, '127.0.0.60'], kind);
        client.end();
      }
      assert.ok(await passes(tunnel), kind);
    };
    for (const [kind, [text, said]] of Object.entries(BROKEN)) {
      const { level, problems } = await served.reload(text);
      assert.equal(level, 'error', kind);
      for (const problem of problems as string[]) assert.match(problem, /gyre\.yaml/, kind);
      assert.match(String(problems), said, kind);
      await assertUnchanged(kind);
    }
    for (const [kind, spoil] of [
      ['not readable', (): void => chmodSync(served.file, 0)],
      ['gone', (): void => rmSync(served.file)],
      ['a folder', (): void => mkdirSync(served.file)],
    ] as const) {
      // Root may read everything.
      if (kind === 'not readable' && process.getuid?.() === 0) continue;
      const line = await served.verdict(() => {
        spoil();
        served.child.kill('SIGHUP');
      });
      assert.equal(line['level'], 'error', kind);
      await assertUnchanged(kind);
    }
    rmSync(served.file, { recursive: true });
    assert.deepEqual(await served.change({ pool: '127.0.0.61', listen: ['127.0.0.1:0', '127.0.0.1:0'] }), [
      'pool',
    ]);
  });

  test('whatever cannot be had of what it names', async () => {
    await using target = await echoing();
    await using other = await echoing();
    const taken = other.port;
    await using served = await Served.start({ pool: '127.0.0.60' });
    const [port] = served.ports;
    // What watches files is made once, and stays.
    await served.change({ pool: '127.0.0.60', watch: true });
    await served.change({ pool: '127.0.0.60' });
    const descriptors = served.descriptors();
    for (const [kind, [options, said]] of Object.entries(IMPOSSIBLE(taken))) {
      const { level, problems } = await served.reload(configText(options));
      assert.equal(level, 'error', kind);
      assert.match(String(problems), said, kind);
      const { client, rep, egress } = await connectBy(port!, target.port);
      assert.deepEqual([rep, egress], [0, '127.0.0.60'], kind);
      client.end();
    }
    // Nothing of what was opened on the way is left.
    await served.settled(descriptors);
    assert.deepEqual(await served.change(FINE), ['pool']);
  });

  test('no password of a broken file is shown', async () => {
    await using served = await Served.start();
    const users = [
      { name: 'alice', password: 's3cr3t-one', passwordHash: 's3cr3t-two' },
    ] as unknown as GyreOptions['users'];
    await served.reload(configText({ users, pool: 'https://u:s3cr3t-three@pool.example/?t=s3cr3t-four,,' }));
    assert.doesNotMatch(JSON.stringify(served.lines) + served.rest, /s3cr3t/);
  });
});

suite('watch', () => {
  const WATCHED = { watch: true, pool: '127.0.0.60' };

  test('a file that replaces the one before, and one that is written in place', async () => {
    await using target = await echoing();
    await using served = await Served.start(WATCHED);
    const line = await served.verdict(() => served.write(configText({ ...WATCHED, pool: '127.0.0.61' })));
    assert.deepEqual([line['trigger'], line['changed']], ['file', ['pool']]);
    assert.equal((await connectBy(served.ports[0]!, target.port)).egress, '127.0.0.61');
    const again = await served.verdict(() =>
      writeFileSync(served.file, configText({ ...WATCHED, pool: '127.0.0.62' })),
    );
    assert.deepEqual(again['changed'], ['pool']);
  });

  test('a link that is switched over, as Kubernetes does', async () => {
    await using served = await Served.start(WATCHED);
    const revision = (name: string, pool: string): void => {
      mkdirSync(join(served.folder, name));
      writeFileSync(join(served.folder, name, 'gyre.yaml'), configText({ ...WATCHED, pool }));
      symlinkSync(name, join(served.folder, '..data.new'));
      renameSync(join(served.folder, '..data.new'), join(served.folder, '..data'));
    };
    await served.verdict(() => {
      revision('one', '127.0.0.63');
      symlinkSync('..data/gyre.yaml', join(served.folder, 'link'));
      renameSync(join(served.folder, 'link'), served.file);
    });
    const line = await served.verdict(() => revision('two', '127.0.0.64'));
    assert.deepEqual(line['changed'], ['pool']);
  });

  test('a half-written file is told once, and the whole one is taken', async () => {
    await using served = await Served.start(WATCHED);
    const text = configText({ ...WATCHED, pool: '127.0.0.65' });
    const broken = await served.verdict(() => writeFileSync(served.file, text.slice(0, -10)));
    assert.deepEqual([broken['level'], broken['trigger']], ['error', 'file']);
    const line = await served.verdict(() => writeFileSync(served.file, text));
    assert.deepEqual(line['changed'], ['pool']);
    const told = served.lines.filter((line) => line['level'] === 'error');
    assert.equal(told.length, 1);
  });

  test('is begun and ended by a reload', async () => {
    await using served = await Served.start({ pool: '127.0.0.60' });
    assert.deepEqual(await served.change(WATCHED), ['watch']);
    await served.verdict(() => served.write(configText({ pool: '127.0.0.66', watch: false })));
    // Nobody looks any more: this is taken with the signal, not before.
    served.write(configText({ pool: '127.0.0.67' }));
    const line = await served.reload();
    assert.deepEqual([line['trigger'], line['changed']], ['signal', ['pool']]);
  });
});

test('many signals at once: what is in the file at last counts', async () => {
  await using served = await Served.start();
  const port = await closedPort();
  const listen = ['127.0.0.1:0', `127.0.0.1:${port}`];
  served.write(configText({ listen }));
  for (let i = 0; i < 20; i++) served.child.kill('SIGHUP');
  const opened = (): boolean => served.lines.some(({ changed }) => String(changed) === 'listen[1]');
  await served.until('the listener is there', opened);
  await using target = await echoing();
  assert.equal((await connectBy(port, target.port)).rep, 0);
});
