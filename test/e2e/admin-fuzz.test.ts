/**
 * The admin API of a real gateway against its OpenAPI file: requests that are made of it, right ones and wrong ones, get
 * answers that it documents, valid by its schemas; and wrong ones change nothing.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import fc from 'fast-check';
import { OPENAPI_FILE } from '../../src/cli/write-schema.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { ask, TOKEN, type Answer, type Asking } from '../support/admin.ts';
import { anyTarget } from '../support/any-target.ts';
import { gateway, socksTunnel } from '../support/gateway.ts';
import { ApiDocument, valuesOf, type ApiOperation } from '../support/openapi.ts';
import { Peer } from '../support/peer.ts';

const RUNS = 25;
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const api = new ApiDocument(OPENAPI_FILE);

/** Texts that mean something to the gateway below, or could. */
const likely = [
  'default', 'de', '127.0.0.2', '127.0.0.9', '10.9.9.9', '::1', 'ann', 'shop', '0-1', '1-1', 'true', 'null', '0', '-1', '../..', '%00',
  '__proto__', 'constructor', '*', 'localhost:80', '\u0000', '\ud83d\ude00', '\u202e',
]; // prettier-ignore

const leaving = new AsyncDisposableStack();
let running: Gateway;
let door: Parameters<typeof ask>[0];

before(async () => {
  const target = leaving.use(await anyTarget());
  running = leaving.use(
    await gateway({
      admin: { listen: '127.0.0.1:0', token: TOKEN },
      pools: { de: '127.0.1.1-127.0.1.3' },
      sessions: { by: 'client' },
      workers: 1,
    }),
  );
  door = { endpoint: running.admin!, token: () => TOKEN };
  for (let i = 0; i < 3; i++) {
    const { client } = await socksTunnel(running, target.port);
    leaving.defer(() => void client.socket.destroy());
  }
});
after(() => leaving.disposeAsync());

/** @param values By parameter; those of the path must be there. */
function target({ path, parameters }: ApiOperation, values: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  let filled = path;
  for (const { name, in: place } of parameters) {
    const value = values[name];
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (place === 'query') query.append(name, text);
    else filled = filled.replace(`{${name}}`, () => encodeURIComponent(text.toWellFormed()));
  }
  return query.size === 0 ? filled : `${filled}?${query.toString()}`;
}

/** Whether it is one of the answers the operation has. */
function judge({ id, answers }: ApiOperation, { status, headers, text }: Answer, what: string): void {
  const said = `${id} ${what}: ${status} ${text.slice(0, 300)}`;
  const types = answers[String(status)];
  assert.ok(types !== undefined, `not documented: ${said}`);
  const type = headers['content-type']?.split(';')[0] ?? '';
  if (Object.keys(types).length === 0) return assert.equal(text, '', said);
  const validate = types[type];
  assert.ok(validate !== undefined, `of the type ${type}: ${said}`);
  const isJson = type.endsWith('json');
  assert.ok(validate(isJson ? JSON.parse(text) : text), `${JSON.stringify(validate.errors)}: ${said}`);
}

const parametersOf = ({ parameters }: ApiOperation): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries(parameters.map(({ name, schema }) => [name, valuesOf(schema, likely)])), {
    requiredKeys: parameters.filter((one) => one.in === 'path').map(({ name }) => name),
  }) as fc.Arbitrary<Record<string, unknown>>;

const asJson = (body: unknown): Asking => ({
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});

/** Bodies that no operation takes. */
const garbage: fc.Arbitrary<Asking> = fc.oneof(
  fc.oneof(
    fc.array(fc.jsonValue({ maxDepth: 3 }), { minLength: 1 }),
    fc.string(), fc.double(), fc.boolean(), fc.constant(null),
    fc.record({ [`unknown-${seed % 97}`]: fc.jsonValue() }),
    fc.record({ all: fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.constant(false)), egress: fc.constant(7), deadlineMs: fc.constant('1') }),
  ).map(asJson),
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => ({ headers: { 'Content-Type': 'application/json' }, body: Buffer.concat([Buffer.of(0xff), bytes]) })),
  fc.string({ minLength: 1 }).map((body) => ({ headers: { 'Content-Type': 'application/json' }, body: `{${body}` })),
  fc.constantFrom('text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp').map((type) => ({ headers: { 'Content-Type': type }, body: '{"all": true, "egress": "127.0.0.2"}' })),
); // prettier-ignore

const isStream = ({ id }: ApiOperation): boolean => id === 'readEvents';
/** What ends the gateway is asked for last. */
const isLast = ({ id }: ApiOperation): boolean => id === 'drain';

async function check<T>(
  arbitrary: fc.Arbitrary<T>,
  property: (value: T) => Promise<void>,
  runs = RUNS,
): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, property), { seed, numRuns: runs });
}

/** All that a request could have changed. */
async function state(): Promise<unknown> {
  const answers = await Promise.all(
    ['egresses?limit=1000', 'sessions', 'tunnels', 'config'].map((path) => ask(door, `/api/v1/${path}`)),
  );
  return answers.map(({ json }) => {
    const items = json!['items'] as readonly Record<string, unknown>[] | undefined;
    // The rest moves by itself.
    return (
      items?.map(({ address, state, byHand, key, egress, id }) => ({
        address,
        state,
        byHand,
        key,
        egress,
        id,
      })) ?? json
    );
  });
}

suite(`config/openapi.json, seed ${seed}`, () => {
  test('wrong requests are refused as documented, and change nothing', async () => {
    const before = await state();
    for (const operation of api.operations) {
      const { id, method, answers, parameters } = operation;
      const inPath = (values: Record<string, unknown>): string => target(operation, values).split('?')[0]!;
      const refused = async (
        path: string,
        asking: Asking,
        statuses: readonly number[],
        what: string,
      ): Promise<void> => {
        const answer = await ask(door, path, { method, ...asking });
        judge(operation, answer, `${what} ${path}`);
        assert.ok(statuses.includes(answer.status), `${id} ${what} ${path}: ${answer.status} ${answer.text}`);
      };
      if (answers['401'] !== undefined && answers['400'] !== undefined) {
        await check(
          parametersOf(operation),
          async (values) => {
            await refused(inPath(values), { token: undefined }, [401], 'without the token');
            await refused(`${inPath(values)}?no-such=1`, {}, [400], 'with an unknown parameter');
          },
          5,
        );
      }
      for (const { name, schema } of parameters.filter((one) => one.in === 'query')) {
        const wrong =
          schema['type'] === 'integer'
            ? ['-1', '1.5', 'x', '99999999999', ' 1', '0x1']
            : schema['enum'] !== undefined
              ? ['x', ' ']
              : ['x'.repeat(257)];
        for (const value of wrong) {
          const query = new URLSearchParams({ [name]: value });
          await refused(`${operation.path}?${query.toString()}`, {}, [400], 'with a wrong parameter');
        }
        await refused(`${operation.path}?${name}=1&${name}=1`, {}, [400], 'with a parameter twice');
      }
      if (parameters.some((one) => one.in === 'path')) {
        const long = Object.fromEntries(parameters.map(({ name }) => [name, 'x'.repeat(300)]));
        await refused(inPath(long), {}, [400], 'with a path too long');
      }
      if (method === 'GET') continue;
      await check(fc.tuple(parametersOf(operation), garbage), async ([values, asking]) => {
        const path = inPath({ ...values, action: 'drain' });
        await refused(path, asking, [400, 415], `with ${String(asking.body).slice(0, 60)}`);
      });
    }
    assert.deepEqual(await state(), before);
  });

  test('right requests get what is documented', async () => {
    for (const operation of api.operations) {
      if (isStream(operation) || isLast(operation)) continue;
      const { method, body, bodyRequired } = operation;
      const bodies = body === undefined ? fc.constant(undefined) : valuesOf(body, likely);
      const runs = operation.id === 'reload' ? 3 : RUNS;
      await check(
        fc.tuple(parametersOf(operation), bodyRequired ? bodies : fc.option(bodies, { nil: undefined })),
        async ([values, said]) => {
          const path = target(operation, values);
          const answer = await ask(door, path, { method, ...(said !== undefined && asJson(said)) });
          judge(operation, answer, `${path} ${JSON.stringify(said)}`);
          const allowed = operation.id === 'cutTunnels' ? [400, 503] : [503];
          const fine =
            answer.status < 400 ||
            answer.status === 404 ||
            answer.status === 409 ||
            allowed.includes(answer.status) ||
            (answer.status === 400 && operation.parameters.some((one) => one.in === 'path'));
          assert.ok(fine, `${path} ${JSON.stringify(said)}: ${answer.status} ${answer.text}`);
        },
        runs,
      );
    }
  });

  test('events are of documented kinds', async () => {
    const events = api.operations.find(isStream)!;
    assert.ok(events.answers['200']!['text/event-stream']);
    const peer = await Peer.connect(running.admin!.port);
    peer.text(`GET ${events.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    let heard = '';
    const hear = async (name: string): Promise<unknown> => {
      const wanted = new RegExp(`event: ${name}\\ndata: (.*)\\n\\n`);
      while (!wanted.test(heard)) heard += (await peer.read(1)).toString();
      const [whole, data] = wanted.exec(heard)!;
      heard = heard.replace(whole, '');
      return JSON.parse(data!);
    };
    const valid = async (name: string, schema: string): Promise<void> => {
      const validate = api.schema(schema);
      assert.ok(validate(await hear(name)), JSON.stringify(validate.errors));
    };
    await valid('status', 'Status');
    await valid('status', 'Status');
    await ask(door, '/api/v1/config/reload', { method: 'POST' });
    await valid('reload', 'ReloadReport');
    peer.socket.destroy();
  });

  test('a drain is answered, and then it ends', async () => {
    const drain = api.operations.find(isLast)!;
    const answer = await ask(door, drain.path, { method: drain.method, ...asJson({ deadlineMs: 50 }) });
    assert.equal(answer.status, 202);
    judge(drain, answer, '');
    await running.closed;
    await assert.rejects(ask(door, '/livez'));
  });
});
