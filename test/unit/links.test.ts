/** Every page leads somewhere: links within the repository, their anchors, and the paths that texts name. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES: readonly string[] = globSync(['*.md', 'docs/**/*.md', 'deploy/**/*.md'], {
  cwd: ROOT,
}).toSorted();

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
/** Prose: what stands in a block of code is no link and no heading. */
const prose = (page: string): string => read(page).replace(/^(```|~~~).*?^\1/gms, '');

/** As GitHub makes them: lower case, without punctuation, spaces as hyphens, a number behind a heading that is there again. */
function anchors(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const found = new Set<string>();
  for (const [, heading = ''] of prose(page).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    found.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return found;
}

/** Whatever stands in `](…)`, `src="…"` or behind `[name]:`, unless it leads out of the repository. */
function links(page: string): string[] {
  const text = prose(page).replaceAll(/`[^`\n]*`/g, '');
  const all = text.matchAll(/\]\(([^()\s]+)(?: "[^"]*")?\)|(?:src|href)="([^"]+)"|^\[[^\]]+\]: +(\S+)/gm);
  return Array.from(all, ([, inline, html, reference]) => inline ?? html ?? reference ?? '').filter(
    (link) => !/^[a-z][a-z+.-]*:/i.test(link),
  );
}

describe('links between pages', () => {
  it('lead to files and headings that are there', () => {
    assert.ok(PAGES.length >= 16, PAGES.join(' '));
    let checked = 0;
    for (const page of PAGES) {
      for (const link of links(page)) {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
        assert.ok(!target.startsWith('..'), `${page}: ${link} leads out of the repository`);
        assert.ok(existsSync(join(ROOT, target)), `${page}: ${link} leads nowhere`);
        if (anchor !== undefined)
          assert.ok(anchors(target).has(anchor), `${page}: there is no heading for ${link}`);
        checked++;
      }
    }
    assert.ok(checked > 80, `${checked} links`);
  });

  it('are none to a heading or a file that is not', () => {
    assert.ok(anchors('docs/security.md').has('what-is-never-written-down'));
    assert.ok(!anchors('docs/security.md').has('what-is-written-down'));
    assert.deepEqual(
      links('docs/dashboard.md').filter((link) => link.endsWith('.png')).length,
      3,
      'pictures count',
    );
  });

  it('lead from the index to every page', () => {
    const index = new Set(links('docs/README.md'));
    for (const page of globSync('docs/*.md', { cwd: ROOT }).map((path) => path.slice('docs/'.length))) {
      assert.ok(page === 'README.md' || index.has(page), page);
    }
  });
});

/** A path of the repository, in code: `src/proxy.ts`, `docs/pools.md`. What has a wildcard or a hole is none. */
const PATHS = /`((?:src|test|docs|deploy|examples|config|bench|bin)\/[\w./-]*[\w/])`/g;
const SCRIPTS = /`?npm (?:run (?:-s )?)([\w:]+)/g;

describe('what pages name', () => {
  it('is there: files and folders', () => {
    for (const page of PAGES) {
      for (const [, path = ''] of read(page).matchAll(PATHS)) {
        assert.ok(existsSync(join(ROOT, path)), `${page} names ${path}`);
      }
    }
  });

  it('is there: scripts of package.json', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const page of PAGES) {
      for (const [, name = ''] of read(page).matchAll(SCRIPTS)) {
        assert.ok(name in scripts, `${page} names npm run ${name}`);
      }
    }
  });
});

describe('docs/decisions.md', () => {
  it('counts from 1, without a gap and without a number twice', () => {
    const numbers = Array.from(read('docs/decisions.md').matchAll(/^(\d+)\. \*\*/gm), ([, n]) => Number(n));
    assert.ok(numbers.length > 50);
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i + 1),
    );
  });
});
