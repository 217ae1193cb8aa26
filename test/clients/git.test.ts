/** git over https: through libcurl, which learns by the 407 that credentials are wanted. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram, type Outcome } from '../support/program.ts';
import { assertPool, assertTurns, LOGIN, setStage, USER, type Props } from '../support/program-stage.ts';
import { makeRepository } from '../support/target-git.ts';
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

async function clone(props: Props, proxy: string, name: string): Promise<void> {
  const { target, content } = await startRepository(props);
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

async function startRepository(props: Props): Promise<ServedRepository> {
  made ??= makeRepository(props.scratch);
  const { handler, tip, content } = await made;
  return { target: await startTarget({ certificate: props.certificate, handler }), tip, content };
}

function git(props: Props, proxy: string, args: readonly string[]): Promise<Outcome> {
  const settings = [`http.proxy=${proxy}`, `http.sslCAInfo=${props.certificate.caFile}`];
  return runProgram('git', [...settings.flatMap((setting) => ['-c', setting]), ...args], {
    cwd: props.scratch,
    env: { GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' },
  });
}
