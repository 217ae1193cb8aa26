/** The option that says where the admin API is, and who may use it. */
import { z } from 'zod';
import { isToken, SHORTEST_TOKEN } from '../../admin/token.ts';
import type { Config, GyreOptions } from '../config.ts';
import { parseListens } from './listen.ts';
import { quote, Refusal } from './problem.ts';
import { endpoint } from './schema-listen.ts';
import { attempt, listOf } from './shapes.ts';

const ADDRESS = 'expected an address and port such as 127.0.0.1:1082, unix:/run/gyre/admin.sock, or off';
const OBJECT = `${ADDRESS}; or an object with listen`;

type At = NonNullable<Config['admin']>['at'];

function parseAt(text: string): At | undefined {
  if (text === 'off') return undefined;
  const [first, ...others] = parseListens(text);
  if (others.length > 0) throw new Refusal(`${quote(text)} is a range of ports`, 'write one: 127.0.0.1:1082');
  if (!first!.tls) return first!.at;
  throw new Refusal(
    'the admin listener has no TLS of its own',
    `write ${text.slice('tls://'.length)}, and put something in front of it that has, or reach it through ssh`,
  );
}

const at = endpoint(ADDRESS).transform((text, ctx) => attempt(() => parseAt(String(text)), ctx));

const TOKEN = `expected a token: ${SHORTEST_TOKEN} to 512 characters without spaces\nmake one: openssl rand -hex 32`;

/** Nothing of it is shown. */
const token = z
  .string({ error: TOKEN })
  .refine(isToken, { error: TOKEN })
  .optional()
  .describe(
    'What whoever asks has to show. Without it and tokenFile, Gyre makes one for its own user; only on loopback and Unix sockets. Stronger than tokenFile.',
  );

const FILE = 'expected the path of a file with the token';

const ORIGIN = 'expected the origin of a page, such as https://ops.example';

function readOrigin(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url.origin;
  throw new Refusal(
    `${quote(text)} is not an origin`,
    'write scheme, host and port alone: https://ops.example',
  );
}

const NAME = 'expected the name of a host, such as gyre.example';

const settings = z.strictObject(
  {
    listen: at
      .prefault('off')
      .describe('As admin itself: 127.0.0.1:1082, unix:/run/gyre/admin.sock, or off.'),
    token,
    tokenFile: z
      .string({ error: FILE })
      .min(1, { error: FILE })
      .optional()
      .describe('A file that holds the token; where there is none, Gyre makes it.'),
    cors: listOf(
      z.string({ error: ORIGIN }).transform((text, ctx) => attempt(() => readOrigin(text), ctx)),
      { error: `${ORIGIN}, or a list of them` },
    )
      .prefault([])
      .describe('Origins of other pages that may ask: https://ops.example.'),
    hosts: listOf(
      z
        .string({ error: NAME })
        .regex(/^[\w-]+(?:\.[\w-]+)*$/, { error: NAME })
        .toLowerCase(),
      { error: `${NAME}, or a list of them` },
    )
      .prefault([])
      .describe('Names it is reached by. Addresses and localhost are always right, other names are refused.'),
    metrics: z
      .enum(['open', 'token'])
      .prefault('open')
      .describe('Who may read /metrics: everyone who reaches it, or who shows the token.'),
  },
  { error: ({ code }) => (code === 'invalid_type' ? OBJECT : undefined) },
);

type Settings = z.output<typeof settings>;

function complete({ listen, ...rest }: Settings): Config['admin'] {
  return listen === undefined
    ? undefined
    : { at: listen, token: rest.token, tokenFile: rest.tokenFile, ...rest };
}

export const admin: z.ZodType<Config['admin'], GyreOptions['admin']> = z
  .union(
    [
      at.transform((listen) =>
        complete({ listen, token: undefined, tokenFile: undefined, cors: [], hosts: [], metrics: 'open' }),
      ),
      settings.transform((written) => complete(written)),
    ],
    { error: OBJECT },
  )
  .prefault('off')
  .describe(
    'Admin API, metrics, probes and dashboard over HTTP: 127.0.0.1:1082, unix:/run/gyre/admin.sock, an object where it needs more, or off.',
  );
