#!/usr/bin/env node
// Starts the command line on a Node that can run it. This file alone must parse on Node 18, so it stays plain JavaScript.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const OLDEST = [24, 12];
/** The Node that `npm ci` puts beside the development tools. */
const PINNED = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
/** What the pinned Node is started as, so that it is never started twice. */
const ARGV0 = 'gyre';

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** Types are stripped while loading in a checkout; an installed package comes with its JavaScript. */
async function run() {
  const source = new URL('../src/cli/main.ts', import.meta.url);
  const entry = existsSync(source) ? source : new URL('../dist/cli/main.js', import.meta.url);
  const { main } = await import(entry.href);
  process.exitCode = await main(process.argv);
}

function runOnPinnedNode() {
  const child = spawn(PINNED, process.argv.slice(1), { stdio: 'inherit', argv0: ARGV0 });
  // The arguments may hold a password, which the child takes out of its own command line.
  process.title = ARGV0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'])
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => giveUp(`the Node in node_modules cannot be started (${error.message})`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function giveUp(why) {
  process.stderr.write(
    `gyre: ${why}; install Node ${OLDEST.join('.')} or newer from https://nodejs.org, or run "npm ci" here\n`,
  );
  process.exit(1);
}

if (isNewEnough(process.versions.node)) await run();
else if (existsSync(PINNED) && process.argv0 !== ARGV0) runOnPinnedNode();
else giveUp(`Node ${process.versions.node} is too old`);
