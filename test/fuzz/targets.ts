/** Everything that can be fuzzed. Imported only on demand: what is watched must not be compiled before. */
import type { Target } from './target.ts';

export const TARGETS = {
  socks5: async (): Promise<Target> => (await import('./targets/socks5.ts')).target,
  socks4: async (): Promise<Target> => (await import('./targets/socks4.ts')).target,
  http: async (): Promise<Target> => (await import('./targets/http.ts')).target,
  'http-forward': async (): Promise<Target> => (await import('./targets/http-forward.ts')).target,
  'http-response': async (): Promise<Target> => (await import('./targets/http-response.ts')).target,
  chunked: async (): Promise<Target> => (await import('./targets/chunked.ts')).target,
  'proxy-header': async (): Promise<Target> => (await import('./targets/proxy-header.ts')).target,
  'server-name': async (): Promise<Target> => (await import('./targets/server-name.ts')).target,
  address: async (): Promise<Target> => (await import('./targets/address.ts')).target,
  clients: async (): Promise<Target> => (await import('./targets/clients.ts')).target,
  guard: async (): Promise<Target> => (await import('./targets/guard.ts')).target,
  'user-name': async (): Promise<Target> => (await import('./targets/user-name.ts')).target,
  pool: async (): Promise<Target> => (await import('./targets/pool.ts')).target,
  config: async (): Promise<Target> => (await import('./targets/config.ts')).target,
} as const;

export type TargetName = keyof typeof TARGETS;

export const TARGET_NAMES = Object.keys(TARGETS) as TargetName[];
