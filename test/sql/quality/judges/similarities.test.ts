import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { EmbedRequest } from '../../../../src/contracts/agents/model.ts';
import { testDatabase } from '../../../support/database.ts';
import { fakeProvider } from '../../../support/work/embed-chunks.ts';
import { gradeRuns } from '../../../support/work/grade-runs.ts';
import {
  all,
  committed,
  completed,
  finish,
  makeAgent,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  takeRole,
  type User,
} from '../../support.ts';

// Graders of kind similarity: which texts are embedded, and what becomes of the vectors.

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
  member = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  await db.pool.query(
    `insert into howdah.models (tenant_id, name, provider, model, purpose, input_price)
     values ($1, 'vectors', 'local', 'local', 'embedding', 1000000),
       ($1, 'chat', 'local', 'local', 'llm', null)`,
    [tenant],
  );
  await db.pool.query(
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id)
     insert into howdah.dataset_items (tenant_id, dataset_id, input, expected)
     select $1, id, 'question', '"north"' from made`,
    [tenant, dataset],
  );
});

const insertGrader = `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
  select $1, id, 'meaning', 'similarity', $3 from howdah.datasets
  where tenant_id = $1 and name = $2`;
const makeGrader = (configuration: object = { model: 'vectors', minimum: 0.5 }) =>
  db.pool.query(insertGrader, [tenant, dataset, configuration]);

const settings = () => ({ 'howdah.tenant_id': tenant, 'howdah.user_id': member.id });
const evaluate = (options = '') =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', settings());
    const text = `select id from howdah.evaluate($1, $2${options && `, ${options}`})`;
    return (await one<{ id: string }>(client, text, [dataset, agent])).id;
  });

const results = (id: string) =>
  all<{ execution_id: string } & Record<string, unknown>>(
    db.pool,
    `select execution_id, passed, score, scores -> 'meaning' as grade, grading_cost, error
     from howdah.evaluation_results where evaluation_id = $1 order by repeat`,
    [id],
  );

/** Ends the runs of an evaluation with answers, in the order of repeats. */
async function answer(id: string, ...answers: string[]): Promise<void> {
  for (const [at, { execution_id }] of (await results(id)).entries()) {
    await finish(db.pool, worker, execution_id, { ...completed, output: answers[at] ?? '' });
  }
}

const VECTORS: Record<string, number[]> = {
  north: [0, 2],
  east: [3, 0],
  south: [0, -1],
  'north by east': [3, 4],
};

/** A model that knows directions. A call costs as many tokens as it has texts. */
const compass = () =>
  fakeProvider(({ texts }: EmbedRequest) => ({
    ok: true,
    value: {
      vectors: texts.map((text) => VECTORS[text] ?? [1, 1]),
      usage: { tokens_in: texts.length, tokens_out: 0 },
    },
  }));

/** Makes runs that wait for another attempt due now. */
const hurry = () =>
  db.pool.query('update howdah_private.due_grades set due_at = now() where tenant_id = $1', [
    tenant,
  ]);

/** Lets the texts become free that workers reserved which have died. */
const forget = () =>
  db.pool.query(
    `update howdah_private.query_embeddings set requested_at = now() - interval '121 seconds'
     where tenant_id = $1`,
    [tenant],
  );

/** Texts that a worker has reserved. */
const unfinished = () =>
  one(
    db.pool,
    `select count(*)::int as n from howdah_private.query_embeddings
     where tenant_id = $1 and vector is null`,
    [tenant],
  );

describe('a similarity', () => {
  test('counts for the limits of the tenant, and waits while one is used up', async () => {
    await makeGrader();
    await db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
       values ($1, 'tenant', 'cost', 'day', 2)`,
      [tenant],
    );
    await answer(await evaluate(), 'north by east');
    await db.pool.query(
      `update howdah_private.due_grades set due_at = 'infinity' where tenant_id = $1`,
      [tenant],
    );
    await answer(await evaluate(), 'east');
    const { find, calls } = compass();
    expect(await gradeRuns(db.pool, db.pool, find)).toBe(1);
    await hurry();
    await gradeRuns(db.pool, db.pool, find);
    expect(calls.flat().sort()).toEqual(['east', 'north']);
    await db.pool.query('update howdah.limits set max_value = 100 where tenant_id = $1', [tenant]);
    await hurry();
    await gradeRuns(db.pool, db.pool, find);
    expect(calls.flat()).toContain('north by east');
    const used = `select sum(c.used)::float8 as used from howdah_private.limit_counters as c
      join howdah.limits as l on l.id = c.limit_id where l.tenant_id = $1`;
    expect(await one(db.pool, used, [tenant])).toEqual({ used: 3 });
  });

  test('waits while a limit of calls of the model is reached, and uses up no attempt', async () => {
    await makeGrader();
    await db.pool.query(
      `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value)
       select $1, 'model', m.id, 'calls', 'minute', 1 from howdah.models as m
       where m.tenant_id = $1 and m.name = 'vectors'`,
      [tenant],
    );
    await answer(await evaluate(), 'north by east');
    await db.pool.query(
      `update howdah_private.due_grades set due_at = 'infinity' where tenant_id = $1`,
      [tenant],
    );
    const waiting = await evaluate();
    await answer(waiting, 'east');
    const { find, calls } = compass();
    expect(await gradeRuns(db.pool, db.pool, find)).toBe(1);
    for (let turn = 0; turn < 7; turn++) {
      await hurry();
      await gradeRuns(db.pool, db.pool, find);
    }
    expect(calls.flat().sort()).toEqual(['east', 'north']);
    await db.pool.query(
      'update howdah.limits set max_value = 100 where tenant_id = $1 and metric = $2',
      [tenant, 'calls'],
    );
    await hurry();
    await gradeRuns(db.pool, db.pool, find);
    expect(calls.flat()).toEqual(['east', 'north', 'north by east'].toSorted());
    expect(await unfinished()).toEqual({ n: 0 });
    expect(
      await all(db.pool, 'select from howdah_private.due_grades where tenant_id = $1', [tenant]),
    ).toEqual([]);
  });

  test('is the cosine of the vectors, not below 0, and passes from the minimum on', async () => {
    await makeGrader();
    const id = await evaluate('repeat => 5');
    await answer(id, 'north by east', 'east', 'south', 'north', '');
    const { find, calls } = compass();
    expect(await gradeRuns(db.pool, db.pool, find)).toBe(5);
    expect(await results(id)).toMatchObject([
      { passed: true, score: 0.8, grade: { detail: 'cosine 0.8', passed: true }, error: null },
      { passed: false, score: 0, grade: { detail: 'cosine 0' } },
      { passed: false, score: 0, grade: { detail: 'cosine -1' } },
      { passed: true, score: 1, grading_cost: '0' },
      { passed: false, score: 0, grade: { detail: 'the answer is empty' } },
    ]);
    expect(calls.flat().sort()).toEqual(['east', 'north', 'north by east', 'south']);
    expect(
      await one(db.pool, 'select status, totals from howdah.evaluations where id = $1', [id]),
    ).toMatchObject({ status: 'completed', totals: { passed: 2, failed: 3, grading_cost: 4 } });
  });

  test('embeds equal texts of another evaluation once, and keeps no texts', async () => {
    await makeGrader();
    const { find, calls } = compass();
    for (const _ of [1, 2]) {
      const id = await evaluate();
      await answer(id, 'east');
      await gradeRuns(db.pool, db.pool, find);
    }
    expect(calls).toEqual([['east', 'north']]);
    expect(
      await all(
        db.pool,
        'select distinct query from howdah_private.query_embeddings where tenant_id = $1',
        [tenant],
      ),
    ).toEqual([{ query: null }]);
  });

  test('waits for a text that another worker embeds, which is called once', async () => {
    await makeGrader();
    const [first, second] = [await evaluate('repeat => 2'), await evaluate('repeat => 2')];
    await answer(first, 'east', 'south');
    await answer(second, 'east', 'north by east');
    const isCalled = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    const answers = ({ texts }: EmbedRequest) =>
      ({
        ok: true,
        value: { vectors: texts.map((text) => VECTORS[text] ?? []), usage: FREE },
      }) as const;
    const slow = fakeProvider(async (request) => {
      isCalled.resolve();
      await mayEnd.promise;
      return answers(request);
    });
    const quick = fakeProvider(answers);
    const work = gradeRuns(db.pool, db.pool, slow.find);
    await isCalled.promise;
    // both need "north", which the first worker embeds at this moment
    expect(await gradeRuns(db.pool, db.pool, quick.find)).toBe(0);
    expect(quick.calls).toEqual([]);
    mayEnd.resolve();
    await work;
    await hurry();
    await gradeRuns(db.pool, db.pool, quick.find);
    const calls = [...slow.calls, ...quick.calls].flat().sort();
    expect(calls).toEqual(['east', 'north', 'north by east', 'south']);
    for (const id of [first, second]) {
      expect(
        (await results(id)).map(({ error, score }) => ({ error, isScored: score !== null })),
      ).toEqual([1, 2].map(() => ({ error: null, isScored: true })));
    }
    expect(await unfinished()).toEqual({ n: 0 });
  });

  test('takes over the texts of a worker that has died, and frees those of a model that fails', async () => {
    await makeGrader();
    const id = await evaluate();
    await answer(id, 'east');
    const claim = () =>
      all(db.pool, 'select texts from howdah_private.claim_similarities($1, $2, 16)', [tenant, id]);
    expect(await claim()).toEqual([{ texts: ['east', 'north'] }]);
    await hurry();
    expect(await claim()).toEqual([]); // the first worker may be at work
    expect(
      await one(db.pool, 'select attempts from howdah_private.due_grades where tenant_id = $1', [
        tenant,
      ]),
    ).toEqual({ attempts: 1 });
    await forget();
    await hurry();
    const broken = fakeProvider(() => Promise.reject(new Error('unplugged')));
    await gradeRuns(db.pool, db.pool, broken.find);
    expect(broken.calls).toHaveLength(1);
    expect(await unfinished()).toEqual({ n: 0 });
    await hurry();
    expect(await gradeRuns(db.pool, db.pool, compass().find)).toBe(1);
  });

  test('frees texts that only a run needs which waits for another text', async () => {
    await makeGrader();
    const [first, second] = [await evaluate(), await evaluate()];
    await answer(first, 'east');
    await answer(second, 'south');
    const claim = (id: string) =>
      all(db.pool, 'select texts from howdah_private.claim_similarities($1, $2, 16)', [tenant, id]);
    expect(await claim(first)).toHaveLength(1);
    expect(await claim(second)).toEqual([]);
    expect(await unfinished()).toEqual({ n: 2 }); // east and north, and not south
  });

  test('uses pass_score without a minimum', async () => {
    await makeGrader({ model: 'vectors' });
    const id = await evaluate();
    await answer(id, 'north by east');
    await gradeRuns(db.pool, db.pool, compass().find);
    expect(await results(id)).toMatchObject([{ passed: false, score: 0.8 }]);
  });

  test('waits during an outage of the model, which then grades nothing', async () => {
    await makeGrader();
    const id = await evaluate('repeat => 2');
    await answer(id, 'east', 'south');
    const { find, calls } = fakeProvider(() => ({
      ok: false,
      error: { code: 'unreachable', message: 'no power', retryable: true },
    }));
    for (const attempt of [1, 2, 3, 4]) {
      expect(await gradeRuns(db.pool, db.pool, find)).toBe(0);
      expect(calls).toHaveLength(attempt);
      await hurry();
    }
    expect(await gradeRuns(db.pool, db.pool, find)).toBe(2);
    const ungraded = {
      ...{ passed: null, score: null },
      error: {
        code: 'not_graded',
        message: 'meaning: the embedding model failed: no power',
      },
    };
    expect(await results(id)).toMatchObject([ungraded, ungraded]);
    // howdah.grade_again asks the model again
    const { due } = await committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_app', settings());
      return one(client, 'select howdah.grade_again($1) as due', [id]);
    });
    expect(due).toBe(2);
    expect(await gradeRuns(db.pool, db.pool, compass().find)).toBe(2);
    expect(await results(id)).toMatchObject([
      { passed: false, error: null, score: expect.any(Number) },
      { passed: false, error: null, score: expect.any(Number) },
    ]);
  });

  test('is made after an outage that ends', async () => {
    await makeGrader();
    const id = await evaluate();
    await answer(id, 'north by east');
    const { find } = fakeProvider(() => Promise.reject(new Error('unplugged')));
    expect(await gradeRuns(db.pool, db.pool, find)).toBe(0);
    await hurry();
    expect(await gradeRuns(db.pool, db.pool, compass().find)).toBe(1);
    expect(await results(id)).toMatchObject([{ passed: true, score: 0.8, error: null }]);
  });

  test('of a model that works does not suffer from the outage of another', async () => {
    await makeGrader();
    await db.pool.query(
      `with other as (
         insert into howdah.models (tenant_id, name, provider, model, purpose)
         values ($1, 'broken', 'local', 'broken', 'embedding'))
       insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
       select $1, id, 'again', 'exact', '{}' from howdah.datasets where tenant_id = $1`,
      [tenant],
    );
    await db.pool.query(
      `update howdah.graders set kind = 'similarity', configuration = '{"model": "broken"}'
       where tenant_id = $1 and name = 'again'`,
      [tenant],
    );
    const id = await evaluate();
    await answer(id, 'north by east');
    const { find } = fakeProvider(({ model, texts }) =>
      model.model === 'broken'
        ? { ok: false, error: { code: 'unreachable', message: 'no power', retryable: true } }
        : { ok: true, value: { vectors: texts.map((t) => VECTORS[t] ?? []), usage: FREE } },
    );
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      await gradeRuns(db.pool, db.pool, find);
      await hurry();
    }
    await gradeRuns(db.pool, db.pool, find);
    const [result] = await results(id);
    expect(result).toMatchObject({
      grade: { passed: true, score: 0.8 },
      error: { message: 'again: the embedding model failed: no power' },
    });
  });

  test('of a text that the model refuses is not graded, and holds up no other', async () => {
    await makeGrader();
    const id = await evaluate('repeat => 2');
    await answer(id, 'too long', 'north by east');
    const { find } = fakeProvider((request) =>
      request.texts.includes('too long')
        ? { ok: false, error: { code: 'context_too_long', message: 'long', retryable: false } }
        : { ok: true, value: { vectors: request.texts.map((t) => VECTORS[t] ?? []), usage: FREE } },
    );
    expect(await gradeRuns(db.pool, db.pool, find)).toBe(2);
    expect(await results(id)).toMatchObject([
      { passed: null, error: { message: 'meaning: the embedding model failed: long' } },
      { passed: true, score: 0.8 },
    ]);
  });

  test('is made again by another worker after the claim of one that died', async () => {
    await makeGrader();
    const id = await evaluate();
    await answer(id, 'north by east');
    const claim = 'select * from howdah_private.claim_similarities($1, $2, 16)';
    const [dead] = await all<{ claim: string }>(db.pool, claim, [tenant, id]);
    expect(dead).toMatchObject({ grader: 'meaning', texts: ['north by east', 'north'] });
    expect(await all(db.pool, claim, [tenant, id])).toEqual([]);
    await forget();
    await hurry();
    const { find } = compass();
    await Promise.all([gradeRuns(db.pool, db.pool, find), gradeRuns(db.pool, db.pool, find)]);
    // the first worker was only slow: its claim is not valid any more
    await db.pool.query(
      `select howdah_private.store_similarity($1, $2, $3, 'meaning', $4, $5, $6, 7)`,
      [tenant, id, (await results(id))[0]?.execution_id, dead?.claim, ['north'], ['{1,0}']],
    );
    expect(await results(id)).toMatchObject([{ passed: true, score: 0.8, grading_cost: '2' }]);
  });

  test('is not made by a model that was changed after the start', async () => {
    await makeGrader();
    const id = await evaluate();
    await db.pool.query(
      `update howdah.models set model = 'other' where tenant_id = $1 and name = 'vectors'`,
      [tenant],
    );
    await answer(id, 'east');
    const { find, calls } = compass();
    await gradeRuns(db.pool, db.pool, find);
    expect(calls).toEqual([]);
    expect(await results(id)).toMatchObject([
      { passed: null, error: { message: expect.stringContaining(`'vectors' was changed`) } },
    ]);
  });
});

describe('a similarity is refused', () => {
  test.each([
    ['nobody', 'HWNTF'],
    ['chat', 'HWINV'],
  ])('with the model %s', async (model, code) => {
    expect(await refusal(makeGrader({ model }))).toMatchObject({
      code,
      fields: { field: 'configuration.model' },
    });
  });

  test('at the start of an evaluation whose model is gone', async () => {
    await makeGrader();
    await db.pool.query(`delete from howdah.models where tenant_id = $1 and name = 'vectors'`, [
      tenant,
    ]);
    expect(await refusal(evaluate())).toMatchObject({
      code: 'HWNTF',
      fields: { field: 'graders', model: 'vectors' },
    });
    expect(
      await all(db.pool, 'select from howdah.evaluations where tenant_id = $1', [tenant]),
    ).toEqual([]);
  });
});

const FREE = { tokens_in: 0, tokens_out: 0 };
