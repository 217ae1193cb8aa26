/** G: what no client may reach, by every way to ask and in every spelling we know of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORBIDDEN_IPV4, FORBIDDEN_IPV6, spellings, type Spelling } from '../support/forbidden.ts';
import { DnsServer } from '../support/dns-server.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { Peer, Target } from '../support/peer.ts';
import { ask, inParallel, WAYS, type Outcome, type Way } from '../support/six-ways.ts';

/** Both families, so that nothing is refused for lack of an egress. */
const POOL = ['127.0.0.2-127.0.0.9', '::1'];

interface Try {
  readonly way: Way;
  readonly spelling: Spelling;
  readonly request: Buffer;
}

/** Every spelling by every way that has room for it, and how it must end. */
function tries(all: readonly Spelling[], port: number): Try[] {
  return WAYS.flatMap((way) =>
    all.flatMap((spelling) => {
      const request = way.request(spelling, port);
      return request === undefined ? [] : [{ way, spelling, request }];
    }),
  );
}

function expected({ way, spelling: { kind } }: Try): readonly Outcome[] {
  if (way.name.startsWith('SOCKS4')) return ['denied'];
  // In a URL, `/`, `\`, `%` and `?` have a meaning of their own, and so has a bracket: what they leave may be an address.
  if (way.name === 'plain HTTP' && kind === 'malformed') return ['malformed', 'denied'];
  return [kind === 'malformed' ? 'malformed' : 'denied'];
}

/** A listener that any loopback or own address would reach, and how often somebody did. */
async function bait(): Promise<{
  readonly target: Target;
  readonly port: number;
  readonly visits: () => number;
}> {
  let count = 0;
  const target = await Target.listen((socket) => {
    count++;
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  }, '::');
  return { target, port: target.port, visits: () => count };
}

test('the bait can be reached by all six ways where private targets are allowed', async () => {
  const { target, port, visits } = await bait();
  await using _ = target;
  await using proxy = await gateway({ pool: POOL, targets: { allowPrivate: true } });
  const wanted = ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', 'localhost', 'a.localhost'];
  const reachable = spellings().filter(({ text }) => wanted.includes(text));
  assert.equal(reachable.length, wanted.length);
  const all = tries(reachable, port);
  const outcomes = await inParallel(all, ({ way, request }) => ask(way, request, proxy.endpoints[0]!.port));
  assert.deepEqual([...new Set(outcomes)], ['granted']);
  assert.equal(new Set(all.map(({ way }) => way.name)).size, 6);
  await eventually('all have been there', () => visits() === all.length);
});

test('G1–G12: no spelling of a forbidden target passes, by none of the six ways', async () => {
  const { target, port, visits } = await bait();
  await using _ = target;
  await using proxy = await gateway({ pool: POOL, targets: { allowPrivate: false } });
  const all = tries(spellings(), port);
  assert.ok(spellings().length >= 400, `${spellings().length} spellings`);
  for (const { name } of WAYS)
    assert.ok(
      all.some(({ way }) => way.name === name),
      name,
    );

  const outcomes = await inParallel(all, ({ way, request }) => ask(way, request, proxy.endpoints[0]!.port));
  const surprises = all.flatMap((one, i) =>
    expected(one).includes(outcomes[i]!)
      ? []
      : [`${one.way.name} ${JSON.stringify(one.spelling.text)}: ${outcomes[i]}`],
  );
  assert.deepEqual(surprises, []);
  assert.equal(visits(), 0, 'somebody got through');
  await eventually('every refusal is accounted', () => proxy.stats().active === 0);
  // Nothing was dialled, resolved or found unreachable: each was refused for what it is.
  const { failures } = proxy.stats();
  const reasons = Object.entries(failures)
    .filter(([, count]) => count > 0)
    .map(([code]) => code);
  assert.deepEqual(
    reasons.filter((code) => !['TARGET_DENIED', 'BAD_TARGET', 'BAD_REQUEST'].includes(code)),
    [],
  );
});

test('G13: no name with a forbidden address passes, by none of the six ways', async () => {
  const { target, port, visits } = await bait();
  await using _ = target;
  const addresses = [
    ...FORBIDDEN_IPV4,
    ...FORBIDDEN_IPV6,
    ...FORBIDDEN_IPV4.map((address) => `::ffff:${address}`),
  ];
  await using dns = await DnsServer.listen((name, family) => {
    const address = addresses[Number(/^n(\d+)\./.exec(name)?.[1])] ?? '';
    return address.includes(':') === (family === 6) ? [address] : [];
  });
  await using proxy = await gateway({
    pool: POOL,
    targets: { allowPrivate: false },
    dns: { servers: dns.address },
  });
  const names = addresses.map((_, i): Spelling => ({ text: `n${i}.internal.test`, kind: 'name' }));
  const all = tries(names, port);
  assert.equal(new Set(all.map(({ way }) => way.name)).size, 4, 'all ways that have names');
  const outcomes = await inParallel(all, ({ way, request }) => ask(way, request, proxy.endpoints[0]!.port));
  const surprises = all.flatMap(({ way, spelling }, i) =>
    outcomes[i] === 'denied'
      ? []
      : [`${way.name} ${addresses[Number(spelling.text.slice(1, -14))]}: ${outcomes[i]}`],
  );
  assert.deepEqual(surprises, []);
  assert.equal(visits(), 0);
  assert.ok(dns.asked.length >= 2 * addresses.length);
});

test('G, F26: no trick with URLs and headers leads to a forbidden target', async () => {
  const { target, port, visits } = await bait();
  await using _ = target;
  await using proxy = await gateway({ pool: POOL, targets: { allowPrivate: false } });
  const here = `127.0.0.1:${port}`;
  const lines = [
    `GET http://example.com@${here}/ HTTP/1.1`,
    `GET http://example.com:80@${here}/ HTTP/1.1`,
    `GET http://${here}#@example.com/ HTTP/1.1`,
    `GET http://${here}?@example.com/ HTTP/1.1`,
    `GET http://${here}\\@example.com/ HTTP/1.1`,
    `GET http:\\\\${here}/ HTTP/1.1`,
    `GET http:///${here}/ HTTP/1.1`,
    `GET http:${here}/ HTTP/1.1`,
    `GET HTTP://${here}/ HTTP/1.1`,
    `GET //${here}/ HTTP/1.1`,
    `GET / HTTP/1.1`,
    `GET * HTTP/1.1`,
    `GET ${here} HTTP/1.1`,
    `GET http://[::ffff:127.0.0.1]:${port}/ HTTP/1.1`,
    `GET http://[::ffff:127.0.0.1]:${port}@example.com/ HTTP/1.1`,
    `GET http://0x7f000001:${port}/ HTTP/1.1`,
    `GET http://%6c%6fcalhost:${port}/ HTTP/1.1`,
    `GET https://${here}/ HTTP/1.1`,
    `GET ftp://${here}/ HTTP/1.1`,
    `GET file:///etc/passwd HTTP/1.1`,
    `GET gopher://${here}/_x HTTP/1.1`,
    `GET unix:/run/x.sock HTTP/1.1`,
    `CONNECT http://${here} HTTP/1.1`,
    `CONNECT example.com@${here} HTTP/1.1`,
    `CONNECT ${here}/ HTTP/1.1`,
    `CONNECT ${here}:${port} HTTP/1.1`,
    `CONNECT ${here}, HTTP/1.1`,
    `CONNECT ${here}\texample.com:443 HTTP/1.1`,
    `CONNECT [${here}] HTTP/1.1`,
    `CONNECT 127.0.0.1::${port} HTTP/1.1`,
    `CONNECT :${port} HTTP/1.1`,
    `CONNECT ${port} HTTP/1.1`,
  ];
  // The target of the request decides, whatever the header says; two of them are refused.
  const heads = [
    `Host: ${here}\r\n`,
    `Host: example.com\r\n`,
    `Host: example.com\r\nHost: ${here}\r\n`,
    `Host: ${here}\r\nX-Forwarded-Host: ${here}\r\nForwarded: host=${here}\r\n`,
  ];
  const requests = lines.flatMap((line) => heads.map((head) => Buffer.from(`${line}\r\n${head}\r\n`)));
  const statuses = await inParallel(requests, async (request) => {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.write(request);
    return (await client.readHttp()).status;
  });
  const surprises = requests.flatMap((request, i) =>
    [400, 403, 501].includes(statuses[i]!) ? [] : [`${request.toString()}: ${statuses[i]}`],
  );
  assert.deepEqual(surprises, []);
  assert.equal(visits(), 0);
});

test('G: a kept connection is judged anew with every request on it', async () => {
  const { target, port } = await bait();
  await using _ = target;
  await using proxy = await gateway({ pool: POOL, targets: { allowPrivate: true } });
  const own = proxy.endpoints[0]!.port;
  using client = await Peer.connect(own);
  const get = (authority: string): string =>
    `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
  client.text(get(`127.0.0.1:${port}`));
  assert.equal((await client.readHttp()).status, 200);
  client.text(get(`127.0.0.1:${own}`));
  assert.equal((await client.readHttp()).status, 403);
});

test('G17: the proxy itself is no target, on no address, by none of the six ways', async () => {
  for (const listen of ['127.0.0.1:0', '0.0.0.0:0', '[::]:0']) {
    await using proxy = await gateway({
      listen,
      openRelay: true,
      pool: POOL,
      targets: { allowPrivate: true },
    });
    const { port } = proxy.endpoints[0]!;
    const here = listen.startsWith('127')
      ? ['127.0.0.1', '::ffff:127.0.0.1']
      : ['127.0.0.1', '127.0.0.5', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost'];
    const all = tries(
      spellings().filter(({ text }) => here.includes(text)),
      port,
    );
    const outcomes = await inParallel(all, ({ way, request }) => ask(way, request, port));
    assert.deepEqual([...new Set(outcomes)], ['denied'], listen);
    await eventually('no connection is left', () => proxy.stats().active === 0);
    assert.equal(proxy.stats().accepted, all.length, 'the proxy never connected to itself');
  }
});
