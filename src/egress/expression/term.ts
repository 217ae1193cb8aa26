/** One term of a pool expression: text → value. No look at this host. */
import type { Family } from '../../connection.ts';
import { notAnAddress } from './literal.ts';
import { bad, PoolError, SUPPORTED } from './pool-error.ts';
import { overlapping, type Range, type Span } from '../pool/ranges.ts';
import { parseSpan, type FamilySpan } from './span.ts';
import { checkOptions, readOptions, splitOptions, type TermOptions } from './term-options.ts';
import { readSource, type SourcePlace } from './term-source.ts';

interface Written {
  /** For people: as written, with its `!`; of a URL without user, password and query, of a command only the program. */
  readonly text: string;
  /** `!`: the addresses are taken out of the pool instead of put in. */
  readonly excluded: boolean;
  /** Turns each of the addresses gets for one turn of an address without a weight, 1–1000. */
  readonly weight: number;
  /** `country=de`: lower case, sorted, each key once. */
  readonly tags: readonly string[];
}

/** An address, a range or a prefix. */
export interface SpanTerm extends Written, FamilySpan {
  readonly kind: 'span';
  /** 64: whole /64s take turns, not their addresses. */
  readonly identityBits?: number;
}

interface Refreshed {
  /** Milliseconds from one look to the next; undefined leaves it to whoever runs the sources. */
  readonly refreshMs: number | undefined;
}

/** Addresses that come from somewhere else and change with time. The URL or the command may hold a secret: log `text` only. */
export type SourceTerm = Written & Refreshed & SourcePlace;

/** Whatever addresses an interface of this host carries at the moment. */
export type InterfaceTerm = Extract<SourceTerm, { kind: 'interface' }>;
export type FileTerm = Extract<SourceTerm, { kind: 'file' }>;
export type UrlTerm = Extract<SourceTerm, { kind: 'url' }>;
export type AwsTerm = Extract<SourceTerm, { kind: 'aws' }>;
export type ExecTerm = Extract<SourceTerm, { kind: 'exec' }>;

export type PoolTerm = SpanTerm | SourceTerm;

/** No connection can be bound to these, or not by the address alone. Sorted. */
const UNUSABLE: Readonly<Record<Family, readonly (Span & { readonly what: string })[]>> = {
  4: [
    { first: 0n, last: 0n, what: 'the unspecified address 0.0.0.0' },
    { first: 0xe000_0000n, last: 0xefff_ffffn, what: 'multicast addresses (224.0.0.0/4)' },
    { first: 0xffff_ffffn, last: 0xffff_ffffn, what: 'the broadcast address 255.255.255.255' },
  ],
  6: [
    { first: 0n, last: 0n, what: 'the unspecified address ::' },
    { first: 0xffff_0000_0000n, last: 0xffff_ffff_ffffn, what: 'IPv4-mapped addresses (::ffff:0:0/96)' },
    { first: 0xfe80n << 112n, last: (0xfec0n << 112n) - 1n, what: 'link-local addresses (fe80::/10)' },
    { first: 0xff00n << 112n, last: (1n << 128n) - 1n, what: 'multicast addresses (ff00::/8)' },
  ],
};

/**
 * @param text One term, without surrounding space.
 * @throws {PoolError}
 */
export function parseTerm(text: string): PoolTerm {
  const excluded = text.startsWith('!');
  const body = excluded ? text.slice(1).trimStart() : text;
  if (body === '')
    throw new PoolError('the pool expression has an empty term', text, 'remove the extra comma or !');
  const scheme = schemeOf(body);
  if (body.startsWith('!')) {
    // What follows may hold a password.
    const hides = scheme !== undefined || body.includes('@');
    throw hides
      ? bad(text.slice(0, text.indexOf('!', 1) + 1), 'excludes twice', 'write one !')
      : bad(text, 'excludes twice', `write !${body.slice(1)}`);
  }
  return scheme === undefined ? spanTerm(text, body, excluded) : sourceTerm(body, scheme, excluded);
}

/** SCHEME of `SCHEME:…`; undefined when the term is made of addresses. */
function schemeOf(body: string): string | undefined {
  // A colon also parts the groups of an IPv6 address: only what is not hexadecimal before it makes a scheme.
  return /^!?([^:[;]*[g-z_][^:[;]*):/i.exec(body)?.[1];
}

function spanTerm(text: string, body: string, excluded: boolean): SpanTerm {
  // Something like user:password@host may have got here: leave it to the one error that does not show it.
  if (body.includes('@')) throw notAnAddress(body);
  const { core, parts } = splitOptions(body, undefined);
  const options = readOptions(parts, { term: body, secret: false });
  const { family, first, last, prefix } = parseSpan(core);
  checkOptions(options, {
    term: body,
    excluded,
    prefix: family === 6 ? prefix : undefined,
    refreshes: false,
  });
  const unusable = excluded ? undefined : overlapping(UNUSABLE[family], { first, last })[0];
  if (unusable !== undefined)
    throw bad(text, `cannot be in the pool: no connection leaves from ${unusable.what}`);
  const { identityBits } = options;
  const term = { kind: 'span', text, excluded, ...marks(options), family, first, last } as const;
  return identityBits === undefined ? term : { ...term, identityBits };
}

function sourceTerm(body: string, scheme: string, excluded: boolean): SourceTerm {
  const { core, parts } = splitOptions(body, scheme);
  // Never more than the scheme: what follows may be a URL with a password in it.
  const source = readSource(core, scheme);
  if (source === undefined) throw bad(`${scheme}:`, 'is not supported as a source of addresses', SUPPORTED);
  const { place, shown, secret } = source;
  const written = secret ? shown : body;
  const options = readOptions(parts, { term: written, secret });
  checkOptions(options, { term: written, excluded, prefix: undefined, refreshes: true });
  if (excluded && place.kind !== 'interface') {
    throw bad(
      `!${shown}`,
      'cannot be excluded: what it will take out is not known at the start',
      'exclude addresses, ranges, prefixes or interface:NAME',
    );
  }
  const text = `${excluded ? '!' : ''}${written}`;
  return { ...place, text, excluded, ...marks(options), refreshMs: options.refreshMs };
}

/** A span with the weight and tags of the term that brought it in. */
export function asRange({ family, first, last }: FamilySpan, term: PoolTerm): Range {
  const range = { family, first, last, holes: [], weight: term.weight, tags: term.tags };
  const identityBits = term.kind === 'span' ? term.identityBits : undefined;
  return identityBits === undefined ? range : { ...range, identityBits };
}

function marks({ weight = 1, tags }: TermOptions): Pick<Written, 'weight' | 'tags'> {
  return { weight, tags };
}
