import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import { evaluateCel } from '../../../src/runtime/environment/cel.ts';
import { findCelFault } from '../../../src/runtime/environment/cel-program.ts';

// Which expressions are evaluated on the calling thread. Outside of `withOffload`, an expression
// that needs a process throws.

const { functions } = new Environment({ enableOptionalTypes: true }).getDefinitions();
const NAMES = [...new Set(functions.map(({ name }) => name))];
/** Functions with bounded work, for arguments that are literals. */
const BOUNDED = new Set(
  `has dyn type timestamp duration bool int uint double string size startsWith endsWith contains
  indexOf lastIndexOf substring trim lowerAscii upperAscii none of hasValue value or orValue getDate
  getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours getMilliseconds getMinutes getMonth
  getSeconds`.split(/\s+/),
);
/** What the lexer, or a reader, may take for nothing between a name and its bracket. */
const GAPS = [
  '',
  ' ',
  '\t',
  '\n',
  '\r',
  '\r\n',
  ' \t\n ',
  '//\n',
  '// (\n',
  '/* */',
  '\f',
  '\v',
  '\u00a0',
];
const VARIABLES: JsonObject = { output: 'a text', data: { list: [1, 2], text: 'x' }, member: 'm' };

const celFault = (expression: string) => findCelFault([expression])?.fault;

type Place = 'refused' | 'here' | 'process';

function placeOf(expression: string, variables = VARIABLES): Place {
  if (celFault(expression) !== undefined) return 'refused';
  try {
    evaluateCel(expression, variables);
    return 'here';
  } catch (error) {
    expect((error as Error).message).toContain('runs in a process');
    return 'process';
  }
}

describe('the calling thread evaluates only bounded expressions', () => {
  test.each(NAMES.filter((name) => !BOUNDED.has(name)))('%s() runs elsewhere', (name) => {
    for (const gap of GAPS) {
      for (const other of GAPS) {
        for (const args of ['', 'a', 'a, true', 'a, true, a', "'x'"]) {
          const calls = [
            `output${other}.${gap}${name}${gap}(${args})`,
            `${name}${gap}(${other}${args})`,
            `cel${gap}.${name}${other}(${args})`,
            `[1, 2].filter${gap}(x, data.list.${name}${other}(${args}))`,
            `{'a': output${gap}.${name}${other}(${args})}`,
            `true ? output.${name}${gap}(${args}) : null`,
          ];
          for (const call of calls) expect(placeOf(call), call).not.toBe('here');
        }
      }
    }
  });

  test.each([
    'output == data.text && member != "x"',
    "has(data.text) && data.?other.orValue('') == ''",
    "output.contains('text') || output.startsWith(data.text) || size(output) > 100",
    "data.text in ['x', 'y'] && !('z' in data.list)",
    "{'title': output + ': ' + data.text, 'list': data.list}",
    "timestamp('2026-01-01T00:00:00Z') - duration('1h') < timestamp('2027-01-01T00:00:00Z')",
    "'http://x' == output",
  ])('%s is evaluated here', (expression) => {
    expect(placeOf(expression)).toBe('here');
  });

  test.each([
    ['output.contains(data.text)', 'process'],
    ['data in data.list', 'process'],
    [`duration('${'1'.repeat(40)}s') == duration('1s')`, 'process'],
    ["timestamp(output).getHours('Europe/Berlin') == 1", 'process'],
    ["output.split('') == []", 'process'],
    ['[[[[1]]]] == data.list', 'process'],
    ['output // a comment', 'refused'],
    ["output == 'x' // 'y'", 'refused'],
    ['output.map//\n(a, a)', 'refused'],
    ['nothing(output)', 'refused'],
    ['output.nothing()', 'refused'],
    ['{}.nothing(1)', 'refused'],
  ])('%s: %s', (expression, place) => {
    expect(placeOf(expression)).toBe(place);
  });

  test('a comment is refused wherever the lexer takes it, and not inside of texts', () => {
    for (const code of [
      '//\noutput',
      'output//',
      'output //\n == 1',
      '"a" + //\n "//"',
      '[1, //\n]',
    ]) {
      expect(celFault(code), code).toContain('comment');
    }
    for (const text of ['"//"', "'a//b'", "r'//'", "'''a\n//b'''", '{"a//": "//"}', "'\\'//'"]) {
      expect(celFault(text), text).toBeUndefined();
    }
  });

  test('large variables make the same expression run elsewhere', () => {
    const output = 'x'.repeat(200_000);
    expect(placeOf('output.contains("xy")', { output })).toBe('here');
    expect(placeOf(`output.contains("${'x'.repeat(500)}")`, { output })).toBe('process');
    expect(placeOf(`${'size(output) + '.repeat(40)}1 == 1`, { output })).toBe('process');
    expect(placeOf('output == ""', { output: 'x'.repeat(5_000_000) })).toBe('here');
    expect(placeOf('output.size() == 1', { output: 'x'.repeat(150_000) })).toBe('here');
    expect(placeOf('output.size() == 1', { output: 'x'.repeat(250_000) })).toBe('process');
    const map = (size: number) =>
      Object.fromEntries(Array.from({ length: size }, (_, n) => [`k${n}`, n]));
    for (const reading of ['has(data.k1)', 'data.k1 == 2', 'size(data) == 2']) {
      expect(placeOf(reading, { data: map(3_000) }), reading).toBe('here');
      expect(placeOf(reading, { data: map(20_000) }), reading).toBe('process');
    }
    const deep = JSON.parse(`${'['.repeat(20)}${']'.repeat(20)}`);
    expect(placeOf('data == null', { data: deep })).toBe('process');
  });

  test('no expression outside of the list is evaluated here', () => {
    const name = fc.constantFrom(...NAMES, 'bind', 'reduce');
    const gap = fc.constantFrom(...GAPS, '', '', '');
    const expression = fc.letrec<{ value: { text: string; names: string[] } }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        fc.constantFrom('output', 'data.list', 'member', "'a//b'", '1', 'b"x"').map(leaf),
        fc
          .tuple(
            tie('value'),
            fc.constantFrom('+', '-', '==', '<', 'in', '&&', '?:', '[]'),
            tie('value'),
          )
          .map(([left, operator, right]) => joined(left, operator, right)),
        fc
          .tuple(
            tie('value'),
            name,
            gap,
            gap,
            fc.array(tie('value'), { maxLength: 3 }),
            fc.boolean(),
          )
          .map(([receiver, method, before, after, args, isMethod]) => ({
            text: `${isMethod ? `${receiver.text}.` : ''}${before}${method}${after}(${args.map(({ text }) => text).join(',')})`,
            names: [
              method,
              ...(isMethod ? receiver.names : []),
              ...args.flatMap(({ names }) => names),
            ],
          })),
      ),
    })).value;
    fc.assert(
      fc.property(expression, ({ text, names }) => {
        if (placeOf(text) !== 'here') return true;
        return names.every((one) => BOUNDED.has(one));
      }),
      { numRuns: 3_000 },
    );
  });
});

const leaf = (text: string) => ({ text, names: [] as string[] });
type Written = ReturnType<typeof leaf>;

function joined(left: Written, operator: string, right: Written): Written {
  const names = [...left.names, ...right.names];
  if (operator === '?:') return { text: `(${left.text} ? ${right.text} : ${left.text})`, names };
  if (operator === '[]') return { text: `[${left.text}][${right.text}]`, names };
  return { text: `(${left.text} ${operator} ${right.text})`, names };
}
