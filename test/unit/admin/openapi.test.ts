import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { openApi } from '../../../src/admin/openapi.ts';
import { OPERATIONS } from '../../../src/admin/operations.ts';
import { problemOf, rawProblem, RequestProblem } from '../../../src/admin/problem.ts';
import { ControlError } from '../../../src/admin/control.ts';
import { OPENAPI_FILE } from '../../../src/cli/write-schema.ts';

type Json = Readonly<Record<string, unknown>>;

suite('config/openapi.json', () => {
  const text = readFileSync(OPENAPI_FILE, 'utf8');
  const document = JSON.parse(text) as {
    readonly openapi: string;
    readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
    readonly components: { readonly schemas: Json; readonly responses: Json };
  };

  test('is what the code says; write it anew with: npm run schema', () => {
    assert.deepEqual(document, JSON.parse(JSON.stringify(openApi())));
    assert.equal(text, `${JSON.stringify(openApi(), null, 2)}\n`);
  });

  test('leads from each reference to something', () => {
    assert.match(document.openapi, /^3\.1\./);
    for (const [, pointer] of text.matchAll(/"\$ref": "#\/([^"]+)"/g)) {
      const found = pointer!
        .split('/')
        .reduce<unknown>((node, step) => (node as Json | undefined)?.[step], document);
      assert.ok(found !== undefined, String(pointer));
    }
  });

  test('has schemas that a validator takes', () => {
    const ajv = new Ajv2020({
      strict: true,
      strictTypes: false,
      strictRequired: false,
      allowUnionTypes: true,
    });
    ajv.addVocabulary(Object.keys(document));
    ajv.addSchema(document, 'api');
    for (const name of Object.keys(document.components.schemas)) {
      assert.ok(ajv.getSchema(`api#/components/schemas/${name}`), name);
    }
  });

  test('names every operation once, each parameter of its path, and what it answers with', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => ({ path, operation })),
    );
    assert.equal(operations.length, OPERATIONS.length);
    assert.equal(
      new Set(operations.map(({ operation }) => operation['operationId'])).size,
      OPERATIONS.length,
    );
    for (const { path, operation } of operations) {
      const parameters = (operation['parameters'] ?? []) as readonly { name: string; in: string }[];
      const inPath = parameters.filter((one) => one.in === 'path').map(({ name }) => name);
      assert.deepEqual(
        inPath,
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      );
      assert.ok(operation['summary']);
      const statuses = Object.keys(operation['responses'] as Json);
      assert.ok(
        statuses.some((status) => status.startsWith('2')),
        path,
      );
      assert.ok(!statuses.includes('500'), path);
      if (path.startsWith('/api/')) assert.ok(statuses.includes('401'), path);
    }
  });
});

suite('problems', () => {
  test('of what nobody foresaw say nothing of it', () => {
    const problem = problemOf(new TypeError('Cannot read properties of undefined'));
    assert.equal(problem.status, 500);
    assert.doesNotMatch(JSON.stringify(problem), /undefined|TypeError|at /);
  });

  test('of the control keep their words', () => {
    const kinds = { 'not-found': 404, conflict: 409, invalid: 400, unavailable: 503 } as const;
    for (const [kind, status] of Object.entries(kinds)) {
      const problem = problemOf(new ControlError(kind as keyof typeof kinds, 'there is no such pool'));
      assert.deepEqual([problem.status, problem.message], [status, 'there is no such pool']);
    }
  });

  test('are whole answers where there is no request', () => {
    const text = rawProblem(new RequestProblem(405, 'héh', { Allow: 'GET' }));
    const [head, body] = text.split('\r\n\r\n');
    assert.match(head!, /^HTTP\/1\.1 405 Method Not Allowed\r\nAllow: GET\r\n/);
    assert.equal(Number(/Content-Length: (\d+)/.exec(head!)![1]), Buffer.byteLength(body!));
    assert.equal((JSON.parse(body!) as Json)['status'], 405);
  });
});
