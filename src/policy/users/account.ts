/** What a user is, however it was defined: in the configuration, in a file, or by an external check. */
import type { Account as Outlets, Identity } from '../../connection.ts';
import { isPasswordHash } from '../password.ts';
import type { LimitTerms } from '../limits/terms.ts';

/** What is known of a user beside the password: free of secrets, so that it may be kept, passed on and shown. */
export interface AccountTerms extends Outlets {
  /** 1 to 255 bytes, no colon. */
  readonly name: string;
  /** From then on it is refused; milliseconds since the epoch. */
  readonly expiresAt?: number | undefined;
  /** The only destinations it may reach, as patterns of the rules; undefined: what the rules allow. */
  readonly targets?: readonly string[] | undefined;
  readonly limits?: LimitTerms | undefined;
}

/** A user who logs in by password, or by a hash of it: scrypt as `gyre hash-password` prints it, or bcrypt. */
export type Account = AccountTerms & ({ readonly password: string } | { readonly passwordHash: string });

/** Who logged in. */
export interface UserIdentity extends Identity {
  readonly account: AccountTerms;
}

/** A name and what goes with it, without any secret. */
export function identityOf(account: Account): UserIdentity {
  const { password: _password, passwordHash: _hash, ...terms } = account as Account & Record<string, unknown>;
  return { user: account.name, account: terms };
}

/** @throws TypeError for the first user that cannot be: without a name, there twice, or with a hash that is none. */
export function checkAccounts(accounts: readonly Account[]): void {
  const names = new Set<string>();
  for (const account of accounts) {
    const name = JSON.stringify(account.name);
    if (account.name === '') throw new TypeError('a user has an empty name: give it one of 1 to 255 bytes');
    if (names.has(account.name)) throw new TypeError(`user ${name} is there twice: remove one of them`);
    names.add(account.name);
    if ('passwordHash' in account && !isPasswordHash(account.passwordHash)) {
      throw new TypeError(
        `user ${name} has a password hash that cannot be verified: make one with "gyre hash-password"`,
      );
    }
  }
}
