import { describe, expect, test } from 'vitest';
import { withOffload } from '../../../src/concurrency/offload.ts';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import { evaluateAllCel, evaluateCel } from '../../../src/runtime/environment/cel.ts';
import type { CelResult } from '../../../src/runtime/environment/cel-program.ts';

// The work of many expressions. One is bounded by itself; their number has a bound as well.

/** Variables that count how often `output` is read: twice for an evaluation on this thread. */
function countReads(output: Json) {
  const variables = {
    reads: 0,
    get output(): Json {
      this.reads += 1;
      return output;
    },
  };
  return variables as JsonObject & typeof variables;
}

const evaluateAll = async (
  expressions: readonly string[],
  variables: JsonObject,
  evaluate = evaluateAllCel,
): Promise<readonly CelResult[]> =>
  withOffload('a tenant', undefined, () => evaluate(expressions, variables));

const oneByOne = (expressions: readonly string[], variables: JsonObject) =>
  expressions.map((expression) => evaluateCel(expression, variables));

describe('many expressions of one call', () => {
  const sizes = Array.from({ length: 200 }, (_, n) => `output.size() == ${189_900 + n}`);
  const values = sizes.map((_, n) => ({ value: n === 100 }));

  test.each([
    ['together', evaluateAllCel],
    ['one by one', oneByOne],
  ])('with little work each leave the thread after some of them: %s', async (_how, evaluate) => {
    const variables = countReads('a'.repeat(190_000));
    expect(await evaluateAll(sizes, variables, evaluate)).toEqual(values);
    // the time for a call allows five of them, and one makes the text for the others
    expect(variables.reads).toBeLessThanOrEqual(2 * 6 + 1);
  });

  test('with much work read large variables once, however often the code runs again', async () => {
    const variables = countReads('a'.repeat(300_000));
    const expressions = Array.from({ length: 150 }, (_, n) => `output.matches("^zz${n}")`);
    const results = await evaluateAll(expressions, variables);
    expect(results).toEqual(expressions.map(() => ({ value: false })));
    expect(variables.reads).toBe(1);
    expect(await evaluateAll(expressions, variables, oneByOne)).toEqual(results);
    expect(variables.reads).toBe(1);
  });

  test('have values up to the first that does not end', async () => {
    const endless = 'output.matches("^(a+)+$")';
    const expressions = ['output.matches("^a")', 'output.matches("b")', endless, 'output == ""'];
    expect(await evaluateAll(expressions, { output: `${'a'.repeat(60)}!` })).toEqual([
      { value: true },
      { value: false },
      { fault: 'it takes too long' },
    ]);
  });

  test('have values up to the first that is wrong', async () => {
    const expressions = ['output.matches("^a")', 'output.nothing()', 'output == ""'];
    expect(await evaluateAll(expressions, { output: 'a' })).toEqual([
      { value: true },
      { fault: expect.stringContaining('no function nothing') },
    ]);
  });

  test('that are parsed anew leave the thread too', async () => {
    const variables = countReads('a');
    const texts = Array.from({ length: 300 }, (_, n) => `output == '${'b'.repeat(9_000)}${n}'`);
    expect(await evaluateAll(texts, variables)).toEqual(texts.map(() => ({ value: false })));
    expect(variables.reads).toBeLessThanOrEqual(2 * 15);
  });
});

test('a map is not copied for an expression that reads one of its fields', async () => {
  const large: JsonObject = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, n) => [`k${n}`, n]),
  );
  let listed = 0;
  const data = new Proxy(large, {
    ownKeys(target) {
      listed += 1;
      return Reflect.ownKeys(target);
    },
  });
  expect(evaluateCel('has(data.k1) && data.k1 == 1', { data })).toEqual({ value: true });
  expect(listed).toBe(2); // to measure it, and to look for long numbers
});
