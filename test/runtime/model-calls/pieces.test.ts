import { describe, expect, test } from 'vitest';
import type { RunError } from '../../../src/contracts/errors.ts';
import { backOff } from '../../../src/runtime/environment/backoff.ts';
import { schemaErrors } from '../../../src/runtime/environment/validate-json.ts';
import { interpolate } from '../../../src/runtime/messages/interpolate.ts';
import { parseArguments } from '../../../src/tools/parse-arguments.ts';
import { loggedResult, RESULT_LIMIT_BYTES, resultText } from '../../../src/tools/result-limit.ts';

const failure: RunError = { code: 'overloaded', message: 'busy', retryable: true };

describe('back-off', () => {
  test('is at least half of a bound that doubles up to 30 s', () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => backOff(failure, attempt, () => 1));
    expect(bounds).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(backOff(failure, 5, () => 0)).toBe(4000);
    expect(backOff(failure, 3, () => 0.5)).toBe(1500);
  });

  test('is never shorter than the delay requested by the server', () => {
    expect(backOff({ ...failure, retry_after_ms: 7000 }, 1, () => 1)).toBe(7000);
    expect(backOff({ ...failure, retry_after_ms: 10 }, 1, () => 1)).toBe(500);
  });
});

describe('the text of a result', () => {
  const textOf = (value: string): string => resultText({ ok: true, value });

  test('is a string unchanged, and everything else as JSON', () => {
    expect(textOf('plain')).toBe('plain');
    expect(resultText({ ok: true, value: { a: [1, null] } })).toBe('{"a":[1,null]}');
  });

  test('is complete up to the limit', () => {
    const whole = 'x'.repeat(RESULT_LIMIT_BYTES);
    expect(textOf(whole)).toBe(whole);
    expect(loggedResult(whole)).toBe(whole);
  });

  test('is truncated within the limit, with a note', () => {
    const text = textOf('x'.repeat(RESULT_LIMIT_BYTES + 1));
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(RESULT_LIMIT_BYTES);
    expect(text).toMatch(/x\n\[cut off: this result has 65537 bytes, /);
  });

  test.each(['ä', '€', '🐘'])('is never truncated inside a character: %s', (character) => {
    for (const shift of ['', 'a', 'aa', 'aaa']) {
      const text = textOf(shift + character.repeat(RESULT_LIMIT_BYTES / 2));
      expect(text).not.toContain('\ufffd');
      expect(text.isWellFormed()).toBe(true);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(RESULT_LIMIT_BYTES);
    }
  });

  test('has one form for every error', () => {
    const text = resultText({ ok: false, error: { ...failure, cause: { sqlstate: '23505' } } });
    expect(JSON.parse(text)).toEqual({ error: { ...failure, details: { sqlstate: '23505' } } });
  });

  test('is logged for a large result as the model received it', () => {
    const value = { rows: 'y'.repeat(RESULT_LIMIT_BYTES) };
    expect(loggedResult(value)).toBe(resultText({ ok: true, value }));
  });
});

describe('arguments', () => {
  test('are the object that the model wrote; an empty text means no arguments', () => {
    expect(parseArguments('{"a": 1}')).toEqual({ ok: true, value: { a: 1 } });
    expect(parseArguments('')).toEqual({ ok: true, value: {} });
    expect(parseArguments(' \n')).toEqual({ ok: true, value: {} });
  });

  test('are parsed exactly', () => {
    const value = { a: -999_999_999_999_999, b: [9_007_199_254_740_991], c: '90071992547409931' };
    expect(parseArguments(JSON.stringify(value))).toEqual({ ok: true, value });
    const text = '{"a":[{"b":-9007199254740993}]}';
    expect(JSON.stringify(parseArguments(text))).toBe(`{"ok":true,"value":${text}}`);
  });

  test.each(['{"a": 1', 'null', '[1]', '"a"', '7', '{a: 1}', '{} {}'])('rejects %s', (text) => {
    expect(parseArguments(text)).toMatchObject({
      ok: false,
      error: { code: 'invalid_arguments', retryable: false },
    });
  });
});

describe('a JSON Schema', () => {
  test('names each invalid field', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { enum: ['x', 'y'] } },
    };
    expect(schemaErrors(schema, { a: 'no', b: 'z' })).toEqual([
      'a must be integer',
      'b must be equal to one of the allowed values: x, y',
    ]);
  });

  test('may share an $id with another schema', () => {
    const again = () => ({ $id: 'https://example.com/order', type: 'object' });
    expect(schemaErrors(again(), {})).toEqual([]);
    expect(schemaErrors(again(), 7)).toHaveLength(1);
  });

  test('may be written for an older draft, as generators still do', () => {
    const $schema = 'http://json-schema.org/draft-07/schema#';
    const pair = { $schema, type: 'array', items: [{ type: 'string' }, { type: 'number' }] };
    expect(schemaErrors(pair, ['a', 1])).toEqual([]);
    expect(schemaErrors(pair, ['a', 'b'])).toEqual(['1 must be number']);
  });

  test('throws when it is invalid', () => {
    expect(() => schemaErrors({ type: 'nonsense' }, {})).toThrow(/type/);
  });
});

test('a template is rendered in one pass, however many spaces it has', () => {
  const open = `{{${' '.repeat(50_000)}`; // a backtracking pattern would take hours
  expect(interpolate(open, {})).toBe(open);
  expect(interpolate('{{ a }} {{a.b}} {{ }}', { a: { b: 1 } })).toBe('{"b":1} 1 {{ }}');
});
