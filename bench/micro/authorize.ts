/**
 * What it costs to find out whether a client may have what it asks for: `node bench/micro/authorize.ts`. The login of
 * somebody who has logged in before, the rules, the guard; then all three, as a connection to an address has them.
 */
import { buildAuthenticator } from '../../src/policy/auth.ts';
import { buildGuard } from '../../src/policy/guard.ts';
import { hashPassword } from '../../src/policy/password.ts';
import { buildRules, type RuleConfig } from '../../src/policy/rules.ts';
import { line, nanoseconds } from './timing.ts';

const USERS = [1, 100_000] as const;
const RULES = [0, 100, 10_000] as const;
const CLIENT = '198.51.100.7';
const TARGET = '192.88.98.7';
const PASSWORD = 's3cret-word';
/** Of a password nobody knows: only its form counts. */
const OTHER_HASH = `$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

const rule = (i: number): RuleConfig =>
  i % 2 === 0
    ? { deny: [`.site-${i}.example`] }
    : { deny: [`${11 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0/24`] };

const guard = buildGuard({ allowPrivate: false, own: [{ address: '127.0.0.1', port: 1080 }] });
const passwordHash = await hashPassword(PASSWORD);

for (const users of USERS) {
  const others = Array.from({ length: users - 1 }, (_, i) => ({
    name: `user-${i}`,
    passwordHash: OTHER_HASH,
  }));
  const auth = buildAuthenticator([...others, { name: 'alice', passwordHash }]);
  const credentials = { name: 'alice', password: PASSWORD };
  // The first login pays for the hash; what it proved is believed from then on.
  await auth.verify(credentials, CLIENT);
  line(
    `login known already, ${users} users`,
    nanoseconds(() => auth.verify(credentials, CLIENT)),
  );
  const sticky = { name: 'alice-session-a1b2-ttl-10m', password: PASSWORD };
  line(
    `login with a session in the name, ${users} users`,
    nanoseconds(() => auth.verify(sticky, CLIENT)),
  );
  if (users === 1) {
    for (const size of RULES) {
      const rules = buildRules(Array.from({ length: size }, (_, i) => rule(i)));
      line(
        `rules for an address, ${size}`,
        nanoseconds(() => rules.byAddress(undefined, TARGET, 443, 'alice')),
      );
    }
    line(
      'guard',
      nanoseconds(() => guard.check(TARGET, 443)),
    );
    const rules = buildRules(Array.from({ length: 100 }, (_, i) => rule(i)));
    line(
      'login, 100 rules and guard together',
      nanoseconds(() => {
        const identity = auth.verify(credentials, CLIENT) as { user: string };
        guard.check(TARGET, 443);
        return rules.byAddress(undefined, TARGET, 443, identity.user);
      }),
    );
  }
  auth.close();
}
