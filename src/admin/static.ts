/**
 * The files of the dashboard. They are served as they are: browsers load modules one by one, and from a checkout the types
 * are taken out of TypeScript on the way.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outbox } from './outbox.ts';
import { RequestProblem } from './problem.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};

/** Libraries by the paths the import map of the page gives them. */
const VENDOR: Readonly<Record<string, string>> = {
  '/vendor/preact.js': 'preact',
  '/vendor/hooks.js': 'preact/hooks',
  '/vendor/htm.js': 'htm',
  '/vendor/uplot.js': 'uplot/dist/uPlot.esm.js',
  '/vendor/uplot.css': 'uplot/dist/uPlot.min.css',
};

/** Every step begins with a letter, digit, `-` or `_`: none is `..`, none is hidden. */
const APP_PATH = /^\/app\/((?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:js|ts|css|svg|png|ico|woff2|webmanifest))$/;

interface Asset {
  readonly version: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export class StaticFiles {
  readonly #root: URL;
  readonly #typescript: boolean;
  readonly #assets = new Map<string, Asset>();

  /** @param root The folder of the dashboard; @param typescript Its modules still have types. */
  constructor(
    root: URL = new URL('../dashboard/', import.meta.url),
    typescript: boolean = import.meta.url.endsWith('.ts'),
  ) {
    this.#root = root;
    this.#typescript = typescript;
  }

  /** Whether a path belongs to the dashboard, whether or not there is a file. */
  has(path: string): boolean {
    return path === '/' || path === '/favicon.ico' || path.startsWith('/app/') || path.startsWith('/vendor/');
  }

  /** @throws RequestProblem 404, or 405. */
  async serve(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    outbox: Outbox,
  ): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new RequestProblem(405, 'files are only read', { Allow: 'GET, HEAD' });
    }
    const asset = await this.#get(path);
    const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    const same = known?.includes(asset.headers['ETag']!) === true;
    outbox.file(response, same ? 304 : 200, same ? Buffer.alloc(0) : asset.body, asset.headers);
  }

  async #get(path: string): Promise<Asset> {
    const file = this.#fileOf(path);
    const missing = (): RequestProblem => new RequestProblem(404, 'there is no such file');
    if (file === undefined) throw missing();
    try {
      const { mtimeMs, size } = await stat(file);
      const version = `${mtimeMs} ${size}`;
      const known = this.#assets.get(file.href);
      if (known?.version === version) return known;
      const asset = makeAsset(file, version, await readFile(file));
      this.#assets.set(file.href, asset);
      return asset;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') throw missing();
      throw error;
    }
  }

  #fileOf(path: string): URL | undefined {
    if (path === '/') return new URL('index.html', this.#root);
    if (path === '/favicon.ico') return new URL('icon.svg', this.#root);
    const library = VENDOR[path];
    if (library !== undefined) return new URL(import.meta.resolve(library));
    const file = APP_PATH.exec(path)?.[1];
    if (file === undefined || file.endsWith('.d.ts')) return undefined;
    return new URL(
      this.#typescript ? file.replace(/\.js$/, '.ts') : file.replace(/\.ts$/, '.js'),
      this.#root,
    );
  }
}

function makeAsset(file: URL, version: string, bytes: Buffer): Asset {
  const extension = extname(fileURLToPath(file));
  const body = extension === '.ts' ? Buffer.from(withoutTypes(bytes.toString())) : bytes;
  return {
    version,
    body,
    headers: {
      'Content-Type': TYPES[extension] ?? 'application/octet-stream',
      ETag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      // Asked for again each time, and answered with 304: after an upgrade nobody has half of the old page.
      'Cache-Control': 'no-cache',
      'Cross-Origin-Resource-Policy': 'same-origin',
      ...(extension === '.html' && { 'Content-Security-Policy': policyOf(body.toString()) }),
    },
  };
}

/** Node says on standard error that this may change one day, which whoever opens the dashboard can do nothing about. */
function withoutTypes(text: string): string {
  const kept = Object.getOwnPropertyDescriptor(process, 'emitWarning')!;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    Object.defineProperty(process, 'emitWarning', kept);
  }
}

/** Nothing from elsewhere, nothing inline but what the page itself holds. */
function policyOf(page: string): string {
  const inline = [...page.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([^]*?)<\/script>/g)].map(
    ([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`,
  );
  return [
    "default-src 'none'",
    ["script-src 'self'", ...inline].join(' '),
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
