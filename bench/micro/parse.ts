/** What parsing a client's messages costs, each of them whole: `node bench/micro/parse.ts`. */
import { basicCredentials, checkHost, connectTarget, parseHead } from '../../src/protocol/http.ts';
import { readRequest } from '../../src/protocol/http-request.ts';
import { parseRequest as parseSocks4 } from '../../src/protocol/socks4.ts';
import { parseCredentials, parseGreeting, parseRequest } from '../../src/protocol/socks5.ts';
import { line, nanoseconds } from './timing.ts';

const bytes = (...parts: (number | string)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part, 'latin1'))),
  );
const short = (text: string): string => `${String.fromCodePoint(text.length)}${text}`;
const head = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');

const NAME = 'www.example.com';
const port = bytes(1, 187).toString('latin1');
const login = `Proxy-Authorization: Basic ${Buffer.from('alice:s3cret-word').toString('base64')}`;
const agent = 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

const greeting = bytes(5, 2, 0, 2);
const credentials = bytes(1, short('alice'), short('s3cret-word'));
const byAddress = bytes(5, 1, 0, 1, 192, 0, 2, 7, port);
const byIpv6 = bytes(5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, '\0'.repeat(11), 1, port);
const byName = bytes(5, 1, 0, 3, short(NAME), port);
const socks4 = bytes(4, 1, port, 192, 0, 2, 7, 'alice', 0);
const socks4a = bytes(4, 1, port, 0, 0, 0, 1, 'alice', 0, NAME, 0);
const connect = head(`CONNECT ${NAME}:443 HTTP/1.1`, `Host: ${NAME}:443`, agent, login);
const get = head(
  `GET http://${NAME}/path/to/page?id=7 HTTP/1.1`,
  `Host: ${NAME}`,
  agent,
  'Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
  'Accept-Encoding: gzip, br',
  'Connection: keep-alive',
  login,
);

function readConnect(): unknown {
  const { value } = parseHead(connect)!;
  checkHost(value);
  return [connectTarget(value), basicCredentials(value)];
}

function readGet(): unknown {
  const { value } = parseHead(get)!;
  return [readRequest(value), basicCredentials(value)];
}

const TURNS: Readonly<Record<string, () => unknown>> = {
  'SOCKS5 greeting': () => parseGreeting(greeting),
  'SOCKS5 name and password': () => parseCredentials(credentials),
  'SOCKS5 request, IPv4': () => parseRequest(byAddress),
  'SOCKS5 request, IPv6': () => parseRequest(byIpv6),
  'SOCKS5 request, name': () => parseRequest(byName),
  'SOCKS4 request': () => parseSocks4(socks4),
  'SOCKS4a request': () => parseSocks4(socks4a),
  'CONNECT: head, target and login': readConnect,
  'GET with a whole URL: head, request and login': readGet,
};

for (const [name, turn] of Object.entries(TURNS)) line(name, nanoseconds(turn));
