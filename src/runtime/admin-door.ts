/** The admin listener of a gateway, when it is on. */
import { startAdmin, type AdminServer } from '../admin/server.ts';
import type { Control } from '../admin/control.ts';
import type { Endpoint } from '../connection.ts';
import { leaveFile } from '../listener.ts';
import type { Log } from '../ops/log.ts';
import type { Config } from './config.ts';

export class AdminDoor {
  #server: AdminServer | undefined = undefined;

  /** @param fd A listening socket that is there already. @throws StartError */
  async open({ admin }: Config, control: Control, log: Log, fd?: number): Promise<void> {
    if (admin === undefined) return;
    const report = (error: unknown, request: string): void =>
      log.error('the admin listener met something nobody foresaw', { request, error });
    this.#server = await startAdmin({ ...admin, fd, report }, control);
  }

  get endpoint(): Endpoint | undefined {
    return this.#server?.endpoint;
  }

  /** @param withToken It opens without a question then: not to be shown to anybody else. */
  dashboard(withToken: boolean): string | undefined {
    const url = this.#server?.url;
    return url === undefined || !withToken
      ? url
      : `${url}#token=${encodeURIComponent(this.#server!.token())}`;
  }

  /** @param handedOver Another process answers there by now. */
  async close(handedOver: boolean): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const path = /^unix:(.+)$/.exec(server?.endpoint.address ?? '')?.[1];
    if (handedOver && path !== undefined) leaveFile(path);
    await server?.close(handedOver);
  }
}
