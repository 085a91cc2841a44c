import { expect, test, vi } from 'vitest';
import { divideDocument, type Piece } from '../../src/knowledge/divide-document.ts';
import { sentencesOf } from '../../src/knowledge/sentences.ts';

const divide = (content: string, { type = 'text/markdown', maxCharacters = 2_000 } = {}) =>
  divideDocument({ type, content, maxCharacters });

const sentences = (text: string) =>
  sentencesOf(text, 0, text.length).map(({ start, end }) => text.slice(start, end));

/** Returns what the offsets of a piece point at, counted in characters as in SQL. */
const pointedAt = (content: string, { start_offset, end_offset }: Piece) =>
  [...content].slice(start_offset, end_offset).join('');

test('sections are pieces with the headings above them', () => {
  const content = `Before.

# Refunds

## Terms

Within 30 days.

Not for vouchers.

Exceptions
----------

None.

# Shipping
Free.
`;
  expect(divide(content).map(({ content, heading_path }) => [content, heading_path])).toEqual([
    ['Before.', []],
    ['Within 30 days.\n\nNot for vouchers.', ['Refunds', 'Terms']],
    ['None.', ['Refunds', 'Exceptions']],
    ['Free.', ['Shipping']],
  ]);
});

test('offsets point at the text of each piece, in characters', () => {
  const content = '# 😀 Eins\n\nÄpfel 😀 und Birnen.\n\n# Zwei\n\nKirschen 😀.';
  const pieces = divide(content);
  expect(pieces).toHaveLength(2);
  for (const piece of pieces) expect(pointedAt(content, piece)).toBe(piece.content);
});

test('a heading without text is a piece, unless a heading below it has text', () => {
  expect(divide('# A\n\n# B\n\n## C\n\nText').map(({ content }) => content)).toEqual([
    '# A',
    'Text',
  ]);
});

test('headings in code are no headings, and a table stays whole', () => {
  const content = '# A\n\n```sh\n# no heading\nls\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n';
  expect(divide(content).map(({ heading_path }) => heading_path)).toEqual([['A']]);
  expect(divide(content)[0]?.content).toContain('# no heading');
});

test('a long paragraph is divided between sentences, a long table between rows', () => {
  const paragraph = 'This sentence has forty characters, yes. '.repeat(20);
  for (const { content } of divide(paragraph, { maxCharacters: 200 })) {
    expect(content).toMatch(/^This .* yes\.$/s);
    expect(content.length).toBeLessThanOrEqual(200);
  }
  const rows = ['| a | b |', '|---|---|', ...Array.from({ length: 50 }, (_, n) => `| ${n} | x |`)];
  for (const { content } of divide(rows.join('\n'), { maxCharacters: 200 })) {
    expect(content).toMatch(/^\|.*\|$/s);
  }
});

test('a path has the start of a long heading, whose words are a piece as well', () => {
  const title = Array.from({ length: 1_000 }, (_, n) => `w${n}`).join(' ');
  const pieces = divide(`# A\n\n## ${title}\n\nText.\n\n## B\n\nMore.`);
  const words = pieces.slice(0, -2).map(({ content }) => content);
  expect(words.join(' ')).toBe(`## ${title}`);
  for (const { content, heading_path } of pieces.slice(0, -2)) {
    expect(content.length).toBeLessThanOrEqual(2_000);
    expect(heading_path).toEqual(['A']);
  }
  expect(pieces.at(-2)).toMatchObject({
    content: 'Text.',
    heading_path: ['A', `${title.slice(0, 199)}…`],
  });
  expect(pieces.at(-1)).toMatchObject({ content: 'More.', heading_path: ['A', 'B'] });
});

test.each([
  ['over 20000 chunks', `# ${'a'.repeat(20_000)}\n${'## b\nx\n'.repeat(140_000)}`],
  ['over 20000 chunks', '# a\n'.repeat(250_000)],
  ['over 8 MB', `# ${'ä'.repeat(200)}\n## ${'ö'.repeat(200)}\n${'### b\nx\n'.repeat(15_000)}`],
])('a document that makes %s is refused', (reason, content) => {
  expect(() => divide(content)).toThrow(
    expect.objectContaining({ code: 'too_large', message: expect.stringContaining(reason) }),
  );
});

test('a text without any gap is cut, and no character is halved', () => {
  const content = '😀'.repeat(500);
  const pieces = divide(content, { maxCharacters: 201 });
  expect(pieces.map((piece) => piece.content).join('')).toBe(content);
  for (const piece of pieces) expect(piece.content.isWellFormed()).toBe(true);
});

test('a text without any gap is searched once for gaps', () => {
  const search = vi.spyOn(String.prototype, 'lastIndexOf');
  const content = 'x'.repeat(200_000);
  divide(content);
  const searched = search.mock.contexts.reduce((sum: number, text) => sum + String(text).length, 0);
  search.mockRestore();
  expect(searched).toBeGreaterThan(0);
  expect(searched).toBeLessThan(2 * content.length);
});

test('nothing is lost: each word of a document is in a piece', () => {
  const words = Array.from({ length: 3_000 }, (_, n) => `w${n}`);
  const content = words.map((word, n) => (n % 50 === 49 ? `${word}.\n\n` : word)).join(' ');
  const found = divide(content, { maxCharacters: 300 }).flatMap((piece) =>
    piece.content.match(/w\d+/g),
  );
  expect(found).toEqual(words);
});

test.each([
  ['Dr. Müller kam am 3. Oktober. Er blieb.', ['Dr. Müller kam am 3. Oktober.', 'Er blieb.']],
  [
    'Das kostet 3,5 Mio. Euro, z. B. für Papier. Viel!',
    ['Das kostet 3,5 Mio. Euro, z. B. für Papier.', 'Viel!'],
  ],
  ['On Jan. 5 it was 3.5 degrees. Cold.', ['On Jan. 5 it was 3.5 degrees.', 'Cold.']],
  ['See Fig. 3 and e.g. J. Smith. Done?', ['See Fig. 3 and e.g. J. Smith.', 'Done?']],
  ['A line that\ngoes on. The next.', ['A line that\ngoes on.', 'The next.']],
  ['- one\n- two\n', ['- one', '- two']],
])('%s', (text, expected) => {
  expect(sentences(text)).toEqual(expected);
});

test('HTML is read as a person sees it, and offsets point into its source', () => {
  const content = `<html><head><title>No</title><style>p{}</style></head><body>
<h1>Caf&eacute;s</h1><p>Fish &amp; chips,
  <b>warm</b>.</p><script>no()</script>
<h2>Prices</h2><table><tr><th>Dish</th><th>Euro</th></tr><tr><td>Fish</td><td>9</td></tr></table>
<ul><li>one</li><li>two</li></ul><pre>a
  b</pre></body></html>`;
  const pieces = divide(content, { type: 'text/html' });
  expect(pieces.map(({ content, heading_path }) => [content, heading_path])).toEqual([
    ['Fish & chips, warm.', ['Cafés']],
    ['Dish | Euro\nFish | 9\n- one\n- two\na\n  b', ['Cafés', 'Prices']],
  ]);
  expect(pointedAt(content, pieces[0] as Piece)).toBe('Fish &amp; chips,\n  <b>warm</b>.');
  expect(pointedAt(content, pieces[1] as Piece)).toMatch(/^Dish<\/th>.*a\n {2}b$/s);
});

test('a heading in a table is a heading, and the text around it is not', () => {
  const content = `<table><tr><td>Menu</td></tr>
<tr><td><h2>Prices</h2>Fish is 9 Euro.</td></tr></table>`;
  const pieces = divide(content, { type: 'text/html' });
  expect(pieces.map(({ content, heading_path }) => [content, heading_path])).toEqual([
    ['Menu', []],
    ['Fish is 9 Euro.', ['Prices']],
  ]);
});

test('a page that is nested too deep is refused', () => {
  expect(() => divide('<div>'.repeat(100_000), { type: 'text/html' })).toThrow('nested');
});

test.each(['text/markdown', 'text/html', 'text/plain'])(
  '%s of 1 MB is read once',
  (type) => {
    for (const line of ['# ', '| a ', '<p>&lt;', '`'.repeat(40), ' \t', 'a. ', '1. x\n', '&']) {
      divide(line.repeat(Math.floor(1_000_000 / line.length)), { type });
    }
  },
  60_000,
);

test('each line of many blocks of code is read once', () => {
  // to look at the lines before each block as well would take minutes
  const content = '```\n```\n'.repeat(400_000);
  expect(divide(content, { maxCharacters: 8_000 }).length).toBeLessThan(500);
}, 60_000);

test('code without a closing fence goes on to the end', () => {
  expect(divide('```\n# a\n~~~\n\nb')).toMatchObject([{ content: '```\n# a\n~~~\n\nb' }]);
});

test('each piece of CSV has whole rows below the header', () => {
  const content = 'name,note\r\npipe 5" wide,"two\r\n""quoted"" lines"\r\nnut,\n\nüber 🙂,x\n';
  const pieces = divide(content, { type: 'text/csv', maxCharacters: 40 });
  expect(pieces.map(({ content }) => content)).toEqual([
    'pipe 5" wide,"two\r\n""quoted"" lines"',
    'nut,\n\nüber 🙂,x',
  ]);
  for (const piece of pieces) {
    expect(piece.heading_path).toEqual(['name,note']);
    expect(pointedAt(content, piece)).toBe(piece.content);
  }
  const open = divide('a\n"never closed\nb\n'.repeat(100), { type: 'text/csv', maxCharacters: 60 });
  expect(open.every((piece) => piece.content.length <= 60)).toBe(true);
  expect(divide('only,a,header', { type: 'text/csv' })).toMatchObject([
    { content: 'only,a,header' },
  ]);
});
