import { describe, expect, test } from 'vitest';
import {
  cosine,
  memberDescriptions,
  similarity,
} from '../../../src/runtime/model-calls/text-similarity.ts';

describe('cosine similarity', () => {
  test.each([
    [[1, 0], [1, 0], 1],
    [[1, 0], [5, 0], 1],
    [[1, 0], [0, 1], 0],
    [[1, 0], [-2, 0], -1],
    [[5, 12], [12, 5], 0.710059],
    [[3, 4], [4, 3], 0.96],
    [[0, 0], [1, 0], 0],
    [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], 1],
    [[1e200, 0], [1e200, 0], 0],
  ])('of %j and %j is %d', (a, b, expected) => {
    expect(cosine(a, b)).toBe(expected);
    expect(cosine(b, a)).toBe(expected);
  });
});

describe('similarity', () => {
  test('is computed between each member and the task, in order of the members', () => {
    const vectors = [
      [1, 0],
      [0, 1],
      [1, 0],
    ];
    expect(similarity(['a', 'b'], vectors)).toEqual({
      dimensions: 2,
      scores: [
        { member: 'a', score: 0 },
        { member: 'b', score: 1 },
      ],
    });
  });

  test.each([
    ['of different lengths', [[1, 0], [1]]],
    ['too few', [[1, 0]]],
    ['too many', [[1], [1], [1]]],
    ['empty', [[], []]],
    ['missing', []],
  ])('is undefined for vectors that are %s', (_what, vectors) => {
    expect(similarity(['a'], vectors)).toBeUndefined();
  });
});

test('a member is described by its name, description, capabilities and domain', () => {
  const member = { name: 'analyst', agent_id: 'a', configuration: {} };
  expect(memberDescriptions(member)).toBe('analyst');
  const more = { description: 'Knows figures.', capabilities: ['sql', 'csv'], domain: 'finance' };
  expect(memberDescriptions({ ...member, ...more })).toBe('analyst Knows figures. sql csv finance');
});
