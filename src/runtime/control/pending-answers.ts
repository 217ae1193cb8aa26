/** Questions to one worker thread that are not answered yet. */
import type { AnswerTo, Answers, Question } from './questions.ts';

/** More is waiting only where a thread does not answer at all. */
const MOST = 1000;

export class PendingAnswers {
  readonly #waiting = new Map<number, (answer: Answers[keyof Answers]) => void>();
  #id = 0;

  /** @param ask Sends the question under that number. @returns the answer, if there ever is one. */
  wait<Q extends Question>(ask: (id: number) => void): Promise<AnswerTo<Q>> {
    const id = ++this.#id;
    return new Promise((resolve) => {
      // Whoever asked that long ago has given up.
      if (this.#waiting.size >= MOST) this.#waiting.delete(this.#waiting.keys().next().value!);
      this.#waiting.set(id, (answer) => resolve(answer as AnswerTo<Q>));
      ask(id);
    });
  }

  got(id: number, answer: Answers[keyof Answers]): void {
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }
}
