/** Counts refused logins: several may go wrong on one connection, so its record does not tell. */
import { ProxyError } from '../errors.ts';
import type { Counters } from './counters.ts';

/** Who keeps guesses in bounds. */
export interface LoginCounts {
  check(client: string, name: string): void;
  failed(client: string, name: string): void;
  succeeded(client: string, name: string): void;
}

export function countLogins(logins: LoginCounts, counters: Counters): LoginCounts {
  return {
    check(client, name) {
      try {
        logins.check(client, name);
      } catch (error) {
        if (ProxyError.from(error).code === 'LOGIN_THROTTLED') counters.loginRefused('throttled');
        throw error;
      }
    },
    failed(client, name) {
      counters.loginRefused('credentials');
      logins.failed(client, name);
    },
    succeeded: (client, name) => logins.succeeded(client, name),
  };
}
