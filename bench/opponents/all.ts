/** Everybody who takes part, in the order of the table. */
import { glider, gost, vproxy } from './both.ts';
import { haproxy, haproxySplice, nginx } from './fixed.ts';
import { floor, floorFixed } from './floor.ts';
import { gyre, gyreOpen } from './gyre.ts';
import { privoxy, squid, tinyproxy } from './http.ts';
import { proxyChain, socksv5 } from './npm.ts';
import type { Opponent } from './opponent.ts';
import { dante, hev, microsocks, threeProxy } from './socks.ts';

export const OPPONENTS: readonly Opponent[] = [
  gyre,
  gyreOpen,
  microsocks,
  dante,
  hev,
  threeProxy,
  squid,
  tinyproxy,
  privoxy,
  proxyChain,
  socksv5,
  vproxy,
  gost,
  glider,
  haproxy,
  haproxySplice,
  nginx,
  floor,
  floorFixed,
];
