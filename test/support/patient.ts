/** A host for the doctor to look at: a recorded tree of /proc, /sys and /run, and a configuration. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { BindResult } from '../../src/cli/bind.ts';
import type { Finding, Patient } from '../../src/cli/doctor/finding.ts';
import { addressValue, networkOf, type Hosted } from '../../src/cli/doctor/interfaces.ts';
import { LocalRoutes } from '../../src/cli/doctor/local-routes.ts';
import { systemAt, type System } from '../../src/cli/doctor/system.ts';
import { parsePool, poolRanges } from '../../src/egress/expression/expression.ts';
import { defineConfig, type GyreOptions } from '../../src/runtime/config.ts';

export interface Host {
  /** Paths below the root, with what is in them. */
  readonly files?: Readonly<Record<string, string>>;
  /** `eth0 192.0.2.1/24` */
  readonly interfaces?: readonly string[];
  readonly options?: Partial<GyreOptions>;
  readonly pool?: readonly string[];
  /** Addresses that cannot be bound; default: all can. */
  readonly unbindable?: readonly string[];
  /** What programs print. */
  readonly programs?: Readonly<Record<string, string>>;
}

/** A tree on disk, gone at the end of the block. */
export class RecordedHost implements Disposable {
  readonly patient: Patient;
  readonly #root: string;

  constructor({
    files = {},
    interfaces = [],
    options = {},
    pool = ['127.0.0.2'],
    unbindable = [],
    programs = {},
  }: Host) {
    this.#root = mkdtempSync(join(tmpdir(), 'gyre-host-'));
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.#root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    const run: System['run'] = async (command) => programs[command];
    const system = systemAt(this.#root, run);
    const ranges = poolRanges(parsePool([...pool]), {});
    const lost = new Set(unbindable);
    const binds = ranges.map((range): BindResult => {
      const failed = [...lost]
        .filter((address) => within(address, range))
        .map((address) => ({ address, code: 'EADDRNOTAVAIL' }));
      return { range, tried: Math.max(1, failed.length), failed };
    });
    this.patient = {
      system,
      loaded: {
        config: defineConfig({ pool: [...pool], workers: 2, ...options }),
        file: undefined,
        notes: [],
      },
      ranges,
      binds,
      complaints: [],
      interfaces: interfaces.map(hosted),
      routes: LocalRoutes.read(system),
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true });
  }
}

function within(address: string, { family, first, last }: BindResult['range']): boolean {
  const value = addressValue(address)!;
  return family === (address.includes(':') ? 6 : 4) && value >= first && value <= last;
}

function hosted(text: string): Hosted {
  const [, device = '', address = '', length = ''] = /^(\S+) (\S+)\/(\d+)$/.exec(text) ?? [];
  const family = address.includes(':') ? 6 : 4;
  const network = networkOf(family, addressValue(address)!, Number(length));
  return { device, address, family, network, internal: device === 'lo' };
}

/** `warn: sentence` and its commands below. */
export const inLines = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ state, message, fix }) => [`${state}: ${message}`, ...fix.map((line) => `  ${line}`)]);
