import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { ConfigError, loadConfig, type Problem } from '../../../src/runtime/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-config-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'gyre.yaml');

function problemsOf(text: string, environment: Record<string, string> = {}): readonly Problem[] {
  writeFileSync(file, text);
  try {
    loadConfig({ file, environment });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ where, message, hint }) => ({
      where: where.replace(`${folder}/`, ''),
      message,
      hint,
    }));
  }
  return [];
}

interface Case {
  readonly name: string;
  readonly text: string;
  /** Line and column. */
  readonly at: string;
  readonly message: RegExp;
  readonly hint?: RegExp;
}

const POOL = 'pool: 127.0.0.2\n';

const CASES: readonly Case[] = [
  // Keys
  {
    name: 'no pool',
    text: 'workers: 1\n',
    at: '1:1',
    message: /^there is no pool/,
    hint: /--pool .*GYRE_POOL.*pool:/,
  },
  { name: 'empty list of terms', text: 'pool: []\n', at: '1:7', message: /^the list is empty$/ },
  {
    name: 'unknown key',
    text: `${POOL}wrokers: 1\n`,
    at: '2:1',
    message: /^unknown key "wrokers"$/,
    hint: /^did you mean workers\?$/,
  },
  {
    name: 'unknown key like nothing',
    text: `${POOL}colour: 1\n`,
    at: '2:1',
    message: /^unknown key "colour"$/,
    hint: /^known here: listen, tls, pool, .*echo, admin$/,
  },
  {
    name: 'unknown key in a group',
    text: `${POOL}timeouts:\n  idel: 1h\n`,
    at: '3:3',
    message: /^unknown key "idel"$/,
    hint: /^did you mean idle\?$/,
  },
  {
    name: 'unknown key of a user, which may be a piece of its password',
    text: `${POOL}users:\n  - name: a\n    password: b\n    hunter2: c\n`,
    at: '5:5',
    message: /^unknown key$/,
    hint: /^known here: name, password, passwordHash, pool, pools, strategy, expires, targets, limits$/,
  },
  {
    name: 'a key of Object.prototype',
    text: `${POOL}constructor: 1\n`,
    at: '2:1',
    message: /^unknown key "constructor"$/,
  },
  {
    name: '__proto__',
    text: `${POOL}__proto__: {workers: 1}\n`,
    at: '2:1',
    message: /^unknown key "__proto__"$/,
  },
  {
    name: 'a key given twice',
    text: `${POOL}workers: 1\nworkers: 2\n`,
    at: '3:1',
    message: /^the key workers is given twice$/,
    hint: /leave one/,
  },
  { name: 'no keys at all', text: '- 127.0.0.2\n', at: '1:1', message: /^expected options such as pool/ },
  // Types
  {
    name: 'text for a group',
    text: `${POOL}log: debug\n`,
    at: '2:6',
    message: /^expected keys here: level, format, access$/,
  },
  {
    name: 'list for a group',
    text: `${POOL}timeouts: [1s]\n`,
    at: '2:11',
    message: /^expected keys here: proxyHeader, handshake, /,
  },
  {
    name: 'number for a pool',
    text: 'pool: 7\n',
    at: '1:7',
    message: /^expected addresses such as .*or a list of them$/,
  },
  {
    name: 'number in a pool',
    text: 'pool:\n  - 127.0.0.2\n  - 7\n',
    at: '3:5',
    message: /^expected addresses such as 192/,
  },
  {
    name: 'text for a switch',
    text: `${POOL}openRelay: "yes"\n`,
    at: '2:12',
    message: /^expected true or false$/,
  },
  {
    name: 'yes is text in YAML 1.2',
    text: `${POOL}targets: {allowPrivate: yes}\n`,
    at: '2:25',
    message: /^expected true or false$/,
  },
  {
    name: 'a word unknown',
    text: `${POOL}cursor: destinations\n`,
    at: '2:9',
    message: /^expected destination, global or user, not "destinations"$/,
    hint: /did you mean destination\?/,
  },
  {
    name: 'a log level of others',
    text: `${POOL}log:\n  level: warning\n`,
    at: '3:10',
    message: /^expected error, warn, info or debug, not "warning"$/,
    hint: /did you mean warn\?/,
  },
  {
    name: 'text for workers',
    text: `${POOL}workers: two\n`,
    at: '2:10',
    message: /^expected a whole number from 0 to 256$/,
  },
  {
    name: 'half a worker',
    text: `${POOL}workers: 1.5\n`,
    at: '2:10',
    message: /^expected a whole number from 0 to 256$/,
  },
  {
    name: 'too many workers',
    text: `${POOL}workers: 257\n`,
    at: '2:10',
    message: /^expected a whole number from 0 to 256$/,
  },
  {
    name: 'less than no workers',
    text: `${POOL}workers: -1\n`,
    at: '2:10',
    message: /^expected a whole number from 0 to 256$/,
  },
  {
    name: 'access log is a switch',
    text: `${POOL}log: {access: true}\n`,
    at: '2:15',
    message: /^expected off, - or the path of a file$/,
  },
  // Durations
  {
    name: 'a bare number',
    text: `${POOL}timeouts:\n  idle: 30\n`,
    at: '3:9',
    message: /^expected a duration such as 10s, not the bare number 30$/,
    hint: /^give a unit: 30s or 30ms$/,
  },
  {
    name: 'a bare number in quotes',
    text: `${POOL}timeouts:\n  idle: '30'\n`,
    at: '3:9',
    message: /not the bare number 30$/,
    hint: /30s or 30ms/,
  },
  {
    name: 'a strange unit',
    text: `${POOL}timeouts:\n  fin: 3 days\n`,
    at: '3:8',
    message: /^expected a duration such as 10s, not "3 days"$/,
    hint: /ms, s, m and h/,
  },
  {
    name: 'no duration',
    text: `${POOL}timeouts: {dns: [1s]}\n`,
    at: '2:17',
    message: /^expected a duration such as 10s$/,
  },
  {
    name: 'below nothing',
    text: `${POOL}timeouts: {dns: -1s}\n`,
    at: '2:17',
    message: /^expected a duration such as 10s, not "-1s"$/,
  },
  {
    name: 'no time at all',
    text: `${POOL}timeouts: {connect: 0s}\n`,
    at: '2:21',
    message: /^0s is too short$/,
    hint: /1ms/,
  },
  {
    name: 'longer than a timer',
    text: `${POOL}timeouts: {idle: 577h}\n`,
    at: '2:18',
    message: /^577h is too long$/,
    hint: /576h/,
  },
  // Listen addresses
  {
    name: 'no port',
    text: `${POOL}listen: 127.0.0.1\n`,
    at: '2:9',
    message: /^"127\.0\.0\.1" has no port$/,
    hint: /^write 127\.0\.0\.1:1080$/,
  },
  {
    name: 'IPv6 without brackets',
    text: `${POOL}listen: "::1:1080"\n`,
    at: '2:9',
    message: /^"::1:1080" needs brackets/,
    hint: /\[::1\]:1080/,
  },
  {
    name: 'IPv6 without port',
    text: `${POOL}listen: '[::1]'\n`,
    at: '2:9',
    message: /^"\[::1\]" has no port$/,
    hint: /^write \[::1\]:1080$/,
  },
  {
    name: 'no address in brackets',
    text: `${POOL}listen: '[127.0.0.1]:1'\n`,
    at: '2:9',
    message: /has no IPv6 address in its brackets$/,
  },
  {
    name: 'a URL',
    text: `${POOL}listen: socks5://127.0.0.1:1080\n`,
    at: '2:9',
    message: /is not a listen address$/,
    hint: /leave the scheme out.*write 127\.0\.0\.1:1080$/,
  },
  {
    name: 'a name',
    text: `${POOL}listen: proxy.example:1080\n`,
    at: '2:9',
    message: /names are not resolved/,
  },
  {
    name: 'a star',
    text: `${POOL}listen: '*:1080'\n`,
    at: '2:9',
    message: /is not a listen address$/,
    hint: /^write :1080$/,
  },
  {
    name: 'an odd spelling',
    text: `${POOL}listen: 127.1:1080\n`,
    at: '2:9',
    message: /^"127\.1" is not an IPv4 address$/,
  },
  {
    name: 'a port too high',
    text: `${POOL}listen: 127.0.0.1:65536\n`,
    at: '2:9',
    message: /has no valid port$/,
    hint: /0 to 65535/,
  },
  {
    name: 'a bare port too high',
    text: `${POOL}listen: 65536\n`,
    at: '2:9',
    message: /^ports go from 0 to 65535$/,
  },
  {
    name: 'a port below zero',
    text: `${POOL}listen: [-1]\n`,
    at: '2:10',
    message: /^ports go from 0 to 65535$/,
  },
  {
    name: 'a map without an address',
    text: `${POOL}listen: {mode: '660'}\n`,
    at: '2:9',
    message: /^the listener has no address$/,
    hint: /^for example \{address: tls:\/\/:1443\}$/,
  },
  {
    name: 'an unknown key of a listener in the list',
    text: `${POOL}listen:\n  - 1080\n  - {address: 1081, port: 1081}\n`,
    at: '4:21',
    message: /^unknown key "port"$/,
    hint: /^known here: address, cert, key, clientCa, sessionDomain, proxyProtocol, mode, limits$/,
  },
  {
    name: 'a slip in a key of a single listener',
    text: `${POOL}listen: {address: 1081, proxyProtokol: 10.0.0.0/8}\n`,
    at: '2:25',
    message: /^unknown key "proxyProtokol"$/,
    hint: /^did you mean proxyProtocol\?$/,
  },
  {
    name: 'an address of a listener that is none',
    text: `${POOL}listen: {address: true}\n`,
    at: '2:19',
    message: /^expected an address and port such as 127\.0\.0\.1:1080$/,
  },
  {
    name: 'a bad address of a listener',
    text: `${POOL}listen: [{address: 'tls://127.0.0.1'}]\n`,
    at: '2:20',
    message: /^"tls:\/\/127\.0\.0\.1" has no port$/,
    hint: /^write tls:\/\/127\.0\.0\.1:1080$/,
  },
  {
    name: 'a list that is empty',
    text: `${POOL}listen: []\n`,
    at: '2:9',
    message: /^the list is empty$/,
  },
  // TLS
  {
    name: 'TLS without a certificate',
    text: `${POOL}listen: [1080, 'tls://:1443']\nopenRelay: true\n`,
    at: '2:16',
    message: /^tls:\/\/\[::\]:1443 has no certificate$/,
    hint: /tls: \{cert: FILE, key: FILE\}, --tls-cert and --tls-key, .*make one with: gyre cert$/,
  },
  {
    name: 'a range with TLS and no certificate, once',
    text: `${POOL}listen: 'tls://127.0.0.1:1-100'\n`,
    at: '2:9',
    message: /^tls:\/\/127\.0\.0\.1:1-100 has no certificate$/,
  },
  {
    name: 'a certificate without a key',
    text: `${POOL}tls:\n  cert: a.pem\n`,
    at: '3:9',
    message: /^cert is given, but key is not$/,
    hint: /tls\.key, --tls-key or GYRE_TLS_KEY/,
  },
  {
    name: 'a key without a certificate',
    text: `${POOL}tls: {key: a.pem}\nlisten: 'tls://1443'\n`,
    at: '2:12',
    message: /^key is given, but cert is not$/,
  },
  {
    name: 'half a pair of a listener, whatever the group has',
    text: `${POOL}tls: {cert: a.pem, key: b.pem}\nlisten:\n  address: tls://1443\n  cert: c.pem\n`,
    at: '5:9',
    message: /^cert is given, but key is not$/,
    hint: /^name the other file as key;/,
  },
  {
    name: 'a certificate for a listener without TLS',
    text: `${POOL}listen: [{address: 1080, cert: a.pem}]\n`,
    at: '2:32',
    message: /^cert is for TLS, and this listener has none$/,
    hint: /^write address: tls:\/\/127\.0\.0\.1:1080$/,
  },
  {
    name: 'sessions by server name without TLS',
    text: `${POOL}listen: {address: 1080, sessionDomain: a.example}\n`,
    at: '2:40',
    message: /^sessionDomain is for TLS, and this listener has none$/,
  },
  {
    name: 'a certificate for a Unix socket',
    text: `${POOL}listen: {address: 'unix:/run/g', cert: a.pem}\n`,
    at: '2:40',
    message: /^cert is for TLS, and this listener has none$/,
    hint: /TLS on a Unix socket is not supported$/,
  },
  {
    name: 'a key itself, which is not shown',
    text: `${POOL}tls:\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    hunter2\n`,
    at: '3:8',
    message: /^this is the content of a file$/,
    hint: /^expected its path$/,
  },
  {
    name: 'a file in numbers',
    text: `${POOL}tls: {clientCa: 7}\n`,
    at: '2:17',
    message: /^expected the path of a PEM file$/,
  },
  {
    name: 'no domain',
    text: `${POOL}tls: {sessionDomain: '*.proxy.example'}\n`,
    at: '2:22',
    message: /^"\*\.proxy\.example" is not a domain$/,
    hint: /^write for example proxy\.example$/,
  },
  {
    name: 'unknown key of the group',
    text: `${POOL}tls: {certificate: a.pem}\n`,
    at: '2:7',
    message: /^unknown key "certificate"$/,
    hint: /^did you mean cert\?$/,
  },
  {
    name: 'TLS is a switch',
    text: `${POOL}tls: on\n`,
    at: '2:6',
    message: /^expected keys here: cert, key, clientCa, sessionDomain$/,
  },
  {
    name: 'another name for TLS',
    text: `${POOL}listen: https://:1443\n`,
    at: '2:9',
    message: /is not a listen address$/,
    hint: /write tls:\/\/:1443$/,
  },
  {
    name: 'TLS without its slashes',
    text: `${POOL}listen: tls:1443\n`,
    at: '2:9',
    message: /is not a listen address$/,
    hint: /^write tls:\/\/:1443$/,
  },
  // Unix sockets
  {
    name: 'a path that is not whole',
    text: `${POOL}listen: unix:gyre.sock\n`,
    at: '2:9',
    message: /^"unix:gyre\.sock" is not a whole path$/,
    hint: /^write unix:\/run\/gyre\.sock$/,
  },
  {
    name: 'a URL with a host',
    text: `${POOL}listen: unix://run/gyre.sock\n`,
    at: '2:9',
    message: /is not a whole path$/,
  },
  {
    name: 'a path alone',
    text: `${POOL}listen: /run/gyre.sock\n`,
    at: '2:9',
    message: /is not a listen address$/,
    hint: /write unix:\/run\/gyre\.sock$/,
  },
  {
    name: 'a folder',
    text: `${POOL}listen: unix:/run/\n`,
    at: '2:9',
    message: /^"unix:\/run\/" is not the path of a file$/,
  },
  {
    name: 'a path the kernel has no room for',
    text: `${POOL}listen: unix:/${'ä'.repeat(53)}x\n`,
    at: '2:9',
    message: /is too long: the path has 108 bytes$/,
    hint: /107/,
  },
  {
    name: 'TLS on a Unix socket',
    text: `${POOL}listen: tls://unix:/run/gyre.sock\n`,
    at: '2:9',
    message: /puts TLS on a Unix socket, which is not supported$/,
  },
  {
    name: 'a mode in decimal digits',
    text: `${POOL}listen: {address: 'unix:/run/g', mode: '698'}\n`,
    at: '2:40',
    message: /^"698" is not a mode in octal digits$/,
    hint: /'660'/,
  },
  {
    name: 'a mode without quotes, which might mean anything',
    text: `${POOL}listen: {address: 'unix:/run/g', mode: 0660}\n`,
    at: '2:40',
    message: /^expected the mode of the socket as text$/,
    hint: /^put it in quotes: '660'$/,
  },
  {
    name: 'a mode of a port',
    text: `${POOL}listen: {address: 1080, mode: '660'}\n`,
    at: '2:31',
    message: /^mode is for Unix sockets/,
  },
  {
    name: 'a Unix socket twice',
    text: `${POOL}listen: ['unix:/run/g', 'unix:/run/../run/g']\n`,
    at: '2:25',
    message: /^unix:\/run\/g is given twice$/,
  },
  // PROXY protocol
  {
    name: 'a load balancer that is none',
    text: `${POOL}listen: {address: 1080, proxyProtocol: [10.0.0.0/8, true]}\n`,
    at: '2:53',
    message: /^expected a network such as 192\.0\.2\.0\/24$/,
  },
  {
    name: 'host bits in the network of load balancers',
    text: `${POOL}listen: [{address: 1080, proxyProtocol: 10.0.0.1/8}]\n`,
    at: '2:41',
    message: /bits set beyond its prefix: write 10\.0\.0\.0\/8$/,
  },
  {
    name: 'PROXY headers of nobody',
    text: `${POOL}listen: {address: 1080, proxyProtocol: []}\n`,
    at: '2:40',
    message: /^the list is empty$/,
  },
  {
    name: 'PROXY headers on a Unix socket',
    text: `${POOL}listen: {address: 'unix:/run/g', proxyProtocol: 10.0.0.0/8}\n`,
    at: '2:49',
    message: /^who connects to a Unix socket has no address/,
  },
  // Keys inside keys
  {
    name: 'a slip in a key two groups down',
    text: `${POOL}health:\n  backoff: {frist: 5s}\n`,
    at: '3:13',
    message: /^unknown key "frist"$/,
    hint: /^did you mean first\?$/,
  },
  {
    name: 'an unknown key two groups down',
    text: `${POOL}health: {probe: {target: 'tcp://192.0.2.1:443', colour: 1}}\n`,
    at: '2:49',
    message: /^unknown key "colour"$/,
    hint: /^known here: target, interval, timeout, concurrency, rise, fall$/,
  },
  {
    name: 'an address twice',
    text: `${POOL}listen: [1080, 'localhost:1080']\n`,
    at: '2:16',
    message: /^127\.0\.0\.1:1080 is given twice$/,
    hint: /leave one/,
  },
  {
    name: 'the echo on a listener',
    text: `${POOL}listen: 1080\necho: 127.0.0.1:1080\n`,
    at: '3:7',
    message: /^127\.0\.0\.1:1080 is given twice$/,
    hint: /a port of its own/,
  },
  {
    name: 'a public echo',
    text: `${POOL}echo: 0.0.0.0:1081\n`,
    at: '2:7',
    message: /^the echo listener may only be on loopback/,
    hint: /write 127\.0\.0\.1:1081/,
  },
  {
    name: 'an echo that is no address',
    text: `${POOL}echo: true\n`,
    at: '2:7',
    message: /^expected an address and port such as 127\.0\.0\.1:1081, or off$/,
  },
  // Rotation
  {
    name: 'a strategy misspelt',
    text: `${POOL}strategy: roundrobin\n`,
    at: '2:11',
    message: /^expected round-robin, random, .*, hash or sequential, not "roundrobin"$/,
    hint: /^did you mean round-robin\?$/,
  },
  {
    name: 'a strategy that does not exist',
    text: `${POOL}strategy: fastest\n`,
    at: '2:11',
    message: /^expected .*least-recently-used, least-connections, weighted, .*, not "fastest"$/,
  },
  {
    name: 'cursors of users',
    text: `${POOL}cursor: users\n`,
    at: '2:9',
    message: /^expected destination, global or user, not "users"$/,
    hint: /^did you mean user\?$/,
  },
  {
    name: 'hashing by clients',
    text: `${POOL}hashBy: clients\n`,
    at: '2:9',
    message: /^expected client, user or destination, not "clients"$/,
    hint: /^did you mean client\?$/,
  },
  {
    name: 'every no request',
    text: `${POOL}every: 0\n`,
    at: '2:8',
    message: /^expected a number of requests such as 100, or a duration such as 5m$/,
  },
  {
    name: 'every half a request',
    text: `${POOL}every: 1.5\n`,
    at: '2:8',
    message: /^expected a number of requests such as 100, or a duration such as 5m$/,
  },
  {
    name: 'every so many requests that it is never',
    text: `${POOL}every: 1000000001\n`,
    at: '2:8',
    message: /^expected a number of requests such as 100/,
  },
  {
    name: 'every list',
    text: `${POOL}every: [1]\n`,
    at: '2:8',
    message: /^expected a number of requests such as 100/,
  },
  {
    name: 'every moment',
    text: `${POOL}every: 0s\n`,
    at: '2:8',
    message: /^0s is too short$/,
    hint: /^the least is 1ms$/,
  },
  {
    name: 'every now and then',
    text: `${POOL}every: 5 minutes\n`,
    at: '2:8',
    message: /not "5 minutes"$/,
    hint: /ms, s, m and h/,
  },
  {
    name: 'a family alone',
    text: `${POOL}family: 4\n`,
    at: '2:9',
    message: /^expected keys here: prefer, only, stagger$/,
  },
  {
    name: 'a family there is not',
    text: `${POOL}family: {prefer: 5}\n`,
    at: '2:18',
    message: /^expected 4 or 6, not 5$/,
  },
  {
    name: 'a family as text',
    text: `${POOL}family: {only: '4'}\n`,
    at: '2:16',
    message: /^expected 4 or 6, not "4"$/,
    hint: /^did you mean 4\?$/,
  },
  {
    name: 'a stagger below the least of RFC 8305',
    text: `${POOL}family: {stagger: 5ms}\n`,
    at: '2:19',
    message: /^5ms is too short$/,
    hint: /^the least is 10ms$/,
  },
  {
    name: 'a stagger without a unit',
    text: `${POOL}family:\n  stagger: 250\n`,
    at: '3:12',
    message: /not the bare number 250$/,
    hint: /250ms/,
  },
  {
    name: 'unknown key of the family',
    text: `${POOL}family: {prefers: 4}\n`,
    at: '2:10',
    message: /^unknown key "prefers"$/,
    hint: /^did you mean prefer\?$/,
  },
  {
    name: 'ports misspelt',
    text: `${POOL}ports: kernal\n`,
    at: '2:8',
    message: /^expected own or kernel, not "kernal"$/,
    hint: /^did you mean kernel\?$/,
  },
  {
    name: 'a range of ports',
    text: `${POOL}ports: 1024-65535\n`,
    at: '2:8',
    message: /^expected own or kernel, not "1024-65535"$/,
  },
  // Sessions
  {
    name: 'sessions are a switch',
    text: `${POOL}sessions: on\n`,
    at: '2:11',
    message: /^expected keys here: by, ttl, idle, strict, file$/,
  },
  {
    name: 'sessions by something else',
    text: `${POOL}sessions: {by: clients}\n`,
    at: '2:16',
    message: /^expected name, client, port or listen, not "clients"$/,
    hint: /^did you mean client\?$/,
  },
  {
    name: 'a session without a unit',
    text: `${POOL}sessions: {ttl: 10}\n`,
    at: '2:17',
    message: /not the bare number 10$/,
    hint: /10s or 10ms/,
  },
  {
    name: 'a strictness in numbers',
    text: `${POOL}sessions: {strict: 1}\n`,
    at: '2:20',
    message: /^expected true or false$/,
  },
  {
    name: 'a file of sessions that is none',
    text: `${POOL}sessions: {file: 1}\n`,
    at: '2:18',
    message: /^expected the path of a file$/,
  },
  // Health
  {
    name: 'health is a switch',
    text: `${POOL}health: off\n`,
    at: '2:9',
    message: /^expected keys here: failures, floor, backoff, probe$/,
  },
  {
    name: 'ejection without a failure',
    text: `${POOL}health: {failures: 0}\n`,
    at: '2:20',
    message: /^expected a whole number from 1 to 1000$/,
  },
  {
    name: 'a floor in percent',
    text: `${POOL}health: {floor: 50%}\n`,
    at: '2:17',
    message: /^expected a share from 0 to 1$/,
  },
  {
    name: 'a floor above all',
    text: `${POOL}health: {floor: 50}\n`,
    at: '2:17',
    message: /^expected a share from 0 to 1$/,
  },
  {
    name: 'unknown key of health',
    text: `${POOL}health: {failure: 2}\n`,
    at: '2:10',
    message: /^unknown key "failure"$/,
    hint: /^did you mean failures\?$/,
  },
  {
    name: 'one back-off',
    text: `${POOL}health: {backoff: 5s}\n`,
    at: '2:19',
    message: /^expected keys here: first, last$/,
  },
  {
    name: 'a back-off without a unit',
    text: `${POOL}health:\n  backoff:\n    first: 5\n`,
    at: '4:12',
    message: /not the bare number 5$/,
    hint: /^give a unit: 5s or 5ms$/,
  },
  {
    name: 'a back-off of hardly anything',
    text: `${POOL}health: {backoff: {last: 5ms}}\n`,
    at: '2:26',
    message: /^5ms is too short$/,
    hint: /^the least is 10ms$/,
  },
  {
    name: 'a probe of nothing',
    text: `${POOL}health:\n  probe:\n    interval: 5s\n`,
    at: '4:5',
    message: /^expected a target such as tcp:\/\/192\.0\.2\.1:443$/,
  },
  {
    name: 'a probe of an address',
    text: `${POOL}health: {probe: {target: 192.0.2.1}}\n`,
    at: '2:26',
    message: /^the probe target is not a tcp:\/\/ or http:\/\/ URL/,
  },
  {
    name: 'a probe by https',
    text: `${POOL}health: {probe: {target: https://192.0.2.1/}}\n`,
    at: '2:26',
    message: /^the probe target is not a tcp:\/\/ or http:\/\/ URL/,
  },
  {
    name: 'a probe without a port',
    text: `${POOL}health: {probe: {target: tcp://192.0.2.1}}\n`,
    at: '2:26',
    message: /^the probe target has no port/,
  },
  {
    name: 'a probe with a password, which is not shown',
    text: `${POOL}health: {probe: {target: http://alice:hunter2@192.0.2.1/}}\n`,
    at: '2:26',
    message: /^(?!.*hunter2)the probe target takes no user name and no password/,
  },
  {
    name: 'probes all the time',
    text: `${POOL}health: {probe: {target: 'tcp://192.0.2.1:443', interval: 50ms}}\n`,
    at: '2:59',
    message: /^50ms is too short$/,
    hint: /^the least is 100ms$/,
  },
  {
    name: 'a probe without time',
    text: `${POOL}health: {probe: {target: 'tcp://192.0.2.1:443', timeout: 1}}\n`,
    at: '2:58',
    message: /not the bare number 1$/,
    hint: /1s or 1ms/,
  },
  {
    name: 'no probes at a time',
    text: `${POOL}health: {probe: {target: 'tcp://192.0.2.1:443', concurrency: 0}}\n`,
    at: '2:62',
    message: /^expected a whole number from 1 to 1000$/,
  },
  {
    name: 'a rise in words',
    text: `${POOL}health: {probe: {target: 'tcp://192.0.2.1:443', rise: two}}\n`,
    at: '2:55',
    message: /^expected a whole number from 1 to 100$/,
  },
  {
    name: 'a fall too deep',
    text: `${POOL}health: {probe: {target: 'tcp://192.0.2.1:443', fall: 101}}\n`,
    at: '2:55',
    message: /^expected a whole number from 1 to 100$/,
  },
  {
    name: 'unknown key of the probe',
    text: `${POOL}health: {probe: {target: 'tcp://192.0.2.1:443', timout: 1s}}\n`,
    at: '2:49',
    message: /^unknown key "timout"$/,
  },
  {
    name: 'a range of ports that is reversed',
    text: `${POOL}listen: 127.0.0.1:10100-10001\n`,
    at: '2:9',
    message: /has no valid range of ports$/,
    hint: /^write for example 127\.0\.0\.1:10001-10100$/,
  },
  {
    name: 'a range of all ports',
    text: `${POOL}listen: 127.0.0.1:1-65535\n`,
    at: '2:9',
    message: /has too many ports$/,
    hint: /4096/,
  },
  // Pool
  {
    name: 'no address',
    text: 'pool:\n  - 127.0.0.2\n  - 127.0.0.300\n',
    at: '3:5',
    message: /^"127\.0\.0\.300" is not an IP address/,
    hint: /supported are/,
  },
  {
    name: 'host bits',
    text: 'pool: 127.0.0.2,127.0.1.1/24\n',
    at: '1:7',
    message: /host bits set$/,
    hint: /did you mean 127\.0\.1\.0\/24/,
  },
  {
    name: 'a term twice',
    text: 'pool:\n  - 127.0.0.2\n  - 127.0.0.2\n',
    at: '3:5',
    message: /is written twice$/,
  },
  {
    name: 'terms that overlap',
    text: 'pool:\n  - 127.0.0.2\n  - 127.0.0.0/29\n',
    at: '3:5',
    message: /^"127\.0\.0\.0\/29" overlaps "127\.0\.0\.2"/,
  },
  {
    name: 'an idle exclusion',
    text: "pool:\n  - 127.0.0.2\n  - '!127.0.0.9'\n",
    at: '3:5',
    message: /removes nothing from the pool$/,
  },
  {
    name: 'everything excluded',
    text: "pool:\n  - 127.0.0.2\n  - '!127.0.0.0/8'\n",
    at: '2:3',
    message: /^the pool is empty/,
  },
  {
    name: 'an exclusion alone',
    text: "pool: '!127.0.0.2'\n",
    at: '1:7',
    message: /removes nothing|the pool is empty/,
  },
  {
    name: 'a weight of nothing',
    text: 'pool:\n  - 127.0.0.2\n  - 127.0.0.3*0\n',
    at: '3:5',
    message: /^"127\.0\.0\.3\*0" has a bad weight: .* 1 to 1000$/,
    hint: /write !ADDRESS$/,
  },
  {
    name: 'a tag that is none',
    text: 'pool: 127.0.0.2;country\n',
    at: '1:7',
    message: /has a bad tag: "country" is not KEY=VALUE$/,
    hint: /country=de$/,
  },
  {
    name: 'identities of IPv4',
    text: 'pool: 127.0.0.0/24;identity=64\n',
    at: '1:7',
    message: /cannot rotate by whole \/64s$/,
    hint: /2001:db8::\/48;identity=64$/,
  },
  {
    name: 'a file from somewhere',
    text: 'pool: file:pool.txt\n',
    at: '1:7',
    message: /is not a whole path$/,
    hint: /file:\/etc\/gyre\/pool\.txt$/,
  },
  {
    name: 'a source refreshed all the time',
    text: 'pool: file:/etc/gyre/pool.txt;refresh=1ms\n',
    at: '1:7',
    message: /has a bad refresh: .* 1s to 24h$/,
    hint: /refresh=10s$/,
  },
  {
    name: 'a broken URL, which is not shown',
    text: 'pool: https://alice:hunter2@\n',
    at: '1:7',
    message: /^"https:" begins no valid URL$/,
    hint: /https:\/\/lists\.example\/pool\.txt$/,
  },
  {
    name: 'an exclusion of what nobody knows yet',
    text: "pool: [127.0.0.2, '!file:/etc/gyre/pool.txt']\n",
    at: '1:19',
    message: /^"!file:\/etc\/gyre\/pool\.txt" cannot be excluded/,
    hint: /interface:NAME$/,
  },
  {
    name: 'another kind of source',
    text: 'pool: ftp://192.0.2.1/pool.txt\n',
    at: '1:7',
    message: /^"ftp:" is not supported as a source of addresses$/,
    hint: /^supported are /,
  },
  {
    name: 'named pools without names',
    text: `${POOL}pools: [127.0.0.3]\n`,
    at: '2:8',
    message: /^expected names with their addresses, such as de: 192/,
  },
  {
    name: 'no address in a named pool',
    text: `${POOL}pools:\n  de: [127.0.0.3, 127.0.1.1/24]\n`,
    at: '3:19',
    message: /host bits set$/,
    hint: /did you mean 127\.0\.1\.0\/24/,
  },
  {
    name: 'nothing in a named pool',
    text: `${POOL}pools: {de: []}\n`,
    at: '2:13',
    message: /^the list is empty$/,
  },
  // Users
  { name: 'users are text', text: `${POOL}users: alice\n`, at: '2:8', message: /^expected a list of users/ },
  {
    name: 'a user is text',
    text: `${POOL}users: [alice]\n`,
    at: '2:9',
    message: /^expected a user with a name and a password$/,
    hint: /\{name: alice/,
  },
  {
    name: 'no name',
    text: `${POOL}users:\n  - password: x\n`,
    at: '3:5',
    message: /^expected the user name as text$/,
  },
  {
    name: 'an empty name',
    text: `${POOL}users:\n  - {name: '', password: x}\n`,
    at: '3:12',
    message: /^the user name is empty$/,
  },
  {
    name: 'a colon in the name',
    text: `${POOL}users:\n  - {name: 'a:b', password: x}\n`,
    at: '3:12',
    message: /^a user name may not have a colon in it$/,
  },
  {
    name: 'a name too long',
    text: `${POOL}users:\n  - {name: ${'ä'.repeat(128)}, password: x}\n`,
    at: '3:12',
    message: /^the user name is longer than 255 bytes$/,
  },
  {
    name: 'a password too long',
    text: `${POOL}users:\n  - {name: a, password: ${'x'.repeat(256)}}\n`,
    at: '3:25',
    message: /^the password is longer than 255 bytes$/,
  },
  {
    name: 'an empty password',
    text: `${POOL}users:\n  - {name: a, password: ''}\n`,
    at: '3:25',
    message: /^the password is empty$/,
  },
  {
    name: 'a number for a password',
    text: `${POOL}users:\n  - {name: a, password: 12345}\n`,
    at: '3:25',
    message: /^expected the password as text$/,
    hint: /put it in quotes/,
  },
  {
    name: 'no password',
    text: `${POOL}users:\n  - name: alice\n`,
    at: '3:5',
    message: /^the user "alice" has no password$/,
    hint: /gyre hash-password/,
  },
  {
    name: 'both kinds of password',
    text: `${POOL}users:\n  - name: alice\n    password: x\n    passwordHash: $scrypt$ln=15,r=8,p=1$bKnCoZFybC8gYE4a/yENgA$vglbCBaPNleNs99XKq9Trgky3XIUP29SXj+anvC7UAk\n`,
    at: '3:5',
    message: /^the user "alice" has both/,
    hint: /leave one/,
  },
  {
    name: 'a hash of another kind',
    text: `${POOL}users:\n  - name: alice\n    passwordHash: $2y$10$abcdefghijklmnopqrstuu\n`,
    at: '4:19',
    message: /^expected a bcrypt or scrypt hash, and this is a bcrypt hash that is cut off or damaged$/,
    hint: /^copy it whole/,
  },
  {
    name: 'a hash as a password',
    text: `${POOL}users:\n  - name: alice\n    password: $scrypt$ln=15,r=8,p=1$abc$def\n`,
    at: '4:15',
    message: /^this is the hash of a password$/,
    hint: /write it as passwordHash/,
  },
  {
    name: 'a user twice',
    text: `${POOL}users:\n  - {name: a, password: x}\n  - {name: a, password: y}\n`,
    at: '4:12',
    message: /^the user "a" is given twice$/,
  },
  // Clients, name servers
  {
    name: 'no network',
    text: `${POOL}clients: {allow: [10.0.0.0/8, lan]}\n`,
    at: '2:31',
    message: /^"lan" is not an IP network/,
  },
  {
    name: 'host bits in a network',
    text: `${POOL}clients: {allow: 10.0.0.1/8}\n`,
    at: '2:18',
    message: /bits set beyond its prefix: write 10\.0\.0\.0\/8$/,
  },
  {
    name: 'octal in a network',
    text: `${POOL}clients: {allow: 010.0.0.0/8}\n`,
    at: '2:18',
    message: /is not an IP network/,
  },
  {
    name: 'a prefix too long',
    text: `${POOL}clients: {allow: 10.0.0.0/33}\n`,
    at: '2:18',
    message: /no valid prefix length/,
  },
  {
    name: 'a mapped network',
    text: `${POOL}clients: {allow: '::ffff:10.0.0.0/104'}\n`,
    at: '2:18',
    message: /IPv4-mapped/,
  },
  {
    name: 'a number for a network',
    text: `${POOL}clients: {allow: 7}\n`,
    at: '2:18',
    message: /^expected a network such as/,
  },
  {
    name: 'a name for a name server',
    text: `${POOL}dns: {servers: dns.example}\n`,
    at: '2:16',
    message: /is not the address of a name server$/,
    hint: /192\.0\.2\.53:5353/,
  },
  {
    name: 'a name server at port 0',
    text: `${POOL}dns: {servers: '192.0.2.53:0'}\n`,
    at: '2:16',
    message: /is not the address of a name server$/,
  },
  // Open relays
  {
    name: 'every address, no users',
    text: `${POOL}listen: ':1080'\n`,
    at: '2:9',
    message: /^anyone who can reach \[::\]:1080 could use this proxy/,
    hint: /users:.*GYRE_USER.*clients:.*127\.0\.0\.1.*--open-relay/,
  },
  {
    name: 'an address after a range, twice',
    text: `${POOL}listen:\n  - 127.0.0.1:1-100\n  - 127.0.0.1:200\n  - tls://127.0.0.1:50-60\ntls: {cert: a, key: b}\n`,
    at: '5:5',
    message: /^127\.0\.0\.1:50 is given twice$/,
    hint: /leave one/,
  },
  {
    name: 'a range of public ports, once',
    text: `${POOL}listen: [1080, ':10001-10100', 1081]\n`,
    at: '2:16',
    message: /^anyone who can reach \[::\]:10001-10100 could use this proxy/,
  },
  {
    name: 'load balancers do not close a relay',
    text: `${POOL}listen: {address: ':1080', proxyProtocol: 10.0.0.0/8}\n`,
    at: '2:9',
    message: /^anyone who can reach \[::\]:1080/,
  },
  {
    name: 'one public address of two',
    text: `${POOL}listen: [1080, '192.0.2.1:1080']\n`,
    at: '2:16',
    message: /^anyone who can reach 192\.0\.2\.1:1080/,
  },
];

suite('every mistake has a line, a sentence and where possible a hint', () => {
  for (const { name, text, at, message, hint } of CASES) {
    test(name, () => {
      const problems = problemsOf(text);
      assert.equal(problems.length, 1, JSON.stringify(problems, undefined, 2));
      const [problem] = problems;
      assert.equal(problem!.where, `gyre.yaml:${at}`);
      assert.match(problem!.message, message);
      assert.match(problem!.hint ?? '', hint ?? /^/);
      assert.doesNotMatch(problem!.message, /\.$|Invalid input|undefined/);
    });
  }

  test('all of them at once, in the order of the lines', () => {
    const text =
      'listen: [127.0.0.1, 5, {}, 70000]\npool:\n  - 127.0.0.x\n  - 127.0.0.2,127.0.0.y,127.0.0.z\n  - 7\nworkers: x\nusers: [{name: a}]\ntimeouts: {idle: 1, fin: 2}\n';
    assert.deepEqual(
      problemsOf(text).map(({ where }) => where.replace('gyre.yaml:', '')),
      ['1:10', '1:24', '1:28', '3:5', '4:5', '5:5', '6:10', '7:9', '8:18', '8:26'],
    );
  });

  test('open relays are allowed on request, and closed by users or clients', () => {
    const open = `${POOL}listen: ':1080'\n`;
    assert.deepEqual(problemsOf(`${open}openRelay: true\n`), []);
    assert.deepEqual(problemsOf(`${open}users: [{name: a, password: b}]\n`), []);
    assert.deepEqual(problemsOf(`${open}clients: {allow: 10.0.0.0/8}\n`), []);
    assert.deepEqual(problemsOf(open, { GYRE_OPEN_RELAY: 'true' }), []);
    assert.deepEqual(problemsOf(open, { GYRE_USER: 'a:b' }), []);
    assert.deepEqual(
      problemsOf(`${POOL}listen: ['unix:/run/g', 'tls://127.0.0.1:1']\ntls: {cert: a, key: b}\n`),
      [],
    );
    const certified = `${POOL}listen: tls://:1443\ntls: {cert: a, key: b, clientCa: c}\n`;
    assert.deepEqual(problemsOf(certified), []);
    assert.match(
      problemsOf(certified.replace(', clientCa: c', ''))[0]!.message,
      /^anyone who can reach tls:/,
    );
    for (const host of ['127.0.0.1', '127.9.9.9', "'[::1]", 'localhost']) {
      assert.deepEqual(
        problemsOf(`${POOL}listen: ${host}:1080${host.startsWith("'") ? "'" : ''}\n`),
        [],
        host,
      );
    }
  });

  test('a mistake among the users does not also make an open relay of it', () => {
    const problems = problemsOf(`${POOL}listen: ':1080'\nusers: [{name: a}]\n`);
    assert.deepEqual(
      problems.map(({ where }) => where),
      ['gyre.yaml:3:9'],
    );
  });

  test('port 0 may stand twice: it is another port each time', () => {
    assert.deepEqual(problemsOf(`${POOL}listen: [0, 0]\necho: 127.0.0.1:0\n`), []);
  });

  test('a source of the pool is left for the start, with the commas of its URL or command', () => {
    assert.deepEqual(problemsOf('pool: file:/nonexistent/pool.txt\n'), []);
    assert.deepEqual(problemsOf("pool: ['https://lists.example/pool?a=1,2', 'exec:my-pool a,b']\n"), []);
    assert.deepEqual(problemsOf('workers: 1\n', { GYRE_POOL: 'https://lists.example/pool?a=1,2' }), []);
  });

  test('an interface of the pool is left for the start', () => {
    assert.deepEqual(problemsOf("pool: [interface:nosuch0, '!192.0.2.7']\n"), []);
    assert.match(problemsOf('pool: [interface:nosuch0, 127.0.0.2, 127.0.0.0/29]\n')[0]!.message, /overlaps/);
  });
});
