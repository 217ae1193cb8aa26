/** Pool expressions: the words a user writes → the addresses connections may leave from. */
import { closest, distance } from 'fastest-levenshtein';
import type { Family } from '../../connection.ts';
import {
  byFirst,
  isBlock,
  MAX_BLOCKS,
  merge,
  overlapping,
  subtract,
  type Range,
  type Span,
} from '../pool/ranges.ts';
import { bad, PoolError, quote } from './pool-error.ts';
import { addressesOf, type Interfaces } from '../sources/interface.ts';
import { asRange, parseTerm, type InterfaceTerm, type PoolTerm } from './term.ts';
import { mayHoldCommas } from './term-source.ts';

export { PoolError } from './pool-error.ts';
export type { PoolTerm } from './term.ts';

/** Addresses with the term that brought them in. */
interface Part extends Span {
  readonly family: Family;
  readonly term: PoolTerm;
}

/**
 * Reads the terms of a pool expression: `192.0.2.10`, `192.0.2.10-192.0.2.19`, `192.0.2.0/28` (all of its 16 addresses: none
 * is dropped as network or broadcast), the same for IPv6; sources whose addresses change with time, `interface:eth0`,
 * `file:/path`, `https://host/list` (`http://` too, which anyone on the way can rewrite), `aws:eth0` and `exec:command args`;
 * and `!` before addresses or an interface to exclude them.
 *
 * After a term may follow a weight and then, each after a semicolon, tags and settings: `192.0.2.1*3;country=de`,
 * `2001:db8::/48;identity=64` (whole /64s take turns), `file:/path;refresh=10s` (1s to 24h).
 *
 * Syntax only; {@link poolRanges} compares the terms with each other and with this host.
 * @param terms Each one term, or several separated by commas; see {@link splitTerms}.
 * @throws {PoolError} For the first term that is wrong.
 */
export function parsePool(terms: readonly string[]): PoolTerm[] {
  const parsed = terms.flatMap(parseItem);
  const seen = new Set<string>();
  for (const term of parsed) {
    const key = sameness(term);
    if (seen.has(key)) throw bad(term.text, 'is written twice', 'leave one out');
    seen.add(key);
  }
  return parsed;
}

/**
 * The terms of one item of a list: commas part them, unless the item begins with `https:`, `http:` or `exec:`. Such an item
 * is one term whole, as commas may belong to its URL or command.
 */
export function splitTerms(item: string): string[] {
  return (mayHoldCommas(item) ? [item] : item.split(',')).map((term) => term.trim());
}

function parseItem(item: string): PoolTerm[] {
  let torn = false;
  return splitTerms(item).map((text) => {
    try {
      return parseTerm(text);
    } catch (error) {
      // After a URL or a command this may be the rest of it, with whatever secret it holds.
      throw torn && error instanceof PoolError ? afterComma() : error;
    } finally {
      torn ||= mayHoldCommas(text);
    }
  });
}

function afterComma(): PoolError {
  return new PoolError(
    'what follows a URL or a command after a comma is no term',
    '',
    'if the comma belongs to the URL or the command, write that as an item of its own',
  );
}

/** Equal for terms that bring in the same addresses, whatever their weights and tags. */
function sameness(term: PoolTerm): string {
  switch (term.kind) {
    case 'span':
      return term.text;
    case 'interface':
      return `${String(term.excluded)} interface ${term.name}`;
    case 'file':
      return `file ${term.path}`;
    case 'url':
      return `url ${term.url}`;
    case 'aws':
      return `aws ${term.card}`;
    // Commands.
    default:
      return JSON.stringify(['exec', term.command, ...term.args]);
  }
}

/**
 * The addresses of a pool, in the order of its terms, without those of files, URLs, instance metadata and commands: `Feed`
 * reads these. They may be none at all, when an interface has no address at the moment or everything was excluded: whether
 * that will do is the caller's decision.
 * @param interfaces `os.networkInterfaces()`.
 * @throws {PoolError} Terms overlap, an exclusion removes nothing, an interface does not exist, or there are too many blocks.
 */
export function poolRanges(terms: readonly PoolTerm[], interfaces: Interfaces): Range[] {
  const parts = terms.flatMap((term) => partsOf(term, interfaces));
  const included = parts.filter((part) => !part.term.excluded);
  const excluded = parts.filter((part) => part.term.excluded);
  refuseOverlaps(included);
  // What an interface carries is not for the user to keep apart from other exclusions.
  refuseOverlaps(excluded.filter((part) => part.term.kind === 'span'));
  refuseIdleExclusions(terms, included, excluded);

  const gaps = { 4: merge(ofFamily(excluded, 4)), 6: merge(ofFamily(excluded, 6)) };
  const ranges: Range[] = [];
  let blocks = 0;
  for (const { family, first, last, term } of included) {
    const pieces = subtract(asRange({ family, first, last }, term), gaps[family]);
    blocks += pieces.filter(isBlock).length;
    if (blocks > MAX_BLOCKS) throw tooManyBlocks(term);
    ranges.push(...pieces);
  }
  return ranges;
}

function partsOf(term: PoolTerm, interfaces: Interfaces): Part[] {
  if (term.kind === 'span') return [{ family: term.family, first: term.first, last: term.last, term }];
  if (term.kind !== 'interface') return [];
  const found = addressesOf(interfaces, term.name);
  if (found === undefined) throw unknownInterface(term, Object.keys(interfaces));
  return found.map(({ family, first, last }) => ({ family, first, last, term }));
}

function ofFamily(parts: readonly Part[], family: Family): Part[] {
  return parts.filter((part) => part.family === family).sort(byFirst);
}

function refuseOverlaps(parts: readonly Part[]): void {
  for (const family of [4, 6] as const) {
    const sorted = ofFamily(parts, family);
    for (const [index, part] of sorted.entries()) {
      const next = sorted[index + 1];
      if (next !== undefined && next.first <= part.last) throw overlap(parts, part, next);
    }
  }
}

/** Blames the term written later. */
function overlap(parts: readonly Part[], a: Part, b: Part): PoolError {
  const [earlier, later] = parts.indexOf(a) < parts.indexOf(b) ? [a.term, b.term] : [b.term, a.term];
  const complaint = `overlaps ${quote(earlier.text)}, and every address may be named only once`;
  return bad(later.text, complaint, 'leave one of the two out, or make it smaller');
}

/** An exclusion without effect is a typing error, and the address it was meant for would stay in the pool. */
function refuseIdleExclusions(
  terms: readonly PoolTerm[],
  included: readonly Part[],
  excluded: readonly Part[],
): void {
  // What a source without addresses would bring in is not known yet, nor what `!interface:` would take out.
  const supplied = new Set(included.map((part) => part.term));
  if (terms.some((term) => !term.excluded && !supplied.has(term))) return;
  const sorted = { 4: ofFamily(included, 4), 6: ofFamily(included, 6) };
  const effective = new Map<PoolTerm, boolean>();
  for (const part of excluded) {
    const hits = overlapping(sorted[part.family], part).length > 0;
    effective.set(part.term, hits || effective.get(part.term) === true);
  }
  for (const [{ text }, hits] of effective) {
    if (!hits) throw bad(text, 'removes nothing from the pool', 'correct it or leave it out');
  }
}

function unknownInterface({ name, text }: InterfaceTerm, names: readonly string[]): PoolError {
  const complaint = `this host has no interface ${quote(name)} with an address`;
  if (names.length === 0) return new PoolError(complaint, text, 'there is none at all');
  const near = closest(name, names);
  const guess = distance(name, near) <= 2 ? `; did you mean interface:${near}?` : '';
  return new PoolError(complaint, text, `there are ${names.join(', ')}${guess}`);
}

function tooManyBlocks(term: PoolTerm): PoolError {
  return new PoolError(
    `the pool has too many prefixes: at most ${MAX_BLOCKS} may have more than 65,536 addresses`,
    term.text,
    'write neighbouring prefixes as one shorter prefix',
  );
}
