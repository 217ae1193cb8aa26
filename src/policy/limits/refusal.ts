/** Why not, in words: which limit, whose, and when to come again. Nothing of anybody else. */
import { LIMIT_HOLDERS, ProxyError, type FailureCode, type Limit } from '../../errors.ts';
import { HANDSHAKES, type CONNECTIONS } from './memory.ts';
import type { Kind } from './terms.ts';

/** By {@link Kind}. */
const WHOSE = [
  'of all clients together',
  'of this listener',
  'of this client address',
  'of this user',
] as const;

export function tooMany(kind: Kind, which: typeof CONNECTIONS | typeof HANDSHAKES): ProxyError {
  const still = which === HANDSHAKES ? ' that have not sent their request yet' : '';
  const error = new ProxyError('TOO_MANY_CONNECTIONS', `too many connections ${WHOSE[kind]}${still}`);
  return by(which === HANDSHAKES ? 'handshakes' : 'connections', kind, error);
}

export function tooFast(kind: Kind, waitMs: number): ProxyError {
  return by('rate', kind, later('RATE_LIMITED', `too many new connections ${WHOSE[kind]}`, waitMs));
}

export function usedUp(kind: Kind, waitMs: number): ProxyError {
  return by('quota', kind, later('QUOTA_EXCEEDED', `the quota of bytes ${WHOSE[kind]} is used up`, waitMs));
}

/** A limit that cannot be kept for want of room refuses, rather than let everybody through. */
export function noRoom(): ProxyError {
  return new ProxyError('OVERLOADED', 'more clients are connected than their limits can be kept for');
}

/** Another thread died with the lock, or the host has no time for anybody. */
export function notNow(): ProxyError {
  return later('OVERLOADED', 'the limits could not be asked in time', 1000);
}

/** @param waitMs After that it makes sense to try again; milliseconds. */
export function later(code: FailureCode, what: string, waitMs: number): ProxyError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const error = new ProxyError(code, `${what}: try again in ${seconds} s`);
  error.retryAfterS = seconds;
  return error;
}

function by(name: Limit, kind: Kind, error: ProxyError): ProxyError {
  error.limit = { name, holder: LIMIT_HOLDERS[kind] };
  return error;
}
