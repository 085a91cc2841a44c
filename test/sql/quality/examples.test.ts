import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  completed,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
} from '../support.ts';

// Examples to train models with: runs with a score, and pairs of a better and a worse answer.

const db = testDatabase();
let tenant: string;
let dataset: string;
let rated: string[];

/** The answers to two items, with the score of the graders. */
const ANSWERS = [
  ['first', 'good', 1],
  ['first', 'poor', 0],
  ['first', 'fair', 0.5],
  ['second', 'same', 1],
  ['second', 'same', 0],
] as const;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  const agent = await makeAgent(db.pool, { tenant_id: tenant });
  const worker = await makeWorker(db.pool);
  const run = async (input: string, output: string) => {
    const id = await makeRun(db.pool, { tenant_id: tenant, agent_id: agent, input });
    await finish(db.pool, worker, id, { ...completed, output });
    return id;
  };
  const made = await one(
    db.pool,
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id),
       items as (
         insert into howdah.dataset_items (tenant_id, dataset_id, input)
         select $1, id, n from made cross join unnest('{first,second}'::text[]) as n)
     insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
       version, items_digest, created_by, graders)
     select $1, id, $3, $3, 2, 3, 1, 'x', 'x', '[]' from made returning id, dataset_id`,
    [tenant, `set-${randomUUID()}`, agent],
  );
  dataset = made.dataset_id;
  for (const [place, [input, output, score]] of ANSWERS.entries()) {
    await db.pool.query(
      `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat,
         execution_id, graded_at, score, passed)
       select $1, $2, i.id, $3, $4, now(), $5::float8, $5::float8 = 1 from howdah.dataset_items as i
       where i.tenant_id = $1 and i.input = $6`,
      [tenant, made.id, place + 1, await run(input, output), score, input],
    );
  }
  rated = [await run('hello', 'Hi!'), await run('hello', 'What?'), await run('other', 'Yes.')];
  const person = await makeUser(db.pool, { tenant_id: tenant });
  for (const [place, id] of rated.entries()) {
    const score = [0.9, 0.1, 0.5][place];
    await db.pool.query('select howdah.give_feedback($1, $2, user_id => $3)', [
      ...[id, score, person.id],
    ]);
  }
});

const asTenant = (text: string, values: unknown[] = [], of = tenant) =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': of }, async (client) => {
    const { rows } = await client.query(text, values);
    return rows;
  });
const examples = () =>
  asTenant(
    `select source, score, input, output from howdah.training_examples where dataset_id = $1
     order by execution_id`,
    [dataset],
  );
const pairs = (condition = 'true') =>
  asTenant(
    `select input, chosen, rejected, chosen_score, rejected_score from howdah.preference_pairs
     where ${condition} order by input, rejected_score`,
  );

describe('training examples', () => {
  test('are runs of evaluations with the score of graders, and runs with feedback', async () => {
    expect(await examples()).toEqual(
      ANSWERS.map(([input, output, score]) => ({ source: 'graders', score, input, output })),
    );
    expect(
      await asTenant(
        `select execution_id, score, source from howdah.training_examples
         where dataset_id is null order by execution_id`,
      ),
    ).toEqual(
      rated.map((execution_id, place) => ({
        ...{ execution_id, score: [0.9, 0.1, 0.5][place] },
        source: 'feedback',
      })),
    );
  });

  test('pair the best answer to a question with each worse one that differs', async () => {
    expect(await pairs()).toEqual([
      ...['poor', 'fair'].map((rejected, place) => ({
        ...{ input: 'first', chosen: 'good', rejected, chosen_score: 1 },
        rejected_score: place / 2,
      })),
      {
        ...{ input: 'hello', chosen: 'Hi!', rejected: 'What?', chosen_score: 0.9 },
        rejected_score: 0.1,
      },
    ]);
    expect(await pairs(`dataset_id = '${dataset}'`)).toHaveLength(2);
  });

  test('take the scores of people before those of graders', async () => {
    const person = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    await db.pool.query(
      `insert into howdah.grades (tenant_id, evaluation_id, evaluation_result_id, user_id, score)
       select tenant_id, evaluation_id, id, $2, 0.25 from howdah.evaluation_results
       where tenant_id = $1 and repeat = 1`,
      [tenant, person.id],
    );
    expect((await examples())[0]).toMatchObject({ source: 'people', score: 0.25 });
    expect((await pairs())[0]).toMatchObject({ chosen: 'fair', rejected: 'poor' });
  });

  test('have the conversation before a later turn, and pair answers after the same one', async () => {
    const agent = await makeAgent(db.pool, { tenant_id: tenant });
    const worker = await makeWorker(db.pool);
    const person = await makeUser(db.pool, { tenant_id: tenant });
    /** Runs a turn of a session, and rates the answer. */
    const turn = async (
      session: string | null,
      input: string,
      output: string | null,
      score = 0,
    ) => {
      const id = await makeRun(db.pool, {
        tenant_id: tenant,
        agent_id: agent,
        session_id: session,
        input,
      });
      await finish(db.pool, worker, id, output === null ? failed : { ...completed, output });
      if (score > 0) {
        await db.pool.query('select howdah.give_feedback($1, $2, user_id => $3)', [
          ...[id, score, person.id],
        ]);
      }
      return id;
    };
    const session = async (first: string) => {
      const { id } = await one<{ id: string }>(
        db.pool,
        'insert into howdah.sessions (tenant_id, agent_id) values ($1, $2) returning id',
        [tenant, agent],
      );
      await turn(id, first, `about ${first}`);
      await turn(id, 'unanswered', null);
      return id;
    };
    const [a, b, c] = [await session('tea'), await session('tea'), await session('coffee')];
    const good = await turn(a, 'how much?', 'Two euros.', 0.9);
    const poor = await turn(b, 'how much?', 'No idea.', 0.1);
    const other = await turn(c, 'how much?', 'Three euros.', 0.2);
    const historyOf = async (id: string) =>
      (
        await asTenant('select history from howdah.training_examples where execution_id = $1', [id])
      )[0]?.history;
    expect(await historyOf(good)).toEqual([
      { role: 'user', content: 'tea' },
      { role: 'assistant', content: 'about tea' },
    ]);
    // a client supplied the same conversation
    const supplied = await makeRun(db.pool, {
      ...{ tenant_id: tenant, agent_id: agent, input: 'how much?' },
      history: JSON.stringify([
        { role: 'system', content: 'Be brief.' },
        ...(await historyOf(good)),
      ]),
    });
    await finish(db.pool, worker, supplied, { ...completed, output: 'Much.' });
    await db.pool.query('select howdah.give_feedback($1, 0.3, user_id => $2)', [
      supplied,
      person.id,
    ]);
    expect(await historyOf(supplied)).toEqual(await historyOf(good));
    const found = await asTenant(
      `select rejected_execution_id as rejected, chosen_execution_id as chosen, history
       from howdah.preference_pairs where input = 'how much?' order by rejected_score`,
    );
    expect(found).toEqual(
      [poor, supplied].map((rejected) => ({
        ...{ rejected, chosen: good },
        history: [
          { role: 'user', content: 'tea' },
          { role: 'assistant', content: 'about tea' },
        ],
      })),
    );
    // a conversation with a hole is no example
    const [first] = await all<{ id: string }>(
      db.pool,
      'select id from howdah.executions where session_id = $1 and turn = 1',
      [c],
    );
    expect(await historyOf(other)).toHaveLength(2);
    await db.pool.query('select howdah_private.erase_runs($1)', [[first?.id]]);
    expect(await historyOf(other)).toBeUndefined();
  });

  test('are invisible to other tenants, and gone with the contents of their runs', async () => {
    const other = await makeTenant(db.pool);
    for (const view of ['training_examples', 'preference_pairs']) {
      expect(await asTenant(`select from howdah.${view}`, [], other)).toEqual([]);
    }
    await db.pool.query('select howdah_private.erase_runs($1)', [rated]);
    expect(await pairs(`dataset_id is null and input <> 'how much?'`)).toEqual([]);
    expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
  });
});
