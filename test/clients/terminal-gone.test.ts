/** SIGHUP means two things: read the configuration again, and your terminal is gone. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../support/program.ts';
import { declareCase, PYTHON } from '../support/program-case.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';

const PROGRAM = fileURLToPath(new URL('programs/close_terminal.py', import.meta.url));

declareCase('gyre serve ends in order when its terminal is closed', [PYTHON], async () => {
  const serve = [process.execPath, GYRE_BIN, 'serve', '--listen', '127.0.0.1:0', '--pool', '127.0.0.2'];
  const { stdout, stderr } = await runProgram(PYTHON, [PROGRAM, 'gyre ready', ...serve], {
    timeoutMs: 60_000,
  });
  assert.equal(stdout, '0\n', stderr);
});
