import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { gradeRuns } from '../../support/work/grade-runs.ts';
import {
  all,
  committed,
  completed,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  takeRole,
  type User,
} from '../support.ts';

// Rules that grade a sample of the runs of users: which runs, when, once, and what happens to
// failures.

const db = testDatabase();
let tenant: string;
let agentId: string;
let worker: string;
let admin: User;
let datasetId: string;

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  agentId = await makeAgent(db.pool, { tenant_id: tenant, name: `agent-${randomUUID()}` });
  admin = await makeUser(db.pool, { tenant_id: tenant, role: 'admin' });
  const dataset = await one<{ id: string }>(
    db.pool,
    'insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id',
    [tenant, `set-${randomUUID()}`],
  );
  datasetId = dataset.id;
  await makeGrader('polite', 'regex', { pattern: 'please' });
});

const makeGrader = (name: string, kind: string, configuration: object = {}) =>
  db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
     values ($1, $2, $3, $4, $5)`,
    [tenant, datasetId, name, kind, configuration],
  );

async function answered(output: string, columns = {}): Promise<string> {
  const id = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId, ...columns });
  await finish(db.pool, worker, id, { ...completed, output });
  return id;
}

/** Moves the end of runs and their steps into the past. */
const endedAgo = (ids: string[], time: string) =>
  committed(db.pool, async (client) => {
    await client.query(`set local session_replication_role = 'replica'`); // steps never change
    for (const text of [
      'update howdah.executions set completed_at = now() - $2::interval where id = any ($1)',
      `update howdah.steps set started_at = now() - $2::interval, finished_at = now() - $2::interval
       where execution_id = any ($1)`,
    ]) {
      await client.query(text, [ids, time]);
    }
  });

const asUser = <T>(user: User, text: string, values: unknown[] = []) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': user.tenant_id,
      'howdah.user_id': user.id,
    });
    return all<T & Record<string, unknown>>(client, text, values);
  });

type Rule = {
  id: string;
  next_at: Date | null;
  last_at: Date | null;
  graded_until_at: Date;
  last_error: { code: string; message: string } | null;
};

async function makeRule(columns: Record<string, unknown> = {}, user = admin): Promise<Rule> {
  const row = {
    ...{ name: `rule-${randomUUID()}`, dataset_id: datasetId, agent_id: agentId },
    ...columns,
  };
  const names = Object.keys(row);
  const [rule] = await asUser<Rule>(
    user,
    `insert into howdah.grading_rules (${names}) values (${names.map((_, n) => `$${n + 1}`)})
     returning *`,
    Object.values(row),
  );
  return rule as Rule;
}

async function isDueWithin(id: string, time: string): Promise<boolean> {
  const text = `select next_at <= clock_timestamp() + $2::interval as is_due
    from howdah.grading_rules where id = $1`;
  return (await one<{ is_due: boolean }>(db.pool, text, [id, time])).is_due;
}

const readRule = (id: string) =>
  one<Rule>(db.pool, 'select * from howdah.grading_rules where id = $1', [id]);

/** Does a rule as the job does that was enqueued now. */
const fire = ({ id }: { id: string }) =>
  db.pool.query(
    `select howdah_private.grade_by_rule(r.id, r.tenant_id, clock_timestamp())
     from howdah.grading_rules as r where r.id = $1`,
    [id],
  );

type Evaluation = { id: string; items: number; version: number; status: string };

const evaluationsOf = ({ id }: { id: string }) =>
  all<Evaluation & Record<string, unknown>>(
    db.pool,
    'select * from howdah.evaluations where grading_rule_id = $1 order by version, id',
    [id],
  );

async function gradedBy(rule: { id: string }) {
  await gradeRuns(db.pool);
  return all<{ execution_id: string; passed: boolean; scores: Record<string, unknown> }>(
    db.pool,
    `select r.* from howdah.evaluation_results as r
     join howdah.evaluations as v on v.id = r.evaluation_id
     where v.grading_rule_id = $1 order by r.execution_id`,
    [rule.id],
  );
}

const idsGradedBy = async (rule: { id: string }) =>
  (await gradedBy(rule)).map(({ execution_id }) => execution_id);

const runIds = async () =>
  (
    await all<{ id: string }>(db.pool, 'select id from howdah.executions where tenant_id = $1', [
      tenant,
    ])
  ).map(({ id }) => id);

describe('which runs', () => {
  test('a new rule is due at once, and grades the runs of the last interval', async () => {
    const good = await answered('please');
    const bad = await answered('no');
    await endedAgo([await answered('please')], '3 hours');
    const rule = await makeRule({ name: 'manners' });
    expect(await isDueWithin(rule.id, '0 s')).toBe(true);
    await fire(rule);
    const results = await gradedBy(rule);
    expect(results.map(({ execution_id, passed }) => [execution_id, passed])).toEqual([
      [good, true],
      [bad, false],
    ]);
    expect(await evaluationsOf(rule)).toMatchObject([
      { status: 'completed', items: 2, created_by: 'grading rule manners', agent_id: agentId },
    ]);
    expect(await readRule(rule.id)).toMatchObject({ last_error: null, last_at: expect.any(Date) });
    expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
  });

  test('without runs there is no evaluation, and no error', async () => {
    const rule = await makeRule();
    await fire(rule);
    expect(await evaluationsOf(rule)).toEqual([]);
    const { last_error, last_at, graded_until_at } = await readRule(rule.id);
    expect([last_error, last_at]).toEqual([null, expect.any(Date)]);
    expect(graded_until_at.getTime()).toBeGreaterThan(rule.graded_until_at.getTime());
  });

  test('a run is graded once by a rule, and by each of two rules', async () => {
    const run = await answered('please');
    const rules = [await makeRule(), await makeRule()] as const;
    for (let time = 0; time < 2; time += 1) {
      for (const rule of rules) await fire(rule);
      await gradeRuns(db.pool);
    }
    for (const rule of rules) {
      expect(await idsGradedBy(rule)).toEqual([run]);
      expect(await evaluationsOf(rule)).toMatchObject([{ items: 1, status: 'completed' }]);
    }
    const examples = await all(
      db.pool,
      'select score from howdah.training_examples where execution_id = $1',
      [run],
    );
    expect(examples).toEqual([{ score: 1 }]);
  });

  test('a sample takes some of the runs, and the runs of the next time are others', async () => {
    for (let run = 0; run < 5; run += 1) await answered('please');
    const rule = await makeRule({ sample: 3 });
    await fire(rule);
    const first = await idsGradedBy(rule);
    expect(first).toHaveLength(3);
    await endedAgo(await runIds(), '6 minutes');
    await db.pool.query('update howdah.grading_rules set graded_until_at = now() where id = $1', [
      rule.id,
    ]);
    const later = await answered('please');
    await fire(rule);
    expect((await idsGradedBy(rule)).filter((id) => !first.includes(id))).toEqual([later]);
  });

  test('each version has an evaluation of its own', async () => {
    await answered('please');
    await answered('please');
    await db.pool.query(`update howdah.agents set instruction = 'Other.' where id = $1`, [agentId]);
    await answered('no');
    const rule = await makeRule();
    await fire(rule);
    await gradeRuns(db.pool);
    expect(await evaluationsOf(rule)).toMatchObject([
      { version: 1, items: 2, totals: { passed: 2 } },
      { version: 2, items: 1, totals: { failed: 1 } },
    ]);
  });

  test('no runs of children, evaluations and judges, and none without readable contents', async () => {
    const parent = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId });
    await answered('please', { parent_execution_id: parent });
    await answered('please', { metadata: { evaluation_id: randomUUID() } });
    await answered('please', { metadata: { judged_execution_id: parent } });
    const erased = await answered('please');
    await db.pool.query('update howdah.executions set contents_erased_at = now() where id = $1', [
      erased,
    ]);
    const rule = await makeRule();
    await fire(rule);
    expect(await evaluationsOf(rule)).toEqual([]);
  });

  test('a delayed rule finds what has happened since the end of the run', async () => {
    await db.pool.query(
      `create schema if not exists helpdesk;
       create table if not exists helpdesk.tickets (id text primary key, reopened_at timestamptz);
       grant usage on schema helpdesk to howdah_app;
       grant select on helpdesk.tickets to howdah_app`,
    );
    await makeGrader('not reopened', 'sql', {
      query: `select from helpdesk.tickets as t
        where t.id = $1 #>> '{metadata,ticket}' and t.reopened_at is null`,
    });
    const tickets = [randomUUID(), randomUUID(), randomUUID()];
    await db.pool.query(
      `insert into helpdesk.tickets values ($1, null), ($2, now() - interval '4 days'), ($3, null)`,
      tickets,
    );
    const runs: string[] = [];
    for (const ticket of tickets) runs.push(await answered('please', { metadata: { ticket } }));
    await endedAgo(runs.slice(0, 2), '7 days 10 minutes');
    await endedAgo(runs.slice(2), '6 days 23 hours');
    const rule = await makeRule({ graders: ['not reopened'], delay_seconds: 7 * 86_400 });
    await fire(rule);
    expect(await gradedBy(rule)).toMatchObject([
      { execution_id: runs[0], passed: true },
      { execution_id: runs[1], passed: false },
    ]);
    await endedAgo(runs.slice(2), '7 days');
    await fire(rule);
    expect(await idsGradedBy(rule)).toEqual(runs);
  });

  test('a rule that was paused grades none of the runs before the last interval', async () => {
    const rule = await makeRule();
    await asUser(admin, 'update howdah.grading_rules set is_active = false where id = $1', [
      rule.id,
    ]);
    expect((await readRule(rule.id)).next_at).toBeNull();
    await db.pool.query(
      `update howdah.grading_rules set graded_until_at = now() - interval '1 day' where id = $1`,
      [rule.id],
    );
    await answered('please');
    await fire(rule);
    expect(await evaluationsOf(rule)).toEqual([]);
    await endedAgo([await answered('please')], '2 hours');
    await asUser(admin, 'update howdah.grading_rules set is_active = true where id = $1', [
      rule.id,
    ]);
    await fire(rule);
    expect(await evaluationsOf(rule)).toMatchObject([{ items: 1 }]);
  });
});

describe('when', () => {
  const enqueued = (id: string) =>
    all<{ payload: { due_at: string } }>(
      db.pool,
      `select p.payload from graphile_worker._private_jobs as p where p.key = $1`,
      [`grading rule ${id}`],
    );

  test('a due rule has one job, and is due again after its interval', async () => {
    const rule = await makeRule({ interval_seconds: 600 });
    const paused = await makeRule({ is_active: false });
    await db.pool.query(`select howdah_private.run_timers('gradings')`);
    await db.pool.query(`select howdah_private.run_timers('gradings')`);
    expect(await enqueued(rule.id)).toMatchObject([
      { payload: { id: rule.id, tenant_id: tenant } },
    ]);
    expect(await enqueued(paused.id)).toEqual([]);
    expect(await isDueWithin(rule.id, '1 minute')).toBe(false);
    expect(await isDueWithin(rule.id, '10 minutes')).toBe(true);
  });

  test('a job that comes twice, and two workers at once, do a rule once', async () => {
    await answered('please');
    const rule = await makeRule();
    const { now } = await one<{ now: string }>(
      db.pool,
      'select to_jsonb(clock_timestamp()) as now',
    );
    const again = () =>
      db.pool.query('select howdah_private.grade_by_rule($1, $2, $3)', [rule.id, tenant, now]);
    await Promise.all([again(), again(), again()]);
    const { last_at } = await readRule(rule.id);
    await answered('please');
    await gradeRuns(db.pool);
    await again();
    expect((await readRule(rule.id)).last_at).toEqual(last_at);
    expect(await evaluationsOf(rule)).toMatchObject([{ items: 1 }]);
  });

  test('a changed rule is due at once', async () => {
    const rule = await makeRule();
    await db.pool.query(`select howdah_private.run_timers('gradings')`);
    await asUser(admin, 'update howdah.grading_rules set sample = 7 where id = $1', [rule.id]);
    expect(await isDueWithin(rule.id, '0 s')).toBe(true);
  });
});

describe('a failure', () => {
  test('of a deleted agent or grader is stored, and the runs are graded when it is repaired', async () => {
    const run = await answered('please');
    const rule = await makeRule({ graders: ['polite'] });
    const other = await makeRule({ graders: ['polite'] });
    await db.pool.query('delete from howdah.graders where tenant_id = $1', [tenant]);
    await makeGrader('kind', 'regex', { pattern: 'please' });
    await fire(rule);
    expect((await readRule(rule.id)).last_error).toMatchObject({
      ...{ code: 'HWNTF', message: "there is no grader 'polite'" },
      detail: '{"field": "graders", "grader": "polite"}',
    });
    expect((await readRule(other.id)).last_error).toBeNull();
    await asUser(admin, `update howdah.grading_rules set graders = '{kind}' where id = $1`, [
      rule.id,
    ]);
    await fire(rule);
    expect(await idsGradedBy(rule)).toEqual([run]);
    expect((await readRule(rule.id)).last_error).toBeNull();
    await db.pool.query('select howdah.delete_agent($1)', [agentId]);
    await fire(rule);
    expect((await readRule(rule.id)).last_error).toMatchObject({ code: 'HWNTF' });
  });

  test('that is temporary is raised, so that the job is repeated', async () => {
    await answered('please');
    const rule = await makeRule();
    await db.pool.query(
      `create function public.tg_break() returns trigger language plpgsql as
       $$ begin raise exception using errcode = '40001', message = 'try again'; end $$;
       create trigger break before insert on howdah.evaluations
       for each row execute function public.tg_break()`,
    );
    try {
      expect(await refusal(fire(rule))).toMatchObject({ code: '40001' });
    } finally {
      await db.pool.query('drop function public.tg_break() cascade');
    }
    expect((await readRule(rule.id)).last_at).toBeNull();
    await fire(rule);
    expect(await evaluationsOf(rule)).toMatchObject([{ items: 1 }]);
  });

  const makeJudge = async () => {
    await makeAgent(db.pool, { tenant_id: tenant, name: 'judge' });
    await makeGrader('tone', 'rubric', { agent: 'judge', rubric: 'The answer is polite.' });
  };
  const judges = () =>
    all<{ id: string; input: string }>(
      db.pool,
      `select id, input from howdah.executions where tenant_id = $1 and metadata ? 'judged_execution_id'
       order by id`,
      [tenant],
    );

  test('of judges at a limit pauses the rule until the limit resets', async () => {
    await makeJudge();
    await answered('please');
    const rule = await makeRule({ graders: ['tone'], interval_seconds: 60 });
    const without = await makeRule({ graders: ['polite'], interval_seconds: 60 });
    await db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
       values ($1, 'tenant', 'runs', 'month', 1)`,
      [tenant],
    );
    for (const one of [rule, without]) await fire(one);
    await gradeRuns(db.pool);
    const { last_error, next_at } = await readRule(rule.id);
    expect(last_error).toMatchObject({
      code: 'HWQTA',
      message: expect.stringMatching(
        /^the limit of the tenant is reached: at most 1 runs per month/,
      ),
    });
    const { ends } = await one<{ ends: Date }>(
      db.pool,
      `select date_trunc('month', now() at time zone 'UTC') at time zone 'UTC'
         + interval '1 month' as ends`,
    );
    expect(next_at).toEqual(ends);
    expect(await evaluationsOf(rule)).toMatchObject([{ totals: { not_graded: 1 } }]);
    expect(await readRule(without.id)).toMatchObject({ last_error: null });
    expect(await evaluationsOf(without)).toMatchObject([{ totals: { passed: 1 } }]);
  });

  test('of judges that wait keeps the rule from more evaluations, and says so', async () => {
    await makeJudge();
    await answered('please');
    const rule = await makeRule({ graders: ['tone'] });
    await fire(rule);
    await gradeRuns(db.pool);
    const [evaluation] = await evaluationsOf(rule);
    await answered('please wait');
    await fire(rule);
    expect((await readRule(rule.id)).last_error).toMatchObject({
      code: 'running',
      message: `evaluation ${evaluation?.id} of this rule is not graded yet`,
    });
    const [judge] = await judges();
    await finish(db.pool, worker, judge?.id ?? '', {
      ...completed,
      output: '{"reason": "Polite.", "score": 1}',
    });
    await gradeRuns(db.pool);
    await fire(rule);
    await gradeRuns(db.pool);
    expect(await evaluationsOf(rule)).toMatchObject([
      { items: 1, status: 'completed' },
      { items: 1, status: 'running' },
    ]);
    expect((await readRule(rule.id)).last_error).toBeNull();
  });

  test('two rules ask different judges about one run, also when it was retried', async () => {
    await makeJudge();
    const run = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId });
    await finish(db.pool, worker, run, failed);
    const first = await makeRule({ graders: ['tone'] });
    await fire(first);
    await db.pool.query(
      `update howdah.graders set configuration = configuration || '{"rubric": "It is short."}'
       where tenant_id = $1 and name = 'tone'`,
      [tenant],
    );
    const second = await makeRule({ graders: ['tone'] });
    await fire(second);
    expect([await gradedBy(first), await gradedBy(second)]).toMatchObject([
      [{ passed: false, scores: {} }],
      [{ passed: false, scores: {} }],
    ]);
    await db.pool.query('select howdah.retry_execution($1)', [run]);
    await finish(db.pool, worker, run, { ...completed, output: 'please' });
    await gradeRuns(db.pool);
    const asked = await judges();
    expect(asked).toHaveLength(2);
    for (const { id, input } of asked) {
      const score = input.includes('It is short.') ? 1 : 0;
      await finish(db.pool, worker, id, { ...completed, output: JSON.stringify({ score }) });
    }
    expect([await gradedBy(first), await gradedBy(second)]).toMatchObject([
      [{ passed: false, scores: { tone: { score: 0 } } }],
      [{ passed: true, scores: { tone: { score: 1 } } }],
    ]);
    const left = 'select from howdah_private.due_grades where tenant_id = $1';
    expect(await all(db.pool, left, [tenant])).toEqual([]);
  });

  test('of a run that two rules have graded can be retried, and no cancellation ends it', async () => {
    await makeJudge();
    const run = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId });
    await finish(db.pool, worker, run, failed);
    await answered('please'); // waits for its judge
    const rules = [
      await makeRule({ graders: ['tone'] }),
      await makeRule({ graders: ['tone'] }),
    ] as const;
    for (const rule of rules) await fire(rule);
    await gradeRuns(db.pool);
    await db.pool.query('select howdah.retry_execution($1)', [run]);
    const [evaluation] = await evaluationsOf(rules[0]);
    await asUser(admin, 'select howdah.cancel_evaluation($1)', [evaluation?.id]);
    expect(
      await one(
        db.pool,
        'select status, howdah_private.repeat_of_root(id) as repeat from howdah.executions where id = $1',
        [run],
      ),
    ).toEqual({ status: 'queued', repeat: 1 });
    await finish(db.pool, worker, run, failed);
  });

  test('of runs is graded too, by the rules of a workflow as well', async () => {
    const run = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId });
    await finish(db.pool, worker, run, failed);
    const rule = await makeRule();
    await fire(rule);
    expect(await gradedBy(rule)).toMatchObject([{ execution_id: run, passed: false }]);
    const { id } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.workflows (tenant_id, name, type) values ($1, 'desk', 'chain') returning id`,
      [tenant],
    );
    const ofWorkflow = await makeRule({ agent_id: null, workflow_id: id });
    await fire(ofWorkflow);
    expect(await readRule(ofWorkflow.id)).toMatchObject({ last_error: null });
    expect(await evaluationsOf(ofWorkflow)).toEqual([]);
  });
});

describe('rights and checks', () => {
  test('only admins write, members and viewers read, and other tenants see nothing', async () => {
    const rule = await makeRule();
    const read = 'select id from howdah.grading_rules where id = $1';
    for (const role of ['member', 'viewer'] as const) {
      const user = await makeUser(db.pool, { tenant_id: tenant, role });
      expect(await refusal(makeRule({}, user)), role).toMatchObject({ code: 'HWDEN' });
      const change = 'update howdah.grading_rules set sample = 1 where id = $1';
      expect(await refusal(asUser(user, change, [rule.id])), role).toMatchObject({ code: 'HWDEN' });
      expect(await asUser(user, read, [rule.id]), role).toHaveLength(1);
    }
    const other = await makeUser(db.pool, { tenant_id: await makeTenant(db.pool), role: 'admin' });
    expect(await asUser(other, read, [rule.id])).toEqual([]);
    expect(await refusal(makeRule({}, other))).toMatchObject({ code: 'HWNTF' });
  });

  test('a rule never grades runs of another tenant', async () => {
    const rule = await makeRule();
    const stranger = await makeTenant(db.pool);
    const theirs = await makeAgent(db.pool, { tenant_id: stranger, name: 'theirs' });
    const run = await makeRun(db.pool, { tenant_id: stranger, agent_id: theirs });
    await finish(db.pool, worker, run, { ...completed, output: 'please' });
    await db.pool.query('select howdah_private.grade_by_rule($1, $2, clock_timestamp())', [
      rule.id,
      stranger,
    ]);
    expect((await readRule(rule.id)).last_at).toBeNull();
    await fire(rule);
    expect(await evaluationsOf(rule)).toEqual([]);
  });

  test.for([
    [{ sample: 0 }, 'sample'],
    [{ sample: 10_001 }, 'sample'],
    [{ interval_seconds: 59 }, 'interval_seconds'],
    [{ delay_seconds: -1 }, 'delay_seconds'],
    [{ name: '' }, 'name'],
    [{ graders: [] }, 'graders'],
    [{ graders: ['same'] }, 'graders'],
    [{ agent_id: null }, 'agent_id'],
  ] as const)('%j is refused', async ([columns, field]) => {
    await makeGrader('same', 'exact');
    const fault = await refusal(makeRule(columns));
    expect(fault.code).toMatch(/^(HWINV|23514)$/);
    expect(fault.detail).toContain(`"${field}"`);
  });

  test('a grader, a data set and an agent that do not exist are refused', async () => {
    for (const [columns, field] of [
      [{ graders: ['nobody'] }, 'graders'],
      [{ dataset_id: randomUUID() }, 'dataset_id'],
      [{ agent_id: randomUUID() }, 'agent_id'],
    ] as const) {
      const fault = await refusal(makeRule(columns));
      expect(fault).toMatchObject({ code: 'HWNTF', detail: expect.stringContaining(field) });
    }
  });

  test('the evaluations of a deleted rule stay', async () => {
    await answered('please');
    const rule = await makeRule();
    await fire(rule);
    const [evaluation] = await evaluationsOf(rule);
    await asUser(admin, 'delete from howdah.grading_rules where id = $1', [rule.id]);
    await gradeRuns(db.pool);
    expect(
      await one(db.pool, 'select grading_rule_id, status from howdah.evaluations where id = $1', [
        evaluation?.id,
      ]),
    ).toEqual({ grading_rule_id: null, status: 'completed' });
  });
});
