import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { InvalidArgumentError } from 'commander';
import { makeCertificate, readName } from '../../../src/cli/cert.ts';

suite('a certificate for development', () => {
  test('is for its names, fits its key, and has begun', async () => {
    const { cert, key } = await makeCertificate({
      names: ['proxy.test', '*.proxy.test', '192.0.2.1', '::1'],
      days: 30,
    });
    const certificate = new X509Certificate(cert);
    const privateKey = createPrivateKey(key);
    assert.ok(certificate.checkPrivateKey(privateKey));
    assert.deepEqual(
      [privateKey.asymmetricKeyType, privateKey.asymmetricKeyDetails?.namedCurve],
      ['ec', 'prime256v1'],
    );
    assert.equal(certificate.subject, 'CN=proxy.test');
    assert.equal(certificate.checkHost('proxy.test'), 'proxy.test');
    assert.equal(certificate.checkHost('s-42.proxy.test'), '*.proxy.test');
    assert.equal(certificate.checkHost('localhost'), undefined);
    assert.equal(certificate.checkIP('192.0.2.1'), '192.0.2.1');
    assert.equal(certificate.checkIP('::1'), '::1');
    assert.equal(certificate.ca, false);
    assert.ok(certificate.verify(certificate.publicKey));
    const [from, until] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
    assert.ok(
      from < Date.now() && until > Date.now() + 29 * 86_400_000 && until < Date.now() + 31 * 86_400_000,
    );
    for (const text of [cert, key])
      assert.match(text, /^-----BEGIN [A-Z ]+-----\n[^\r]*\n-----END [A-Z ]+-----\n$/);
  });

  test('is another one each time', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => makeCertificate({ names: ['a.test'], days: 1 })));
    const serial = ({ cert }: { cert: string }) => new X509Certificate(cert).serialNumber;
    assert.notEqual(one!.key, two!.key);
    assert.notEqual(serial(one!), serial(two!));
  });
});

suite('its names', () => {
  for (const [text, name] of [
    ['proxy.test', 'proxy.test'],
    ['Proxy.Test', 'proxy.test'],
    ['*.proxy.test', '*.proxy.test'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['localhost', 'localhost'],
  ] as const) {
    test(text, () => assert.equal(readName(text), name));
  }

  for (const text of [
    '',
    '*',
    '*.',
    'a b',
    'a..b',
    '-a.test',
    '127.1',
    '1.2.3',
    'a.test:1443',
    '*.*.test',
    'x'.repeat(64),
  ]) {
    test(`${JSON.stringify(text)} is none`, () => assert.throws(() => readName(text), InvalidArgumentError));
  }
});
