/** A git repository over HTTP: git's own `git http-backend`, run as the CGI program it is (RFC 3875). */
import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanEnvironment, findProgram, runProgram } from './program.ts';
import type { Handler } from './target.ts';

export interface Repository {
  /** Serves the repository as `/repository.git`. */
  readonly handler: Handler;
  /** The commit at the tip of `main`. */
  readonly tip: string;
  /** What is in the file `numbers.txt` of that commit. */
  readonly content: string;
}

/** For git: commits of nobody in particular. */
export const IDENTITY: readonly string[] = [
  '-c',
  'user.name=Test',
  '-c',
  'user.email=test@localhost',
  '-c',
  'commit.gpgsign=false',
];

/** Makes a repository with one commit in `folder`. */
export async function makeRepository(folder: string): Promise<Repository> {
  const content = Array.from({ length: 50_000 }, (_, i) => `${i * i}\n`).join('');
  const work = join(folder, 'repository.git');
  await git(folder, ['init', '--quiet', '--initial-branch=main', work]);
  await writeFile(join(work, 'numbers.txt'), content);
  await git(work, ['config', 'http.receivepack', 'true']);
  await git(work, ['add', 'numbers.txt']);
  await git(work, [...IDENTITY, 'commit', '--quiet', '--message', 'Numbers']);
  const tip = (await git(work, ['rev-parse', 'HEAD'])).trim();
  return { handler: (request, response) => serve(folder, request, response), tip, content };
}

async function git(cwd: string, args: readonly string[]): Promise<string> {
  const outcome = await runProgram('git', args, { cwd });
  if (outcome.code !== 0) throw new Error(`git ${args.join(' ')}: ${outcome.stderr}`);
  return outcome.stdout;
}

function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
  const backend = spawn(findProgram('git') ?? 'git', ['http-backend'], {
    env: {
      ...cleanEnvironment(),
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      HTTP_GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  backend.once('error', () => response.writeHead(500).end());
  backend.stdin.on('error', () => {}); // EPIPE: the backend has read all it wants.
  request.pipe(backend.stdin);
  passHead(backend.stdout, response);
}

/** A CGI answer is header lines, an empty line and the body; `Status` is the one header that is not passed on. */
function passHead(output: NodeJS.ReadableStream, response: ServerResponse): void {
  let held = Buffer.alloc(0);
  output.on('data', function head(chunk: Buffer) {
    held = Buffer.concat([held, chunk]);
    const end = held.indexOf('\r\n\r\n');
    if (end === -1) return;
    output.off('data', head);
    for (const line of held.toString('latin1', 0, end).split('\r\n')) {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(line) ?? [];
      if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(held.subarray(end + 4));
    output.pipe(response);
  });
}
