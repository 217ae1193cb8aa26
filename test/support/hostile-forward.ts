/** Plain HTTP vectors: section F of the failure catalogue, as far as the client is the one who misbehaves. */
import { TARGET_HOST } from './hostile-targets.ts';
import { basic, request, vectorsOf, type Draft, type Ports, type Vector } from './hostile-vectors.ts';
import { PASSWORD, USER } from './hostile-world.ts';

const LOGIN = basic(`${USER}:${PASSWORD}`);

export function forwardVectors({ targets, closedPort }: Ports): Vector[] {
  const origin = `${TARGET_HOST}:${targets.originPort}`;
  const echo = `${TARGET_HOST}:${targets.echoPort}`;
  const url = (path = '/', authority = origin): string => `http://${authority}${path}`;
  const get = (target: string, ...fields: readonly string[]): Buffer =>
    request(`GET ${target} HTTP/1.1`, `Host: ${origin}`, ...fields);
  const post = (body: string, ...fields: readonly string[]): Buffer =>
    Buffer.concat([
      request(`POST ${url('/p')} HTTP/1.1`, `Host: ${origin}`, ...fields),
      Buffer.from(body, 'latin1'),
    ]);
  const tunnel = request(`CONNECT ${echo} HTTP/1.1`, `Host: ${echo}`);

  /** Answered by the origin: what stands behind it is another request. */
  const served = (
    name: string,
    stages: readonly Buffer[],
    body: string | undefined,
    more?: Partial<Draft>,
  ): Draft => ({
    name,
    stages,
    verdict: 'http 200',
    body,
    dials: true,
    dialsFrom: headLength(stages[0]!),
    tail: false,
    ...more,
  });
  /** Refused, and the connection may stay. */
  const refused = (name: string, stage: Buffer, status: number, more?: Partial<Draft>): Draft => ({
    name,
    stages: [stage],
    verdict: `http ${status}`,
    tail: false,
    ...more,
  });
  /** No HTTP that could be told the end of: refused, and nothing behind it is read. */
  const broken = (name: string, stage: Buffer, status = 400): Draft => ({
    ...refused(name, stage, status),
    tail: true,
  });

  /** The same, but the origin may have been asked before the body went wrong. */
  const misframed = (name: string, stage: Buffer): Draft => ({
    ...broken(name, stage),
    dials: true,
    dialsFrom: 0,
  });

  const drafts: Draft[] = [
    served('GET', [get(url('/a?b=c'), 'User-Agent: test/1.0')], 'GET /a?b=c\n'),
    served(
      'POST in chunks',
      [post('3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n', 'Transfer-Encoding: chunked')],
      'POST /p\nabcde',
    ),
    served('a name', [get(url('/', `a.echo:${targets.originPort}`))], 'GET /\n'),
    served('HTTP/1.0', [request(`GET ${url()} HTTP/1.0`)], 'GET /\n'),
    served('HEAD', [request(`HEAD ${url()} HTTP/1.1`, `Host: ${origin}`)], ''),
    served('POST', [post('hello', 'Content-Length: 5')], 'POST /p\nhello'),
    served(
      'Expect',
      [
        request(`POST ${url('/p')} HTTP/1.1`, `Host: ${origin}`, 'Expect: 100-continue', 'Content-Length: 3'),
        Buffer.from('abc'),
      ],
      'POST /p\nabc',
    ),
    served('two requests', [Buffer.concat([get(url('/1')), get(url('/2'))])], 'GET /2\n', { answers: 2 }),
    served(
      'fields of every hop',
      [get(url(), 'Connection: X-A, Host, Content-Length', 'X-A: b', 'TE: trailers')],
      'GET /\n',
    ),
    served('another Host', [request(`GET ${url()} HTTP/1.1`, 'Host: b.echo')], 'GET /\n'),
    served('an upgrade', [get(url(), 'Connection: Upgrade', 'Upgrade: echo')], undefined, {
      verdict: 'tunnel',
      tail: true,
    }),
    served(
      'h2c',
      [get(url(), 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMA')],
      'GET /\n',
    ),
    served('a tunnel after a request', [get(url()), tunnel], undefined, {
      verdict: 'tunnel',
      answers: 2,
      tail: true,
    }),
    refused('a closed port', get(url('/', `${TARGET_HOST}:${closedPort}`)), 502, { dials: true }),
    refused('an unknown name', get(url('/', 'nowhere.test')), 502),
    refused('multicast', get(url('/', '224.0.0.1')), 403),
    broken('an odd spelling', get(url('/', '0x7f.1')), 403),
    broken('origin-form', get('/')),
    broken('an asterisk', get('*')),
    broken('a name alone', get('admin')),
    broken('an authority', get(`${TARGET_HOST}:80`)),
    broken('https', get(`https://${origin}/`)),
    broken('file', get('file:///etc/passwd')),
    broken('a user in the URL', get(`http://u:p@${origin}/`)),
    broken('TRACE', request(`TRACE ${url()} HTTP/1.1`, `Host: ${origin}`), 405),
    broken(
      'no forwards left',
      request(`OPTIONS ${url()} HTTP/1.1`, `Host: ${origin}`, 'Max-Forwards: 0'),
      405,
    ),
    broken('an unknown method', request(`FROBNICATE ${url()} HTTP/1.1`, `Host: ${origin}`), 501),
    broken('an unknown expectation', post('', 'Expect: coffee', 'Content-Length: 0'), 417),
    broken('no Host', request(`GET ${url()} HTTP/1.1`)),
    broken('two Hosts', get(url(), 'Host: b.echo')),
    broken('HTTP/2.0', request(`GET ${url()} HTTP/2.0`, `Host: ${origin}`), 505),
    broken('length and coding', post('0\r\n\r\n', 'Content-Length: 5', 'Transfer-Encoding: chunked')),
    broken('two lengths', post('hello', 'Content-Length: 5', 'Content-Length: 5')),
    broken('a list of lengths', post('hello', 'Content-Length: 5,6')),
    broken('a signed length', post('hello', 'Content-Length: +5')),
    broken('a huge length', post('hello', 'Content-Length: 18446744073709551616')),
    broken('two codings', post('0\r\n\r\n', 'Transfer-Encoding: chunked, chunked')),
    broken('an unknown coding', post('0\r\n\r\n', 'Transfer-Encoding: xchunked')),
    broken('a coding by HTTP/1.0', request(`POST ${url()} HTTP/1.0`, 'Transfer-Encoding: chunked')),
    broken('bare LF', Buffer.from(`GET ${url()} HTTP/1.1\nHost: ${origin}\n\n`)),
    { ...broken('too large', get(url(), `X-A: ${'a'.repeat(17_000)}`), 431), spots: 60 },
    ...[
      ['a chunk size without end', '7fffffffffffffff1\r\n'],
      ['a negative chunk size', '-1\r\n'],
      ['a chunk size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
      ['a chunk size with a space', '5 \r\nhello\r\n0\r\n\r\n'],
      ['bare LF in a chunk', '5\nhello\r\n0\r\n\r\n'],
      ['a line end in an extension', '5;a="\n"\r\nhello\r\n0\r\n\r\n'],
      ['a chunk longer than its size', '2\r\nhello\r\n0\r\n\r\n'],
    ].map(([name, body]) => misframed(name!, post(body!, 'Transfer-Encoding: chunked'))),
  ];
  const guarded: Draft[] = [
    served('a login', [get(url(), LOGIN)], 'GET /\n'),
    refused('no login', get(url()), 407),
    refused('a wrong password', get(url(), basic(`${USER}:x${PASSWORD}`)), 407),
    served('a second try', [get(url()), get(url('/2'), LOGIN)], 'GET /2\n', { answers: 2, dialsFrom: 0 }),
  ];
  const next = request(`CONNECT ${echo} HTTP/1.1`, `Host: ${echo}`, LOGIN);
  return vectorsOf('HTTP', drafts, guarded, next);
}

const headLength = (stage: Buffer): number => stage.indexOf('\r\n\r\n') + 4;
