/** The admin API, as one table: what the server does, and what `config/openapi.json` says of it. */
import type { z } from 'zod';
import { RequestProblem } from './problem.ts';
import { BODIES, egressAction, pathText, QUERIES, type BodyTypes } from './requests.ts';
import { operation, type Operation, type Reply } from './routes.ts';

const ok = (json: unknown): Reply => ({ status: 200, json });
const TEXT = 'text/plain; charset=utf-8';
/** What Prometheus asks for. */
const METRICS = 'text/plain; version=0.0.4; charset=utf-8';

const notFound = (what: string): RequestProblem => new RequestProblem(404, what);

const probe = (isWell: boolean, said: string): Reply => ({
  status: isWell ? 200 : 503,
  text: `${said}\n`,
  type: TEXT,
});

const PROBES: readonly Operation[] = [
  operation('GET /livez', {
    id: 'live',
    summary: 'Whether the process is alive.',
    access: 'open',
    answers: { 200: { description: 'It is.', type: TEXT } },
    handle: () => probe(true, 'alive'),
  }),
  ...(['readyz', 'healthz'] as const).map((path) =>
    operation(`GET /${path}`, {
      id: path === 'readyz' ? 'ready' : 'health',
      summary: 'Whether it takes connections: all listeners stand, and it does not drain.',
      access: 'open',
      answers: {
        200: { description: 'It does.', type: TEXT },
        503: { description: 'Not yet, or not any more.', type: TEXT },
      },
      handle: (_, { control }) =>
        probe(control.ready, control.ready ? 'ready' : `not ready: ${control.status().state}`),
    }),
  ),
  operation('GET /metrics', {
    id: 'metrics',
    summary: "Metrics in Prometheus' text format.",
    access: 'metrics',
    answers: { 200: { description: 'All metrics.', type: METRICS } },
    handle: async (_, { metrics }) => ({ status: 200, text: await metrics(), type: METRICS }),
  }),
];

const READING: readonly Operation[] = [
  operation('GET /status', {
    id: 'getStatus',
    summary: 'Totals, listeners, threads, pools, and how the last reload went.',
    answers: { 200: { description: 'As of now.', schema: 'Status' } },
    handle: (_, { control }) => ok(control.status()),
  }),
  operation('GET /pools', {
    id: 'listPools',
    summary: 'All pools.',
    answers: { 200: { description: 'The nameless one, `default`, first.', schema: 'PoolList' } },
    handle: (_, { control }) => ok(control.pools()),
  }),
  operation('GET /pools/{pool}/map', {
    id: 'getPoolMap',
    summary: 'State and load of every egress of a pool, as bytes.',
    params: { pool: pathText },
    answers: { 200: { description: 'In the order of `/egresses?pool=`.', schema: 'PoolMap' } },
    problems: [404],
    handle: ({ params: { pool } }, { control }) => ok(control.poolMap(pool)),
  }),
  operation('GET /egresses', {
    id: 'listEgresses',
    summary: 'The addresses connections leave from, page by page.',
    query: QUERIES.egresses,
    answers: { 200: { description: 'A page of those that match.', schema: 'EgressPage' } },
    problems: [404],
    handle: ({ query }, { control }) => ok(control.egresses(query)),
  }),
  operation('GET /sessions', {
    id: 'listSessions',
    summary: 'Sticky sessions, page by page.',
    query: QUERIES.page,
    answers: { 200: { description: 'A page of those that match.', schema: 'SessionPage' } },
    handle: async ({ query }, { control }) => ok(await control.sessions(query)),
  }),
  operation('GET /tunnels', {
    id: 'listTunnels',
    summary: 'Live tunnels: the oldest, or the busiest.',
    query: QUERIES.tunnels,
    answers: { 200: { description: 'The first of those that match.', schema: 'TunnelPage' } },
    handle: async ({ query: { sort, limit, ...filter } }, { control }) =>
      ok(await control.tunnels(filter, sort, limit)),
  }),
  operation('GET /users', {
    id: 'listUsers',
    summary: 'Users, what they may, and what they use; page by page.',
    query: QUERIES.page,
    answers: { 200: { description: 'A page of those that match.', schema: 'UserPage' } },
    handle: ({ query }, { control }) => ok(control.users(query)),
  }),
  operation('GET /config', {
    id: 'getConfig',
    summary: 'The configuration that runs, without secrets, and the latest reloads.',
    answers: { 200: { description: 'As of now.', schema: 'ConfigView' } },
    handle: (_, { control }) => ok(control.config()),
  }),
  operation('GET /log', {
    id: 'readLog',
    summary: 'The latest lines of the log.',
    query: QUERIES.log,
    answers: { 200: { description: 'Oldest first.', schema: 'LogLines' } },
    handle: ({ query: { limit, level } }, { control }) => ok(control.log(limit, level)),
  }),
  operation('GET /events', {
    id: 'readEvents',
    summary:
      'Server-sent events: `status` (a Status) once a second, `log` (a LogLine), `reload` (a ReloadReport).',
    query: QUERIES.events,
    answers: { 200: { description: 'Without end.', type: 'text/event-stream' } },
    handle: ({ query: { only } }, { events }) => events.reply(only),
  }),
  operation('GET /openapi.json', {
    id: 'getOpenApi',
    summary: 'This document.',
    answers: { 200: { description: 'OpenAPI 3.1.', type: 'application/json' } },
    handle: (_, { document }) => ({ status: 200, text: document(), type: 'application/json' }),
  }),
];

const DOING: readonly Operation[] = [
  operation('POST /egresses/{address}/{action}', {
    id: 'actOnEgress',
    summary:
      'drain: no new connections until undrain. eject: as after failures of its own, it comes back by itself. probe: asks the probe target from it, or binds it.',
    params: { address: pathText, action: egressAction },
    answers: { 200: { description: 'The egress after it.', schema: 'EgressView' } },
    problems: [404, 409],
    handle: async ({ params: { address, action } }, { control }) => ok(await control.act(address, action)),
  }),
  operation<{ key: string }, unknown, BodyTypes['PinRequest']>('POST /sessions/{key}/pin', {
    id: 'pinSession',
    summary: 'From now on the session leaves from this address.',
    params: { key: pathText },
    body: { schema: 'PinRequest' },
    answers: { 200: { description: 'The session after it.', schema: 'SessionView' } },
    problems: [404, 409],
    handle: async ({ params: { key }, body }, { control }) => ok(await control.pinSession(key, body.egress)),
  }),
  operation('DELETE /sessions/{key}', {
    id: 'dropSession',
    summary: 'Forgets a session; its next connection begins a new one.',
    params: { key: pathText },
    answers: { 204: { description: 'It is gone.' } },
    problems: [404],
    handle: async ({ params: { key } }, { control }) => {
      if (await control.dropSession(key)) return { status: 204 };
      throw notFound('there is no such session');
    },
  }),
  operation<unknown, unknown, BodyTypes['CutRequest']>('POST /tunnels/cut', {
    id: 'cutTunnels',
    summary: 'Ends all tunnels that match.',
    body: { schema: 'CutRequest' },
    answers: { 200: { description: 'How many there were.', schema: 'CutAnswer' } },
    handle: async ({ body }, { control }) => ok({ cut: await control.cutTunnels(body) }),
  }),
  operation('DELETE /tunnels/{id}', {
    id: 'cutTunnel',
    summary: 'Ends one tunnel.',
    params: { id: pathText },
    answers: { 204: { description: 'It is over.' } },
    problems: [404],
    handle: async ({ params: { id } }, { control }) => {
      if ((await control.cutTunnels({ id })) > 0) return { status: 204 };
      throw notFound('there is no such tunnel; it may have ended by itself');
    },
  }),
  operation('POST /config/reload', {
    id: 'reload',
    summary: 'Reads the configuration again, and puts it in place when nothing is wrong with it.',
    answers: {
      200: { description: 'It is in place.', schema: 'ReloadReport' },
      422: { description: 'It is wrong, and the one before stays.', schema: 'ReloadReport' },
    },
    handle: async (_, { control }) => {
      const report = await control.reload('api');
      return { status: report.ok ? 200 : 422, json: report };
    },
  }),
  operation<unknown, unknown, BodyTypes['DrainRequest'] | undefined>('POST /drain', {
    id: 'drain',
    summary: 'As SIGTERM: accepts no more, lets tunnels end until the deadline, then ends.',
    body: { schema: 'DrainRequest', optional: true },
    answers: { 202: { description: 'It has begun.' } },
    handle: ({ body }, { control }) => {
      control.drain(body?.deadlineMs);
      return { status: 202 };
    },
  }),
];

export const OPERATIONS: readonly Operation[] = [...PROBES, ...READING, ...DOING];

/** The schema of an operation's body, if it takes one. */
export const bodySchema = ({ body }: Operation): z.ZodType | undefined =>
  body === undefined ? undefined : BODIES[body.schema];
