/** What a check of the doctor finds, and what it goes by. */
import type { Range } from '../../egress/pool/ranges.ts';
import type { LoadedConfig } from '../../runtime/config.ts';
import type { BindResult } from '../bind.ts';
import type { Hosted } from './interfaces.ts';
import type { LocalRoutes } from './local-routes.ts';
import type { System } from './system.ts';

export type State = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly state: State;
  /** One sentence. */
  readonly message: string;
  /** Commands that mend it, for a shell of root; or lines to add somewhere, which the message names. */
  readonly fix: readonly string[];
}

/** What all checks may look at; read once. */
export interface Patient {
  readonly system: System;
  readonly loaded: LoadedConfig;
  /** Addresses of all pools, each once. */
  readonly ranges: readonly Range[];
  /** What came of binding them. */
  readonly binds: readonly BindResult[];
  /** Why sources of the pools could not be read. */
  readonly complaints: readonly string[];
  readonly interfaces: readonly Hosted[];
  readonly routes: LocalRoutes;
}

export interface Check {
  readonly name: string;
  /** None: there is nothing to say, as it does not concern this host. */
  readonly examine: (patient: Patient) => readonly Finding[] | Promise<readonly Finding[]>;
}

export const ok = (message: string, ...fix: string[]): Finding => ({ state: 'ok', message, fix });
export const warn = (message: string, ...fix: string[]): Finding => ({ state: 'warn', message, fix });
export const fail = (message: string, ...fix: string[]): Finding => ({ state: 'fail', message, fix });

/** The setting now, and after the next start of the host. */
export const setSysctl = (name: string, value: string | number): string =>
  /\s/.test(String(value)) ? `sysctl -w ${name}='${value}'` : `sysctl -w ${name}=${value}`;

/** Clients at once that a host should be ready for when no limit says how many there may be. */
const USUAL_CLIENTS = 10_000;

/** Clients at once that may be expected. */
export function expectedClients({ config }: LoadedConfig): number {
  return config.limits.global.connections ?? USUAL_CLIENTS;
}
