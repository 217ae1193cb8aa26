/** What a process leaves to the next one in files: the terms of sessions, and how much of quotas is used. */
import { Sessions, type SessionMemory } from '../egress/sessions/sessions.ts';
import type { Log } from '../ops/log.ts';
import type { LimitMemory } from '../policy/limits/memory.ts';
import type { ListenerPlace } from '../policy/limits/quota-state.ts';
import type { Config } from './config.ts';
import { QuotaFile } from './quota-file.ts';
import { SessionFile } from './session-file.ts';

export class KeptFiles {
  readonly #files: (SessionFile | QuotaFile)[] = [];

  /** Reads what there is. @param placeOf Of listeners, by their slots. @throws StartError */
  constructor(
    { sessions, limits }: Config,
    sessionMemory: SessionMemory,
    limitMemory: LimitMemory,
    log: Log,
    placeOf: ListenerPlace,
  ) {
    if (sessions.file !== undefined) {
      this.#files.push(new SessionFile(sessions.file, new Sessions(sessionMemory), log));
    }
    const { quotaFile } = limits;
    if (quotaFile !== undefined)
      this.#files.push(new QuotaFile(quotaFile, limitMemory, log, Date.now, placeOf));
  }

  save(): void {
    for (const file of this.#files) file.save();
  }

  /** @param handedOver Another process keeps them by now, and knows more. */
  close(handedOver: boolean): void {
    for (const file of this.#files) file.close(!handedOver);
  }
}
