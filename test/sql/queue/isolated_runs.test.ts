import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  claim,
  commit,
  makeAgent,
  makeRun,
  makeSession,
  makeTool,
  makeWorker,
  one,
  runRow,
} from '../support.ts';

describe('a run that workers died with', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
  });
  beforeEach(async () => {
    worker = await makeWorker(db.pool);
  });

  const makeOne = () => makeRun(db.pool, { agent_id: agent });
  const suspectedOf = (id: string) =>
    all(db.pool, 'select times from howdah_private.suspects where execution_id = $1', [id]);
  const take = (by = worker) => all(db.pool, 'select * from howdah_private.take_suspect($1)', [by]);
  const isolate = async (by: string, id: string | null, parent: string | null = null) =>
    (
      await one(db.pool, 'select howdah_private.isolate_worker($1, $2, $3) as done', [
        by,
        id,
        parent,
      ])
    ).done;

  const claimAny = (by: string, ids: string[] = []) =>
    all(db.pool, 'select execution_id from howdah_private.claim_executions($1, $2, 1, null, 10)', [
      by,
      ids,
    ]);

  /** Removes a worker as the reaper does when it is dead. */
  const die = (by: string) => db.pool.query('select howdah_private.forget_worker($1)', [by]);

  /** Lets so many workers die with these runs. */
  async function crash(ids: string[], times: number): Promise<void> {
    for (let n = 0; n < times; n += 1) {
      const dying = await makeWorker(db.pool);
      expect(await claim(db.pool, dying, ids)).toHaveLength(ids.length);
      await die(dying);
    }
  }

  /** Claims a suspect alone, and lets its worker die. */
  async function crashAlone(id: string, parent: string | null = null): Promise<void> {
    const alone = await makeWorker(db.pool);
    expect(await isolate(alone, id, parent)).toBe(true);
    expect(await claim(db.pool, alone, [id])).toMatchObject([{ is_suspect: true }]);
    await die(alone);
  }

  test('is claimed beside others up to its second death, and only alone from then on', async () => {
    const id = await makeOne();
    await crash([id], 1);
    expect(await claim(db.pool, worker, [id])).toMatchObject([{ is_suspect: false }]);
    await die(worker);
    worker = await makeWorker(db.pool);
    expect(await claim(db.pool, worker, [id])).toEqual([]);
    expect(await claimAny(worker)).toEqual([]);
    const key = `select key from graphile_worker.jobs where key like $1`;
    expect(await all(db.pool, key, [`${id} again`])).toEqual([]);
    const explained = 'select howdah.explain_execution($1) as why';
    expect((await one(db.pool, explained, [id])).why).toMatchObject({ reason: 'isolated' });

    expect(await isolate(worker, id)).toBe(true);
    const other = await makeOne();
    expect(await claimAny(worker, [other])).toEqual([]);
    expect(await claim(db.pool, worker, [id])).toMatchObject([{ is_suspect: true }]);
    expect(await isolate(worker, other)).toBe(false);
    await db.pool.query('select howdah.cancel_execution(i) from unnest($1::uuid[]) as i', [
      [id, other],
    ]);
  });

  test('that ran alone ends as poison with its third death, and no run beside it is blamed', async () => {
    const session = await makeSession(db.pool);
    const guilty = await makeRun(db.pool, { agent_id: agent, session_id: session });
    const next = await makeRun(db.pool, { agent_id: agent, session_id: session });
    const honest = await makeOne();
    await crash([guilty, honest], 2);
    await crashAlone(guilty);
    expect(await runRow(db.pool, guilty)).toMatchObject({
      ...{ status: 'failed', stop_reason: 'poison', step_count: 1, owner_worker: null },
      error: { code: 'internal', retryable: false, message: expect.stringContaining('3 workers') },
    });
    expect(await runRow(db.pool, next)).toMatchObject({ status: 'queued' });
    expect(await runRow(db.pool, honest)).toMatchObject({ status: 'queued' });
    await db.pool.query('select howdah.cancel_execution(i) from unnest($1::uuid[]) as i', [
      [next, honest],
    ]);
  });

  test('whose process dies together with the one that started it is not blamed at once', async () => {
    const id = await makeOne();
    const [alive, dead] = [await makeWorker(db.pool), await makeWorker(db.pool)];
    await die(dead);
    await crash([id], 2);
    for (const _ of [1, 2]) {
      await crashAlone(id, dead);
      expect(await runRow(db.pool, id)).toMatchObject({ status: 'queued' });
    }
    await crashAlone(id, dead);
    expect(await runRow(db.pool, id)).toMatchObject({ stop_reason: 'poison' });

    const other = await makeOne();
    await crash([other], 2);
    await db.pool.query(
      'select pg_advisory_lock(howdah_private.presence_lock_class(), lock_key) from howdah_private.workers where id = $1',
      [alive],
    );
    await crashAlone(other, alive);
    expect(await runRow(db.pool, other)).toMatchObject({ stop_reason: 'poison' });
  });

  test('is taken by one worker, and given back', async () => {
    const id = await makeOne();
    const other = await makeWorker(db.pool);
    await crash([id], 2);
    expect(await take()).toEqual([{ execution_id: id, is_repeated: false }]);
    expect(await take(other)).toEqual([]);
    await die(worker); // gives it back
    expect(await take(other)).toMatchObject([{ execution_id: id }]);
    await db.pool.query('select howdah_private.return_suspect($1, $2)', [other, id]);
    expect(await take(other)).toEqual([]); // not at once
    await db.pool.query('update howdah_private.suspects set due_at = now()');
    expect(await take(other)).toMatchObject([{ execution_id: id }]);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await take(other);
    expect(await suspectedOf(id)).toEqual([]);
  });

  test('continues among others after a step, and is a suspect again after one more death', async () => {
    const id = await makeOne();
    await crash([id], 2);
    await isolate(worker, id);
    const [run] = await claim(db.pool, worker, [id]);
    await commit(db.pool, worker, [{ id, fence: run?.fence, after: 0, steps: [answer] }]);
    await db.pool.query('select howdah_private.release_executions($1, null, false)', [worker]);
    await isolate(worker, null);
    expect(await take()).toEqual([]);
    expect(await claim(db.pool, worker, [id])).toMatchObject([{ is_suspect: false }]);
    await die(worker);
    expect(await runRow(db.pool, id)).toMatchObject({ crashes_without_progress: 2 });
    expect(await suspectedOf(id)).toEqual([{ times: 2 }]);
    worker = await makeWorker(db.pool);
    expect(await take()).toEqual([{ execution_id: id, is_repeated: true }]);
    await crashAlone(id);
    expect(await runRow(db.pool, id)).toMatchObject({ stop_reason: 'poison' });
  });

  test('is taken by a worker with a scope if it is in the scope', async () => {
    const id = await makeOne();
    const { tenant_id } = await runRow(db.pool, id);
    await crash([id], 2);
    const scope = async (tenant: string) => {
      const scoped = await makeWorker(db.pool);
      await db.pool.query('update howdah_private.workers set only_tenants = $2 where id = $1', [
        scoped,
        [tenant],
      ]);
      return scoped;
    };
    const outside = await scope('019a0000-0000-7000-8000-000000000001');
    expect(await take(outside)).toEqual([]);
    const inside = await scope(tenant_id as string);
    expect(await claimAny(inside)).toEqual([]);
    const due = 'select howdah_private.has_due_work($1) as due';
    expect(await one(db.pool, due, [inside])).toEqual({ due: true });
    expect(await take(inside)).toMatchObject([{ execution_id: id }]);
    expect(await isolate(inside, id)).toBe(true);
    expect(await claim(db.pool, inside, [id])).toHaveLength(1);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('is taken by a worker that has its custom tool', async () => {
    const needing = await makeAgent(db.pool);
    const tool = await makeTool(db.pool);
    const { name } = await one(db.pool, 'select name from howdah.tools where id = $1', [tool]);
    await db.pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
      needing,
      tool,
    ]);
    const report = (id: string) =>
      db.pool.query(`select howdah_private.report_custom_code($1, $2, '{}')`, [id, [name]]);
    const id = await makeRun(db.pool, { agent_id: needing });
    for (let n = 0; n < 2; n += 1) {
      const dying = await makeWorker(db.pool);
      await report(dying);
      expect(await claim(db.pool, dying, [id])).toHaveLength(1);
      await die(dying);
    }
    expect(await take()).toEqual([]);
    const able = await makeWorker(db.pool);
    await report(able);
    expect(await take(able)).toMatchObject([{ execution_id: id }]);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });
});
