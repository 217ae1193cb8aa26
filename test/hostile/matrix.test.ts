/**
 * The generic matrix of the failure catalogue, over real sockets: whatever is sent, the gateways answer in the client's own
 * protocol or not at all, close, and have nothing left.
 *
 * `HOSTILE_SEED=7 npm run test:hostile` repeats a run.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Attack } from '../support/hostile-attack.ts';
import { matrix, mutations, type Case } from '../support/hostile-cases.ts';
import { connectVectors } from '../support/hostile-connect.ts';
import { forwardVectors } from '../support/hostile-forward.ts';
import { proxiedVectors } from '../support/hostile-proxied.ts';
import { Random } from '../support/hostile-random.ts';
import { socks4Vectors } from '../support/hostile-socks4.ts';
import { socks5Vectors } from '../support/hostile-socks5.ts';
import { tlsVectors } from '../support/hostile-tls.ts';
import type { Ports, Vector } from '../support/hostile-vectors.ts';
import { startWorld, type HostileWorld } from '../support/hostile-world.ts';

/** What the matrix is to reach; mutations make up for what the transformations leave. */
const INPUTS = 200_000;
const CONCURRENCY = 400;
/** A TLS handshake takes a hundred times as long, and none may come close to a deadline. */
const TLS_CONCURRENCY = 32;
const BATCH = 20_000;

const FAMILIES: Readonly<Record<string, (ports: Ports) => Vector[] | Promise<Vector[]>>> = {
  SOCKS5: socks5Vectors,
  SOCKS4: socks4Vectors,
  CONNECT: connectVectors,
  'plain HTTP': forwardVectors,
  'PROXY headers': (ports) => proxiedVectors(someOfEach(ports, 4)),
  TLS: (ports) => tlsVectors(someOfEach(ports, 2)),
};

/** The first vectors of each protocol, with and without users. */
function someOfEach(ports: Ports, count: number): Vector[] {
  return [socks5Vectors, socks4Vectors, connectVectors, forwardVectors].flatMap((make) =>
    Object.values(Object.groupBy(make(ports), ({ users }) => String(users))).flatMap((all) =>
      all!.slice(0, count),
    ),
  );
}

describe('the hostile matrix', () => {
  const seed = Number(process.env['HOSTILE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const random = new Random(seed);
  let world: HostileWorld;
  let attack: Attack;
  let vectors: Record<string, Vector[]>;

  before(async () => {
    world = await startWorld();
    attack = new Attack(world);
    vectors = {};
    for (const [name, make] of Object.entries(FAMILIES)) vectors[name] = await make(world);
    await attack.settle();
  });
  after(() => world[Symbol.asyncDispose]());

  for (const family of Object.keys(FAMILIES)) {
    test(`${family}: M0 to M8 of every vector`, async (context) => {
      const inputs = attack.inputs;
      const begun = performance.now();
      const cases = vectors[family]!.values().flatMap((vector) => matrix(vector, random));
      for (let batch = take(cases, BATCH); batch.length > 0; batch = take(cases, BATCH)) {
        await attack.run(batch, family === 'TLS' ? TLS_CONCURRENCY : CONCURRENCY);
      }
      context.diagnostic(rate(attack.inputs - inputs, begun));
    });
  }

  // Not after the mutations: they put passwords where names belong, and names are logged.
  test('no password was written', () => attack.assertNothingLeaked());

  test(`${INPUTS} inputs: mutations of all vectors`, async (context) => {
    context.diagnostic(`HOSTILE_SEED=${seed}`);
    const inputs = attack.inputs;
    const begun = performance.now();
    const cases = mutations(Object.values(vectors).flat(), random);
    while (attack.inputs < INPUTS) {
      await attack.run(take(cases, Math.min(BATCH, INPUTS - attack.inputs)), CONCURRENCY);
    }
    context.diagnostic(rate(attack.inputs - inputs, begun));
    context.diagnostic(`${attack.inputs} inputs in all`);
    assert.ok(attack.inputs >= INPUTS);
  });
});

function take(cases: Iterator<Case>, count: number): Case[] {
  const taken: Case[] = [];
  for (let next = cases.next(); next.done !== true; next = cases.next()) {
    taken.push(next.value);
    if (taken.length === count) break;
  }
  return taken;
}

function rate(inputs: number, begun: number): string {
  const seconds = (performance.now() - begun) / 1000;
  return `${inputs} inputs in ${seconds.toFixed(0)} s, ${Math.round(inputs / seconds)} a second`;
}
