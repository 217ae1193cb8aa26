/** Sizes, speeds, rates and quotas as people write them. */
import type { LimitTerms, Period } from '../../policy/limits/terms.ts';
import { Refusal, quote } from './problem.ts';

type Rate = NonNullable<LimitTerms['rate']>;
type Quota = NonNullable<LimitTerms['quota']>;

/** `100MB`, `1.5GiB`. */
const SIZE = /^(\d+(?:\.\d+)?)([kMGT]?B|[KMGT]iB)$/;
/** `1MB/s`, `512KiB/s`, `8Mbit/s`. */
export const SPEED: RegExp = /^(\d+(?:\.\d+)?)([kMGT]?B|[KMGT]iB|[kMG]?bit)\/s$/;
/** `20/s`, `600/m`, `1000/h`. */
export const RATE: RegExp = /^(\d+)\/([smh])$/;
/** `100GB/month`. */
export const QUOTA: RegExp = /^(\d+(?:\.\d+)?)([kMGT]?B|[KMGT]iB)\/(hour|day|month)$/;

const BYTES: Readonly<Record<string, number>> = {
  bit: 1 / 8,
  kbit: 1e3 / 8,
  Mbit: 1e6 / 8,
  Gbit: 1e9 / 8,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const SIZE_UNITS = Object.entries(BYTES).filter(([unit]) => !unit.endsWith('bit'));
const SIZES = 'the units are B, kB, MB, GB, TB, and KiB, MiB, GiB, TiB';
const SPEEDS = `${SIZES}, and kbit, Mbit, Gbit`;

const MILLISECONDS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** The most connections that are counted, at once or by time: what 32 bits hold. */
export const MOST_CONNECTIONS = 1_000_000_000;

/**
 * @returns Bytes per second, a whole number from 1 on.
 * @throws {Refusal}
 */
export function parseSpeed(text: string): number {
  const [, amount, unit = ''] = SPEED.exec(text) ?? [];
  if (amount === undefined) throw noSpeed(text);
  return bytes(text, Number(amount) * BYTES[unit]!);
}

/** @throws {Refusal} */
export function parseRate(text: string): Rate {
  const [, digits, unit = ''] = RATE.exec(text) ?? [];
  if (digits === undefined)
    throw new Refusal(`expected a rate such as 20/s, not ${quote(text)}`, 'write 20/s, 600/m or 1000/h');
  const count = Number(digits);
  if (count < 1 || count > MOST_CONNECTIONS)
    throw new Refusal(`${quote(text)} is no rate`, `the count goes from 1 to ${MOST_CONNECTIONS}`);
  return { count, perMs: MILLISECONDS[unit]! };
}

/** @throws {Refusal} */
export function parseQuota(text: string): Quota {
  const [, amount, unit = '', period] = QUOTA.exec(text) ?? [];
  if (amount === undefined) throw noQuota(text);
  return { bytes: bytes(text, Number(amount) * BYTES[unit]!), period: period as Period };
}

/** The shortest text that {@link parseQuota} and {@link parseSpeed} read as so many bytes: `10MB`. */
export function formatSize(bytes: number): string {
  const texts = SIZE_UNITS.map(([unit, size]) => (bytes % size === 0 ? `${bytes / size}${unit}` : undefined));
  return texts
    .filter((text) => text !== undefined)
    .reduce((best, text) => (text.length < best.length ? text : best));
}

/** `20/s`. */
export function formatRate({ count, perMs }: Rate): string {
  return `${count}/${Object.keys(MILLISECONDS).find((unit) => MILLISECONDS[unit] === perMs)}`;
}

/** For a number where text with a unit belongs. */
export function unitless(what: 'speed' | 'quota', number: number): Refusal {
  const [example, ending] = what === 'speed' ? ['1MB/s', 'B/s'] : ['100GB/month', 'B/month'];
  return new Refusal(
    `expected a ${what} such as ${example}, not the bare number ${number}`,
    `give a unit: ${number}${ending} are bytes`,
  );
}

function bytes(text: string, amount: number): number {
  const whole = Math.round(amount);
  if (whole < 1)
    throw new Refusal(`${text} lets nothing through`, 'the least is 1B; leave it out for no limit');
  if (whole > Number.MAX_SAFE_INTEGER)
    throw new Refusal(`${text} is more than can be counted`, 'leave it out for no limit');
  return whole;
}

function noSpeed(text: string): Refusal {
  const message = `expected a speed such as 1MB/s, not ${quote(text)}`;
  if (/^\d+(\.\d+)?$/.test(text)) return unitless('speed', Number(text));
  if (SIZE.test(text)) return new Refusal(message, `write ${text}/s`);
  const [, amount, prefix] = /^([\d.]+) ?([kmg])bps$/i.exec(text) ?? [];
  if (prefix !== undefined) return new Refusal(message, `write ${amount}${prefixed(prefix)}bit/s`);
  return new Refusal(message, meant(text, SPEED) ?? SPEEDS);
}

function noQuota(text: string): Refusal {
  const message = `expected a quota such as 100GB/month, not ${quote(text)}`;
  if (/^\d+(\.\d+)?$/.test(text)) return unitless('quota', Number(text));
  if (SIZE.test(text))
    return new Refusal(message, `say for how long: ${text}/hour, ${text}/day or ${text}/month`);
  const [size = '', period] = text.split('/');
  if (period !== undefined && SIZE.test(size))
    return new Refusal(message, 'the periods are hour, day and month');
  return new Refusal(message, meant(text, QUOTA) ?? SIZES);
}

/** The same with the unit as it is written. A small b may stand for bits as well, so that is nobody's guess. */
function meant(text: string, form: RegExp): string | undefined {
  const [, amount, unit = '', rest] = /^([\d.]+) ?([a-z]+)(\/[a-z]+)$/i.exec(text) ?? [];
  if (/^[kmgt]b$/i.test(unit) && unit.endsWith('b')) {
    const prefix = prefixed(unit[0]!);
    const bits = form === SPEED ? ` for bytes, or ${amount}${prefix}bit${rest} for bits` : '';
    return `write ${amount}${prefix}B${rest}${bits}`;
  }
  const known = Object.keys(BYTES).find((name) => name.toLowerCase() === unit.toLowerCase());
  const corrected = `${amount}${known}${rest?.toLowerCase()}`;
  return known !== undefined && form.test(corrected) ? `did you mean ${corrected}?` : undefined;
}

const prefixed = (letter: string): string => (/k/i.test(letter) ? 'k' : letter.toUpperCase());
