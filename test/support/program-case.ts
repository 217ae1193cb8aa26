/**
 * One case that drives a program, and the policy on programs this machine lacks: skip it, and say so where nobody can
 * overlook it; where CI is set, fail it.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findProgram } from './program.ts';

/** In a case's needs: the rights to change the host, as for a network namespace. */
export const ROOT = 'the rights of root';
/** PySocks where Debian's python3-socks puts it, and the Python it belongs to. */
export const PYTHON = '/usr/bin/python3';
export const PYSOCKS = '/usr/lib/python3/dist-packages/socks.py';

/** A case as a whole; the programs in it have shorter deadlines of their own, and better words for missing one. */
const CASE_MS = 90_000;

/** Declares a case; `needs` is as {@link missing} takes it. */
export function declareCase(
  name: string,
  needs: readonly string[],
  body: (context: TestContext) => Promise<void>,
): void {
  const absent = missing(needs);
  const excuse = `NOT TESTED: this machine lacks ${absent.join(', ')}`;
  const skip = absent.length > 0 && !inCI();
  if (skip) process.stderr.write(`\n!!! ${name}\n!!! ${excuse}\n\n`);
  test(name, { timeout: CASE_MS, skip: skip && excuse }, async (context) => {
    assert.equal(absent.length, 0, `${excuse}, and CI wants every case`);
    await body(context);
  });
}

/** Where a missing program is a failure. */
function inCI(): boolean {
  return (process.env['CI'] ?? '') !== '';
}

/** Which of a case's needs this machine lacks: programs by name, files by absolute path, {@link ROOT}. */
export function missing(needs: readonly string[]): string[] {
  return [...new Set(needs)].filter((need) => {
    if (need === ROOT) return process.getuid?.() !== 0;
    return isAbsolute(need) ? !existsSync(need) : findProgram(need) === undefined;
  });
}
