/**
 * Sends the same bytes to Gyre and to other proxies, and lists where their verdicts differ.
 *
 * A difference is no mistake, but it needs a reason: each vector whose verdicts differ must say why Gyre's is what it is.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { stopAll } from '../processes.ts';
import { judge } from './judge.ts';
import { startOrigin } from './origin.ts';
import { failureTable, replaced, table } from './page.ts';
import { endAll, startAll, type Participant } from './programs.ts';
import { CONNECT } from './vectors-connect.ts';
import { FORWARD } from './vectors-forward.ts';
import { PROXY } from './vectors-proxy.ts';
import { SOCKS4 } from './vectors-socks4.ts';
import { SOCKS5 } from './vectors-socks5.ts';
import type { Protocol, Vector } from './vector.ts';

const HELP = `Usage: npm run verdicts -- [options]

Sends every vector to Gyre and to each of Dante, microsocks, Squid, tinyproxy and HAProxy that is installed, on ports of
the loopback, and prints what came of it. A cell is one of
  tunnel        connected to the target         refused CODE  SOCKS reply or HTTP status
  closed        closed without an answer        waits         nothing within 1.5 s
  –             not spoken, or not installed
Ends with status 1 if a verdict differs from Gyre's and nobody has written down why.

Options:
  --only <text>  vectors whose number begins with it, for example C8
  --write        put the differences and the table of failures into docs/protocols.md
  --failures     put the table of failures there, and send nothing
  -h, --help     print this help
`;

const VECTORS: readonly Vector[] = [...SOCKS5, ...SOCKS4, ...CONNECT, ...FORWARD, ...PROXY];
const AT_ONCE = 6;
const PAGE = new URL('../../docs/protocols.md', import.meta.url);
const NONE = '–';

interface Row {
  readonly vector: Vector;
  /** One for each participant; Gyre's is the first. */
  readonly verdicts: readonly string[];
}

async function judgeAll(
  vectors: readonly Vector[],
  participants: readonly Participant[],
  targetPort: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  const waiting = vectors.entries();
  const work = async (): Promise<void> => {
    for (const [index, vector] of waiting) {
      const verdicts = participants.map(async (participant) => {
        const door = participant.doorFor(vector);
        return door === undefined ? NONE : judge(vector, door, targetPort);
      });
      rows[index] = { vector, verdicts: await Promise.all(verdicts) };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return rows;
}

const differs = ({ verdicts: [own, ...others] }: Row): boolean =>
  others.some((verdict) => verdict !== NONE && verdict !== own);

const TITLES: Readonly<Record<Protocol, string>> = {
  socks5: 'SOCKS5',
  socks4: 'SOCKS4 and 4a',
  http: 'HTTP',
  proxy: 'PROXY header',
};
const PROTOCOLS: readonly Protocol[] = ['socks5', 'socks4', 'http', 'proxy'];

/** Where nobody speaks a protocol, there is no column. */
function comparison(rows: readonly Row[], participants: readonly Participant[]): string {
  const columns = [...participants.keys()].filter((at) => rows.some(({ verdicts }) => verdicts[at] !== NONE));
  return table(
    ['', 'vector', ...columns.map((at) => participants[at]!.name), 'why Gyre does so'],
    rows.map(({ vector, verdicts }) => [
      vector.id,
      cell(vector),
      ...columns.map((at) => verdicts[at]!),
      vector.explained ?? '**unexplained**',
    ]),
  );
}

const cell = ({ title, users }: Vector): string => `\`${title}\`${users ? ' (login required)' : ''}`;

function report(rows: readonly Row[], participants: readonly Participant[]): string {
  const present = participants.filter(({ missing }) => missing === undefined);
  const different = rows.filter(differs);
  const parts = PROTOCOLS.flatMap((protocol) => {
    const those = different.filter(({ vector }) => vector.protocol === protocol);
    const all = rows.filter(({ vector }) => vector.protocol === protocol).length;
    if (those.length === 0) return [];
    return [`### ${TITLES[protocol]}: ${those.length} of ${all}`, comparison(those, participants)];
  });
  return [
    `${different.length} of ${rows.length} vectors had different verdicts, among ${present
      .map(({ name, version }) => `${name} ${version}`)
      .join(', ')}.`,
    ...parts,
  ].join('\n\n');
}

function printAll(rows: readonly Row[], participants: readonly Participant[]): void {
  const names = participants.map(({ name }) => name.padEnd(14)).join(' ');
  console.log(`   ${'vector'.padEnd(58)} ${names}`);
  for (const row of rows) {
    const { vector, verdicts } = row;
    const mark = !differs(row) ? ' ' : vector.explained === undefined ? '!' : '*';
    const title = `${vector.id} ${vector.title}`.slice(0, 57).padEnd(58);
    console.log(`${mark}  ${title} ${verdicts.map((verdict) => verdict.padEnd(14)).join(' ')}`);
  }
  console.log('\n*  differs, for a reason   !  differs, unexplained');
}

async function run(only: string, write: boolean): Promise<number> {
  const origin = await startOrigin();
  const children: ChildProcess[] = [];
  try {
    const participants = await startAll(origin.port, children);
    for (const { name, missing } of participants) if (missing) console.log(`${name}: ${missing}`);
    const chosen = VECTORS.filter(({ id }) => id.startsWith(only));
    const rows = await judgeAll(chosen, participants, origin.port);
    printAll(rows, participants);
    const unexplained = rows.filter((row) => differs(row) && row.vector.explained === undefined);
    for (const { vector } of unexplained) console.log(`unexplained: ${vector.id} ${vector.title}`);
    console.log(`${rows.length} vectors, ${rows.filter(differs).length} with different verdicts`);
    if (write) writePage(report(rows, participants));
    return unexplained.length > 0 ? 1 : 0;
  } finally {
    await endAll(children);
    origin.server.close();
    stopAll();
  }
}

function writeFailures(): void {
  writeFileSync(PAGE, replaced(readFileSync(PAGE, 'utf8'), 'failures', failureTable()));
}

function writePage(verdicts: string): void {
  writeFileSync(PAGE, replaced(readFileSync(PAGE, 'utf8'), 'verdicts', verdicts));
  writeFailures();
}

interface Options {
  readonly only: string;
  readonly write: boolean;
  readonly failures: boolean;
  readonly help: boolean;
}

/** Undefined: they cannot be understood, and that has been said. */
function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        write: { type: 'boolean', default: false },
        failures: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.write && values.only !== '') throw new Error('--write needs all vectors: leave --only out');
    return values;
  } catch (error) {
    console.error(`${(error as Error).message}\nSee npm run verdicts -- --help`);
    return undefined;
  }
}

function endOnSignal(signal: 'SIGINT' | 'SIGTERM', status: number): void {
  process.once(signal, () => {
    stopAll();
    process.exit(status);
  });
}

process.once('exit', stopAll);
endOnSignal('SIGINT', 130);
endOnSignal('SIGTERM', 143);
const options = readOptions();
if (options === undefined) process.exitCode = 2;
else if (options.help) process.stdout.write(HELP);
else if (options.failures) writeFailures();
else process.exitCode = await run(options.only, options.write);
