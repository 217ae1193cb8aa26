import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { readHtpasswd } from '../../../../src/policy/users/htpasswd.ts';

const TAIL = 'abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e';
const BCRYPT = `$2y$10$${TAIL}`;
const SCRYPT = `$scrypt$ln=15,r=8,p=1$AQEBAQEBAQEBAQEBAQEBAQ$${'A'.repeat(43)}`;

/** Names and hashes that were read, and the problems as `LINE message (hint)`. */
function read(file: string | Uint8Array): { users: string[]; problems: string[] } {
  const { accounts, problems } = readHtpasswd(file);
  return {
    users: accounts.map(
      (account) => `${account.name} ${'passwordHash' in account ? account.passwordHash : '?'}`,
    ),
    problems: problems.map(
      ({ line, message, hint }) => `${line} ${message}${hint === undefined ? '' : ` (${hint})`}`,
    ),
  };
}

const only = (line: string | Uint8Array): string => {
  const { users, problems } = read(line);
  assert.deepEqual([users, problems.length], [[], 1], String(line));
  return problems[0]!;
};

describe('an htpasswd file', () => {
  it('is read line by line, comments and empty lines left out', () => {
    const text = `# users of the proxy\n\nann:${BCRYPT}\n  # spare\n   \nbob smith:${SCRYPT}\nzoë:$2a$04$${TAIL}`;
    assert.deepEqual(read(text), {
      users: [`ann ${BCRYPT}`, `bob smith ${SCRYPT}`, `zoë $2a$04$${TAIL}`],
      problems: [],
    });
  });

  it('may come from Windows: CRLF, a byte order mark, white space at the end', () => {
    const text = `\ufeffann:${BCRYPT}\r\n\r\n# x\r\nbob:${BCRYPT} \t\r\n`;
    assert.deepEqual(read(text), { users: [`ann ${BCRYPT}`, `bob ${BCRYPT}`], problems: [] });
    assert.deepEqual(read(Buffer.from(text)), read(text));
  });

  it('may be empty', () => {
    for (const text of ['', '\n', '\r\n', '\ufeff', '# nobody'])
      assert.deepEqual(read(text), { users: [], problems: [] });
  });

  it('takes bcrypt of cost 4 to 16, of the three good kinds', () => {
    for (const kind of ['a', 'b', 'y'])
      for (let cost = 0; cost <= 31; cost++) {
        const line = `ann:$2${kind}$${String(cost).padStart(2, '0')}$${TAIL}`;
        if (cost >= 4 && cost <= 16) assert.equal(read(line).users.length, 1, line);
        else
          assert.match(
            only(line),
            new RegExp(`^1 user "ann" has a bcrypt hash of cost ${cost}, and 4 to 16 are taken \\(.*-C 12`),
          );
      }
  });

  it('names every other kind of hash, and what to do, without showing it', () => {
    // Made by crypt(3), openssl and by hand of the password "a".
    const kinds: readonly (readonly [hash: string, kind: RegExp])[] = [
      ['$apr1$abcdefgh$G8IsPsylW5ROvIKsQMRG61', /an MD5 hash \(\$apr1\$\), which htpasswd makes unless/],
      ['$1$abcdefgh$jUYc1Xi7pkozuzWQ0Dft71', /an MD5 hash \(\$1\$\)/],
      ['$5$abcdefgh$GzAL/HPD/MYJIjVUUnvBTiqueLrt/LVxJEZtz0qaNX2', /a SHA-256 hash \(\$5\$/],
      ['$6$abcdefgh$GjMgmmowSihU3X8xhdMxaCaEziO5NUh/IZqYnnZhN1j7.JYnm2e5BnPfWNUdj17OlEroBdrPtMnfsmwWCrkw70', /a SHA-512 hash \(\$6\$/],
      ['$y$j9T$abcdefgh$7i/136rkrCoteXCYVMmke8IbBDFEZdMzaNTpkj.7sJ2', /a yescrypt hash/],
      ['$7$CU..../....abcdefgh$secretsecret', /a scrypt hash of crypt\(3\)/],
      ['$sha1$40000$abcdefgh$secret', /a SHA-1 hash \(\$sha1\$\)/],
      ['$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$secret', /an Argon2 hash/],
      ['$pbkdf2-sha256$29000$c2FsdA$secret', /a PBKDF2 hash/],
      ['{SHA}hvfkN/qlp/zhXR3cuerq6jd2Z7g=', /a SHA-1 hash without salt \(\{SHA\}/],
      ['{SSHA}W6ytp4SBzzz1QzXpCrQG4JT7rTZlbmQ=', /a SHA-1 hash \(\{SSHA\}\)/],
      ['{CRYPT}abxxB7HlIeckU', /a hash of a directory server/],
      ['abxxB7HlIeckU', /a DES hash of crypt\(3\)/],
      ['_J9..abcdynv4J1Cve9M', /a DES hash of crypt\(3\)/],
      ['$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e', /bcrypt hash of a kind with a known defect/],
      ['$2$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e', /bcrypt hash of a kind with a known defect/],
      [BCRYPT.slice(0, -1), /a bcrypt hash that is cut off or damaged/],
      [`${BCRYPT}x`, /a bcrypt hash that is cut off or damaged/],
      [`${BCRYPT.slice(0, -1)}z`, /a bcrypt hash that is damaged/],
      [SCRYPT.slice(0, -23), /a scrypt hash that is cut off, damaged, or of a cost/],
      [SCRYPT.replace('ln=15', 'ln=9'), /a scrypt hash that is cut off, damaged, or of a cost/],
      ['secret of ann', /a plain password or an unknown hash/],
      ['hunter2', /a plain password or an unknown hash/],
      ['$secret$', /a plain password or an unknown hash/],
      ['', /no hash/],
      [`secret:${BCRYPT}`, /a colon in its name, or something behind its hash/],
      [`${BCRYPT}:1000:x`, /a colon in its name, or something behind its hash/],
    ]; // prettier-ignore
    for (const [hash, kind] of kinds) {
      const problem = only(`ann:${hash}`);
      assert.match(problem, /^1 user "ann" has /);
      assert.match(problem, kind);
      assert.match(problem, /\(.*(?:htpasswd -B|gyre hash-password|copy it whole|only NAME:HASH).*\)$/);
      assert.ok(hash.length < 7 || !problem.includes(hash), problem);
      assert.ok(!problem.includes('secret') && !problem.includes('abcdefgh'), problem);
    }
  });

  it('says which name cannot be', () => {
    assert.match(only(`:${BCRYPT}`), /there is no name before the colon/);
    assert.match(only(` ann:${BCRYPT}`), /begins or ends with white space/);
    assert.match(only(`ann :${BCRYPT}`), /begins or ends with white space/);
    assert.match(only(`a\u0007n:${BCRYPT}`), /control character/);
    assert.match(only(`a\0n:${BCRYPT}`), /control character/);
    assert.match(only(`${'x'.repeat(256)}:${BCRYPT}`), /longer than 255 bytes/);
    assert.match(only(`${'ö'.repeat(128)}:${BCRYPT}`), /longer than 255 bytes/);
    assert.equal(read(`${'x'.repeat(255)}:${BCRYPT}`).users.length, 1);
    assert.match(only('ann'), /no colon \(each line is a name, a colon, and a hash\)/);
    assert.ok(!only('hunter2').includes('hunter2'));
  });

  it('says in which line of its own a name was first', () => {
    const { users, problems } = read(`# x\nann:${BCRYPT}\nbob:${BCRYPT}\nann:${SCRYPT}\nAnn:${SCRYPT}\n`);
    assert.deepEqual(users, [`ann ${BCRYPT}`, `bob ${BCRYPT}`, `Ann ${SCRYPT}`]);
    assert.deepEqual(problems, ['4 user "ann" is there already, in line 2 (remove one of the two)']);
  });

  it('is UTF-8 or has the line named that is not', () => {
    const latin1 = Buffer.concat([
      Buffer.from(`ann:${BCRYPT}\nzo`),
      Buffer.of(0xeb),
      Buffer.from(`:${BCRYPT}\n`),
    ]);
    assert.deepEqual(read(latin1), {
      users: [`ann ${BCRYPT}`],
      problems: ['2 the line is not UTF-8 (save the file as UTF-8)'],
    });
    const utf16 = Buffer.from(`\ufeffann:${BCRYPT}\n`, 'utf16le');
    assert.match(read(utf16).problems[0]!, /^1 the line is not UTF-8/);
  });

  it('has lines of up to 1,024 bytes', () => {
    assert.match(only(`ann:${'x'.repeat(1021)}`), /longer than 1024 bytes/);
    assert.match(only(`#${'x'.repeat(1024)}`), /longer than 1024 bytes/);
    assert.equal(read(`#${'x'.repeat(1023)}`).problems.length, 0);
  });

  it('that is none ends after twenty problems', () => {
    const { problems } = read('junk\n'.repeat(100_000));
    assert.equal(problems.length, 20);
  });

  it('is read whatever it holds, and nothing gets lost', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 30 }),
      fc.constantFrom(`ann:${BCRYPT}`, `bob:${SCRYPT}`, `ann:$apr1$x`, '', '#', ':', 'ann:', '\r', '\ufeff'),
      fc
        .tuple(fc.string(), fc.constantFrom(BCRYPT, SCRYPT, '$2y$99$'))
        .map(([name, hash]) => `${name}:${hash}`),
    );
    const text = fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, (text) => {
        const { accounts, problems } = readHtpasswd(text);
        const lines = text.split('\n').length;
        assert.ok(accounts.length + problems.length <= lines);
        assert.equal(new Set(accounts.map(({ name }) => name)).size, accounts.length);
        for (const { line } of problems) assert.ok(line >= 1 && line <= lines);
        for (const account of accounts) assert.ok('passwordHash' in account && account.name !== '');
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readHtpasswd(bytes)));
  });

  it('gives back what was written into it', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter(
        (name) =>
          !/[:\u0000-\u001f\u007f]|^#/.test(name) && name.trim() === name && !name.startsWith('\ufeff'),
      );
    const names = fc.uniqueArray(name, { maxLength: 8 });
    fc.assert(
      fc.property(names, fc.boolean(), (names, crlf) => {
        const text = names.map((name) => `${name}:${BCRYPT}${crlf ? '\r' : ''}\n`).join('');
        const { accounts, problems } = readHtpasswd(text);
        assert.deepEqual(problems, []);
        assert.deepEqual(accounts, names.map((name) => ({ name, passwordHash: BCRYPT }))); // prettier-ignore
      }),
    );
  });
});
