/** What health is told, and what it tells. */
import type { BackoffOptions } from './backoff.ts';
import type { ProbeOptions } from './rounds.ts';
import type { EgressState } from '../pool/table.ts';

export interface HealthOptions {
  /** Failures in a row that eject an egress, at least 1. */
  readonly failures: number;
  /** Share of each pool's members, of each family, that ejection must leave in use; from 0 to 1. */
  readonly floor: number;
  readonly backoffMs: BackoffOptions;
  /** Active probes; none when left out. */
  readonly probe?: ProbeOptions | undefined;
}

export interface HealthLog {
  warn(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
}

export interface HealthStatus extends HealthRemarks {
  readonly state: EgressState;
  /** When it came to this state, as far as health noticed; milliseconds since the epoch. */
  readonly since: number | undefined;
  readonly ejections: number;
  /** It would be down, but for the floor of its pool. */
  readonly held: boolean;
  /** While it is down, when it is examined next; milliseconds since the epoch. */
  readonly retryAt: number | undefined;
  /** It is out because somebody said so. */
  readonly byHand: 'drain' | 'eject' | undefined;
}

export interface HealthRemarks {
  readonly lastError: string | undefined;
  readonly publicAddress: string | undefined;
}
