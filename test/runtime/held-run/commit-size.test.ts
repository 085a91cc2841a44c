import { describe, expect, test } from 'vitest';
import { MAX_COMMIT_BYTES, SizeLimitError } from '../../../src/contracts/size-limits.ts';
import type { Json } from '../../../src/json/json.ts';
import { parseJson } from '../../../src/json/parse-json.ts';
import { bytesOfCommit, LARGE_COMMIT_BYTES } from '../../../src/runtime/held-run/commit-size.ts';

const sizeOf = (output: Json): number =>
  bytesOfCommit({ id: '', fence: 1, after: 0, steps: [{ kind: 'tool', output }] });

describe('bytesOfCommit', () => {
  test.each<[string, Json, number]>([
    ['a text', 'x'.repeat(500), 500],
    ['a text of three bytes a character', '€'.repeat(500), 1500],
    ['an emoji', '🙂', 4],
    ['members', { one: ['x', { two: 'y' }], three: null }, 20],
    ['a number that JavaScript cannot hold', parseJson('[1915883588174806058]'), 8],
  ])('is no less than %s, and small', (_, output, bytes) => {
    const size = sizeOf(output);
    expect(size).toBeGreaterThanOrEqual(bytes);
    expect(size).toBeLessThan(bytes * 3 + 200);
  });

  test('counts exactly what may be large', () => {
    const ascii = sizeOf('x'.repeat(LARGE_COMMIT_BYTES / 2));
    expect(ascii).toBeGreaterThan(LARGE_COMMIT_BYTES / 2);
    expect(ascii).toBeLessThan(LARGE_COMMIT_BYTES / 2 + 100);
    expect(sizeOf('€'.repeat(LARGE_COMMIT_BYTES / 2))).toBeGreaterThan(LARGE_COMMIT_BYTES);
    const many = sizeOf(Array.from({ length: LARGE_COMMIT_BYTES / 8 }, () => 1));
    expect(many).toBeGreaterThan(LARGE_COMMIT_BYTES);
  });

  test('refuses a commit that is too large', () => {
    const part = 'x'.repeat(MAX_COMMIT_BYTES / 4);
    expect(() => sizeOf([part, part, part, part, part])).toThrow(SizeLimitError);
  });
});
