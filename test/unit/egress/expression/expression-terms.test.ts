import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import {
  parsePool,
  PoolError,
  poolRanges,
  splitTerms,
} from '../../../../src/egress/expression/expression.ts';
import { splitWords, unquoted } from '../../../../src/egress/expression/words.ts';

/** What a term is, without what it has in common with all others. */
function place(item: string): Record<string, unknown> {
  const { text: _text, excluded: _excluded, weight, tags, ...rest } = parsePool([item])[0]!;
  const refreshMs = 'refreshMs' in rest ? rest.refreshMs : undefined;
  return Object.fromEntries(
    Object.entries({ ...rest, weight, tags, refreshMs }).filter(
      ([key, value]) =>
        value !== undefined &&
        !(key === 'weight' && value === 1) &&
        !(key === 'tags' && String(value) === ''),
    ),
  );
}

suite('sources in a pool expression', () => {
  const good: readonly (readonly [item: string, expected: Record<string, unknown>, text?: string])[] = [
    ['file:/etc/gyre/pool.txt', { kind: 'file', path: '/etc/gyre/pool.txt' }],
    ['file:///etc/gyre/pool.txt', { kind: 'file', path: '/etc/gyre/pool.txt' }],
    ['file:/srv/a b/*@x', { kind: 'file', path: '/srv/a b/*@x' }],
    ['file:/p*3;country=de', { kind: 'file', path: '/p', weight: 3, tags: ['country=de'] }],
    ['https://h.example/list', { kind: 'url', url: 'https://h.example/list' }],
    [
      'https://user:secret@h.example:8443/a/b?token=secret,2#secret',
      { kind: 'url', url: 'https://user:secret@h.example:8443/a/b?token=secret,2#secret' },
      'https://h.example:8443/a/b',
    ],
    ['http://127.0.0.1:8/x*', { kind: 'url', url: 'http://127.0.0.1:8/x*' }],
    [
      'http://127.0.0.1:8/x*20;refresh=10s',
      { kind: 'url', url: 'http://127.0.0.1:8/x', weight: 20, refreshMs: 10_000 },
      'http://127.0.0.1:8/x',
    ],
    ['aws:eth0', { kind: 'aws', card: 'eth0' }],
    ['aws:0A:1b:2c:3D:4e:5f', { kind: 'aws', card: '0a:1b:2c:3d:4e:5f' }],
    ['aws:ens5*2;refresh=24h', { kind: 'aws', card: 'ens5', weight: 2, refreshMs: 86_400_000 }],
    ['exec:/bin/list', { kind: 'exec', command: '/bin/list', args: [] }],
    [
      'exec:list --token secret,secret "a b" \'c;*3\' d\\ e ""',
      { kind: 'exec', command: 'list', args: ['--token', 'secret,secret', 'a b', 'c;*3', 'd e', ''] },
      'exec:list',
    ],
    [
      'exec:list secret*3;refresh=1500ms;country=de',
      { kind: 'exec', command: 'list', args: ['secret'], weight: 3, tags: ['country=de'], refreshMs: 1500 },
      'exec:list',
    ],
    ['exec:"/opt/my lists/run" x', { kind: 'exec', command: '/opt/my lists/run', args: ['x'] }],
    ['interface:eth0;refresh=1m', { kind: 'interface', name: 'eth0', refreshMs: 60_000 }],
  ];
  for (const [item, expected, text] of good) {
    test(item, () => {
      assert.deepEqual(place(item), expected);
      const [term] = parsePool([item]);
      if (text !== undefined) assert.equal(term!.text, text);
      assert.doesNotMatch(term!.text, /secret/);
    });
  }

  test('brings nothing by itself, and leaves exclusions undecided', () => {
    const terms = parsePool(['file:/no/such/file', '192.0.2.1', '!192.0.2.7']);
    assert.deepEqual(
      poolRanges(terms, {}).map(({ first }) => first),
      [0xc0000201n],
    );
  });

  test('commas part terms, but not an item that is a URL or a command', () => {
    assert.deepEqual(splitTerms(' 192.0.2.1 ,https://h/a,b '), ['192.0.2.1', 'https://h/a', 'b']);
    assert.deepEqual(splitTerms('https://h/a,b'), ['https://h/a,b']);
    assert.deepEqual(splitTerms(' exec:a b,c'), ['exec:a b,c']);
    assert.deepEqual(splitTerms('file:/a,file:/b'), ['file:/a', 'file:/b']);
    assert.deepEqual(
      parsePool(['192.0.2.1,https://h.example/x', 'https://h.example/x,y']).map(({ text }) => text),
      ['192.0.2.1', 'https://h.example/x', 'https://h.example/x,y'],
    );
  });
});

suite('weights, tags and settings', () => {
  const marks = (item: string): object[] =>
    poolRanges(parsePool([item]), {}).map(({ weight, tags, identityBits }) => ({
      weight,
      tags,
      identityBits,
    }));

  test('are kept in the ranges', () => {
    assert.deepEqual(marks('192.0.2.1*3;Country=DE;city=berlin'), [
      { weight: 3, tags: ['city=berlin', 'country=de'], identityBits: undefined },
    ]);
    assert.deepEqual(marks('192.0.2.0/24*1000'), [{ weight: 1000, tags: [], identityBits: undefined }]);
    assert.deepEqual(marks('2001:db8::/48*2; identity=64'), [{ weight: 2, tags: [], identityBits: 64 }]);
    assert.deepEqual(marks('2001:db8::/63;identity=64;a_1=_'), [
      { weight: 1, tags: ['a_1=_'], identityBits: 64 },
    ]);
    assert.deepEqual(marks('192.0.2.0/30*2;a=b,!192.0.2.1'), [
      { weight: 2, tags: ['a=b'], identityBits: undefined },
      { weight: 2, tags: ['a=b'], identityBits: undefined },
    ]);
    assert.ok(
      poolRanges(parsePool(['192.0.2.1']), {}).every((range) => !('identityBits' in range)),
      'and nothing is made up',
    );
  });
});

suite('refused terms', () => {
  type Bad = readonly [item: string | readonly string[], term: string, message: string, hint?: string];
  const refused: readonly Bad[] = [
    ['192.0.2.1*0', '192.0.2.1*0', 'bad weight', '!ADDRESS'],
    ['192.0.2.1*-1', '192.0.2.1*-1', 'bad weight'],
    ['192.0.2.1*0.5', '192.0.2.1*0.5', 'bad weight'],
    ['192.0.2.1*1001', '192.0.2.1*1001', 'from 1 to 1000'],
    ['192.0.2.1*03', '192.0.2.1*03', 'bad weight'],
    ['192.0.2.1*', '192.0.2.1*', 'bad weight'],
    ['192.0.2.1**2', '192.0.2.1**2', 'bad weight'],
    ['192.0.2.1*2*3', '192.0.2.1*2*3', 'bad weight'],
    ['192.0.2.1* 2', '192.0.2.1* 2', 'bad weight'],
    ['interface:eth0*0', 'interface:eth0*0', 'bad weight'],
    ['file:/a*0', 'file:/a*0', 'bad weight'],
    ['file:/a*1.5', 'file:/a*1.5', 'bad weight'],
    ['https://u:secret@h.example/a?secret*0', 'https://h.example/a', 'bad weight'],
    ['exec:list secret*-3', 'exec:list', 'bad weight'],
    ['!192.0.2.1*2', '192.0.2.1*2', 'excluded', 'leave them out'],
    ['!interface:eth0;country=de', 'interface:eth0;country=de', 'excluded'],
    ['192.0.2.1;', '192.0.2.1;', 'bad tag'],
    ['192.0.2.1;country', '192.0.2.1;country', '"country" is not KEY=VALUE', 'country=de'],
    ['192.0.2.1;=de', '192.0.2.1;=de', 'bad tag'],
    ['192.0.2.1;country=', '192.0.2.1;country=', 'bad tag'],
    ['192.0.2.1;country=d-e', '192.0.2.1;country=d-e', 'bad tag'],
    ['192.0.2.1;a=b=c', '192.0.2.1;a=b=c', 'bad tag'],
    ['192.0.2.1;a=b*3', '192.0.2.1;a=b*3', 'bad tag', 'weight comes before'],
    ['192.0.2.1;weight=3', '192.0.2.1;weight=3', 'weight in the wrong form', 'TERM*3'],
    ['192.0.2.1;a=b;A=c', '192.0.2.1;a=b;A=c', 'a twice'],
    [`192.0.2.1${';a=b'.replace('a', 'a'.repeat(65))}`, `192.0.2.1;${'a'.repeat(65)}=b`, 'bad tag'],
    [
      `::2${Array.from({ length: 17 }, (_, index) => `;k${index}=v`).join('')}`,
      `::2${Array.from({ length: 17 }, (_, index) => `;k${index}=v`).join('')}`,
      'more than 16',
    ],
    ['https://u:secret@h.example/a;secret', 'https://h.example/a', 'what follows a semicolon'],
    ['exec:list secret;secret secret', 'exec:list', 'what follows a semicolon'],
    ['192.0.2.0/24;identity=64', '192.0.2.0/24;identity=64', 'whole /64s', '2001:db8::/48'],
    ['2001:db8::/64;identity=64', '2001:db8::/64;identity=64', 'whole /64s'],
    ['2001:db8::1;identity=64', '2001:db8::1;identity=64', 'whole /64s'],
    ['2001:db8::1-2001:db8:1::;identity=64', '2001:db8::1-2001:db8:1::;identity=64', 'whole /64s'],
    ['2001:db8::/48;identity=56', '2001:db8::/48;identity=56', 'only 64'],
    ['file:/a;identity=64', 'file:/a;identity=64', 'whole /64s'],
    ['192.0.2.1;refresh=10s', '192.0.2.1;refresh=10s', 'nothing to refresh'],
    ['file:/a;refresh=10', 'file:/a;refresh=10', 'from 1s to 24h'],
    ['file:/a;refresh=999ms', 'file:/a;refresh=999ms', 'from 1s to 24h'],
    ['file:/a;refresh=25h', 'file:/a;refresh=25h', 'from 1s to 24h'],
    ['file:/a;refresh=-1s', 'file:/a;refresh=-1s', 'bad tag'],
    ['file:/a;refresh=1s;refresh=2s', 'file:/a;refresh=1s;refresh=2s', 'refresh twice'],
    ['file:', 'file:', 'not a whole path', 'file:/etc'],
    ['file:pool.txt', 'file:pool.txt', 'not a whole path'],
    ['file://host/pool.txt', 'file://host/pool.txt', 'not a whole path'],
    ['file:/etc/', 'file:/etc/', 'folder'],
    ['https://', 'https:', 'no valid URL', 'https://lists.example'],
    ['https:h.example', 'https:', 'no valid URL'],
    ['https://u:secret@h.example:99999/', 'https:', 'no valid URL'],
    ['https://u:secret@/x', 'https:', 'no valid URL'],
    ['https://u:sec ret@h.example/', 'https:', 'no valid URL'],
    ['https://u:1/secret@h.example/', 'https:', '@ behind its host', '%2F'],
    ['https://u:a@1/secret@h.example/', 'https:', '@ behind its host'],
    ['https://h.example/?mail=secret@h.example', 'https:', '@ behind its host', '%40'],
    ['HTTPS://u:secret@h.example/', 'HTTPS:', 'not supported'],
    ['ftp://u:secret@h.example/', 'ftp:', 'not supported', 'https://HOST'],
    ['192.0.2.1,https://u:secret@h.example/?a=secret,secret', '', 'after a comma', 'an item of its own'],
    ['192.0.2.1,exec:list a,secret', '', 'after a comma'],
    ['aws:', 'aws:', 'names no network card', 'aws:eth0'],
    ['aws:0a:1b:2c:3d:4e', 'aws:0a:1b:2c:3d:4e', 'names no network card'],
    ['aws:an-interface-with-a-long-name', 'aws:an-interface-with-a-long-name', 'names no network card'],
    ['exec:', 'exec:', 'names no command'],
    ['exec:  ', 'exec:', 'names no command'],
    ['exec:""', 'exec:', 'names no command'],
    ['exec:list "secret', 'exec:', 'quote that is not closed'],
    ['!file:/a', '!file:/a', 'cannot be excluded', 'interface:NAME'],
    ['!https://u:secret@h.example/a', '!https://h.example/a', 'cannot be excluded'],
    ['!!https://u:secret@h.example/a', '!!', 'excludes twice'],
    ['!!user@secret', '!!', 'excludes twice'],
    ['!exec:list secret', '!exec:list', 'cannot be excluded'],
    ['!aws:eth0', '!aws:eth0', 'cannot be excluded'],
    [['file:/a', 'file:///a;country=de'], 'file:///a;country=de', 'twice'],
    [['https://h.example/a?secret', 'https://h.example/a?secret'], 'https://h.example/a', 'twice'],
    [['exec:list secret', 'exec:list  secret*2'], 'exec:list', 'twice'],
    [['interface:eth0', 'interface:eth0*2'], 'interface:eth0*2', 'twice'],
  ];
  for (const [item, term, message, hint] of refused) {
    test(JSON.stringify(item).slice(0, 100), () => {
      assert.throws(
        () => parsePool(typeof item === 'string' ? [item] : item),
        (error: unknown) => {
          assert.ok(error instanceof PoolError, String(error));
          assert.equal(error.term, term);
          assert.ok(error.message.includes(message), error.message);
          assert.doesNotMatch(`${error.message} ${error.hint ?? ''}`, /secret|undefined|\n/);
          assert.ok(hint === undefined || error.hint?.includes(hint) === true, String(error.hint));
          return true;
        },
      );
    });
  }

  test('the same URL with another query and the same command with other arguments are others', () => {
    assert.equal(parsePool(['https://h/a?1', 'https://h/a?2', 'exec:l a', 'exec:l b']).length, 4);
  });

  test('what is in a URL or behind a command is never in an error', () => {
    const secret = fc.stringMatching(/^[!-~ ]{1,20}$/).map((text) => `${text}SECRET`);
    const item = fc.oneof(
      secret.map((text) => `https://user:${text}@h.example/a`),
      secret.map((text) => `https://h.example/a?${text}`),
      secret.map((text) => `exec:list ${text}`),
    );
    fc.assert(
      fc.property(item, fc.boolean(), fc.boolean(), (text, excluded, joined) => {
        try {
          const terms = parsePool([`${joined ? '192.0.2.1,' : ''}${excluded ? '!' : ''}${text}`]);
          for (const term of terms) assert.doesNotMatch(term.text, /SECRET/);
        } catch (error) {
          assert.ok(error instanceof PoolError, String(error));
          assert.doesNotMatch(`${error.message} ${error.term} ${error.hint ?? ''}`, /SECRET/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

suite('words of a command', () => {
  test('any words come back from their quoted form', () => {
    const quoted = (word: string): string => `'${word.replaceAll("'", `'"'"'`)}'`;
    const escaped = (word: string): string => `"${word.replaceAll(/["\\]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.array(fc.string()), fc.boolean(), (words, single) => {
        const text = words.map(single ? quoted : escaped).join(' \t');
        assert.deepEqual(splitWords(text), words);
        assert.equal(unquoted(text, ';'), -1);
        assert.equal(unquoted(`${text};x`, ';'), text.length);
      }),
    );
  });

  test('quotes may stand inside a word, and a backslash at the end is itself', () => {
    assert.deepEqual(splitWords(`a"b c"'d e'f g\\`), ['ab cd ef', 'g\\']);
    assert.deepEqual(splitWords(`"a\\b"`), ['a\\b']);
    assert.deepEqual(splitWords('  '), []);
    assert.equal(splitWords(`a 'b`), undefined);
  });
});
