import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildRules,
  deniedBy,
  type RuleConfig,
  type Rules,
  type Verdict,
} from '../../../src/policy/rules.ts';
import { confine } from '../../../src/policy/rules/confine.ts';

const NONE: Verdict = { kind: 'none', rule: undefined, by: undefined, explicit: false };
const ASK: Verdict = { ...NONE, kind: 'ask' };
const allow = (rule: number, by: Verdict['by'], explicit = false): Verdict => ({
  kind: 'allow',
  rule,
  by,
  explicit,
});
const deny = (rule: number, by: Verdict['by']): Verdict => ({ kind: 'deny', rule, by, explicit: false });

const byName = (rules: Rules, name: string, port = 443, user?: string): Verdict =>
  rules.byName(name, port, user);
const literal = (rules: Rules, address: string, port = 443, user?: string): Verdict =>
  rules.byAddress(undefined, address, port, user);

describe('rules', () => {
  it('say nothing when there are none', () => {
    const rules = buildRules([]);
    assert.deepEqual(byName(rules, 'example.com'), NONE);
    assert.deepEqual(literal(rules, '192.0.2.1'), NONE);
  });

  it('are asked in their order, and the first that matches decides', () => {
    const rules = buildRules([
      { allow: ['good.example.com'] },
      { deny: ['.example.com'] },
      { allow: ['all:443'] },
      { deny: ['all'] },
    ]);
    assert.deepEqual(byName(rules, 'good.example.com'), allow(0, 'name'));
    assert.deepEqual(byName(rules, 'example.com'), deny(1, 'name'));
    assert.deepEqual(byName(rules, 'a.b.example.com'), deny(1, 'name'));
    assert.deepEqual(byName(rules, 'a.good.example.com'), deny(1, 'name'));
    assert.deepEqual(byName(rules, 'example.org'), allow(2, 'port'));
    assert.deepEqual(byName(rules, 'example.org', 80), deny(3, 'everything'));
    assert.deepEqual(literal(rules, '192.0.2.1', 80), deny(3, 'everything'));
  });

  it('match names, what is below them, or both', () => {
    const cases: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
      ['example.com', 'example.com', true],
      ['example.com', 'a.example.com', false],
      ['example.com', 'badexample.com', false],
      ['example.com', 'example.com.evil.test', false],
      ['*.example.com', 'a.example.com', true],
      ['*.example.com', 'a.b.example.com', true],
      ['*.example.com', 'example.com', false],
      ['*.example.com', 'badexample.com', false],
      ['.example.com', 'example.com', true],
      ['.example.com', 'a.example.com', true],
      ['.example.com', 'badexample.com', false],
      ['*.com', 'example.com', true],
      ['*.com', 'com', false],
      ['EXAMPLE.Com.', 'example.com', true],
      ['bücher.example', 'xn--bcher-kva.example', true],
      ['*.bücher.example', 'a.xn--bcher-kva.example', true],
    ];
    for (const [pattern, name, matches] of cases) {
      const verdict = byName(buildRules([{ deny: [pattern] }]), name);
      assert.deepEqual(verdict, matches ? deny(0, 'name') : NONE, `${pattern} and ${name}`);
    }
  });

  it('match ports', () => {
    const rules = buildRules([{ deny: [':25', 'example.com:8000-8999', '192.0.2.0/24:80,443'] }]);
    assert.deepEqual(byName(rules, 'mail.example.com', 25), deny(0, 'port'));
    assert.deepEqual(literal(rules, '2001:db8::1', 25), deny(0, 'port'));
    assert.deepEqual(byName(rules, 'example.com', 8000), deny(0, 'name'));
    assert.deepEqual(byName(rules, 'example.com', 9000), NONE);
    assert.deepEqual(literal(rules, '192.0.2.9', 80), deny(0, 'address'));
    assert.deepEqual(literal(rules, '192.0.2.9', 81), NONE);
  });

  it('about users hold for those users only, in the same order', () => {
    const rules = buildRules([
      { allow: ['ci.example.com'], users: ['ci'] },
      { deny: ['.example.com'] },
      { deny: ['all'], users: ['guest', 'ci'] },
    ]);
    assert.deepEqual(byName(rules, 'ci.example.com', 443, 'ci'), allow(0, 'name'));
    assert.deepEqual(byName(rules, 'ci.example.com', 443, 'guest'), deny(1, 'name'));
    assert.deepEqual(byName(rules, 'ci.example.com', 443), deny(1, 'name'));
    assert.deepEqual(byName(rules, 'example.org', 443, 'ci'), deny(2, 'everything'));
    assert.deepEqual(byName(rules, 'example.org', 443, 'guest'), deny(2, 'everything'));
    assert.deepEqual(byName(rules, 'example.org', 443, 'alice'), NONE);
    assert.deepEqual(byName(rules, 'example.org', 443), NONE);
    for (const user of ['CI', 'ci ', '', '__proto__', 'constructor'])
      assert.deepEqual(byName(rules, 'example.org', 443, user), NONE, user);
  });

  it('know names such as __proto__ and constructor as nothing but names', () => {
    const rules = buildRules([{ deny: ['__proto__', '.constructor'], users: ['__proto__'] }]);
    assert.deepEqual(byName(rules, '__proto__', 80, '__proto__'), deny(0, 'name'));
    assert.deepEqual(byName(rules, 'a.constructor', 80, '__proto__'), deny(0, 'name'));
    assert.deepEqual(byName(rules, 'hasownproperty', 80, '__proto__'), NONE);
    assert.deepEqual(byName(rules, '__proto__', 80, 'hasOwnProperty'), NONE);
  });
});

describe('before DNS', () => {
  const verdict = (rules: readonly RuleConfig[], port = 443): Verdict =>
    byName(buildRules(rules), 'www.example.com', port);

  it('a name is denied only when no address can change it', () => {
    const denied = { deny: ['.example.com'] };
    assert.deepEqual(verdict([denied, { allow: ['0.0.0.0/0'] }]), deny(0, 'name'));
    assert.deepEqual(verdict([{ deny: ['10.0.0.0/8'] }, denied]), deny(1, 'name'));
    assert.deepEqual(verdict([{ allow: ['192.0.2.0/24'] }, denied]), ASK);
    assert.deepEqual(verdict([{ allow: ['192.0.2.0/24:80'] }, denied]), deny(1, 'name'));
    assert.deepEqual(verdict([{ allow: ['192.0.2.0/24'], users: ['bob'] }, denied]), deny(1, 'name'));
  });

  it('a name is allowed only when no address can change it', () => {
    const allowed = { allow: ['.example.com'] };
    assert.deepEqual(verdict([allowed, { deny: ['0.0.0.0/0'] }]), allow(0, 'name'));
    assert.deepEqual(verdict([{ deny: ['192.0.2.0/24'] }, allowed]), ASK);
    assert.deepEqual(verdict([{ allow: ['10.0.0.0/8'] }, allowed]), ASK);
    assert.deepEqual(verdict([{ deny: ['192.0.2.0/24:80'] }, allowed]), allow(1, 'name'));
    // A network in the same rule allows it all the same.
    assert.deepEqual(verdict([{ allow: ['192.0.2.0/24', '.example.com'] }]), allow(0, 'name'));
  });

  it('a name no rule speaks of is asked again when there are networks', () => {
    assert.deepEqual(verdict([{ deny: ['192.0.2.0/24'] }]), ASK);
    assert.deepEqual(verdict([{ deny: ['192.0.2.0/24:80'] }]), NONE);
    assert.deepEqual(verdict([{ deny: ['192.0.2.0/24:80'] }], 80), ASK);
  });
});

describe('after DNS', () => {
  it('name and address both count', () => {
    const rules = buildRules([{ deny: ['192.0.2.0/24'] }, { allow: ['.example.com'] }, { deny: ['all'] }]);
    assert.deepEqual(rules.byAddress('www.example.com', '192.0.2.1', 443, undefined), deny(0, 'address'));
    assert.deepEqual(rules.byAddress('www.example.com', '198.51.100.1', 443, undefined), allow(1, 'name'));
    assert.deepEqual(rules.byAddress('example.org', '198.51.100.1', 443, undefined), deny(2, 'everything'));
    // A rule by name says nothing about an address that the client gave itself.
    assert.deepEqual(literal(rules, '198.51.100.1'), deny(2, 'everything'));
  });

  it('networks are matched by bytes', () => {
    const rules = buildRules([
      { deny: ['192.0.2.128/25', '2001:db8:8000::/33', '198.51.100.7', '::/3'] },
      { allow: ['192.0.2.0/24'] },
    ]);
    assert.deepEqual(literal(rules, '192.0.2.127'), allow(1, 'address', true));
    assert.deepEqual(literal(rules, '192.0.2.128'), deny(0, 'address'));
    assert.deepEqual(literal(rules, '198.51.100.7'), deny(0, 'address'));
    assert.deepEqual(literal(rules, '198.51.100.8'), NONE);
    assert.deepEqual(literal(rules, '2001:db8:8000::'), deny(0, 'address'));
    assert.deepEqual(literal(rules, '2001:db8:7fff:ffff::'), NONE);
    assert.deepEqual(literal(rules, '1fff::'), deny(0, 'address'));
  });

  it('an IPv4 network holds for the forms that reach the same host', () => {
    const rules = buildRules([{ deny: ['192.0.2.0/24'] }]);
    for (const address of [
      '192.0.2.1',
      '::ffff:192.0.2.1',
      '::ffff:c000:201',
      '64:ff9b::192.0.2.1',
      '64:ff9b::c000:201',
    ])
      assert.deepEqual(literal(rules, address), deny(0, 'address'), address);
    assert.deepEqual(literal(rules, '64:ff9b::c000:301'), NONE);
    assert.deepEqual(
      literal(buildRules([{ deny: ['64:ff9b::/96'] }]), '64:ff9b::c000:201'),
      deny(0, 'address'),
    );
  });

  it('what is no address is denied', () => {
    const rules = buildRules([{ allow: ['all'] }]);
    for (const text of ['', 'example.com', '127.1', '10.0.0.1 ', 'fe80::1%eth0'])
      assert.deepEqual(literal(rules, text), { ...deny(0, 'address'), rule: undefined }, text);
  });
});

describe('explicit', () => {
  const explicit = (pattern: string, address: string): boolean => {
    const verdict = literal(buildRules([{ allow: [pattern] }]), address);
    assert.equal(verdict.kind, 'allow', `${pattern} ${address}`);
    return verdict.explicit;
  };

  it('is a network of special addresses and nothing else, or a single address', () => {
    const meant: readonly (readonly [string, string])[] = [
      ['10.0.0.0/8', '10.1.2.3'],
      ['10.1.2.0/24:443', '10.1.2.3'],
      ['10.1.2.3', '10.1.2.3'],
      ['127.0.0.0/8', '127.0.0.1'],
      ['169.254.0.0/16', '169.254.1.1'],
      ['100.64.0.0/10', '100.64.0.1'],
      ['fc00::/7', 'fd00::1'],
      ['fd00:1::/32', 'fd00:1::1'],
      ['fe80::/10', 'fe80::1'],
      ['::1', '::1'],
      ['8.8.8.8', '8.8.8.8'],
      ['2606:4700::1111', '2606:4700::1111'],
      ['192.168.0.0/16', '64:ff9b::192.168.1.1'],
    ];
    for (const [pattern, address] of meant) assert.equal(explicit(pattern, address), true, pattern);
  });

  it('is nothing that holds public addresses as well, and nothing but a network', () => {
    const broad: readonly (readonly [string, string])[] = [
      ['0.0.0.0/0', '10.1.2.3'],
      ['0.0.0.0/0', '127.0.0.1'],
      ['8.0.0.0/6', '10.1.2.3'],
      ['192.0.0.0/8', '192.168.1.1'],
      ['172.0.0.0/8', '172.16.0.1'],
      ['::/0', '::1'],
      ['::/0', 'fd00::1'],
      ['f000::/4', 'fd00::1'],
      ['8.8.8.0/24', '8.8.8.8'],
      ['2606:4700::/32', '2606:4700::1111'],
      ['all', '10.1.2.3'],
      ['all', '127.0.0.1'],
      [':443', '127.0.0.1'],
    ];
    for (const [pattern, address] of broad) assert.equal(explicit(pattern, address), false, pattern);
    const byName = buildRules([{ allow: ['intranet.example.com'] }]);
    assert.equal(byName.byAddress('intranet.example.com', '10.1.2.3', 443, undefined).explicit, false);
  });

  it('goes with the rule that decides, whatever else stands in it', () => {
    const rules = buildRules([
      { allow: ['intranet.example.com', '0.0.0.0/0', '10.0.0.0/8'] },
      { allow: ['192.168.0.0/16'] },
    ]);
    assert.deepEqual(
      rules.byAddress('intranet.example.com', '10.1.2.3', 443, undefined),
      allow(0, 'address', true),
    );
    assert.deepEqual(
      rules.byAddress('intranet.example.com', '192.168.0.1', 443, undefined),
      allow(0, 'address'),
    );
    assert.equal(literal(buildRules([{ deny: ['10.0.0.1'] }]), '10.0.0.1').explicit, false);
  });
});

describe('what is wrong with rules', () => {
  const problems = (rules: readonly RuleConfig[]): string[] => {
    let found: string[] = [];
    assert.throws(
      () => buildRules(rules),
      (error: Error) => {
        assert.equal(error.name, 'RangeError');
        found = error.message.split('\n');
        return true;
      },
    );
    return found;
  };

  it('is said in one sentence each, with its place', () => {
    const found = problems([
      { allow: ['example.com'] },
      { allow: ['exa*mple.com', 'fine.example', '010.0.0.0/8'] },
      {},
      { allow: ['all'], deny: ['all'] },
      { deny: [] },
      { deny: ['all'], users: [] },
    ]);
    assert.equal(found.length, 6);
    assert.match(found[0]!, /^rule 2: "exa\*mple\.com" has a star in a wrong place/);
    assert.match(found[1]!, /^rule 2: "010\.0\.0\.0\/8" is not an IP network/);
    assert.equal(found[2], 'rule 3: write either allow or deny');
    assert.equal(found[3], 'rule 4: write either allow or deny');
    assert.equal(found[4], 'rule 5: it names no target: write for example all');
    assert.equal(found[5], 'rule 6: its list of users is empty: leave it out for everybody');
  });
});

describe('a denial', () => {
  it('says which kind of rule it was, and not what it says', () => {
    const rules = buildRules([{ deny: ['secret.example', '192.0.2.1', ':25'] }, { deny: ['all'] }]);
    const words = [
      byName(rules, 'secret.example'),
      literal(rules, '192.0.2.1'),
      byName(rules, 'a.example', 25),
      byName(rules, 'a.example'),
    ].map((verdict) => deniedBy(verdict));
    assert.deepEqual(
      words.map(({ message }) => message),
      [
        'the name of the target is denied by a rule',
        'the address of the target is denied by a rule',
        'the port of the target is denied by a rule',
        'no rule allows the target',
      ],
    );
    for (const error of words) assert.equal(error.code, 'TARGET_DENIED');
  });
});

describe('accounts with destinations of their own', () => {
  const rules = buildRules([{ deny: ['evil.example.com', '203.0.113.9'] }, { allow: ['10.0.0.0/8'] }]);
  const confined = confine(
    rules,
    new Map([['bob', ['.example.com', '203.0.113.0/24', '10.1.0.0/16', ':22']]]),
  );

  it('reach those, and only as far as the rules permit', () => {
    assert.equal(byName(confined, 'www.example.com', 443, 'bob').kind, 'ask');
    assert.equal(confined.byAddress('www.example.com', '198.51.100.1', 443, 'bob').kind, 'none');
    assert.deepEqual(byName(confined, 'evil.example.com', 443, 'bob'), deny(0, 'name'));
    assert.deepEqual(literal(confined, '203.0.113.9', 443, 'bob'), deny(0, 'address'));
    assert.equal(literal(confined, '203.0.113.8', 443, 'bob').kind, 'none');
    assert.equal(byName(confined, 'ssh.example.org', 22, 'bob').kind, 'ask');
  });

  it('reach nothing else', () => {
    // By name it may still turn out to be an address that bob may reach.
    assert.deepEqual(byName(confined, 'example.org', 443, 'bob'), ASK);
    const outside = { ...deny(0, 'account'), rule: undefined };
    assert.deepEqual(confined.byAddress('example.org', '198.51.100.1', 443, 'bob'), outside);
    assert.deepEqual(literal(confined, '198.51.100.1', 443, 'bob'), outside);
    assert.deepEqual(literal(confined, '10.2.0.1', 443, 'bob'), outside);
    // Whatever the rules say of the name, its address may not be one of the account's.
    const networks = confine(buildRules([{ allow: ['all'] }]), new Map([['bob', ['203.0.113.0/24']]]));
    assert.deepEqual(byName(networks, 'example.org', 443, 'bob'), ASK);
    const named = confine(buildRules([]), new Map([['bob', ['.example.com']]]));
    assert.deepEqual(byName(named, 'example.org', 443, 'bob'), outside);
    assert.equal(deniedBy(outside).message, 'the target is not among those of the account');
  });

  it('open no special address by themselves', () => {
    assert.equal(literal(confined, '10.1.0.1', 443, 'bob').explicit, true);
    const alone = confine(buildRules([]), new Map([['bob', ['10.1.0.0/16']]]));
    assert.deepEqual(literal(alone, '10.1.0.1', 443, 'bob'), NONE);
  });

  it('are nobody else', () => {
    for (const user of ['alice', undefined, ''])
      assert.deepEqual(literal(confined, '198.51.100.1', 443, user), NONE);
    assert.equal(confine(rules, new Map()), rules);
  });

  it('are named when their list is wrong', () => {
    assert.throws(
      () => confine(rules, new Map([['bob', ['exa*mple', 'all']], ['eve', ['']]])), // prettier-ignore
      { name: 'RangeError', message: /^user "bob": "exa\*mple" has a star.*\nuser "eve": "" is neither/ },
    );
  });
});
