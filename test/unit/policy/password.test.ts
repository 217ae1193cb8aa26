import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashKind, hashPassword, isPasswordHash, verifyPassword } from '../../../src/policy/password.ts';

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
const SALT = base64(Buffer.alloc(16, 1));
const HASH = base64(Buffer.alloc(32, 2));

/** RFC 7914 §12, the third vector: N = 16384, r = 8, p = 1. */
const VECTOR = `$scrypt$ln=14,r=8,p=1$${base64(Buffer.from('SodiumChloride'))}$${base64(
  Buffer.from(
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
      'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    'hex',
  ),
)}`;

describe('password hashes', () => {
  it('verify what they were made of and nothing else', async () => {
    const hash = await hashPassword('correct horse');
    assert.match(hash, /^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    assert.equal(isPasswordHash(hash), true);
    assert.equal(await verifyPassword('correct horse', hash), true);
    for (const wrong of ['correct horsf', 'Correct horse', 'correct horse ', '', hash]) {
      assert.equal(await verifyPassword(wrong, hash), false, wrong);
    }
  });

  it('differ for the same password', async () => {
    assert.notEqual(await hashPassword('same'), await hashPassword('same'));
  });

  it('take passwords of any bytes', async () => {
    const password = `ключ\0${'x'.repeat(250)}🔑`;
    const hash = await hashPassword(password);
    assert.equal(await verifyPassword(password, hash), true);
    assert.equal(await verifyPassword('ключ', hash), false);
  });

  it('are scrypt as RFC 7914 has it', async () => {
    assert.equal(await verifyPassword('pleaseletmein', VECTOR), true);
    assert.equal(await verifyPassword('pleaseletmeout', VECTOR), false);
  });

  it('are not made of an empty password', async () => {
    await assert.rejects(hashPassword(''), { name: 'RangeError', message: /empty/ });
  });

  it('take costs within bounds', () => {
    for (const costs of ['ln=10,r=1,p=1', 'ln=20,r=8,p=16', 'ln=18,r=32,p=1', 'ln=15,r=8,p=1']) {
      assert.equal(isPasswordHash(`$scrypt$${costs}$${SALT}$${HASH}`), true, costs);
    }
  });

  it('refuse absurd costs and malformed texts', async () => {
    const absurd = [
      'ln=9,r=8,p=1',
      'ln=21,r=8,p=1',
      'ln=15,r=0,p=1',
      'ln=15,r=33,p=1',
      'ln=15,r=8,p=0',
      'ln=15,r=8,p=17',
      'ln=20,r=32,p=1',
    ];
    const costs = [
      ...absurd,
      'ln=99,r=8,p=1',
      'ln=1e1,r=8,p=1',
      'ln=-15,r=8,p=1',
      'r=8,ln=15,p=1',
      'ln=15,r=8',
      '',
    ];
    const texts = [
      ...costs.map((costs) => `$scrypt$${costs}$${SALT}$${HASH}`),
      '',
      'secret',
      `$argon2id$ln=15,r=8,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=15,r=8,p=1$${SALT}`,
      `$scrypt$ln=15,r=8,p=1$$${HASH}`,
      `$scrypt$ln=15,r=8,p=1$${SALT}$`,
      `$scrypt$ln=15,r=8,p=1$${SALT}==$${HASH}=`,
      `$scrypt$ln=15,r=8,p=1$${SALT}$${HASH}\n`,
      ` $scrypt$ln=15,r=8,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=15,r=8,p=1$${SALT.slice(0, -1)}/$${HASH}`, // bits behind the last byte
      `$scrypt$ln=15,r=8,p=1$${SALT}$${'A'.repeat(45)}`, // no number of bytes has this length
      `$scrypt$ln=15,r=8,p=1$${base64(Buffer.alloc(7))}$${HASH}`,
      `$scrypt$ln=15,r=8,p=1$${SALT}$${base64(Buffer.alloc(15))}`,
      `$scrypt$ln=15,r=8,p=1$${SALT}$${base64(Buffer.alloc(65))}`,
    ];
    for (const text of texts) {
      assert.equal(isPasswordHash(text), false, text);
      assert.equal(await verifyPassword('secret', text), false, text);
    }
  });

  it('are told by their kind', async () => {
    const tail = 'abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e';
    assert.equal(hashKind(VECTOR), 'scrypt');
    for (const begin of ['$2a$04$', '$2b$10$', '$2y$16$']) {
      assert.equal(hashKind(begin + tail), 'bcrypt', begin);
      assert.equal(isPasswordHash(begin + tail), true, begin);
    }
    const none = [
      '$2b$03$',
      '$2b$17$',
      '$2b$99$',
      '$2x$10$',
      '$2$10$',
      '$2b$1$',
      '$2b$010$',
      ' $2b$10$',
      '$2B$10$',
    ];
    for (const begin of none) assert.equal(hashKind(begin + tail), undefined, begin);
    const bcrypt = `$2b$10$${tail}`;
    for (const text of [
      bcrypt.slice(0, -1),
      `${bcrypt}e`,
      `${bcrypt}\n`,
      `${bcrypt.slice(0, -1)}f`,
      bcrypt.replace('q', '+'),
    ])
      assert.equal(hashKind(text), undefined, text);
  });

  it('of bcrypt are verified elsewhere', async () => {
    const hash = '$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e';
    assert.equal(await verifyPassword('correct horse', hash), false);
  });
});
