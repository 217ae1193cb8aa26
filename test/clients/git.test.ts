/** git over https and http: through libcurl, which learns by the 407 that credentials are wanted. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram, type Outcome } from '../support/program.ts';
import { assertPool, assertTurns, LOGIN, setStage, USER, type Props } from '../support/program-stage.ts';
import { IDENTITY, makeRepository } from '../support/target-git.ts';
import { startTarget, type Target } from '../support/target.ts';

const declare = setStage('git');

declare('ls-remote through http:// with credentials', ['git'], async (props) => {
  await lsRemote(props, `http://${LOGIN}@${props.guarded.address}`);
});

declare('ls-remote through socks5h://', ['git'], async (props) => {
  await lsRemote(props, `socks5h://${props.open.address}`);
});

declare('clone through http:// with credentials', ['git'], async (props) => {
  await clone(props, `http://${LOGIN}@${props.guarded.address}`, 'clone-http');
});

declare('clone through socks5h:// with credentials', ['git'], async (props) => {
  await clone(props, `socks5h://${LOGIN}@${props.guarded.address}`, 'clone-socks');
});

declare('a wrong password: git names the 407', ['git'], async (props) => {
  const proxy = `http://${USER}:wrong@${props.guarded.address}`;
  const outcome = await git(props, proxy, ['ls-remote', `${props.https.origin}/repository.git`]);
  assert.notEqual(outcome.code, 0);
  assert.match(outcome.stderr, /407/);
  assert.deepEqual(props.https.takeVisits(), []);
});

declare('http: ls-remote with credentials, each request takes its turn', ['git'], async (props) => {
  const { target, tip } = await startRepository(props, 'http');
  await using _ = target;
  const proxy = `http://${LOGIN}@${props.guarded.address}`;
  for (let run = 0; run < 3; run += 1) {
    const outcome = await git(props, proxy, ['ls-remote', `${target.origin}/repository.git`, 'main']);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.equal(outcome.stdout, `${tip}\trefs/heads/main\n`);
  }
  const visits = target.takeVisits();
  assert(visits.length > 3, 'more than one request a run');
  assertTurns(visits.map(({ address }) => address));
});

declare('http: clone with credentials', ['git'], async (props) => {
  await clone(props, `http://${LOGIN}@${props.guarded.address}`, 'clone-plain', 'http');
});

declare('http: a push of some megabytes, chunked', ['git'], async (props) => {
  const { target } = await startRepository(props, 'http');
  await using _ = target;
  const proxy = `http://${LOGIN}@${props.guarded.address}`;
  const folder = join(props.scratch, 'pushed-from');
  const url = `${target.origin}/repository.git`;
  await succeed(git(props, proxy, ['clone', '--quiet', url, folder]));
  const content = randomBytes(3_000_000);
  await writeFile(join(folder, 'noise'), content);
  await succeed(git(props, proxy, ['-C', folder, 'add', 'noise']));
  await succeed(git(props, proxy, ['-C', folder, ...IDENTITY, 'commit', '--quiet', '-m', 'Noise']));
  // Larger than this, a pack is sent in chunks as it is made.
  const small = ['-c', 'http.postBuffer=65536', '-C', folder];
  await succeed(git(props, proxy, [...small, 'push', '--quiet', url, 'HEAD:refs/heads/pushed']));
  const posts = target.takeVisits().filter(({ method }) => method === 'POST');
  assert(
    posts.some(({ rawHeaders }) => rawHeaders.includes('chunked')),
    'the push was chunked',
  );
  assertPool(posts.map(({ address }) => address));
  const again = join(props.scratch, 'pushed-to');
  await succeed(git(props, proxy, ['clone', '--quiet', '--branch', 'pushed', url, again]));
  assert((await readFile(join(again, 'noise'))).equals(content), 'what was pushed is not what was committed');
});

declare('http: a wrong password: git names the 407', ['git'], async (props) => {
  const proxy = `http://${USER}:wrong@${props.guarded.address}`;
  const outcome = await git(props, proxy, ['ls-remote', `${props.http.origin}/repository.git`]);
  assert.notEqual(outcome.code, 0);
  assert.match(outcome.stderr, /407/);
  assert.deepEqual(props.http.takeVisits(), []);
});

async function succeed(running: Promise<Outcome>): Promise<void> {
  const outcome = await running;
  assert.equal(outcome.code, 0, outcome.stderr);
}

async function lsRemote(props: Props, proxy: string): Promise<void> {
  const { target, tip } = await startRepository(props);
  await using _ = target;
  const first: string[] = [];
  for (let run = 0; run < 3; run += 1) {
    const outcome = await git(props, proxy, ['ls-remote', `${target.origin}/repository.git`, 'main']);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.equal(outcome.stdout, `${tip}\trefs/heads/main\n`);
    // git keeps its connection: all requests of one run come from one address.
    const callers = new Set(target.takeVisits().map((visit) => visit.address));
    assert.equal(callers.size, 1);
    first.push(...callers);
  }
  assertTurns(first);
}

async function clone(props: Props, proxy: string, name: string, scheme?: 'http'): Promise<void> {
  const { target, content } = await startRepository(props, scheme);
  await using _ = target;
  const folder = join(props.scratch, name);
  const outcome = await git(props, proxy, ['clone', '--quiet', `${target.origin}/repository.git`, folder]);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert((await readFile(join(folder, 'numbers.txt'), 'utf8')) === content, 'the clone has other content');
  assertPool(target.takeVisits().map((visit) => visit.address));
}

interface ServedRepository {
  readonly target: Target;
  readonly tip: string;
  readonly content: string;
}

let made: ReturnType<typeof makeRepository> | undefined;

async function startRepository(props: Props, scheme: 'http' | 'https' = 'https'): Promise<ServedRepository> {
  made ??= makeRepository(props.scratch);
  const { handler, tip, content } = await made;
  const tls = scheme === 'https' && { certificate: props.certificate };
  return { target: await startTarget({ ...tls, handler }), tip, content };
}

function git(props: Props, proxy: string, args: readonly string[]): Promise<Outcome> {
  const settings = [`http.proxy=${proxy}`, `http.sslCAInfo=${props.certificate.caFile}`];
  return runProgram('git', [...settings.flatMap((setting) => ['-c', setting]), ...args], {
    cwd: props.scratch,
    env: { GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' },
  });
}
