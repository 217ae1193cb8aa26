/** The options that say where clients connect, and what TLS shows them there. */
import { z } from 'zod';
import { parseCidr } from '../../policy/clients.ts';
import type { LimitTerms } from '../../policy/limits/terms.ts';
import type { Config, GyreOptions, ListenerConfig, TlsFiles } from '../config.ts';
import { formatAt, parseListens, parseMode, type WrittenAddress } from './listen.ts';
import { quote, Refusal } from './problem.ts';
import { ownLimits, type WrittenLimits } from './schema-limits.ts';
import { attempt, group, listOf, said } from './shapes.ts';

/** What is said of TLS in one place; the rest may be said elsewhere. */
export type WrittenTls = { readonly [Key in keyof TlsFiles]?: TlsFiles[Key] | undefined };

/** A listener as `listen` has it, before the group `tls` has its say. */
export interface WrittenListener {
  readonly at: ListenerConfig['at'];
  /** Undefined: no TLS. */
  readonly tls: WrittenTls | undefined;
  readonly proxyProtocol: readonly string[] | undefined;
  readonly limits: LimitTerms | undefined;
  /** Where it stands in the options; all ports of a range stand in one place. */
  readonly path: readonly PropertyKey[];
}

/** All options, each right in itself. */
export interface Written extends Omit<Config, 'listen' | 'limits'> {
  readonly listen: readonly WrittenListener[];
  readonly limits: WrittenLimits;
  readonly tls: WrittenTls;
}

const PORTS = 'ports go from 0 to 65535';
const NETWORK = 'expected a network such as 192.0.2.0/24';

/** @param error For what is neither text nor a number. */
export const endpoint = (
  error: string | ((issue: { readonly input?: unknown }) => string),
): z.ZodUnion<[z.ZodString, z.ZodInt]> =>
  z.union([z.string(), z.int().min(0, { error: PORTS }).max(65_535, { error: PORTS })], { error });

/** @param least How many there must be. */
export const networks = (least = 0): z.ZodType<string[], string | string[]> =>
  listOf(
    z.string({ error: NETWORK }).transform((text, ctx) => {
      attempt(() => parseCidr(text), ctx);
      return text;
    }),
    { error: `${NETWORK}, or a list of them`, least },
  );

const FILE = 'expected the path of a PEM file';

const pemFile = (description: string): z.ZodType<string | undefined, string | undefined> =>
  z
    .string({ error: FILE })
    .min(1, { error: FILE })
    // Never to be repeated in a message about a file that cannot be read.
    .refine((text) => !/-----BEGIN|\n/.test(text), {
      error: 'this is the content of a file\nexpected its path',
    })
    .optional()
    .describe(description);

/** A label each between dots (RFC 1123 §2.1), and room for `s-ID.` before it. */
const DOMAIN =
  /^(?=.{1,189}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

const tlsKeys = {
  cert: pemFile('PEM file with the certificate, and those between it and its authority.'),
  key: pemFile('PEM file with the key of the certificate.'),
  clientCa: pemFile('PEM file with authorities: clients must show a certificate of one of them.'),
  sessionDomain: z
    .string({ error: 'expected a domain such as proxy.example' })
    .transform((text, ctx) => attempt(() => readDomain(text), ctx))
    .optional()
    .describe(
      'proxy.example: a client that asks for s-ID.proxy.example (TLS server name) has the sticky session ID.',
    ),
};

function readDomain(text: string): string {
  if (DOMAIN.test(text)) return text.toLowerCase();
  throw new Refusal(`${quote(text)} is not a domain`, 'write for example proxy.example');
}

export const tls: z.ZodType<WrittenTls, GyreOptions['tls']> = group(tlsKeys).describe(
  'What listeners with tls:// show, unless they name files of their own. Files are read again when they change.',
);

const ADDRESS = 'expected an address and port such as 127.0.0.1:1080';
const NO_ADDRESS = 'the listener has no address\nfor example {address: tls://:1443}';

const address = endpoint(({ input }) => (input === undefined ? NO_ADDRESS : ADDRESS)).transform((text, ctx) =>
  attempt(() => parseListens(String(text)), ctx),
);

const MODE = "expected the mode of the socket as text\nput it in quotes: '660'";

const listener = z
  .strictObject(
    {
      address: address.describe('As listen itself: 127.0.0.1:1080, tls://:1443, unix:/run/gyre.sock.'),
      ...tlsKeys,
      proxyProtocol: networks(1)
        .optional()
        .describe(
          'Addresses and networks of load balancers: each connection must come from one of them and begin with a PROXY header, version 1 or 2. Left out: none is expected.',
        ),
      mode: z
        .string({ error: MODE })
        .transform((text, ctx) => attempt(() => parseMode(text), ctx))
        .optional()
        .describe("Of a Unix socket, in octal digits: who may connect. Default: '660', its owner and group."),
      limits: ownLimits.describe('Of this listener; of a range of ports each has them.'),
    },
    { error: ({ code }) => (code === 'invalid_type' ? ADDRESS : undefined) },
  )
  .transform((written, ctx) => {
    const { address: addresses, mode, proxyProtocol, limits, ...files } = written;
    for (const { key, message, hint } of misfits(written))
      ctx.addIssue({ code: 'custom', path: [key], message: said({ message, hint }) });
    return addresses.map(({ at, tls: secure }) => ({
      at: 'path' in at && mode !== undefined ? { ...at, mode } : at,
      tls: secure ? files : undefined,
      proxyProtocol,
      limits,
    }));
  });

interface WrittenObject extends WrittenTls {
  readonly address: readonly WrittenAddress[];
  readonly proxyProtocol?: readonly string[] | undefined;
  readonly mode?: number | undefined;
}

/** Keys that have no meaning for the kind of listener they are given for. */
function misfits(
  written: WrittenObject,
): { readonly key: string; readonly message: string; readonly hint: string }[] {
  const [{ at, tls: secure } = { at: { host: '', port: 0 }, tls: false }] = written.address;
  const unix = 'path' in at;
  const given = (keys: readonly string[]): string[] =>
    keys.filter((key) => written[key as keyof WrittenObject] !== undefined);
  return [
    ...given(secure ? [] : Object.keys(tlsKeys)).map((key) => ({
      key,
      message: `${key} is for TLS, and this listener has none`,
      hint: unix
        ? 'leave it out: TLS on a Unix socket is not supported'
        : `write address: tls://${formatAt(at)}`,
    })),
    ...given(unix ? ['proxyProtocol'] : []).map((key) => ({
      key,
      message: 'who connects to a Unix socket has no address that could be in this list',
      hint: 'leave it out, or listen on an address and a port',
    })),
    ...given(unix ? [] : ['mode']).map((key) => ({
      key,
      message: 'mode is for Unix sockets, and this listener is none',
      hint: 'leave it out',
    })),
  ];
}

const item = z.union([address.transform((plain) => plain.map(asListener)), listener], { error: ADDRESS });

function asListener({ at, tls: secure }: WrittenAddress): Omit<WrittenListener, 'path'> {
  return { at, tls: secure ? {} : undefined, proxyProtocol: undefined, limits: undefined };
}

const placed = (
  listeners: readonly Omit<WrittenListener, 'path'>[],
  ...path: PropertyKey[]
): WrittenListener[] => listeners.map((one) => ({ ...one, path: ['listen', ...path] }));

export const listen: z.ZodType<WrittenListener[], GyreOptions['listen']> = z
  .union(
    [
      item.transform((one) => placed(one)),
      z
        .array(item)
        .min(1, { error: 'the list is empty' })
        .transform((list) => list.flatMap((one, index) => placed(one, index))),
    ],
    { error: `${ADDRESS}, or a list of them` },
  )
  .prefault('127.0.0.1:1080')
  .describe(
    'Where clients connect: 127.0.0.1:1080, [::1]:1080, :1080 for every address of this host, 1080 for 127.0.0.1, or a range of ports 127.0.0.1:10001-10100; tls:// before any of them for TLS; unix:/run/gyre.sock for a Unix socket. Or an object where a listener needs more. One, or a list.',
  );

/** What a listener needs beside its own keys comes from the group `tls`; the rules have seen to it that it is there. */
export function complete(
  { at, tls: own, proxyProtocol }: WrittenListener,
  shared: WrittenTls,
): ListenerConfig {
  return { at, tls: own && filesOf(own, shared), proxyProtocol };
}

function filesOf(own: WrittenTls, shared: WrittenTls): TlsFiles {
  // A certificate and its key belong together: never one from here and one from there.
  const { cert, key } = own.cert === undefined ? shared : own;
  return {
    cert: cert!,
    key: key!,
    clientCa: own.clientCa ?? shared.clientCa,
    sessionDomain: own.sessionDomain ?? shared.sessionDomain,
  };
}
