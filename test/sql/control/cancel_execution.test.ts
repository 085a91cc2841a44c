import { beforeAll, describe, expect, test } from 'vitest';
import { listenTo } from '../../../src/db/feed/listen-connection.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  completed,
  finish,
  isBlocked,
  jobsOf,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  runRow,
  testClient,
} from '../support.ts';

describe('cancel_execution', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const make = (columns: Record<string, unknown> = {}) =>
    makeRun(db.pool, { agent_id: agent, ...columns });
  const cancel = (id: string, client: { query: typeof db.pool.query } = db.pool) =>
    client.query('select * from howdah.cancel_execution($1)', [id]);

  test('ends a queued run at once and returns its row', async () => {
    const id = await make();
    const { rows } = await cancel(id);
    expect(rows).toMatchObject([
      {
        id,
        status: 'cancelled',
        stop_reason: 'cancelled',
        error: null,
        completed_at: expect.any(Date),
        step_count: 0,
      },
    ]);
    expect(await jobsOf(db.pool, id)).toEqual([]);
    expect(await claim(db.pool, worker, [id])).toEqual([]);
  });

  test('ends a running run, whose worker can commit nothing more', async () => {
    const id = await make();
    await claim(db.pool, worker, [id]);
    await cancel(id);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'cancelled',
      fence: 2,
      owner_worker: null,
    });
    expect(
      await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [answer], more: true }]),
    ).toMatchObject([{ outcome: 'stale' }]);
    expect(await runRow(db.pool, id)).toMatchObject({ step_count: 0 });
  });

  test('ends a run that waits for a timer, and removes its wake-up', async () => {
    const id = await make();
    await claim(db.pool, worker, [id]);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
    await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [], to }]);
    await cancel(id);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'cancelled',
      waiting_for: null,
      wake_at: null,
    });
    expect(await jobsOf(db.pool, id)).toEqual([]);
  });

  test('ends the whole subtree, and nothing above it or beside it', async () => {
    const root = await make();
    const child = await make({ parent_execution_id: root });
    const sibling = await make({ parent_execution_id: root });
    const grandchild = await make({ parent_execution_id: child });
    const done = await make({ parent_execution_id: child });
    await finish(db.pool, worker, done);
    await claim(db.pool, worker, [grandchild]);
    await cancel(child);
    expect((await runRow(db.pool, child)).status).toBe('cancelled');
    expect((await runRow(db.pool, grandchild)).status).toBe('cancelled');
    expect((await runRow(db.pool, done)).status).toBe('completed');
    expect((await runRow(db.pool, root)).status).toBe('queued');
    expect((await runRow(db.pool, sibling)).status).toBe('queued');
    await cancel(root);
    expect((await runRow(db.pool, sibling)).status).toBe('cancelled');
  });

  test('notifies the owners of running runs, and nobody about other runs', async () => {
    const root = await make();
    const child = await make({ parent_execution_id: root });
    await claim(db.pool, worker, [child]);
    const listener = await openSession(db.url);
    const heard: string[] = [];
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await listenTo(listener, ['control']);
    await cancel(root);
    await listener.query('select 1');
    expect(heard).toEqual([child]);
    const running = await make();
    await claim(db.pool, worker, [running]);
    await cancel(running);
    await listener.query('select 1');
    expect(heard).toEqual([child, running]);
    await listener.end();
  });

  test('notifies subscribers of a watched run', async () => {
    const [watched, alone] = [await make(), await make()];
    await db.pool.query('select howdah_private.watch(gen_random_uuid(), array[$1::uuid])', [
      watched,
    ]);
    const listener = await openSession(db.url);
    const heard: string[] = [];
    listener.on('notification', (message) => heard.push(message.payload ?? ''));
    await listenTo(listener, ['feed']);
    await cancel(watched);
    await cancel(alone);
    await listener.query('select 1');
    expect(heard).toEqual([watched]);
    await listener.end();
  });

  test('reads no more rows per child when there are more children', async () => {
    /**
     * Cancels a parent of which half of the children have ended. Returns the number of rows of runs
     * that this reads.
     */
    const readFor = async (children: number): Promise<number> => {
      const root = await make();
      const ids = [];
      for (let i = 0; i < children; i += 1) ids.push(await make({ parent_execution_id: root }));
      await claim(db.pool, worker, ids);
      const waits = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
      await commit(
        db.pool,
        worker,
        ids.map((id, index) => {
          const isDone = index % 2 === 0;
          const step = isDone ? { kind: 'output', output: completed.output } : answer;
          return { id, fence: 1, after: 0, steps: [step], to: isDone ? completed : waits };
        }),
      );
      const client = await testClient(db.pool);
      const reads = async () => {
        const { rows } = await client.query(
          `select coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::int as n
           from pg_stat_xact_user_tables where relname ~ '^executions_\\d'`,
        );
        return rows[0].n as number;
      };
      await client.query('begin; set local enable_seqscan = off');
      const before = await reads(); // includes unreported reads of earlier transactions
      await cancel(root, client as never);
      const read = (await reads()) - before;
      await client.query('commit');
      return read;
    };
    const few = await readFor(20);
    // 4 times the children; 16 times the rows if each child read all
    expect(await readFor(80)).toBeLessThan(few * 6);
  });

  test('rejects a run that has ended, with its status', async () => {
    const id = await make();
    await finish(db.pool, worker, id);
    const refused = await refusal(cancel(id));
    expect(refused).toMatchObject({
      code: 'HWTRM',
      fields: { status: 'completed', execution_id: id },
    });
    expect(refused.fields).toEqual({ execution_id: id, status: 'completed' });
    expect(refused.hint).toBeTruthy();
    const twice = await make();
    await cancel(twice);
    expect(await refusal(cancel(twice))).toMatchObject({ code: 'HWTRM' });
  });

  test('does not find a run that does not exist or belongs to another tenant', async () => {
    const other = await makeTenant(db.pool);
    const foreign = await make({
      tenant_id: other,
      agent_id: await makeAgent(db.pool, { tenant_id: other }),
    });
    const missingId = '019a0000-0000-7000-8000-000000000001';
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const refused = await refusal(cancel(foreign, client));
      expect(refused).toMatchObject({ code: 'HWNTF', fields: { execution_id: foreign } });
    });
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      expect(await refusal(cancel(missingId, client))).toMatchObject({
        code: 'HWNTF',
        fields: { execution_id: missingId },
      });
    });
    expect((await runRow(db.pool, foreign)).status).toBe('queued');
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': other }, async (client) => {
      expect((await cancel(foreign, client)).rows).toMatchObject([{ status: 'cancelled' }]);
    });
  });

  test('does not wait for the lock of a run that belongs to another tenant', async () => {
    const other = await makeTenant(db.pool);
    const foreign = await make({
      tenant_id: other,
      agent_id: await makeAgent(db.pool, { tenant_id: other }),
    });
    const holder = await testClient(db.pool);
    await holder.query('begin');
    await holder.query('select 1 from howdah.executions where id = $1 for no key update', [
      foreign,
    ]);
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      await client.query(`set local lock_timeout = '1s'`);
      expect(await refusal(cancel(foreign, client))).toMatchObject({ code: 'HWNTF' });
    });
    await holder.query('rollback');
  });

  test('does not wait for the lock of a run that the caller may not control', async () => {
    const [mine, theirs] = await Promise.all(
      ['mine', 'theirs'].map((name) =>
        one(db.pool, 'insert into howdah.users (username) values ($1) returning id', [name]),
      ),
    );
    const id = await make({ user_id: theirs?.id });
    const holder = await testClient(db.pool);
    await holder.query('begin');
    await holder.query('select 1 from howdah.executions where id = $1 for no key update', [id]);
    await asRole(db.pool, 'howdah_app', { 'howdah.user_id': mine?.id }, async (client) => {
      await client.query(`set local lock_timeout = '1s'`);
      expect(await refusal(cancel(id, client))).toMatchObject({ code: 'HWDEN' });
    });
    await holder.query('rollback');
  });

  test('keeps a commit that came first, and ends the rest of the run', async () => {
    const id = await make();
    await claim(db.pool, worker, [id]);
    const committer = await testClient(db.pool);
    await committer.query('begin');
    await commit(committer, worker, [{ id, fence: 1, after: 0, steps: [answer], more: true }]);
    const canceller = await testClient(db.pool);
    const cancelled = cancel(id, canceller);
    await isBlocked(db.pool, canceller);
    await committer.query('commit');
    expect((await cancelled).rows).toMatchObject([{ status: 'cancelled', step_count: 1 }]);
  });

  test('is rejected when the run ended first', async () => {
    const id = await make();
    await claim(db.pool, worker, [id]);
    const committer = await testClient(db.pool);
    await committer.query('begin');
    const steps = [answer, { kind: 'output', output: 'x' }];
    await commit(committer, worker, [{ id, fence: 1, after: 0, steps, to: completed }]);
    const canceller = await testClient(db.pool);
    const refused = refusal(cancel(id, canceller));
    await isBlocked(db.pool, canceller);
    await committer.query('commit');
    expect(await refused).toMatchObject({ code: 'HWTRM' });
    expect(await runRow(db.pool, id)).toMatchObject({ status: 'completed' });
  });

  test('makes a later commit stale for its run only', async () => {
    const [id, other] = [await make(), await make()];
    await claim(db.pool, worker, [id, other]);
    const canceller = await testClient(db.pool);
    await canceller.query('begin');
    await cancel(id, canceller);
    const committer = await testClient(db.pool);
    const result = commit(committer, worker, [
      { id, fence: 1, after: 0, steps: [answer] },
      { id: other, fence: 1, after: 0, steps: [answer] },
    ]);
    await isBlocked(db.pool, committer);
    await canceller.query('commit');
    const outcomes = new Map((await result).map((row) => [row.execution_id, row.outcome]));
    expect(outcomes.get(id)).toBe('stale');
    expect(outcomes.get(other)).toBe('committed');
    expect(await all(db.pool, 'select 1 from howdah.steps where execution_id = $1', [id])).toEqual(
      [],
    );
  });

  test('cancels a child that is being inserted', async () => {
    const root = await make();
    const inserter = await testClient(db.pool);
    await inserter.query('begin');
    const child = await makeRun(inserter, { agent_id: agent, parent_execution_id: root });
    const canceller = await testClient(db.pool);
    const cancelled = cancel(root, canceller);
    await isBlocked(db.pool, canceller);
    await inserter.query('commit');
    await cancelled;
    expect((await runRow(db.pool, child)).status).toBe('cancelled');
  });

  test('cancels a grandchild that is being inserted', async () => {
    const root = await make();
    const child = await make({ parent_execution_id: root });
    const inserter = await testClient(db.pool);
    await inserter.query('begin');
    const grandchild = await makeRun(inserter, { agent_id: agent, parent_execution_id: child });
    const canceller = await testClient(db.pool);
    const cancelled = cancel(root, canceller);
    await isBlocked(db.pool, canceller);
    await inserter.query('commit');
    await cancelled;
    expect((await runRow(db.pool, child)).status).toBe('cancelled');
    expect((await runRow(db.pool, grandchild)).status).toBe('cancelled');
  });
});
