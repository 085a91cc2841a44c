import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { brokenLinks, checkLinks } from '../../docs/.vitepress/check-links.ts';

// Tests that a broken link fails the build of the site.

const folder = mkdtempSync(join(tmpdir(), 'howdah-site-'));
afterAll(() => rmSync(folder, { recursive: true }));

function writePage(path: string, html: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), html);
}

test('links to missing pages, files and anchors are broken', () => {
  writePage('index.html', '<h2 id="reference"></h2><link rel="icon" href="/icon.svg">');
  writePage('how-to/index.html', '<a href="../">up</a> <a class="x" href="../#reference">up</a>');
  writePage(
    'how-to/cost.html',
    `<a href="./">list</a> <a href="/how-to/README.html">list</a> <a href="https://a.example/">a</a>
     <a href="../#missing">up</a> <a href="#here">here</a> <p id="here"></p>`,
  );
  expect(brokenLinks(folder)).toEqual([
    { page: 'how-to/cost.html', link: '/how-to/README.html' },
    { page: 'how-to/cost.html', link: '../#missing' },
    { page: 'index.html', link: '/icon.svg' },
  ]);
  expect(() => checkLinks(folder)).toThrow('how-to/cost.html: /how-to/README.html');
});
