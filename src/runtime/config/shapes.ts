/** What the schemas of the options are put together from. */
import { z } from 'zod';
import { PoolError } from '../../egress/expression/expression.ts';
import { DURATION, parseDuration, unitMissing } from './duration.ts';
import { Refusal } from './problem.ts';

/** Message and hint in the one string that zod carries. */
export function said({
  message,
  hint,
}: {
  readonly message: string;
  readonly hint?: string | undefined;
}): string {
  return hint === undefined ? message : `${message}\n${hint}`;
}

/** Runs a parser that throws sentences for people; anything else it throws is a bug and goes on. */
export function attempt<T>(parse: () => T, ctx: z.RefinementCtx): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof PoolError || error instanceof RangeError)) throw error;
    ctx.addIssue({ code: 'custom', message: said(error) });
    return z.NEVER;
  }
}

/** One item, or a list of them; either way a list comes out. */
export function listOf<Out, In>(
  item: z.ZodType<Out, In>,
  { error, least = 0 }: { readonly error: string; readonly least?: number },
): z.ZodType<Out[], In | In[]> {
  const list = z.array(item);
  return z
    .union(
      [item.transform((one) => [one]), least === 0 ? list : list.min(least, { error: 'the list is empty' })],
      {
        error,
      },
    )
    .pipe(z.custom<Out[]>());
}

/** What was written: a key that is left out and one that is undefined are the same, and stay out. */
export function given<T extends object>(written: T): Given<T> {
  const entries = Object.entries(written).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Given<T>;
}

type Given<T> = {
  [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key];
} & {
  [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>;
};

export const flag = (): z.ZodBoolean => z.boolean({ error: 'expected true or false' });

export function group<Shape extends z.ZodRawShape>(
  shape: Shape,
): z.ZodPrefault<z.ZodObject<Shape, z.core.$strict>> {
  const keys = Object.keys(shape).join(', ');
  const object = z.strictObject(shape, {
    error: ({ code }) => (code === 'invalid_type' ? `expected keys here: ${keys}` : undefined),
  });
  return object.prefault({} as z.input<typeof object>);
}

export function duration(
  byDefault: string,
  description: string,
  shortest = 1,
): z.ZodType<number, string | undefined> {
  return z
    .string({
      error: ({ input }) =>
        typeof input === 'number' ? said(unitMissing(String(input))) : 'expected a duration such as 10s',
    })
    .meta({ pattern: DURATION.source })
    .transform((text, ctx) => attempt(() => parseDuration(text, shortest), ctx))
    .prefault(byDefault)
    .describe(description);
}
