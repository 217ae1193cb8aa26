/** Answers of several threads, and who of them gave none in time. */
import type { AnswerTo, Question } from './questions.ts';

/** Longer than a thread with work is busy with one piece of it; milliseconds. */
const PATIENCE_MS = 1000;

/** What became of one question to all threads. Those that are dead were not asked. */
export interface Heard<Q extends Question> {
  readonly answers: readonly AnswerTo<Q>[];
  /** Threads that did not answer in time. */
  readonly silent: readonly number[];
}

/** One thread's answer, or its number when there is none. */
type OneHeard<Q extends Question> = { readonly answer: AnswerTo<Q> } | { readonly silent: number };

export function hear<Q extends Question>(
  index: number,
  asked: Promise<AnswerTo<Q>>,
  ms: number = PATIENCE_MS,
): Promise<OneHeard<Q>> {
  return new Promise((resolve) => {
    const silent = (): void => resolve({ silent: index });
    const timer = setTimeout(silent, ms);
    asked.then((answer) => resolve({ answer }), silent).finally(() => clearTimeout(timer));
  });
}

export function sortHeard<Q extends Question>(heard: readonly (OneHeard<Q> | undefined)[]): Heard<Q> {
  const present = heard.filter((one) => one !== undefined);
  return {
    answers: present.flatMap((one) => ('answer' in one ? [one.answer] : [])),
    silent: present.flatMap((one) => ('silent' in one ? [one.silent] : [])),
  };
}
