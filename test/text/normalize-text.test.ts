import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { embedText } from '../../src/providers/local/embed.ts';
import { contentStems } from '../../src/providers/local/words.ts';
import { normalizeText } from '../../src/text/normalize-text.ts';

/** Runs of marks that are sorted. The letters are halfwidth sound marks of Katakana. */
const HOSTILE = ['\u0301\u0316', '\uFF9E\u0316', '\u0344\u0F73', '\u{1D165}\u{1D16E}'];

test('text as people write it is normalized as usual', () => {
  const texts = fc.string({ unit: 'grapheme' });
  for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD'] as const) {
    fc.assert(
      fc.property(texts, (text) => normalizeText(text, form) === text.normalize(form)),
      { numRuns: 100 },
    );
  }
});

test('a run of up to 30 marks is unchanged, of a longer one the first 30 stay', () => {
  const run = `e${'\u0316'.repeat(30)}`;
  expect(normalizeText(run, 'NFKD')).toBe(run);
  expect(normalizeText(`${run}\u0316\u0301x${run}\u0301`, 'NFKD')).toBe(`${run}x${run}`);
});

test('every character that is sorted counts as a mark', () => {
  const uncounted: string[] = [];
  for (let code = 1; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code);
    // U+0345 has the highest class, so every other mark moves before it.
    const isSorted = !`\u0345${character}`.normalize('NFKD').startsWith('\u0345');
    const normalized = (count: number) => normalizeText(character.repeat(count), 'NFKD');
    if (isSorted && normalized(31) !== normalized(30)) {
      uncounted.push(code.toString(16));
    }
  }
  expect(uncounted).toEqual([]);
});

test('a long run of marks never reaches the built-in function', () => {
  const normalize = vi.spyOn(String.prototype, 'normalize');
  onTestFinished(() => normalize.mockRestore());
  for (const marks of HOSTILE) {
    normalize.mockClear();
    const text = `e${marks.repeat(50_000)} word`;
    normalizeText(text, 'NFKD');
    contentStems(text);
    embedText(text);
    const lengths = normalize.mock.contexts.map((normalized) => `${normalized}`.length);
    expect(lengths.length).toBe(3);
    expect(Math.max(...lengths)).toBeLessThan(100);
  }
});
