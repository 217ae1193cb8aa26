import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { ConfigError, loadConfig } from '../../../src/runtime/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-config-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'gyre.yaml');

/** A mistake, the line and column it is found at, what is said about it, and what to do. The pool is in the first line. */
type Case = readonly [name: string, text: string, at: string, message: RegExp, hint?: RegExp];

const CASES: readonly Case[] = [
  [
    'a pool of a user that is none',
    'pools: {de: 127.0.0.3}\nusers:\n  - name: alice\n    password: b\n    pool: dee\n',
    '6:11',
    /^there is no pool "dee"$/,
    /^did you mean de\?$/,
  ],
  [
    'pools of a user that are none',
    'pools: {de: 127.0.0.3}\nusers:\n  - name: alice\n    password: b\n    pools: [de, nowhere]\n',
    '6:17',
    /^there is no pool "nowhere"$/,
    /^known here: default, de; others are made under pools$/,
  ],
  [
    'a pool of a user where there are no other pools',
    'users:\n  - name: alice\n    password: b\n    pool: de\n',
    '5:11',
    /^there is no pool "de"$/,
  ],
  [
    'a number for a pool',
    'users:\n  - name: alice\n    password: b\n    pool: 7\n',
    '5:11',
    /^expected the name of a pool$/,
  ],
  [
    'an empty list of pools',
    'users:\n  - name: alice\n    password: b\n    pools: []\n',
    '5:12',
    /^the list is empty$/,
  ],
  [
    'a strategy unknown',
    'users:\n  - name: alice\n    password: b\n    strategy: randm\n',
    '5:15',
    /^expected round-robin, .* or sequential, not "randm"$/,
    /^did you mean random\?$/,
  ],
  [
    'no date',
    'users:\n  - name: alice\n    password: b\n    expires: tomorrow\n',
    '5:14',
    /^expected a date such as 2027-01-31, not "tomorrow"$/,
    /^write 2027-01-31, /,
  ],
  [
    'a date on no calendar',
    'users:\n  - name: alice\n    password: b\n    expires: 2027-02-29\n',
    '5:14',
    /^"2027-02-29" is on no calendar or clock$/,
    /^write /,
  ],
  [
    'a number for a date',
    'users:\n  - name: alice\n    password: b\n    expires: 1801353600\n',
    '5:14',
    /^expected a date such as 2027-01-31$/,
  ],
  [
    'a target of a user that is none',
    "users:\n  - name: alice\n    password: b\n    targets: ['*.example.com', 'https://example.com']\n",
    '5:32',
    /^"https:\/\/example\.com" is a URL: write the name alone/,
  ],
  [
    'no targets at all',
    'users:\n  - name: alice\n    password: b\n    targets: []\n',
    '5:14',
    /^the list is empty$/,
  ],
  [
    'a slip in the limits of a user',
    'users:\n  - name: alice\n    password: b\n    limits: {conections: 1}\n',
    '5:14',
    /^unknown key "conections"$/,
    /^did you mean connections\?$/,
  ],
  [
    'limits of a user that are none',
    'users:\n  - name: alice\n    password: b\n    limits: 100\n',
    '5:13',
    /^expected keys here: connections, rate, up, down, quota$/,
  ],
  [
    'a slip in the key of a user',
    'users:\n  - name: alice\n    pasword: hunter2\n    password: x\n',
    '4:5',
    /^unknown key "pasword"$/,
    /^did you mean password\?$/,
  ],
  [
    'a name with a control character',
    'users: [{name: "a\\tb", password: c}]\n',
    '2:16',
    /^a user name may not have control characters in it$/,
  ],
  [
    'an MD5 hash',
    'users:\n  - name: alice\n    passwordHash: $apr1$hunter2$hunter2hunter2hunter2h\n',
    '4:19',
    /^expected a bcrypt or scrypt hash, and this is an MD5 hash \(\$apr1\$\)/,
    /htpasswd -B/,
  ],
  [
    'a plain password as a hash',
    'users:\n  - name: alice\n    passwordHash: hunter2\n',
    '4:19',
    /and this is a plain password or an unknown hash$/,
    /gyre hash-password/,
  ],
  [
    'a whole line of a users file as a hash',
    "users:\n  - name: alice\n    passwordHash: 'alice:$2y$05$hunter2'\n",
    '4:19',
    /and this is more than a hash$/,
    /^write only the hash, from its \$ on$/,
  ],
  [
    'a bcrypt hash as a password',
    'users:\n  - name: alice\n    password: $2b$04$GtjJVKvCo4nJaQOTEgggweEihRBS1kzunAM5z4uWazSnn0KFHaDLO\n',
    '4:15',
    /^this is the hash of a password$/,
    /passwordHash/,
  ],
  [
    'a password with a comma between braces',
    'users:\n  - {name: alice, password: hunter,2}\n',
    '3:36',
    /^between \{ and \} a comma ends a text, and what stands here has no value$/,
    /^put the text in quotes/,
  ],
  ['a group of keys as a key', 'users:\n  ? {password: hunter2}\n  : 1\n', '3:5', /^a key has to be a word$/],
  ['a list as a key', 'targets: {[hunter2]: 1}\n', '2:11', /^a key has to be a word$/],
  [
    'a key that is no word',
    "log: {'password: hunter2': 1}\n",
    '2:7',
    /^unknown key$/,
    /^known here: level, format, access$/,
  ],
  [
    'an scrypt hash between braces',
    'users: [{name: a, passwordHash: $scrypt$ln=15,r=8,p=1$hunter2$hunter2}]\n',
    '2:47',
    /^between \{ and \} a comma ends a text/,
    /quotes/,
  ],
  ['a list for a file of users', 'usersFile: [a]\n', '2:12', /^expected the path of an htpasswd file$/],
  ['a file of users without a name', "usersFile: ''\n", '2:12', /^expected the path of an htpasswd file$/],
  ['a slip in usersFile', 'userFile: a\n', '2:1', /^unknown key "userFile"$/, /^did you mean usersFile\?$/],
  [
    'an external check without a URL',
    'userCheck: {timeout: 1s}\n',
    '2:12',
    /^expected the URL of an HTTP endpoint$/,
    /^for example http:/,
  ],
  [
    'an external check that is a text',
    'userCheck: http://u:hunter2@auth.example\n',
    '2:12',
    /^expected keys here: url, timeout, cache$/,
  ],
  [
    'a URL of another kind',
    "userCheck: {url: 'ldap://u:hunter2@auth.example'}\n",
    '2:18',
    /^this is not an http or https URL$/,
    /^write for example http:/,
  ],
  ['a URL that is none', 'userCheck: {url: hunter2}\n', '2:18', /^this is not an http or https URL$/],
  [
    'a bare number for the time of a check',
    "userCheck: {url: 'https://a.example/', timeout: 2}\n",
    '2:49',
    /not the bare number 2$/,
    /2s or 2ms/,
  ],
  [
    'no time for a check',
    "userCheck: {url: 'https://a.example/', timeout: 1ms}\n",
    '2:49',
    /^1ms is too short$/,
    /10ms/,
  ],
  [
    'a slip in a key of the check',
    "userCheck: {url: 'https://a.example/', cashe: 1s}\n",
    '2:40',
    /^unknown key "cashe"$/,
    /^did you mean cache\?$/,
  ],
  [
    'what becomes of tunnels',
    'removedUsers: kep\n',
    '2:15',
    /^expected cut or keep, not "kep"$/,
    /^did you mean keep\?$/,
  ],
  [
    'a denied network that is none',
    'clients: {deny: [10.0.0.0/8, 10.0.0.1/8]}\n',
    '2:30',
    /has bits set beyond its prefix: write 10\.0\.0\.0\/8$/,
  ],
  [
    'a slip in clients',
    'clients: {denny: 10.0.0.0/8}\n',
    '2:11',
    /^unknown key "denny"$/,
    /^did you mean deny\?$/,
  ],
  [
    'rules that are no list',
    'targets:\n  rules: {deny: all}\n',
    '3:10',
    /^expected a list of rules, each with allow or deny$/,
  ],
  [
    'a rule that is a text',
    'targets:\n  rules:\n    - deny all\n',
    '4:7',
    /^expected a rule, such as \{deny: /,
  ],
  [
    'a rule without a verb',
    'targets:\n  rules:\n    - users: alice\n',
    '4:7',
    /^the rule neither allows nor denies$/,
    /^write for example \{deny:/,
  ],
  [
    'a rule with both',
    'targets:\n  rules:\n    - {allow: a.example, deny: all}\n',
    '4:7',
    /^the rule has both allow and deny$/,
    /^make two rules of it/,
  ],
  [
    'a slip in a rule',
    'targets:\n  rules:\n    - {deny: all, user: alice}\n',
    '4:19',
    /^unknown key "user"$/,
    /^did you mean users\?$/,
  ],
  ['a rule about nothing', 'targets:\n  rules:\n    - deny: []\n', '4:13', /^the list is empty$/],
  [
    'a rule about nobody',
    'targets:\n  rules:\n    - {deny: all, users: []}\n',
    '4:26',
    /^the list is empty$/,
  ],
  [
    'a rule about a number',
    'targets:\n  rules:\n    - deny: 25\n',
    '4:13',
    /^expected a target such as example\.com, .*, or a list of them$/,
  ],
  [
    'a rule about a number in a list',
    'targets:\n  rules:\n    - deny: [all, 25]\n',
    '4:19',
    /^expected a target such as example\.com/,
  ],
  [
    'a star in the middle',
    "targets:\n  rules:\n    - deny: 'www.*.example'\n",
    '4:13',
    /^"www\.\*\.example" has a star in a wrong place: write /,
  ],
  [
    'ports that are none',
    "targets:\n  rules:\n    - deny: ['example.com:0', ':25']\n",
    '4:14',
    /^"example\.com:0" has no valid ports behind its colon/,
  ],
  [
    'a network with host bits',
    'targets:\n  rules:\n    - allow: 10.0.0.1/8\n',
    '4:14',
    /has bits set beyond its prefix/,
  ],
  [
    'a user of a rule that is none',
    'users:\n  - name: alice\n    password: b\ntargets:\n  rules:\n    - {deny: all, users: [alice, alicia]}\n',
    '7:34',
    /^there is no user "alicia"$/,
    /^did you mean alice\?$/,
  ],
  [
    'a user of a rule where there are none',
    'targets:\n  rules:\n    - {deny: all, users: alice}\n',
    '4:26',
    /^there is no user "alice"$/,
    /^add it to users, or leave it out here$/,
  ],
  [
    'a number for a user of a rule',
    'targets:\n  rules:\n    - {deny: all, users: 7}\n',
    '4:26',
    /^expected the name of a user, or a list of them$/,
  ],
  [
    'limits of nobody known',
    'limits: {clients: {connections: 1}}\n',
    '2:10',
    /^unknown key "clients"$/,
    /^did you mean client\?$/,
  ],
  [
    'a text for connections',
    'limits: {all: {connections: many}}\n',
    '2:29',
    /^expected a whole number from 1 to 1000000000$/,
    /^leave it out for no limit$/,
  ],
  [
    'no connections',
    'limits: {client: {connections: 0}}\n',
    '2:32',
    /^expected a whole number from 1 to 1000000000$/,
    /^leave it out for no limit$/,
  ],
  ['half a connection', 'limits: {client: {connections: 1.5}}\n', '2:32', /^expected a whole number from 1/],
  [
    'a rate by the day',
    'limits: {all: {rate: 20/d}}\n',
    '2:22',
    /^expected a rate such as 20\/s, not "20\/d"$/,
    /^write 20\/s, 600\/m or 1000\/h$/,
  ],
  ['a rate without time', 'limits: {all: {rate: 20}}\n', '2:22', /^expected a rate such as 20\/s$/],
  [
    'a speed without a unit',
    'limits: {user: {up: 1000000}}\n',
    '2:21',
    /^expected a speed such as 1MB\/s, not the bare number 1000000$/,
    /^give a unit: 1000000B\/s are bytes$/,
  ],
  [
    'a speed that is a size',
    'limits: {user: {down: 1MB}}\n',
    '2:23',
    /^expected a speed such as 1MB\/s, not "1MB"$/,
    /^write 1MB\/s$/,
  ],
  ['a switch for a speed', 'limits: {user: {down: true}}\n', '2:23', /^expected a speed such as 1MB\/s$/],
  [
    'a quota without a period',
    'limits: {user: {quota: 100GB}}\n',
    '2:24',
    /^expected a quota such as 100GB\/month, not "100GB"$/,
    /^say for how long: 100GB\/hour, /,
  ],
  [
    'a quota without a unit',
    'limits: {user: {quota: 100}}\n',
    '2:24',
    /not the bare number 100$/,
    /^give a unit: 100B\/month are bytes$/,
  ],
  [
    'limits of a listener',
    'listen: [{address: 1, limits: {rate: fast}}]\n',
    '2:38',
    /^expected a rate such as 20\/s, not "fast"$/,
  ],
  [
    'a slip in the limits of a listener',
    'listen: {address: 1, limits: {rates: 1/s}}\n',
    '2:31',
    /^unknown key "rates"$/,
    /^did you mean rate\?$/,
  ],
  [
    'handshakes below nothing',
    'limits: {handshakes: -1}\n',
    '2:22',
    /^expected a whole number from 0 to 1000000000$/,
  ],
  [
    'a text for failures',
    'limits: {logins: {failures: none}}\n',
    '2:29',
    /^expected a whole number from 0 to 1000000000$/,
  ],
  [
    'a bare number for a ban',
    'limits: {logins: {ban: 60}}\n',
    '2:24',
    /not the bare number 60$/,
    /60s or 60ms/,
  ],
  ['a ban for ever', 'limits: {logins: {ban: 9999h}}\n', '2:24', /^9999h is too long$/],
  [
    'a slip in logins',
    'limits: {logins: {bann: 1m}}\n',
    '2:19',
    /^unknown key "bann"$/,
    /^did you mean ban\?$/,
  ],
  ['a file of quotas without a name', "limits: {quotaFile: ''}\n", '2:21', /^expected the path of a file$/],
  [
    'limits that are a number',
    'limits: 100\n',
    '2:9',
    /^expected keys here: all, client, user, handshakes, logins, quotaFile$/,
  ],
  ['a share above all', 'overload: {memory: 90}\n', '2:20', /^expected a share from 0 to 1$/],
  ['a share in percent', 'overload: {descriptors: 95%}\n', '2:25', /^expected a share from 0 to 1$/],
  ['a bare delay', 'overload: {loopDelay: 200}\n', '2:23', /not the bare number 200$/, /200s or 200ms/],
  [
    'a slip in overload',
    'overload: {descriptor: 0.5}\n',
    '2:12',
    /^unknown key "descriptor"$/,
    /^did you mean descriptors\?$/,
  ],
];

suite('every mistake has a line, a sentence and where possible a hint', () => {
  for (const [name, text, at, message, hint = /^/] of CASES) {
    test(name, () => {
      writeFileSync(file, `pool: 127.0.0.2\n${text}`);
      assert.throws(
        () => loadConfig({ file }),
        (error) => {
          assert.ok(error instanceof ConfigError, String(error));
          const [problem, ...more] = error.problems;
          assert.deepEqual(more, []);
          assert.equal(problem!.where, `${file}:${at}`);
          assert.match(problem!.message, message);
          assert.match(problem!.hint ?? '', hint);
          assert.doesNotMatch(problem!.message, /\.$|Invalid input|undefined/);
          assert.doesNotMatch(`${error.message}${problem!.frame}`, /hunter/);
          return true;
        },
      );
    });
  }
});
