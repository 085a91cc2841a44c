import { describe, expect, test } from 'vitest';
import { withOffload } from '../../../src/concurrency/offload.ts';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import { evaluateCel } from '../../../src/runtime/environment/cel.ts';
import { findCelFault } from '../../../src/runtime/environment/cel-program.ts';

const celFault = (expression: string) => findCelFault([expression])?.fault;
const evaluate = async (expression: string, variables: JsonObject) =>
  withOffload('a tenant', undefined, () => evaluateCel(expression, variables));

const body = {
  n: 7,
  f: 1.5,
  name: 'x',
  items: [1, 2, 3],
  nested: { a: null },
  big: 12_345_678_901,
  time: '2026-11-24T21:00:00Z',
};

describe('an expression over JSON', () => {
  test.each<[string, Json]>([
    ["{'n': body.n, 'name': 'x', 'isSeven': body.n == 7}", { n: 7, name: 'x', isSeven: true }],
    ["[1, 'a', true, null, body.items]", [1, 'a', true, null, [1, 2, 3]]],
    ["string(body.n) + ' of ' + string(body.big)", '7 of 12345678901'],
    ['size(body.items) > 2 && body.n > 3 && body.n < 7.5', true],
    ["body.?user.?name.orValue('nobody')", 'nobody'],
    ["body.?name.orValue('nobody')", 'x'],
    ['has(body.missing) || body.nested.a == null', true],
    ['body.items.filter(i, i > 1).map(i, i * 2.0)', [4, 6]],
    ["timestamp(body.time) > timestamp('2026-01-01T00:00:00Z')", true],
    ['timestamp(body.time)', '2026-11-24T21:00:00.000Z'],
    ['9007199254740991', 9_007_199_254_740_991],
    ['body', body],
  ])('%s', async (expression, value) => {
    expect(await evaluate(expression, { body })).toEqual({ value });
  });

  test.each([
    ['body.missing', 'No such key'],
    ['process', 'Unknown variable'],
    ['body.constructor', 'No such key'],
    ["body['__proto__']", 'No such key'],
    ['type(body)', 'neither text'],
    ["duration('1h')", 'neither text'],
    ['body.?missing', 'neither text'],
    ['body.(', 'Expected IDENTIFIER'],
  ])('%s has no value', (expression, fault) => {
    expect(evaluateCel(expression, { body })).toEqual({ fault: expect.stringContaining(fault) });
  });

  test.each<[string, string]>([
    [`${'cel.bind(a, a + a, '.repeat(24)}size(a)${')'.repeat(24)}`, 'it '],
    [`[body.text]${'.map(a, a + a)'.repeat(24)}`, 'Invalid string length'],
    [`${'bytes('.repeat(10)}body.text${').hex()'.repeat(10)}`, 'bytes of any size'],
    ['body.items.map(i, bytes(body.text))', 'bytes of any size'],
    ["body.items.map(i, body.text).join('')", 'larger than 4 MB'],
    ['body.items.map(i, body.text)', 'larger than 4 MB'],
  ])('that would fill the memory has no value: %s', async (expression, fault) => {
    const large = {
      ...body,
      text: 'x'.repeat(20_000),
      items: Array.from({ length: 300 }, () => 1),
    };
    const doubling = expression.replace('cel.bind(a, a + a', "cel.bind(a, body.text.split('')");
    expect(await evaluate(doubling, { body: large })).toEqual({
      fault: expect.stringContaining(fault),
    });
  });

  test('sums and variables of usual size have a value, in a process too', async () => {
    const large = { ...body, text: 'x'.repeat(100_000) };
    const sum = Array.from({ length: 5 }, () => 'body.text').join(' + ');
    expect(await evaluate(`size(${sum})`, { body: large })).toEqual({ value: 500_000 });
    expect(await evaluate('cel.bind(a, body.name, a + a)', { body })).toEqual({ value: 'xx' });
  });

  test('an expression with bounded work reads only the variables that it names', () => {
    const variables: JsonObject = {
      n: 1,
      get large(): Json {
        throw new Error('it was read');
      },
    };
    expect(evaluateCel('n == 1', variables)).toEqual({ value: true });
  });

  test('a key of JSON with a special name is only a key', () => {
    const evil = JSON.parse('{"__proto__": {"polluted": true}, "toString": "x"}');
    expect(evaluateCel('body', { body: evil })).toEqual({ value: evil });
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
  });

  test('one that is too long or nested too deep is refused', async () => {
    expect(celFault(`${'('.repeat(2_000)}1${')'.repeat(2_000)}`)).toContain('maxDepth');
    expect(celFault(`1${' + 1'.repeat(2_000)}`)).toContain('maxAstNodes');
    expect(celFault('1'.repeat(20_000))).toContain('10000 characters');
    expect(celFault('!'.repeat(9_000))).toBeDefined();
  });

  test('one that does not end has no value', async () => {
    const items = Array.from({ length: 300 }, (_, index) => index);
    const nested = `${'body.items.all(a, '.repeat(12)}true${')'.repeat(12)}`;
    expect(await evaluate(nested, { body: { items } })).toEqual({ fault: 'it takes too long' });
  });

  test('a fault does not quote a long text in full', async () => {
    const { fault } = (await evaluate('bool(body)', { body: 'x'.repeat(100_000) })) as {
      fault: string;
    };
    expect(fault.length).toBeLessThan(600);
  });
});
