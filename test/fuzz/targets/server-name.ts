import assert from 'node:assert/strict';
import { sessionOfServerName } from '../../../src/protocol/server-name.ts';
import type { Target } from '../target.ts';

/** `NAME`, or `NAME` and `DOMAIN` on two lines. */
function run(input: Buffer): string {
  const [name = '', domain = 'proxy.example'] = input.toString('latin1').split('\n', 2);
  const id = sessionOfServerName(name, domain);
  const upper = name.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
  assert.equal(sessionOfServerName(upper, domain), id);
  if (id === undefined) return 'none';
  assert.match(id, /^[a-z0-9_-]{1,61}$/);
  assert.equal(name.length, 's-'.length + id.length + '.'.length + domain.length);
  assert.equal(sessionOfServerName(`s-${id}.${domain}`, domain), id);
  return 'session';
}

export const target: Target = {
  longest: 300,
  words: ['s-', 'S-', '.proxy.example', '\nproxy.example', '-', '_', 'xn--'],
  run,
};
