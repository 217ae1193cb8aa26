/** Every example that can run, run as its reader would: beside an installed package, against a gateway that runs. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, runProgram, type Outcome, type RunOptions } from '../support/program.ts';
import { PYSOCKS, PYTHON } from '../support/program-case.ts';
import { GYRE_BIN, startGyre } from '../support/program-gyre.ts';
import {
  assertPool,
  assertTurns,
  LOGIN,
  PASSWORD,
  POOL,
  setStage,
  USER,
  type Props,
} from '../support/program-stage.ts';

const declare = setStage('examples');
const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

declare('curl.sh', ['sh', 'curl'], async (props) => {
  const env = { PROXY: props.open.address, CURL_CA_BUNDLE: props.certificate.caFile };
  assertTurns(lines(await example('sh', 'curl.sh', [`${props.https.origin}/`], { env }), 4));
});

declare('curl.sh with LOGIN', ['sh', 'curl'], async (props) => {
  const env = { PROXY: props.guarded.address, LOGIN };
  assertTurns(lines(await example('sh', 'curl.sh', [`${props.http.origin}/`], { env }), 4));
});

declare('proxychains4.conf, each of its proxies', ['proxychains4', 'curl'], async (props) => {
  const written = await readFile(join(REPOSITORY, 'examples/proxychains4.conf'), 'utf8');
  const proxies = written.match(/^(# )?(socks5|http) +127\.0\.0\.1 1080.*$/gm) ?? [];
  assert.equal(proxies.length, 3);
  for (const line of proxies) {
    const gateway = line.includes(USER) ? props.guarded : props.open;
    const chosen = line.replace('# ', '').replace('1080', String(gateway.port));
    const file = join(props.scratch, 'proxychains4.conf');
    await writeFile(
      file,
      [written.slice(0, written.indexOf('[ProxyList]')), '[ProxyList]', chosen, ''].join('\n'),
    );
    const url = `https://localhost:${props.https.port}/`;
    const command = ['curl', '-q', '-sS', '--max-time', '15', '--cacert', props.certificate.caFile, url];
    assertPool(lines(await runProgram('proxychains4', ['-q', '-f', file, ...command]), 1));
  }
});

declare('node-fetch.mjs', [], async (props) => {
  const env = {
    NODE_USE_ENV_PROXY: '1',
    HTTPS_PROXY: `http://${LOGIN}@${props.guarded.address}`,
    NODE_EXTRA_CA_CERTS: props.certificate.caFile,
  };
  assertTurns(
    lines(await example(process.execPath, 'node-fetch.mjs', [`${props.https.origin}/`], { env }), 3),
  );
});

declare('undici.mjs', [], async (props) => {
  const env = { NODE_EXTRA_CA_CERTS: props.certificate.caFile };
  const args = [`https://localhost:${props.https.port}/`, `${LOGIN}@${props.guarded.address}`];
  assertTurns(lines(await example(process.execPath, 'undici.mjs', args, { env }), 4));
});

declare('python.py', [PYTHON, PYSOCKS], async (props) => {
  const env = { SSL_CERT_FILE: props.certificate.caFile, REQUESTS_CA_BUNDLE: props.certificate.caFile };
  const url = `https://localhost:${props.https.port}/`;
  for (const proxy of [props.open.address, `${LOGIN}@${props.guarded.address}`]) {
    const seen = lines(await example(PYTHON, 'python.py', [url, proxy], { env }));
    assert(seen.length >= 2, 'urllib and PySocks');
    assertTurns(seen);
  }
});

declare('playwright.ts with a gateway of its own (library)', ['chromium'], async (props) => {
  const seen = await playwright(props, []);
  assert.equal(new Set(seen).size, 3);
});

declare('playwright.ts with a gateway that runs (command line)', ['chromium'], async (props) => {
  await playwright(props, [`http://${props.open.address}`]);
  await playwright(props, [`http://${USER}:${PASSWORD}@${props.guarded.address}`]);
});

declare(
  'gyre.yaml: a configuration that runs, where its files and its interface are',
  ['curl'],
  async (props) => {
    const written = await readFile(join(REPOSITORY, 'examples/gyre.yaml'), 'utf8');
    const file = join(props.scratch, 'gyre.yaml');
    const here = written
      .replaceAll(/\/(?:etc|var\/lib|var\/log)\/gyre\//g, `${props.scratch}/`)
      .replace('interface:eth0', 'interface:lo');
    await writeFile(file, here, { mode: 0o600 });
    const hash = await runProgram(process.execPath, [GYRE_BIN, 'hash-password'], { input: `${PASSWORD}\n` });
    assert.equal(hash.code, 0, hash.stderr);
    await writeFile(join(props.scratch, 'users'), `${USER}:${hash.stdout.trim()}\n`, { mode: 0o600 });
    const check = await runProgram(process.execPath, [GYRE_BIN, 'check', '--json', '--config', file]);
    assert.equal(check.code, 0, check.stdout + check.stderr);
    assert.equal(check.stderr, '', 'nothing to remark');
    // And it does run; on ports that are free.
    const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--allow-private'];
    await using gyre = await startGyre(['--config', file, ...ports]);
    const proxy = `http://${LOGIN}@127.0.0.1:${gyre.port}`;
    const seen = await runProgram('curl', ['-q', '-sS', '-p', '-x', proxy, `${props.http.origin}/`]);
    assert.equal(isIP(lines(seen, 1)[0]!), 4);
  },
);

async function playwright(props: Props, proxy: readonly string[]): Promise<string[]> {
  const env = { CHROMIUM: findProgram('chromium')!, IP_POOL: `${POOL[0]}-${POOL.at(-1)}` };
  const args = [`${props.https.origin}/`, ...proxy];
  const options = { env, timeoutMs: 60_000 };
  project ??= install(join(props.scratch, 'project'));
  const folder = join(await project, 'examples');
  const seen = lines(await example(process.execPath, 'playwright.ts', args, options, folder), 3);
  assertPool(seen);
  return seen;
}

/** The first word of each line of output: the address the target saw. */
function lines(outcome: Outcome, count?: number): string[] {
  assert.equal(outcome.code, 0, outcome.stderr + outcome.stdout);
  const seen = outcome.stdout.split('\n').filter((line) => line !== '');
  if (count !== undefined) assert.equal(seen.length, count, outcome.stdout);
  return seen.map((line) => line.split(' ')[0] ?? '');
}

function example(
  program: string,
  name: string,
  args: readonly string[],
  options: RunOptions,
  folder: string = join(REPOSITORY, 'examples'),
): Promise<Outcome> {
  return runProgram(program, [join(folder, name), ...args], options);
}

let project: Promise<string> | undefined;

/** A project of the reader's: the example beside a node_modules in which `gyre` is the built package, as npm installs it. */
async function install(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules');
  const gyre = join(modules, 'gyre');
  await mkdir(gyre, { recursive: true });
  await cp(join(REPOSITORY, 'examples/playwright.ts'), join(folder, 'examples/playwright.ts'));
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  for (const name of ['package.json', 'bin', 'config']) {
    await cp(join(REPOSITORY, name), join(gyre, name), { recursive: true });
  }
  const installed = join(REPOSITORY, 'node_modules');
  const others = (await readdir(installed)).filter((name) => !name.startsWith('.'));
  await Promise.all(others.map((name) => symlink(join(installed, name), join(modules, name))));
  const build = ['-p', join(REPOSITORY, 'tsconfig.build.json'), '--outDir', join(gyre, 'dist')];
  const built = await runProgram(process.execPath, [join(installed, '.bin/tsc'), ...build], {
    timeoutMs: 60_000,
  });
  assert.equal(built.code, 0, built.stdout + built.stderr);
  return folder;
}
