import { readFileSync } from 'node:fs';
import { type DefaultTheme, defineConfig } from 'vitepress';
import { checkLinks } from './check-links.ts';

// Where the source is published: links that leave docs/ lead there, and are plain text without it.
const SOURCE_URL = process.env.DOCS_SOURCE_URL;

/** Reads a table of links as a list of the side bar, with its bold rows as groups. */
function linksOf(page: string, folder = ''): DefaultTheme.SidebarItem[] {
  const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
  const groups: DefaultTheme.SidebarItem[] = [];
  for (const [, first = '', second = ''] of text.matchAll(/^\| (.+?) \| ?(.*?) ?\|$/gm)) {
    const link = /\]\(([\w/-]+)\.md\)/.exec(`${second}${first}`)?.[1];
    const heading = /^\*\*(.+)\*\*$/.exec(first)?.[1];
    if (heading) groups.push({ text: heading, collapsed: groups.length > 0, items: [] });
    if (link)
      groups.at(-1)?.items?.push({
        text: titleOf(`${folder}${link}.md`),
        link: `/${folder}${link}`.replace(/README$/, ''),
      });
  }
  return groups.filter(({ items }) => items?.length);
}

/** Returns the first heading of a page. */
function titleOf(page: string): string {
  const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
  return /^# (.+)$/m.exec(text)?.[1] ?? page;
}

/** Returns the anchor of a heading as GitHub forms it, so that links work in both places. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\-_ ]/gu, '')
    .replaceAll(' ', '-');
}

type Token = { type: string; attrs: [string, string][] | null };

/**
 * Adapts a link of a page to the site. A link that leaves docs/ leads to the published source, and
 * X/README.md is the page X/.
 */
function adaptLink(link: Token, page: string): void {
  const href = link.attrs?.find(([name]) => name === 'href');
  if (link.type !== 'link_open' || href === undefined || /^[a-z]+:|^#/.test(href[1])) return;
  const { pathname, hash } = new URL(href[1], `file:///docs/${page}`);
  if (pathname.startsWith('/docs/')) {
    href[1] = href[1].replace(/^README\.md/, './').replace(/\/README\.md/, '/');
  } else if (SOURCE_URL) href[1] = `${SOURCE_URL}${pathname}${hash}`;
  else link.attrs = null;
}

export default defineConfig({
  title: 'Howdah',
  description: 'A Postgres-native runtime for teams of AI agents.',
  rewrites: { 'README.md': 'index.md', ':folder/README.md': ':folder/index.md' },
  srcExclude: ['node_modules/**'],
  cleanUrls: false,
  lastUpdated: false,
  buildEnd: ({ outDir }) => checkLinks(outDir),
  markdown: {
    html: false, // <id> in prose is not an element
    anchor: { slugify: anchorOf },
    config: (markdown) => {
      const render = markdown.render.bind(markdown); // {{ secret }} in a page is text
      markdown.render = (text, env) => render(text, env).replaceAll('{{', '&#123;&#123;');
      markdown.core.ruler.push('links', ({ tokens, env }) => {
        for (const { children } of tokens) {
          for (const link of children ?? []) adaptLink(link, `${env.relativePath}`);
        }
      });
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'First hour', link: '/first-hour' },
      { text: 'How to', link: '/how-to/' },
      { text: 'Concepts', link: '/concepts' },
      { text: 'Reference', link: '/#reference' },
    ],
    sidebar: {
      '/how-to/': linksOf('how-to/README.md', 'how-to/'),
      '/': [
        { text: 'First hour', link: '/first-hour' },
        { text: 'How to', link: '/how-to/' },
        ...linksOf('README.md'),
      ],
    },
    outline: [2, 3],
  },
});
