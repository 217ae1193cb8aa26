/** How a command ends: its exit code, and what it says about what went wrong. */
import { CommanderError } from 'commander';
import { PoolError } from '../egress/expression/expression.ts';
import { StartError } from '../listener.ts';
import { ConfigError, type Problem } from '../runtime/config.ts';
import { complain, paint } from './terminal.ts';

export const EXIT = {
  ok: 0,
  /** Something that was asked for could not be done. */
  runtime: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** The configuration is wrong; `EX_CONFIG` of sysexits(3). */
  config: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An end that was foreseen, in a sentence for people. */
export class Failure extends Error {
  override readonly name = 'Failure' as const;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, hint?: string, exitCode: ExitCode = EXIT.runtime) {
    super(message);
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

/** Tells the user what ended the command. @returns The exit code. */
export function report(error: unknown): number {
  // commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof ConfigError) {
    for (const problem of error.problems) complain(describe(problem));
    return EXIT.config;
  }
  if (error instanceof Failure || error instanceof StartError || error instanceof PoolError) {
    complain(`${paint('red', 'gyre:')} ${error.message}${hintLine(error.hint)}`);
    if (error instanceof Failure) return error.exitCode;
    return error instanceof PoolError ? EXIT.config : EXIT.runtime;
  }
  if (isSystemError(error)) {
    const taken =
      error.code === 'EADDRINUSE' ? 'stop the program that uses it, or choose another port' : undefined;
    complain(`${paint('red', 'gyre:')} ${error.message}${hintLine(taken)}`);
    return EXIT.runtime;
  }
  // A bug: here the trace is the message.
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  complain(`${paint('red', 'gyre:')} internal error; please report it with these lines\n${trace}`);
  return EXIT.runtime;
}

/** The kernel said no, and its own sentence names what to. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** Like a compiler: the place first, so that editors and terminals can jump to it. */
function describe({ where, message, hint, frame }: Problem): string {
  const quoted = frame === undefined ? '' : `\n${frame.replaceAll(/^/gm, '    ')}`;
  return `${paint('bold', `${where}:`)} ${message}${quoted}${hintLine(hint)}`;
}

function hintLine(hint: string | undefined): string {
  return hint === undefined ? '' : `\n  ${paint('cyan', 'hint:')} ${hint}`;
}
