/** What health needs of the world: a clock, chance, and probes. Tests bring their own. */
import { networkInterfaces } from 'node:os';
import { probeBind, probeTarget } from './probe.ts';

export interface HealthTools {
  /** Milliseconds since the epoch, on a clock that never jumps. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly bind: typeof probeBind;
  readonly ask: typeof probeTarget;
  /** The addresses on the interfaces of this host. */
  readonly addresses: () => ReadonlySet<string>;
}

export const REAL_TOOLS: HealthTools = {
  now: () => performance.timeOrigin + performance.now(),
  random: Math.random,
  bind: probeBind,
  ask: probeTarget,
  addresses: () => {
    const entries = Object.values(networkInterfaces()).flatMap((infos) => infos ?? []);
    return new Set(entries.map(({ address }) => address));
  },
};
