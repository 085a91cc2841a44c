import { expect, test } from 'vitest';
import { parseJson } from '../../../src/json/parse-json.ts';
import { stripCodeFence } from '../../../src/text/strip-code-fence.ts';
import { sqlQueryTool } from '../../../src/tools/sql-query.ts';
import { finish } from '../../support/work/finish.ts';

// Answers of models and queries of tenants are parsed in the thread that serves everything else, so
// the parsing must be fast. In quadratic time, none of these values would be parsed within minutes.

const LONG = 4_000_000;

test.each([
  ['{"a": 1}', { a: 1 }],
  ['```json\n{"a": 1}\n```', { a: 1 }],
  ['  ```\n[1]\n```  \n', [1]],
  ['```json "```" ```', '```'],
  ['```json\n7', 7],
])('JSON is extracted from its code block: %j', (text, value) => {
  expect(JSON.parse(stripCodeFence(text))).toEqual(value);
});

test('a blank answer is processed in linear time', () => {
  for (const text of [`a${' '.repeat(LONG)}b`, ' ```'.repeat(LONG / 4), '`'.repeat(LONG)]) {
    finish(() => stripCodeFence(text));
  }
});

test('a number of zeros is processed in linear time and keeps all digits', () => {
  const number = `1${'0'.repeat(LONG)}1`;
  expect(finish(() => JSON.stringify(parseJson(`{"n":${number}}`)))).toBe(`{"n":${number}}`);
  const shorter = '[1000000000000000000000,0.10000000000000000000]';
  expect(JSON.stringify(parseJson(shorter))).toBe('[1000000000000000000000,0.1]');
});

test('a query that begins like a description is processed in linear time', async () => {
  const queries: string[] = [];
  const here = {
    rows: async ({ query }: { query: string }) => {
      queries.push(query);
      return { ok: true, value: { rows: [], cut_by: null } } as const;
    },
  };
  const { run } = sqlQueryTool(here as never, (() => here) as never);
  const query = `describe${' '.repeat(LONG)}!`;
  const context = { signal: new AbortController().signal, tenant_id: 't', execution_id: 'e' };
  await finish(() => run({ query }, context as never, {}));
  expect(queries.length).toBeLessThanOrEqual(1);
});
