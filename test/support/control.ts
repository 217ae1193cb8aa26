/** What tests of control are made of: tunnels that stand, clients who log in, errors by their kind. */
import { ControlError, type PageRequest } from '../../src/admin/control.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { socksTunnel } from './gateway.ts';
import { Peer, type Target } from './peer.ts';

export const ALL: PageRequest = { offset: 0, limit: 1000 };

/** Tunnels that stand, and the other end of each. */
export async function tunnels(
  proxy: Gateway,
  target: Target,
  count: number,
): Promise<{ client: Peer; egress: string; far: Peer }[]> {
  const made = [];
  for (let i = 0; i < count; i++) {
    const { client, bound } = await socksTunnel(proxy, target.port);
    made.push({ client, egress: bound.address, far: await target.accept() });
  }
  return made;
}

/** A tunnel by HTTP CONNECT of whoever logs in so. */
export async function ask(
  proxy: Gateway,
  target: Target,
  login: string,
): Promise<{ client: Peer; egress: string; status: number }> {
  const client = await Peer.connect(proxy.endpoints[0]!.port);
  const at = `127.0.0.1:${target.port}`;
  const word = Buffer.from(login).toString('base64');
  client.text(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\nProxy-Authorization: Basic ${word}\r\n\r\n`);
  const { head, status } = await client.readHttp();
  return { client, status, egress: /egress="([^"]+)"/.exec(head)?.[1] ?? '' };
}

export const isError =
  (kind: ControlError['kind'], message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof ControlError && error.kind === kind && message.test(error.message);
