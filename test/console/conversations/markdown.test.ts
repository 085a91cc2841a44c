import { describe, expect, test } from 'vitest';
import { type MarkdownNode, parseMarkdown } from '../../../src/console/answers/markdown-tree.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';

// Markdown of answers as a tree of elements. Links, images and HTML of models stay text.

/** Writes a tree as text: `tag(children)`. */
function written(nodes: readonly MarkdownNode[]): string {
  return nodes
    .map((node) =>
      typeof node === 'string' ? node : `${node.tag}${node.start ?? ''}(${written(node.children)})`,
    )
    .join('');
}
const textOf = (nodes: readonly MarkdownNode[]): string =>
  nodes.map((node) => (typeof node === 'string' ? node : textOf(node.children))).join('');
const tagsOf = (nodes: readonly MarkdownNode[]): string[] =>
  nodes.flatMap((node) => (typeof node === 'string' ? [] : [node.tag, ...tagsOf(node.children)]));

const tree = (text: string) => parseMarkdown(text) ?? [];

describe('Markdown', () => {
  test.each([
    ['# Total\n\nIt is **42**, *not* ~~41~~.', 'h1(Total)p(It is strong(42), em(not) s(41).)'],
    ['1. a\n2. `b`\n   - c', 'ol(li(a)li(code(b)ul(li(c))))'],
    ['3) a\n\n   b', 'ol3(li(p(a)p(b)))'],
    ['> so\n> it is', 'blockquote(p(sobr()it is))'],
    ['```js\nif (a < b) {}\n```', 'pre(if (a < b) {})'],
    ['| a | b |\n|---|--:|\n| 1 | 2 |', 'table(thead(tr(th(a)th(b)))tbody(tr(td(1)td(2))))'],
    ['a\n\n---\n\nb', 'p(a)hr()p(b)'],
  ])('is formatted: %j', (text, expected) => {
    expect(written(tree(text))).toBe(expected);
  });

  test.each([
    '[click](https://evil.example)',
    '![x](https://evil.example/x.png)',
    '<img src=x onerror=alert(1)>',
    '<https://evil.example>',
    'https://evil.example',
    '<script>alert(1)</script>',
    '[a]: https://evil.example',
    '[a][b]',
    'javascript:alert(1)',
  ])('stays text: %s', (text) => {
    expect(written(tree(text))).toBe(`p(${text})`);
  });

  test('of hostile texts has no element but those of the list', () => {
    const known = new Set(tagsOf(tree(ALL)));
    const tags = new Set(Object.values(HOSTILE_STRINGS).flatMap((text) => tagsOf(tree(text))));
    expect([...tags].filter((tag) => !known.has(tag))).toEqual([]);
  });

  test('that is nested too deep is not parsed, so that no text is lost', () => {
    expect(parseMarkdown(`${'> '.repeat(5_000)}end`)).toBeUndefined();
    expect(parseMarkdown(`${'- '.repeat(200)}end`)).toBeUndefined();
    expect(textOf(tree(`${'> '.repeat(10)}${'*'.repeat(5_000)}end`))).toContain('end');
  });
});

const ALL =
  '# h\n## h\n### h\n#### h\n##### h\n###### h\n\n> **a** *b* ~~c~~ `d`\n> e\n\n- x\n\n1. y\n\n```\nz\n```\n\n---\n\n| a |\n|---|\n| b |';
