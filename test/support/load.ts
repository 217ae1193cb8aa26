/** Many short connections, and the address each one came from. */
import type { Gateway } from '../../src/runtime/gateway.ts';
import { socksTunnel } from './gateway.ts';
import { Target } from './peer.ts';

export interface Seen {
  /** Connections by the source address the target saw. */
  readonly byAddress: ReadonlyMap<string, number>;
  /** Connections whose SOCKS reply named another address or port than the target saw. */
  readonly wrong: number;
}

/** Opens `count` tunnels to one target, `concurrency` at a time, and compares what both ends say of the egress. */
export async function visit(gateway: Gateway, count: number, concurrency: number): Promise<Seen> {
  const byAddress = new Map<string, number>();
  let wrong = 0;
  let left = count;
  await using target = await Target.listen((socket) => {
    const { remoteAddress = '', remotePort } = socket;
    byAddress.set(remoteAddress, (byAddress.get(remoteAddress) ?? 0) + 1);
    socket.end(`${remoteAddress} ${remotePort}`);
  });
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const { client, bound } = await socksTunnel(gateway, target.port);
      const seen = (await client.rest()).toString();
      if (seen !== `${bound.address} ${bound.port}`) wrong++;
      client.end();
      await client.waitClosed();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return { byAddress, wrong };
}
