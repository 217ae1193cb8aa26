/** Everybody who takes part, in the order of the table. */
import { haproxy, nginx } from './fixed.ts';
import { floor, floorFixed } from './floor.ts';
import { gyre, gyreQuiet } from './gyre.ts';
import { squid, tinyproxy } from './http.ts';
import { proxyChain, socksv5 } from './npm.ts';
import type { Opponent } from './opponent.ts';
import { dante, microsocks } from './socks.ts';

export const OPPONENTS: readonly Opponent[] = [
  gyre,
  gyreQuiet,
  microsocks,
  dante,
  squid,
  tinyproxy,
  proxyChain,
  socksv5,
  haproxy,
  nginx,
  floor,
  floorFixed,
];
