import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp, migrationStatus } from '../../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../../workers/queue/migrate-queue.ts';
import { all, makeAgent, one } from '../../../sql/support.ts';
import { createDatabaseOfAllMonths } from '../../../support/database.ts';

// `migrate down` with evaluations at work, whose graders earlier releases do not have.

test('down waits for results of graders that earlier releases do not have', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  const agent = await makeAgent(db.pool);
  await db.pool.query(
    `with made as (insert into howdah.datasets (name) values ('sums') returning id)
     insert into howdah.dataset_items (dataset_id, input) select id, 'How much?' from made`,
  );
  /** Starts an evaluation with one result that waits for its grade, and returns the result. */
  const start = async (kind: string, since: Date | null = null): Promise<string> => {
    const { result } = await one<{ result: string }>(
      db.pool,
      `with made as (
         insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items,
           repeats, version, items_digest, created_by, since_at, graders)
         select i.tenant_id, i.dataset_id, $1, $1, 1, 1, 1, 'x', 'x', $3,
           jsonb_build_array(jsonb_build_object('name', 'g', 'kind', $2::text))
         from howdah.dataset_items as i returning *)
       insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat,
         execution_id)
       select v.tenant_id, v.id, case when v.since_at is null then i.id end, 1, howdah.uuid_v7()
       from made as v join howdah.dataset_items as i on i.dataset_id = v.dataset_id
       returning id as result`,
      [agent, kind, since],
    );
    await db.pool.query(
      `insert into howdah_private.due_grades (execution_id, tenant_id, evaluation_id)
       select r.execution_id, r.tenant_id, r.evaluation_id from howdah.evaluation_results as r
       where r.id = $1`,
      [result],
    );
    return result;
  };
  const grade = (result: string) =>
    db.pool.query('update howdah.evaluation_results set graded_at = now() where id = $1', [result]);
  const left = async () =>
    (await all(db.pool, 'select id from howdah.evaluation_results order by id')).map(
      ({ id }) => id,
    );
  const due = () => one(db.pool, 'select count(*)::int as n from howdah_private.due_grades');
  const downTo = async (name: string) => {
    while ((await migrateDown(db.url, false))[0] !== name);
  };
  const refusedAt = async (name: string, kinds: string) => {
    await expect(migrateDown(db.url, false)).rejects.toMatchObject({
      code: 'HWCNF',
      message: `results wait for graders of kind ${kinds}, which earlier releases do not have`,
    });
    expect((await migrationStatus(db.url)).applied.at(-1)).toBe(name);
  };

  const judged = await start('rubric');
  const cited = await start('citation');
  const compared = await start('similarity');
  await start('cost', new Date());
  await db.pool.query(
    `insert into howdah_private.judgements
       (execution_id, evaluation_id, grader, tenant_id, digest)
     select execution_id, evaluation_id, 'g', tenant_id, 'x' from howdah.evaluation_results
     where id = $1`,
    [judged],
  );

  await downTo('0079_graded_runs');
  // runs that users started are no results any more, and wait for no grade
  expect(await left()).toEqual([judged, cited, compared]);
  expect(await due()).toEqual({ n: 3 });

  await refusedAt('0077_similarity_graders', 'similarity');
  await grade(compared);
  await downTo('0073_grades');

  await refusedAt('0072_judges', 'rubric or citation');
  await grade(judged);
  await refusedAt('0072_judges', 'rubric or citation');
  expect(await all(db.pool, 'select grader from howdah_private.judgements')).toHaveLength(1);
  await grade(cited);
  await downTo('0072_judges');

  await migrateUp(db.url, migrateQueue);
  expect(await left()).toEqual([judged, cited, compared]);
  expect(await all(db.pool, 'select * from howdah.check_all()')).toEqual([]);
});
