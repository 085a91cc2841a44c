import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from './snippets.ts';

// Checks that every link of the README and of docs/ leads to a file of the package, and to a
// heading of that file.

const PAGES = ['README.md', ...pagesOf('docs')];
const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8');

function pagesOf(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return /^(node_modules|\.)/.test(entry.name) ? [] : pagesOf(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** Paths and folders in the npm package. */
const { files: packed } = JSON.parse(textOf('package.json')) as { files: string[] };
const isPacked = (path: string) =>
  path.startsWith('docs/') || packed.some((one) => path === one || path.startsWith(`${one}/`));

const withoutCode = (text: string) =>
  text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** Returns the anchors of the headings of a page, as GitHub and the site form them. */
function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>();
  const headings = textOf(page)
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) => {
      const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
      const anchor = words.replaceAll(/[^\p{L}\p{N}\-_ ]/gu, '').replaceAll(' ', '-');
      const nth = seen.get(anchor) ?? 0;
      seen.set(anchor, nth + 1);
      return nth === 0 ? anchor : `${anchor}-${nth}`;
    }),
  );
}

describe.each(PAGES)('%s', (page) => {
  test('has no broken link, in a checkout and in the package', () => {
    const broken = [...withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => {
        if (/^[a-z]+:/.test(link)) return false;
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : normalize(join(dirname(page), path));
        if (!existsSync(join(ROOT, target)) || !isPacked(target)) return true;
        return anchor !== undefined && !anchorsOf(target).has(anchor);
      });
    expect(broken).toEqual([]);
  });
});

describe.each(PAGES.filter((page) => page.startsWith('docs/reference/')))('%s', (page) => {
  const text = withoutCode(textOf(page));

  test('has no words that the site would read as markup', () => {
    expect(text.match(/^#.*\{.*\}$/gm)).toBeNull(); // no attributes in headings
    expect(text.match(/(?<!\\)<[a-z]/g)).toBeNull(); // no HTML elements
    expect(text.match(/(?<!\()https?:\/\//g)).toBeNull(); // no bare URLs outside links
  });

  test('is listed in docs/README.md', () => {
    expect(textOf('docs/README.md')).toContain(`(${page.slice('docs/'.length)})`);
  });
});
