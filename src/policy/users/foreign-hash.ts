/** The names of password hashes that are not taken. */
import { BCRYPT_COSTS } from '../password.ts';

export interface ForeignHash {
  /** Fits behind "user NAME has". */
  readonly kind: string;
  readonly hint: string;
}

const MAKE_ANOTHER = 'make another with: htpasswd -B FILE NAME, or gyre hash-password';
const WHOLE = 'a bcrypt hash has 60 characters, a scrypt hash is one word from $scrypt$ on';

/** By how they begin, the first that fits. */
const KINDS: readonly (readonly [begin: RegExp, kind: string])[] = [
  [/^\$apr1\$/, 'an MD5 hash ($apr1$), which htpasswd makes unless it is told otherwise'],
  [/^\$1\$/, 'an MD5 hash ($1$)'],
  [/^\$(?:md5|3)[$,]/, 'an MD5 or MD4 hash'],
  [/^\$sha1\$/, 'a SHA-1 hash ($sha1$)'],
  [/^\$5\$/, 'a SHA-256 hash ($5$, htpasswd -2)'],
  [/^\$6\$/, 'a SHA-512 hash ($6$, htpasswd -5)'],
  [/^\$7\$/, 'a scrypt hash of crypt(3) ($7$)'],
  [/^\$(?:y|gy)\$/, 'a yescrypt hash of crypt(3)'],
  [/^\$argon2/, 'an Argon2 hash'],
  [/^\$pbkdf2|^pbkdf2_/, 'a PBKDF2 hash'],
  [/^\$2x?\$/, 'a bcrypt hash of a kind with a known defect ($2$, $2x$)'],
  [/^\{SHA\}/i, 'a SHA-1 hash without salt ({SHA}, htpasswd -s)'],
  [/^\{SSHA\}/i, 'a SHA-1 hash ({SSHA})'],
  [/^\{[A-Za-z0-9./_-]{1,32}\}/, 'a hash of a directory server ({…})'],
  [/^_[./A-Za-z0-9]{19}$/, 'a DES hash of crypt(3)'],
  [/^[./A-Za-z0-9]{13}$/, 'a DES hash of crypt(3) (htpasswd -d), or a plain password'],
];

/** Says what it is, without showing it. @param text What is no hash that is taken. */
export function foreignHash(text: string): ForeignHash {
  if (text === '')
    return { kind: 'no hash', hint: 'make one with: htpasswd -B FILE NAME, or gyre hash-password' };
  if (text.includes(':'))
    return { kind: 'a colon in its name, or something behind its hash', hint: 'only NAME:HASH is read' };
  const cost = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text)?.[1];
  if (cost !== undefined) return bcryptCost(Number(cost));
  if (/^\$2[aby]\$/.test(text))
    return { kind: 'a bcrypt hash that is cut off or damaged', hint: `copy it whole: ${WHOLE}` };
  if (text.startsWith('$scrypt$'))
    return {
      kind: 'a scrypt hash that is cut off, damaged, or of a cost that is not taken',
      hint: `copy it whole: ${WHOLE}`,
    };
  const kind = KINDS.find(([begin]) => begin.test(text))?.[1];
  return { kind: kind ?? 'a plain password or an unknown hash', hint: MAKE_ANOTHER };
}

function bcryptCost(cost: number): ForeignHash {
  const { least, most } = BCRYPT_COSTS;
  if (cost >= least && cost <= most)
    return {
      kind: 'a bcrypt hash that is damaged: its last character is wrong',
      hint: `copy it whole: ${WHOLE}`,
    };
  return {
    kind: `a bcrypt hash of cost ${cost}, and ${least} to ${most} are taken`,
    hint: 'make another with: htpasswd -B -C 12 FILE NAME',
  };
}
