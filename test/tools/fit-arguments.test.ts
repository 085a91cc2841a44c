import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonSchema } from '../../src/json/json.ts';
import { fitArguments } from '../../src/tools/fit-arguments.ts';
import { parseArguments } from '../../src/tools/parse-arguments.ts';

const schema: JsonSchema = {
  type: 'object',
  required: ['a'],
  properties: {
    a: { type: 'string' },
    b: { type: 'integer' },
    maybe: { type: ['string', 'null'] },
    open: { type: 'string', nullable: true },
    any: {},
    item: {
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'integer' }, note: { type: 'string' } },
    },
    list: { type: 'array', items: { type: 'integer' } },
    text: { type: ['string', 'object'] },
  },
};

describe('arguments as models write them', () => {
  test.each<[string, JsonObject, JsonObject]>([
    [
      'null for what is not required',
      { a: 'x', b: null, unknown: null },
      { a: 'x', unknown: null },
    ],
    ['null for what is required', { a: null }, { a: null }],
    [
      'null where the schema accepts it',
      { maybe: null, open: null, any: null },
      { maybe: null, open: null, any: null },
    ],
    ['null within an object', { item: { id: 1, note: null } }, { item: { id: 1 } }],
    ['digits', { b: '7', a: '7' }, { b: 7, a: '7' }],
    ['no digits', { b: 'seven' }, { b: 'seven' }],
    ['an object as text', { item: '{"id":"7","note":null}' }, { item: { id: 7 } }],
    ['a list as text', { list: '["1", 2]' }, { list: [1, 2] }],
    ['a list where an object is wanted', { item: '[1]' }, { item: '[1]' }],
    ['a text that may be one', { text: '{"id":7}' }, { text: '{"id":7}' }],
    ['broken JSON', { item: '{"id":' }, { item: '{"id":' }],
  ])('%s', (_, args, expected) => {
    expect(fitArguments(schema, args)).toEqual(expected);
  });

  test('all of them as a text of JSON', () => {
    expect(parseArguments('"{\\"a\\":1}"')).toEqual({ ok: true, value: { a: 1 } });
    expect(parseArguments('"a"')).toMatchObject({
      ok: false,
      error: { code: 'invalid_arguments' },
    });
  });

  test.each([100, 20_000])('with more than %i levels are refused', (levels) => {
    const text = `{"note":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    expect(parseArguments(text)).toMatchObject({
      ok: false,
      error: { code: 'invalid_arguments', message: expect.stringContaining('100 levels') },
    });
  });

  test('with many levels are accepted', () => {
    expect(parseArguments(`{"note":${'['.repeat(90)}${']'.repeat(90)}}`).ok).toBe(true);
  });
});
