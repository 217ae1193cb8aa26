/** The tables and examples of docs/security.md are those of the code. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { parseCidr } from '../../../src/policy/clients.ts';
import { buildGuard } from '../../../src/policy/guard.ts';
import { buildRules, type RuleConfig } from '../../../src/policy/rules.ts';
import { parsePattern } from '../../../src/policy/rules/pattern.ts';
import { defineConfig, type GyreOptions } from '../../../src/runtime/config.ts';
import { classify, PHRASE } from '../../../src/policy/special.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/security.md');

interface Row {
  readonly blocks: readonly string[];
  readonly kind: string;
  readonly never: string;
}

/** Rows of the tables that begin with networks. */
function specialRows(): Row[] {
  const rows: Row[] = [];
  for (const [, first = '', is = '', never = ''] of page.matchAll(
    /^\| (`[\da-f:.]+\/\d+`.*?) \| (.*?) \|(.*)\|$/gm,
  )) {
    rows.push({ blocks: code(first), kind: /^[\w-]+/.exec(is)![0], never: never.trim() });
  }
  return rows;
}

const code = (text: string): string[] => Array.from(text.matchAll(/`([^`]+)`/g), ([, inside]) => inside!);

describe('docs/security.md', () => {
  const rows = specialRows();
  const table = Array.from(
    read('src/policy/special.ts').matchAll(/^ {2}\['(\S+)', '([\w-]+)'/gm),
    ([, block, kind]) => `${block} ${kind}`,
  );

  it('has every special block, as the kind it is, and no other', () => {
    const documented = rows.flatMap(({ blocks, kind }) => blocks.map((block) => `${block} ${kind}`));
    assert.ok(table.length > 40);
    assert.deepEqual(documented.toSorted(), table.toSorted());
    for (const { kind } of rows) assert.ok(kind in PHRASE, kind);
  });

  it('says which are denied whatever is configured', () => {
    const open = buildGuard({ allowPrivate: true, own: [] });
    for (const { blocks, never } of rows) {
      if (never === 'as inside') continue;
      for (const block of blocks) {
        const { address } = parseCidr(block);
        // The first address of a block may be one of its own.
        if (['::', '2001::'].includes(address) && block !== '::/128') continue;
        const check = (): void => open.check(address, 443);
        if (never === 'never') assert.throws(check, { code: 'TARGET_DENIED' }, block);
        else assert.doesNotThrow(check, block);
      }
    }
  });

  it('has rules that are some, and that mean what it says', () => {
    const [, yaml] = /```yaml\n(targets:\n {2}rules:[\s\S]*?)```/.exec(page)!;
    const { targets } = parse(yaml!) as { targets: { rules: RuleConfig[] } };
    const rules = buildRules(targets.rules);
    const verdict = (name: string, port = 443, user?: string): string => rules.byName(name, port, user).kind;
    assert.equal(verdict('mail.example.org', 25), 'deny');
    assert.equal(verdict('a.ads.example', 80), 'deny');
    assert.equal(verdict('ads.example', 80), 'deny');
    assert.equal(verdict('a.tracker.example.com', 80), 'none');
    assert.equal(verdict('www.example.com', 80, 'ci'), 'allow');
    assert.equal(verdict('example.com', 80, 'ci'), 'deny');
    assert.equal(verdict('example.com', 80, 'alice'), 'none');
    const address = (text: string, port: number): boolean =>
      rules.byAddress(undefined, text, port, undefined).explicit;
    assert.deepEqual(
      [address('10.1.2.3', 443), address('10.1.2.3', 80), address('10.2.2.3', 443)],
      [true, false, false],
    );
  });

  it('has patterns that can be read, and spellings that are refused', () => {
    const patterns = Array.from(
      page.matchAll(
        /^\| (`(?:[\w:*.[]|b)[^|]*) \| (?:that name|every name|the name|an address|everything|ports|both)/gm,
      ),
      ([, cell]) => code(cell!),
    ).flat();
    assert.ok(patterns.length >= 13, patterns.join(' '));
    for (const pattern of patterns) parsePattern(pattern);
    const [, refused] = /is refused at the start: (.*?) \(/.exec(page)!;
    for (const text of code(refused!)) assert.throws(() => parsePattern(text), RangeError, text);
    const [, odd] = /read as addresses are refused: (.*)/.exec(page)!;
    for (const text of code(odd!)) assert.equal(classify(text), 'invalid', text);
  });

  it('opens private networks as it says', () => {
    const explicit = (pattern: string, address: string): boolean =>
      buildRules([{ allow: [pattern] }]).byAddress(undefined, address, 443, undefined).explicit;
    assert.deepEqual([explicit('10.0.0.0/8', '10.1.2.3'), explicit('fd00::/8', 'fd00::1')], [true, true]);
    assert.deepEqual([explicit('all', '10.1.2.3'), explicit('0.0.0.0/0', '10.1.2.3')], [false, false]);
  });

  it('has configuration that is valid', () => {
    const blocks = Array.from(
      page.matchAll(/```yaml\n([\s\S]*?)```/g),
      ([, yaml]) => parse(yaml!) as GyreOptions,
    );
    assert.ok(blocks.length >= 3);
    for (const block of blocks) {
      const pools = { pool: '127.0.0.2', pools: { de: '127.0.0.3' } };
      defineConfig({ users: [{ name: 'ci', password: 'x' }], ...pools, ...block });
    }
  });

  it('names tests that exist', () => {
    for (const [path] of page.matchAll(/(?:test|bench)\/[\w/-]+\.ts/g)) assert.ok(read(path).length > 0);
  });
});
