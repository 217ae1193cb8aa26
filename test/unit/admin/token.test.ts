import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, beforeEach, suite, test } from 'node:test';
import { forgetToken, isToken, obtainToken, readToken, tokenFileOf } from '../../../src/admin/token.ts';
import { StartError } from '../../../src/listener.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-token-'));
after(() => rmSync(folder, { recursive: true }));

const AT = { host: '127.0.0.1', port: 1082 };
const before = process.env['XDG_RUNTIME_DIR'];
let runtime = '';
let count = 0;

beforeEach(() => {
  runtime = join(folder, `run-${count++}`);
  mkdirSync(runtime, { mode: 0o700 });
  process.env['XDG_RUNTIME_DIR'] = runtime;
});
afterEach(() => {
  if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
  else process.env['XDG_RUNTIME_DIR'] = before;
});

suite('the place of the token', () => {
  test('is a file of its own for each listener', () => {
    const places = [
      AT,
      { host: '127.0.0.1', port: 1083 },
      { host: '::1', port: 1082 },
      { path: '/run/a.sock' },
      { path: '/run/b.sock' },
    ].map((at) => tokenFileOf(at));
    assert.equal(new Set(places).size, places.length);
    for (const place of places) assert.equal(dirname(place), join(runtime, 'gyre'));
  });

  test('is the folder for temporary files where there is no folder of the user alone', () => {
    const shared = join(folder, 'shared');
    mkdirSync(shared, { recursive: true });
    chmodSync(shared, 0o777);
    for (const dir of [undefined, '', 'relative', join(folder, 'none'), shared]) {
      assert.equal(
        dirname(tokenFileOf(AT, { XDG_RUNTIME_DIR: dir })),
        join(tmpdir(), `gyre-${process.getuid!()}`),
      );
    }
  });
});

suite('obtainToken', () => {
  test('makes one that only its owner can read, and keeps it', () => {
    const token = obtainToken({}, AT);
    assert.ok(isToken(token) && token.length >= 43, token);
    const file = tokenFileOf(AT);
    assert.equal(readFileSync(file, 'utf8').trim(), token);
    assert.equal(lstatSync(file).mode & 0o777, 0o600);
    assert.equal(lstatSync(dirname(file)).mode & 0o777, 0o700);
    assert.equal(obtainToken({}, AT), token);
    assert.notEqual(obtainToken({}, { host: '127.0.0.1', port: 1 }), token);
    assert.deepEqual(
      readdirSync(dirname(file)).filter((name) => name.endsWith('.new')),
      [],
    );
    forgetToken(AT);
    assert.ok(!existsSync(file));
  });

  test('makes another one when what is there is not as it left it', () => {
    const token = obtainToken({}, AT);
    const file = tokenFileOf(AT);
    const spoil: readonly (() => void)[] = [
      () => chmodSync(file, 0o644),
      () => writeFileSync(file, 'short'),
      () => writeFileSync(file, ''),
      () => {
        writeFileSync(join(folder, 'elsewhere'), `${token}\n`, { mode: 0o600 });
        rmSync(file);
        symlinkSync(join(folder, 'elsewhere'), file);
      },
    ];
    const seen = [token];
    for (const act of spoil) {
      act();
      const next = obtainToken({}, AT);
      assert.ok(!seen.includes(next));
      assert.ok(lstatSync(file).isFile());
      assert.equal(lstatSync(file).mode & 0o777, 0o600);
      seen.push(next);
    }
  });

  test('trusts no folder that others can write to, nor a link to one', () => {
    const refused = (): void => {
      assert.throws(
        () => obtainToken({}, AT),
        (error: Error) => error instanceof StartError && /not a folder of ours alone/.test(error.message),
      );
    };
    mkdirSync(join(runtime, 'gyre'));
    chmodSync(join(runtime, 'gyre'), 0o777);
    refused();
    rmSync(join(runtime, 'gyre'), { recursive: true });
    mkdirSync(join(folder, 'target'), { mode: 0o700, recursive: true });
    symlinkSync(join(folder, 'target'), join(runtime, 'gyre'));
    refused();
    assert.deepEqual(readdirSync(join(folder, 'target')), []);
  });

  test('takes that of the configuration, and makes no file then', () => {
    assert.equal(obtainToken({ token: 'a-token-as-written' }, AT), 'a-token-as-written');
    assert.ok(!existsSync(join(runtime, 'gyre')));
  });

  test('reads that of a file, or makes the file', () => {
    const tokenFile = join(folder, 'token');
    const token = obtainToken({ tokenFile }, AT);
    assert.equal(obtainToken({ tokenFile }, AT), token);
    assert.equal(lstatSync(tokenFile).mode & 0o777, 0o600);
    writeFileSync(tokenFile, 'mine-and-long-enough\n');
    assert.equal(readToken(tokenFile), 'mine-and-long-enough');
    assert.equal(readToken(join(folder, 'no-such')), undefined);
  });

  test('says what is wrong with a file, and never what is in it', () => {
    const tokenFile = join(folder, 'bad-token');
    const fails = (expected: RegExp): void => {
      assert.throws(
        () => obtainToken({ tokenFile }, AT),
        (error: Error) => {
          assert.ok(error instanceof StartError);
          assert.match(error.message, expected);
          assert.ok(!`${error.message} ${error.hint}`.includes('s3cret'));
          return true;
        },
      );
    };
    writeFileSync(tokenFile, 's3cret\n', { mode: 0o600 });
    fails(/holds no token/);
    writeFileSync(tokenFile, 's3cret-and-long enough\n');
    fails(/holds no token/);
    writeFileSync(tokenFile, 's3cret-and-long-enough\n');
    chmodSync(tokenFile, 0o604);
    fails(/everyone on this host can read/);
    rmSync(tokenFile);
    mkdirSync(tokenFile);
    fails(/cannot be kept in/);
  });
});
