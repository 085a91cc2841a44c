import { describe, expect, test } from 'vitest';
import { withOffload } from '../../../src/concurrency/offload.ts';
import type { JsonSchema } from '../../../src/json/json.ts';
import { schemaErrors } from '../../../src/runtime/environment/validate-json.ts';

const a = (times: number) => 'a'.repeat(times);
const nestedSchema = (depth: number): { x?: object } =>
  depth === 0 ? {} : { x: nestedSchema(depth - 1) };
const SLOW = [expect.stringContaining('takes too long to check')];

describe('a validation that does not terminate is aborted', () => {
  test.each<[string, JsonSchema, unknown]>([
    ['with a backtracking pattern', { type: 'string', pattern: '^(a+)+$' }, `${a(40)}!`],
    [
      'with a backtracking pattern behind a reference to an example',
      { $ref: '#/examples/0', examples: [{ pattern: '^(a+)+$' }] },
      `${a(40)}!`,
    ],
    [
      'with a backtracking pattern for property names',
      { patternProperties: { '^(a+)+$': {} } },
      { [`${a(40)}!`]: 1 },
    ],
    [
      'with references that double at each level',
      {
        $ref: '#/$defs/a',
        $defs: {
          a: {
            allOf: [
              { properties: { x: { $ref: '#/$defs/a' } } },
              { properties: { x: { $ref: '#/$defs/a' } } },
            ],
          },
        },
      },
      nestedSchema(60),
    ],
    [
      'with unique items that are compared pairwise',
      { uniqueItems: true },
      Array.from({ length: 20_000 }, (_, i) => ({ i })),
    ],
  ])('%s', (_, schema, value) => {
    expect(schemaErrors(schema, value as never)).toEqual(SLOW);
    // and the next value is validated
    expect(schemaErrors(schema, 'b')).toEqual(schemaErrors({ ...schema }, 'b'));
  });

  test('a schema that takes too long to compile is rejected, at once the next time', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, i) => [`p${i}`, { type: 'string', maxLength: i }]),
    );
    const schema = { type: 'object', properties };
    expect(() => schemaErrors(schema, {})).toThrow('takes too long to make ready');
    expect(() => schemaErrors(schema, {})).toThrow('takes too long to make ready');
  });
});

test('errors name the field, also with patterns and references', () => {
  const schema = {
    type: 'object',
    required: ['mail'],
    properties: { mail: { $ref: '#/$defs/mail' }, n: { type: 'integer' } },
    $defs: { mail: { type: 'string', format: 'email' } },
  };
  expect(schemaErrors(schema, { mail: 'ada@example.com', n: 1 })).toEqual([]);
  expect(schemaErrors(schema, { mail: 'ada', n: 'x' })).toEqual([
    'mail must match format "email"',
    'n must be integer',
  ]);
  expect(() => schemaErrors({ type: 'nothing' }, 1)).toThrow();
});

describe('validation within a run does not block the event loop', () => {
  /** Counts the turns of the event loop during `work`. */
  async function turnsDuring(work: Promise<unknown>): Promise<number> {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    await work;
    clearInterval(timer);
    return turns;
  }
  const patterns = (salt: string, most: number) => ({
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: most }, (_, i) => [`${salt}${i}`, { pattern: `^(a${i}|b)+$` }]),
    ),
  });
  const tenant = async (key: string, schema: JsonSchema, value: unknown) =>
    withOffload(key, undefined, () => schemaErrors(schema, value as never));

  test.each<[string, (nth: number) => JsonSchema, unknown, unknown]>([
    [
      'a pattern that backtracks',
      (nth) => ({ pattern: '^(([a-z])+.)+[A-Z]([a-z])+$', title: String(nth) }),
      `${a(40)}!`,
      SLOW,
    ],
    ['thousands of patterns', (nth) => patterns(`many${nth}_`, 200), {}, []],
  ])('for %s', async (name, schema, value, expected) => {
    const all = Promise.all(
      [1, 2, 3, 4].map((nth) => tenant(`${name} ${nth}`, schema(nth), value)),
    );
    // validation in this thread would allow none
    expect(await turnsDuring(all)).toBeGreaterThan(20);
    expect(await all).toEqual(Array(4).fill(expected));
  });

  test('and reuses a known result', async () => {
    const schema = { pattern: '^(b+)+$', title: 'once' };
    const value = `${'b'.repeat(40)}!`;
    expect(await tenant('first', schema, value)).toEqual(SLOW);
    const again = tenant('second', { ...schema }, value);
    expect(await turnsDuring(again)).toBeLessThan(5);
    expect(await again).toEqual(SLOW);
  });
});

test('reports only the first 20 errors', () => {
  const schema = { type: 'array', items: { type: 'string' } };
  expect(schemaErrors(schema, Array(1_000).fill(1))).toHaveLength(20);
});
