import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtempDisposable,
  open,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { StartError } from '../../../src/listener.ts';
import type { Log } from '../../../src/ops/log.ts';
import { UsersFile, type UsersFileTimes } from '../../../src/runtime/users-file.ts';
import { runProgram } from '../../support/program.ts';

/** Only the watch can bring a look: the next one comes by itself in an hour. */
const FAST: UsersFileTimes = { settleMs: 20, patienceMs: 40, checkMs: 3_600_000, retryMs: 20 };

const HASH = '$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e';
const OTHER = HASH.replace('2y', '2b');
const users = (...names: string[]): string => names.map((name) => `${name}:${HASH}\n`).join('');

async function place(context: TestContext): Promise<(name: string) => string> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'gyre-users-'));
  context.after(() => folder.remove());
  return (name) => join(folder.path, name);
}

/** What editors and deployments do: another file takes the name. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

/** A users file, and all that was heard of it. */
class Watched {
  readonly file: UsersFile;
  /** The names, each time they changed. */
  readonly published: string[] = [];
  /** `LEVEL MESSAGE FIELDS`. */
  readonly lines: string[] = [];
  /** What publishing throws. */
  mistake: Error | undefined = undefined;
  readonly #news = new EventEmitter();

  constructor(path: string, context: TestContext, times: UsersFileTimes = FAST) {
    const at =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
        const { error, ...rest } = fields;
        const reason = error instanceof Error ? error.message : '';
        this.lines.push(`${level} ${message} ${reason}${JSON.stringify(rest)}`);
        this.#news.emit('news');
      };
    const log: Log = { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
    this.file = new UsersFile(
      path,
      log,
      (accounts) => {
        if (this.mistake !== undefined) throw this.mistake;
        this.published.push(accounts.map(({ name }) => name).join(' '));
        this.#news.emit('news');
      },
      times,
    );
    context.after(() => this.file.stop());
  }

  async start(): Promise<string[]> {
    const accounts = await this.file.load();
    this.file.start();
    return accounts.map(({ name }) => name);
  }

  async becomes(...names: string[]): Promise<void> {
    while (this.published.at(-1) !== names.join(' ')) await this.#next(`users ${names.join(' ')}`);
  }

  async says(what: RegExp): Promise<void> {
    while (!this.lines.some((line) => what.test(line))) await this.#next(String(what));
    assert.equal(this.lines.filter((line) => what.test(line)).length, 1, 'once');
  }

  async #next(what: string): Promise<void> {
    await once(this.#news, 'news', { signal: AbortSignal.timeout(10_000) }).catch(() => {
      throw new Error(`waited for ${what}, got ${JSON.stringify([this.published, this.lines])}`);
    });
  }
}

const refused = (path: string, context: TestContext): Promise<StartError> =>
  new Watched(path, context).file.load().then(
    () => assert.fail('it was taken'),
    (error: unknown) => {
      assert.ok(error instanceof StartError);
      return error;
    },
  );

suite('a users file', () => {
  test('is followed through replacement, writing in place, and links', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), users('ann'));
    const watched = new Watched(at('users'), context);
    assert.deepEqual(await watched.start(), ['ann']);
    await replace(at('users'), users('ann', 'bob'));
    await watched.becomes('ann', 'bob');
    await watched.says(/info the users file has been read again .*"users":2,"added":1,"removed":0/);
    await writeFile(at('users'), users('cid'));
    await watched.becomes('cid');
    await watched.says(/"users":1,"added":1,"removed":2/);
    await appendFile(at('users'), users('dot'));
    await watched.becomes('cid', 'dot');
    // As Kubernetes mounts a secret: the name stays, a link on its way is switched over.
    await mkdir(at('one'));
    await mkdir(at('two'));
    await writeFile(at('one/users'), users('eve'));
    await writeFile(at('two/users'), users('fay'));
    await symlink('one', at('data'));
    await symlink('data/users', at('link'));
    await rename(at('link'), at('users'));
    await watched.becomes('eve');
    await symlink('two', at('data.new'));
    await rename(at('data.new'), at('data'));
    await watched.becomes('fay');
    assert.ok(watched.lines.every((line) => line.startsWith('info')));
  });

  test('is followed when only a hash changes, and not when nothing does', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), users('ann'));
    const watched = new Watched(at('users'), context);
    await watched.start();
    await replace(at('users'), `# the same\n${users('ann')}`);
    await replace(at('users'), `ann:${OTHER}\n`);
    await watched.becomes('ann');
    assert.deepEqual(watched.published, ['ann']);
  });

  test('that is broken leaves the users as they are, and says once where and why', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), users('ann'));
    const watched = new Watched(at('users'), context);
    await watched.start();
    const broken = `${users('ann', 'bob')}\ncid:{SHA}hvfkN/qlp/zhXR3cuerq6jd2Z7g=\ndot:hunter2\n`;
    await replace(at('users'), broken);
    await watched.says(
      /^warn the changed users file cannot be used: the users before stay .*users:4: user "cid" has a SHA-1 hash.*; and line 5\{"hint":".*htpasswd -B/,
    );
    // The same once more is no news.
    await replace(at('users'), broken);
    await replace(at('users'), `${broken}eve:x\n`);
    await watched.says(/; and lines 5, 6/);
    assert.equal(watched.lines.length, 2);
    assert.deepEqual(watched.published, []);
    await replace(at('users'), users('ann'));
    await watched.says(/info the users file is as it was before/);
    await replace(at('users'), users('bob'));
    await watched.becomes('bob');
    assert.ok(!JSON.stringify(watched.lines).includes('hunter2'));
  });

  test('that is half-written is waited for', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), users('ann'));
    const watched = new Watched(at('users'), context, { ...FAST, patienceMs: 3_600_000 });
    await watched.start();
    // When somebody with less patience tells of it, it has been looked at more than once.
    const hasty = new Watched(at('users'), context, { ...FAST, patienceMs: 100 });
    await hasty.start();
    const file = await open(at('users'), 'w');
    await hasty.becomes('');
    await file.write(users('ann', 'bob').slice(0, -30));
    await hasty.says(/bcrypt hash that is cut off/);
    assert.deepEqual([watched.published, watched.lines], [[], []]);
    await file.write(users('ann', 'bob').slice(-30));
    await file.close();
    await watched.becomes('ann', 'bob');
    assert.equal(watched.lines.length, 1, 'nothing of it was told');
  });

  test('may lose its last user, which is told; and it may be gone, which changes nothing', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), users('ann'));
    const watched = new Watched(at('users'), context);
    await watched.start();
    await rm(at('users'));
    await watched.says(/warn the changed users file cannot be used.*there is no users file .*users/);
    assert.deepEqual(watched.published, []);
    await writeFile(at('users'), users('ann'));
    await watched.says(/as it was before/);
    await truncate(at('users'), 0);
    await watched.becomes('');
    await watched.says(/warn no users are left in .*users: none can log in/);
    await writeFile(at('users'), users('bob'));
    await watched.becomes('bob');
  });

  test('is followed when its whole folder is replaced', async (context) => {
    const at = await place(context);
    await mkdir(at('folder'));
    await writeFile(at('folder/users'), users('ann'));
    const watched = new Watched(at('folder/users'), context);
    await watched.start();
    await rename(at('folder'), at('old'));
    await watched.says(/there is no users file/);
    await mkdir(at('folder'));
    await writeFile(at('folder/users'), users('bob'));
    await watched.becomes('bob');
    await replace(at('folder/users'), users('cid'));
    await watched.becomes('cid');
  });

  test('is looked at from time to time even where no change is heard of', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), users('ann'));
    const watched = new Watched(at('users'), context, { ...FAST, checkMs: 100 });
    await watched.start();
    await writeFile(at('users'), users('bob'));
    await watched.becomes('bob');
    // A date to come is no reason to wait for it.
    const future = new Date(Date.now() + 3_600_000);
    await writeFile(at('users'), users('cid'));
    await utimes(at('users'), future, future);
    await watched.becomes('cid');
  });

  test('whose users cannot be taken is broken as well', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), users('ann'));
    const watched = new Watched(at('users'), context);
    await watched.start();
    watched.mistake = new TypeError('user "bob" is there twice: remove one of them');
    await replace(at('users'), users('bob'));
    await watched.says(/the users before stay user "bob" is there twice/);
    watched.mistake = undefined;
    await replace(at('users'), users('cid'));
    await watched.becomes('cid');
    await watched.says(/"added":1,"removed":1/);
  });

  test('says nothing more once it is stopped', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), users('ann'));
    const watched = new Watched(at('users'), context);
    await watched.start();
    watched.file.stop();
    await replace(at('users'), users('bob'));
    const other = new Watched(at('users'), context);
    await other.start();
    await replace(at('users'), users('cid'));
    await other.becomes('cid');
    assert.deepEqual([watched.published, watched.lines], [[], []]);
  });

  test('that is broken from the start is refused with file, line and hint', async (context) => {
    const at = await place(context);
    const path = at('users');
    const cases: readonly (readonly [content: string | Buffer, message: string, hint: RegExp])[] = [
      [`${users('ann')}bob:abxxB7HlIeckU\n`, `${path}:2: user "bob" has a DES hash`, /htpasswd -B FILE NAME/],
      [users('ann', 'ann'), `${path}:2: user "ann" is there already, in line 1`, /remove one/],
      [Buffer.of(0x61, 0xff, 0x3a), `${path}:1: the line is not UTF-8`, /UTF-8/],
      ['x\n'.repeat(3), `${path}:1: the line has no colon; and lines 2, 3`, /a name, a colon, and a hash/],
    ]; // prettier-ignore
    for (const [content, message, hint] of cases) {
      await writeFile(path, content);
      const error = await refused(path, context);
      assert.ok(error.message.startsWith(message), error.message);
      assert.match(error.hint ?? '', hint);
    }
    assert.match((await refused(at('none'), context)).message, /^there is no users file .*none$/);
    assert.match((await refused(at('none/below'), context)).message, /^there is no users file/);
    await mkdir(at('folder'));
    assert.match((await refused(at('folder'), context)).message, /is not a regular file/);
    await runProgram('mkfifo', [at('pipe')]);
    assert.match((await refused(at('pipe'), context)).message, /is not a regular file/);
    await truncate(path, 17 * 1024 * 1024);
    assert.match((await refused(path, context)).message, /is larger than 16 MiB/);
    await chmod(path, 0);
    // Root may read everything.
    if (process.getuid?.() !== 0) assert.match((await refused(path, context)).message, /may not be read/);
  });

  test('without users is taken from the start, and told', async (context) => {
    const at = await place(context);
    await writeFile(at('users'), '# to come\n');
    const watched = new Watched(at('users'), context);
    assert.deepEqual(await watched.start(), []);
    await watched.says(/warn there are no users in .*users: none can log in/);
    await writeFile(at('users'), users('ann'));
    await watched.becomes('ann');
  });
});
