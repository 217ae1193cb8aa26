/** Runs cases against the gateways, a few hundred at once, and then looks for what must never be left behind. */
import assert from 'node:assert/strict';
import { eventually } from './gateway.ts';
import { sentBy, type Case } from './hostile-cases.ts';
import type { Line } from './hostile-lines.ts';
import { PATIENCE_MS, Visit, type Outcome } from './hostile-visit.ts';
import { PLANTED, type GatewayName, type HostileWorld } from './hostile-world.ts';

/** Faults shown of a batch; the rest are counted. */
const SHOWN = 8;
const SWEEP_MS = 1000;

export class Attack {
  readonly #world: HostileWorld;
  /** Connections made so far. */
  inputs = 0;
  #descriptors = Infinity;
  #log = '';

  constructor(world: HostileWorld) {
    this.#world = world;
  }

  /** Takes the descriptors open now as the measure of what may be open after a batch. */
  async settle(): Promise<void> {
    await this.#quiet();
    this.#descriptors = this.#world.descriptors();
    this.#log = this.#world.log();
  }

  /**
   * Sends all cases of a batch, `concurrency` at a time, and checks every invariant.
   * @throws AssertionError naming the cases, with their bytes.
   */
  async run(cases: Iterable<Case>, concurrency: number): Promise<void> {
    const acceptedBefore = await this.#accepted();
    const outcomes = await this.#visitAll(cases[Symbol.iterator](), concurrency);
    await eventually('every connection is accepted', async () => {
      return (await this.#accepted()) - acceptedBefore >= outcomes.length;
    });
    await this.#quiet().catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#unfinished(outcomes)}`, { cause: error });
    });
    assert.equal(this.#world.death(), undefined);
    assert.equal(this.#world.log(), this.#log, 'the gateways have nothing to complain of');
    // Forwarded requests count one by one.
    const records = (await this.#accepted()) - acceptedBefore;
    const lines = await this.#linesOf(records);
    const faults = outcomes.flatMap((outcome) => faultsOf(outcome, lines, this.#world));
    const all = [...lines.values()].reduce((sum, { length }) => sum + length, 0);
    assert.equal(all, records, 'one line each');
    const named = new Set(outcomes.map(({ client }) => client));
    const nameless = outcomes.filter(({ client }) => !lines.has(client)).length;
    const others = [...lines].filter(([client]) => !named.has(client)).flatMap(([, of]) => of).length;
    assert.ok(others >= nameless, `${nameless} inputs without a line, ${others} lines of nobody`);
    assert.equal(faults.length, 0, `${faults.length} faults\n${sample(faults)}`);
  }

  /** @throws AssertionError when a password turns up in anything the gateways have written. */
  assertNothingLeaked(): void {
    const text = this.#world.allText();
    for (const secret of [PLANTED, Buffer.from(PLANTED).toString('base64').slice(0, 8)]) {
      assert.ok(!text.includes(secret), 'a password stands in a log');
    }
  }

  #visitAll(cases: Iterator<Case>, concurrency: number): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const visits = new Set<Visit>();
    const { promise, resolve } = Promise.withResolvers<Outcome[]>();
    const sweep = setInterval(() => {
      for (const visit of visits) if (performance.now() - visit.begunAt > PATIENCE_MS) visit.giveUp();
    }, SWEEP_MS);
    let exhausted = false;
    const begin = (): void => {
      while (!exhausted && visits.size < concurrency) {
        const next = cases.next();
        exhausted = next.done === true;
        if (next.done !== true) this.#visit(next.value, visits, outcomes, begin);
      }
      if (visits.size > 0) return;
      clearInterval(sweep);
      resolve(outcomes);
    };
    begin();
    return promise;
  }

  #visit(wanted: Case, visits: Set<Visit>, outcomes: Outcome[], goOn: () => void): void {
    const { users, listener } = wanted.vector;
    const gateway: GatewayName = `${wanted.hasty ? 'hasty ' : ''}${users ? 'users' : 'open'}`;
    const from = sourceOf(this.inputs++);
    const address = { port: this.#world.portOf(gateway, listener), from, ca: this.#world.ca };
    const visit = new Visit(wanted, address, (outcome) => {
      outcomes.push(outcome);
      visits.delete(visit);
      goOn();
    });
    visits.add(visit);
  }

  async #accepted(): Promise<number> {
    return [...(await this.#world.health()).values()].reduce((sum, { accepted }) => sum + accepted, 0);
  }

  async #quiet(): Promise<void> {
    const { targets } = this.#world;
    await eventually('no connection is active', async () => {
      const all = [...(await this.#world.health()).values()];
      return all.every(({ active, marks }) => active === 0 && marks === 0) && targets.open === 0;
    });
    await eventually('descriptors are back', () => this.#world.descriptors() <= this.#descriptors);
  }

  /** The inputs that have no access line. */
  #unfinished(outcomes: readonly Outcome[]): string {
    const clients = new Set(this.#world.takeLines().map(({ client }) => client));
    const left = outcomes.filter(({ client }) => !clients.has(client));
    return left
      .slice(0, SHOWN)
      .map((outcome) => inWords(outcome, []))
      .join('\n');
  }

  /** @returns the lines by client; all lines of the batch have come. */
  async #linesOf(count: number): Promise<Map<string, Line[]>> {
    const lines = new Map<string, Line[]>();
    let seen = 0;
    await eventually('every connection has its line', () => {
      for (const line of this.#world.takeLines()) {
        const same = lines.get(line.client);
        if (same === undefined) lines.set(line.client, [line]);
        else same.push(line);
        seen++;
      }
      return seen >= count;
    });
    return lines;
  }
}

/** Some of each kind. */
function sample(faults: readonly Fault[]): string {
  const kinds = Map.groupBy(faults, ({ what }) => what.replaceAll(/\d+/g, '#'));
  const each = Math.ceil(SHOWN / kinds.size);
  return [...kinds]
    .map(([, same]) => {
      const shown = same.slice(0, each).map(({ what, where }) => `  ${what}: ${where}`);
      return [`${same.length} like this:`, ...shown].join('\n');
    })
    .join('\n');
}

/** An address of its own for each input: its access line can be told, and no source port is ever short. */
const sourceOf = (input: number): string => `127.${128 + (input >> 16)}.${(input >> 8) & 255}.${input & 255}`;

interface Fault {
  readonly what: string;
  /** The case, what was heard, and the bytes. */
  readonly where: string;
}

/** What is wrong with an outcome, seen together with its access lines. */
function faultsOf(
  outcome: Outcome,
  lines: ReadonlyMap<string, readonly Line[]>,
  world: HostileWorld,
): Fault[] {
  const { case: made, problem, tunnelProblem, client } = outcome;
  const own = lines.get(client) ?? [];
  const faults = problem === undefined ? [] : [problem];
  // Whose client had gone before it was accepted knows no address any more.
  const least = made.ending === 'rst' || made.vector.listener === 'proxied' ? 0 : 1;
  // Of forwarded requests there is one each, and behind the last head perhaps one that was not complete.
  const most =
    own[0]?.inbound === 'http-forward' ? sentBy(made).toString('latin1').split('\r\n\r\n').length : 1;
  if (own.length < least || own.length > most) faults.push(`${own.length} access lines`);
  for (const { target, attempts, end } of own) {
    if (!made.dial && attempts > 0) faults.push(`dialled ${target}`);
    if (end === 'INTERNAL') faults.push('an internal error');
    const echoes = made.verdict === 'tunnel' || target?.endsWith(`:${world.targets.echoPort}`);
    if (tunnelProblem !== undefined && echoes) faults.push(tunnelProblem);
  }
  return faults.map((what) => ({ what, where: inWords(outcome, own) }));
}

function inWords({ case: made, verdict }: Outcome, lines: readonly Line[]): string {
  const bytes = sentBy(made);
  const ends = lines.map(({ end }) => end).join(', ');
  const shown = JSON.stringify(bytes.subarray(0, 300).toString('latin1'));
  return `${made.vector.name}, ${made.label}, ${made.ending}; heard ${verdict}; logged ${ends}; sent ${bytes.length} bytes ${shown}`;
}
