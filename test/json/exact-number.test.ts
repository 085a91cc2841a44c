import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { withOffload } from '../../src/concurrency/offload.ts';
import type { ToolContext } from '../../src/contracts/agents/tool.ts';
import { canonicalJson, isSameJson } from '../../src/json/canonical-json.ts';
import { compareNumbers, ExactNumber, isMultipleOf } from '../../src/json/exact-number.ts';
import type { Json, JsonSchema } from '../../src/json/json.ts';
import { markNumbers, unmarkNumbers } from '../../src/json/mark-numbers.ts';
import { ExponentError, parseJson, parseNumber } from '../../src/json/parse-json.ts';
import { storableJson } from '../../src/json/storable-json.ts';
import { stringifyJson } from '../../src/json/stringify-json.ts';
import { evaluateCel } from '../../src/runtime/environment/cel.ts';
import { schemaErrors } from '../../src/runtime/environment/validate-json.ts';
import { readFile } from '../../src/systems/read-file.ts';
import { yamlText } from '../../src/systems/yaml/yaml-text.ts';
import { runCustomTool } from '../../src/tools/custom/custom-tools.ts';
import { defineTool } from '../../src/tools/custom/define-tool.ts';
import { fitArguments } from '../../src/tools/fit-arguments.ts';

const SNOWFLAKE = '1915883588174806058';

/** Numbers as JSON writes them: 1 to 40 digits, with sign, fraction and exponent. */
const numbers = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.stringMatching(/^(0|[1-9]\d{0,39})$/),
    fc.option(fc.stringMatching(/^\d{1,40}$/)),
    fc.option(fc.integer({ min: -400, max: 400 })),
  )
  .map(([sign, whole, fraction, exponent]) =>
    [
      sign,
      whole,
      fraction === null ? '' : `.${fraction}`,
      exponent === null ? '' : `e${exponent}`,
    ].join(''),
  );

/** Returns a number as integer and power of ten, by means of its own. */
function decimalIn(text: string): string {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  let digits = BigInt(whole + fraction);
  let exponent = Number(power) - fraction.length;
  if (digits === 0n) return '0';
  for (; digits % 10n === 0n; exponent += 1) digits /= 10n;
  return `${mantissa.startsWith('-') ? '-' : ''}${digits}e${exponent}`;
}

test('a number keeps its value from JSON to JSON', () => {
  fc.assert(
    fc.property(numbers, (text) => {
      const value = parseJson(`{"a": [${text}]}`) as { a: Json[] };
      for (const written of [
        JSON.stringify(value.a[0]),
        storableJson(value.a[0]),
        stringifyJson(value.a[0]) as string,
        JSON.stringify(unmarkNumbers(JSON.parse(markNumbers(`[${text}]`)))).slice(1, -1),
        yamlText(value.a[0]).slice(4).trim(),
      ]) {
        expect(decimalIn(written)).toBe(decimalIn(text));
      }
    }),
  );
});

test('a number is equal to each of its spellings, and to no other number', () => {
  fc.assert(
    fc.property(numbers, numbers, (one, other) => {
      const [a, b] = [parseJson(one), parseJson(other)];
      expect(isSameJson(a, b)).toBe(decimalIn(one) === decimalIn(other));
      const spelled = parseJson(decimalIn(one));
      expect(canonicalJson([spelled])).toBe(canonicalJson([a]));
    }),
  );
});

test.each([
  ['9007199254740993', '9007199254740992', 1],
  ['-9007199254740993', '-9007199254740992', -1],
  ['9007199254740993.0', '9007199254740993', 0],
  ['0.30000000000000000001', '0.3', 1],
  ['1e400', '1e399', 1],
])('%s compared with %s', (one, other, order) => {
  const [a, b] = [parseJson(one), parseJson(other)] as [ExactNumber, ExactNumber];
  expect(Math.sign(compareNumbers(a, b))).toBe(order);
});

test('multiples are counted in decimal digits', () => {
  expect(isMultipleOf(0.3, 0.1)).toBe(true);
  expect(isMultipleOf(new ExactNumber('9007199254740993'), 2)).toBe(false);
});

test('an exponent beyond 1000 is no JSON, since Postgres would write its digits', () => {
  expect(() => parseJson('1e1001')).toThrow(SyntaxError);
  expect(() => parseJson('[1e-100000]')).toThrow(SyntaxError);
});

test('exponents that add more than a million digits together are no JSON', () => {
  const list = (count: number, number: string) => `[${Array(count).fill(number).join()}]`;
  expect(parseJson(list(1_000, '1e-1000'))).toHaveLength(1_000);
  expect(() => parseJson(list(1_001, '1e-1000'))).toThrow(ExponentError);
  expect(() => parseJson(list(3_334, '-1E+300'))).toThrow(/add more than 1000000 digits/);
  expect(parseJson(list(300_000, '1.5e-05'))).toHaveLength(300_000); // less than four times as long
  expect(parseJson(list(2_000, '"1e-1000"'))).toHaveLength(2_000);
});

describe('JSON Schema', () => {
  const limit = 9223372036854775807n;
  const cases: [schema: object, text: string, faults: number][] = [
    [{ type: 'integer' }, SNOWFLAKE, 0],
    [{ type: 'integer' }, `${SNOWFLAKE}.5`, 1],
    [{ type: 'number' }, '1e400', 0],
    [{ type: 'object' }, SNOWFLAKE, 1],
    [{ type: 'string' }, SNOWFLAKE, 1],
    [{ maximum: limit }, '9223372036854775807', 0],
    [{ maximum: limit }, '9223372036854775808', 1],
    [{ exclusiveMinimum: limit }, '9223372036854775807', 1],
    [{ exclusiveMinimum: limit }, '9223372036854775808', 0],
    [{ minimum: 0 }, `-${SNOWFLAKE}`, 1],
    [{ multipleOf: 2 }, '9007199254740993', 1],
    [{ enum: [9007199254740993n] }, '9007199254740993', 0],
    [{ enum: [9007199254740993n] }, '9007199254740992', 1],
    [{ const: { id: 9007199254740993n } }, '{"id": 9007199254740993}', 0],
    [{ const: { id: 9007199254740993n } }, '{"id": 9007199254740994}', 1],
    [{ uniqueItems: true }, '[9007199254740993, 9007199254740992]', 0],
    [{ uniqueItems: true }, '[9007199254740993, 9007199254740993]', 1],
    [{ properties: { a: { maximum: 5 } } }, `{"a": ${SNOWFLAKE}}`, 1],
    [{ properties: { maximum: { type: 'integer', maximum: limit } } }, `{"maximum": 1}`, 0],
    [
      { $schema: 'http://json-schema.org/draft-07/schema#', maximum: limit },
      '9223372036854775808',
      1,
    ],
  ];
  test.each(
    cases.map(([schema, text, faults]) => [stringifyJson(schema) as string, text, faults] as const),
  )('%s and %s', (schema, text, faults) => {
    expect(schemaErrors(parseJson<JsonSchema>(schema), parseJson(text))).toHaveLength(faults);
  });
});

describe('expressions', () => {
  const body = parseJson(`{"id": ${SNOWFLAKE}, "ids": [${SNOWFLAKE}], "price": 1.5}`);
  test.each([
    [`body.id == ${SNOWFLAKE}`, 'true'],
    ['body.id == 1915883588174806000', 'false'],
    [`body.ids.exists(x, x == ${SNOWFLAKE})`, 'true'],
    ['body.id + 1', '1915883588174806059'],
    ['body.id', SNOWFLAKE],
    ['string(body.id)', `"${SNOWFLAKE}"`],
    ['body', JSON.stringify(body)],
  ])('%s', async (expression, json) => {
    const result = await withOffload('a tenant', undefined, () =>
      evaluateCel(expression, { body }),
    );
    expect(JSON.stringify(result)).toBe(`{"value":${json}}`);
  });

  test.each(['9223372036854775808', '0.12345678901234567891'])('%s is no number of CEL', (text) => {
    const variables = { body: parseJson(`{"id": ${text}, "same": ${text}, "x": 1}`) };
    const evaluate = (expression: string) => JSON.stringify(evaluateCel(expression, variables));
    expect(evaluate('body.x == 1')).toBe('{"value":true}');
    expect(evaluate('body.id')).toBe(`{"value":${text}}`);
    expect(evaluate('body.id == body.same')).toBe('{"value":true}');
    expect(evaluateCel('body.id > 1', variables)).toMatchObject({ fault: expect.any(String) });
  });

  test('a double beyond 2^53 is refused', () => {
    expect(evaluateCel('9007199254740991.0 * 3.0', {})).toMatchObject({
      fault: expect.any(String),
    });
  });
});

describe('YAML', () => {
  test.each([
    ['9007199254740993', '9007199254740993'],
    ['+9007199254740993', '9007199254740993'],
    ['.12345678901234567890', '0.12345678901234567890'],
    ['1915883588174806058.0', '1915883588174806058.0'],
    ['1e400', '1e400'],
    ['007', '7'],
    ['1.50', '1.5'],
  ])('%s', (text, json) => {
    const { document, faults } = readFile(`n: ${text}`);
    expect(faults).toEqual([]);
    expect(JSON.stringify(document)).toBe(`{"n":${json}}`);
  });

  test.each(['0x20000000000001', '.inf'])('%s is refused with its place', (text) => {
    expect(readFile(`n: ${text}`).faults).toMatchObject([{ line: 1, column: 4 }]);
  });
});

describe('arguments', () => {
  test('digits in a text are a number where the schema takes only numbers', () => {
    const schema = {
      properties: {
        id: { type: 'integer' },
        ids: { type: 'array', items: { type: ['integer', 'null'] } },
        name: { type: 'string' },
        either: { type: ['string', 'integer'] },
      },
    };
    const args = { id: SNOWFLAKE, ids: ['5', SNOWFLAKE], name: '5', either: '5' };
    expect(JSON.stringify(fitArguments(schema, args))).toBe(
      `{"id":${SNOWFLAKE},"ids":[5,${SNOWFLAKE}],"name":"5","either":"5"}`,
    );
    expect(fitArguments(schema, { id: ' 5' })).toEqual({ id: ' 5' });
  });

  test('a tool gets a bigint, or rejects a number that it would round', async () => {
    const parameters = z.object({ id: z.bigint().optional(), n: z.number().optional() });
    const tool = defineTool({
      name: 'pay',
      description: 'Pays.',
      parameters,
      run: ({ id, n }) => `${typeof id} ${id ?? n}`,
    });
    const run = (text: string) =>
      tool.run(parseJson(text) as { [key: string]: Json }, {} as never) as Promise<string>;
    expect(await run(`{"id": ${SNOWFLAKE}}`)).toBe(`bigint ${SNOWFLAKE}`);
    expect(await run('{"id": 5}')).toBe('bigint 5');
    expect(await run('{"n": 5}')).toBe('undefined 5');
    await expect(run(`{"n": ${SNOWFLAKE}}`)).rejects.toMatchObject({ code: 'invalid_arguments' });
    expect(tool.parameters).toMatchObject({ properties: { id: { type: 'integer' } } });
    const returning = { ...tool, run: () => 1915883588174806058n as unknown as Json };
    const context = { signal: new AbortController().signal } as ToolContext;
    const result = await runCustomTool(returning, {}, context);
    expect(JSON.stringify(result)).toBe(`{"ok":true,"value":${SNOWFLAKE}}`);
  });
});

test.each([
  ['.5', '0.5'],
  ['5.', '5'],
  [' +007 ', '7'],
  ['-0.12345678901234567890', '-0.12345678901234567890'],
  ['9007199254740993e0', '9007199254740993e0'],
  ['1e400', '1e400'],
  ...['', '.', 'e5', '0x20', '1e1001', 'Infinity', '1 2', '--1'].map((text) => [text, undefined]),
])('%j is the number %s', (text, json) => {
  expect(JSON.stringify(parseNumber(text as string))).toBe(json);
});
