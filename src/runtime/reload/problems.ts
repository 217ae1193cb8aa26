/** What went wrong with a reload, as it is shown. */
import type { ReloadProblem } from '../../admin/api.ts';
import { PoolError } from '../../egress/expression/expression.ts';
import { StartError } from '../../listener.ts';
import { ConfigError } from '../config.ts';

/** @param file Where the configuration is from. @returns at least one. */
export function problemsOf(error: unknown, file: string | undefined): ReloadProblem[] {
  if (error instanceof ConfigError && error.problems.length > 0) {
    return error.problems.map(({ where, message, hint }) => ({ where, message, hint: hint ?? null }));
  }
  const where = file ?? 'options';
  if (error instanceof StartError || error instanceof PoolError)
    return [{ where, message: error.message, hint: error.hint ?? null }];
  const message = error instanceof Error ? error.message : String(error);
  return [{ where, message, hint: null }];
}
