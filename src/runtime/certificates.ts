/**
 * The certificates of all listeners, kept on the main thread: read at the start, and again when their files change.
 *
 * A pair is handed on only as a whole. Whoever renews it writes two files one after the other, so for a moment they do
 * not fit; that is waited out, and what stays broken is told while the old pair serves on.
 */
import { FolderWatch } from '../egress/sources/folder-watch.ts';
import type { ListenerConfig, TlsFiles } from '../listener.ts';
import type { Log } from '../ops/log.ts';
import type { CertificatePems } from '../secure.ts';
import {
  certificateFiles,
  expiryRemark,
  filesKey,
  readCertificate,
  remarks,
  type Certificate,
} from './certificate-files.ts';

/** All in milliseconds. */
export interface CertificateTimes {
  /** How long files must rest after a change before they are read. */
  readonly settleMs: number;
  /** How long a pair may be broken before that is told. */
  readonly patienceMs: number;
  /** How often files are looked at without a sign of change: not every file system gives one. */
  readonly checkMs: number;
  /** How often a certificate that ends soon is told again. */
  readonly remindMs: number;
}

const TIMES: CertificateTimes = {
  settleMs: 200,
  patienceMs: 3000,
  checkMs: 60_000,
  remindMs: 86_400_000,
};

/** Before a folder that could not be watched is tried again; milliseconds. */
const WATCH_MS = 2000;

export class Certificates {
  readonly #listeners: readonly ListenerConfig[];
  readonly #pairs: ReadonlyMap<string, Pair>;

  /** @param publish Hears all certificates whenever one has changed: for each listener, in order; undefined where no TLS is. */
  constructor(
    listeners: readonly ListenerConfig[],
    log: Log,
    publish: (certificates: (CertificatePems | undefined)[]) => void,
    times: CertificateTimes = TIMES,
  ) {
    this.#listeners = listeners;
    const changed = (): void => publish(this.#current());
    this.#pairs = new Map(
      certificateFiles(listeners).map((files) => [filesKey(files), new Pair(files, log, changed, times)]),
    );
  }

  /**
   * Reads all of them.
   * @returns For each listener, in order; the same object for the same files, undefined where no TLS is.
   * @throws StartError with the file at fault.
   */
  async load(): Promise<(CertificatePems | undefined)[]> {
    for (const pair of this.#pairs.values()) await pair.load();
    return this.#current();
  }

  /** Watches the files from now on, and looks once at what happened since they were loaded. */
  start(): void {
    for (const pair of this.#pairs.values()) pair.start();
  }

  stop(): void {
    for (const pair of this.#pairs.values()) pair.stop();
  }

  #current(): (CertificatePems | undefined)[] {
    return this.#listeners.map(({ tls }) => tls && this.#pairs.get(filesKey(tls))!.pems);
  }
}

/** One set of files. */
class Pair {
  readonly #files: TlsFiles;
  readonly #log: Log;
  readonly #changed: () => void;
  readonly #times: CertificateTimes;
  #certificate: Certificate | undefined = undefined;
  /** Why the files cannot be used, since when, and whether that was told. */
  #fault: { readonly message: string; readonly since: number; told: boolean } | undefined = undefined;
  #remindedAt = Number.NEGATIVE_INFINITY;
  #stops: (() => void)[] = [];
  #stopped = false;
  #timer: NodeJS.Timeout | undefined = undefined;
  #looking = false;

  constructor(files: TlsFiles, log: Log, changed: () => void, times: CertificateTimes) {
    this.#files = files;
    this.#log = log;
    this.#changed = changed;
    this.#times = times;
  }

  get pems(): CertificatePems | undefined {
    return this.#certificate?.pems;
  }

  async load(): Promise<void> {
    this.#certificate = await readCertificate(this.#files);
    this.#tellRemarks();
  }

  start(): void {
    const { cert, key, clientCa } = this.#files;
    const { settleMs, checkMs } = this.#times;
    const paths = new Set([cert, key, ...(clientCa === undefined ? [] : [clientCa])]);
    const look = (): void => this.#lookIn(settleMs);
    this.#stops = [...paths].map((path) => new FolderWatch(path, WATCH_MS, look).start());
    const timer = setInterval(() => {
      this.#remind();
      void this.#look();
    }, checkMs).unref();
    this.#stops.push(() => clearInterval(timer));
    look();
  }

  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    clearTimeout(this.#timer);
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms).unref();
  }

  async #look(): Promise<void> {
    if (this.#looking) return this.#lookIn(this.#times.settleMs);
    this.#looking = true;
    try {
      const found = await readCertificate(this.#files);
      if (!this.#stopped) this.#take(found);
    } catch (error) {
      if (!this.#stopped) this.#refuse(error as Error);
    } finally {
      this.#looking = false;
    }
  }

  #take(found: Certificate): void {
    this.#fault = undefined;
    if (same(found.pems, this.pems)) return;
    this.#certificate = found;
    this.#log.info('a certificate has been replaced', {
      file: this.#files.cert,
      names: found.names,
      expires: found.until.toISOString(),
    });
    this.#tellRemarks();
    this.#changed();
  }

  #refuse(error: Error): void {
    const { message } = error;
    if (this.#fault?.message !== message) this.#fault = { message, since: performance.now(), told: false };
    const left = this.#fault.since + this.#times.patienceMs - performance.now();
    if (this.#fault.told) return;
    if (left > 0) return this.#lookIn(left);
    this.#fault.told = true;
    this.#log.warn('a changed certificate cannot be used: the one before stays in use', {
      file: this.#files.cert,
      error,
    });
  }

  #tellRemarks(): void {
    for (const remark of remarks(this.#certificate!, Date.now())) this.#log.warn(remark);
    this.#remindedAt = performance.now();
  }

  #remind(): void {
    if (performance.now() - this.#remindedAt < this.#times.remindMs) return;
    const remark = expiryRemark(this.#certificate!, Date.now());
    if (remark !== undefined) this.#log.warn(remark);
    this.#remindedAt = performance.now();
  }
}

function same(a: CertificatePems, b: CertificatePems | undefined): boolean {
  return a.cert === b?.cert && a.key === b.key && a.clientCa === b.clientCa;
}
