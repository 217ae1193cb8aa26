/** G22: a million random addresses, and texts, judged by us and by Python's `ipaddress`. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { classify, type AddressKind } from '../../src/policy/special.ts';
import { formatIpv4, formatIpv6, ipBytes } from '../../src/protocol/address.ts';
import { runProgram } from '../support/program.ts';
import { declareCase } from '../support/program-case.ts';

const JUDGE = fileURLToPath(new URL('../fixtures/random-addresses.py', import.meta.url));
/** By two processes at a time. */
const ADDRESSES = 500_000;
const TEXTS = 50_000;
/** Family, verdict, 16 bytes. */
const RECORD = 18;
const VERDICTS = ['global', 'special', 'unspecified', 'loopback', 'multicast', 'link-local'] as const;

/** Where we are stricter than Python 3.11 and later, and why. We are laxer nowhere. */
const STRICTER: readonly (readonly [block: string, why: string])[] = [
  ['168.63.129.16/32', 'a public address that Azure uses for its host'],
  ['169.254.0.0/16', 'metadata addresses are link-local for Python'],
  ['192.0.0.0/24', 'Python knows public services in it; none is a place for tunnels'],
  ['192.88.99.0/24', 'withdrawn by RFC 7526'],
  ['::/96', 'IPv4-compatible: deprecated, and 127.0.0.1 inside'],
  ['64:ff9b:1::/48', 'RFC 8215 is newer than the table of Python 3.11'],
  ['2001::/23', 'IETF protocol assignments: Python knows public ones in it'],
  ['2002::/16', '6to4: the kind of the IPv4 address inside comes first with us'],
  ['3fff::/20', 'RFC 9637 is newer than the table of Python 3.11'],
  ['fe80::/10', 'metadata addresses are link-local for Python'],
  ['::/3', 'never delegated'],
  ['4000::/2', 'never delegated; 5f00::/16 is RFC 9602'],
  ['8000::/1', 'never delegated, or site-local'],
];

async function judged(run: (folder: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-addresses-'));
  const seed = randomInt(2 ** 31);
  try {
    const args = [JUDGE, String(seed), String(ADDRESSES), String(TEXTS), folder];
    const { code, stderr } = await runProgram('python3', args, { timeoutMs: 85_000 });
    assert.equal(code, 0, stderr);
    run(folder);
  } catch (error) {
    throw new Error(`python3 random-addresses.py ${seed} ${ADDRESSES} ${TEXTS} FOLDER shows it again`, {
      cause: error,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const agrees = (kind: AddressKind, verdict: string): boolean =>
  verdict === 'special' ? kind !== 'global' : kind === verdict;

/** RFC 5214: 0:5efe or 200:5efe in the lower half, which Python does not know. */
const isIsatap = (bytes: Buffer): boolean => [0x5efe, 0x0200_5efe].includes(bytes.readUInt32BE(8));

function compare(records: Buffer, differences: Map<string, number>): void {
  const lists = STRICTER.map(([block]) => {
    const [base = '', prefix] = block.split('/');
    const family = base.includes(':') ? 'ipv6' : 'ipv4';
    const list = new BlockList();
    list.addSubnet(base, Number(prefix), family);
    return { block, family, list };
  });
  for (let at = 0; at < records.length; at += RECORD) {
    const family = records[at] === 4 ? 'ipv4' : 'ipv6';
    const verdict = VERDICTS[records[at + 1]!]!;
    const bytes = records.subarray(at + 2, at + 2 + (family === 'ipv4' ? 4 : 16));
    const kind = classify(bytes);
    if (agrees(kind, verdict)) continue;
    const text = family === 'ipv4' ? formatIpv4(bytes, 0) : formatIpv6(bytes, 0);
    assert.notEqual(kind, 'global', `${text} is ${verdict} for Python`);
    const excuse = lists.find((one) => one.family === family && one.list.check(text, family))?.block;
    const found = excuse ?? (family === 'ipv6' && isIsatap(bytes) ? 'ISATAP' : undefined);
    assert.ok(found !== undefined, `${text} is ${kind} for us, ${verdict} for Python`);
    differences.set(found, (differences.get(found) ?? 0) + 1);
  }
}

function compareTexts(lines: readonly string[]): void {
  for (const line of lines) {
    const [text, wanted] = JSON.parse(line) as [string, string | null];
    const bytes = ipBytes(text);
    assert.equal(
      bytes === undefined ? null : Buffer.from(bytes).toString('hex'),
      wanted,
      JSON.stringify(text),
    );
  }
}

declareCase('G22: a million addresses are of the kind that Python says', ['python3'], async (context) => {
  const differences = new Map<string, number>();
  let addresses = 0;
  let texts = 0;
  const half = (): Promise<void> =>
    judged((folder) => {
      const records = readFileSync(join(folder, 'addresses'));
      const lines = readFileSync(join(folder, 'texts'), 'latin1').trimEnd().split('\n');
      compare(records, differences);
      compareTexts(lines);
      addresses += records.length / RECORD;
      texts += lines.length;
    });
  await Promise.all([half(), half()]);
  assert.deepEqual([addresses, texts], [1_000_000, 100_000]);
  for (const [block, count] of differences) context.diagnostic(`stricter in ${block}: ${count} addresses`);
});
