import { expect, test } from 'vitest';
import { z } from 'zod';
import { jsonRecord } from '../../src/json/json-record.ts';

const sent = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "prototype": 3, "b": 4}');

test.each([
  ['plain', jsonRecord(z.unknown())],
  ['optional', jsonRecord(z.unknown()).optional()],
  ['described', jsonRecord(z.unknown()).describe('Any object')],
  ['in an object', z.strictObject({ in: jsonRecord(z.unknown()) }).shape.in],
])('an object keeps the names of JavaScript: %s', (_what, schema) => {
  const parsed = schema.parse(sent);
  expect(JSON.parse(JSON.stringify(parsed))).toEqual(sent);
  expect(Object.keys(parsed as object).toSorted()).toEqual(Object.keys(sent).toSorted());
  expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
});

test('the value of __proto__ has the schema of the values', () => {
  const { error } = jsonRecord(z.string()).safeParse(JSON.parse('{"a":"b","__proto__":1}'));
  expect(error?.issues).toMatchObject([{ code: 'invalid_type', path: ['__proto__'] }]);
});

test.each([[[]], [null], ['text'], [1]])('%j is no object', (value) => {
  expect(jsonRecord(z.unknown()).safeParse(value).success).toBe(false);
});
