/**
 * What is used of quotas, as text, for the time between two processes. JSON, by names: it may be read, and a line taken
 * out of it while Gyre does not run gives a user a fresh quota.
 */
import { sharedClock } from './clock.ts';
import { Locks } from './locks.ts';
import { GATE, type LimitMemory } from './memory.ts';
import { periodEnd, Quotas } from './quotas.ts';
import { Subjects } from './subjects.ts';
import { CLIENT, GLOBAL, KINDS, LISTENER, USER, type Kind, type Period } from './terms.ts';

/** One line of the file. */
interface QuotaRecord {
  readonly of: (typeof KINDS)[number];
  /** A user's name, a client's address, a listener's place in the config from 0; empty for all connections together. */
  readonly name: string;
  /** In UTC: `2026-11`, `2026-11-23` or `2026-11-23T14`. */
  readonly period: string;
  readonly bytes: number;
}

const VERSION = 1;
/** How much of an ISO date names a period. */
const LENGTH: Readonly<Record<Period, number>> = { month: 7, day: 10, hour: 13 };
const PERIOD = /^\d{4}-\d\d(?:-\d\d(?:T\d\d)?)?$/;

/** Where a listener with that slot stands in the config, from 0; undefined for one that is gone. */
export type ListenerPlace = (slot: number) => number | undefined;

/**
 * What has been used in periods that are not over.
 * @param placeOf By it a reload may have changed the order of listeners; without it their slots are their places.
 * @throws Error when the memory cannot be read now, because a thread died with its lock.
 */
export function exportQuotas(
  memory: LimitMemory,
  utc: () => number = Date.now,
  placeOf: ListenerPlace = (slot) => slot,
): string {
  const quotas = new Quotas(memory, utc);
  const subjects = new Subjects(memory);
  const gate = new Locks(memory.head);
  const lines: string[] = [];
  for (let slot = 0; slot < quotas.slots; slot++) {
    if (quotas.usage(slot) === undefined) continue;
    // Again under the gate: now whose quota it is and how much belong together.
    const record = gated(gate, () => recordOf(slot, quotas, subjects, placeOf));
    if (record !== undefined) lines.push(JSON.stringify(record));
  }
  return `{"version":${VERSION},"quotas":[\n${lines.join(',\n')}\n]}\n`;
}

/**
 * Takes over what {@link exportQuotas} gave, before the first use. Periods that are over are left out.
 * @returns how many were taken.
 * @throws TypeError for text that is something else, or damaged; nothing is taken then.
 */
export function importQuotas(memory: LimitMemory, text: string, utc: () => number = Date.now): number {
  const records = parse(text);
  const quotas = new Quotas(memory, utc);
  const subjects = new Subjects(memory);
  const moment = { now: sharedClock()(), utc: utc() };
  return gated(new Locks(memory.head), () => {
    let taken = 0;
    for (const { of, name, period, bytes } of records) {
      const kind = periodOf(period);
      if (nameOf(kind, periodEnd(kind, moment.utc)) !== period) continue;
      const slot = slotOf(KINDS.indexOf(of) as Kind, name);
      if (slot === -1) continue;
      quotas.restore(slot, { period: kind, end: periodEnd(kind, moment.utc), bytes });
      taken++;
    }
    return taken;
  });

  function slotOf(kind: Kind, name: string): number {
    if (kind === GLOBAL) return 0;
    if (kind === LISTENER) return Number(name) < memory.listeners ? subjects.listener(Number(name)) : -1;
    const subject = kind === CLIENT ? subjects.client(name.replace('/64', '')) : subjects.user(name);
    return subject === undefined ? -1 : subjects.claim(subject, moment);
  }
}

function recordOf(
  slot: number,
  quotas: Quotas,
  subjects: Subjects,
  placeOf: ListenerPlace,
): QuotaRecord | undefined {
  const usage = quotas.usage(slot);
  const who = subjects.whoIs(slot);
  if (usage === undefined || who === undefined) return undefined;
  const { period, end, bytes } = usage;
  const place = who.kind === LISTENER ? placeOf(Number(who.label)) : 0;
  if (place === undefined) return undefined;
  const name = who.kind === LISTENER ? String(place) : who.label;
  return { of: KINDS[who.kind], name, period: nameOf(period, end), bytes };
}

function gated<T>(gate: Locks, action: () => T): T {
  if (!gate.take(GATE)) throw new Error('the limits could not be read in time');
  try {
    return action();
  } finally {
    gate.release(GATE);
  }
}

function nameOf(period: Period, end: number): string {
  return new Date(end - 1).toISOString().slice(0, LENGTH[period]);
}

function periodOf(name: string): Period {
  return (Object.keys(LENGTH) as Period[]).find((period) => LENGTH[period] === name.length)!;
}

function parse(text: string): readonly QuotaRecord[] {
  let state: { readonly version?: unknown; readonly quotas?: unknown } | null;
  try {
    state = JSON.parse(text) as typeof state;
  } catch (error) {
    throw new TypeError('the saved quotas are damaged: remove them to start without', { cause: error });
  }
  if (typeof state !== 'object' || state?.version !== VERSION || !Array.isArray(state.quotas)) {
    throw new TypeError(
      'these are no saved quotas, or another version of them: remove them to start without',
    );
  }
  const wrong = state.quotas.findIndex((record) => !isRecord(record));
  if (wrong !== -1) throw new TypeError(`saved quota ${wrong + 1} is damaged: remove it to start without`);
  return state.quotas as QuotaRecord[];
}

function isRecord(value: unknown): value is QuotaRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { of, name, period, bytes } = value as Partial<Record<keyof QuotaRecord, unknown>>;
  return (
    KINDS.includes(of as QuotaRecord['of']) &&
    typeof name === 'string' &&
    (of !== KINDS[LISTENER] || /^\d{1,5}$/.test(name)) &&
    (of !== KINDS[USER] || name !== '') &&
    typeof period === 'string' &&
    PERIOD.test(period) &&
    Number.isSafeInteger(bytes) &&
    (bytes as number) > 0
  );
}
