/**
 * Gyre as a library: a rotating forward proxy inside your program.
 *
 * ```ts
 * import { createGateway } from 'gyre';
 *
 * await using gateway = await createGateway({ pool: '192.0.2.10-192.0.2.19' });
 * const browser = await chromium.launch({ proxy: { server: gateway.url } });
 * ```
 *
 * # Layout
 *
 * - `proxy.ts` — the way of one connection, top to bottom; begin here
 * - `listener.ts` `leg/` `wire.ts` `handshake.ts` `session.ts` `relay.ts` — its stages at the socket
 * - `protocol/` — bytes to values and back, pure
 * - `policy/` — may this client, to this target? pure
 * - `egress/` — where connections leave from: expression → sources → pool → rotation (or a session) → dial; health, names
 * - `connection.ts` `errors.ts` — the nouns, and every way to fail
 * - `runtime/` — config, gateway (main thread), lanes (data threads)
 * - `ops/` — log, counters, echo: watches, and nothing on the way imports it
 * - `admin/` — the HTTP side of what the gateway shows and does; `dashboard/` is the page
 * - `cli/` — one file a verb
 */
import { defineConfig, type Config, type GyreOptions } from './runtime/config.ts';
import { startGateway, type Gateway } from './runtime/gateway.ts';

export type { ConfigChange, ReloadProblem, ReloadReport } from './admin/api.ts';
export type { Endpoint } from './connection.ts';
export { PoolError } from './egress/expression/expression.ts';
export type { Blame, FailureCode } from './errors.ts';
export { ConfigError, type GyreOptions } from './runtime/config.ts';
export {
  StartError,
  type EgressStatus,
  type Gateway,
  type PoolSummary,
  type Stats,
} from './runtime/gateway.ts';

/**
 * Starts a gateway; when the promise resolves, it listens.
 *
 * Other defaults than on the command line: it serves on the caller's own thread (`workers: 0`), logs warnings and errors
 * only, and writes no access log. Listen on port 0 to let the kernel choose, and read `gateway.url`.
 *
 * @throws ConfigError with all that is wrong with the options; PoolError; StartError when it cannot listen.
 */
export async function createGateway(options: GyreOptions): Promise<Gateway> {
  return startGateway(define(options), { define });
}

function define(options: GyreOptions): Config {
  return defineConfig({ workers: 0, ...options, log: { level: 'warn', access: 'off', ...options.log } });
}
