import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A link of a built page that leads nowhere. */
export type BrokenLink = { page: string; link: string };

/** Throws if a page of the built site in `folder` has a link to a missing page or anchor. */
export function checkLinks(folder: string): void {
  const broken = brokenLinks(folder);
  if (broken.length === 0) return;
  const lines = broken.map(({ page, link }) => `  ${page}: ${link}`);
  throw new Error(`the site has ${broken.length} broken links:\n${lines.join('\n')}`);
}

/** Returns the links of all HTML pages in `folder` to a file or anchor that does not exist. */
export function brokenLinks(folder: string): BrokenLink[] {
  const texts = new Map<string, string>();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!path.endsWith('.html')) continue;
    texts.set(path.replaceAll('\\', '/'), readFileSync(join(folder, path), 'utf8'));
  }
  return [...texts].flatMap(([page, text]) =>
    linksOf(text)
      .filter((link) => !isReachable(link, page, folder, texts))
      .map((link) => ({ page, link })),
  );
}

function linksOf(html: string): string[] {
  const links = [...html.matchAll(/<(?:a|link|script|img)\s[^>]*?\b(?:href|src)="([^"]*)"/g)];
  return [...new Set(links.map(([, link = '']) => link.replaceAll('&amp;', '&')))];
}

function isReachable(
  link: string,
  page: string,
  folder: string,
  texts: Map<string, string>,
): boolean {
  const site = 'http://site.invalid';
  const url = URL.parse(link, `${site}/${page}`);
  if (url === null) return false;
  if (url.origin !== site) return true;
  const path = decodeURIComponent(url.pathname.slice(1)).replace(/(^|\/)$/, '$1index.html');
  const text = texts.get(path);
  if (text === undefined) return existsSync(join(folder, path));
  return url.hash === '' || text.includes(`id="${decodeURIComponent(url.hash.slice(1))}"`);
}
