import { expect, test } from 'vitest';
import { ThreadFault, ThreadPool } from '../../../src/concurrency/thread-pool.ts';
import { parseQuery } from '../../../src/db/query-analysis/parse.ts';
import { parseInThread } from '../../../src/db/query-analysis/thread-parser.ts';

const threads = new ThreadPool({ size: 1, heap_mb: 256 });

test.each([
  'select a.name from howdah.agents as a where length(a.name) > 3',
  'select from where',
  'select 1; select 2',
  '',
  `select ${'1,'.repeat(9_900)}1`,
])('a query is read in a thread as it is here (%#)', async (query) => {
  expect(await parseInThread('a tenant', query, threads)).toEqual(await parseQuery(query, null));
});

test.each([
  ['deadline', 'invalid_arguments', false],
  ['memory', 'invalid_arguments', false],
  ['busy', 'overloaded', true],
] as const)('a thread that is stopped is an outcome: %s', async (fault, code, retryable) => {
  const stopped = { run: () => Promise.reject(new ThreadFault(fault, fault)) };
  const outcome = await parseInThread('a tenant', 'select 1', stopped as unknown as ThreadPool);
  expect(outcome).toMatchObject({ ok: false, error: { code, retryable } });
});
