import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { runCli, startCli } from '../cli/run-cli.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { runPage } from './run-page.ts';
import { ROOT, snippetsOf } from './snippets.ts';

// Runs all blocks of each how-to page in order, on a database in which the demo has run.

const PAGES = readdirSync(join(ROOT, 'docs/how-to')).filter((name) => name !== 'README.md');

const database = testDatabase();
let worker: Worker;
let execution: string;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  await runCli(database.url, 'demo');
  for (const name of ['anthropic', 'rates', 'github_hook', 'stripe_hook']) {
    const set = startCli(database.url, 'secret', 'set', name); // the pages use these secrets
    set.type(`a-key-of-${name}`);
    await set.end();
  }
  const { rows } = await database.pool.query('select id from howdah.executions limit 1');
  execution = rows[0].id;
});

afterAll(async () => {
  await worker.stop(0);
});

describe.each(PAGES)('%s', (name) => {
  const page = `docs/how-to/${name}`;
  const text = readFileSync(join(ROOT, page), 'utf8');

  test('does what it says', async () => {
    await runPage(database.url, snippetsOf(page), execution);
  });

  test('is one task on one page, and linked from the list', () => {
    expect(text.split(/\s+/).length).toBeLessThanOrEqual(600);
    expect(text).toMatch(/^# .+\n\nGoal: /);
    expect(readFileSync(join(ROOT, 'docs/how-to/README.md'), 'utf8')).toContain(`(${name})`);
  });
});

test('the tasks leave the answers that their pages promise', async () => {
  const { rows: inquiries } = await database.pool.query(
    'select reply from public.inquiries order by id',
  );
  expect(inquiries).toEqual([
    { reply: expect.stringContaining('A-1002') }, // the row that existed before the watch
    { reply: expect.stringContaining('A-1001') },
  ]);
  const { rows: approved } = await database.pool.query(
    `select o.status, q.preview #>> '{tables,0,table}' as changed
     from shop.orders as o, howdah.questions as q
     join howdah.executions as e on e.id = q.execution_id
     where o.order_no = 'A-1003' and e.agent_id = howdah.agent('cancellations')`,
  );
  expect(approved).toEqual([{ status: 'cancelled', changed: 'shop.orders' }]);
  const { rows: delegated } = await database.pool.query(
    `select p.output, c.output as answer
     from howdah.executions as p join howdah.executions as c on c.parent_execution_id = p.id
     where p.agent_id = howdah.agent('reception')`,
  );
  expect(delegated).toEqual([
    { output: expect.stringContaining('A-1001'), answer: expect.stringContaining('A-1001') },
  ]);
  const { rows: scripted } = await database.pool.query(
    `select output from howdah.executions where overrides -> 'model' is not null`,
  );
  expect(scripted).toContainEqual({ output: 'It is on its way.' });
});

test('the page on vendors names the default models of their keys', () => {
  const page = readFileSync(join(ROOT, 'docs/how-to/use-claude.md'), 'utf8');
  const named = Object.fromEntries(
    [...page.matchAll(/^\| `(\w+)` \| `(.+)` \|$/gm)].map(([, key, model]) => [key, model]),
  );
  const keys = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'GROQ_API_KEY'];
  const defaults = keys.map((key) => [key, readConfig({ [key]: 'a-key' }).defaultModel.model]);
  expect(named).toEqual(Object.fromEntries(defaults));
});
