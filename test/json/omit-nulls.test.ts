import { expect, test } from 'vitest';
import { z } from 'zod';
import { omitNulls } from '../../src/json/omit-nulls.ts';

const item = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('a'), x: z.string().optional() }),
  z.object({ kind: z.literal('b'), x: z.string().nullish() }),
]);
const schema = z.object({ items: z.array(item).max(2), more: z.array(item).optional() });

test('a null is left out where its alternative accepts none', () => {
  const items = [
    { kind: 'a', x: null },
    { kind: 'b', x: null },
  ];
  expect(omitNulls(schema, { items })).toEqual({ items: [{ kind: 'a' }, { kind: 'b', x: null }] });
});

test('a value without nulls is the same', () => {
  const value = { items: [{ kind: 'a', x: 'y' }] };
  expect(omitNulls(schema, value)).toBe(value);
});

test('lists that will be refused for their length are not read', () => {
  const long = Array.from({ length: 3 }, () => ({ kind: 'a', x: null }));
  const read = (most?: number) => omitNulls(schema, { items: long, more: long }, most) as never;
  expect(read()).toEqual({ items: long, more: [{ kind: 'a' }, { kind: 'a' }, { kind: 'a' }] });
  expect(read(2)).toEqual({ items: long, more: long });
});
