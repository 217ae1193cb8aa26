import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserLedger } from '../../../../src/policy/limits/ledger.ts';
import { Stage } from './stage.ts';

const DAILY = { quota: { bytes: 1000, period: 'day' } } as const;

test('says what a user holds over all lanes, and has used of the period', () => {
  const stage = new Stage({ perUser: DAILY }, { lanes: 2 });
  const ledger = new UserLedger(stage.memory, () => stage.utc);
  const stays = [stage.connect('198.51.100.1', 'alice', 0), stage.connect('198.51.100.2', 'alice', 1)];
  stage.connect('198.51.100.1', 'bob');
  stays[0]!.spend(600);
  assert.deepEqual(
    [ledger.connections('alice'), ledger.connections('bob'), ledger.connections('eve')],
    [2, 1, 0],
  );
  const resetsAt = Date.UTC(2026, 10, 24);
  assert.deepEqual(ledger.quota('alice', DAILY), { period: 'day', bytes: 1000, used: 600, resetsAt });
  assert.deepEqual(ledger.quota('eve', DAILY), { period: 'day', bytes: 1000, used: 0, resetsAt });
  assert.equal(ledger.quota('alice', {}), undefined);
  stays[1]!.leave();
  stage.utc = resetsAt;
  assert.deepEqual([ledger.connections('alice'), ledger.quota('alice', DAILY)?.used], [1, 0]);
});

test('looking on makes nobody a place', () => {
  const stage = new Stage({ perUser: DAILY }, { entries: 16 });
  const ledger = new UserLedger(stage.memory, () => stage.utc);
  stage.connect('198.51.100.1', 'alice').spend(5);
  for (let i = 0; i < 1000; i++) ledger.quota(`user-${i}`, DAILY);
  assert.equal(ledger.quota('alice', DAILY)?.used, 5);
});
