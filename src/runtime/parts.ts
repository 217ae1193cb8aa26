/** What a configuration names beside itself, certificates and users: read and judged before anything depends on it. */
import { StartError } from '../listener.ts';
import type { Log } from '../ops/log.ts';
import { checkAccounts, type Account } from '../policy/users/account.ts';
import { Certificates } from './certificates.ts';
import type { Config } from './config.ts';
import type { LaneState } from './lane.ts';
import type { ListenerCertificates } from './lane-listeners.ts';
import { UsersFile } from './users-file.ts';

export class Parts {
  readonly #certificates: Certificates;
  readonly #usersFile: UsersFile | undefined;
  /** As they were when they were read. */
  readonly pems: ListenerCertificates;
  readonly accounts: readonly Account[];

  /**
   * Nothing looks after the files before {@link start}.
   * @param publish Hears what has changed in them after that.
   * @throws StartError with the file at fault.
   */
  static async read(
    config: Config,
    log: Log,
    publish: (changes: Partial<LaneState>) => void,
  ): Promise<Parts> {
    const certificates = new Certificates(config.listen, log, (pems) => publish({ certificates: pems }));
    const usersFile =
      config.usersFile === undefined
        ? undefined
        : new UsersFile(config.usersFile, log, (users) => publish({ accounts: allAccounts(config, users) }));
    const pems = await certificates.load();
    const accounts = allAccounts(config, (await usersFile?.load()) ?? []);
    checkAccounts(accounts);
    return new Parts(certificates, usersFile, pems, accounts);
  }

  private constructor(
    certificates: Certificates,
    usersFile: UsersFile | undefined,
    pems: ListenerCertificates,
    accounts: readonly Account[],
  ) {
    this.#certificates = certificates;
    this.#usersFile = usersFile;
    this.pems = pems;
    this.accounts = accounts;
  }

  /** Who is in the users file now. */
  get fromFile(): readonly Account[] {
    return this.#usersFile?.accounts ?? [];
  }

  start(): void {
    this.#certificates.start();
    this.#usersFile?.start();
  }

  stop(): void {
    this.#certificates.stop();
    this.#usersFile?.stop();
  }
}

/** @throws StartError for a name that both have. */
function allAccounts({ users, usersFile }: Config, fromFile: readonly Account[]): readonly Account[] {
  const names = new Set(users.map(({ name }) => name));
  const twice = fromFile.find(({ name }) => names.has(name));
  if (twice === undefined) return [...users, ...fromFile];
  throw new StartError(
    `the user ${JSON.stringify(twice.name)} is in the configuration and in ${usersFile}`,
    'leave one of the two out',
  );
}
