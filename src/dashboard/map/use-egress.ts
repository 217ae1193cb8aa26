/** The address behind a cell: the map's bytes have no names, so that a stretch of them is asked for when one is looked at. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { EgressView, Page } from '../../admin/api.ts';
import { useBoard } from '../data/board.ts';
import { isAbort } from '../data/api.ts';

const STRETCH = 200;
/** Nobody reads an address that the pointer only passes over. */
const REST_MS = 60;
const FRESH_MS = 4000;

interface Stretch {
  readonly askedAt: number;
  readonly items: readonly EgressView[];
}

/** Undefined until it is known. */
export function useEgress(pool: string, index: number | undefined): EgressView | undefined {
  const { api } = useBoard();
  const known = useRef(new Map<number, Stretch>());
  const [, draw] = useState({});
  const from = index === undefined ? undefined : index - (index % STRETCH);
  const stretch = from === undefined ? undefined : known.current.get(from);
  useEffect(() => {
    if (from === undefined || (stretch && performance.now() - stretch.askedAt < FRESH_MS)) return undefined;
    const ending = new AbortController();
    const query = new URLSearchParams({ pool, offset: String(from), limit: String(STRETCH) });
    const ask = async (): Promise<void> => {
      try {
        const { items } = await api.get<Page<EgressView>>(`egresses?${query.toString()}`, ending.signal);
        known.current.set(from, { askedAt: performance.now(), items });
        draw({});
      } catch (error) {
        // The map itself asks every second, and says what is wrong.
        if (!isAbort(error)) known.current.delete(from);
      }
    };
    const timer = setTimeout(() => void ask(), REST_MS);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [pool, from, index]);
  return index === undefined || from === undefined ? undefined : stretch?.items[index - from];
}
