/** Health with a world made of variables: a clock that is turned by hand, addresses that come and go by assignment. */
import type { TestContext } from 'node:test';
import { Health, type HealthOptions, type Member } from '../../src/egress/health/health.ts';
import type { Finding } from '../../src/egress/health/probe.ts';
import { EgressTable, tableMemory } from '../../src/egress/pool/table.ts';
import type { HealthTools } from '../../src/egress/health/health-tools.ts';

export const GOOD: Finding = { verdict: 'good' };
export const BAD: Finding = { verdict: 'bad', error: 'no answer in time' };
export const ABSENT: Finding = { verdict: 'absent', error: 'EADDRNOTAVAIL' };
export const UNKNOWN: Finding = { verdict: 'unknown', error: 'EMFILE' };

export const DEFAULTS: HealthOptions = { failures: 5, floor: 0.5, backoffMs: { first: 5000, last: 300_000 } };

type Fields = Record<string, unknown>;

export class HealthWorld implements Disposable {
  readonly table: EgressTable = new EgressTable(tableMemory(4096));
  readonly health: Health;
  readonly log: { level: 'warn' | 'info'; message: string; fields: Fields }[] = [];
  /** When snapshots were asked for. */
  readonly published: number[] = [];
  /** Every probe, as `bind 192.0.2.1` or `ask 192.0.2.1`. */
  readonly probes: string[] = [];
  /** What a probe finds; `good` for what is not mentioned. */
  readonly binds: Map<string, Finding> = new Map();
  readonly asks: Map<string, Finding> = new Map();
  listed: ReadonlySet<string> = new Set();
  /** Probes end only after this. */
  hold: Promise<void> = Promise.resolve();
  holdAsks: Promise<void> = Promise.resolve();
  /** 0.5 is no jitter at all. */
  random = 0.5;
  readonly #t: TestContext;

  constructor(t: TestContext, options: Partial<HealthOptions> = {}) {
    this.#t = t;
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 });
    const find =
      (name: string, findings: Map<string, Finding>): HealthTools['bind'] & HealthTools['ask'] =>
      async ({ address }: { address: string }) => {
        this.probes.push(`${name} ${address}`);
        await (name === 'ask' ? this.holdAsks : this.hold);
        return findings.get(address) ?? GOOD;
      };
    const tools: HealthTools = {
      now: () => Date.now(),
      random: () => this.random,
      bind: find('bind', this.binds),
      ask: find('ask', this.asks),
      addresses: () => this.listed,
    };
    const note = (level: 'warn' | 'info') => (message: string, fields?: Fields) =>
      void this.log.push({ level, message, fields: fields ?? {} });
    this.health = new Health(
      this.table,
      { ...DEFAULTS, ...options },
      () => this.published.push(Date.now()),
      { warn: note('warn'), info: note('info') },
      tools,
    );
  }

  /** Members 192.0.2.0 and on by slot, all `new`; and health started. */
  begin(count: number, extra: (slot: number) => Partial<Member> = () => ({})): Member[] {
    const members = Array.from({ length: count }, (_, slot) => member(slot, extra(slot)));
    for (const { slot } of members) this.table.setState(slot, 'new');
    this.health.membership(members);
    this.health.start();
    return members;
  }

  /** As a data thread would: count, and tell. */
  fail(slot: number, times = 1): void {
    for (let time = 0; time < times; time++) {
      this.health.failed(slot, 'EGRESS_FORBIDDEN', this.table.failed(slot));
    }
  }

  /** A data thread met EADDRNOTAVAIL. */
  lose(slot: number): void {
    if (this.table.ejectNow(slot)) this.health.ejected(slot, 'EGRESS_NOT_ON_HOST');
  }

  /** Lets time pass, and everything happen that is due. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.#t.mock.timers.tick(Math.min(50, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** @returns after how many milliseconds the state was reached, to the 50; undefined when it was not. */
  async until(slot: number, state: string, ms: number): Promise<number | undefined> {
    for (let passed = 0; passed <= ms; passed += 50) {
      if (this.table.state(slot) === state) return passed;
      await this.pass(50);
    }
    return undefined;
  }

  messages(text: string): Fields[] {
    return this.log.filter(({ message }) => message.includes(text)).map(({ fields }) => fields);
  }

  states(): string {
    return Array.from({ length: 8 }, (_, slot) => this.table.state(slot))
      .filter((state) => state !== 'draining')
      .join(' ');
  }

  [Symbol.dispose](): void {
    this.health.stop();
  }
}

export function member(slot: number, extra: Partial<Member> = {}): Member {
  return { slot, address: `192.0.2.${slot}`, family: 4, block: false, ...extra };
}
