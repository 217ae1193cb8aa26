import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { makeCertificate } from '../../../src/cli/cert.ts';
import { StartError, type ListenerConfig } from '../../../src/listener.ts';
import type { Log } from '../../../src/ops/log.ts';
import { Certificates, type CertificateTimes } from '../../../src/runtime/certificates.ts';
import type { CertificatePems } from '../../../src/secure.ts';

const root = mkdtempSync(join(tmpdir(), 'gyre-keeper-'));
after(() => rmSync(root, { recursive: true }));

type Pair = Awaited<ReturnType<typeof makeCertificate>>;

const A = await makeCertificate({ names: ['a.test'], days: 30 });
const B = await makeCertificate({ names: ['b.test'], days: 30 });
const SOON = await makeCertificate({ names: ['soon.test'], days: 3 });

/** Looks by itself hardly ever, so that it is the watch that is tested. */
const TIMES: CertificateTimes = { settleMs: 20, patienceMs: 60, checkMs: 30_000, remindMs: 86_400_000 };

let folders = 0;
function newFolder(): string {
  const path = join(root, String(folders++));
  mkdirSync(path);
  return path;
}

function put(folder: string, { cert, key }: Pair): void {
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
}

function listener(cert: string, key: string, clientCa?: string): ListenerConfig {
  const at = { host: '127.0.0.1', port: 0 };
  return { at, tls: { cert, key, clientCa, sessionDomain: undefined }, proxyProtocol: undefined };
}

const inFolder = (folder: string): ListenerConfig =>
  listener(join(folder, 'cert.pem'), join(folder, 'key.pem'));

type Published = readonly (CertificatePems | undefined)[];
type Line = readonly [level: string, message: string, fields?: Record<string, unknown>];

/** A keeper with everything it said and published, to be waited for. */
class Kept implements Disposable {
  readonly certificates: Certificates;
  readonly published: Published[] = [];
  readonly lines: Line[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(listeners: readonly ListenerConfig[], times: Partial<CertificateTimes> = {}) {
    const write =
      (level: string) =>
      (message: string, fields?: Record<string, unknown>): void =>
        this.#note(() => this.lines.push(fields === undefined ? [level, message] : [level, message, fields]));
    const log: Log = {
      error: write('error'),
      warn: write('warn'),
      info: write('info'),
      debug: write('debug'),
    };
    const publish = (pems: Published): void => this.#note(() => this.published.push(pems));
    this.certificates = new Certificates(listeners, log, publish, { ...TIMES, ...times });
  }

  /** Loaded, and under watch. */
  static async start(
    listeners: readonly ListenerConfig[],
    times: Partial<CertificateTimes> = {},
  ): Promise<Kept> {
    const kept = new Kept(listeners, times);
    await kept.certificates.load();
    kept.certificates.start();
    return kept;
  }

  /** As soon as it is so; 10 seconds at most. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(10_000);
    while (!condition()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      deadline.addEventListener('abort', () => resolve(), { once: true });
      await promise;
      if (deadline.aborted) throw new Error(`not so after 10 s; it said ${JSON.stringify(this.lines)}`);
    }
  }

  /** Waits until the last thing it published is this certificate. */
  async shows({ cert, key }: Pair, index = 0): Promise<void> {
    await this.until(() => this.published.at(-1)?.[index]?.cert === cert);
    assert.equal(this.published.at(-1)![index]!.key, key);
  }

  #note(add: () => void): void {
    add();
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  [Symbol.dispose](): void {
    this.certificates.stop();
  }
}

suite('loading', () => {
  test('gives each listener its own, and one object to those that show the same', async () => {
    const [one, two] = [newFolder(), newFolder()];
    put(one, A);
    put(two, B);
    const plain: ListenerConfig = { ...inFolder(one), tls: undefined };
    using kept = new Kept([inFolder(one), plain, inFolder(two), inFolder(one)]);
    const pems = await kept.certificates.load();
    assert.deepEqual(
      pems.map((one) => one?.cert),
      [A.cert, undefined, B.cert, A.cert],
    );
    assert.equal(pems[0], pems[3]);
    assert.deepEqual(structuredClone(pems), pems);
    assert.deepEqual(kept.lines, []);
  });

  test('fails with the file at fault', async () => {
    const folder = newFolder();
    put(folder, { cert: A.cert, key: B.key });
    using kept = new Kept([inFolder(folder)]);
    await assert.rejects(kept.certificates.load(), (error) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, /^the key .*key\.pem does not belong to the certificate .*cert\.pem$/);
      return true;
    });
  });

  test('warns of an end that is near', async () => {
    const folder = newFolder();
    put(folder, SOON);
    using kept = new Kept([inFolder(folder)]);
    await kept.certificates.load();
    assert.equal(kept.lines.length, 1);
    const [level, message] = kept.lines[0]!;
    assert.equal(level, 'warn');
    assert.match(message, /^the certificate .*cert\.pem expires in [23] days, on /);
  });

  test('needs nothing where no listener has TLS', async () => {
    using kept = await Kept.start([{ ...inFolder('/nonexistent'), tls: undefined }]);
    assert.deepEqual(await kept.certificates.load(), [undefined]);
  });
});

suite('files that change', () => {
  test('written anew in place', async () => {
    const folder = newFolder();
    put(folder, A);
    using kept = await Kept.start([inFolder(folder)]);
    put(folder, B);
    await kept.shows(B);
    const [level, message, fields] = kept.lines.at(-1)!;
    assert.deepEqual([level, message], ['info', 'a certificate has been replaced']);
    assert.equal(fields?.['names'], 'b.test');
    assert.match(String(fields?.['expires']), /^\d{4}-\d\d-\d\dT/);
    put(folder, A);
    await kept.shows(A);
  });

  test('moved over by others, with a moment in which the two do not fit', async () => {
    const folder = newFolder();
    put(folder, A);
    using kept = await Kept.start([inFolder(folder)], { patienceMs: 60_000 });
    const beside = newFolder();
    put(beside, B);
    renameSync(join(beside, 'key.pem'), join(folder, 'key.pem'));
    renameSync(join(beside, 'cert.pem'), join(folder, 'cert.pem'));
    await kept.shows(B);
    assert.ok(kept.lines.every(([level]) => level === 'info'));
  });

  test('links of the files switched over, as certbot does', async () => {
    const [live, archive] = [newFolder(), newFolder()];
    for (const [number, pair] of [A, B].entries()) {
      writeFileSync(join(archive, `cert${number}.pem`), pair.cert);
      writeFileSync(join(archive, `key${number}.pem`), pair.key, { mode: 0o600 });
    }
    const link = (number: number): void => {
      for (const name of ['cert', 'key'])
        symlinkSync(join(archive, `${name}${number}.pem`), join(live, `${name}.pem`));
    };
    link(0);
    using kept = await Kept.start([inFolder(live)], { patienceMs: 60_000 });
    for (const name of ['cert.pem', 'key.pem']) unlinkSync(join(live, name));
    link(1);
    await kept.shows(B);
  });

  test('a link of the folder switched over, as Kubernetes does', async () => {
    const folder = newFolder();
    const version = (name: string, pair: Pair): void => {
      mkdirSync(join(folder, name));
      put(join(folder, name), pair);
    };
    version('..1', A);
    symlinkSync('..1', join(folder, '..data'));
    for (const name of ['cert.pem', 'key.pem']) symlinkSync(join('..data', name), join(folder, name));
    using kept = await Kept.start([inFolder(folder)]);
    version('..2', B);
    symlinkSync('..2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    rmSync(join(folder, '..1'), { recursive: true });
    await kept.shows(B);
  });

  test('without a sign from the file system, within an interval', async () => {
    const folder = newFolder();
    const [real, other] = [join(folder, '1'), join(folder, '2')];
    for (const [path, pair] of [
      [real, A],
      [other, B],
    ] as const) {
      mkdirSync(path);
      put(path, pair);
    }
    const link = join(folder, 'current');
    symlinkSync(real, link);
    using kept = await Kept.start([inFolder(link)], { checkMs: 50 });
    // The watch stands in the folder the link led to.
    symlinkSync(other, `${link}.new`);
    renameSync(`${link}.new`, link);
    await kept.shows(B);
  });

  test('between loading and watching', async () => {
    const folder = newFolder();
    put(folder, A);
    using kept = new Kept([inFolder(folder)]);
    await kept.certificates.load();
    put(folder, B);
    kept.certificates.start();
    await kept.shows(B);
  });

  test('the authorities of clients', async () => {
    const folder = newFolder();
    put(folder, A);
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, A.cert);
    using kept = await Kept.start([listener(join(folder, 'cert.pem'), join(folder, 'key.pem'), ca)]);
    writeFileSync(ca, B.cert);
    await kept.until(() => kept.published.at(-1)?.[0]?.clientCa === B.cert);
    assert.equal(kept.published.at(-1)![0]!.cert, A.cert);
  });

  test('of one listener leave the others as they are', async () => {
    const [one, two] = [newFolder(), newFolder()];
    put(one, A);
    put(two, A);
    using kept = await Kept.start([inFolder(one), { ...inFolder(one), tls: undefined }, inFolder(two)]);
    put(two, B);
    await kept.shows(B, 2);
    assert.deepEqual(
      kept.published.at(-1)!.map((pems) => pems?.cert),
      [A.cert, undefined, B.cert],
    );
  });
});

suite('files that cannot be used', () => {
  const WARNING = 'a changed certificate cannot be used: the one before stays in use';
  const warnings = ({ lines }: Kept): Line[] => lines.filter(([level]) => level === 'warn');

  test('are told once, and the pair before stays; good ones are taken up again', async () => {
    const folder = newFolder();
    put(folder, A);
    // It looks every 20 ms: what it says once, it would soon say twice.
    using kept = await Kept.start([inFolder(folder)], { checkMs: 20 });
    writeFileSync(join(folder, 'key.pem'), B.key);
    await kept.until(() => warnings(kept).length > 0);
    const [, message, fields] = warnings(kept)[0]!;
    assert.equal(message, WARNING);
    assert.match(String(fields?.['error']), /the key .* does not belong to the certificate/);
    writeFileSync(join(folder, 'cert.pem'), B.cert.slice(0, 100));
    await kept.until(() => warnings(kept).length > 1);
    assert.match(String(warnings(kept)[1]![2]?.['error']), /is damaged/);
    assert.deepEqual(kept.published, []);
    writeFileSync(join(folder, 'cert.pem'), B.cert);
    await kept.shows(B);
    assert.equal(warnings(kept).length, 2);
    unlinkSync(join(folder, 'cert.pem'));
    await kept.until(() => warnings(kept).length > 2);
    assert.match(String(warnings(kept)[2]![2]?.['error']), /there is no file .*cert\.pem/);
  });

  test('a pair that is whole again before patience ends is not worth a word', async () => {
    const folder = newFolder();
    put(folder, A);
    using kept = await Kept.start([inFolder(folder)], { patienceMs: 60_000, checkMs: 20 });
    writeFileSync(join(folder, 'cert.pem'), B.cert.slice(0, 100));
    writeFileSync(join(folder, 'cert.pem'), B.cert);
    writeFileSync(join(folder, 'key.pem'), B.key);
    await kept.shows(B);
    assert.deepEqual(warnings(kept), []);
  });

  test('after its end nothing is watched or told any more', async () => {
    const folder = newFolder();
    put(folder, A);
    const kept = await Kept.start([inFolder(folder)]);
    kept.certificates.stop();
    put(folder, B);
    // Another keeper of the same files sees the change; by then the first would have.
    using other = await Kept.start([inFolder(folder)]);
    put(folder, A);
    await other.shows(A);
    assert.deepEqual([kept.published, kept.lines], [[], []]);
  });
});

test('an end that is near is told again and again', async () => {
  const folder = newFolder();
  put(folder, SOON);
  using kept = await Kept.start([inFolder(folder)], { checkMs: 10, remindMs: 20 });
  await kept.until(() => kept.lines.length >= 3);
  for (const [level, message] of kept.lines) {
    assert.equal(level, 'warn');
    assert.match(message, /expires in [23] days/);
  }
});
