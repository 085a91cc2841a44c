import { afterEach, expect, test } from 'vitest';
import type { CustomTool } from '../../src/contracts/agents/tool.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { callTools, makeAgent } from '../runtime/arrange.ts';
import { all, one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker, type TestWorkerOptions } from '../support/worker.ts';

const db = testDatabase();
const workers: Worker[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop(1_000)));
});

async function start(options: TestWorkerOptions): Promise<Worker> {
  const worker = await startTestWorker(db.url, options);
  workers.push(worker);
  return worker;
}

const toolNamed = (name: string, run: CustomTool['run'] = () => 'made'): CustomTool => ({
  ...{ name, description: 'Makes something.', parameters: { type: 'object' }, run },
});

/** Starts a worker that has the tool, and stops it: the tool is a row then. */
async function register(tool: CustomTool): Promise<void> {
  await (await startTestWorker(db.url, { tools: [tool] })).stop(0);
}

async function insertRun(agent: string): Promise<string> {
  const text = `insert into howdah.executions (agent_id, input) values ($1, 'go') returning id`;
  return (await one(db.pool, text, [agent])).id;
}

const whenDeferred = (id: string) =>
  eventually(
    db.pool,
    'the run deferred',
    'select 1 from howdah_private.runs_without_worker where execution_id = $1',
    [id],
  );

const whenEnded = (id: string) =>
  eventually(
    db.pool,
    'the run ended',
    `select status::text, (select string_agg(s.output::text, ' ') from howdah.steps as s
       where s.execution_id = e.id and s.kind = 'tool') as made
     from howdah.executions as e where e.id = $1 and e.completed_at is not null`,
    [id],
  );

const statusOf = (id: string) =>
  one(db.pool, 'select status::text, fence from howdah.executions where id = $1', [id]);

test('a run waits for a worker that has its custom tool, and others pass it', async () => {
  await register(toolNamed('make_label'));
  await start({});
  const labeller = await makeAgent(db.pool, {
    script: [callTools({ name: 'make_label', arguments: {} }), { content: 'labelled' }],
    tools: ['make_label'],
  });
  const plain = await makeAgent(db.pool, { script: [{ content: 'done' }] });
  const waiting = await insertRun(labeller);
  const passing = await insertRun(plain);
  await whenDeferred(waiting);
  expect(await whenEnded(passing)).toMatchObject({ status: 'completed' });
  expect(await statusOf(waiting)).toEqual({ status: 'queued', fence: 0 });
  await start({ tools: [toolNamed('make_label')] });
  expect(await whenEnded(waiting)).toEqual({
    status: 'completed',
    made: expect.stringContaining('made'),
  });
  expect(await all(db.pool, 'select * from howdah_private.runs_without_worker')).toEqual([]);
});

test('of two workers the one with the tool does all runs', async () => {
  await register(toolNamed('make_parcel'));
  await start({});
  await start({ tools: [toolNamed('make_parcel')], concurrency: 3 });
  const agent = await makeAgent(db.pool, {
    script: [callTools({ name: 'make_parcel', arguments: {} }), { content: 'packed' }],
    tools: ['make_parcel'],
  });
  await db.pool.query(
    `insert into howdah.executions (agent_id, input) select $1, 'go' from generate_series(1, 40)`,
    [agent],
  );
  const ended = await eventually(
    db.pool,
    'all runs ended',
    `select count(*)::int as runs, count(*) filter (where exists (
         select from howdah.steps as s where s.execution_id = e.id and s.kind = 'tool'
           and s.output::text like '%made%'))::int as made
     from howdah.executions as e where e.agent_id = $1
     having count(*) = count(e.completed_at)`,
    [agent],
  );
  expect(ended).toEqual({ runs: 40, made: 40 });
});

test('a run whose tool its worker loses goes on where the tool is', async () => {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<string>();
  const slow = toolNamed('make_first', async () => {
    begun.resolve();
    return end.promise;
  });
  const loser = await start({ tools: [slow, toolNamed('make_second')] });
  const agent = await makeAgent(db.pool, {
    script: [
      callTools({ name: 'make_first', arguments: {} }),
      callTools({ name: 'make_second', arguments: {} }),
      { content: 'both' },
    ],
    tools: ['make_first', 'make_second'],
  });
  const id = await insertRun(agent);
  await begun.promise;
  loser.replaceTools([]);
  end.resolve('first');
  await whenDeferred(id);
  expect(await statusOf(id)).toMatchObject({ status: 'queued' });
  await start({ tools: [toolNamed('make_first'), toolNamed('make_second')] });
  expect(await whenEnded(id)).toEqual({
    status: 'completed',
    made: expect.stringContaining('made'),
  });
});

test('a run waits for a worker that has its engine', async () => {
  await start({});
  const { id: agent } = await one(
    db.pool,
    `insert into howdah.agents (name, engine, engine_configuration)
     values ('poet', 'custom', '{"function": "verses"}') returning id`,
  );
  const id = await insertRun(agent);
  await whenDeferred(id);
  await start({ engines: [{ name: 'verses', answer: () => 'a verse' }] });
  expect(await whenEnded(id)).toMatchObject({ status: 'completed' });
});

test('a child run waits for its tool, and its parent for the child', async () => {
  await register(toolNamed('make_stamp'));
  await start({});
  const child = await makeAgent(db.pool, {
    script: [callTools({ name: 'make_stamp', arguments: {} }), { content: 'stamped' }],
    tools: ['make_stamp'],
  });
  await db.pool.query(
    `insert into howdah.tools (name, kind, agent_id, description, parameters)
     values ('stamper', 'agent', $1, 'Stamps.', '{"type": "object", "properties": {"input": {"type": "string"}}}')`,
    [child],
  );
  const parent = await makeAgent(db.pool, {
    script: [callTools({ name: 'stamper', arguments: { input: 'go' } }), { content: 'sent' }],
    tools: ['stamper'],
  });
  const id = await insertRun(parent);
  const { child_id } = await eventually(
    db.pool,
    'the child deferred',
    `select r.execution_id as child_id from howdah_private.runs_without_worker as r
     join howdah.executions as e on e.id = r.execution_id where e.parent_execution_id = $1`,
    [id],
  );
  await start({ tools: [toolNamed('make_stamp')] });
  expect(await whenEnded(child_id as string)).toMatchObject({ status: 'completed' });
  expect(await whenEnded(id)).toMatchObject({ status: 'completed' });
});

test('what is missing is named by the explanation and an alert, and is gone with the worker', async () => {
  await register(toolNamed('make_box'));
  await start({});
  const agent = await makeAgent(db.pool, {
    script: [callTools({ name: 'make_box', arguments: {} }), { content: 'boxed' }],
    tools: ['make_box'],
  });
  const id = await insertRun(agent);
  await whenDeferred(id);
  const explain = async () =>
    (await one(db.pool, 'select howdah.explain_execution($1) as why', [id])).why;
  expect(await explain()).toMatchObject({
    reason: 'worker_lacks_code',
    blocked_by: [{ kind: 'worker', detail: expect.stringContaining('the tool make_box') }],
    next: [{ action: 'start_worker' }],
  });
  await db.pool.query(
    `update howdah_private.alert_limits set threshold = 0 where name = 'worker_lacks_code'`,
  );
  const alerts = () =>
    all(db.pool, `select subject from howdah.alerts where name = 'worker_lacks_code'`);
  expect(await alerts()).toEqual([{ subject: 'the tool make_box' }]);
  await start({ tools: [toolNamed('make_box')] });
  await whenEnded(id);
  expect(await alerts()).toEqual([]);
});
