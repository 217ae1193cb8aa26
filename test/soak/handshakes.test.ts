/** Clients that begin and do not go on: cut at the deadline, in every stage, while others are served as if they were not there. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { once } from 'node:events';
import { gatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { makeCertificate } from '../support/tls.ts';
import { quantile, Visitors } from '../support/visits.ts';

const SOCKETS = 5000;
const DEADLINE_MS = 5000;
/** What the deadline may be off by. A socket is accepted after its client thinks it is connected, never before. */
const TOLERANCE_MS = { before: 100, after: 1000 } as const;
/** At a time. */
const OPENING = 100;

/** How the good clients fare: twice the quiet value, or so much more where that is next to nothing; milliseconds. */
const FLOOR_MS = 50;
const ATTEMPTS = 3;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const LOGIN = '01 03 616e6e 01 78';

interface Stage {
  /** Which listener. */
  readonly at: 'plain' | 'tls' | 'proxied';
  /** Step by step: what is sent, then how many bytes are awaited. */
  readonly steps: readonly (readonly [said: Buffer, heard: number])[];
  /** What it hears in the end. */
  readonly end?: RegExp;
  /** Goes on, byte by byte, and never gets there. */
  readonly trickles?: true;
}

const text = (said: string): Stage['steps'] => [[Buffer.from(said), 0]];

const STAGES: Readonly<Record<string, Stage>> = {
  'nothing is sent': { at: 'plain', steps: [] },
  'half a SOCKS5 greeting': { at: 'plain', steps: [[hex('05 02 00'), 0]] },
  'after the SOCKS5 greeting': { at: 'plain', steps: [[hex('05 01 02'), 2]] },
  'half a SOCKS5 login': {
    at: 'plain',
    steps: [
      [hex('05 01 02'), 2],
      [hex('01 03 616e'), 0],
    ],
  },
  'half a SOCKS5 request': {
    at: 'plain',
    steps: [
      [hex('05 01 02'), 2],
      [hex(LOGIN), 2],
      [hex('05 01 00 01 7f 00'), 0],
    ],
  },
  'half a SOCKS4 request': { at: 'plain', steps: [[hex('04 01 00 50 7f 00 00 01 61'), 0]] },
  'half a CONNECT head': {
    at: 'plain',
    steps: text('CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: x\r\nX-'),
    end: /^HTTP\/1\.1 408 /,
  },
  'half a plain HTTP head': {
    at: 'plain',
    steps: text('GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nX-'),
    end: /^HTTP\/1\.1 408 /,
  },
  'a head that comes byte by byte': {
    at: 'plain',
    steps: text('GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nX-'),
    end: /^HTTP\/1\.1 408 /,
    trickles: true,
  },
  'half a TLS ClientHello': { at: 'tls', steps: [[hex('16 03 01 02 00 01 00 01 fc 03 03 00 01 02'), 0]] },
  'half a PROXY header': { at: 'proxied', steps: text('PROXY TCP4 127.0.0.1 ') },
  'after the PROXY header': { at: 'proxied', steps: text('PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n') },
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Stalled {
  readonly socket: Socket;
  /** When it asked for the connection and when it had it: it was accepted at some time between the two, or soon after. */
  readonly begunAt: number;
  readonly openedAt: number;
  /** When the proxy ended it. */
  endedAt: number | undefined;
  heard: string;
}

async function stall({ steps }: Stage, port: number): Promise<Stalled> {
  const begunAt = performance.now();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  const stalled: Stalled = { socket, begunAt, openedAt: performance.now(), endedAt: undefined, heard: '' };
  const ended = (): void => void (stalled.endedAt ??= performance.now());
  socket
    .on('error', () => {})
    .on('end', ended)
    .on('close', ended);
  for (const [said, awaited] of steps) {
    socket.write(said);
    for (let heard = 0; heard < awaited;) heard += ((await once(socket, 'data')) as [Buffer])[0].length;
  }
  socket.on('data', (chunk: Buffer) => (stalled.heard += chunk.toString('latin1')));
  return stalled;
}

async function stallAll(stage: Stage, port: number): Promise<Stalled[]> {
  const all: Stalled[] = [];
  while (all.length < SOCKETS) {
    all.push(...(await Promise.all(Array.from({ length: OPENING }, () => stall(stage, port)))));
    await sleep(10);
  }
  return all;
}

/** What came of one. */
interface Storm {
  /** After how long the first and the last were cut; milliseconds. */
  readonly earliest: number;
  readonly latest: number;
  readonly heard: ReadonlySet<string>;
  /** Good clients. */
  readonly failed: readonly string[];
  /** What their visits took meanwhile, and before or after; 99th percentile, milliseconds. */
  readonly p99: number;
  readonly quiet: number;
}

describe(`I1: ${SOCKETS} clients that stall`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-handshakes-'));
  let proxy: GatewayProcess;
  let visitors: Visitors;
  let storms = 0;

  before(async () => {
    const { key, cert } = await makeCertificate(folder);
    const files = { key: join(folder, 'server.key'), cert: join(folder, 'server.pem') };
    writeFileSync(files.key, key);
    writeFileSync(files.cert, cert);
    const deadline = `${DEADLINE_MS}ms`;
    proxy = await gatewayProcess({
      listen: [
        '127.0.0.1:0',
        { address: 'tls://127.0.0.1:0', ...files },
        { address: '127.0.0.1:0', proxyProtocol: '127.0.0.1' },
      ],
      users: [{ name: 'ann', password: 'x' }],
      timeouts: { handshake: deadline, proxyHeader: deadline },
      workers: 2,
    });
    visitors = await Visitors.start({ port: proxy.ports[0]!, logins: ['ann:x'], pauseMs: 2 });
  });

  after(async () => {
    await visitors[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** @returns the 99th percentile of what a visit takes; milliseconds. */
  const whenQuiet = async (): Promise<number> => quantile((await visitors.many(300)).took, 0.99);

  async function storm(stage: Stage): Promise<Storm> {
    const port = proxy.ports[{ plain: 0, tls: 1, proxied: 2 }[stage.at]]!;
    const before = await whenQuiet();
    storms++;
    const all = await stallAll(stage, port);
    try {
      const last = all.at(-1)!.openedAt + DEADLINE_MS + TOLERANCE_MS.after + 500;
      while (performance.now() < last && all.some(({ endedAt }) => endedAt === undefined)) {
        if (stage.trickles) for (const { socket } of all) socket.write('x');
        await sleep(stage.trickles ? 400 : 50);
      }
    } finally {
      for (const { socket } of all) socket.destroy();
    }
    const { took, failed } = await visitors.take();
    await sleep(500);
    await visitors.take();
    return {
      earliest: Math.min(...all.map(({ begunAt, endedAt = Infinity }) => endedAt - begunAt)),
      latest: Math.max(...all.map(({ openedAt, endedAt = Infinity }) => endedAt - openedAt)),
      heard: new Set(all.map(({ heard }) => heard)),
      failed,
      p99: quantile(took, 0.99),
      quiet: Math.max(before, await whenQuiet()),
    };
  }

  for (const [name, stage] of Object.entries(STAGES)) {
    test(name, async (t) => {
      for (let attempt = 1; ; attempt++) {
        const { earliest, latest, heard, failed, p99, quiet } = await storm(stage);
        const cut = `cut after ${earliest.toFixed()} to ${latest.toFixed()} ms`;
        t.diagnostic(`${cut}; visits take ${p99.toFixed(1)} ms, ${quiet.toFixed(1)} ms when it is quiet`);
        assert.ok(earliest >= DEADLINE_MS - TOLERANCE_MS.before, `one was ${cut}`);
        assert.ok(latest <= DEADLINE_MS + TOLERANCE_MS.after, `one was ${cut}`);
        for (const said of heard) assert.match(said, stage.end ?? /^$/);
        assert.deepEqual(failed, [], 'good clients were served');
        if (p99 <= Math.max(2 * quiet, quiet + FLOOR_MS)) return;
        // Something else may have kept the machine busy just then.
        assert.ok(
          attempt < ATTEMPTS,
          `${p99.toFixed(1)} ms each time, and ${quiet.toFixed(1)} ms when it is quiet`,
        );
      }
    });
  }

  test('nothing of them is left', async () => {
    await sleep(1500);
    const { stats } = await proxy.report();
    assert.ok(stats.active <= 1, `${stats.active} are active`);
    assert.equal(stats.failures.HANDSHAKE_TIMEOUT, SOCKETS * storms);
    assert.equal(proxy.death(), undefined);
  });
});
