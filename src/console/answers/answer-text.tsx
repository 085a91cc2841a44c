import { lazy, Suspense } from 'react';

const Markdown = lazy(async () => ({ default: (await import('./markdown.tsx')).Markdown }));

/** Longer texts are shown as they are: a browser takes long to format them. */
const MAX_FORMATTED = 100_000;
/** Matches a text that may have Markdown. Other texts need no parser. */
const MARKS = /[*_`#|~>]|^\s*([-+]|\d{1,9}[.)])\s|^(---|===)/m;

/** A text that a model wrote, with its Markdown as formatted text. */
export function AnswerText({ text, isDraft = false }: { text: string; isDraft?: boolean }) {
  const plain = <p className={isDraft ? 'answer-text answer-draft' : 'answer-text'}>{text}</p>;
  if (text.length > MAX_FORMATTED || !MARKS.test(text)) return plain;
  return (
    <Suspense fallback={plain}>
      <Markdown text={text} isDraft={isDraft} />
    </Suspense>
  );
}
