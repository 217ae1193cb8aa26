/** A flat Debian repository: an index of packages that hold noise, which is all that fetching them needs. */
import { createHash, randomBytes } from 'node:crypto';
import type { Handler } from './target.ts';

export interface AptRepository {
  readonly handler: Handler;
  /** By name, the bytes of each package. */
  readonly packages: ReadonlyMap<string, Buffer>;
}

/** @param count How many packages there are: `noise-0`, `noise-1`, … */
export function makeAptRepository(count: number): AptRepository {
  const names = Array.from({ length: count }, (_, i) => `noise-${i}`);
  // Some are empty but for a byte: apt has asked for the next ones long before it has read those.
  const packages = new Map(names.map((name, i) => [name, randomBytes(i % 3 === 0 ? 1 : 30_000 * i)]));
  const index = Array.from(packages, ([name, content]) => describe(name, content)).join('\n');
  const files = new Map<string, Buffer>([['/Packages', Buffer.from(index)]]);
  for (const [name, content] of packages) files.set(`/${fileOf(name)}`, content);
  const handler: Handler = (request, response) => {
    const content = files.get(new URL(request.url ?? '/', 'http://localhost').pathname);
    // Without a Release file apt looks for all it might want, and puts up with what is missing.
    response.writeHead(content === undefined ? 404 : 200).end(content);
  };
  return { handler, packages };
}

/** The name apt gives a package's file. */
export function fileOf(name: string): string {
  return `${name}_1.0_all.deb`;
}

function describe(name: string, content: Buffer): string {
  return [
    `Package: ${name}`,
    'Version: 1.0',
    'Architecture: all',
    'Maintainer: Nobody <nobody@localhost>',
    'Description: noise',
    `Filename: ./${fileOf(name)}`,
    `Size: ${content.length}`,
    `SHA256: ${createHash('sha256').update(content).digest('hex')}`,
    '',
  ].join('\n');
}
