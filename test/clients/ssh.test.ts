/** ssh through nc and ncat as ProxyCommand: a target that speaks first, and tunnels that carry both ways at once. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../support/program.ts';
import { ROOT } from '../support/program-case.ts';
import { assertTurns, LOGIN, setStage, type Props } from '../support/program-stage.ts';
import { startSshTarget, type SshTarget } from '../support/target-ssh.ts';

const declare = setStage('ssh');
/** sshd lets in the user who runs the test, but only root is a user it surely can let in. */
const SSH = [ROOT, 'ssh', 'ssh-keygen', 'sshd'];

declare('nc -X 5', [...SSH, 'nc'], async (props) => {
  await threeLogins(props, `nc -X 5 -x ${props.open.address} %h %p`);
});

declare('nc -X 4', [...SSH, 'nc'], async (props) => {
  await threeLogins(props, `nc -X 4 -x ${props.open.address} %h %p`);
});

declare('ncat --proxy-type socks4', [...SSH, 'ncat'], async (props) => {
  await threeLogins(props, `ncat --proxy ${props.open.address} --proxy-type socks4 %h %p`);
});

declare('nc -X connect', [...SSH, 'nc'], async (props) => {
  await threeLogins(props, `nc -X connect -x ${props.open.address} %h %p`);
});

declare('ncat --proxy-type socks5 with credentials', [...SSH, 'ncat'], async (props) => {
  await threeLogins(props, ncat(props, 'socks5'));
});

declare('ncat --proxy-type http with credentials', [...SSH, 'ncat'], async (props) => {
  await threeLogins(props, ncat(props, 'http'));
});

declare('a large transfer in both directions', [...SSH, 'nc'], async (props) => {
  await using target = await sshTarget(props);
  const input = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join('');
  const proxy = ['-o', `ProxyCommand=nc -X 5 -x ${props.open.address} %h %p`];
  const outcome = await runProgram('ssh', [...target.args, ...proxy, '127.0.0.1', 'cat'], { input });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert(outcome.stdout === input, 'what came back is not what was sent');
});

/** Logs in three times; sshd itself says which address the login came from. */
async function threeLogins(props: Props, proxyCommand: string): Promise<void> {
  await using target = await sshTarget(props);
  const proxy = ['-o', `ProxyCommand=${proxyCommand}`];
  const said: string[] = [];
  for (let run = 0; run < 3; run += 1) {
    const outcome = await runProgram('ssh', [
      ...target.args,
      ...proxy,
      '127.0.0.1',
      'echo from $SSH_CONNECTION',
    ]);
    assert.equal(outcome.code, 0, outcome.stderr);
    said.push(/^from (\S+) /.exec(outcome.stdout)?.[1] ?? outcome.stdout);
  }
  assertTurns(said);
  assert.deepEqual(said, target.callers);
}

function ncat(props: Props, type: string): string {
  return `ncat --proxy ${props.guarded.address} --proxy-type ${type} --proxy-auth ${LOGIN} %h %p`;
}

let count = 0;

async function sshTarget(props: Props): Promise<SshTarget> {
  const folder = join(props.scratch, `ssh-${(count += 1)}`);
  await mkdir(folder, { mode: 0o700 });
  return startSshTarget(folder);
}
