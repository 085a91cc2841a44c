import { createElement, type ReactNode, useMemo } from 'react';
import { type MarkdownNode, parseMarkdown, type Tag } from './markdown-tree.ts';

/** Headings of an answer are below those of the page. */
const SHOWN_AS: Readonly<Partial<Record<Tag, string>>> = {
  ...{ h1: 'h4', h2: 'h4', h3: 'h5', h4: 'h6', h5: 'h6', h6: 'h6' },
};

/** Markdown as formatted text. Links, images and HTML in it are shown as they are written. */
export function Markdown({ text, isDraft }: { text: string; isDraft: boolean }) {
  const nodes = useMemo(() => parseMarkdown(text), [text]);
  const draft = isDraft ? ' answer-draft' : '';
  if (!nodes) return <p className={`answer-text${draft}`}>{text}</p>;
  return <div className={`answer-text answer-markdown${draft}`}>{nodes.map(shown)}</div>;
}

function shown(node: MarkdownNode, index: number): ReactNode {
  if (typeof node === 'string') return node;
  const { tag, start, children } = node;
  const inner = children.length > 0 ? children.map(shown) : undefined;
  const element = createElement(
    SHOWN_AS[tag] ?? tag,
    { key: index, ...(start !== undefined && { start }) },
    inner,
  );
  if (tag !== 'table') return element;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area needs the keyboard
    <div key={index} className="answer-table" tabIndex={0}>
      {element}
    </div>
  );
}
