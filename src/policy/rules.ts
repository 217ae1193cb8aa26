/**
 * Destination rules: where which user may go, in the operator's own order.
 *
 * The first rule that matches decides. Rules are compiled into tables by name, by network and by port, so that a
 * question costs about the same with ten rules and with ten thousand. Rules only say what is wished; special addresses
 * stay the guard's business (`guard.ts`), unless a rule means them.
 */
import { ProxyError } from '../errors.ts';
import { ipBytes } from '../protocol/address.ts';
import type { Cidr } from './clients.ts';
import { Networks } from './networks.ts';
import { parsePattern, type Pattern } from './rules/pattern.ts';
import { FirstByPort, NO_RULE } from './rules/ports.ts';
import { isSpecialNetwork, reachedBytes } from './special.ts';

/** One rule. Either `allow` or `deny` is there, with at least one pattern as {@link parsePattern} reads it. */
export interface RuleConfig {
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
  /** Whom it is about. Left out: everybody, also those without a name. */
  readonly users?: readonly string[] | undefined;
}

/** What is said of a target by the rules. */
export interface Verdict {
  /** `ask`: it depends on the address. `none`: no rule matched. */
  readonly kind: 'allow' | 'deny' | 'ask' | 'none';
  /** Which rule decided, from 0 on. */
  readonly rule: number | undefined;
  /** By what of the target, or `account`: by what its user may reach at all. */
  readonly by: Ground | 'account' | undefined;
  /**
   * Allowed by an address of its own, or by a network of special addresses and nothing else: private and other special
   * addresses are meant. A network such as 0.0.0.0/0 means none of them in particular.
   */
  readonly explicit: boolean;
}

/** `name` and `host` are canonical, as `parseHost` leaves them; `user` is undefined where nobody has to log in. */
export interface Rules {
  /** Before DNS. `deny` only when no address can change it, `ask` when a network in an earlier rule can. */
  byName(name: string, port: number, user: string | undefined): Verdict;
  /** After DNS, of each address; and of an address that the client gave itself, whose name is undefined. */
  byAddress(name: string | undefined, address: string, port: number, user: string | undefined): Verdict;
}

/** What of a target a pattern speaks about, the most particular first. */
const GROUNDS = ['address', 'address', 'name', 'port', 'everything'] as const;
type Ground = (typeof GROUNDS)[number];
/** Their places in a rank, which is the number of a rule times {@link STEP} and one of these. */
const EXPLICIT = 0;
const NETWORK = 1;
const NAME = 2;
const PORT = 3;
const ALL = 4;
const STEP = 8;

const NO_VERDICT: Verdict = { kind: 'none', rule: undefined, by: undefined, explicit: false };
const NO_ADDRESS: Verdict = { kind: 'deny', rule: undefined, by: 'address', explicit: false };
const ASK: Verdict = { kind: 'ask', rule: undefined, by: undefined, explicit: false };

/**
 * Compiles rules.
 *
 * @throws RangeError with one sentence a line for all that is wrong; each begins with the place, such as `rule 3`.
 */
export function buildRules(rules: readonly RuleConfig[]): Rules {
  const read = rules.map(readRule);
  const problems = read.flatMap((rule, i) => rule.problems.map((text) => `rule ${i + 1}: ${text}`));
  if (problems.length > 0) throw new RangeError(problems.join('\n'));

  const { everyone, users } = compile(read);
  const verdictOf = (rank: number): Verdict => {
    const rule = Math.floor(rank / STEP);
    const kind = read[rule]!.kind;
    const how = rank % STEP;
    return { kind, rule, by: GROUNDS[how], explicit: kind === 'allow' && how === EXPLICIT };
  };

  return {
    byName(name, port, user) {
      let first = everyone.byName(name, port);
      let allowed = everyone.allowed.find(port);
      let denied = everyone.denied.find(port);
      for (const table of tablesOf(users, user)) {
        first = Math.min(first, table.byName(name, port));
        allowed = Math.min(allowed, table.allowed.find(port));
        denied = Math.min(denied, table.denied.find(port));
      }
      const certain = first === NO_RULE ? NO_VERDICT : verdictOf(first);
      const doubt = certain.kind === 'deny' ? allowed : Math.min(allowed, denied);
      return doubt < first ? ASK : certain;
    },
    byAddress(name, address, port, user) {
      const forms = formsOf(address);
      if (forms === undefined) return NO_ADDRESS;
      let first = everyone.byAddress(name, forms, port);
      for (const table of tablesOf(users, user)) first = Math.min(first, table.byAddress(name, forms, port));
      return first === NO_RULE ? NO_VERDICT : verdictOf(first);
    },
  };
}

/** What to tell a client that a verdict denies: which kind of rule it was, and not what it says. */
export function deniedBy({ by }: Verdict): ProxyError {
  const what =
    by === 'account'
      ? 'the target is not among those of the account'
      : by === 'everything'
        ? 'no rule allows the target'
        : `the ${by ?? 'address'} of the target is denied by a rule`;
  return new ProxyError('TARGET_DENIED', what);
}

interface ReadRule {
  readonly kind: 'allow' | 'deny';
  readonly patterns: readonly Pattern[];
  /** Undefined: everybody. */
  readonly users: readonly string[] | undefined;
  readonly problems: readonly string[];
}

function readRule({ allow, deny, users }: RuleConfig): ReadRule {
  const problems: string[] = [];
  const texts = allow ?? deny ?? [];
  if ((allow === undefined) === (deny === undefined)) problems.push('write either allow or deny');
  else if (texts.length === 0) problems.push('it names no target: write for example all');
  if (users?.length === 0) problems.push('its list of users is empty: leave it out for everybody');
  const patterns = texts.flatMap((text) => {
    try {
      return parsePattern(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      problems.push(error.message);
      return [];
    }
  });
  return { kind: allow === undefined ? 'deny' : 'allow', patterns, users, problems };
}

/** The rules about one set of users. */
class Table {
  readonly #any = new FirstByPort();
  readonly #names = new Map<string, FirstByPort>();
  /** What is below a name. */
  readonly #below = new Map<string, FirstByPort>();
  readonly #ipv4 = new Networks<FirstByPort>();
  readonly #ipv6 = new Networks<FirstByPort>();
  /** Of all patterns that are networks, whatever network: what could still be said once the address is known. */
  readonly allowed: FirstByPort = new FirstByPort();
  readonly denied: FirstByPort = new FirstByPort();

  add({ host, ports }: Pattern, kind: 'allow' | 'deny', rule: number): void {
    const rank = rule * STEP;
    if (host.kind === 'any') {
      this.#any.add(ports, rank + (ports === undefined ? ALL : PORT));
    } else if (host.kind === 'network') {
      // As if it came last in its rule: within a rule, it cannot change the answer.
      (kind === 'allow' ? this.allowed : this.denied).add(ports, rank + ALL);
      this.#ofNetwork(host.network).add(ports, rank + (isMeant(host.network) ? EXPLICIT : NETWORK));
    } else {
      if (host.itself) entry(this.#names, host.name).add(ports, rank + NAME);
      if (host.below) entry(this.#below, host.name).add(ports, rank + NAME);
    }
  }

  #ofNetwork({ address, prefix, family }: Cidr): FirstByPort {
    const networks = family === 4 ? this.#ipv4 : this.#ipv6;
    return networks.at(ipBytes(address)!, prefix, () => new FirstByPort());
  }

  byName(name: string, port: number): number {
    let first = Math.min(this.#any.find(port), this.#names.get(name)?.find(port) ?? NO_RULE);
    if (this.#below.size === 0) return first;
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      const found = this.#below.get(name.slice(dot + 1));
      if (found !== undefined) first = Math.min(first, found.find(port));
    }
    return first;
  }

  byAddress(name: string | undefined, forms: readonly Uint8Array[], port: number): number {
    let first = name === undefined ? this.#any.find(port) : this.byName(name, port);
    for (const bytes of forms) {
      const networks = bytes.length === 4 ? this.#ipv4 : this.#ipv6;
      networks.each(bytes, (ranks) => (first = Math.min(first, ranks.find(port))));
    }
    return first;
  }
}

interface Tables {
  readonly everyone: Table;
  /** A rule about a thousand users is in one table that a thousand names point to. */
  readonly users: ReadonlyMap<string, readonly Table[]>;
}

function compile(rules: readonly ReadRule[]): Tables {
  const everyone = new Table();
  const sets = new Map<string, Table>();
  const users = new Map<string, Table[]>();
  for (const [rule, { kind, patterns, users: names }] of rules.entries()) {
    const table = names === undefined ? everyone : tableFor([...new Set(names)].toSorted(), sets, users);
    for (const pattern of patterns) table.add(pattern, kind, rule);
  }
  return { everyone, users };
}

function tableFor(names: readonly string[], sets: Map<string, Table>, users: Map<string, Table[]>): Table {
  const key = JSON.stringify(names);
  const known = sets.get(key);
  if (known !== undefined) return known;
  const table = new Table();
  sets.set(key, table);
  for (const name of names) {
    const tables = users.get(name);
    if (tables === undefined) users.set(name, [table]);
    else tables.push(table);
  }
  return table;
}

const NO_TABLES: readonly Table[] = [];

function tablesOf(users: Tables['users'], user: string | undefined): readonly Table[] {
  return user === undefined ? NO_TABLES : (users.get(user) ?? NO_TABLES);
}

function entry(map: Map<string, FirstByPort>, name: string): FirstByPort {
  let found = map.get(name);
  if (found === undefined) map.set(name, (found = new FirstByPort()));
  return found;
}

function isMeant(network: Cidr): boolean {
  return network.prefix === (network.family === 4 ? 32 : 128) || isSpecialNetwork(network);
}

/** As it is written, and as the host that answers there: a rule about 192.0.2.0/24 is about 64:ff9b::192.0.2.1 as well. */
function formsOf(address: string): readonly Uint8Array[] | undefined {
  const bytes = ipBytes(address);
  if (bytes === undefined) return undefined;
  const reached = reachedBytes(bytes);
  return reached.length === bytes.length ? [bytes] : [bytes, reached];
}
