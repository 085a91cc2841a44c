import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { gradeRuns } from '../../support/work/grade-runs.ts';
import {
  all,
  completed,
  failed,
  finish,
  makeAgent,
  makeTenant,
  makeWorker,
  one,
  refusal,
  rolledBack,
  takeRole,
} from '../support.ts';

// What the repeats of an item say together, and how sure answers are of themselves.

const db = testDatabase();
let tenant: string;
let worker: string;

const asTenant = <T extends object>(text: string, values: unknown[] = []) =>
  rolledBack(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant });
    return all<T & Record<string, unknown>>(client, text, values);
  });

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
});

type Answer = { output?: string; output_data?: object } | 'failed';

/**
 * Evaluates a new agent on a data set, whose items expect `yes`. Each item has the answers of its
 * repeats.
 */
async function evaluated(dataset: string, answers: Record<string, Answer[]>): Promise<string> {
  const agent = await makeAgent(db.pool, { tenant_id: tenant });
  const repeat = Object.values(answers)[0]?.length ?? 1;
  const { id } = await one(
    db.pool,
    `select (x.e).id from (
       select set_config('howdah.tenant_id', $1, false),
         howdah.evaluate($2, $3, repeat => $4) as e) as x`,
    [
      tenant,
      dataset,
      (await one(db.pool, 'select name from howdah.agents where id = $1', [agent])).name,
      repeat,
    ],
  );
  const results = await all<{ execution_id: string; input: string; repeat: number }>(
    db.pool,
    `select r.execution_id, r.repeat, i.input from howdah.evaluation_results as r
     join howdah.dataset_items as i on i.id = r.item_id where r.evaluation_id = $1`,
    [id],
  );
  for (const { execution_id, input, repeat: nth } of results) {
    const answer = answers[input]?.[nth - 1] ?? 'failed';
    await finish(
      db.pool,
      worker,
      execution_id,
      answer === 'failed' ? failed : { ...completed, ...answer },
    );
  }
  await gradeRuns(db.pool);
  return id;
}

async function makeDataset(inputs: string[]): Promise<string> {
  const name = `set-${randomUUID()}`;
  await db.pool.query(
    `with made as (
       insert into howdah.datasets (tenant_id, name) values ($1, $2) returning tenant_id, id),
     grader as (
       insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
       select tenant_id, id, 'yes of ' || $2, 'json_fields', '{"fields": ["answer"]}' from made)
     insert into howdah.dataset_items (tenant_id, dataset_id, input, expected)
     select tenant_id, id, i.input, '{"answer": "yes"}' from made
     cross join unnest($3::text[]) as i (input)`,
    [tenant, name, inputs],
  );
  return name;
}

const say = (answer: string, confidence?: unknown): Answer => ({
  output_data: { answer, ...(confidence !== undefined && { confidence }) },
});

test('an item has how often its repeats passed, and how much they differ', async () => {
  const dataset = await makeDataset(['sure', 'shaky', 'wrong']);
  const id = await evaluated(dataset, {
    sure: [say('yes', 0.9), say('yes', 0.7)],
    shaky: [say('yes'), say('no')],
    wrong: [say('no', 0.2), 'failed'],
  });
  const items = await asTenant(
    `select input, runs, graded, passed, pass_rate, flakiness, score, score_deviation, confidence
     from howdah.evaluation_items where evaluation_id = $1 order by flakiness desc, input`,
    [id],
  );
  expect(items).toEqual([
    {
      ...{ input: 'shaky', runs: 2, graded: 2, passed: 1, pass_rate: 0.5, flakiness: 1 },
      ...{ score: 0.5, score_deviation: Math.SQRT1_2, confidence: null },
    },
    {
      ...{ input: 'sure', runs: 2, graded: 2, passed: 2, pass_rate: 1, flakiness: 0 },
      ...{ score: 1, score_deviation: 0, confidence: 0.8 },
    },
    {
      ...{ input: 'wrong', runs: 2, graded: 2, passed: 0, pass_rate: 0, flakiness: 0 },
      ...{ score: 0, score_deviation: 0, confidence: 0.2 },
    },
  ]);
});

test('the confidence of answers is compared with how many of them passed', async () => {
  const dataset = await makeDataset(['a', 'b', 'c', 'd']);
  const id = await evaluated(dataset, {
    a: [say('yes', 0.9)],
    b: [say('no', 0.9)],
    c: [{ output: '```json\n{"answer": "yes", "confidence": 0.55}\n```' }],
    d: [say('yes')],
  });
  const { totals } = await one(db.pool, 'select totals from howdah.evaluations where id = $1', [
    id,
  ]);
  // 0.9 twice with one right: 0.4 off; 0.55 once and right: 0.45 off
  expect(totals).toMatchObject({
    confidence: 0.783333,
    calibration_error: Number(((2 * 0.4 + 0.45) / 3).toFixed(6)),
  });
});

test('what is no share of one is no confidence', async () => {
  const dataset = await makeDataset(['a', 'b', 'c', 'd']);
  const id = await evaluated(dataset, {
    a: [say('yes', 'high')],
    b: [say('yes', 90)],
    c: [{ output: 'my "confidence" is 0.5' }],
    d: [say('yes', -0.1)],
  });
  expect(
    await all(
      db.pool,
      'select distinct confidence from howdah.evaluation_results where evaluation_id = $1',
      [id],
    ),
  ).toEqual([{ confidence: null }]);
  const { totals } = await one(db.pool, 'select totals from howdah.evaluations where id = $1', [
    id,
  ]);
  expect(totals).toMatchObject({ confidence: null, calibration_error: null });
});

test('no answer of a model stops the grading of an evaluation', async () => {
  const dataset = await makeDataset(['a', 'b', 'c', 'd', 'e']);
  const id = await evaluated(dataset, {
    a: [{ output: '{"answer": "yes", "confidence": 1e-400}' }],
    b: [{ output: '{"big": 1e-99999, "confidence": 0.5}' }],
    c: [{ output: '{"a": "\\u0000", "confidence": 0.5}' }],
    d: [{ output: `${'['.repeat(200_000)}"confidence"` }],
    e: [{ output: '{"answer": "yes", "confidence": 1e-200}' }],
  });
  const { status, totals } = await one(
    db.pool,
    'select status, totals from howdah.evaluations where id = $1',
    [id],
  );
  expect({ status, graded: totals.graded }).toEqual({ status: 'completed', graded: 5 });
  expect(
    await asTenant(`select count(*)::int from howdah.leaderboard($1, measure => 'brier_score')`, [
      dataset,
    ]),
  ).toEqual([{ count: 1 }]);
});

test('contenders are ranked by how well they know what they know', async () => {
  const inputs = Array.from({ length: 6 }, (_, index) => `question ${index}`);
  const dataset = await makeDataset(inputs);
  const answersOf = (right: number, wrong: number) =>
    Object.fromEntries(
      inputs.map((input, index) => [input, [index < 3 ? say('yes', right) : say('no', wrong)]]),
    );
  const boaster = await evaluated(dataset, answersOf(0.9, 0.9));
  const honest = await evaluated(dataset, answersOf(0.9, 0.1));
  const silent = await evaluated(dataset, answersOf(NaN, NaN));
  const rows = await asTenant(
    `select evaluation_id, brier_score, calibration_error, difference, verdict
     from howdah.leaderboard($1, measure => 'brier_score')`,
    [dataset],
  );
  expect(rows).toMatchObject([
    { evaluation_id: honest, verdict: null },
    { evaluation_id: boaster },
    { evaluation_id: silent, brier_score: null, calibration_error: null, difference: null },
  ]);
  expect(rows[0]?.brier_score).toBeCloseTo(0.01, 10);
  expect(rows[1]?.brier_score).toBeCloseTo((0.01 + 0.81) / 2, 10);
  expect(rows[1]?.difference).toBeCloseTo(0.4, 10);
  const error = await refusal(
    asTenant(`select howdah.leaderboard($1, measure => 'luck')`, [dataset]),
  );
  expect(error).toMatchObject({ code: 'HWINV', hint: /brier_score/ });
});

test('another tenant has no items of an evaluation', async () => {
  const dataset = await makeDataset(['a']);
  const id = await evaluated(dataset, { a: [say('yes')] });
  const other = await makeTenant(db.pool);
  const read = (of: string) =>
    rolledBack(db.pool, async (client) => {
      await takeRole(client, 'howdah_app', { 'howdah.tenant_id': of });
      return all(client, 'select from howdah.evaluation_items where evaluation_id = $1', [id]);
    });
  expect(await read(other)).toEqual([]);
  expect(await read(tenant)).toHaveLength(1);
});
