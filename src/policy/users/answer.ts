/** What an external check may answer. Whatever is not understood is no yes. */
import type { AccountTerms, UserIdentity } from './account.ts';
import { PostError, type Reply } from './post.ts';

/** Fields of a yes, and what each has to be. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  user: isName,
  pool: isName,
  pools: (value) => Array.isArray(value) && value.every(isName),
  expiresAt: (value) => typeof value === 'number' && Number.isFinite(value),
};

/** Leaves room for what is asked for beside the name. */
const LONGEST_NAME = 255;

/**
 * 2xx is a yes: without a body, or with a JSON object whose fields are all known. 401 and 403 are a no. A web page that
 * says "please log in" with status 200 is neither.
 *
 * @param user Who asked, and who it is unless the answer says otherwise.
 * @throws PostError for everything else.
 */
export function readAnswer({ status, body }: Reply, user: string): UserIdentity | undefined {
  if (status === 401 || status === 403) return undefined;
  if (status >= 300 && status < 400)
    throw new PostError(`it redirects (HTTP status ${status}), which is not followed: write the final URL`);
  if (status < 200 || status > 299) throw new PostError(`it answers with HTTP status ${status}`);
  const { user: name = user, ...terms } = fieldsOf(body.toString('utf8').trim());
  return { user: name, account: { ...terms, name } };
}

interface Fields extends Pick<AccountTerms, 'pool' | 'pools' | 'expiresAt'> {
  readonly user?: string;
}

function fieldsOf(text: string): Fields {
  if (text === '') return {};
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PostError('its answer is not a JSON object: leave it empty, or see which fields there are');
  }
  for (const [name, field] of Object.entries(value)) {
    const known = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (known === undefined) throw new PostError(`its answer has a field other than ${KNOWN}`);
    if (!known(field)) throw new PostError(`the field ${name} of its answer is not what it should be`);
  }
  return value;
}

const KNOWN = Object.keys(FIELDS).join(', ');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Control characters would reach logs. */
function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    Buffer.byteLength(value) <= LONGEST_NAME &&
    !/[\u0000-\u001f\u007f]/.test(value)
  );
}
