import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { makeQuestion } from '../open-questions.ts';
import {
  all,
  asRole,
  claim,
  commit,
  type Db,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  refusal,
  spawn,
} from '../support.ts';

const db = testDatabase();
let worker: string;
let tenant_id: string;
let agent_id: string;

beforeAll(async () => {
  worker = await makeWorker(db.pool);
  tenant_id = await makeTenant(db.pool);
  agent_id = await makeAgent(db.pool, { tenant_id, name: 'desk' });
});

const asAnalyst = <T>(work: (client: Db) => Promise<T>): Promise<T> =>
  asRole(db.pool, 'howdah_analyst', { 'howdah.tenant_id': tenant_id }, work);

async function ended(columns: object, to?: Record<string, unknown>): Promise<string> {
  const id = await makeRun(db.pool, { tenant_id, agent_id, ...columns });
  await finish(db.pool, worker, id, to);
  return id;
}

test('failures counts failed runs per day, agent and code, with the newest as an example', async () => {
  const failure = (code: string) => ({ ...failed, error: { ...failed.error, code } });
  await ended({}, failure('provider'));
  const newest = await ended({}, failure('provider'));
  const other = await ended({}, failure('refused'));
  await ended({});
  const rows = await asAnalyst((client) =>
    all(
      client,
      `select agent, stop_reason, code, runs::int, example_execution_id as example
       from howdah.failures where day >= current_date - 2 order by code`,
    ),
  );
  expect(rows).toEqual([
    { agent: 'desk', stop_reason: 'error', code: 'provider', runs: 2, example: newest },
    { agent: 'desk', stop_reason: 'error', code: 'refused', runs: 1, example: other },
  ]);
});

test('failures reads the runs of the days of its condition only', async () => {
  const plan = await asAnalyst((client) =>
    all(
      client,
      `explain (analyze, costs off, timing off, summary off)
       select * from howdah.failures where day = current_date + 400`,
    ),
  );
  const text = plan.map((row) => row['QUERY PLAN']).join('\n');
  expect(text).toContain('Function Scan on generate_series');
  expect(text).toContain('never executed');
});

test('approval_times tells how long people took, by agent and tool', async () => {
  const run = { tenant_id, agent_id };
  const given = await makeQuestion(db.pool, { kind: 'approval', run });
  const open = await makeQuestion(db.pool, { kind: 'approval', run });
  await makeQuestion(db.pool, { run });
  await db.pool.query('select howdah.approve($1)', [given.id]);
  await db.pool.query('alter table howdah.questions disable trigger _300_refuse_by_hand');
  await db.pool.query(
    `update howdah.questions set answered_at = created_at + interval '90 s' where id = $1`,
    [given.id],
  );
  await db.pool.query('alter table howdah.questions enable trigger _300_refuse_by_hand');
  const rows = await asAnalyst((client) =>
    all(
      client,
      `select question_id, execution_id, agent, tool, status, answer, answered_by is not null as is_named,
         case when status = 'answered' then seconds end as seconds, seconds >= 0 as is_counted
       from howdah.approval_times order by question_id`,
    ),
  );
  const common = { agent: 'desk', tool: 'refund', is_counted: true };
  expect(rows).toEqual([
    {
      ...{ ...common, question_id: given.id, execution_id: given.execution, status: 'answered' },
      ...{ answer: 'approve', is_named: true, seconds: 90 },
    },
    {
      ...{ ...common, question_id: open.id, execution_id: open.execution, status: 'open' },
      ...{ answer: null, is_named: false, seconds: null },
    },
  ]);
});

test('usage_by sums trees of runs per value of a key and period', async () => {
  const customer = (name: string) => ({ metadata: { customer: name } });
  const id = await makeRun(db.pool, { tenant_id, agent_id, ...customer('Ada') });
  const [claimed] = await claim(db.pool, worker, [id]);
  const model = { kind: 'model', name: 'm', tokens_in: 10, tokens_out: 1 };
  await commit(db.pool, worker, [
    { id, fence: claimed?.fence as number, after: 0, steps: [model] },
  ]);
  const child = await spawn(
    db.pool,
    worker,
    { id, fence: claimed?.fence as number, after: 1 },
    agent_id,
  );
  await finish(db.pool, worker, child);
  await ended(customer('Ada'), failed);
  await ended(customer('Bob'));
  await ended({});
  const rows = await asAnalyst((client) =>
    all(
      client,
      `select value, runs::int, completed::int, failed::int, tokens_in::int, tokens_out::int, cost::float
       from howdah.usage_by('customer', 'year')`,
    ),
  );
  expect(rows).toEqual([
    { value: 'Ada', runs: 2, completed: 0, failed: 1, tokens_in: 30, tokens_out: 11, cost: 0 },
    { value: 'Bob', runs: 1, completed: 1, failed: 0, tokens_in: 10, tokens_out: 5, cost: 0 },
  ]);
  const none = await asAnalyst((client) =>
    all(client, `select * from howdah.usage_by('customer', since => now() + interval '1 day')`),
  );
  expect(none).toEqual([]);
});

test.each([
  [`'customer', 'fortnight'`, 'unit'],
  [`'customer', null`, 'unit'],
  [`''`, 'key'],
])('usage_by(%s) is refused and names the field %s', async (given, field) => {
  expect(await refusal(db.pool.query(`select * from howdah.usage_by(${given})`))).toMatchObject({
    code: 'HWINV',
    fields: { field },
  });
});

test('the time in the queue begins when a run is due', async () => {
  const now = await makeRun(db.pool, { tenant_id, agent_id });
  const later = await makeRun(db.pool, {
    tenant_id,
    agent_id,
    run_at: new Date(Date.now() + 3_600_000).toISOString(),
  });
  await db.pool.query(
    `update howdah.executions set started_at = greatest(created_at, run_at) + interval '5 s' where id = any ($1)`,
    [[now, later]],
  );
  const rows = await asAnalyst((client) =>
    all(
      client,
      `select howdah.executions_queue_seconds(e) as seconds from howdah.executions as e where id = any ($1)`,
      [[now, later]],
    ),
  );
  expect(rows).toEqual([{ seconds: 5 }, { seconds: 5 }]);
  await db.pool.query('update howdah.executions set started_at = null where id = any ($1)', [
    [now, later],
  ]);
});
