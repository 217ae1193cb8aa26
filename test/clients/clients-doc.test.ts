/** Every block of docs/clients.md, run as its reader would, but for the addresses in it. */
import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, runProgram, type Outcome } from '../support/program.ts';
import { PYSOCKS, PYTHON } from '../support/program-case.ts';
import { assertPool, assertTurns, setStage, type Props } from '../support/program-stage.ts';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const PACKAGES = '/usr/lib/python3/dist-packages';

const page = await readFile(join(REPOSITORY, 'docs/clients.md'), 'utf8');
/** In the order of the page, each under the heading before it. */
const code: Block[] = [];
let heading = '';
for (const [, title, language, text] of page.matchAll(/^(?:##+ (.+)|```(\w+)\n([\s\S]*?)^```)$/gm)) {
  if (title !== undefined) heading = title;
  else code.push({ name: heading, language: language!, code: text! });
}

interface Block {
  readonly name: string;
  readonly language: string;
  readonly code: string;
}

/** How many connections each block makes at least, and what has to be installed for it. */
const EXPECTED: Readonly<Record<string, { readonly answers: number; readonly needs: readonly string[] }>> = {
  curl: { answers: 3, needs: ['curl'] },
  'Every program that reads the environment': { answers: 3, needs: ['curl', 'wget', PYTHON] },
  wget: { answers: 1, needs: ['wget'] },
  proxychains: { answers: 1, needs: ['proxychains4', 'curl'] },
  requests: { answers: 3, needs: [PYTHON, PYSOCKS, `${PACKAGES}/requests`] },
  httpx: { answers: 1, needs: [PYTHON, `${PACKAGES}/httpx`] },
  aiohttp: { answers: 1, needs: [PYTHON, `${PACKAGES}/aiohttp`] },
  fetch: { answers: 3, needs: [] },
  undici: { answers: 3, needs: [] },
  socks: { answers: 1, needs: [] },
  Playwright: { answers: 2, needs: ['chromium'] },
  'By hand': { answers: 1, needs: ['chromium'] },
  Go: { answers: 3, needs: ['go'] },
};

const declare = setStage('docs/clients.md');
assert.deepEqual(new Set(code.map(({ name }) => name)), new Set(Object.keys(EXPECTED)));

for (const [i, block] of code.entries()) {
  const { answers, needs } = EXPECTED[block.name]!;
  declare(`block ${i + 1}, ${block.name}`, needs, async (props) => {
    const outcome = await run(block, join(props.scratch, `block-${i}`), props);
    assert.equal(outcome.code, 0, outcome.stderr + outcome.stdout);
    const seen = outcome.stdout.match(/127\.0\.0\.\d+(?= \/)/g) ?? [];
    assert.ok(seen.length >= answers, outcome.stdout + outcome.stderr);
    assertPool(seen);
    if (block.code.includes('-session-')) assert.equal(new Set(seen).size, 1, 'one session, one address');
    // A browser asks for its icon in between, and each target has turns of its own.
    else if (!/chromium|http:\/\/example/.test(block.code)) assertTurns(seen);
  });
}

/** The reader's own addresses instead of those on the page. */
function adapt(text: string, { open, guarded, http, https }: Props): string {
  const split = (address: string): string => address.replace(':', ' ');
  const guardedOnes = /alice/.test(text);
  return text
    .replaceAll('https://example.com/', `https://localhost:${https.port}/`)
    .replaceAll('http://example.com/', `${http.origin}/`)
    .replaceAll('s3cret@127.0.0.1:1080', `s3cret@${guarded.address}`)
    .replaceAll('127.0.0.1 1080', split(guarded.address))
    .replaceAll('port: 1080', `port: ${guarded.port}`)
    .replaceAll("'http://127.0.0.1:1080', username", `'http://${guarded.address}', username`)
    .replaceAll('127.0.0.1:1080', guardedOnes && !text.includes('curl') ? guarded.address : open.address);
}

async function run({ language, code: text }: Block, folder: string, props: Props): Promise<Outcome> {
  await mkdir(folder);
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  const { caFile } = props.certificate;
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    CHROMIUM: findProgram('chromium') ?? '',
    CURL_CA_BUNDLE: caFile,
    SSL_CERT_FILE: caFile,
    REQUESTS_CA_BUNDLE: caFile,
    NODE_EXTRA_CA_CERTS: caFile,
    WGETRC: join(folder, 'wgetrc'),
    GOCACHE: join(props.scratch, 'go-cache'),
    GO111MODULE: 'off',
  };
  await writeFile(env.WGETRC, `ca_certificate = ${caFile}\n`);
  const [program, ...args] = COMMANDS[language as keyof typeof COMMANDS];
  const file = join(folder, args.at(-1)!);
  await writeFile(file, adapt(text, props));
  return await runProgram(program, [...args.slice(0, -1), file], { cwd: folder, env, timeoutMs: 80_000 });
}

const COMMANDS = {
  sh: ['sh', '-eu', 'block.sh'],
  python: [PYTHON, 'block.py'],
  js: [process.execPath, 'block.mjs'],
  go: ['go', 'run', 'block.go'],
} as const;
