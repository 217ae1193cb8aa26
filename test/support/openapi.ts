/** Requests and judgements out of an OpenAPI file: as much of it as `config/openapi.json` uses. */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';

export type Json = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly schema: Json;
}

export interface ApiOperation {
  readonly id: string;
  /** In capitals. */
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** Of the body; undefined: none is taken. */
  readonly body: Json | undefined;
  readonly bodyRequired: boolean;
  /** Status → media type → how to judge a body; an empty object: there is none. */
  readonly answers: Readonly<Record<string, Readonly<Record<string, ValidateFunction>>>>;
}

const escape = (step: string): string => step.replaceAll('~', '~0').replaceAll('/', '~1');

export class ApiDocument {
  readonly operations: readonly ApiOperation[];
  readonly #document: Json;
  readonly #ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });

  constructor(file: URL) {
    this.#document = JSON.parse(readFileSync(file, 'utf8')) as Json;
    this.#ajv.addVocabulary(Object.keys(this.#document));
    this.#ajv.addSchema(this.#document, 'api');
    this.operations = Object.entries(this.#document['paths'] as Record<string, Record<string, Json>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, said]) => this.#operation(path, method, said)),
    );
  }

  /** A schema of `components` by its name. */
  schema(name: string): ValidateFunction {
    return this.#ajv.getSchema(`api#/components/schemas/${name}`)!;
  }

  #operation(path: string, method: string, said: Json): ApiOperation {
    const body = said['requestBody'] as
      | { required: boolean; content: Record<string, { schema: Json }> }
      | undefined;
    const base = ['paths', path, method, 'responses'];
    return {
      id: String(said['operationId']),
      method: method.toUpperCase(),
      path,
      parameters: (said['parameters'] ?? []) as readonly Parameter[],
      body: body && this.#resolve(body.content['application/json']!.schema),
      bodyRequired: body?.required === true,
      answers: Object.fromEntries(
        Object.entries(said['responses'] as Record<string, Json>).map(([status, answer]) => [
          status,
          this.#judges(answer, [...base, status]),
        ]),
      ),
    };
  }

  #judges(answer: Json, pointer: readonly string[]): Record<string, ValidateFunction> {
    const reference = answer['$ref'] as string | undefined;
    if (reference !== undefined) {
      return this.#judges(this.#resolve(answer), reference.slice(2).split('/'));
    }
    return Object.fromEntries(
      Object.keys((answer['content'] ?? {}) as Json).map((type) => {
        const place = [...pointer, 'content', type, 'schema'].map(escape).join('/');
        return [type, this.#ajv.getSchema(`api#/${encodeURI(place)}`)!];
      }),
    );
  }

  #resolve(node: Json): Json {
    const reference = node['$ref'] as string | undefined;
    if (reference === undefined) return node;
    return reference
      .slice(2)
      .split('/')
      .reduce<Json>((inner, step) => inner[step] as Json, this.#document);
  }
}

/** Values a schema lets through. @param likely Texts that may mean something. */
export function valuesOf(schema: Json, likely: readonly string[]): fc.Arbitrary<unknown> {
  const { type, minLength, maxLength, minimum, maximum, pattern } = schema as Record<string, number & string>;
  const choices = schema['enum'] as readonly unknown[] | undefined;
  if (choices !== undefined) return fc.constantFrom(...choices);
  if (pattern !== undefined) return fc.constantFrom('status', 'log', 'reload', 'status,log,reload');
  if (type === 'integer') return fc.integer({ min: minimum ?? 0, max: maximum ?? 1_000_000 });
  if (type === 'boolean') return fc.boolean();
  if (type === 'string') {
    const fits = (text: string): boolean =>
      Array.from(text).length >= (minLength ?? 0) && text.length <= (maxLength ?? 256);
    const any = fc.string({
      minLength: minLength ?? 0,
      maxLength: Math.min(60, maxLength ?? 60),
      unit: 'grapheme',
    });
    return fc.oneof(fc.constantFrom(...likely), any).filter(fits);
  }
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Json>);
  const requiredKeys = (schema['required'] ?? []) as string[];
  const values = Object.fromEntries(properties.map(([name, inner]) => [name, valuesOf(inner, likely)]));
  return fc.record(values, { requiredKeys });
}
