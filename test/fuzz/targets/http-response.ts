import assert from 'node:assert/strict';
import { ProxyError } from '../../../src/errors.ts';
import { responseFields, trailerFields, type ResponseFrame } from '../../../src/forward/fields.ts';
import { orRefusal } from '../invariants.ts';
import type { Target } from '../target.ts';

const CONNECTIONS = ['keep-alive', 'close', 'Upgrade'] as const;
/** What Node can write, and what cannot end a line early. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
const STAYS_BEHIND = new Set(['keep-alive', 'proxy-authenticate', 'proxy-connection', 'te']);

/** A response: one byte for how it is framed, its status on the first line, then one field a line. */
function run(input: Buffer): string {
  const [first = '', ...lines] = input.toString('latin1').split('\n');
  const raw = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)];
  });
  const how = first.charCodeAt(0) || 0;
  const frame: ResponseFrame = {
    status: Number(/\d{3}/.exec(first)?.[0] ?? 200),
    chunks: (how & 4) !== 0,
    connection: CONNECTIONS[(how & 3) % CONNECTIONS.length]!,
    proxyStatus: 'gyre; egress="192.0.2.1"',
  };
  for (const [name, value] of trailerFields(raw)) checkField(name, value);
  const sent = orRefusal(() => responseFields(raw, frame));
  if (sent instanceof ProxyError) return sent.code;
  checkSent(sent, frame);
  return `${frame.chunks} ${frame.connection}`;
}

function checkField(name: string, value: string): void {
  assert.match(name, NAME);
  assert.match(value, VALUE);
  assert.ok(!STAYS_BEHIND.has(name.toLowerCase()), `${name} was sent on`);
}

function checkSent(
  sent: readonly string[],
  { chunks, connection, status, proxyStatus }: ResponseFrame,
): void {
  const values = new Map<string, string[]>();
  for (let i = 0; i < sent.length; i += 2) {
    const [name, value] = [sent[i]!, sent[i + 1]!];
    checkField(name, value);
    values.set(name.toLowerCase(), [...(values.get(name.toLowerCase()) ?? []), value]);
  }
  const codings = values.get('transfer-encoding') ?? [];
  assert.deepEqual(values.get('connection'), [connection]);
  assert.equal(values.get('proxy-status')?.at(-1), proxyStatus);
  assert.deepEqual(codings, codings.length === 0 ? [] : ['chunked']);
  assert.ok(codings.length === 0 || (chunks && !values.has('content-length')), 'it is framed in two ways');
  assert.ok(status !== 204 || !values.has('content-length'), 'a 204 has a length');
}

export const target: Target = {
  longest: 600,
  words: [
    '\n',
    '200\n',
    '101\n',
    '204\n',
    '304\n',
    'Content-Length: 5',
    '\nConnection: close, X-Foo',
    '\nTransfer-Encoding: chunked',
    '\nUpgrade: websocket',
    '\nKeep-Alive: timeout=5',
    '\nSet-Cookie: a=b',
    '\nTrailer: A',
    '\nProxy-Authenticate: Basic',
    '\nProxy-Status: x',
    '\nContent-Disposition: \u00e9',
    '\nX-Foo: 1',
    '\r',
    '\u0000',
    ' : ',
  ],
  run,
};
