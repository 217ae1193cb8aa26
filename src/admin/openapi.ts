/** The OpenAPI file, made of the table of operations and the schemas: what is documented is what is checked. */
import { z } from 'zod';
import { OPERATIONS } from './operations.ts';
import { PROBLEM_TYPE } from './problem.ts';
import { BODIES } from './requests.ts';
import type { AnswerDoc, Operation } from './routes.ts';
import { ANSWERS } from './schemas.ts';

type Json = Record<string, unknown>;

/** What any operation may answer with, and what then was the matter. */
const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'A parameter or the body is wrong; it says which.',
  401: 'The token is missing or wrong.',
  403: 'The Host or the Origin of the request is not one of those that may ask.',
  404: 'There is no such thing.',
  409: 'It cannot be done as things are.',
  413: 'The body is larger than 64 KiB.',
  415: 'The body is not application/json.',
  429: 'Too many wrong tokens came from this address.',
  503: 'Too much is asked at the same time, or a thread does not answer.',
};

const INTRODUCTION = `What a running Gyre shows, and what can be done to it. Everything under /api/v1/ takes the token of the admin listener.
Times are milliseconds since the epoch, durations milliseconds, sizes bytes. Every error is an ApiProblem (RFC 9457).`;

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** OpenAPI 3.1. */
export function openApi(): Json {
  const paths: Record<string, Json> = {};
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = describe(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Admin API of Gyre',
      version: '1',
      description: INTRODUCTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'http://127.0.0.1:1082' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      responses: Object.fromEntries(
        Object.entries(PROBLEMS).map(([status, said]) => [`Problem${status}`, problem(said)]),
      ),
      schemas: components(),
    },
  };
}

let text: string | undefined;

/** As `config/openapi.json` has it. */
export function documentText(): string {
  return (text ??= `${JSON.stringify(openApi(), null, 2)}\n`);
}

function components(): Json {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, schema] of Object.entries({ ...ANSWERS, ...BODIES })) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)]));
}

/** A part of the document, which says once what dialect it is in. */
function bare({ $schema: _, $id: __, ...schema }: Json): Json {
  return schema;
}

function describe(operation: Operation): Json {
  const { id, summary, access, body } = operation;
  const parameters = [...parametersOf(operation.params, 'path'), ...queryParameters(operation.query)];
  return {
    operationId: id,
    summary,
    ...(access !== 'token' && { security: access === 'open' ? [] : [{}, { token: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: {
        required: body.optional !== true,
        content: { 'application/json': { schema: ref(body.schema) } },
      },
    }),
    responses: responsesOf(operation),
  };
}

function responsesOf({ access, method, params, answers, problems = [] }: Operation): Json {
  const usual =
    access === 'open' ? [] : access === 'metrics' ? [401, 403, 429, 503] : [400, 401, 403, 429, 503];
  const ofBody = method === 'GET' ? [] : [413, 415];
  const ofPath = params === undefined ? [] : [404];
  const statuses = new Set([...usual, ...ofBody, ...ofPath, ...problems]);
  const own = Object.entries(answers).map(([status, doc]): [string, Json] => [status, answerOf(doc)]);
  const failures = [...statuses]
    .filter((status) => answers[status] === undefined)
    .map((status): [string, Json] => [String(status), { $ref: `#/components/responses/Problem${status}` }]);
  return Object.fromEntries([...own, ...failures].toSorted(([a], [b]) => Number(a) - Number(b)));
}

function answerOf({ description, schema, type }: AnswerDoc): Json {
  if (schema !== undefined) return { description, content: { 'application/json': { schema: ref(schema) } } };
  if (type === undefined) return { description };
  const text = type === 'application/json' ? { type: 'object' } : { type: 'string' };
  return { description, content: { [type.split(';')[0]!]: { schema: text } } };
}

const problem = (description: string): Json => ({
  description,
  content: { [PROBLEM_TYPE]: { schema: ref('ApiProblem') } },
});

function parametersOf(params: Operation['params'], place: 'path'): Json[] {
  return Object.entries(params ?? {}).map(([name, schema]) => ({
    name,
    in: place,
    required: true,
    schema: bare(z.toJSONSchema(schema) as Json),
  }));
}

function queryParameters(query: Operation['query']): Json[] {
  if (query === undefined) return [];
  // What is meant: the text that arrives says less about it.
  const { properties = {} } = z.toJSONSchema(query, { unrepresentable: 'any' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as Json;
    return description === undefined
      ? { name, in: 'query', schema }
      : { name, in: 'query', description, schema };
  });
}
