/** Everybody who has an account here, and what each holds of it. */
import type { Page, UserView } from '../../admin/api.ts';
import type { PageRequest } from '../../admin/control.ts';
import { UserLedger } from '../../policy/limits/ledger.ts';
import type { LimitMemory } from '../../policy/limits/memory.ts';
import type { Account } from '../../policy/users/account.ts';
import type { Config } from '../config.ts';

export class Users {
  readonly #ledger: UserLedger;
  readonly #config: () => Config;
  /** Those of the users file. */
  readonly #fromFile: () => readonly Account[];

  constructor(limits: LimitMemory, config: () => Config, fromFile: () => readonly Account[]) {
    this.#ledger = new UserLedger(limits);
    this.#config = config;
    this.#fromFile = fromFile;
  }

  get known(): number {
    return this.#config().users.length + this.#fromFile().length;
  }

  /** Those of the config first, then those of the file, in their order. */
  page({ offset, limit, q }: PageRequest): Page<UserView> {
    const wanted = q?.toLowerCase() ?? '';
    const config = this.#config();
    const items: UserView[] = [];
    let total = 0;
    for (const [source, accounts] of [
      ['config', config.users] as const,
      ['file', this.#fromFile()] as const,
    ]) {
      for (const account of accounts) {
        if (!shows(account, wanted)) continue;
        if (total >= offset && items.length < limit) items.push(this.#view(account, source, config));
        total++;
      }
    }
    return { total, offset, items };
  }

  #view(account: Account, source: UserView['source'], { limits }: Config): UserView {
    const { name, pool = null, pools = null, strategy = null, expiresAt = null } = account;
    return {
      name,
      source,
      pool,
      pools,
      strategy,
      expiresAt,
      connections: this.#ledger.connections(name),
      quota: this.#ledger.quota(name, { ...limits.perUser, ...account.limits }) ?? null,
    };
  }
}

function shows({ name, pool, strategy }: Account, wanted: string): boolean {
  if (wanted === '') return true;
  return [name, pool, strategy].some((text) => text?.toLowerCase().includes(wanted));
}
