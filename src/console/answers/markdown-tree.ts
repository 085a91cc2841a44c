/// <reference path="./markdown-it.d.ts" />
import MarkdownIt from 'markdown-it';

/** The elements that formatted text may have. None of them loads or leads to anything. */
export type Tag =
  | ('p' | 'h1' | 'h2' | 'h3' | 'h4' | 'h5' | 'h6' | 'blockquote' | 'hr' | 'br')
  | ('ul' | 'ol' | 'li' | 'pre' | 'code' | 'strong' | 'em' | 's')
  | ('table' | 'thead' | 'tbody' | 'tr' | 'th' | 'td');

/** Formatted text: a text, or an element. The element of a list may say where it starts. */
export type MarkdownNode = string | MarkdownElement;
export type MarkdownElement = { tag: Tag; start?: number; children: MarkdownNode[] };

const TAGS: ReadonlySet<string> = new Set<Tag>([
  ...(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'hr', 'br'] as const),
  ...(['ul', 'ol', 'li', 'pre', 'code', 'strong', 'em', 's'] as const),
  ...(['table', 'thead', 'tbody', 'tr', 'th', 'td'] as const),
]);

/**
 * The parser knows no links, images and HTML, so that they stay the text that they are. What it
 * makes is a tree of elements from a fixed list, and never HTML.
 */
const parser = new MarkdownIt({ html: false, linkify: false, breaks: true }).disable([
  ...['link', 'image', 'autolink', 'reference', 'html_block', 'html_inline'],
]);

type Token = ReturnType<typeof parser.parse>[number];

/** Deeper blocks are no Markdown of people or models. The parser leaves out what is 100 deep. */
const MAX_DEPTH = 40;

/** Parses Markdown. Returns undefined for a text whose blocks are too deep. */
export function parseMarkdown(text: string): MarkdownNode[] | undefined {
  const tokens = parser.parse(text, {});
  return tokens.some(({ level }) => level > MAX_DEPTH) ? undefined : treeOf(tokens);
}

function treeOf(tokens: readonly Token[]): MarkdownNode[] {
  const root: MarkdownNode[] = [];
  const open: MarkdownNode[][] = [root];
  for (const token of tokens) {
    const into = open.at(-1) ?? root;
    if (token.nesting === -1) {
      open.pop();
    } else if (token.nesting === 1) {
      open.push(childrenIn(into, token));
    } else {
      into.push(...leavesOf(token));
    }
  }
  return root;
}

/** Opens the element of a token. The paragraphs of a tight list, and what is unknown, have none. */
function childrenIn(into: MarkdownNode[], { tag, hidden, attrs }: Token): MarkdownNode[] {
  if (hidden || !isTag(tag)) return into;
  const start = Number(attrs?.find(([name]) => name === 'start')?.[1]);
  const element = { tag, children: [], ...(Number.isSafeInteger(start) && { start }) };
  into.push(element);
  return element.children;
}

function leavesOf({ type, content, children }: Token): MarkdownNode[] {
  switch (type) {
    case 'inline':
      return treeOf(children ?? []);
    case 'softbreak':
    case 'hardbreak':
      return [{ tag: 'br', children: [] }];
    case 'hr':
      return [{ tag: 'hr', children: [] }];
    case 'code_inline':
      return [{ tag: 'code', children: [content] }];
    case 'fence':
    case 'code_block':
      return [{ tag: 'pre', children: [content.replace(/\n$/, '')] }];
    default:
      return content === '' ? [] : [content];
  }
}

function isTag(name: string): name is Tag {
  return TAGS.has(name);
}
