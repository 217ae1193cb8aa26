/** Whether a socket file could be made, without making it. */
import { accessSync, constants, lstatSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { StartError } from '../listener.ts';

/**
 * A file left behind by a program that died is no obstacle: the server replaces it.
 * @throws {StartError}
 */
export async function probeUnix(path: string): Promise<void> {
  const what = `cannot listen on unix:${path}`;
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isSocket())
    throw new StartError(
      `${what}: there is something else of that name`,
      'choose another path with --listen',
    );
  if (there !== undefined && (await answers(path)))
    throw new StartError(
      `${what}: another program already does`,
      'stop it, or choose another path with --listen',
    );
  const folder = dirname(path);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new StartError(
      `${what}: ${missing ? `there is no folder ${folder}` : `files in ${folder} may not be made`}`,
      missing ? 'make it first' : 'give the user gyre runs as the right to',
      error,
    );
  }
}

/** Whether somebody listens there. */
function answers(path: string): Promise<boolean> {
  const socket = connect({ path });
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
