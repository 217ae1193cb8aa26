/** A gateway for one test, and the opening moves of its clients. */
import type { Endpoint } from '../../src/connection.ts';
import { defineConfig, type GyreOptions } from '../../src/runtime/config.ts';
import { startGateway, type Gateway } from '../../src/runtime/gateway.ts';
import { Peer } from './peer.ts';

/** Loopback only, on a port of the kernel's choice, on the test's own thread unless `workers` says otherwise. */
export function gateway(options: Partial<GyreOptions> = {}, adoptHandles = true): Promise<Gateway> {
  return startGateway(
    defineConfig({
      listen: '127.0.0.1:0',
      pool: '127.0.0.2-127.0.0.9',
      workers: 0,
      targets: { allowPrivate: true },
      ...options,
      log: { level: 'error', access: 'off', ...options.log },
      timeouts: { drain: '50ms', ...options.timeouts },
    }),
    { adoptHandles },
  );
}

/** `05 01 00 01 …`: a SOCKS5 CONNECT to an IPv4 address. */
export function socksRequest(port: number, address = '127.0.0.1'): Buffer {
  return Buffer.of(5, 1, 0, 1, ...address.split('.').map(Number), port >> 8, port & 255);
}

/** A client whose tunnel to a loopback port stands; `bound` is what the proxy says it left from. */
export async function socksTunnel(
  { endpoints }: Gateway,
  port: number,
): Promise<{ client: Peer; bound: Endpoint }> {
  const client = await Peer.connect(endpoints[0]!.port);
  client.write('05 01 00');
  await client.read(2);
  client.write(socksRequest(port));
  const answer = await client.read(10);
  if (answer[1] !== 0) throw new Error(`refused with REP ${answer[1]}`);
  return { client, bound: { address: answer.subarray(4, 8).join('.'), port: answer.readUInt16BE(8) } };
}

/** Waits until a condition holds; fails after 10 seconds. For state that no event announces. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so after 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
