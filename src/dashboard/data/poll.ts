/** What no event brings: asked for again and again, as long as somebody looks. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { useBoard } from './board.ts';
import { isAbort, messageOf } from './api.ts';

export interface Polled<Answer> {
  /** The latest answer; what was asked before stays until the next one is there, so that nothing jumps. */
  readonly answer: Answer | undefined;
  readonly error: string | undefined;
  /** Asks at once. */
  readonly again: () => void;
}

/** @param everyMs The pause between answer and next question; 0: asked once, and by `again`. */
export function usePolled<Answer>(path: string | undefined, everyMs: number): Polled<Answer> {
  const { api } = useBoard();
  const [state, setState] = useState<{ answer?: Answer; error?: string }>({});
  const [asked, ask] = useState(0);
  const latest = useRef<Answer | undefined>(undefined);
  useEffect(() => {
    if (path === undefined) return undefined;
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const round = async (): Promise<void> => {
      try {
        if (!document.hidden) latest.current = await api.get<Answer>(path, ending.signal);
        if (!ending.signal.aborted) setState(latest.current === undefined ? {} : { answer: latest.current });
      } catch (error) {
        if (isAbort(error) && ending.signal.aborted) return;
        setState({
          ...(latest.current !== undefined && { answer: latest.current }),
          error: messageOf(error),
        });
      }
      if (everyMs > 0 && !ending.signal.aborted) timer = setTimeout(() => void round(), everyMs);
    };
    void round();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, asked]);
  const again = useCallback(() => ask((count) => count + 1), []);
  return { answer: state.answer, error: state.error, again };
}

/** A value that has not changed for a while: what somebody has finished typing. */
export function useSettled<Value>(value: Value, ms = 200): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
