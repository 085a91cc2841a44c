import { expect, test } from 'vitest';
import { parseJson } from '../../../src/json/parse-json.ts';
import { stripCodeFence } from '../../../src/text/strip-code-fence.ts';
import { sqlQueryTool } from '../../../src/tools/sql-query.ts';

// Answers of models and queries of tenants are parsed in the thread that serves everything else, so
// the parsing must be fast.

const LONG = 400_000;

/** Returns the processor time of this thread during `work`, in milliseconds. */
const ms = async (work: () => unknown): Promise<number> => {
  const from = process.threadCpuUsage();
  await work();
  const { user, system } = process.threadCpuUsage(from);
  return (user + system) / 1000;
};

test.each([
  ['{"a": 1}', { a: 1 }],
  ['```json\n{"a": 1}\n```', { a: 1 }],
  ['  ```\n[1]\n```  \n', [1]],
  ['```json "```" ```', '```'],
  ['```json\n7', 7],
])('JSON is extracted from its code block: %j', (text, value) => {
  expect(JSON.parse(stripCodeFence(text))).toEqual(value);
});

test('a blank answer is processed in linear time', async () => {
  for (const text of [`a${' '.repeat(LONG)}b`, ' ```'.repeat(LONG / 4), '`'.repeat(LONG)]) {
    expect(await ms(() => stripCodeFence(text))).toBeLessThan(1_000);
  }
});

test('a number of zeros is processed in linear time and keeps all digits', async () => {
  const number = `1${'0'.repeat(LONG)}1`;
  expect(
    await ms(() => expect(parseJson(`{"n":${number}}`)).toEqual({ n: number })),
  ).toBeLessThan(1_000);
  expect(parseJson('[1000000000000000000000, 0.10000000000000000000]')).toEqual([
    1e21, 0.1,
  ]);
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
  expect(await ms(() => run({ query }, context as never, {}))).toBeLessThan(1_000);
  expect(queries.length).toBeLessThanOrEqual(1);
});
