import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withinTime } from '../../src/concurrency/within-time.ts';
import type { BuiltinContext } from '../../src/contracts/agents/tool.ts';
import { calculatorTool } from '../../src/tools/calculator/calculator.ts';
import { calculate } from '../../src/tools/calculator/decimal-expression.ts';
import { finish } from '../support/work/finish.ts';

const run = (expression: string) =>
  calculatorTool.run({ expression }, { tenant_id: 'x' } as unknown as BuiltinContext, {});

test.each([
  ['0.1 + 0.2', '0.3'],
  ['(19.99 * 3 + 4.5) * 1.19', '76.7193'],
  ['1/3*3', '1'],
  ['sqrt(2)^2', '2'],
  ['2/3', '0.6666666666666666666666666666666667'],
  ['2^200', '1606938044258990275541962092341162602522202993782792835301376'],
  ['2 ** 3 ^ 2', '512'],
  ['-2^2', '-4'],
  ['2^-1', '0.5'],
  ['7 % 4 + -7 % 4', '0'],
  ['1e3 + .5 - 1.', '999.5'],
  ['round(2.345, 2) + round(2.5)', '5.35'],
  ['Max(1, 2, 3) - min(4, 5) + sum(1,2) + avg(1, 2)', '3.5'],
  ['log(100) + log(8, 2) + ln(e) + log2(4) + log10(10)', '9'],
  ['sin(pi / 6) * 2', '1'],
  ['10^999 / 10^999', '1'],
  ['1 / 10^50', '1e-50'],
])('%s is %s', async (expression, value) => {
  expect(await run(expression)).toEqual({ ok: true, value });
});

test.each([
  ['1 +', 'it ends too early'],
  ['(1', 'it ends too early'],
  ['1 2', '2 at character 3 is not expected there'],
  ['2 * * 3', '* at character 5 is not expected there'],
  ['1 / (2 - 2)', 'something is divided by zero'],
  ['0 ^ -1', 'something is divided by zero'],
  ['sqrt(-1)', 'no real value'],
  ['9^9^9', 'more than 1000 digits'],
  ['1e1001', 'more than 1000 digits'],
  ['sin(1e16)', 'an angle is at most'],
  ['round(1, 0.5)', 'a whole number from 0 to 100'],
  ['pow(1)', 'pow takes 2 values and has 1'],
  ['process.exit(1)', '. at character 8 means nothing here'],
  ['constructor(1)', 'constructor at character 1 is not known; known are pi, e, round'],
  ['5 € + 1', '€ at character 3'],
  ['round', 'it ends too early'],
  [`${'('.repeat(60)}1${')'.repeat(60)}`, 'nested more than 50 deep'],
  [`${'-'.repeat(60)}1`, 'nested more than 50 deep'],
])('%s is rejected: %s', async (expression, message) => {
  expect(await run(expression)).toEqual({
    ok: false,
    error: {
      code: 'invalid_arguments',
      message: expect.stringContaining(message),
      retryable: false,
    },
  });
});

test('every input of 1000 characters finishes and throws nothing but its own error', async () => {
  const heavy = [
    'sin(1e15)+',
    'exp(99.9)*',
    '1.01^999.9+',
    'cbrt(7)^',
    'tan(9)/',
    'atan(.9)+',
    'acos(.1)+',
  ];
  for (const part of heavy) {
    await finish(() => run(`${part.repeat(Math.floor(990 / part.length))}1`));
  }
  const word = fc.constantFrom(
    '1',
    '2.5',
    '1e9',
    '+',
    '-',
    '*',
    '/',
    '^',
    '(',
    ')',
    ',',
    'sqrt(',
    'ln(',
    'x',
    'pi',
    ' ',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 25 }), async (words) => {
      const outcome = await run(words.join(''));
      return outcome.ok ? /^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(String(outcome.value)) : true;
    }),
    { numRuns: 500 },
  );
});

test('a calculation that was stopped in the middle changes no later one', async () => {
  for (const heavy of ['acos(.1)', 'ln(1.7)^9.1', 'sin(3)', 'exp(9.5)', '1.01^999.9']) {
    const expression = `${`${heavy}+`.repeat(300)}0`;
    for (let tries = 0; tries < 20; tries += 1) {
      const stop = () => withinTime(1 + (tries % 5), () => calculate(expression));
      expect(stop).toThrow(/timed out/);
      expect(calculate('1e1001')).toEqual({ fault: expect.stringContaining('1000 digits') });
      expect(calculate('2/3')).toEqual({ value: '0.6666666666666666666666666666666667' });
    }
  }
});

test('an expression that takes long is evaluated in a thread', async () => {
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  count();
  const result = await run(`${'acos(.1)+'.repeat(30)}0`);
  isDone = true;
  expect(result).toMatchObject({ ok: true, value: expect.stringMatching(/^44\.11886/) });
  expect(turns).toBeGreaterThan(20); // evaluated here, none
});
