/** apt: plain HTTP with up to ten requests on the way at once on one connection, each of which takes its turn. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertPool, assertTurns, LOGIN, setStage, USER, type Props } from '../support/program-stage.ts';
import { runProgram, type Outcome } from '../support/program.ts';
import { fileOf, makeAptRepository } from '../support/target-apt.ts';
import { startTarget, type Target } from '../support/target.ts';

const declare = setStage('apt');
const NEEDS = ['apt-get'];
const COUNT = 24;

declare('update and download through http://, pipelined', NEEDS, async (props) => {
  const addresses = await fetchAll(props, 'plain', `http://${props.open.address}`);
  assertTurns(addresses);
});

declare('update and download through http:// with credentials', NEEDS, async (props) => {
  assertTurns(await fetchAll(props, 'guarded', `http://${LOGIN}@${props.guarded.address}`));
});

declare('update and download through socks5h:// with credentials', NEEDS, async (props) => {
  assertPool(await fetchAll(props, 'socks', `socks5h://${LOGIN}@${props.guarded.address}`));
});

declare('a wrong password: apt names the 407', NEEDS, async (props) => {
  const { apt, target } = await prepare(props, 'wrong', `http://${USER}:wrong@${props.guarded.address}`);
  await using _ = target;
  const outcome = await apt('update');
  assert.match(outcome.stdout + outcome.stderr, /407 +Proxy Authentication Required/);
  assert.deepEqual(target.takeVisits(), []);
});

/** @returns where the requests for packages came from, in their order. */
async function fetchAll(props: Props, name: string, proxy: string): Promise<string[]> {
  const { apt, target, folder, packages } = await prepare(props, name, proxy);
  await using _ = target;
  const updated = await apt('update');
  assert.equal(updated.code, 0, updated.stderr + updated.stdout);
  assertPool(target.takeVisits().map(({ address }) => address));
  const downloaded = await apt('download', ...packages.keys());
  assert.equal(downloaded.code, 0, downloaded.stderr + downloaded.stdout);
  for (const [each, content] of packages) {
    assert((await readFile(join(folder, fileOf(each)))).equals(content), `${each} is not what was sent`);
  }
  const visits = target.takeVisits();
  assert.equal(visits.length, COUNT);
  return visits.map(({ address }) => address);
}

interface Apt {
  readonly target: Target;
  readonly packages: ReadonlyMap<string, Buffer>;
  /** Where it runs, and where its downloads are. */
  readonly folder: string;
  readonly apt: (...args: string[]) => Promise<Outcome>;
}

/** An apt that knows nothing but the repository and keeps everything in a folder of its own. */
async function prepare(props: Props, name: string, proxy: string): Promise<Apt> {
  const folder = join(props.scratch, `apt-${name}`);
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'etc/preferences.d']) {
    await mkdir(join(folder, part), { recursive: true });
  }
  const { handler, packages } = makeAptRepository(COUNT);
  const target = await startTarget({ handler });
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'sources.list'), `deb [trusted=yes] ${target.origin}/ ./\n`);
  const config = join(folder, 'apt.conf');
  await writeFile(config, configuration(folder, proxy));
  const apt = (...args: string[]): Promise<Outcome> =>
    runProgram('apt-get', args, { cwd: folder, env: { APT_CONFIG: config } });
  return { target, packages, folder, apt };
}

function configuration(folder: string, proxy: string): string {
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc': join(folder, 'etc'),
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::Etc::main': '/dev/null',
    // The user apt would change to cannot write here.
    'APT::Sandbox::User': '',
    'Acquire::http::Proxy': proxy,
    'Acquire::http::Timeout': '15',
    'Acquire::Retries': '0',
    'Acquire::Languages': 'none',
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} "${value}";\n`)
    .join('');
}
