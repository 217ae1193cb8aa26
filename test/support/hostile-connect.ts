/** CONNECT vectors: section E of the failure catalogue. */
import { TARGET_HOST } from './hostile-targets.ts';
import { basic, request, vectorsOf, type Draft, type Ports, type Vector } from './hostile-vectors.ts';
import { PASSWORD, USER } from './hostile-world.ts';

export function connectVectors({ targets, closedPort }: Ports): Vector[] {
  const echo = `${TARGET_HOST}:${targets.echoPort}`;
  const head = (authority: string, ...fields: readonly string[]): Buffer =>
    request(`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...fields);
  const asked = (name: string, head: Buffer, verdict: string, dials = verdict === 'tunnel'): Draft => ({
    name,
    stages: [head],
    verdict,
    dials,
  });
  const ordinary = 'User-Agent: test/1.0';
  const drafts: Draft[] = [
    asked('an address', head(echo, ordinary, 'Proxy-Connection: keep-alive'), 'tunnel'),
    asked('a name', head(`a.echo:${targets.echoPort}`), 'tunnel'),
    asked('HTTP/1.0', request(`CONNECT ${echo} HTTP/1.0`), 'tunnel'),
    asked('plain object words', head(echo, '__proto__: 1', 'constructor: 2', 'hasOwnProperty: 3'), 'tunnel'),
    asked('a closed port', head(`${TARGET_HOST}:${closedPort}`), 'http 502', true),
    asked('an unknown name', head('nowhere.test:80'), 'http 502'),
    asked('multicast', head('224.0.0.1:80'), 'http 403'),
    asked('an odd spelling', head('0x7f.1:80'), 'http 403'),
    asked('no port', head('a.echo'), 'http 400'),
    asked('port 0', head('a.echo:0'), 'http 400'),
    asked('port 65536', head('a.echo:65536'), 'http 400'),
    asked('a port with a sign', head('a.echo:+443'), 'http 400'),
    asked('a hexadecimal port', head('a.echo:0x1bb'), 'http 400'),
    asked('two ports', head('a.echo:443:80'), 'http 400'),
    asked('brackets around a name', head('[a.echo]:443'), 'http 400'),
    asked('a zone', head('[::1%25lo]:443'), 'http 400'),
    asked('a path', head('/'), 'http 400'),
    asked('a URI', head(`http://${echo}`), 'http 400'),
    asked('an asterisk', head('*'), 'http 400'),
    asked('a user in the target', head(`u:p@${echo}`), 'http 400'),
    asked('two Host fields', head(echo, `Host: ${echo}`), 'http 400'),
    asked('no Host field', request(`CONNECT ${echo} HTTP/1.1`, ordinary), 'http 400'),
    asked('a coding', head(echo, 'Transfer-Encoding: chunked'), 'http 400'),
    asked('a length', head(echo, 'Content-Length: 5'), 'http 400'),
    asked('HTTP/2.0', request(`CONNECT ${echo} HTTP/2.0`, `Host: ${echo}`), 'http 505'),
    asked('bare LF', Buffer.from(`CONNECT ${echo} HTTP/1.1\nHost: ${echo}\n\n`), 'http 400'),
    asked('a bare CR', head(echo, 'X-A: a\rb'), 'http 400'),
    asked('a space before the colon', head(echo, 'X-A : b'), 'http 400'),
    asked('a folded line', head(echo, 'X-A: b', ' c'), 'http 400'),
    asked('an empty field name', head(echo, ': b'), 'http 400'),
    asked('a NUL', head(echo, 'X-A: a\0b'), 'http 400'),
    { ...asked('too large', head(echo, `X-A: ${'a'.repeat(17_000)}`), 'http 431'), spots: 60 },
    {
      ...asked('too many fields', head(echo, ...Array.from({ length: 200 }, () => 'A: b')), 'http 431'),
      spots: 60,
    },
  ];
  const guarded: Draft[] = [
    asked('a login', head(echo, basic(`${USER}:${PASSWORD}`)), 'tunnel'),
    {
      name: 'a second try',
      stages: [head(echo, ordinary), head(echo, basic(`${USER}:${PASSWORD}`))],
      verdict: 'tunnel',
      // Sent together, the second head counts as bytes of a tunnel that did not come about.
      pipelined: false,
      answers: 2,
    },
    asked('no login', head(echo), 'http 407'),
    asked('a wrong password', head(echo, basic(`${USER}:x${PASSWORD}`)), 'http 407'),
    asked('no login by HTTP/1.0', request(`CONNECT ${echo} HTTP/1.0`), 'http 407'),
    asked('another scheme', head(echo, 'Proxy-Authorization: Bearer PLANTED'), 'http 407'),
    asked('two logins', head(echo, basic(`${USER}:${PASSWORD}`), basic(`${USER}:${PASSWORD}`)), 'http 407'),
  ];
  return vectorsOf('CONNECT', drafts, guarded, head(echo, basic(`${USER}:${PASSWORD}`)));
}
