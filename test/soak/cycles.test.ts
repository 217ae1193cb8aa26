import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { Peer, Target } from '../support/peer.ts';

const CYCLES = 10_000;
const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** Sockets of this network namespace that wait for a close that does not come (states of `proc_net_tcp(5)`). */
const stuck = (): number =>
  readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .filter((line) => ['05', '08'].includes(line.trim().split(/\s+/)[3] ?? '')).length;

test(`J13: ${CYCLES} tunnels and handshakes opened and ended in every way leave nothing behind`, async () => {
  await using target = await Target.listen((socket) => socket.end('bye'));
  await using proxy = await gateway({ workers: 2 });
  const [descriptorsBefore, stuckBefore] = [descriptors(), stuck()];
  let left = CYCLES;
  const client = async (): Promise<void> => {
    for (let n = left--; n > 0; n = left--) {
      if (n % 4 === 3) await leaveEarly(proxy.endpoints[0]!.port, n);
      else await leaveTunnel((await socksTunnel(proxy, target.port)).client, n % 4);
    }
  };
  await Promise.all(Array.from({ length: 32 }, client));
  await eventually('nothing is active', () => proxy.stats().active === 0 && target.connections === 0);
  await eventually('descriptors are back', () => descriptors() <= descriptorsBefore);
  await eventually('no socket waits for a close', () => stuck() <= stuckBefore);
  assert.equal(proxy.stats().accepted, CYCLES);
});

async function leaveTunnel(client: Peer, way: number): Promise<void> {
  if (way === 0) client.reset();
  else if (way === 1) client.socket.destroy();
  else client.end();
  await client.waitClosed();
}

async function leaveEarly(port: number, n: number): Promise<void> {
  const client = await Peer.connect(port);
  client.write(n % 8 === 3 ? '05 01' : 'ff');
  client.reset();
  await client.waitClosed();
}
