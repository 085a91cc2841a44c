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
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  takeRole,
  type User,
} from '../support.ts';

// howdah.grade_again: which results are graded again, what is kept, and what is paid.

const db = testDatabase();
let tenant: string;
let agent: string;
let worker: string;
let member: User;
let dataset: string;

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  agent = `agent-${randomUUID()}`;
  dataset = `set-${randomUUID()}`;
  await makeAgent(db.pool, { tenant_id: tenant, name: agent });
  await makeAgent(db.pool, { tenant_id: tenant, name: 'judge' });
  member = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  await db.pool.query(
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id)
     insert into howdah.dataset_items (tenant_id, dataset_id, input, expected)
     select $1, id, 'question ' || n, to_jsonb('expected ' || n)
     from made cross join generate_series(1, 2) as n`,
    [tenant, dataset],
  );
  await makeGrader('polite', 'rubric', { agent: 'judge', rubric: 'The answer is polite.' });
});

const makeGrader = (name: string, kind: string, configuration: object) =>
  db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration, pass_score)
     select $1, id, $3, $4, $5, 0.5 from howdah.datasets where tenant_id = $1 and name = $2`,
    [tenant, dataset, name, kind, configuration],
  );

const as = <T extends object>(user: User, text: string, values: unknown[]) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': user.tenant_id,
      'howdah.user_id': user.id,
    });
    return all<T & Record<string, unknown>>(client, text, values);
  });

async function evaluate(): Promise<string> {
  const text = 'select id from howdah.evaluate($1, $2)';
  const [row] = await as<{ id: string }>(member, text, [dataset, agent]);
  return row?.id ?? '';
}

async function gradeAgain(id: string, user = member): Promise<number> {
  const [row] = await as<{ due: number }>(user, 'select howdah.grade_again($1) as due', [id]);
  return row?.due ?? 0;
}

const results = (id: string) =>
  all<{ execution_id: string; input: string; scores: Record<string, Record<string, unknown>> }>(
    db.pool,
    `select r.execution_id, i.input, r.passed, r.score, r.grading_cost::float, r.scores, r.error
     from howdah.evaluation_results as r join howdah.dataset_items as i on i.id = r.item_id
     where r.evaluation_id = $1 order by i.input`,
    [id],
  );

const evaluationOf = (id: string) =>
  one(db.pool, 'select status, completed_at, totals from howdah.evaluations where id = $1', [id]);

/** Ends the runs of an evaluation with answers, and starts their judges. */
async function answer(id: string): Promise<void> {
  for (const { execution_id, input } of await results(id)) {
    await finish(db.pool, worker, execution_id, { ...completed, output: `about ${input}` });
  }
  await gradeRuns(db.pool);
}

type Judge = { id: string; [name: string]: unknown };
const judges = () =>
  all<Judge>(
    db.pool,
    `select e.* from howdah.executions as e
     where e.tenant_id = $1 and e.metadata ? 'judged_execution_id' order by e.id`,
    [tenant],
  );
const newestJudge = async () => (await judges()).at(-1)?.id ?? '';

const say = (id: string, verdict: unknown) =>
  finish(db.pool, worker, id, { ...completed, output: JSON.stringify(verdict) });

const setJudgeActive = (isActive: boolean) =>
  db.pool.query(`update howdah.agents set is_active = $2 where tenant_id = $1 and name = 'judge'`, [
    tenant,
    isActive,
  ]);

describe('results are graded again', () => {
  test('whose judge could not start', async () => {
    const id = await evaluate();
    await setJudgeActive(false);
    await answer(id);
    expect(await evaluationOf(id)).toMatchObject({
      status: 'completed',
      totals: { not_graded: 2 },
    });
    await setJudgeActive(true);
    expect(await gradeAgain(id)).toBe(2);
    expect(await evaluationOf(id)).toMatchObject({
      status: 'running',
      completed_at: null,
      totals: { graded: 0, not_graded: 0 },
    });
    expect(await gradeAgain(id)).toBe(0); // they are due already
    await gradeRuns(db.pool);
    for (const { id: judge } of await judges()) await say(judge, { score: 1, reason: 'Kind.' });
    await gradeRuns(db.pool);
    expect(await evaluationOf(id)).toMatchObject({
      status: 'completed',
      completed_at: expect.any(Date),
      totals: { passed: 2, not_graded: 0, graded: 2 },
    });
    expect(await gradeAgain(id)).toBe(0);
    expect(await evaluationOf(id)).toMatchObject({ status: 'completed' });
    const entries = await all(
      db.pool,
      `select detail from howdah.audit_log
       where tenant_id = $1 and action = 'grade_again' and object_id = $2 order by id`,
      [tenant, id],
    );
    expect(entries.map(({ detail }) => detail.results)).toEqual([2, 0, 0]);
  });

  test('whose judge failed or gave no grade, and no judge is paid twice', async () => {
    await makeGrader('brief', 'rubric', { agent: 'judge', rubric: 'The answer is brief.' });
    const id = await evaluate();
    await answer(id);
    const asked = await judges();
    expect(asked).toHaveLength(4);
    const graderOf = (judge: Judge) => (judge.metadata as { grader: string }).grader;
    for (const judge of asked) {
      if (graderOf(judge) === 'brief') await say(judge.id, { score: 1, reason: 'Short.' });
    }
    const [first, second] = asked.filter((judge) => graderOf(judge) === 'polite') as [Judge, Judge];
    await finish(db.pool, worker, first.id, failed);
    await say(second.id, { score: 7 });
    await db.pool.query('update howdah_private.judgements set cost = 0.25 where tenant_id = $1', [
      tenant,
    ]);
    await gradeRuns(db.pool);
    expect(await evaluationOf(id)).toMatchObject({ totals: { not_graded: 2 } });
    expect(await gradeAgain(id)).toBe(2);
    await gradeRuns(db.pool);
    const anew = (await judges()).slice(4);
    expect(anew.map(graderOf)).toEqual(['polite', 'polite']);
    for (const judge of anew) await say(judge.id, { score: 0.75, reason: 'Nice.' });
    await gradeRuns(db.pool);
    expect(await results(id)).toMatchObject([
      {
        // 0.25 for the judge that gave a grade, and 0.25 for the one that failed
        ...{ passed: true, error: null, grading_cost: 0.5 },
        scores: { brief: { detail: 'Short.' }, polite: { score: 0.75, execution_id: anew[0]?.id } },
      },
      { passed: true, grading_cost: 0.5, scores: { polite: { execution_id: anew[1]?.id } } },
    ]);
  });

  test('without those of graders that ended', async () => {
    await makeGrader('late', 'sql', { query: 'select 1' });
    await makeGrader('wording', 'regex', { pattern: '^about' });
    const id = await evaluate();
    await setJudgeActive(false);
    await answer(id);
    await db.pool.query(
      `update howdah.evaluation_results set scores = scores || '{"late": {"score": 0.5,
         "passed": true}, "wording": {"score": 0.5, "passed": true}}' where evaluation_id = $1`,
      [id],
    );
    await setJudgeActive(true);
    await gradeAgain(id);
    await gradeRuns(db.pool);
    for (const { id: judge } of await judges()) await say(judge, { score: 1 });
    const { argument, graders } = await one(
      db.pool,
      'select * from howdah_private.claim_grades($1, $2, 1)',
      [tenant, id],
    );
    expect({ graders, input: JSON.parse(argument).input }).toEqual({
      graders: [],
      input: expect.any(String),
    });
    await db.pool.query(
      'update howdah_private.due_grades set due_at = now() where tenant_id = $1',
      [tenant],
    );
    await gradeRuns(db.pool);
    for (const { scores } of await results(id)) {
      expect(scores).toMatchObject({
        ...{ late: { score: 0.5 }, wording: { score: 0.5 }, polite: { score: 1 } },
      });
    }
  });

  test('and a run that is retried meanwhile loses its earlier scores', async () => {
    await makeGrader('wording', 'regex', { pattern: '^about' });
    const id = await evaluate();
    await setJudgeActive(false);
    await answer(id);
    await gradeAgain(id);
    const [first] = await results(id);
    await db.pool.query(
      `update howdah.evaluation_results
       set scores = '{"wording": {"score": 0.5, "passed": true}}' where evaluation_id = $1`,
      [id],
    );
    // as the end of a retry does
    await db.pool.query(
      `select howdah_private.enqueue_grading(e) from howdah.executions as e where e.id = $1`,
      [first?.execution_id],
    );
    await gradeRuns(db.pool);
    expect((await results(id)).map(({ scores }) => scores.wording?.score)).toEqual([1, 0.5]);
  });

  test('by a judge that somebody has retried, which is waited for', async () => {
    const id = await evaluate();
    await answer(id);
    for (const { id: judge } of await judges()) await finish(db.pool, worker, judge, failed);
    await gradeRuns(db.pool);
    const [first, second] = (await judges()) as [Judge, Judge];
    await as(member, 'select howdah.retry_execution($1)', [first.id]);
    expect(await gradeAgain(id)).toBe(2);
    await gradeRuns(db.pool);
    expect(await judges()).toHaveLength(3);
    await say(first.id, { score: 1, reason: 'Fine.' });
    await say(await newestJudge(), { score: 0, reason: 'Rude.' });
    await gradeRuns(db.pool);
    const graded = await results(id);
    expect(graded).toMatchObject([
      { passed: true, scores: { polite: { execution_id: first.id } } },
      { passed: false, scores: { polite: { detail: 'Rude.' } } },
    ]);
    expect(graded[1]?.scores.polite?.execution_id).not.toBe(second.id);
    expect(await evaluationOf(id)).toMatchObject({ status: 'completed' });
  });

  test('by two callers at once, once', async () => {
    const id = await evaluate();
    await setJudgeActive(false);
    await answer(id);
    await setJudgeActive(true);
    const counts = await Promise.all([gradeAgain(id), gradeAgain(id), gradeRuns(db.pool)]);
    expect(counts.slice(0, 2).sort()).toEqual([0, 2]);
    await gradeRuns(db.pool);
    expect(await judges()).toHaveLength(2);
  });
});

describe('results stay as they are', () => {
  test('whose run is deleted, or whose contents are erased or encrypted', async () => {
    const id = await evaluate();
    await setJudgeActive(false);
    await answer(id);
    const [first, second] = await results(id);
    await db.pool.query(
      'update howdah.executions set contents_encrypted_at = now() where id = $1',
      [first?.execution_id],
    );
    await db.pool.query(
      'update howdah.evaluation_results set execution_id = null where execution_id = $1',
      [second?.execution_id],
    );
    expect(await gradeAgain(id)).toBe(0);
    expect(await evaluationOf(id)).toMatchObject({
      status: 'completed',
      totals: { not_graded: 2 },
    });
  });

  test('of an evaluation that is cancelled, before its judges start too', async () => {
    const id = await evaluate();
    await setJudgeActive(false);
    await answer(id);
    await gradeAgain(id);
    await as(member, 'select howdah.cancel_evaluation($1)', [id]);
    await gradeRuns(db.pool);
    expect(await evaluationOf(id)).toMatchObject({
      status: 'cancelled',
      totals: { graded: 2, not_graded: 2 },
    });
    expect(await judges()).toEqual([]);
    expect(await refusal(gradeAgain(id))).toMatchObject({
      code: 'HWCNF',
      fields: { field: 'evaluation', evaluation_id: id, status: 'cancelled' },
    });
  });

  test('for strangers, viewers and those who may not run the judge', async () => {
    const id = await evaluate();
    await setJudgeActive(false);
    await answer(id);
    const stranger = await makeUser(db.pool, {
      tenant_id: await makeTenant(db.pool),
      role: 'owner',
    });
    expect(await refusal(gradeAgain(id, stranger))).toMatchObject({ code: 'HWNTF' });
    expect(await refusal(gradeAgain(randomUUID()))).toMatchObject({
      code: 'HWNTF',
      fields: { field: 'evaluation' },
    });
    const viewer = await makeUser(db.pool, { tenant_id: tenant, role: 'viewer' });
    expect(await refusal(gradeAgain(id, viewer))).toMatchObject({ code: 'HWDEN' });
  });
});
