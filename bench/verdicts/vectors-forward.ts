/** Plain HTTP: requests in absolute-form. */
import { CLOSED_PORT, latin1, vector, type Extra, type Vector } from './vector.ts';

const sent = (
  id: string,
  title: string,
  build: (to: string, port: number) => string,
  explained?: string,
  extra?: Extra,
): Vector =>
  vector('http', id, title, (port) => [latin1(build(`127.0.0.1:${port}`, port))], explained, extra);
const url = (id: string, write: (to: string) => string, explained?: string, method = 'GET'): Vector =>
  sent(
    id,
    `${method} ${write('h')}`,
    (to) => `${method} ${write(to)} HTTP/1.1\r\nHost: ${to}\r\n\r\n`,
    explained,
  );
const get = (id: string, title: string, lines: string, explained?: string, extra?: Extra): Vector =>
  sent(id, title, (to) => `GET http://${to}/p HTTP/1.1\r\nHost: ${to}\r\n${lines}\r\n`, explained, extra);
const post = (
  id: string,
  title: string,
  lines: string,
  body: string,
  explained?: string,
  extra?: Extra,
): Vector =>
  sent(
    id,
    title,
    (to) => `POST http://${to}/p HTTP/1.1\r\nHost: ${to}\r\n${lines}\r\n${body}`,
    explained,
    extra,
  );
const chunked = (id: string, title: string, body: string, explained?: string, extra?: Extra): Vector =>
  post(id, title, 'Transfer-Encoding: chunked\r\n', body, explained, extra);
const adds = (pattern: RegExp): Extra => ({ sight: { pattern, yes: 'added', no: 'not added' } });
/** The target tells what it got. */
const sees = (pattern: RegExp, what: string): Extra => ({
  sight: { pattern, yes: `${what} passed on`, no: `${what} not passed on` },
});

const TWO_LENGTHS =
  'A message whose end two readers would place differently is 400 and a close (RFC 9112 §6.1, §6.3).';
const NUMBER = 'A Content-Length is one decimal number: anything else is 400 (RFC 9112 §6.3).';
const CODING =
  'The one transfer coding is chunked, once: others could hide where the message ends; 400 (RFC 9112 §6.1).';
const CHUNK =
  'A chunk size is hexadecimal digits and CRLF (RFC 9112 §7.1): what another reader could read otherwise is refused. The request was under way, so the upstream connection is reset.';
const ORIGIN_FORM =
  'A proxy is asked by a whole URL (RFC 9112 §3.2.2). This port serves nothing of its own, whatever Host says: 400.';
const SCHEME = 'Only http:// is fetched; there is no code for other schemes: 400.';
const LINES = 'What two parsers could read in two ways is refused (RFC 9112 §2.2, §5.1).';
const HOP = 'For this connection only (RFC 9110 §7.6.1): it stays behind.';
const NOTHING_ADDED =
  'Nothing is added upstream that would tell of a proxy: rotation would be pointless otherwise.';
const HOST = 'A request of HTTP/1.1 has exactly one Host (RFC 9112 §3.2): 400.';

const URLS: readonly Vector[] = [
  url('F1', (to) => `http://${to}/p`),
  url('F1.2', (to) => `http://${to}`, 'An empty path is / (RFC 9112 §3.2.1).'),
  url('F1.3', (to) => `HTTP://${to}/p`, 'Schemes know no case (RFC 3986 §3.1).'),
  url('F1.4', (to) => `http://${to}?q`, 'An empty path is /, also before a query.'),
  url(
    'F1.5',
    (to) => `http://${to}/p#f`,
    'A fragment is not sent on (RFC 9110 §7.1); the request is served without it.',
  ),
  url(
    'F1.6',
    (to) => `http://u:p@${to}/p`,
    'User information in a URL would end up in logs (RFC 9110 §4.2.4): 400.',
  ),
  url('F1.7', () => 'http:///p', 'No host: 400.'),
  url('F1.8', () => 'http://127.0.0.1:0/p', 'Port 0 can be no destination: 400.'),
  url(
    'F1.9',
    (to) => `http://${to}/a b`,
    'A space ends the target; a request line has three words (RFC 9112 §3).',
  ),
  url(
    'F1.10',
    (to) => `http://${to}/\u00fc`,
    'Bytes beyond ASCII are no URL (RFC 3986 §2): 400 rather than a guess at what they mean.',
  ),
  url('F1.11', () => `http://127.0.0.1:${CLOSED_PORT}/`, 'A target that refuses is a bad gateway: 502.'),
  sent(
    'F2',
    'Host differs from the URL',
    (to) => `GET http://${to}/p HTTP/1.1\r\nHost: other.invalid\r\n\r\n`,
    'The URL counts, and Host is made from it (RFC 9112 §3.2.2).',
    { sight: { pattern: /^host: 127\.0\.0\.1/im, yes: 'Host of the URL', no: 'Host of the client' } },
  ),
  sent(
    'F3',
    'two pipelined requests',
    (to) =>
      `GET http://${to}/a HTTP/1.1\r\nHost: ${to}\r\n\r\nGET http://${to}/b HTTP/1.1\r\nHost: ${to}\r\n\r\n`,
    'Each is answered, in order, one after the other (RFC 9112 §9.3.2).',
    { sight: { pattern: /ORIGIN[^]*ORIGIN/, yes: 'both answered', no: 'one answered' } },
  ),
  url('F26', () => '/', ORIGIN_FORM),
  url('F26.2', () => '/metrics', ORIGIN_FORM),
  url('F26.3', () => 'admin', ORIGIN_FORM),
  url('F26.4', () => '*', ORIGIN_FORM),
  url('F26.5', () => '*', ORIGIN_FORM, 'OPTIONS'),
  url('F26.6', (to) => to, ORIGIN_FORM),
  url('F27', (to) => `https://${to}/p`, `${SCHEME} For https a client opens a tunnel.`),
  ...['ftp', 'file', 'gopher', 'unix'].map((scheme, index) =>
    url(`F27.${index + 2}`, (to) => `${scheme}://${to}/p`, SCHEME),
  ),
  url(
    'F29',
    (to) => `http://${to}/p`,
    'TRACE shows what a proxy was sent, credentials included: 405 (RFC 9110 §9.3.8).',
    'TRACE',
  ),
  get(
    'F29.2',
    'GET with Max-Forwards: 0',
    'Max-Forwards: 0\r\n',
    'Zero means that nobody beyond is to be asked, and nothing here can answer: 405. RFC 9110 §7.6.2 allows to ignore it in a GET; it does not ask to.',
  ),
  sent(
    'F29.3',
    'OPTIONS with Max-Forwards: 5',
    (to) => `OPTIONS http://${to}/p HTTP/1.1\r\nHost: ${to}\r\nMax-Forwards: 5\r\n\r\n`,
    'Counted down on its way (RFC 9110 §7.6.2).',
    { sight: { pattern: /^max-forwards: 4/im, yes: 'one less', no: 'not counted' } },
  ),
  url(
    'F29.4',
    (to) => `http://${to}/p`,
    'A method the HTTP library does not know cannot be framed safely: 501 (RFC 9110 §9.1).',
    'FOO',
  ),
  url(
    'F29.5',
    (to) => `http://${to}/p`,
    'Methods are case-sensitive (RFC 9110 §9.1): this is an unknown one, 501.',
    'get',
  ),
];

const HEADS: readonly Vector[] = [
  sent(
    'F8',
    'no version',
    (to) => `GET http://${to}/p\r\n\r\n`,
    'HTTP/0.9 is not spoken: a malformed request line, 400.',
  ),
  sent('F8.2', 'HTTP/1.0', (to) => `GET http://${to}/p HTTP/1.0\r\n\r\n`),
  sent(
    'F8.3',
    'HTTP/2.0',
    (to) => `GET http://${to}/p HTTP/2.0\r\nHost: ${to}\r\n\r\n`,
    'Versions 1.0 and 1.1 are spoken; others are 505 (RFC 9110 §15.6.6).',
  ),
  sent('F8.4', 'HTTP/1.1 without Host', (to) => `GET http://${to}/p HTTP/1.1\r\n\r\n`, HOST),
  get('F8.5', 'two Host lines', 'Host: other\r\n', HOST),
  sent('F8.6', 'lines that end in LF', (to) => `GET http://${to}/p HTTP/1.1\nHost: ${to}\n\n`, LINES),
  get('F8.7', 'folded line', 'X: y\r\n z\r\n', LINES),
  get('F8.8', 'space before the colon', 'X : y\r\n', LINES),
  get('F8.9', 'NUL in a value', 'X: a\0b\r\n', LINES),
  get(
    'F15',
    'Expect: nothing-known',
    'Expect: nothing-known\r\n',
    'An expectation that cannot be met is 417 (RFC 9110 §10.1.1).',
  ),
  get('F17', 'adds Via?', '', NOTHING_ADDED, adds(/^via:/im)),
  get('F17.2', 'adds X-Forwarded-For?', '', NOTHING_ADDED, adds(/^x-forwarded-for:/im)),
  get('F17.3', 'adds Cache-Control?', '', NOTHING_ADDED, adds(/^cache-control:/im)),
  get(
    'F18',
    'the same field twice',
    'X-A: 1\r\nX-A: 2\r\n',
    'End-to-end fields go on as they came, in number too.',
    { sight: { pattern: /^X-A: 1\r\n(?:[^]*\r\n)?X-A: 2\r\n/m, yes: 'both, in order', no: 'changed' } },
  ),
  get(
    'F18.2',
    'field name in odd case',
    'x-OdD: 1\r\n',
    'End-to-end fields go on as they came, in case too.',
    sees(/^x-OdD: 1/m, 'its case'),
  ),
  get(
    'F19',
    'Upgrade: h2c',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n',
    'HTTP/2 in the clear would pass by everything a proxy looks at: not offered on, the request goes without it.',
    sees(/^upgrade:/im, 'Upgrade'),
  ),
  get('F20', 'Connection: X-Foo', 'Connection: X-Foo\r\nX-Foo: 1\r\n', HOP, sees(/^x-foo:/im, 'X-Foo')),
  get('F20.2', 'TE', 'TE: trailers\r\n', HOP, sees(/^te:/im, 'TE')),
  get('F20.3', 'Keep-Alive', 'Keep-Alive: timeout=5\r\n', HOP, sees(/^keep-alive:/im, 'Keep-Alive')),
  get(
    'F20.4',
    'Proxy-Connection',
    'Proxy-Connection: keep-alive\r\n',
    HOP,
    sees(/^proxy-connection:/im, 'Proxy-Connection'),
  ),
  get('F21', 'Connection: Connection', 'Connection: Connection\r\n', 'Names itself, which changes nothing.'),
  post(
    'F21.2',
    'Connection: Host, Content-Length',
    'Connection: Host, Content-Length\r\nContent-Length: 2\r\n',
    'ok',
    'Naming Host or the framing there removes neither: the request stays whole (RFC 9110 §7.6.1).',
    sees(/^content-length: 2/im, 'Content-Length'),
  ),
  get(
    'F22',
    'Proxy-Authorization, nobody has to log in',
    'Proxy-Authorization: Basic dXNlcjpwYXNz\r\n',
    'Credentials for a proxy never reach an origin.',
    sees(/^proxy-authorization:/im, 'Proxy-Authorization'),
  ),
];

const BODIES: readonly Vector[] = [
  post('F4', 'Content-Length body', 'Content-Length: 2\r\n', 'ok'),
  post(
    'F5',
    'Content-Length and Transfer-Encoding',
    'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
    '0\r\n\r\n',
    TWO_LENGTHS,
  ),
  post(
    'F6',
    'Transfer-Encoding: Chunked',
    'Transfer-Encoding: Chunked\r\n',
    '2\r\nok\r\n0\r\n\r\n',
    'Codings know no case (RFC 9112 §7).',
  ),
  ...['chunked, chunked', 'xchunked', 'identity', '\vchunked', 'chunked, gzip', 'gzip, chunked'].map(
    (coding, index) =>
      post(
        `F7.${index + 1}`,
        `Transfer-Encoding: ${coding.replace('\v', '\\v')}`,
        `Transfer-Encoding: ${coding}\r\n`,
        '0\r\n\r\n',
        CODING,
      ),
  ),
  post(
    'F7.7',
    'two Transfer-Encoding lines',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
    '0\r\n\r\n',
    CODING,
  ),
  sent(
    'F7.8',
    'chunked in HTTP/1.0',
    (to) => `POST http://${to}/p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'HTTP/1.0 has no transfer codings: 400 (RFC 9112 §6.1).',
  ),
  ...['5,6', '2,2', '+2', '-1', '0x2', '', '0,', '18446744073709551618', '2 2'].map((length, index) =>
    post(
      `F9.${index + 1}`,
      `Content-Length: ${length === '' ? '(empty)' : length}`,
      `Content-Length: ${length}\r\n`,
      'ok',
      NUMBER,
    ),
  ),
  post(
    'F9.10',
    'two different Content-Length lines',
    'Content-Length: 2\r\nContent-Length: 3\r\n',
    'ok',
    NUMBER,
  ),
  post(
    'F9.11',
    'two equal Content-Length lines',
    'Content-Length: 2\r\nContent-Length: 2\r\n',
    'ok',
    `${NUMBER} RFC 9110 §8.6 would allow to mend equal ones; nobody honest sends them.`,
  ),
  chunked('F10', 'chunked body', '2\r\nok\r\n0\r\n\r\n'),
  chunked('F10.2', 'chunk size 7fffffffffffffff', '7fffffffffffffff\r\nok\r\n0\r\n\r\n', CHUNK),
  chunked('F10.3', 'chunk size of 17 digits', '10000000000000002\r\nok\r\n0\r\n\r\n', CHUNK),
  chunked('F10.4', 'chunk size -2', '-2\r\nok\r\n0\r\n\r\n', CHUNK),
  chunked('F10.5', 'chunk size 0x2', '0x2\r\nok\r\n0\r\n\r\n', CHUNK),
  chunked('F10.6', 'chunk size with a space behind it', '2 \r\nok\r\n0\r\n\r\n', CHUNK),
  chunked('F11', 'LF in the size line', '2\nok\r\n0\r\n\r\n', CHUNK),
  chunked('F11.2', 'chunk data longer than its size', '2\r\nokay\r\n0\r\n\r\n', CHUNK),
  chunked(
    'F11.3',
    'CRLF in a quoted chunk extension',
    '1;a="\r\nx\r\n0\r\n\r\n',
    'A CRLF inside quotes ends the line for some and not for others (RFC 9112 §7.1.1): 400.',
  ),
  chunked(
    'F14',
    'Content-Length as a trailer',
    '2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n',
    'A length behind a chunked body contradicts it, and a trailer must not frame anything (RFC 9110 §6.5.1): 400, never merged.',
  ),
];

export const FORWARD: readonly Vector[] = [...URLS, ...HEADS, ...BODIES];
