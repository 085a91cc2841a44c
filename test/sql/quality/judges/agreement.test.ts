import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import {
  all,
  asRole,
  completed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  type User,
} from '../../support.ts';

// Agreement of graders with people, on results whose figures are known.

const db = testDatabase();
let tenant: string;
let agent: string;
let people: User[];
let evaluation: string;
let results: string[];

/** What the grader and the first person said about ten results. */
const GRADER = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0];
const PERSON = [1, 1, 1, 1, 0, 0, 0, 0, 0, 1];

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  agent = await makeAgent(db.pool, { tenant_id: tenant });
  people = [
    await makeUser(db.pool, { tenant_id: tenant, role: 'member' }),
    await makeUser(db.pool, { tenant_id: tenant, role: 'member' }),
  ];
  const made = await one(
    db.pool,
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id),
       items as (
         insert into howdah.dataset_items (tenant_id, dataset_id, input)
         select $1, id, n::text from made cross join generate_series(1, 10) as n)
     insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
       version, items_digest, created_by, graders)
     select $1, id, $3, $3, 10, 1, 1, 'x', 'x', '[{"name": "tone"}]' from made returning id`,
    [tenant, `set-${randomUUID()}`, agent],
  );
  evaluation = made.id;
  // the answer of the n-th result has n characters
  await db.pool.query(
    `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat, execution_id,
       graded_at, score, passed, scores)
     select $1, v.id, i.id, 1, howdah.uuid_v7(), now(), g.score, g.score = 1,
       jsonb_build_object('tone', jsonb_build_object('score', g.score, 'passed', g.score = 1,
         'detail', 'the tone is ' || g.score))
     from howdah.evaluations as v
     join howdah.dataset_items as i on i.dataset_id = v.dataset_id
     cross join lateral (select ($3::float8[])[i.input::int] as score) as g
     where v.id = $2 order by i.input::int`,
    [tenant, evaluation, GRADER],
  );
  results = (
    await all(
      db.pool,
      'select id from howdah.evaluation_results where evaluation_id = $1 order by id',
      [evaluation],
    )
  ).map(({ id }) => id);
});

async function grade(person: User, scores: readonly number[], grader: string | null = null) {
  await db.pool.query(
    `insert into howdah.grades (tenant_id, evaluation_id, evaluation_result_id, user_id, grader, score, comment)
     select $1, $2, r.id, $3, $4, r.score, 'because ' || r.score
     from unnest($5::uuid[], $6::float8[]) as r (id, score) where r.score is not null`,
    [tenant, evaluation, person.id, grader, results, scores],
  );
}

/** Gives the results runs whose answers have these lengths. */
async function answerWith(lengths: readonly number[]): Promise<void> {
  const worker = await makeWorker(db.pool);
  for (const [place, length] of lengths.entries()) {
    const run = await makeRun(db.pool, { tenant_id: tenant, agent_id: agent });
    await finish(db.pool, worker, run, { ...completed, output: 'x'.repeat(length) });
    await db.pool.query('update howdah.evaluation_results set execution_id = $2 where id = $1', [
      results[place],
      run,
    ]);
  }
}

const asTenant = (text: string, values: unknown[], of = tenant) =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': of }, async (client) => {
    const { rows } = await client.query(text, values);
    return rows;
  });
const agreement = (passScore = 0.5) =>
  asTenant('select * from howdah.grader_agreement($1, $2)', [evaluation, passScore]);
const disagreements = (grader: string | null = null) =>
  asTenant('select * from howdah.grader_disagreements($1, $2)', [evaluation, grader]);

describe('the agreement of graders with people', () => {
  test('is empty before people have graded', async () => {
    expect(await agreement()).toEqual([]);
    expect(await disagreements()).toEqual([]);
  });

  test('has figures of whole results and of each grader', async () => {
    await grade(people[0] as User, PERSON);
    const [whole, tone] = await agreement();
    expect(whole).toMatchObject({
      ...{ grader: null, results: 10, people: 1, agreement: 0.8 },
      ...{ mean_difference: 0, verdict: 'inside the noise' },
    });
    expect(whole?.kappa).toBeCloseTo(0.6, 10); // half passed on both sides: (0.8 - 0.5) / 0.5
    expect(whole?.calibration_error).toBeCloseTo(0.2, 10);
    expect(whole?.kappa_low).toBeLessThan(0.6);
    expect(whole?.kappa_high).toBeGreaterThan(0.6);
    expect(whole).toMatchObject({ position_bias: null, position_verdict: null });
    // no one has graded the tone, so what people said about the whole result counts
    expect(tone).toEqual({ ...whole, grader: 'tone' });
  });

  test('takes grades of the question of the grader first, and the mean of people', async () => {
    await grade(people[0] as User, GRADER, 'tone');
    const [whole, tone] = await agreement();
    expect(whole).toMatchObject({ agreement: 0.8 });
    expect(tone).toMatchObject({ agreement: 1, kappa: 1, people: 1, mean_difference: 0 });
    // the second person fails what the grader passed: the mean of both is 0.5
    await grade(people[1] as User, [0, ...GRADER.slice(1)], 'tone');
    expect((await agreement())[1]).toMatchObject({ people: 2, agreement: 1 });
    const [, strict] = await agreement(0.6);
    expect(strict).toMatchObject({ agreement: 0.9 });
    expect(strict?.mean_difference).toBeCloseTo(0.05, 10);
  });

  test('lists disagreements with the reasons of both sides', async () => {
    expect(await disagreements()).toMatchObject([
      { evaluation_result_id: results[4], person_score: 0, grader_score: 1 },
      { evaluation_result_id: results[9], person_score: 1, grader_score: 0 },
    ]);
    expect(await disagreements('tone')).toEqual([]);
    const [strict] = await asTenant(`select * from howdah.grader_disagreements($1, 'tone', 0.6)`, [
      evaluation,
    ]);
    expect(strict).toMatchObject({
      ...{ evaluation_result_id: results[0], person_score: 0.5, detail: 'the tone is 1' },
      comments: ['because 1', 'because 0'],
    });
  });

  test('lists no disagreements of an evaluation without graders', async () => {
    const { plain } = await one<{ plain: string }>(
      db.pool,
      `insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
         version, items_digest, created_by, graders)
       select tenant_id, dataset_id, agent_id, version_id, items, repeats, version, items_digest,
         created_by, '[]' from howdah.evaluations where id = $1 returning id as plain`,
      [evaluation],
    );
    const list = (...values: unknown[]) =>
      asTenant('select * from howdah.grader_disagreements($1, $2)', values);
    expect(await list(plain, null)).toEqual([]);
    expect(await refusal(list(plain, 'tone'))).toMatchObject({
      code: 'HWINV',
      hint: 'It has no graders. Leave grader out for the whole result.',
    });
  });

  test('is refused for a score out of range, and not found for another tenant', async () => {
    expect((await refusal(agreement(2))).code).toBe('HWINV');
    expect(await refusal(disagreements('tune'))).toMatchObject({
      ...{ code: 'HWINV', hint: 'Did you mean tone?' },
    });
    expect(await asTenant('select * from howdah.grader_disagreements(null)', [])).toEqual([]);
    const other = await makeTenant(db.pool);
    const attempt = asTenant('select * from howdah.grader_agreement($1)', [evaluation], other);
    expect((await refusal(attempt)).code).toBe('HWNTF');
  });

  test('has a length bias where the grader likes long answers', async () => {
    // no run has an answer
    expect((await agreement())[0]).toMatchObject({
      ...{ length_bias: null, length_low: null, length_high: null, length_verdict: null },
    });
    // the longest answer passed only the grader, the shortest one only the person
    const lengths = GRADER.map((score, place) => 6 + 5 * (score - (PERSON[place] ?? 0)));
    await answerWith(lengths);
    const [whole] = await agreement();
    expect(whole?.length_bias).toBeCloseTo(1, 10);
    expect(whole?.length_low).toBeGreaterThan(0.99);
    expect(whole?.length_high).toBeCloseTo(1, 6);
    expect(whole?.length_verdict).toBe('higher');
    // both answers on which they disagree have the usual length, and two others have not
    await answerWith([...lengths.slice(3), ...lengths.slice(0, 3)]);
    const [mixed] = await agreement();
    expect(mixed?.length_bias).toBeCloseTo(0, 10);
    expect(mixed?.length_verdict).toBe('inside the noise');
    expect(mixed?.length_low).toBeLessThan(-0.5);
    expect(mixed?.length_high).toBeGreaterThan(0.5);
  });
});
