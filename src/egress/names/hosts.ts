/** The names this host knows without asking anybody. */
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { targetAddress, type TargetAddress } from './target-address.ts';

/** The system's hosts file, read again when it has changed. */
export class HostsFile {
  readonly #path: string;
  #names = new Map<string, TargetAddress[]>();
  #modifiedAt = -1;
  #checkedAt = -Infinity;

  constructor(path: string) {
    this.#path = path;
  }

  find(name: string): readonly TargetAddress[] | undefined {
    const now = performance.now();
    if (now - this.#checkedAt > 5000) {
      this.#checkedAt = now;
      this.#refresh();
    }
    return this.#names.get(name);
  }

  #refresh(): void {
    try {
      const { mtimeMs } = statSync(this.#path);
      if (mtimeMs === this.#modifiedAt) return;
      this.#names = parseHosts(readFileSync(this.#path, 'utf8'));
      this.#modifiedAt = mtimeMs;
    } catch {
      // No hosts file, or none that we may read: then DNS alone answers.
      this.#names.clear();
      this.#modifiedAt = -1;
    }
  }
}

/** `address name name # comment` lines (hosts(5)); IPv6 addresses first. Lines that cannot be targets are skipped. */
function parseHosts(text: string): Map<string, TargetAddress[]> {
  const names = new Map<string, TargetAddress[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    // An address with a zone id (fe80::1%lo0) means something on this host only.
    if (isIP(address) === 0 || address.includes('%')) continue;
    const found = targetAddress(address);
    for (const alias of aliases.map((name) => name.toLowerCase())) {
      const known = names.get(alias) ?? [];
      names.set(alias, found.family === 6 ? [found, ...known] : [...known, found]);
    }
  }
  return names;
}
