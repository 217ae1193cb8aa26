/**
 * The stage of one file of client cases: two real gateways (one open, one that wants a password), a target with and one
 * without TLS, and a scratch folder; all gone when the file ends.
 */
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import assert from 'node:assert/strict';
import type { Outcome } from './program.ts';
import { declareCase, missing } from './program-case.ts';
import { startGyre, type GyreProcess } from './program-gyre.ts';
import { startTarget, type Target } from './target.ts';
import { makeCertificate, type Certificate } from './tls.ts';

export const POOL: readonly string[] = [2, 3, 4, 5, 6, 7, 8, 9].map((n) => `127.0.0.${n}`);
export const USER = 'alice';
export const PASSWORD = 's3cret';
/** Credentials as they stand in a URL. */
export const LOGIN: string = `${USER}:${PASSWORD}`;

export interface Props {
  readonly scratch: string;
  readonly certificate: Certificate;
  readonly http: Target;
  readonly https: Target;
  /** Wants no credentials. */
  readonly open: GyreProcess;
  /** Wants {@link LOGIN}. */
  readonly guarded: GyreProcess;
}

/** Files a listener of the configuration may name. */
export interface StageFiles {
  readonly scratch: string;
  /** PEM files of a certificate that the stage's authority signed, and of the authority. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** An entry of `listen`, as it stands in a configuration file. */
export type ListenEntry = Readonly<Record<string, string>>;

export interface StageOptions {
  /** What both gateways listen on; {@link GyreProcess.ports} are in this order. @default one plain port */
  readonly listen?: (files: StageFiles, gateway: 'open' | 'guarded') => readonly ListenEntry[];
}

export type Case = (props: Props, context: TestContext) => Promise<void> | void;

/** Declares one case. A program of `needs` that is not installed skips it; where CI is set, it fails it. */
export type DeclareCase = (name: string, needs: readonly string[], body: Case) => void;

const LOG_LAG_MS = 500;
const ARGS = ['--pool', '127.0.0.2-127.0.0.9', '--allow-private', '--workers', '2'];

/** Sets the stage for the calling test file; call it once, then declare its cases with what it returns. */
export function setStage(program: string, options: StageOptions = {}): DeclareCase {
  let props: Props | undefined;
  const leaving = new AsyncDisposableStack();
  before(async () => {
    if (missing(['openssl']).length > 0) return;
    props = await raise(leaving, options);
  });
  after(() => leaving.disposeAsync());
  return (name, needs, body) =>
    declareCase(`${program}: ${name}`, ['openssl', ...needs], async (context) => {
      assert(props, 'the stage is set before the first case');
      await showingLogs(props, context, body);
    });
}

/** Every address is of the pool. */
export function assertPool(addresses: readonly string[]): void {
  assert(addresses.length > 0, 'the target saw nobody');
  for (const address of addresses)
    assert(POOL.includes(address), `the target saw ${address}, not of the pool`);
}

/** Consecutive connections left from consecutive addresses of the pool. */
export function assertTurns(addresses: readonly string[]): void {
  assertPool(addresses);
  const first = POOL.indexOf(addresses[0]!);
  const expected = addresses.map((_, i) => POOL[(first + i) % POOL.length]);
  assert.deepEqual(addresses, expected, 'each connection leaves from the next address');
}

/** The caller's address in a target's answer, which must be to the path that was asked for. */
export function callerIn(answer: string, path: string): string {
  const [address = '', answered] = answer.trim().split(' ');
  assert.equal(answered, path, 'the answer is to another question');
  return address;
}

/**
 * Three runs of a client that asks for a path and prints the answer are three connections: each answer is to its own
 * path, and each left from the next address.
 */
export async function assertThreeTurns(ask: (path: string) => Promise<Outcome>): Promise<void> {
  const seen: string[] = [];
  for (const path of ['/one', '/two', '/three']) {
    const outcome = await ask(path);
    assert.equal(outcome.code, 0, outcome.stderr + outcome.stdout);
    seen.push(callerIn(outcome.stdout, path));
  }
  assertTurns(seen);
}

/** Starts everything; what was started is put on `leaving` at once, so that a failure half-way leaves nothing behind. */
async function raise(leaving: AsyncDisposableStack, { listen = onePort }: StageOptions): Promise<Props> {
  const { path: scratch } = leaving.use(await mkdtempDisposable(join(tmpdir(), 'gyre-clients-')));
  const certificate = await makeCertificate(scratch);
  const start = async (gateway: 'open' | 'guarded', ...flags: string[]): Promise<GyreProcess> => {
    const file = join(scratch, `${gateway}.yaml`);
    // JSON is YAML.
    await writeFile(file, JSON.stringify({ listen: listen(stageFiles(scratch, certificate), gateway) }));
    return leaving.use(await startGyre(['--config', file, ...ARGS, ...flags]));
  };
  return {
    scratch,
    certificate,
    http: leaving.use(await startTarget()),
    https: leaving.use(await startTarget({ certificate })),
    open: await start('open'),
    guarded: await start('guarded', '--user', LOGIN),
  };
}

function onePort(): ListenEntry[] {
  return [{ address: '127.0.0.1:0' }];
}

/** What a `tls://` listener names. */
export function stageFiles(scratch: string, { caFile }: Certificate): StageFiles {
  return { scratch, cert: join(scratch, 'target.pem'), key: join(scratch, 'target.key'), ca: caFile };
}

async function showingLogs(props: Props, context: TestContext, body: Case): Promise<void> {
  const { open, guarded } = props;
  const before = [open.log().length, guarded.log().length] as const;
  // What an earlier case asked for is not this case's evidence.
  props.http.takeVisits();
  props.https.takeVisits();
  try {
    await body(props, context);
  } catch (error) {
    // Only on the way out of a failed case: the log is written in batches, and its last lines are the telling ones.
    await setTimeout(LOG_LAG_MS);
    context.diagnostic(`open gateway:\n${open.log().slice(before[0])}`);
    context.diagnostic(`guarded gateway:\n${guarded.log().slice(before[1])}`);
    throw error;
  }
}
