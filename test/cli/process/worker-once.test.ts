import { expect, onTestFinished, test } from 'vitest';
import { startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import { createLatch, executionOf, insertRun, makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli, startCli } from '../run-cli.ts';

const db = testDatabase();

test('howdah worker --once finishes due runs and their children, then exits; later runs stay queued', async () => {
  const child = await makeAgent(db.pool, { script: [{ content: 'looked', delay_ms: 300 }] });
  const parent = await makeAgent(db.pool, {
    script: [
      { tool_calls: [{ name: 'calculator', arguments: { expression: '1 + 1' } }] },
      { content: 'done', delay_ms: 300 },
    ],
  });
  await db.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     select a.id, 'go', clock_timestamp() + a.after
     from (values ($1::uuid, interval '0'), ($1, interval '1 day'), ($2, interval '0')) as a (id, after),
       generate_series(1, 20)`,
    [child, parent],
  );
  const { status, stdout, stderr } = await runCli(db.url, 'worker', '--once');
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  expect(stderr).toContain('No more runs are due.');
  const { rows } = await db.pool.query(
    `select e.status, e.output, e.owner_worker, count(*)::int as runs from howdah.executions as e
     group by e.status, e.output, e.owner_worker order by e.output`,
  );
  expect(rows).toEqual([
    { status: 'completed', output: 'done', owner_worker: null, runs: 20 },
    { status: 'completed', output: 'looked', owner_worker: null, runs: 20 },
    { status: 'queued', output: null, owner_worker: null, runs: 20 },
  ]);
  expect((await runCli(db.url, 'worker', '--once')).stderr).toContain('No more runs are due.');
});

test('Ctrl-C lets calls in progress finish and starts no new ones', async () => {
  const gate = createLatch();
  const server = await startOpenAiServer(async () => {
    await gate.opened;
    return { content: 'late' };
  });
  onTestFinished(() => server.close());
  const slow = await makeAgent(db.pool, {
    models: [{ provider: 'openai', base_url: server.url }],
  });
  const id = await insertRun(db.pool, slow);
  const worker = startCli(db.url, 'worker', '--once');
  await expect.poll(() => server.requests.length).toBe(1);
  await expect.poll(worker.stderr).toContain('Howdah is ready.'); // Ctrl-C is handled from now on
  worker.interrupt();
  await expect.poll(worker.stderr).toContain('Draining 1 runs.');
  gate.open();
  expect((await worker.end()).status).toBe(0);
  expect((await executionOf(db.pool, id)).status).toBe('completed');
});
