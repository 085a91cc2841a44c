import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRunListener } from '../../src/db/feed/run-listener.ts';
import { RunReader } from '../../src/db/feed/run-reader.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { makeAgentTree } from '../api/trees/agent-tree.ts';
import { waitForEnd } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

// Tests the reader of a run tree for programs with direct access to the database.

const db = testDatabase();
let worker: Worker;

beforeAll(async () => {
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
});

test('the steps of a child run come before its result, even if only its parent is due', async () => {
  const { boss } = await makeAgentTree(db.pool);
  const { id } = await one(db.pool, `select (howdah.run($1, 'Where?')).id`, [boss]);
  await eventually(db.pool, 'the question', `select from howdah.questions where status = 'open'`);
  const listener = await openRunListener(db.url, [id], new AbortController().signal);
  try {
    const reader = new RunReader(db.pool, listener, [id], { tree: true });
    await reader.read([id]);
    const [, middle = '', helper = ''] = reader.live;
    await db.pool.query(`select howdah.answer_question(id, 'blue') from howdah.questions`);
    await waitForEnd(db.pool, id);
    const items = await reader.read([middle]);
    const ends = items.flatMap((item, index) =>
      item.id === helper && item.type === 'end' ? [index] : [],
    );
    const result = items.findIndex((item) => item.type === 'step' && item.step.kind === 'child');
    expect(ends).toHaveLength(1);
    expect(result).toBeGreaterThan(ends[0] ?? Infinity);
    expect(items.filter((item) => item.id === id)).toEqual([]);
    const rest = await reader.read([id]);
    expect(rest.at(-1)).toMatchObject({ type: 'end', id });
    expect(rest.every((item) => item.id === id)).toBe(true);
    expect(reader.live).toEqual([]);
  } finally {
    await listener.close();
  }
});
