/** Which part of a gateway gets which of the sockets that its process was born with. */
import type { ListenAddress, UnixAddress } from '../listener.ts';
import type { Log } from '../ops/log.ts';
import type { Inherited, Portion } from './inherited.ts';
import type { PlacedListener } from './placed-listeners.ts';

type At = ListenAddress | UnixAddress;

export interface Portions {
  /** By the keys of listeners. */
  readonly lanes: ReadonlyMap<string, readonly number[]>;
  readonly echo: Portion | undefined;
  readonly admin: Portion | undefined;
}

const FEW =
  'systemd gave fewer sockets than there are worker threads, and some threads have nothing to do: write one ListenStream= line for each thread, with ReusePort=true';

/** What belongs to nobody is closed: clients would wait there for ever. */
export async function portionsOf(
  inherited: Inherited,
  listen: readonly PlacedListener[],
  {
    workers,
    echo,
    admin,
  }: {
    readonly workers: number;
    readonly echo: At | undefined;
    readonly admin: { readonly at: At } | undefined;
  },
  log: Log,
): Promise<Portions> {
  const others = [echo, admin?.at];
  const there = others.filter((at) => at !== undefined);
  const portions = await inherited.assign([...listen.map(({ at }) => at), ...there]);
  const lanes = listen.flatMap(({ key }, i) => {
    const portion = portions[i];
    return portion === undefined ? [] : [[key, portion.fds] as const];
  });
  for (const [i, { key }] of listen.entries()) {
    const threads = portions[i]?.fds.length ?? workers;
    // Of our own sockets, threads that got none bind another one beside.
    if (inherited.activated && threads < workers) log.warn(FEW, { at: key, threads, workers });
  }
  for (const at of inherited.closeRest()) {
    log.warn('a listening socket that was handed to this process belongs to no listener: it was closed', {
      at,
    });
  }
  const rest = portions.slice(listen.length);
  return {
    lanes: new Map(lanes),
    echo: echo && rest[0],
    admin: admin && rest[echo === undefined ? 0 : 1],
  };
}
