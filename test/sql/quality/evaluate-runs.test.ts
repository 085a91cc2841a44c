import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { pagesRead } from '../../support/database/pages-read.ts';
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

// howdah.evaluate_runs: which runs it grades, by which graders, and once.

const db = testDatabase();
const POLITE = { pattern: 'please' };
let tenant: string;
let agent: string;
let agentId: string;
let worker: string;
let member: User;
let dataset: string;

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  agent = `agent-${randomUUID()}`;
  agentId = await makeAgent(db.pool, { tenant_id: tenant, name: agent });
  member = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  dataset = `set-${randomUUID()}`;
  await db.pool.query('insert into howdah.datasets (tenant_id, name) values ($1, $2)', [
    tenant,
    dataset,
  ]);
  await makeGrader('polite', 'regex', POLITE);
});

const makeGrader = (name: string, kind: string, configuration: object = {}) =>
  db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
     select $1, id, $3, $4, $5 from howdah.datasets where tenant_id = $1 and name = $2`,
    [tenant, dataset, name, kind, configuration],
  );

async function ended(to: Record<string, unknown>, columns = {}): Promise<string> {
  const id = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId, ...columns });
  await finish(db.pool, worker, id, to);
  return id;
}

const answered = (output: string, columns = {}) => ended({ ...completed, output }, columns);

type Evaluation = { id: string; items: number; status: string; totals: Record<string, number> };

const evaluateRuns = (options = '', user = member, subject = agent) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': user.tenant_id,
      'howdah.user_id': user.id,
    });
    return one<Evaluation>(
      client,
      `select * from howdah.evaluate_runs($1, $2${options && `, ${options}`})`,
      [dataset, subject],
    );
  });

const evaluateItems = () =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant,
      'howdah.user_id': member.id,
    });
    const start = `select * from howdah.evaluate($1, $2, repeat => 3)`;
    return one<Evaluation>(client, start, [dataset, agent]);
  });

const read = (id: string) =>
  one<Evaluation>(db.pool, 'select * from howdah.evaluations where id = $1', [id]);

const results = (id: string) =>
  all<{ execution_id: string; [name: string]: unknown }>(
    db.pool,
    `select r.execution_id, r.item_id, r.passed, r.scores, r.error
     from howdah.evaluation_results as r where r.evaluation_id = $1 order by r.execution_id`,
    [id],
  );

test('runs that have ended are graded, and not repeated', async () => {
  const good = await answered('please wait');
  const bad = await answered('wait');
  const broken = await ended(failed);
  await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId }); // has not ended
  const { id, items, status } = await evaluateRuns();
  expect({ items, status }).toEqual({ items: 3, status: 'running' });
  expect(await gradeRuns(db.pool)).toBe(3);
  const graded = await results(id);
  const passed = new Map(graded.map((row) => [row.execution_id, row.passed]));
  expect(passed).toEqual(
    new Map([
      [good, true],
      [bad, false],
      [broken, false],
    ]),
  );
  expect(graded.every(({ item_id }) => item_id === null)).toBe(true);
  expect(await read(id)).toMatchObject({
    status: 'completed',
    totals: { runs: 3, passed: 1, failed: 2, pass_rate: 0.333333, pass_hat_k: 0.333333 },
  });
  const [runs] = await all(
    db.pool,
    'select count(*)::int from howdah.executions where tenant_id = $1',
    [tenant],
  );
  expect(runs).toEqual({ count: 4 });
  expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
});

test('a run is graded once, and a sample leaves the others', async () => {
  for (let run = 0; run < 4; run += 1) await answered('please');
  const first = await evaluateRuns('sample => 3');
  const second = await evaluateRuns();
  expect([first.items, second.items]).toEqual([3, 1]);
  expect(await refusal(evaluateRuns())).toMatchObject({
    ...{ code: 'HWINV', message: 'there are no runs of version 1 to grade' },
    detail: '{"field": "since"}',
  });
  await gradeRuns(db.pool);
  const ids = [...(await results(first.id)), ...(await results(second.id))];
  expect(new Set(ids.map(({ execution_id }) => execution_id)).size).toBe(4);
});

test('calls at the same time choose different runs', async () => {
  for (let run = 0; run < 6; run += 1) await answered('please');
  const both = await Promise.all([evaluateRuns('sample => 3'), evaluateRuns('sample => 3')]);
  expect(both.map(({ items }) => items)).toEqual([3, 3]);
  await gradeRuns(db.pool);
  for (const { id } of both) expect((await read(id)).totals).toMatchObject({ passed: 3 });
});

test('only root runs of the version and the time, which no evaluation has started', async () => {
  const parent = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId });
  await answered('please', { parent_execution_id: parent });
  await finish(db.pool, worker, parent, { ...completed, output: 'please' });
  await answered('please', { metadata: { evaluation_id: randomUUID() } });
  await answered('please', { metadata: { judged_execution_id: parent } });
  const { items } = await evaluateRuns();
  expect(items).toBe(1);
  await answered('please');
  await db.pool.query(`update howdah.agents set instruction = 'Other.' where id = $1`, [agentId]);
  const other = await answered('please');
  expect(await refusal(evaluateRuns(`until => now() - interval '1 hour'`))).toMatchObject({
    message: 'there are no runs of version 2 to grade',
  });
  const current = await evaluateRuns();
  expect((await results(current.id)).map(({ execution_id }) => execution_id)).toEqual([other]);
  expect((await evaluateRuns(`version => '1'`)).items).toBe(1);
});

test('graders that compare with an item are left out, and refused by name', async () => {
  await makeGrader('same', 'exact');
  await makeGrader('in key', 'regex', { expected_key: 'pattern' });
  await makeGrader('acted', 'sql', {
    query: `select where $1 ->> 'item_id' is null and $1 ->> 'input' = 'Hello.'
      and ($1 #>> '{metadata,ticket}')::int = 7`,
  });
  await answered('please', { input: 'Hello.', metadata: { ticket: 7 } });
  for (const name of ['same', 'in key']) {
    expect(await refusal(evaluateRuns(`graders => '{polite,${name}}'`))).toMatchObject({
      ...{ code: 'HWINV', message: `grader '${name}' compares with what an item expects` },
      hint: expect.stringMatching(/^A run that exists expects nothing\. Name graders such as sql/),
    });
  }
  const { id } = await evaluateRuns();
  await gradeRuns(db.pool);
  const [result] = await results(id);
  expect(result).toMatchObject({
    passed: true,
    scores: { polite: { score: 1 }, acted: { score: 1 } },
  });
  expect(Object.keys(result?.scores ?? {})).toHaveLength(2);
});

test('a data set whose graders all need items is refused', async () => {
  await db.pool.query('delete from howdah.graders where tenant_id = $1', [tenant]);
  await makeGrader('same', 'exact');
  await answered('please');
  expect(await refusal(evaluateRuns())).toMatchObject({ code: 'HWINV' });
  const [count] = await all(
    db.pool,
    'select count(*)::int from howdah.evaluations where tenant_id = $1',
    [tenant],
  );
  expect(count).toEqual({ count: 0 });
});

test('a judge sees the input of the run, and comes after runs that people wait for', async () => {
  await makeAgent(db.pool, { tenant_id: tenant, name: 'judge' });
  await makeGrader('tone', 'rubric', { agent: 'judge', rubric: 'The answer is polite.' });
  const run = await answered('please', { input: 'Where is my order?' });
  const { id } = await evaluateRuns(`graders => '{tone}'`);
  await gradeRuns(db.pool);
  const judge = await one<{ id: string; input: string; priority: number }>(
    db.pool,
    `select id, input, priority from howdah.executions
     where tenant_id = $1 and metadata ->> 'judged_execution_id' = $2`,
    [tenant, run],
  );
  expect(judge.priority).toBe(10);
  expect(judge.input).toContain('Where is my order?');
  expect(judge.input).not.toContain('What was expected');
  await finish(db.pool, worker, judge.id, {
    ...completed,
    output: '{"reason": "Polite.", "score": 1}',
  });
  await gradeRuns(db.pool);
  expect(await read(id)).toMatchObject({ status: 'completed', totals: { passed: 1 } });
});

test('a run that is retried before or after its grade is graded again', async () => {
  const run = await ended(failed);
  const { id } = await evaluateRuns();
  await db.pool.query('select howdah.retry_execution($1)', [run]);
  await gradeRuns(db.pool);
  expect((await read(id)).status).toBe('running');
  await finish(db.pool, worker, run, failed);
  await gradeRuns(db.pool);
  expect(await read(id)).toMatchObject({ status: 'completed', totals: { failed: 1 } });
  await db.pool.query('select howdah.retry_execution($1)', [run]);
  await finish(db.pool, worker, run, { ...completed, output: 'please' });
  await gradeRuns(db.pool);
  expect(await read(id)).toMatchObject({ status: 'completed', totals: { passed: 1 } });
});

test('a claim of two runs does not read the other runs of the queue', async () => {
  for (let run = 0; run < 60; run += 1) await answered('please');
  const { id } = await evaluateRuns();
  const text = 'select * from howdah_private.claim_grades($1, $2, 2)';
  expect(await pagesRead(db.pool, text, [tenant, id])).toBeLessThan(100);
});

test('runs of an evaluation that was deleted leave the queue', async () => {
  for (let run = 0; run < 60; run += 1) await answered('please');
  const { id } = await evaluateRuns();
  await db.pool.query('delete from howdah.evaluations where id = $1', [id]);
  await gradeRuns(db.pool);
  expect(
    await all(db.pool, 'select from howdah_private.due_grades where tenant_id = $1', [tenant]),
  ).toEqual([]);
});

test('people grade them, and what was good becomes a training example', async () => {
  const run = await answered('please', { input: 'Hello?' });
  const { id } = await evaluateRuns();
  await gradeRuns(db.pool);
  const queue = await committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant,
      'howdah.user_id': member.id,
    });
    const waiting = await all<{ evaluation_result_id: string }>(
      client,
      'select evaluation_result_id, item_id, input, output from howdah.grade_queue where evaluation_id = $1',
      [id],
    );
    await client.query('select howdah.grade($1, 0.5)', [waiting[0]?.evaluation_result_id]);
    return waiting;
  });
  expect(queue).toMatchObject([{ item_id: null, input: 'Hello?', output: 'please' }]);
  const agreement = await all(db.pool, 'select * from howdah.grader_agreement($1)', [id]);
  expect(agreement[0]).toMatchObject({ grader: null, results: 1, mean_difference: 0.5 });
  const examples = await all(
    db.pool,
    `select item_id, source, score, input from howdah.training_examples
     where tenant_id = $1 and execution_id = $2`,
    [tenant, run],
  );
  expect(examples).toEqual([{ item_id: null, source: 'people', score: 0.5, input: 'Hello?' }]);
});

test('feedback of users is the score of an example, graded or not', async () => {
  const rated = [await answered('please'), await answered('no')];
  const { id } = await evaluateRuns();
  await gradeRuns(db.pool);
  for (const run of rated) {
    await db.pool.query('select howdah.give_feedback($1, 0.2, user_id => $2)', [run, member.id]);
  }
  const examples = () =>
    all(
      db.pool,
      `select source, score, dataset_id is not null as is_of_dataset from howdah.training_examples
       where tenant_id = $1 and execution_id = any ($2) order by execution_id`,
      [tenant, rated],
    );
  const of = { source: 'feedback', score: 0.2 };
  expect(await examples()).toEqual(rated.map(() => ({ ...of, is_of_dataset: true })));
  await db.pool.query(
    'update howdah.evaluation_results set passed = null, score = null where evaluation_id = $1',
    [id],
  );
  expect(await examples()).toEqual(rated.map(() => ({ ...of, is_of_dataset: false })));
});

test('values out of range are refused, and a viewer may not grade', async () => {
  await answered('please');
  for (const [options, field] of [
    ['sample => 0', 'sample'],
    ['sample => null', 'sample'],
    ['sample => 10001', 'sample'],
    [`since => now() + interval '1 day'`, 'since'],
    [`since => '-infinity'`, 'since'],
    [`until => 'infinity'`, 'since'],
  ] as const) {
    const fault = await refusal(evaluateRuns(options));
    expect(fault, options).toMatchObject({ code: 'HWINV', detail: `{"field": "${field}"}` });
  }
  const viewer = await makeUser(db.pool, { tenant_id: tenant, role: 'viewer' });
  expect(await refusal(evaluateRuns('', viewer))).toMatchObject({ code: 'HWDEN' });
  const other = await makeUser(db.pool, { tenant_id: await makeTenant(db.pool), role: 'admin' });
  expect(await refusal(evaluateRuns('', other))).toMatchObject({ code: 'HWNTF' });
});

test.each(['anonymise', 'delete'])(
  'a run that is erased before, by %s, is not graded',
  async (mode) => {
    const ada = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    await answered('please', { user_id: ada.id });
    await answered('please');
    const { id } = await evaluateRuns();
    await committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant]);
      await client.query('select howdah.erase_user($1, $2)', [ada.id, mode]);
    });
    await gradeRuns(db.pool);
    expect(await read(id)).toMatchObject({
      status: 'completed',
      totals: { passed: 1, not_graded: 1, cancelled: 0 },
    });
  },
);

test('two evaluations of live runs are compared as two groups', async () => {
  const answerAll = async (outputs: string[]) => {
    for (const output of outputs) {
      const run = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId });
      await finish(db.pool, worker, run, { ...completed, output });
    }
    const { id } = await evaluateRuns(`graders => '{polite}'`);
    await gradeRuns(db.pool);
    return id;
  };
  const before = await answerAll(Array(20).fill('please'));
  const after = await answerAll([...Array(15).fill('no'), ...Array(5).fill('please')]);
  const { compared } = await one(db.pool, 'select howdah.compare_evaluations($1, $2) as compared', [
    before,
    after,
  ]);
  expect(compared).toMatchObject({
    ...{ is_paired: false, items: 0, slices: [], regressions: [], improvements: [] },
    pass_rate: { a: 1, b: 0.25, difference: -0.75, verdict: 'lower' },
    score: { a: 1, b: 0.25, verdict: 'lower' },
  });
  const { same } = await one(db.pool, 'select howdah.compare_evaluations($1, $1) as same', [
    before,
  ]);
  expect(same).toMatchObject({
    ...{ is_paired: false, items: 0 },
    pass_rate: { a: 1, b: 1, difference: 0, verdict: 'inside the noise' },
  });
});

test('live runs and items are two groups, in which an item is one observation', async () => {
  for (let run = 0; run < 12; run += 1) await answered(run < 6 ? 'please' : 'no');
  const live = await evaluateRuns();
  await db.pool.query(
    `insert into howdah.dataset_items (tenant_id, dataset_id, input)
     select tenant_id, id, n::text from howdah.datasets cross join generate_series(1, 2) as n
     where tenant_id = $1 and name = $2`,
    [tenant, dataset],
  );
  const items = await evaluateItems();
  // two of three repeats of an item pass, and none of the other one
  const runs = await all(
    db.pool,
    `select execution_id, repeat > 1 and dense_rank() over (order by item_id) = 1 as is_polite
     from howdah.evaluation_results where evaluation_id = $1`,
    [items.id],
  );
  for (const { execution_id, is_polite } of runs) {
    await finish(db.pool, worker, execution_id, {
      ...completed,
      output: is_polite ? 'please' : 'no',
    });
  }
  await gradeRuns(db.pool);
  const { compared } = await one(db.pool, 'select howdah.compare_evaluations($1, $2) as compared', [
    live.id,
    items.id,
  ]);
  expect(compared).toMatchObject({
    ...{ is_paired: false, items: 0, slices: [], regressions: [], improvements: [] },
    pass_rate: { a: 0.5, b: 0.333333, verdict: 'inside the noise' },
  });
});
