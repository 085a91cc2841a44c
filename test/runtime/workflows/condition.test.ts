import { describe, expect, test } from 'vitest';
import { withOffload } from '../../../src/concurrency/offload.ts';
import { areConditionsTrue, isConditionTrue } from '../../../src/runtime/teams/condition.ts';
import type { MemberTask } from '../../../src/runtime/teams/tasks.ts';

const taskWith = (output: string, data: unknown = null) => ({ output, data }) as MemberTask;

const decide = async (...args: Parameters<typeof isConditionTrue>) =>
  withOffload('a tenant', undefined, () => isConditionTrue(...args));

describe('a condition', () => {
  test.each([
    ["output == 'red'", true],
    ["output.matches('^r[a-z]+$')", true],
    ['data.exists(one, one > 2)', true],
    ["member == 'other'", false],
  ])('%s is %s', async (condition, value) => {
    expect(await decide(condition, taskWith('red', [1, 2, 3]), 'painter')).toEqual({
      ok: true,
      value,
    });
  });

  test('that is a text ends the list of conditions, however many texts follow', async () => {
    const task = taskWith('x'.repeat(900_000));
    const conditions = Array.from({ length: 50 }, (_, n) => `output.split("y").join("${n}")`);
    const verdicts = await withOffload('a tenant', undefined, () =>
      areConditionsTrue(conditions, task, 'painter'),
    );
    expect(verdicts).toEqual([
      { ok: false, message: expect.stringContaining('string instead of a boolean') },
    ]);
  });

  // conditions are written by users, and a slow one would block the process for everyone
  test.each([
    ['a backtracking pattern', "output.matches('^(a+)+$')", `${'a'.repeat(60)}!`],
    ['nested lists', 'data.all(a, data.all(b, data.all(c, data.all(d, data.all(e, a > 0)))))', ''],
  ])('is aborted when it takes too long: %s', async (_what, condition, output) => {
    const data = Array.from({ length: 300 }, () => 1);
    expect(await decide(condition, taskWith(output, data), 'painter')).toEqual({
      ok: false,
      message: `the condition ${condition} cannot be evaluated: it takes too long`,
    });
    expect(isConditionTrue("output == ''", taskWith(''), 'painter')).toEqual({
      ok: true,
      value: true,
    });
  });
});
