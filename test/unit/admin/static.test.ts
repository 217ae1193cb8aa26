import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import type { Outbox } from '../../../src/admin/outbox.ts';
import { RequestProblem } from '../../../src/admin/problem.ts';
import { StaticFiles } from '../../../src/admin/static.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-static-'));
after(() => rmSync(folder, { recursive: true }));
const root = join(folder, 'dashboard');
mkdirSync(join(root, 'parts'), { recursive: true });
const MAP = '\n{"imports": {}}\n';
writeFileSync(
  join(root, 'index.html'),
  `<script type="importmap">${MAP}</script><script type="module" src="/app/main.js"></script>`,
);
writeFileSync(join(root, 'main.ts'), "import './parts/a.ts';\nexport const n: number = 1;\n");
writeFileSync(join(root, 'parts', 'a.ts'), 'export type A = string;\n');
writeFileSync(join(root, 'tsconfig.json'), '{}');
writeFileSync(join(root, 'types.d.ts'), '');
writeFileSync(join(folder, 'secret.js'), 'secret');
writeFileSync(join(root, '.hidden.js'), 'secret');

const files = new StaticFiles(pathToFileURL(`${root}/`), true);

interface Served {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function get(path: string, method = 'GET', etag?: string): Promise<Served> {
  let served: Served | undefined;
  const outbox = {
    file(_: unknown, status: number, body: Buffer, headers: Record<string, string>) {
      served = { status, headers, body: body.toString() };
    },
  } as unknown as Outbox;
  const request = { method, headers: { 'if-none-match': etag } } as unknown as IncomingMessage;
  await files.serve(path, request, {} as ServerResponse, outbox);
  return served!;
}

async function refusal(path: string, method?: string): Promise<number> {
  try {
    await get(path, method);
    return 0;
  } catch (error) {
    assert.ok(error instanceof RequestProblem, String(error));
    return error.status;
  }
}

suite('the files of the dashboard', () => {
  test('are the page, with a policy that lets nothing in but itself', async () => {
    const { status, headers, body } = await get('/');
    assert.equal(status, 200);
    assert.match(headers['Content-Type']!, /^text\/html/);
    assert.match(body, /importmap/);
    const policy = headers['Content-Security-Policy']!;
    const hash = createHash('sha256').update(MAP).digest('base64');
    assert.match(policy, /default-src 'none';/);
    assert.ok(policy.includes(`script-src 'self' 'sha256-${hash}';`), policy);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(!policy.includes('unsafe'));
  });

  test('are modules without their types, by either ending', async () => {
    for (const path of ['/app/main.js', '/app/main.ts']) {
      const { headers, body } = await get(path);
      assert.match(headers['Content-Type']!, /^text\/javascript/);
      assert.match(body, /export const n\s+= 1;/);
    }
  });

  test('are the libraries', async () => {
    for (const name of ['preact.js', 'hooks.js', 'htm.js', 'uplot.js', 'uplot.css']) {
      const { status, body, headers } = await get(`/vendor/${name}`);
      assert.equal(status, 200);
      assert.ok(body.length > 500, name);
      assert.match(headers['Content-Type']!, name.endsWith('css') ? /css/ : /javascript/);
      // What it imports must be in the import map of the page.
      const imports = [...body.matchAll(/\bimport\b[^;\n]*\bfrom\s*["']([^"']+)["']/g)].map(
        ([, from]) => from,
      );
      assert.ok(
        imports.every((from) => from === 'preact'),
        `${name}: ${imports.join()}`,
      );
    }
  });

  test('are not sent again to who has them, and are when they have changed', async () => {
    const file = join(root, 'changing.css');
    writeFileSync(file, 'a{}');
    utimesSync(file, 1, 1);
    const first = await get('/app/changing.css');
    assert.equal(first.body, 'a{}');
    assert.equal((await get('/app/changing.css', 'GET', first.headers['ETag'])).status, 304);
    assert.equal((await get('/app/changing.css', 'GET', `"x", W/${first.headers['ETag']}`)).status, 304);
    writeFileSync(file, 'b{}');
    utimesSync(file, 2, 2);
    const second = await get('/app/changing.css', 'GET', first.headers['ETag']);
    assert.deepEqual([second.status, second.body], [200, 'b{}']);
  });

  test('are nothing else', async () => {
    for (const path of [
      '/app/',
      '/app/none.js',
      '/app/parts',
      '/app/parts/',
      '/app/../secret.js',
      '/app/parts/../../secret.js',
      '/app/%2e%2e/secret.js',
      '/app/..%2fsecret.js',
      '/app//secret.js',
      '/app/.hidden.js',
      '/app/tsconfig.json',
      '/app/types.d.ts',
      '/app/index.html',
      '/app/main.js/',
      '/app/main.js\0.css',
      '/vendor/',
      '/vendor/zod.js',
      '/vendor/../package.json',
      '/vendor/__proto__',
      '/vendor/constructor',
    ]) {
      assert.equal(await refusal(path), 404, path);
    }
  });

  test('are only read', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) assert.equal(await refusal('/', method), 405);
    assert.equal((await get('/', 'HEAD')).status, 200);
  });

  test('never come from outside their folders, whatever is asked for', async () => {
    const step = fc.constantFrom(
      '..',
      '.',
      '',
      'parts',
      'secret.js',
      'main.js',
      '%2e%2e',
      '\\',
      '.hidden.js',
      'dashboard',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
        const served = await get(`/app/${steps.join('/')}`).catch((error: unknown) => {
          assert.ok(error instanceof RequestProblem, String(error));
        });
        assert.ok(served === undefined || !served.body.includes('secret'));
      }),
      { numRuns: 300 },
    );
  });
});
