import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyError } from '../../../src/errors.ts';
import { Counters, countersMemory, readStats } from '../../../src/ops/counters.ts';
import { countLogins } from '../../../src/ops/logins.ts';

test('wrong and throttled logins are counted, and told on', () => {
  const memory = countersMemory(1);
  const heard: string[] = [];
  let refusal: ProxyError | undefined;
  const logins = countLogins(
    {
      check(client, name) {
        heard.push(`check ${client} ${name}`);
        if (refusal !== undefined) throw refusal;
      },
      failed: (client, name) => void heard.push(`failed ${client} ${name}`),
      succeeded: (client, name) => void heard.push(`succeeded ${client} ${name}`),
    },
    new Counters(memory, 0),
  );
  logins.check('192.0.2.1', 'ada');
  logins.failed('192.0.2.1', 'ada');
  logins.succeeded('192.0.2.1', 'ada');
  assert.deepEqual(heard, ['check 192.0.2.1 ada', 'failed 192.0.2.1 ada', 'succeeded 192.0.2.1 ada']);
  assert.deepEqual(readStats(memory).loginsRefused, { credentials: 1, throttled: 0 });
  refusal = new ProxyError('LOGIN_THROTTLED');
  assert.throws(() => logins.check('192.0.2.1', 'ada'), refusal);
  refusal = new ProxyError('OVERLOADED');
  assert.throws(() => logins.check('192.0.2.1', 'ada'), refusal);
  assert.deepEqual(readStats(memory).loginsRefused, { credentials: 1, throttled: 1 });
});
