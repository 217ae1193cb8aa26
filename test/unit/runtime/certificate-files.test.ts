import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { makeCertificate } from '../../../src/cli/cert.ts';
import { StartError } from '../../../src/listener.ts';
import {
  certificateFiles,
  expiryRemark,
  filesKey,
  readCertificate,
  remarks,
  type Certificate,
} from '../../../src/runtime/certificate-files.ts';
import { defineConfig } from '../../../src/runtime/config.ts';
import { runProgram } from '../../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-certificates-'));
after(() => rmSync(folder, { recursive: true }));

const A = await makeCertificate({ names: ['a.test', '192.0.2.1', '*.a.test', '::1'], days: 30 });
const B = await makeCertificate({ names: ['b.test'], days: 30 });

let files = 0;

function fileOf(text: string | Buffer, mode = 0o600): string {
  const path = join(folder, `${files++}.pem`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

async function openssl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram('openssl', args);
  assert.equal(code, 0, stderr);
  return stdout;
}

function read(cert: string, key: string, clientCa?: string): Promise<Certificate> {
  return readCertificate({ cert, key, clientCa, sessionDomain: undefined });
}

async function refusal(cert: string, key: string, clientCa?: string): Promise<StartError> {
  const outcome = await read(cert, key, clientCa).catch((error: unknown) => error);
  assert.ok(outcome instanceof StartError, String(outcome));
  assert.doesNotMatch(outcome.message, /error:|undefined/);
  return outcome;
}

suite('a certificate and its key', () => {
  test('come as they are, with what people should know', async () => {
    const [cert, key] = [fileOf(A.cert), fileOf(A.key)];
    const certificate = await read(cert, key);
    assert.deepEqual(certificate.pems, { cert: A.cert, key: A.key, clientCa: undefined });
    assert.equal(certificate.names, 'a.test, 192.0.2.1, *.a.test, ::1');
    assert.equal(certificate.until.getTime(), new X509Certificate(A.cert).validToDate.getTime());
    assert.deepEqual(remarks(certificate, Date.now()), []);
    assert.equal((await read(cert, key, fileOf(B.cert))).pems.clientCa, B.cert);
  });

  test('may lie in one file, with text around them, and with the rest of the chain', async () => {
    const all = fileOf(`# ours\n${A.cert}# theirs\n${B.cert}\n${A.key}`);
    assert.equal((await read(all, all)).names, 'a.test, 192.0.2.1, *.a.test, ::1');
  });

  test('a key in the form of the last century is one', async () => {
    const sec1 = await openssl('ec', '-in', fileOf(A.key));
    assert.match(sec1, /^-----BEGIN EC PRIVATE KEY-----$/m);
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    for (const key of [sec1, parameters + sec1]) assert.ok((await read(fileOf(A.cert), fileOf(key))).until);
  });
});

suite('what cannot be used is refused with its file', () => {
  const key = fileOf(A.key);
  const cert = fileOf(A.cert);

  test('one that is not there', async () => {
    const { message, hint } = await refusal('/nonexistent/cert.pem', key);
    assert.equal(message, 'there is no file /nonexistent/cert.pem with the certificate');
    assert.match(hint!, /gyre cert$/);
    assert.match((await refusal(cert, '/dev/null/key.pem')).message, /^there is no file .* with the key$/);
  });

  test('a folder, a pipe, something without an end', async () => {
    mkdirSync(join(folder, 'tls'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    for (const path of [join(folder, 'tls'), join(folder, 'pipe'), '/dev/zero'])
      assert.equal((await refusal(path, key)).message, `the certificate ${path} is not a regular file`);
    const large = fileOf(A.key + '\n'.repeat(1 << 20));
    assert.equal((await refusal(cert, large)).message, `the key ${large} is larger than 1 MiB`);
  });

  test('the two mixed up', async () => {
    const { message, hint } = await refusal(key, cert);
    assert.equal(message, `${key} holds no certificate in PEM form`);
    assert.equal(hint, 'it holds a key: are the two mixed up?');
    assert.equal((await refusal(cert, cert)).hint, 'it holds a certificate: are the two mixed up?');
  });

  test('DER, or anything else', async () => {
    const der = fileOf(new X509Certificate(A.cert).raw);
    assert.match((await refusal(der, key)).hint!, /looks like DER: .*openssl x509 -inform der -in .*\.pem/);
    const other = await refusal(cert, fileOf('hunter2\n'));
    assert.match(other.message, /holds no key in PEM form$/);
    assert.match(other.hint!, /-----BEGIN PRIVATE KEY-----$/);
    assert.ok(!`${other.message}${other.hint}`.includes('hunter2'));
    assert.match((await refusal(cert, key, fileOf(''))).message, /holds no certificate in PEM form$/);
  });

  test('a half of one, at any byte', async () => {
    const chain = `${A.cert}${B.cert}`;
    const lines = A.cert.length - '-----END CERTIFICATE-----\n'.length;
    for (const length of [40, 200, lines, A.cert.length + 40, A.cert.length + 200]) {
      const { message } = await refusal(fileOf(chain.slice(0, length)), key);
      assert.match(
        message,
        /^(the certificate|certificate 2 of 2) in .* is damaged: /,
        `${length}: ${message}`,
      );
    }
    for (const length of [40, 100, A.key.length - 10])
      assert.match(
        (await refusal(cert, fileOf(A.key.slice(0, length)))).message,
        /^the key in .* is damaged, or of an unknown kind$/,
      );
  });

  test('a key of another certificate', async () => {
    const other = fileOf(B.key);
    const { message, hint } = await refusal(cert, other);
    assert.equal(message, `the key ${other} does not belong to the certificate ${cert}`);
    assert.match(hint!, /comes first$/);
    await refusal(fileOf(`${B.cert}${A.cert}`), key);
  });

  test('a key with a passphrase', async () => {
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hunter2' },
    });
    const { message, hint } = await refusal(cert, fileOf(privateKey));
    assert.match(message, /is encrypted, and nobody is asked for its passphrase$/);
    assert.match(hint!, /^write it without: openssl pkey -in .*; chmod 600 FILE\.pem$/);
  });

  test('a key OpenSSL thinks too small', async () => {
    const [weakKey, weak] = [join(folder, 'weak.key'), join(folder, 'weak.pem')];
    const subject = ['-subj', '/CN=weak', '-days', '2', '-nodes'];
    await openssl('req', '-x509', '-newkey', 'rsa:1024', ...subject, '-keyout', weakKey, '-out', weak);
    assert.match(
      (await refusal(weak, weakKey)).message,
      /^the certificate .* cannot be used: .*key too small$/,
    );
  });
});

suite('what is worth a remark', () => {
  const DAY = 86_400_000;
  const now = Date.UTC(2026, 10, 1);
  const lasting = (from: number, until: number): Certificate => ({
    files: { cert: 'c.pem', key: 'k.pem', clientCa: undefined, sessionDomain: undefined },
    pems: { cert: '', key: '', clientCa: undefined },
    names: 'a.test',
    from: new Date(now + from),
    until: new Date(now + until),
    keyReadableByAll: false,
  });

  test('an end that is near, or past', () => {
    const said = (until: number) => expiryRemark(lasting(-DAY, until), now);
    assert.equal(said(7 * DAY + 1), undefined);
    assert.equal(said(7 * DAY), 'the certificate c.pem expires in 7 days, on 2026-11-08');
    assert.equal(said(DAY), 'the certificate c.pem expires in a day, on 2026-11-02');
    assert.equal(said(1), 'the certificate c.pem expires within a day, on 2026-11-01');
    assert.equal(said(0), 'the certificate c.pem has expired on 2026-11-01: clients will refuse it');
    assert.match(said(-30 * DAY)!, /has expired on 2026-10-02/);
  });

  test('a beginning to come', () => {
    assert.equal(
      expiryRemark(lasting(DAY, 90 * DAY), now),
      'the certificate c.pem is not valid before 2026-11-02T00:00:00.000Z: clients will refuse it',
    );
  });

  test('a key for everyone', async () => {
    const key = fileOf(A.key, 0o644);
    assert.deepEqual(remarks(await read(fileOf(A.cert), key), Date.now()), [
      `everyone on this host can read the key ${key}: chmod 600 it`,
    ]);
  });
});

test('listeners that show the same have one set of files', () => {
  const { listen } = defineConfig({
    pool: '127.0.0.2',
    listen: [
      'tls://1-100',
      '200',
      { address: 'tls://300', sessionDomain: 'a.test' },
      { address: 'tls://400', clientCa: 'ca' },
    ],
    tls: { cert: 'a', key: 'b' },
  });
  assert.deepEqual(certificateFiles(listen).map(filesKey), ['["a","b",null]', '["a","b","ca"]']);
});
