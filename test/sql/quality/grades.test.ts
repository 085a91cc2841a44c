import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { gradeRuns } from '../../support/work/grade-runs.ts';
import {
  all,
  asRole,
  completed,
  failed,
  finish,
  makeAgent,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  type User,
} from '../support.ts';

// Grades of people: who may grade what, and what the queue shows.

const db = testDatabase();
let tenant: string;
let worker: string;
let anna: User;
let boris: User;
let viewer: User;
let dataset: string;
let agent: string;
let evaluation: string;
let results: { id: string; execution_id: string; item_id: string }[];

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  agent = `agent-${randomUUID()}`;
  await makeAgent(db.pool, { tenant_id: tenant, name: agent });
  anna = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  boris = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  viewer = await makeUser(db.pool, { tenant_id: tenant, role: 'viewer' });
  dataset = `set-${randomUUID()}`;
  await db.pool.query(
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id),
       graded as (
         insert into howdah.graders (tenant_id, dataset_id, name, kind)
         select $1, id, 'wording', 'exact' from made)
     insert into howdah.dataset_items (tenant_id, dataset_id, input, expected)
     select $1, id, 'question ' || n, to_jsonb('answer ' || n) from made
     cross join generate_series(1, 12) as n`,
    [tenant, dataset],
  );
  evaluation = (
    await as<{ id: string }>(anna, 'select id from howdah.evaluate($1, $2)', [dataset, agent])
  )[0]?.id as string;
  results = await all(
    db.pool,
    'select id, execution_id, item_id from howdah.evaluation_results where evaluation_id = $1 order by id',
    [evaluation],
  );
  for (const [place, { execution_id }] of results.entries()) {
    await finish(db.pool, worker, execution_id, place === 11 ? failed : completed);
  }
  await gradeRuns(db.pool);
});

/** Runs a statement as a user, and commits it. */
async function as<T extends object>(user: User, text: string, values: unknown[] = []) {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query(
      `select set_config('howdah.tenant_id', $1, true), set_config('howdah.user_id', $2, true)`,
      [user.tenant_id, user.id],
    );
    await client.query('set local role howdah_app');
    const { rows } = await client.query(text, values);
    await client.query('commit');
    return rows as T[];
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

type Queued = { evaluation_result_id: string; [name: string]: unknown };
const queueOf = (user: User) =>
  as<Queued>(user, 'select * from howdah.grade_queue where evaluation_id = $1 order by place', [
    evaluation,
  ]);
const idsOf = (queue: Queued[]) => queue.map(({ evaluation_result_id }) => evaluation_result_id);
const grade = (user: User, result: string | undefined, score: number, ...more: string[]) =>
  as<{ id: string; user_id: string; score: number; comment: string; [name: string]: unknown }>(
    user,
    `select * from howdah.grade($1, $2${more.map((_, n) => `, $${n + 3}`).join('')})`,
    [result, score, ...more],
  );
const resultAt = (place: number) => results[place]?.id as string;

describe('the queue of a person', () => {
  test('has each answer once, without scores, in an order of its own', async () => {
    const queue = await queueOf(anna);
    expect(idsOf(queue).sort()).toEqual(results.slice(0, 11).map(({ id }) => id)); // one run failed
    expect(Object.keys(queue[0] ?? {}).sort()).toEqual(
      [
        ...['dataset_id', 'evaluation_id', 'evaluation_result_id', 'expected', 'graders'],
        ...[
          'history',
          'input',
          'input_data',
          'input_parts',
          'item_id',
          'output',
          'output_data',
          'place',
          'tenant_id',
        ],
      ].sort(),
    );
    expect(queue[0]).toMatchObject({ output: 'It is on its way.', graders: ['wording'] });
    expect(idsOf(queue)).toEqual(idsOf(await queueOf(anna)));
    expect(idsOf(queue)).not.toEqual(idsOf(await queueOf(boris)));
    expect(idsOf(queue)).not.toEqual([...idsOf(queue)].sort());
  });

  test('loses what the person has graded, and keeps what others have graded', async () => {
    await grade(anna, resultAt(0), 1);
    expect(idsOf(await queueOf(anna))).not.toContain(resultAt(0));
    expect(idsOf(await queueOf(boris))).toContain(resultAt(0));
    expect(idsOf(await queueOf(viewer))).toContain(resultAt(0));
  });
});

describe('a grade', () => {
  test('is that of the caller, and replaced by the next one', async () => {
    const [first] = await grade(anna, resultAt(1), 0.25, 'too long');
    expect(first).toMatchObject({
      ...{ user_id: anna.id, evaluation_id: evaluation, score: 0.25, comment: 'too long' },
      grader: null,
    });
    const [second] = await grade(anna, resultAt(1), 0.75);
    expect(second).toMatchObject({ id: first?.id, score: 0.75, comment: null });
    const [named] = await grade(anna, resultAt(1), 1, 'same words', 'wording');
    expect(named?.id).not.toBe(first?.id);
    const [other] = await grade(boris, resultAt(1), 0);
    expect(other?.id).not.toBe(first?.id);
  });

  test('is in the audit log, with the digest of the comment', async () => {
    await grade(boris, resultAt(2), 0.5, 'a secret reason');
    const rows = await all(
      db.pool,
      `select user_id, object_id, detail from howdah.audit_log
       where tenant_id = $1 and action = 'grade' and object_id = $2`,
      [tenant, resultAt(2)],
    );
    expect(rows).toMatchObject([{ user_id: boris.id, detail: { score: 0.5 } }]);
    expect(JSON.stringify(rows)).not.toContain('secret');
  });

  test.each([
    ['a score above 1', () => grade(anna, resultAt(3), 1.5), 'HWINV', 'score'],
    ['a score that is no number', () => grade(anna, resultAt(3), Number.NaN), 'HWINV', 'score'],
    ['an unknown grader', () => grade(anna, resultAt(3), 1, 'x', 'wordign'), 'HWINV', 'grader'],
    ['a failed run', () => grade(anna, resultAt(11), 1), 'HWCNF', undefined],
    ['an unknown result', () => grade(anna, randomUUID(), 1), 'HWNTF', undefined],
  ])('of %s is refused', async (_, attempt, code, field) => {
    const { code: got, fields } = await refusal(attempt());
    expect({ got, field: fields?.field }).toEqual({ got: code, field });
    expect(
      await all(db.pool, 'select from howdah.grades where evaluation_result_id = $1', [
        resultAt(3),
      ]),
    ).toEqual([]);
  });

  test('is refused to viewers, and to keys and logins without a person', async () => {
    expect((await refusal(grade(viewer, resultAt(3), 1))).code).toBe('HWDEN');
    const settings = { 'howdah.tenant_id': tenant };
    for (const more of [{}, { 'howdah.api_key_id': randomUUID() }]) {
      const attempt = asRole(db.pool, 'howdah_app', { ...settings, ...more }, (client) =>
        client.query('select howdah.grade($1, 1)', [resultAt(3)]),
      );
      expect((await refusal(attempt)).code).toBe('HWDEN');
    }
  });

  test('of a restricted agent is hidden like its evaluation', async () => {
    await as(anna, 'select howdah.grade($1, 0.5, $2)', [results[0]?.id, 'quotes the answer']);
    const seen = 'select count(*)::int as count from howdah.grades where evaluation_id = $1';
    const restrict = (is: boolean) =>
      db.pool.query('update howdah.agents set is_restricted = $2 where tenant_id = $1', [
        tenant,
        is,
      ]);
    expect((await as<{ count: number }>(boris, seen, [evaluation]))[0]?.count).toBeGreaterThan(0);
    await restrict(true);
    expect(await as(boris, seen, [evaluation])).toEqual([{ count: 0 }]);
    await restrict(false);
  });

  test('of another tenant is not found', async () => {
    const stranger = await makeUser(db.pool, {
      ...{ tenant_id: await makeTenant(db.pool), role: 'owner' },
    });
    expect((await refusal(grade(stranger, resultAt(3), 1))).code).toBe('HWNTF');
    expect(await as(stranger, 'select * from howdah.grades')).toEqual([]);
    expect(await as(stranger, 'select * from howdah.grade_queue')).toEqual([]);
  });

  test('of the owner of the database has no user, and is one person', async () => {
    for (const score of [0, 1]) {
      await db.pool.query('select howdah.grade($1, $2)', [resultAt(4), score]);
    }
    expect(
      await all(
        db.pool,
        'select user_id, score from howdah.grades where evaluation_result_id = $1',
        [resultAt(4)],
      ),
    ).toEqual([{ user_id: null, score: 1 }]);
  });

  test('loses its comment when the contents of the run are erased', async () => {
    await grade(anna, resultAt(5), 0.5, 'names the customer');
    await db.pool.query('select howdah_private.erase_runs($1)', [[results[5]?.execution_id]]);
    expect(
      await all(
        db.pool,
        'select comment, score from howdah.grades where evaluation_result_id = $1',
        [resultAt(5)],
      ),
    ).toEqual([{ comment: '[erased]', score: 0.5 }]);
    expect(idsOf(await queueOf(boris))).not.toContain(resultAt(5));
    expect((await refusal(grade(boris, resultAt(5), 1))).code).toBe('HWCNF');
  });

  test('is exported with its person, and goes with the person', async () => {
    const carl = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    await grade(carl, resultAt(6), 0.5, 'said by carl');
    const exported = await all(
      db.pool,
      `select d.document from howdah.export_user_data($1) as d (document)
       where d::text like '%said by carl%'`,
      [carl.id],
    );
    expect(exported).toHaveLength(1);
    await db.pool.query('select howdah.erase_user($1)', [carl.id]);
    const { count } = await one(
      db.pool,
      'select count(*)::int from howdah.grades where evaluation_result_id = $1',
      [resultAt(6)],
    );
    expect(count).toBe(0);
    expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
  });
});
