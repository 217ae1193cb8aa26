/** Accounts that may reach some destinations and no others. */
import { buildRules, type Rules, type Verdict } from '../rules.ts';

const OUTSIDE: Verdict = { kind: 'deny', rule: undefined, by: 'account', explicit: false };

/**
 * Rules that hold for everybody, and beside them what single accounts may reach: both must permit. An account's list
 * never opens what the rules deny, and never special addresses.
 *
 * @param accounts Patterns by the name of the user.
 * @throws RangeError as {@link buildRules}, for all accounts together.
 */
export function confine(rules: Rules, accounts: ReadonlyMap<string, readonly string[]>): Rules {
  if (accounts.size === 0) return rules;
  const own = compile(accounts);
  const ofUser = (user: string | undefined): Rules | undefined =>
    user === undefined ? undefined : own.get(user);
  return {
    byName(name, port, user) {
      const account = ofUser(user)?.byName(name, port, undefined);
      if (account?.kind === 'deny') return OUTSIDE;
      const verdict = rules.byName(name, port, user);
      return account?.kind === 'ask' && verdict.kind !== 'deny' ? account : verdict;
    },
    byAddress(name, address, port, user) {
      const account = ofUser(user)?.byAddress(name, address, port, undefined);
      return account?.kind === 'deny' ? OUTSIDE : rules.byAddress(name, address, port, user);
    },
  };
}

function compile(accounts: ReadonlyMap<string, readonly string[]>): Map<string, Rules> {
  const own = new Map<string, Rules>();
  const problems: string[] = [];
  for (const [user, allow] of accounts) {
    try {
      own.set(user, buildRules([{ allow }, { deny: ['all'] }]));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      problems.push(
        ...error.message.split('\n').map((line) => line.replace(/^rule 1/, `user ${JSON.stringify(user)}`)),
      );
    }
  }
  if (problems.length > 0) throw new RangeError(problems.join('\n'));
  return own;
}
