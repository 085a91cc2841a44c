import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { makeTenant, one, refusal } from '../support.ts';

// Graders that look at the answer, the calls or the figures of a run, as functions of SQL.

const db = testDatabase();

/** Grades a value. Returns the score. */
async function score(
  kind: string,
  actual: unknown,
  expected: unknown,
  configuration: object = {},
): Promise<number> {
  const { grade } = await one<{ grade: { score: number } }>(
    db.pool,
    `select howdah_private.grade_${kind}($1, $2, $3) as grade`,
    [actual, expected, configuration].map((value) => JSON.stringify(value)),
  );
  return grade.score;
}

describe('answers', () => {
  test.each([
    ['exact', 'Paris', 'Paris', {}, 1],
    ['exact', 'paris', 'Paris', {}, 0],
    ['exact', '{"a": 1.0, "b": 2}', { b: 2, a: 1 }, {}, 1],
    ['exact', { a: 1 }, { a: 2 }, {}, 0],
    ['exact', null, 'Paris', {}, 0],
    ['exact', 'Paris', null, {}, 0],
    ['normalized', ' The  Answer: PARIS! ', 'the answer: paris', {}, 1],
    ['normalized', 'Ｐａｒｉｓ', 'paris', {}, 1],
    ['normalized', 'Paris', 'paris', { case: true }, 0],
    ['normalized', 'Paris!', 'paris', { punctuation: true }, 0],
    ['normalized', '(Paris).', '"Paris"', {}, 1],
    ['normalized', '-5', '5', {}, 0],
    ['normalized', '.5', '5', {}, 0],
    ['normalized', 'C++', 'C', {}, 0],
    ['normalized', '100 %', '100', {}, 0],
    ['normalized', '!', '?', {}, 0],
    ['normalized', '', '', {}, 1],
    ['regex', 'order 4711', null, { pattern: '\\m[0-9]{4}\\M' }, 1],
    ['regex', 'ORDER', 'order', {}, 0],
    ['regex', 'ORDER', 'order', { ignore_case: true }, 1],
    ['json_schema', '```json\n{"n": 1}\n```', null, { schema: { required: ['n'] } }, 1],
    ['json_schema', { n: 'x' }, { properties: { n: { type: 'number' } } }, {}, 0],
    ['json_schema', 'no JSON', null, { schema: {} }, 0],
    ['json_schema', { n: 1 }, null, {}, 0],
    ['json_schema', { n: 1 }, 'object', {}, 0],
    ['json_schema', { n: 1 }, true, {}, 1],
    ['json_schema', { n: 1 }, false, {}, 0],
    ['json_fields', {}, {}, { fields: ['a'] }, 0],
    ['json_fields', { a: null }, { a: null }, { fields: ['a', 'b'] }, 0.5],
    ['json_fields', { a: 1, b: 2 }, { a: 1, b: 3 }, {}, 0.5],
    ['json_fields', { a: { b: 1.02 }, c: 9 }, { a: { b: 1 } }, { fields: ['a.b'] }, 0],
    ['json_fields', { a: { b: 1.02 } }, { a: { b: 1 } }, { fields: ['a.b'], tolerance: 0.1 }, 1],
    ['json_fields', { a: 1 }, 'a', {}, 0],
    ['numeric', 'It costs 1,250.50 in all.', 1250.5, {}, 1],
    ['numeric', '12.4', 12, { tolerance: 0.5 }, 1],
    ['numeric', 110, 100, { relative: 0.1 }, 1],
    ['numeric', 111, 100, { relative: 0.1 }, 0],
    ['numeric', 'from 3 to 4', 4, {}, 0],
    ['numeric', '9007199254740993', '9007199254740992', {}, 0],
    ['at_most', 0.2, null, { max: 0.2 }, 1],
    ['at_most', null, null, { max: 1 }, 0],
  ])('%s of %j by %j with %j is %d', async (kind, actual, expected, configuration, wanted) => {
    expect(await score(kind, actual, expected, configuration)).toBe(wanted);
  });
});

describe('trajectories', () => {
  const calls = [
    { name: 'find_order', arguments: { id: 7 } },
    { name: 'find_user', arguments: { id: 1 } },
    { name: 'refund', arguments: { order: 7, amount: 20.0 } },
  ];
  test.each([
    [['find_order', 'refund'], {}, 1],
    [['refund', 'find_order'], {}, 0.5],
    [['refund', 'find_order'], { match: 'any_order' }, 1],
    [['find_order', 'refund'], { match: 'exact' }, 0],
    [['find_order', 'find_user', 'refund'], { match: 'exact' }, 1],
    [['refund'], { match: 'exact', tools: ['refund'] }, 1],
    [[{ name: 'refund', arguments: { amount: 20, order: 7 } }], {}, 1],
    [[{ name: 'refund', arguments: { order: 7 } }], {}, 0],
    [[{ name: 'refund', arguments: { order: 7 } }], { arguments: 'contains' }, 1],
    [[{ name: 'refund', arguments: { order: 8 } }], { arguments: 'ignore' }, 1],
    [['refund', 'refund'], {}, 0.5],
    [[], {}, 0],
    [[], { match: 'any_order' }, 0],
    [['find_order'], { tools: ['cancel'] }, 1],
    [['find_order'], { tools: ['refund'] }, 0],
    [['find_order'], { tools: ['cancel'], match: 'exact' }, 1],
    [[], { match: 'exact' }, 0],
    [[], { forbidden: ['cancel'] }, 1],
    [[], { forbidden: ['refund'] }, 0],
    [['find_order'], { forbidden: ['cancel'] }, 1],
    ['refund', {}, 0],
    ['an answer', { forbidden: ['cancel'] }, 1],
    [null, { calls: ['refund'] }, 1],
  ])('%j with %j is %d', async (expected, configuration, wanted) => {
    expect(await score('trajectory', calls, expected, configuration)).toBe(wanted);
  });

  test('in any order match as many calls as can be matched', async () => {
    const configuration = { match: 'any_order', arguments: 'contains' };
    const call = (...names: string[]) => ({
      name: 'f',
      arguments: Object.fromEntries(names.map((name) => [name, 1])),
    });
    // the first expected call may be each of the calls, the others may not
    const chain = [call('a'), call('a', 'b'), call('a', 'b', 'c')];
    for (const actual of [chain, chain.toReversed(), [chain[1], chain[2], chain[0]]]) {
      expect(await score('trajectory', actual, chain, configuration)).toBe(1);
      expect(await score('trajectory', actual, chain.toReversed(), configuration)).toBe(1);
      expect(await score('trajectory', actual, ['f', ...chain], configuration)).toBe(0.75);
    }
    expect(await score('trajectory', [chain[2]], [chain[0], chain[1]], configuration)).toBe(0.5);
    expect(
      await score('trajectory', [call('a', 'b'), call('a', 'c')], [call('a'), call('b')], {
        ...configuration,
      }),
    ).toBe(1);
  });
});

describe('a grader is refused', () => {
  test.each([
    ['similarity', { minimum: 0.8 }, 'configuration'],
    ['citation', { documents: [] }, 'configuration'],
    ['rubric', {}, 'configuration'],
    ['numeric', { tolerance: -1 }, 'configuration'],
    ['exact', { tolerance: 1 }, 'configuration'],
    ['regex', { pattern: '(' }, 'configuration.pattern'],
    ['sql', {}, 'configuration'],
    ['latency', {}, 'configuration'],
    ['json_schema', { schema: { type: 'nothing' } }, 'configuration.schema'],
  ])('of kind %s with %j', async (kind, configuration, field) => {
    const tenant = await makeTenant(db.pool);
    const { code, fields, hint } = await refusal(
      db.pool.query(
        `insert into howdah.graders (tenant_id, name, kind, configuration)
         values ($1, 'grader', $2, $3)`,
        [tenant, kind, configuration],
      ),
    );
    expect({ code, field: fields?.field }).toEqual({ code: 'HWINV', field });
    expect(hint).toBeTruthy();
  });
});
