import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { parsePool } from '../../../../src/egress/expression/expression.ts';
import { expand } from '../../../../src/egress/pool/ranges.ts';
import { describe, type Source, type SourceOptions } from '../../../../src/egress/sources/source.ts';
import { urlSource } from '../../../../src/egress/sources/url.ts';
import type { UrlTerm } from '../../../../src/egress/expression/term.ts';
import { ListServer } from '../../../support/list-server.ts';
import { makeCertificate } from '../../../support/tls.ts';

const source = (url: string, options: SourceOptions = {}): Source =>
  urlSource(parsePool([url])[0] as UrlTerm, options);
const never = new AbortController().signal;
const read = async (from: Source): Promise<string[]> => [...expand((await from.read(never)).ranges, 100)];
/** Fails as expected, and shows nothing it should not. */
const fails = (from: Source, message: RegExp): Promise<void> =>
  assert.rejects(from.read(never), (error: unknown) => {
    const told = describe(error);
    assert.match(told, message);
    assert.doesNotMatch(`${told}${from.text}`, /secret/);
    return true;
  });

suite('a list behind a URL', () => {
  test('is read, and asked for again only when it is another one', async () => {
    await using server = await ListServer.listen();
    const list = source(server.url('/list?token=secret'));
    server.serve('192.0.2.1\n192.0.2.2', { etag: '"one"' });
    assert.deepEqual(await read(list), ['192.0.2.1', '192.0.2.2']);
    const known = await list.read(never);
    assert.deepEqual(await list.read(never), known);
    assert.deepEqual(
      server.asked.map(({ path, headers }) => [path, headers['if-none-match']]),
      [
        ['/list?token=secret', undefined],
        ['/list?token=secret', '"one"'],
        ['/list?token=secret', '"one"'],
      ],
    );
    server.serve('192.0.2.3', { etag: '"two"' });
    assert.deepEqual(await read(list), ['192.0.2.3']);
    server.serve('192.0.2.4', {});
    assert.deepEqual(await read(list), ['192.0.2.4']);
    await read(list);
    assert.equal(server.asked.at(-1)?.headers['if-none-match'], undefined, 'an old name is forgotten');
  });

  test('keeps its name only when it was good', async () => {
    await using server = await ListServer.listen();
    const list = source(server.url('/'));
    server.serve('192.0.2.1', { etag: '"good"' });
    await read(list);
    server.serve('', { etag: '"empty"' });
    await fails(list, /no addresses any more/);
    server.serve('192.0.2.1', { etag: '"good"' });
    assert.deepEqual(await read(list), ['192.0.2.1']);
    assert.equal(server.asked.at(-1)?.headers['if-none-match'], '"good"');
  });

  test('sends user and password to its server, and does not show them', async () => {
    await using server = await ListServer.listen();
    const list = source(server.url('/a?secret', 'me:se%3Acret@'));
    server.serve('192.0.2.1');
    await read(list);
    const { authorization } = server.asked[0]!.headers;
    assert.equal(authorization, `Basic ${Buffer.from('me:se:cret').toString('base64')}`);
    assert.equal(list.text, server.url('/a'));
  });

  type Refused = readonly [what: string, body: string | Uint8Array, headers: Record<string, string>, RegExp];
  const refused: readonly Refused[] = [
    ['a web page by its type', '192.0.2.1', { 'content-type': 'text/html; charset=utf-8' }, /a web page/],
    ['a web page by its look', '\u{feff}\n <!doctype html><p>192.0.2.1', {}, /a web page/],
    ['XML', '<list>192.0.2.1</list>', { 'content-type': 'text/plain' }, /a web page/],
    ['what is not UTF-8', Buffer.from('192.0.2.1 # \xe9', 'latin1'), {}, /not UTF-8/],
    ['JSON', '["192.0.2.1"]', {}, /not one line is good/],
    ['a partial answer', '', { status: '206' }, /HTTP status 206/],
    ['an error', '192.0.2.1', { status: '500' }, /HTTP status 500/],
    ['a missing list', '192.0.2.1', { status: '404' }, /HTTP status 404/],
    ['"not modified" to a first question', '', { status: '304' }, /first question/],
    ['a redirect over http', '', { status: '302', location: '/b' }, /from https to https only/],
    ['a redirect to nowhere', '', { status: '302' }, /to nowhere/],
  ];
  for (const [what, body, { status = '200', ...headers }, message] of refused) {
    test(`refuses ${what}`, async () => {
      await using server = await ListServer.listen();
      server.answering = (_, response) => response.writeHead(Number(status), headers).end(body);
      await fails(source(server.url('/secret?secret').replace('/secret?', '/?')), message);
    });
  }

  test('refuses more than 8 MiB, announced or not, packed or not', async () => {
    await using server = await ListServer.listen();
    const list = source(server.url('/'));
    server.answering = (_, response) =>
      response.writeHead(200, { 'content-length': 9_000_000 }).flushHeaders();
    await fails(list, /larger than 8 MiB/);
    // An endless stream: only a reader that leaves it ends it.
    server.answering = (_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (response.writable && response.write('#'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    };
    await fails(list, /larger than 8 MiB/);
    const bomb = gzipSync(Buffer.alloc(20_000_000, '#'));
    server.serve(bomb, { 'content-encoding': 'gzip' });
    await fails(list, /larger than 8 MiB/);
  });

  test('refuses to wait: for the head, and for the rest', async () => {
    await using server = await ListServer.listen();
    const list = source(server.url('/'), { limitMs: 60 });
    server.answering = () => {};
    await fails(list, /within 0.06 s/);
    server.answering = (_, response) => response.writeHead(200).write('192.0.2.1\n');
    await fails(list, /within 0.06 s/);
  });

  test('says what hinders the network', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    await new Promise((done) => closed.close(done));
    await fails(source(`http://me:secret@127.0.0.1:${port}/?secret`), /cannot be reached: ECONNREFUSED/);
    const rude = createServer((socket) => socket.on('error', () => {}).end('secret nonsense\r\n\r\n'));
    rude.listen(0, '127.0.0.1').unref();
    await once(rude, 'listening');
    await fails(source(`http://127.0.0.1:${(rude.address() as AddressInfo).port}/`), /does not speak HTTP/);
  });

  test('ends with the signal', async () => {
    await using server = await ListServer.listen();
    const stop = new AbortController();
    server.answering = () => stop.abort(new Error('stopped'));
    await assert.rejects(source(server.url('/')).read(stop.signal), /stopped/);
  });
});

suite('a list behind an https URL', () => {
  test('is believed by its certificate, and followed to three other places', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gyre-url-'));
    const certificate = await makeCertificate(folder);
    const authority = await readFile(certificate.caFile, 'utf8');
    await rm(folder, { recursive: true });
    await using server = await ListServer.listen(certificate);
    await using other = await ListServer.listen(certificate);
    await using plain = await ListServer.listen();
    await fails(source(server.url('/')), /cannot be reached: [A-Z_]+/);
    setDefaultCACertificates([...getCACertificates(), authority]);

    // Counts down to a place on the other server.
    server.answering = ({ url = '' }, response) => {
      const left = Number(url.slice(1));
      const location = left > 1 ? `/${left - 1}` : other.url('/list');
      response.writeHead(302, { location }).end();
    };
    other.serve('192.0.2.7');
    assert.deepEqual(await read(source(server.url('/3', 'me:secret@'))), ['192.0.2.7']);
    assert.match(server.asked.at(-1)?.headers.authorization ?? '', /^Basic /);
    assert.equal(other.asked[0]?.headers.authorization, undefined, 'another server gets no password');
    await fails(source(server.url('/4')), /more than 3 times/);

    server.answering = (_, response) => response.writeHead(307, { location: '/' }).end();
    await fails(source(server.url('/')), /more than 3 times/);
    plain.serve('192.0.2.66');
    server.answering = (_, response) => response.writeHead(301, { location: plain.url('/') }).end();
    await fails(source(server.url('/')), /from https to https only/);
    server.answering = (_, response) => response.writeHead(301, { location: 'file:///etc/passwd' }).end();
    await fails(source(server.url('/')), /from https to https only/);
    assert.equal(plain.asked.length, 0);
  });
});
