/** What may be asked: path and query parameters, and bodies. */
import { z } from 'zod';
import type { CutRequest, DrainRequest, EgressAction, Events, LogLine, PinRequest } from './api.ts';
import type { Control, PageRequest } from './control.ts';
import { EGRESS_STATES, INBOUNDS, LEVELS } from './schemas.ts';

/** A name, an address, a search: nothing that is longer can be meant. */
const text = z.string().min(1).max(256);

/** Query parameters arrive as text; what is documented is the number that is meant. */
const number = (least: number, most: number, byDefault: number, description: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, { error: 'expected a whole number' })
    .transform(Number)
    .pipe(z.int().min(least).max(most))
    .prefault(String(byDefault))
    .meta({ description, default: byDefault });

const search = text.optional().describe('Anywhere in what is shown; case does not matter.');
const limit = (byDefault: number) => number(1, 1000, byDefault, 'At most so many.');

const paging = { q: search, offset: number(0, 999_999_999, 0, 'How many to skip.'), limit: limit(100) };

const filter = {
  id: text.optional().describe('The one with this id.'),
  user: text.optional(),
  client: text.optional().describe('An address, without port.'),
  target: text.optional().describe('A host, or host:port.'),
  egress: text.optional(),
  session: text.optional(),
  inbound: z.enum(INBOUNDS).optional(),
  q: text.optional().describe('Anywhere in client, user, target, egress or session; case does not matter.'),
};

type EventName = keyof Events;
const EVENT_LIST = /^(?:status|log|reload)(?:,(?:status|log|reload))*$/;

type TunnelQuery = Parameters<Control['tunnels']>;

/** By their operation. */
export interface QueryTypes {
  readonly page: PageRequest;
  readonly egresses: Parameters<Control['egresses']>[0];
  readonly tunnels: TunnelQuery[0] & { readonly sort: TunnelQuery[1]; readonly limit: number };
  readonly log: { readonly limit: number; readonly level?: LogLine['level'] | undefined };
  readonly events: { readonly only?: readonly EventName[] | undefined };
}

export const QUERIES: { readonly [Name in keyof QueryTypes]: z.ZodType<QueryTypes[Name]> } = {
  page: z.strictObject(paging),
  egresses: z.strictObject({ ...paging, pool: text.optional(), state: z.enum(EGRESS_STATES).optional() }),
  tunnels: z.strictObject({
    ...filter,
    sort: z
      .enum(['age', 'sent', 'received'])
      .prefault('age')
      .meta({ description: 'Oldest first, or who has sent or received most.', default: 'age' }),
    limit: limit(100),
  }),
  log: z.strictObject({
    limit: limit(200),
    level: z.enum(LEVELS).optional().describe('Only lines that matter this much, or more.'),
  }),
  events: z.strictObject({
    only: z
      .string()
      .regex(EVENT_LIST, { error: 'expected status, log and reload, with commas between them' })
      .transform((list) => list.split(',') as EventName[])
      .optional()
      .meta({
        description: 'Only these, with commas: status,log,reload.',
        type: 'string',
        pattern: EVENT_LIST.source,
      }),
  }),
};

/** A part of the path. */
export const pathText: z.ZodType<string> = text;
export const egressAction: z.ZodType<EgressAction> = z.enum(['drain', 'undrain', 'eject', 'probe']);

const cutRequest = z
  .strictObject({
    ...filter,
    all: z.boolean().optional().describe('Must be true when nothing else is said.'),
  })
  .refine(({ all, ...said }) => all === true || Object.values(said).some((one) => one !== undefined), {
    error: 'nothing says which tunnels are meant; all of them are {"all": true}',
  })
  .meta({ minProperties: 1 });

/** By the names they have in the OpenAPI file. */
export interface BodyTypes {
  readonly PinRequest: PinRequest;
  readonly CutRequest: CutRequest;
  readonly DrainRequest: DrainRequest;
}

export const BODIES: { readonly [Name in keyof BodyTypes]: z.ZodType<BodyTypes[Name]> } = {
  PinRequest: z.strictObject({ egress: text.describe("An address of the session's pool and family.") }),
  CutRequest: cutRequest,
  DrainRequest: z.strictObject({
    deadlineMs: z
      .int()
      .min(0)
      .max(86_400_000)
      .optional()
      .describe('How long tunnels may take; milliseconds.'),
  }),
};
