/** The tables of the rules against the plain reading: one rule after the other, one pattern after the other. */
import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { buildRules, type RuleConfig } from '../../../src/policy/rules.ts';

/** A pattern with its parts, so that the model does not have to read it. */
interface Written {
  readonly text: string;
  readonly matches: (question: Question) => boolean;
  readonly isNetwork: boolean;
}

interface Question {
  readonly name: string | undefined;
  readonly address: string;
  readonly port: number;
  readonly user: string | undefined;
}

interface Rule {
  readonly kind: 'allow' | 'deny';
  readonly patterns: readonly Written[];
  readonly users: readonly string[] | undefined;
}

const ADDRESSES = [
  '8.0.0.1', '10.0.0.1', '10.128.0.1', '11.0.0.1', '192.0.2.1', '::1', '2001:db8::1', 'fd00::1', '2606:4700::1',
]; // prettier-ignore
const NETWORKS = [
  '0.0.0.0/0', '8.0.0.0/6', '10.0.0.0/8', '10.128.0.0/9', '10.0.0.1/32', '::/0', '2001:db8::/32', 'fc00::/7', '2606:4700::1/128',
]; // prettier-ignore

/** By node:net; asked for its own family only, since its `::/0` takes in IPv4 as well. */
function inNetwork(network: string): (address: string) => boolean {
  const [base = '', length] = network.split('/');
  const list = new BlockList();
  const family = isIP(base);
  list.addSubnet(base, Number(length), family === 4 ? 'ipv4' : 'ipv6');
  return (address) => isIP(address) === family && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

const name = fc
  .array(fc.constantFrom('a', 'b', 'example', 'com'), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));

type Host = Omit<Written, 'text'> & { readonly host: string };

const host = fc.oneof(
  fc.constant<Host>({ host: 'all', isNetwork: false, matches: () => true }),
  fc.constantFrom(...NETWORKS).map((network): Host => {
    const contains = inNetwork(network);
    return { host: network, isNetwork: true, matches: ({ address }) => contains(address) };
  }),
  fc.tuple(fc.constantFrom('', '.', '*.'), name).map(([lead, base]): Host => ({
    host: lead + base,
    isNetwork: false,
    matches: ({ name }) =>
      (lead !== '*.' && name === base) || (lead !== '' && name?.endsWith(`.${base}`) === true),
  })),
);

const ports = fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 2 });

const pattern = fc.tuple(host, ports).map(([{ host, matches, isNetwork }, list]): Written => {
  const text = list.length === 0 ? host : `${host}:${list.join(',')}`;
  const fits = (port: number): boolean => list.length === 0 || list.includes(port);
  return { text, isNetwork, matches: (question) => fits(question.port) && matches(question) };
});

const rule: fc.Arbitrary<Rule> = fc.record({
  kind: fc.constantFrom('allow', 'deny'),
  patterns: fc.array(pattern, { minLength: 1, maxLength: 4 }),
  users: fc.option(fc.subarray(['alice', 'bob', 'eve'], { minLength: 1 }), { nil: undefined }),
});

const question: fc.Arbitrary<Question> = fc.record({
  name: fc.option(name, { nil: undefined }),
  address: fc.constantFrom(...ADDRESSES),
  port: fc.integer({ min: 1, max: 4 }),
  user: fc.constantFrom(undefined, 'alice', 'bob', 'nobody'),
});

const configOf = ({ kind, patterns, users }: Rule): RuleConfig => ({
  [kind]: patterns.map(({ text }) => text),
  users,
});
const concerns = ({ users }: Rule, user: string | undefined): boolean =>
  users === undefined || (user !== undefined && users.includes(user));

describe('any rules', () => {
  it('decide as going through them one by one would', () => {
    const rules = fc.array(rule, { maxLength: 30 });
    const questions = fc.array(question, { minLength: 10, maxLength: 30 });
    fc.assert(
      fc.property(rules, questions, (written, asked) => {
        const rules = buildRules(written.map(configOf));
        for (const question of asked) {
          const { name, address, port, user } = question;
          const wanted = written.findIndex(
            (rule) => concerns(rule, user) && rule.patterns.some(({ matches }) => matches(question)),
          );
          const verdict = rules.byAddress(name, address, port, user);
          assert.equal(verdict.rule ?? -1, wanted);
          assert.equal(verdict.kind, written[wanted]?.kind ?? 'none');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('say before DNS what holds for every address, and leave open only what one could change', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 6 }),
        name,
        fc.integer({ min: 1, max: 3 }),
        (written, name, port) => {
          const rules = buildRules(written.map(configOf));
          const before = rules.byName(name, port, 'alice');
          const after = ADDRESSES.map((address) => rules.byAddress(name, address, port, 'alice').kind);
          if (before.kind !== 'ask') {
            assert.deepEqual([...new Set(after)], [before.kind]);
          } else {
            const networks = written.filter((rule) => rule.patterns.some(({ isNetwork }) => isNetwork));
            assert.ok(networks.some((rule) => concerns(rule, 'alice')));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
