import { describe, expect, test } from 'vitest';
import type { JsonSchema } from '../../src/contracts/json.ts';
import { faultsOf } from '../../src/runtime/json-schema.ts';

const a = (times: number) => 'a'.repeat(times);
const nested = (depth: number): { x?: object } => (depth === 0 ? {} : { x: nested(depth - 1) });
const SLOW = [expect.stringContaining('takes too long to check')];

describe('a check that would not end is ended', () => {
  test.each<[string, JsonSchema, unknown]>([
    ['a pattern', { type: 'string', pattern: '^(a+)+$' }, `${a(40)}!`],
    [
      'a pattern among examples that is referred to',
      { $ref: '#/examples/0', examples: [{ pattern: '^(a+)+$' }] },
      `${a(40)}!`,
    ],
    ['names by pattern', { patternProperties: { '^(a+)+$': {} } }, { [`${a(40)}!`]: 1 }],
    [
      'references that double',
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
      nested(60),
    ],
    [
      'items of which each is compared with each',
      { uniqueItems: true },
      Array.from({ length: 20_000 }, (_, i) => ({ i })),
    ],
  ])('%s', (_, schema, value) => {
    expect(faultsOf(schema, value as never)).toEqual(SLOW);
    expect(faultsOf(schema, 'b')).toEqual(faultsOf({ ...schema }, 'b')); // and the next one is checked
  });

  test('and what takes too long to make ready is no schema, told at once the next time', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, i) => [`p${i}`, { type: 'string', maxLength: i }]),
    );
    const schema = { type: 'object', properties };
    expect(() => faultsOf(schema, {})).toThrow('takes too long to make ready');
    expect(() => faultsOf(schema, {})).toThrow('takes too long to make ready');
  });
});

test('faults name the field, with patterns and references too', () => {
  const schema = {
    type: 'object',
    required: ['mail'],
    properties: { mail: { $ref: '#/$defs/mail' }, n: { type: 'integer' } },
    $defs: { mail: { type: 'string', format: 'email' } },
  };
  expect(faultsOf(schema, { mail: 'ada@example.com', n: 1 })).toEqual([]);
  expect(faultsOf(schema, { mail: 'ada', n: 'x' })).toEqual([
    'mail must match format "email"',
    'n must be integer',
  ]);
  expect(() => faultsOf({ type: 'nothing' }, 1)).toThrow();
});
