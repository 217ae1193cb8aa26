/** Moments as people write them. */
import { Refusal, quote } from './problem.ts';

/** A day, and perhaps a time with or without a zone, as in ISO 8601: `2027-01-31`, `2027-01-31T18:00+01:00`. */
export const MOMENT: RegExp = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/;

const FORMS = 'write 2027-01-31, 2027-01-31T18:00 or 2027-01-31T18:00:00+01:00';

/**
 * @returns Milliseconds since the epoch. A day alone begins at midnight; without a zone it is UTC.
 * @throws {Refusal}
 */
export function parseMoment(text: string): number {
  const [, day, time = '00:00', zone = 'Z'] = MOMENT.exec(text) ?? [];
  if (day === undefined) throw new Refusal(`expected a date such as 2027-01-31, not ${quote(text)}`, FORMS);
  const moment = Date.parse(`${day}T${time}${zone}`);
  // What is taken for the first of March may have been written as the 29th of February.
  if (Number.isNaN(moment) || !new Date(Date.parse(day)).toISOString().startsWith(day))
    throw new Refusal(`${quote(text)} is on no calendar or clock`, FORMS);
  return moment;
}
