// biome-ignore-all lint/suspicious/noThenProperty: a keyword of JSON Schema
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Json, JsonSchema } from '../../../src/json/json.ts';
import { schemaErrors } from '../../../src/runtime/environment/validate-json.ts';
import { testDatabase } from '../../support/database.ts';
import { countRows } from '../../support/work/count-rows.ts';
import { all, one, rolledBack } from '../support.ts';
import { pairs } from './random-schemas.ts';
import { FORMATS, KEYWORDS, PATTERNS, type Verdicts } from './schema-cases.ts';

const db = testDatabase();

/** Returns the faults of pairs of schema and value, which are JSON texts, by one statement. */
async function faultsIn(of: { schema: string; value: string }[]): Promise<string[][]> {
  const rows = await all(
    db.pool,
    `select howdah_private.json_faults(p.schema, p.value) as faults
     from unnest($1::jsonb[], $2::jsonb[]) with ordinality as p (schema, value, place) order by p.place`,
    [of.map(({ schema }) => schema), of.map(({ value }) => value)],
  );
  return rows.map(({ faults }) => faults);
}

const faults = async (schema: unknown, value: unknown) =>
  (await faultsIn([{ schema: JSON.stringify(schema), value: JSON.stringify(value) }]))[0];

/** Checks that SQL accepts the fitting values and rejects the others. */
async function expectVerdicts([schema, fitting, faulty]: Verdicts) {
  const values = [...fitting, ...faulty];
  const said = await faultsIn(
    values.map((value) => ({ schema: JSON.stringify(schema), value: JSON.stringify(value) })),
  );
  const fits = values.filter((_, index) => said[index]?.length === 0);
  expect({ schema, fits }).toEqual({ schema, fits: fitting });
}

describe.each(Object.entries(KEYWORDS))('%s', (_, cases) => {
  test.each(cases.map((one) => ({ one, name: JSON.stringify(one[0]) })))('$name', ({ one }) =>
    expectVerdicts(one),
  );
});

describe('format', () => {
  test.each(FORMATS)('%s', (format, fitting, faulty) =>
    expectVerdicts([{ format }, [1, null, ...fitting], faulty]),
  );
});

describe('pattern', () => {
  test.each(PATTERNS)('%s', (pattern, fitting, faulty) =>
    expectVerdicts([{ pattern }, fitting, faulty]),
  );

  test.each(['(', '[z-a]', '\\p{Script=Greek}', '[]', 'a{1,300}', '\\ud83d', '***:a', '(?i)a'])(
    '%s, which Postgres does not support, accepts any value',
    (pattern) => expectVerdicts([{ pattern }, ['', 'x', 'a'], []]),
  );

  test('a pattern that exceeds the memory limit of Postgres is not an error', () =>
    expectVerdicts([{ pattern: '(a{1,200}){1,200}' }, ['a'.repeat(500)], []]));

  test('an unsupported patternProperties pattern makes no property additional', () =>
    expectVerdicts([
      { patternProperties: { '(': false }, properties: { a: true }, additionalProperties: false },
      [{ a: 1 }, { b: 1 }],
      [],
    ]));
});

describe('numbers', () => {
  const large = '123456789012345678901234567890';
  test.each([
    ['{"type":"integer"}', ['1.0', '1e3', large, '-0.0'], ['1.5', '1e-3']],
    ['{"const":1}', ['1.0', '1e0'], ['1.0000000000000000000001']],
    ['{"enum":[{"a":[1]}]}', ['{"a":[1.0]}'], ['{"a":[1.1]}']],
    ['{"uniqueItems":true}', ['[1,"1",true,[1]]'], ['[1,1.0]', '[{"a":1,"b":2},{"b":2.0,"a":1}]']],
    [`{"maximum":${large}}`, [large], ['123456789012345678901234567891']],
    ['{"multipleOf":0.01}', ['19.99', '0.07', '4.35'], ['0.075']],
    ['{"multipleOf":1e-8}', ['12391239123'], []],
    ['{"multipleOf":0.123456789}', ['0'], ['1e308']],
  ])('%s is compared exactly', async (schema, fitting, faulty) => {
    const values = [...fitting, ...faulty];
    const said = await faultsIn(values.map((value) => ({ schema, value })));
    expect(values.filter((_, index) => said[index]?.length === 0)).toEqual(fitting);
  });
});

describe('messages', () => {
  const person = {
    type: 'object',
    required: ['name', 'address'],
    properties: {
      name: { type: 'string', minLength: 2 },
      age: { type: 'integer', minimum: 18 },
      color: { enum: ['red', 'green'] },
      address: { type: 'object', required: ['city'], properties: { zip: { pattern: '^[0-9]+$' } } },
      tags: { items: { type: ['string', 'null'] }, maxItems: 2, uniqueItems: true },
    },
    additionalProperties: false,
  };
  test.each<[unknown, unknown, string[]]>([
    [person, { address: { city: 'Rome' } }, ['name is missing']],
    [person, { name: 'Ann', address: {} }, ['address.city is missing']],
    [
      person,
      { name: 'A', age: 17, address: { city: '', zip: 'x' } },
      [
        'age must be at least 18',
        'name must have at least 2 characters, and has 1',
        'address.zip must match the pattern ^[0-9]+$',
      ],
    ],
    [
      person,
      { name: 'Ann', address: { city: '' }, color: 'blue' },
      ['color must be one of red, green'],
    ],
    [person, { name: 'Ann', address: { city: '' }, nick: 1 }, ['nick is not allowed']],
    [
      person,
      { name: 'Ann', address: { city: '' }, tags: ['a', 'a', 1] },
      [
        'tags must have at most 2 items, and has 3',
        'tags must not repeat an item: a occurs 2 times',
        'tags[2] must be a string or null, not 1',
      ],
    ],
    [person, [], ['the value must be an object, not an array']],
    [{ type: 'boolean' }, 'yes', ['the value must be true or false, not a string']],
    [{ const: 'a, b' }, 1, ['the value must be "a, b"']],
    [{ items: { exclusiveMaximum: 3 } }, [3], ['[0] must be less than 3']],
    [{ properties: { 'a.b': false } }, { 'a.b': 1 }, ['["a.b"] is not allowed']],
    [{ properties: { '': false } }, { '': 1 }, ['[""] is not allowed']],
    [{ minProperties: 1 }, {}, ['the value must have at least 1 property, and has 0']],
    [
      { properties: { o: { propertyNames: { maxLength: 1 } } } },
      { o: { ab: 1 } },
      ['the name "ab" in o must have at most 1 character, and has 2'],
    ],
    [
      { dependentRequired: { card: ['zip'] } },
      { card: 1 },
      ['zip is missing, which card requires'],
    ],
    [
      { properties: { n: { anyOf: [{ type: 'string' }, { type: 'null' }] } } },
      { n: 1 },
      ['n must be a string, not 1, or n must be null, not 1'],
    ],
    [
      { oneOf: [{ minimum: 1 }, { minimum: 2 }] },
      3,
      ['the value must fit exactly one of 2 forms, and fits 2'],
    ],
    [{ not: { const: 1 } }, 1, ['the value must not fit {"const": 1}']],
    [
      { contains: { const: 1 }, minContains: 2 },
      [1],
      ['the value must contain at least 2 items that fit {"const": 1}, and contains 1'],
    ],
    [{ format: 'email' }, 'x', ['the value must be an e-mail address']],
    [{ minimum: 1, allOf: [{ minimum: 1 }] }, 0, ['the value must be at least 1']],
  ])('%j reports for %j: %j', async (schema, value, sentences) => {
    expect(await faults(schema, value)).toEqual(sentences);
  });

  test('are limited to 20', async () => {
    expect(await faults({ items: false }, Array(100).fill(1))).toHaveLength(20);
    expect(await faults({ required: Array.from({ length: 50 }, (_, n) => `f${n}`) }, {})).toEqual(
      Array.from({ length: 20 }, (_, n) => `f${n} is missing`),
    );
  });

  test('report a missing value; without a schema any value is valid', async () => {
    expect(
      await one(
        db.pool,
        `select howdah_private.json_faults('{}', null) as no_value, howdah_private.json_faults(null, '1') as no_schema`,
      ),
    ).toEqual({ no_value: ['the value is missing'], no_schema: [] });
  });
});

describe('a schema with endless recursion', () => {
  const unchecked = [expect.stringContaining('cannot be checked')];
  test.each([
    { $ref: '#' },
    { not: { $ref: '#' } },
    { if: { $ref: '#' }, then: true, else: true },
    { allOf: [{ $ref: '#' }, { $ref: '#' }] },
    { anyOf: [true, { not: { oneOf: [{ $ref: '#' }, { $ref: '#' }] } }], allOf: [{ $ref: '#' }] },
    { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
  ])('%j rejects every value', async (schema) => {
    expect(await faults(schema, 1)).toEqual(unchecked);
  });

  test('exponential expansion ends soon and rejects every value', async () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 60 }, (_, n) => [
        `d${n}`,
        { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
      ]),
    );
    const schema = { $ref: '#/$defs/d0', $defs: { ...$defs, d60: true } };
    expect(await faults(schema, 1)).toEqual(unchecked);
  });

  test('is accepted if each level descends into the value', async () => {
    const tree = { additionalProperties: false, properties: { left: { $ref: '#' } } };
    const nest = (depth: number, leaf: Json): Json =>
      depth === 0 ? leaf : { left: nest(depth - 1, leaf) };
    expect(await faults(tree, nest(64, {}))).toEqual([]);
    expect(await faults(tree, nest(64, { right: 1 }))).toEqual([
      `${'left.'.repeat(64)}right is not allowed`,
    ]);
  });
});

describe('unsupported_schema_keyword', () => {
  test.each<[unknown, string | null]>([
    [true, null],
    [{ $id: 'https://example.com/a', $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }, null],
    [{ unevaluatedProperties: true, unknown: { $dynamicRef: '#a' } }, null],
    [{ enum: [{ $ref: 'x' }], const: { $ref: 'x' }, default: { $ref: 'x' } }, null],
    [{ properties: { $ref: { type: 'string' }, unevaluatedItems: false } }, null],
    [{ dependencies: { a: ['b'], c: { minProperties: 2 } } }, null],
    [{ unevaluatedProperties: false }, 'unevaluatedProperties'],
    [{ properties: { a: { unevaluatedItems: {} } } }, 'properties.a.unevaluatedItems'],
    [{ anyOf: [true, { not: { $dynamicRef: '#a' } }] }, 'anyOf[1].not.$dynamicRef'],
    [{ items: { $recursiveRef: '#' } }, 'items.$recursiveRef'],
    [{ items: [{ $ref: '#a' }] }, 'items[0].$ref'],
    [{ dependencies: { a: { $ref: 'b' } } }, 'dependencies.a.$ref'],
    [{ dependencies: ['a'] }, 'dependencies'],
    [{ not: { dependencies: { a: { allOf: 1 } } } }, 'not.dependencies'],
    [{ $ref: 'https://json-schema.org/draft/2020-12/schema' }, '$ref'],
    [{ $ref: '#/$defs/nowhere' }, '$ref'],
    [{ $ref: '#/enum', enum: [1] }, '$ref'],
    [{ $ref: '#/%ff' }, '$ref'],
    [{ $defs: { a: { $id: 'b' } } }, '$defs.a.$id'],
  ])('for %j returns %s', async (schema, path) => {
    expect(
      await one(db.pool, 'select howdah_private.unsupported_schema_keyword($1) as path', [
        JSON.stringify(schema),
      ]),
    ).toEqual({ path });
  });
});

test('ajv, which validates agent output, agrees on every value', async () => {
  const drawn = pairs(150, 6);
  const said = await faultsIn(
    drawn.map(({ schema, value }) => ({
      schema: JSON.stringify(schema),
      value: JSON.stringify(value),
    })),
  );
  const verdicts = drawn.map(({ schema, value }, index) => ({
    schema,
    value,
    sql: said[index]?.length === 0,
    ajv: schemaErrors(schema as JsonSchema, value as Json).length === 0,
  }));
  expect(verdicts.filter(({ sql, ajv }) => sql !== ajv)).toEqual([]);
  const fitting = verdicts.filter(({ ajv }) => ajv).length;
  expect(fitting).toBeGreaterThan(verdicts.length / 5);
  expect(fitting).toBeLessThan((verdicts.length * 4) / 5);
});

test('a form with ten fields is checked with few rows', async () => {
  const text = { type: 'string', minLength: 1, maxLength: 80 };
  const schema = {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'email', 'age'],
    properties: {
      name: text,
      email: { type: 'string', format: 'email' },
      age: { type: 'integer', minimum: 18, maximum: 120 },
      color: { enum: ['red', 'green', 'blue'] },
      born: { type: 'string', format: 'date' },
      zip: { type: 'string', pattern: '^[0-9]{5}(-[0-9]{4})?$' },
      agreed: { const: true },
      note: { anyOf: [text, { type: 'null' }] },
      tags: { type: 'array', items: text, maxItems: 5, uniqueItems: true },
      address: { type: 'object', required: ['city'], properties: { city: text, street: text } },
    },
  };
  const value = {
    name: 'Ann',
    email: 'ann@example.com',
    age: 44,
    color: 'red',
    born: '1980-02-29',
    zip: '12345',
    agreed: true,
    note: null,
    tags: ['a', 'b'],
    address: { city: 'Rome', street: 'Via Appia 1' },
  };
  await rolledBack(db.pool, async (client) => {
    const check = 'select howdah_private.json_faults($1::jsonb, $2::jsonb) as faults';
    const values = [JSON.stringify(schema), JSON.stringify(value)];
    const rows = await countRows(client, async () => {
      expect((await client.query(check, values)).rows).toEqual([{ faults: [] }]);
    });
    expect(rows).toBeGreaterThan(10);
    expect(rows).toBeLessThan(1_000);
  });
});

const SUITE = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'json-schema-suite');
const hasSuite = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(SUITE);

describe.skipIf(!hasSuite)('the JSON Schema test suite (HOWDAH_TEST_ASSETS)', () => {
  type Group = {
    description: string;
    schema: unknown;
    tests: { description: string; data: unknown; valid: boolean }[];
  };
  /**
   * Tests of formats that we assert, which the standard leaves open. All other tests of the suite
   * run.
   */
  const asserted = /^invalid (email|ipv6|date-time|uri) string is only an annotation/;

  test.each(['draft2020-12', 'draft7'])('%s tests pass', async (draft) => {
    const folder = join(SUITE, draft);
    const groups = readdirSync(folder).flatMap((file) =>
      (JSON.parse(readFileSync(join(folder, file), 'utf8')) as Group[]).map((group) => ({
        ...group,
        file,
      })),
    );
    const refused = await all(
      db.pool,
      `select howdah_private.unsupported_schema_keyword(g.schema::jsonb) as path
       from unnest($1::text[]) with ordinality as g (schema, place) order by g.place`,
      [groups.map(({ schema }) => JSON.stringify(schema).replaceAll('\\u0000', ''))],
    );
    const tests = groups
      .filter((_, index) => refused[index]?.path === null)
      .flatMap(({ file, description, schema, tests }) =>
        tests.map((one) => ({ ...one, file, group: description, schema })),
      )
      .map((one) => ({
        ...one,
        schema: JSON.stringify(one.schema),
        value: JSON.stringify(one.data),
      }))
      .filter(({ schema, value }) => !`${schema}${value}`.includes('\\u0000'))
      .filter(({ description }) => !asserted.test(description));
    expect(tests.length).toBeGreaterThan(400);
    const said = await faultsIn(tests);
    expect(tests.filter(({ valid }, index) => valid !== (said[index]?.length === 0))).toEqual([]);
  });
});
