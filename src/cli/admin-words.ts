/** What keeps a command from a running gateway, in words for people. */
import { humanText } from '../ops/text.ts';
import { DEFAULT_ADMIN, type AdminPlace } from './admin-place.ts';
import { Failure } from './exit.ts';

/** No answer came, although there was time left for it. */
export function unreachable({ name }: AdminPlace, error: NodeJS.ErrnoException): Failure {
  switch (error.code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return new Failure(
        `no Gyre can be asked at ${name}: nothing listens there`,
        `is it running, with its admin listener on? gyre serve --admin ${DEFAULT_ADMIN}, or admin: ${DEFAULT_ADMIN} in its configuration; where it is elsewhere, say so with --admin`,
      );
    case 'EACCES':
    case 'EPERM':
      return new Failure(
        `this user may not use ${name}`,
        'run it as the user Gyre runs as, or as one of its group',
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Failure(`the name in ${name} cannot be resolved`, 'check --admin and GYRE_ADMIN');
    case undefined:
      return new Failure(`asking ${name} failed: ${humanText(error.message)}`);
    default:
      if (error.code.startsWith('HPE_')) return notGyre(name);
      return new Failure(`asking ${name} failed: ${error.code}`, 'the log of Gyre may say why');
  }
}

/** @param deadlineMs How long it was waited for. */
export function silent(name: string, deadlineMs: number): Failure {
  return new Failure(
    `${name} did not answer within ${deadlineMs / 1000} s`,
    'is it the admin listener of Gyre? its log may say what keeps it',
  );
}

export function notGyre(name: string): Failure {
  return new Failure(
    `what answers at ${name} is not the admin listener of a Gyre`,
    `--admin takes the address of the admin listener, ${DEFAULT_ADMIN} for example, and not that of the proxy`,
  );
}

export function unauthorized({ name, token, tokenSource }: AdminPlace): Failure {
  if (token !== undefined) {
    return new Failure(
      `the token is not that of the Gyre at ${name}; it came from ${tokenSource}`,
      'give the right one by GYRE_ADMIN_TOKEN or --token-file',
    );
  }
  const nowhere = tokenSource === '' ? '' : `, and there is none that this user can read in ${tokenSource}`;
  return new Failure(
    `the Gyre at ${name} wants its token${nowhere}`,
    'give it by GYRE_ADMIN_TOKEN or --token-file; a token that Gyre made itself is found by the user it runs as',
  );
}
