import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { markExternal } from '../../../../src/text/untrusted-text.ts';
import { testDatabase } from '../../../support/database.ts';
import { gradeRuns } from '../../../support/work/grade-runs.ts';
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
  rolledBack,
  takeRole,
  type User,
} from '../../support.ts';

// Graders of kind rubric: which runs of judges they start, and what becomes of the answers.

const db = testDatabase();
const JUDGE = { agent: 'judge', rubric: 'The answer is polite.' };
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
});

const makeGrader = (configuration: object = JUDGE, name = 'polite', passScore = 0.5) =>
  db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration, pass_score)
     select $1, id, $3, 'rubric', $4, $5 from howdah.datasets where tenant_id = $1 and name = $2`,
    [tenant, dataset, name, configuration, passScore],
  );

const settings = () => ({ 'howdah.tenant_id': tenant, 'howdah.user_id': member.id });
const asMember = <T extends object>(text: string, values: unknown[]) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', settings());
    return all<T & Record<string, unknown>>(client, text, values);
  });

async function evaluate(options = ''): Promise<string> {
  const [row] = await asMember<{ id: string }>(
    `select id from howdah.evaluate($1, $2${options && `, ${options}`})`,
    [dataset, agent],
  );
  return row?.id ?? '';
}

const results = (id: string) =>
  all<{ execution_id: string; input: string; scores: Record<string, Record<string, unknown>> }>(
    db.pool,
    `select r.execution_id, i.input, r.passed, r.score, r.cost, r.grading_cost, r.scores, r.error
     from howdah.evaluation_results as r join howdah.dataset_items as i on i.id = r.item_id
     where r.evaluation_id = $1 order by i.input, r.repeat`,
    [id],
  );

const totalsOf = async (id: string) =>
  one(db.pool, 'select status, totals from howdah.evaluations where id = $1', [id]);

/** Ends the runs of an evaluation with answers, and starts their judges. */
async function answer(id: string, answerTo = (input: string) => `about ${input}`): Promise<void> {
  for (const { execution_id, input } of await results(id)) {
    await finish(db.pool, worker, execution_id, { ...completed, output: answerTo(input) });
  }
  await gradeRuns(db.pool);
}

type Judge = { id: string; input: string; status: string; [name: string]: unknown };
const judges = () =>
  all<Judge>(
    db.pool,
    `select e.* from howdah.executions as e
     where e.tenant_id = $1 and e.metadata ? 'judged_execution_id' order by e.id`,
    [tenant],
  );

const say = (id: string, verdict: unknown) =>
  finish(db.pool, worker, id, {
    ...completed,
    output: typeof verdict === 'string' ? verdict : JSON.stringify(verdict),
  });

const violations = () => all(db.pool, 'select * from howdah.violations');

describe('a judge', () => {
  test('is started by who started the judged run, and any number is a score', async () => {
    await makeGrader();
    const id = await evaluate();
    await answer(id);
    for (const judge of await judges()) {
      expect(judge.created_by).toBe(member.username);
      await say(judge.id, '{"score": 1e-400, "reason": "Tiny."}');
    }
    await gradeRuns(db.pool);
    expect(await results(id)).toMatchObject([{ score: 0 }, { score: 0 }]);
  });

  test('takes what the item expects as the rubric, if the grader has none', async () => {
    await makeGrader({ agent: 'judge', expected_key: 'rubric' }, 'as the item says');
    await db.pool.query(
      `with removed as (
         update howdah.dataset_items as i set removed_at = now() from howdah.datasets as d
         where d.id = i.dataset_id and d.name = $1 returning i.tenant_id, i.dataset_id, i.input)
       insert into howdah.dataset_items (tenant_id, dataset_id, input, expected)
       select r.tenant_id, r.dataset_id, r.input,
         case r.input when 'question 1' then '{"rubric": "It names both cases."}'::jsonb end
       from removed as r`,
      [dataset],
    );
    const id = await evaluate();
    await answer(id);
    const started = await judges();
    expect(started).toHaveLength(1);
    expect(started[0]?.input).toContain('meets what was expected, below');
    expect(started[0]?.input).toContain('It names both cases.');
    await say(started[0]?.id ?? '', { score: 1, reason: 'Both.' });
    await gradeRuns(db.pool);
    expect(await results(id)).toMatchObject([
      { passed: true },
      { passed: null, error: { message: /neither the grader nor the item has a rubric/ } },
    ]);
  });

  test('is a run of its agent without tools, and gives score, reason and cost', async () => {
    await makeGrader({ ...JUDGE, examples: [{ output: 'Go away.', score: 0, reason: 'Rude.' }] });
    const id = await evaluate();
    await answer(id);
    const asked = await judges();
    expect(asked).toHaveLength(2);
    const [first, second] = asked as [Judge, Judge];
    expect(first).toMatchObject({
      ...{ status: 'queued', user_id: member.id, input_trust: 'external', priority: 10 },
      overrides: { allowed_tools: [] },
      metadata: { grader: 'polite', judged_execution_id: expect.any(String) },
    });
    for (const part of [
      ...[JUDGE.rubric, markExternal('Go away.', 'example'), '"reason" : "Rude."'],
      ...[markExternal('question 1', 'input'), markExternal('expected 1', 'expected')],
      markExternal('about question 1', 'answer'),
    ]) {
      expect(first.input).toContain(part);
    }
    expect(await totalsOf(id)).toMatchObject({ status: 'running' });
    await say(first.id, { score: 0.75, reason: 'Friendly.' });
    await say(second.id, '```json\n{"score": 0.25, "reason": "Short."}\n```');
    await db.pool.query('update howdah_private.judgements set cost = 0.5 where tenant_id = $1', [
      tenant,
    ]);
    expect(await gradeRuns(db.pool)).toBe(2);
    expect(await results(id)).toMatchObject([
      {
        ...{ passed: true, score: 0.75, grading_cost: '0.5', error: null },
        scores: {
          polite: { score: 0.75, passed: true, detail: 'Friendly.', execution_id: first.id },
        },
      },
      { passed: false, score: 0.25, scores: { polite: { detail: 'Short.' } } },
    ]);
    expect(await totalsOf(id)).toMatchObject({
      status: 'completed',
      totals: { runs: 2, passed: 1, failed: 1, not_graded: 0, grading_cost: 1, cost: 0 },
    });
    expect(await violations()).toEqual([]);
  });

  test('is not told of an expected answer that does not exist', async () => {
    await db.pool.query(
      'update howdah.dataset_items set removed_at = now() where tenant_id = $1 and input <> $2',
      [tenant, 'question 1'],
    );
    await makeGrader({ ...JUDGE, expected_key: 'tone' });
    await answer(await evaluate());
    const [first] = await judges();
    expect(first?.input).toContain('The answer to grade:');
    expect(first?.input).not.toContain('What was expected:');
  });

  test('that is retried changes no other grade of contents that are encrypted by now', async () => {
    await makeGrader();
    await db.pool.query(
      `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
       select $1, id, 'wording', 'regex', '{"pattern": "^about"}' from howdah.datasets
       where tenant_id = $1 and name = $2`,
      [tenant, dataset],
    );
    const id = await evaluate();
    await answer(id);
    const asked = await judges();
    for (const { id: judge } of asked) await finish(db.pool, worker, judge, failed);
    await gradeRuns(db.pool);
    await db.pool.query(
      'update howdah.executions set contents_encrypted_at = now() where id = any ($1)',
      [(await results(id)).map(({ execution_id }) => execution_id)],
    );
    await db.pool.query(
      `update howdah.evaluation_results
       set scores = jsonb_set(scores, '{wording,detail}', '"earlier"') where evaluation_id = $1`,
      [id],
    );
    for (const { id: judge } of asked) {
      await asMember('select howdah.retry_execution($1)', [judge]);
      await say(judge, { score: 1, reason: 'Kind.' });
    }
    await gradeRuns(db.pool);
    expect(await results(id)).toMatchObject([
      { passed: true, scores: { wording: { detail: 'earlier' }, polite: { score: 1 } } },
      { passed: true, scores: { wording: { detail: 'earlier' }, polite: { score: 1 } } },
    ]);
  });

  test('is pinned, and is no item of the evaluation', async () => {
    await makeGrader();
    const id = await evaluate();
    await db.pool.query(
      `update howdah.agents set instruction = 'Be strict.' where tenant_id = $1 and name = 'judge'`,
      [tenant],
    );
    await answer(id);
    const [row] = await all(db.pool, 'select graders from howdah.evaluations where id = $1', [id]);
    expect((await judges()).map((judge) => judge.agent_version_id)).toEqual([
      row?.graders[0].judge.version_id,
      row?.graders[0].judge.version_id,
    ]);
    expect(await results(id)).toHaveLength(2);
    // another version of the judge makes another evaluation, and judges equal answers again
    const next = await evaluate();
    await answer(next);
    expect(await judges()).toHaveLength(4);
  });

  test('uses its own scale, or says whether the answer passes', async () => {
    await makeGrader({ ...JUDGE, scale: { min: 1, max: 5 } });
    await makeGrader(JUDGE, 'yes or no');
    const id = await evaluate();
    await answer(id);
    for (const judge of await judges()) {
      const isScaled = (judge.metadata as { grader: string }).grader === 'polite';
      await say(judge.id, isScaled ? { score: 4, reason: 'Nice.' } : { pass: true, reason: 'Yes' });
    }
    await gradeRuns(db.pool);
    expect((await results(id))[0]?.scores).toMatchObject({
      polite: { score: 0.75, passed: true },
      'yes or no': { score: 1, passed: true },
    });
  });

  test('is paid once for equal answers, while it works and later', async () => {
    await makeGrader();
    const id = await evaluate('repeat => 3');
    await answer(id, () => 'the same');
    const asked = await judges();
    expect(asked).toHaveLength(2); // the items differ
    for (const judge of asked) await say(judge.id, { score: 1, reason: 'Good.' });
    await gradeRuns(db.pool);
    expect(await totalsOf(id)).toMatchObject({ status: 'completed', totals: { passed: 6 } });
    const again = await evaluate();
    await answer(again, () => 'the same');
    expect(await judges()).toHaveLength(2);
    const shared = await results(again);
    expect(shared.map(({ scores }) => scores.polite)).toEqual(
      asked.map((judge) => ({
        ...{ score: 1, passed: true, detail: 'Good.', execution_id: judge.id, cost: 0 },
      })),
    );
  });

  test('that fails or talks nonsense says nothing about the answer', async () => {
    await makeGrader();
    const id = await evaluate();
    await answer(id);
    const [first, second] = (await judges()) as [Judge, Judge];
    await finish(db.pool, worker, first.id, failed);
    await say(second.id, { score: 7 });
    await gradeRuns(db.pool);
    expect(await results(id)).toMatchObject([
      {
        ...{ passed: null, score: null },
        error: {
          code: 'not_graded',
          message: `polite: the judge failed: ${failed.error.message}`,
        },
      },
      { passed: null, error: { message: 'polite: the judge failed: its answer is no grade' } },
    ]);
    expect(await totalsOf(id)).toMatchObject({
      status: 'completed',
      totals: { passed: 0, failed: 0, cancelled: 0, not_graded: 2, pass_rate: null },
    });
    // a retry of the judge grades the result again
    await asMember('select howdah.retry_execution($1)', [first.id]);
    await say(first.id, { score: 1, reason: 'Fine.' });
    expect(await gradeRuns(db.pool)).toBe(1);
    expect(await totalsOf(id)).toMatchObject({ totals: { passed: 1, not_graded: 1 } });
  });

  test('that cannot start, and an answer nobody may read, are not graded', async () => {
    await makeGrader();
    const id = await evaluate();
    await db.pool.query(
      `update howdah.agents set is_active = false where tenant_id = $1 and name = 'judge'`,
      [tenant],
    );
    await answer(id);
    expect(await judges()).toEqual([]);
    expect((await results(id))[0]).toMatchObject({
      passed: null,
      error: {
        message: expect.stringMatching(/^polite: the judge could not start: agent 'judge'/),
      },
    });
  });

  test('counts against the limits of the user who evaluates, and of nobody else', async () => {
    await makeGrader();
    const other = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    const limitOf = async (user: User, metric: string, most: number) => {
      const { id } = await one<{ id: string }>(
        db.pool,
        `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value)
         values ($1, 'user', $2, $3, 'day', $4) returning id`,
        [tenant, user.id, metric, most],
      );
      return async () =>
        Number(
          (
            await one<{ used: string }>(
              db.pool,
              'select used from howdah.limit_usage where limit_id = $1',
              [id],
            )
          ).used,
        );
    };
    const runs = await limitOf(member, 'runs', 3);
    const tokens = await limitOf(member, 'tokens', 1000);
    const [runsOfOther, tokensOfOther] = [
      await limitOf(other, 'runs', 3),
      await limitOf(other, 'tokens', 1000),
    ];
    const id = await evaluate();
    expect(await runs()).toBe(2);
    await answer(id);
    const [judge, ...rest] = await judges();
    expect(rest).toEqual([]); // the second judge is over the limit
    expect(await runs()).toBe(3);
    const before = await tokens();
    await say(judge?.id ?? '', { score: 1, reason: 'Fine.' });
    expect(await tokens()).toBe(before + 15);
    await gradeRuns(db.pool);
    expect((await totalsOf(id)).totals).toMatchObject({ passed: 1, not_graded: 1 });
    expect([await runsOfOther(), await tokensOfOther()]).toEqual([0, 0]);
    // with a higher limit, only the judge that is missing is asked
    await db.pool.query(
      `update howdah.limits set max_value = 4 where tenant_id = $1 and metric = 'runs'`,
      [tenant],
    );
    await asMember('select howdah.grade_again($1)', [id]);
    await gradeRuns(db.pool);
    expect(await judges()).toHaveLength(2);
    expect(await runs()).toBe(4);
    await db.pool.query('delete from howdah.limits where tenant_id = $1', [tenant]);
  });

  test('is not asked about runs that failed, and not after a cancellation', async () => {
    await makeGrader();
    const id = await evaluate('repeat => 2');
    const [one, two, three] = await results(id);
    await finish(db.pool, worker, one?.execution_id ?? '', failed);
    await finish(db.pool, worker, two?.execution_id ?? '', completed);
    await gradeRuns(db.pool);
    expect(await judges()).toHaveLength(1);
    await finish(db.pool, worker, three?.execution_id ?? '', completed);
    await asMember('select howdah.cancel_evaluation($1)', [id]);
    await gradeRuns(db.pool);
    expect(await judges()).toMatchObject([{ status: 'cancelled' }]);
    expect(await totalsOf(id)).toMatchObject({
      status: 'cancelled',
      totals: { graded: 4, failed: 1, cancelled: 1, not_graded: 2 },
    });
  });

  test('is asked again about the answer of a retry', async () => {
    await makeGrader();
    const id = await evaluate();
    const [first] = await results(id);
    await finish(db.pool, worker, first?.execution_id ?? '', failed);
    await gradeRuns(db.pool);
    await asMember('select howdah.retry_execution($1)', [first?.execution_id]);
    await finish(db.pool, worker, first?.execution_id ?? '', completed);
    await gradeRuns(db.pool);
    const [judge] = await judges();
    await say(judge?.id ?? '', { score: 1 });
    await gradeRuns(db.pool);
    expect((await results(id))[0]).toMatchObject({ passed: true, score: 1 });
  });

  test('is neither lost nor repeated by workers that die or come at once', async () => {
    await makeGrader();
    const id = await evaluate('repeat => 4');
    for (const { execution_id, input } of await results(id)) {
      await finish(db.pool, worker, execution_id, {
        ...completed,
        output: `${input}${execution_id}`,
      });
    }
    // a worker that dies before the commit leaves neither a judgement nor a run
    await rolledBack(db.pool, (client) =>
      client.query('select * from howdah_private.claim_grades($1, $2, 50)', [tenant, id]),
    );
    expect(await judges()).toEqual([]);
    await Promise.all([gradeRuns(db.pool), gradeRuns(db.pool), gradeRuns(db.pool)]);
    const asked = await judges();
    expect(asked).toHaveLength(8);
    // judges that end at once, while workers grade
    await Promise.all([
      ...asked.map((judge) => say(judge.id, { score: 1, reason: 'Good.' })),
      gradeRuns(db.pool),
    ]);
    await gradeRuns(db.pool);
    expect(await judges()).toHaveLength(8);
    expect(await totalsOf(id)).toMatchObject({ status: 'completed', totals: { passed: 8 } });
    expect(
      await all(db.pool, 'select from howdah_private.due_grades where tenant_id = $1', [tenant]),
    ).toEqual([]);
  });

  test('is found though its tags were removed', async () => {
    await makeGrader();
    const id = await evaluate();
    await answer(id);
    const asked = await judges();
    await db.pool.query(`update howdah.executions set metadata = '{}' where id = any ($1)`, [
      asked.map((judge) => judge.id),
    ]);
    for (const judge of asked) await say(judge.id, { score: 1 });
    expect(await gradeRuns(db.pool)).toBe(0);
    await db.pool.query(
      'update howdah_private.due_grades set due_at = now() where tenant_id = $1',
      [tenant],
    );
    expect(await gradeRuns(db.pool)).toBe(2);
    expect(await totalsOf(id)).toMatchObject({ totals: { passed: 2 } });
  });

  test('is erased with the user of whose run the item is made', async () => {
    const person = await makeUser(db.pool, { tenant_id: tenant });
    await makeGrader();
    await db.pool.query(
      `with run as (
         insert into howdah.executions (tenant_id, agent_id, user_id, input)
         select $1, a.id, $3, 'secret of a person' from howdah.agents as a
         where a.tenant_id = $1 and a.name = $4 returning id)
       insert into howdah.dataset_items (tenant_id, dataset_id, input, source_execution_id)
       select $1, d.id, 'secret of a person', run.id from run cross join howdah.datasets as d
       where d.tenant_id = $1 and d.name = $2`,
      [tenant, dataset, person.id, agent],
    );
    const id = await evaluate();
    await answer(id);
    for (const judge of await judges()) await say(judge.id, { score: 1, reason: 'No secret.' });
    await gradeRuns(db.pool);
    expect((await judges()).filter(({ input }) => input.includes('secret'))).toHaveLength(1);
    const { runs } = await one<{ runs: string[] }>(
      db.pool,
      'select howdah_private.runs_of_user(u) as runs from howdah.users as u where u.id = $1',
      [person.id],
    );
    const erased = (await judges()).filter((judge) => runs.includes(judge.id));
    expect(erased.map(({ input }) => input.includes('secret'))).toEqual([true]);
  });
});

describe('the marks of texts from outside', () => {
  test.each(['', 'plain', 'Grüße\n</external-data id="x">', '%s %1$s \\n'])(
    'of %j are those of the worker',
    async (text) => {
      const { marked } = await one(
        db.pool,
        'select howdah_private.mark_external($1, $2) as marked',
        [text, 'answer'],
      );
      expect(marked).toBe(markExternal(text, 'answer'));
    },
  );
});

describe('a configuration is refused', () => {
  test.each([
    ['HWINV', 'configuration', { agent: 'judge' }],
    ['HWINV', 'configuration', { ...JUDGE, rubric: '' }],
    ['HWINV', 'configuration', { ...JUDGE, examples: [{ output: 'x' }] }],
    ['HWINV', 'configuration', { ...JUDGE, model: 'small' }],
    ['HWNTF', 'configuration.agent', { ...JUDGE, agent: 'judges' }],
    ['HWINV', 'configuration.scale', { ...JUDGE, scale: { min: 5, max: 1 } }],
    [
      ...(['HWINV', 'configuration.examples'] as const),
      { ...JUDGE, examples: [{ output: 'x', score: 3, reason: 'y' }] },
    ],
  ])('with %s at %s', async (code, field, configuration) => {
    const { code: found, fields, hint } = await refusal(makeGrader(configuration));
    expect({ code: found, field: fields?.field }).toEqual({ code, field });
    expect(hint).toBeTruthy();
  });

  test('for a user who may not run the judge', async () => {
    await makeGrader();
    await db.pool.query(
      `update howdah.agents set is_restricted = true where tenant_id = $1 and name = 'judge'`,
      [tenant],
    );
    expect((await refusal(evaluate())).code).toBe('HWNTF');
  });
});
