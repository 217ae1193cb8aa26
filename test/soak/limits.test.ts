/**
 * Limits for as long as it takes. Bandwidth is what the settings say, within 5 %: speeds far below what any machine can do
 * are compared with what passes.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { GyreOptions } from '../../src/runtime/config.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { pour } from '../support/any-target.ts';
import { come, httpHead, logIn, socks5Request } from '../support/four-ways.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { Target, type Peer } from '../support/peer.ts';

/** Bytes a second. */
const SPEED = 2_000_000;
/** Before that: what may pass at once, and what kernels take. */
const WARM_UP_MS = 2500;
const WINDOW_MS = 8000;
const TOLERANCE = 0.05;

const TERMS = { up: '2MB/s', down: '2MB/s' } as const;

type Direction = 'up' | 'down';

/** Bytes by what was asked for. */
type Tap = Target & { readonly drunk: Map<string, number> };

/** A target that pours, or drinks, as the first line says. */
function tap(): Promise<Tap> {
  const drunk = new Map<string, number>();
  return Target.listen((socket) => {
    let whose: string | undefined;
    socket.on('data', (chunk: Buffer) => {
      if (whose !== undefined) {
        drunk.set(whose, drunk.get(whose)! + chunk.length);
        return;
      }
      const text = chunk.toString('latin1');
      whose = /\/?(up|down)-([\w-]+)/.exec(text)?.[0] ?? 'unknown';
      drunk.set(whose, drunk.get(whose) ?? 0);
      const http = text.startsWith('GET ') ? `HTTP/1.1 200 OK\r\nContent-Length: ${2 ** 40}\r\n\r\n` : '';
      if (whose.includes('down')) pour(socket, http);
    });
  }).then((target) => Object.assign(target, { drunk }));
}

interface Flow {
  readonly name: string;
  readonly protocol: 'SOCKS5' | 'plain HTTP';
  readonly direction: Direction;
  readonly tunnels: number;
}

const FLOWS: readonly Flow[] = (['SOCKS5', 'plain HTTP'] as const).flatMap((protocol) =>
  (['up', 'down'] as const).flatMap((direction) =>
    [1, 20].map((tunnels) => ({
      name: `${direction}-${protocol.at(-1)}-${tunnels}`,
      protocol,
      direction,
      tunnels,
    })),
  ),
);

async function open(flow: Flow, port: number, target: number, login: string | undefined): Promise<Socket> {
  const { protocol, direction, name } = flow;
  const peer = await come({ proxy: port });
  const { socket } = peer;
  if (protocol === 'SOCKS5') {
    assert.equal(await logIn(peer, login), undefined);
    peer.write(socks5Request('127.0.0.1', target));
    assert.equal((await peer.read(10))[1], 0);
    peer.text(`/${name}\n`);
    if (direction === 'up') pour(socket);
  } else {
    const url = `http://127.0.0.1:${target}/${name}`;
    const length = `Content-Length: ${2 ** 40}`;
    const up = direction === 'up';
    const head = httpHead(`${up ? 'POST' : 'GET'} ${url} HTTP/1.1`, login, ...(up ? [length] : []));
    if (up) pour(socket, head);
    else peer.text(head);
  }
  // Counted below, not kept.
  socket.removeAllListeners('data').resume();
  return socket;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** @returns the share of {@link SPEED} that passes, in all tunnels together. */
async function measure(flow: Flow, proxy: Gateway, target: Tap, login?: string): Promise<number> {
  const port = proxy.endpoints[0]!.port;
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < flow.tunnels; i++) sockets.push(await open(flow, port, target.port, login));
    const passed = (): number =>
      flow.direction === 'up'
        ? (target.drunk.get(`/${flow.name}`) ?? 0)
        : sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    await sleep(WARM_UP_MS);
    const [bytes, at] = [passed(), performance.now()];
    await sleep(WINDOW_MS);
    return (passed() - bytes) / ((performance.now() - at) / 1000) / SPEED;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

const within = (share: number, what: string): void =>
  assert.ok(Math.abs(share - 1) <= TOLERANCE, `${what}: ${(share * 100).toFixed(2)} % of the setting`);

test('the bandwidth of a user, in one tunnel and in twenty, each way, as a tunnel and forwarded', async (t) => {
  await using target = await tap();
  const users = FLOWS.map(({ name }) => ({ name, password: 'x' }));
  await using proxy = await gateway({ workers: 2, users, limits: { user: TERMS } });
  const shares = await Promise.all(FLOWS.map((flow) => measure(flow, proxy, target, `${flow.name}:x`)));
  for (const [i, flow] of FLOWS.entries()) t.diagnostic(`${flow.name}: ${(shares[i]! * 100).toFixed(2)} %`);
  for (const [i, flow] of FLOWS.entries()) within(shares[i]!, flow.name);
});

test('the bandwidth of all together, of a listener and of a client, in twenty tunnels', async (t) => {
  await using target = await tap();
  const kinds: Readonly<Record<string, Partial<GyreOptions>>> = {
    all: { limits: { all: TERMS } },
    listener: { listen: { address: '127.0.0.1:0', limits: TERMS } },
    client: { limits: { client: TERMS } },
    'the least of them': {
      listen: { address: '127.0.0.1:0', limits: { down: '7MB/s', up: '9MB/s' } },
      limits: { all: { down: '5MB/s', up: '3MB/s' }, client: TERMS },
    },
  };
  await using leaving = new AsyncDisposableStack();
  const runs = Object.entries(kinds).flatMap(([kind, options]) =>
    (['up', 'down'] as const).map(async (direction) => {
      const proxy = leaving.use(await gateway({ workers: 2, ...options }));
      const name = `${direction}-${kind.replaceAll(' ', '-')}`;
      const share = await measure({ name, protocol: 'SOCKS5', direction, tunnels: 20 }, proxy, target);
      return { name, share };
    }),
  );
  const results = await Promise.all(runs);
  for (const { name, share } of results) t.diagnostic(`${name}: ${(share * 100).toFixed(2)} %`);
  for (const { name, share } of results) within(share, name);
});

test('20,000 connections, ended from both sides at once, in and out of 200 places: each can be had again', async () => {
  const [places, clients, rounds] = [200, 500, 40];
  await using target = await Target.listen((socket) => socket.on('data', () => socket.resetAndDestroy()));
  await using proxy = await gateway({
    workers: 4,
    limits: { all: { connections: places }, client: { connections: places } },
  });
  const port = proxy.endpoints[0]!.port;
  const enter = async (): Promise<Peer | undefined> => {
    const peer = await come({ proxy: port });
    assert.equal(await logIn(peer, undefined), undefined);
    peer.write(socks5Request('127.0.0.1', target.port));
    if ((await peer.read(10))[1] === 0) return peer;
    peer.socket.destroy();
    return undefined;
  };
  const fill = async (): Promise<Peer[]> => {
    const peers = await Promise.all(Array.from({ length: places + 50 }, enter));
    return peers.filter((peer) => peer !== undefined);
  };
  const empty = (): Promise<void> => eventually('nothing is active', () => proxy.stats().active === 0);
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let round = 0; round < rounds; round++) {
        const peer = await enter();
        if (peer === undefined) continue;
        // The target resets as soon as it hears of it.
        peer.text('x');
        if ((client + round) % 3 === 0) peer.reset();
        else if ((client + round) % 3 === 1) peer.socket.destroy();
        else peer.end();
        await peer.waitClosed();
      }
    }),
  );
  await empty();
  assert.equal(proxy.stats().accepted, clients * rounds);
  const full = await fill();
  assert.equal(full.length, places);
  for (const peer of full) peer.reset();
  await empty();
});
