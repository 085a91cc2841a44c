import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  firstBytes,
  firstCharacters,
  lastCharacters,
  truncate,
  truncateToFit,
} from '../../src/text/truncate.ts';
import { truncateMiddle } from '../../src/text/truncate-middle.ts';

test('a text within its limit is unchanged', () => {
  expect(truncate('abc', 3)).toBe('abc');
  expect(truncateToFit('abc', 3)).toBe('abc');
  expect(firstBytes('äbc', 4)).toBe('äbc');
});

test('a longer text ends with an ellipsis, besides the limit or within it', () => {
  expect(truncate('abcd', 3)).toBe('abc…');
  expect(truncateToFit('abcd', 3)).toBe('ab…');
});

test('bytes are counted in UTF-8, and no character is split', () => {
  expect(firstBytes('äöü', 4)).toBe('äö');
  expect(firstBytes('äöü', 3)).toBe('ä');
  expect(firstBytes('a😀', 4)).toBe('a');
});

test('no cut leaves half a character', () => {
  const texts = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(texts, fc.nat(40), (text, limit) => {
      const cuts = [
        ...[truncate(text, limit), truncateToFit(text, limit + 1), truncateMiddle(text, limit)],
        ...[firstCharacters(text, limit), lastCharacters(text, limit), firstBytes(text, limit)],
      ];
      for (const cut of cuts) expect(cut.isWellFormed()).toBe(true);
      expect(truncate(text, limit).length).toBeLessThanOrEqual(limit + 1);
      expect(truncateToFit(text, limit + 1).length).toBeLessThanOrEqual(limit + 1);
      expect(Buffer.byteLength(firstBytes(text, limit))).toBeLessThanOrEqual(limit);
      expect(text.startsWith(firstCharacters(text, limit))).toBe(true);
      expect(text.endsWith(lastCharacters(text, limit))).toBe(true);
    }),
  );
});
