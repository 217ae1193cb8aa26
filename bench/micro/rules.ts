/**
 * What a question to the destination rules costs, by their number: `node bench/micro/rules.ts`.
 *
 * A question is what one connection asks: by name before DNS, and by name and address after it. Half of the names and
 * addresses asked for are in a rule, half in none. For comparison, the guard, and the list of clients.
 */
import { buildClientFilter } from '../../src/policy/clients.ts';
import { buildGuard } from '../../src/policy/guard.ts';
import { OwnAddresses } from '../../src/policy/own-addresses.ts';
import { buildRules, type RuleConfig } from '../../src/policy/rules.ts';

const SIZES = [10, 1000, 10_000] as const;
const WARM_UP = 100_000;
const QUESTIONS = 1_000_000;
/** Different things to ask. */
const ASKED = 1024;

/** Kinds of rules, each `size` times; the index makes them different. */
const KINDS: Readonly<Record<string, (i: number) => RuleConfig>> = {
  names: (i) => ({ deny: [`www.site-${i}.example`] }),
  'names below': (i) => ({ deny: [`.site-${i}.example`] }),
  'IPv4 networks': (i) => ({ deny: [`${ipv4(i)}/24`] }),
  'IPv6 networks': (i) => ({ deny: [`${ipv6(i)}/64`] }),
  ports: (i) => ({ deny: [`:${((i * 6) % 65_000) + 1}`] }),
  users: (i) => ({ deny: [`.site-${i}.example`], users: [`user-${i}`] }),
  'all of them': (i) => KINDS[MIXED[i % MIXED.length]!]!(i),
};
const MIXED = ['names', 'names below', 'IPv4 networks', 'IPv6 networks', 'users'];

const ipv4 = (i: number): string => `${11 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0`;
const ipv6 = (i: number): string => `2600:${((i * 40_503) % 65_536).toString(16)}:${i.toString(16)}::`;

interface Question {
  readonly name: string;
  readonly address: string;
  readonly user: string;
}

function questions(size: number): Question[] {
  return Array.from({ length: ASKED }, (_, n) => {
    const i = Math.floor((n * size) / ASKED) + (n % 2 === 0 ? 0 : size);
    const address = n % 4 < 2 ? ipv4(i).replace(/0$/, '7') : `${ipv6(i)}7`;
    return { name: `www.site-${i}.example`, address, user: `user-${i}` };
  });
}

/** @returns nanoseconds a turn. */
function time(turn: (i: number) => unknown): number {
  for (let i = 0; i < WARM_UP; i++) turn(i);
  const startedAt = performance.now();
  for (let i = 0; i < QUESTIONS; i++) turn(i);
  return ((performance.now() - startedAt) * 1e6) / QUESTIONS;
}

const cell = (value: number | string): string => String(value).padStart(14);
const row = (name: string, values: readonly (number | string)[]): void =>
  console.log(name.padEnd(30) + values.map(cell).join(''));

row(
  'ns a question',
  SIZES.map((size) => `${size} rules`),
);
for (const [kind, make] of Object.entries(KINDS)) {
  const costs = SIZES.map((size) => {
    const rules = buildRules(Array.from({ length: size }, (_, i) => make(i)));
    const asked = questions(size);
    const at = (i: number): Question => asked[i % ASKED]!;
    return [
      time((i) => rules.byName(at(i).name, 443, at(i).user)),
      time((i) => rules.byAddress(at(i).name, at(i).address, 443, at(i).user)),
    ] as const;
  });
  row(
    `${kind}, by name`,
    costs.map(([byName]) => Math.round(byName)),
  );
  row(
    `${kind}, by address`,
    costs.map(([, byAddress]) => Math.round(byAddress)),
  );
}

const startedAt = performance.now();
buildRules(Array.from({ length: 10_000 }, (_, i) => KINDS['all of them']!(i)));
console.log(`\nto compile 10,000 rules of all kinds: ${(performance.now() - startedAt).toFixed(0)} ms`);

console.log('\nns a question');
const asked = questions(10_000);
for (const size of SIZES) {
  const allows = buildClientFilter({ deny: Array.from({ length: size }, (_, i) => `${ipv4(i)}/24`) });
  row(`client, ${size} denied networks`, [Math.round(time((i) => allows(asked[i % ASKED]!.address)))]);
}
using own = await OwnAddresses.watch();
const endpoints = [{ address: '::', port: 1080 }];
const withOwn = buildGuard({ allowPrivate: false, own: endpoints, isLocal: (address) => own.has(address) });
const without = buildGuard({ allowPrivate: false, own: endpoints });
row('guard', [Math.round(time((i) => without.check(asked[i % ASKED]!.address, 443)))]);
row('guard, with own addresses', [Math.round(time((i) => withOwn.check(asked[i % ASKED]!.address, 443)))]);
