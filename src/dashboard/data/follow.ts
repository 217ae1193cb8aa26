/** The live events of the gateway, over a connection that comes back by itself. */
import type { Events } from '../../admin/api.ts';
import { backoffMs } from '../model/backoff.ts';
import { SseParser } from '../model/sse.ts';
import { type Api, ApiError } from './api.ts';

/** `refused`: the token is wrong; it waits until there is another. */
export type Link =
  | { readonly state: 'connecting' | 'live' | 'refused' }
  | { readonly state: 'lost'; readonly retryAt: number };

export interface Follower {
  link(link: Link): void;
  event<Name extends keyof Events>(name: Name, data: Events[Name]): void;
}

/** A status comes every second; after this long without one the connection is dead, whatever TCP thinks. */
const SILENCE_MS = 6000;

/** Follows until `signal` ends it, or the token is refused. */
export async function follow(api: Api, follower: Follower, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      await read(api, follower, signal, () => (attempt = 0));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 401) return follower.link({ state: 'refused' });
    }
    const wait = backoffMs(attempt);
    follower.link({ state: 'lost', retryAt: Date.now() + wait });
    await pause(wait, signal);
    if (!signal.aborted) follower.link({ state: 'connecting' });
  }
}

async function read(api: Api, follower: Follower, signal: AbortSignal, heard: () => void): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const stream = await api.stream('events', AbortSignal.any([signal, silence.signal]));
    const parser = new SseParser();
    const reader = stream
      .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
      .getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      for (const { event, data } of parser.push(part.value)) {
        heard();
        follower.event(event as keyof Events, JSON.parse(data) as never);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Ends early when the network or the reader comes back. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = new AbortController();
    const end = (): void => {
      clearTimeout(timer);
      done.abort();
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { signal: done.signal });
    window.addEventListener('online', end, { signal: done.signal });
    document.addEventListener('visibilitychange', end, { signal: done.signal });
  });
}
