import { beforeAll, describe, expect, test } from 'vitest';
import { advanceHead } from '../../support/database/run-heads.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  brokenRules,
  claim,
  commit,
  completed,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
  one,
  openSession,
  release,
  rolledBack,
  spawn,
  testClient,
} from '../support.ts';

/** Amounts that one model answer of `advanceHead` adds. */
const AHEAD = {
  step_count: 1,
  message_count: 2,
  model_count: 1,
  tokens_in: '100',
  tokens_out: '20',
  cost: '0.5',
  trust: 'external',
};

describe('heads of running runs', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;
  let tenant: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
    tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
  });

  const started = async (columns: Record<string, unknown> = {}): Promise<string> => {
    const id = await makeRun(db.pool, { agent_id: agent, ...columns });
    await claim(db.pool, worker, [id]);
    return id;
  };
  const ahead = async (columns: Record<string, unknown> = {}): Promise<string> => {
    const id = await started(columns);
    await advanceHead(db.pool, id);
    return id;
  };
  const rowOf = (id: string) => one(db.pool, 'select * from howdah.executions where id = $1', [id]);
  const headsOf = (id: string) =>
    all(db.pool, 'select * from howdah_private.run_heads where execution_id = $1', [id]);
  const headOf = async (id: string) => (await headsOf(id))[0];
  const fold = (id: string) =>
    db.pool.query('select howdah_private.fold_run_heads(array[$1::uuid])', [id]);
  const violated = (text: string, values: unknown[]) =>
    rolledBack(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica');
      await client.query(text, values);
      return brokenRules(client);
    });

  describe('a claim', () => {
    test('inserts the head with the values of the row', async () => {
      const session = await makeSession(db.pool, { agent_id: agent });
      const id = await started({ session_id: session, max_cost: 3, priority: 4 });
      const row = await rowOf(id);
      expect(await headsOf(id)).toEqual([
        {
          execution_id: id,
          tenant_id: tenant,
          owner_worker: worker,
          active_ms: '0',
          active_since: row.active_since,
          children_tokens: '0',
          fence: 1,
          max_steps: row.max_steps,
          max_seconds: row.max_seconds,
          step_count: 0,
          tokens_in: '0',
          tokens_out: '0',
          updated_at: row.updated_at,
          message_count: 1,
          model_count: 0,
          trust: 'user',
          has_inbox: false,
          is_pause_requested: false,
          session_id: session,
          agent_id: agent,
          workflow_id: null,
          max_tokens: null,
          children_cost: '0',
          cost: '0',
          max_cost: '3',
        },
      ]);
    });

    test('replaces an orphaned head', async () => {
      const id = await makeRun(db.pool, { agent_id: agent });
      const other = await ahead();
      await db.pool.query(
        `insert into howdah_private.run_heads
         select (jsonb_populate_record(h, jsonb_build_object('execution_id', $1::uuid))).*
         from howdah_private.run_heads as h where h.execution_id = $2`,
        [id, other],
      );
      expect(await claim(db.pool, worker, [id])).toMatchObject([{ step_count: 0, fence: 1 }]);
      expect(await headOf(id)).toMatchObject({ step_count: 0, cost: '0', trust: 'user', fence: 1 });
    });

    test('of a released run continues from the head', async () => {
      const id = await ahead();
      await db.pool.query('select howdah_private.release_executions($1, array[$2::uuid], false)', [
        worker,
        id,
      ]);
      expect(await claim(db.pool, worker, [id])).toMatchObject([
        { step_count: 1, fence: 3, trust: 'external' },
      ]);
      expect(await headOf(id)).toMatchObject({ ...AHEAD, fence: 3 });
    });
  });

  describe('a statement on a run whose head is ahead', () => {
    test('adds to the head and returns exact values', async () => {
      const id = await ahead();
      const text = `update howdah.executions as e set step_count = e.step_count + 2, cost = e.cost + 1.5,
          tokens_in = e.tokens_in + 7, max_tokens = 900, children_tokens_in = 30, children_tokens_out = 3,
          children_cost = 0.1, has_inbox = false
        where e.id = $1 returning e.*`;
      const expected = {
        ...AHEAD,
        step_count: 3,
        cost: '2.0',
        tokens_in: '107',
        max_tokens: '900',
        children_cost: '0.1',
      };
      await rolledBack(db.pool, async (client) => {
        expect((await all(client, text, [id]))[0]).toMatchObject(expected);
        const head = await one(
          client,
          'select * from howdah_private.run_heads where execution_id = $1',
          [id],
        );
        expect(head).toMatchObject({ ...expected, children_tokens: '33' });
      });
    });

    test('lowers the trust of the head and never raises it', async () => {
      const lower = await started();
      await advanceHead(db.pool, lower, { trust: 'user' });
      const text = `update howdah.executions as e set trust = greatest(e.trust, 'internal')
        where e.id = $1 returning e.trust`;
      expect(await one(db.pool, text, [lower])).toEqual({ trust: 'internal' });
      expect(await headOf(lower)).toMatchObject({ trust: 'internal' });
      expect(await one(db.pool, text, [await ahead()])).toEqual({ trust: 'external' });
    });

    test('on other columns changes neither the head nor the counters of the row', async () => {
      const id = await ahead();
      await db.pool.query(`update howdah.executions set metadata = '{"a": 1}' where id = $1`, [id]);
      expect(await rowOf(id)).toMatchObject({ step_count: 0, cost: '0', trust: 'user' });
      expect(await headOf(id)).toMatchObject(AHEAD);
    });

    test('reads the head that a commit wrote during its wait', async () => {
      const id = await ahead();
      const commits = await testClient(db.pool);
      await commits.query('begin');
      await advanceHead(commits, id);
      const control = await openSession(db.url);
      const paused = control.query('select step_count from howdah.pause_execution($1)', [id]);
      await isBlocked(db.pool, control);
      await commits.query('commit');
      expect((await paused).rows).toEqual([{ step_count: 2 }]);
      await control.end();
      expect(await rowOf(id)).toMatchObject({ step_count: 2, is_pause_requested: true });
      expect(await headOf(id)).toMatchObject({ step_count: 2, is_pause_requested: true });
    });
  });

  describe('a control', () => {
    const ends: Record<string, (id: string) => Promise<unknown>> = {
      cancel: (id) => db.pool.query('select howdah.cancel_execution($1)', [id]),
      release: (id) =>
        db.pool.query('select howdah_private.release_executions($1, array[$2::uuid], false)', [
          worker,
          id,
        ]),
      end: async (id) => {
        await fold(id);
        const steps = [{ kind: 'output', output: 'It is on its way.' }];
        await commit(db.pool, worker, [{ id, fence: 1, after: 1, steps, to: completed }]);
      },
      park: async (id) => {
        await fold(id);
        const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 600_000 };
        await commit(db.pool, worker, [{ id, fence: 1, after: 1, steps: [], to }]);
      },
    };

    test.each(Object.entries(ends))(
      '%s copies the head into the row and deletes it',
      async (name, end) => {
        const id = await ahead();
        await end(id);
        expect(await headsOf(id)).toEqual([]);
        expect(await rowOf(id)).toMatchObject({
          ...AHEAD,
          step_count: name === 'end' ? 2 : 1,
          owner_worker: null,
        });
      },
    );

    test('reap copies the heads of a dead worker into the rows', async () => {
      const dying = await makeWorker(db.pool);
      const ids = await Promise.all([1, 2, 3].map(() => makeRun(db.pool, { agent_id: agent })));
      await claim(db.pool, dying, ids);
      for (const id of ids) await advanceHead(db.pool, id);
      await release(db.pool, dying, true);
      for (const id of ids) {
        expect(await headsOf(id)).toEqual([]);
        expect(await rowOf(id)).toMatchObject({
          ...AHEAD,
          status: 'queued',
          crashes_without_progress: 1,
        });
      }
    });

    test('a crash after a commit counts as the first one again', async () => {
      const dying = await makeWorker(db.pool);
      const id = await makeRun(db.pool, { agent_id: agent });
      for (const crashes of [1, 2]) {
        await claim(db.pool, dying, [id]);
        await release(db.pool, dying, true);
        expect(await rowOf(id)).toMatchObject({ crashes_without_progress: crashes });
      }
      await db.pool.query('select howdah_private.isolate_worker($1, $2)', [dying, id]);
      const [{ fence, is_suspect }] = (await claim(db.pool, dying, [id])) as [
        { fence: number; is_suspect: boolean },
      ];
      expect(is_suspect).toBe(true);
      const mark = 'select howdah_private.mark_at_risk($1, $2, $3) as is_owner';
      await db.pool.query(mark, [dying, id, fence]);
      await advanceHead(db.pool, id);
      await db.pool.query(`update howdah.executions set has_inbox = false where id = $1`, [id]);
      expect(await rowOf(id)).toMatchObject({ at_risk: false, crashes_without_progress: 0 });
      await advanceHead(db.pool, id);
      expect(await one(db.pool, mark, [dying, id, fence])).toEqual({ is_owner: true });
      expect(await rowOf(id)).toMatchObject({ at_risk: true, step_count: 2 });
      await advanceHead(db.pool, id);
      expect(await one(db.pool, mark, [dying, id, fence])).toEqual({ is_owner: true });
      expect(await rowOf(id)).toMatchObject({ at_risk: true, step_count: 3 });
      await release(db.pool, dying, true); // a former suspect is one again after one crash
      expect(await rowOf(id)).toMatchObject({ status: 'queued', crashes_without_progress: 2 });
    });

    test('the third crash alone fails the run, unless a commit came between', async () => {
      const dying = await makeWorker(db.pool);
      const id = await makeRun(db.pool, { agent_id: agent });
      let steps = 0;
      const die = async ({ commits = false, isAlone = false } = {}) => {
        const isolate = 'select howdah_private.isolate_worker($1, $2)';
        await db.pool.query(isolate, [dying, isAlone ? id : null]);
        await claim(db.pool, dying, [id]);
        if (commits) {
          await advanceHead(db.pool, id);
          steps += 1;
        }
        await release(db.pool, dying, true);
        return rowOf(id);
      };
      const queued = { status: 'queued', at_risk: false };
      expect(await die()).toMatchObject({ ...queued, crashes_without_progress: 1 });
      expect(await die()).toMatchObject({ ...queued, crashes_without_progress: 2 });
      const survives = await die({ isAlone: true, commits: true });
      expect(survives).toMatchObject({ ...queued, crashes_without_progress: 2 });
      expect(await die({ isAlone: true, commits: true })).toMatchObject(queued);
      expect(await die({ isAlone: true })).toMatchObject({
        ...{ status: 'failed', stop_reason: 'poison', crashes_without_progress: 3 },
        step_count: steps + 1, // including the step with the reason
      });
      expect(await headsOf(id)).toEqual([]);
    });

    test('active time of a run with an unknown owner ends at its last step', async () => {
      const lost = await makeWorker(db.pool);
      const id = await makeRun(db.pool, { agent_id: agent });
      await claim(db.pool, lost, [id]);
      await advanceHead(db.pool, id);
      await rolledBack(db.pool, async (client) => {
        await client.query(
          `update howdah.executions set active_since = now() - interval '1 hour',
             updated_at = now() - interval '1 hour' where id = $1`,
          [id],
        );
        await client.query(
          `update howdah_private.run_heads set updated_at = now() - interval '10 minutes' where execution_id = $1`,
          [id],
        );
        await client.query('delete from howdah_private.workers where id = $1', [lost]);
        await release(client, lost, true);
        const { active_ms } = await one(client, 'select * from howdah.executions where id = $1', [
          id,
        ]);
        expect(Number(active_ms)).toBe(50 * 60_000);
      });
      await release(db.pool, lost, false);
    });

    test('pause and resume update the head', async () => {
      const id = await ahead();
      await db.pool.query('select howdah.pause_execution($1)', [id]);
      expect(await headOf(id)).toMatchObject({ ...AHEAD, is_pause_requested: true });
      await db.pool.query('select howdah.resume_execution($1)', [id]);
      expect(await headOf(id)).toMatchObject({ ...AHEAD, is_pause_requested: false });
    });

    test('an inbox entry sets the flag of the head and enters the log after its steps', async () => {
      const session = await makeSession(db.pool, { agent_id: agent });
      const id = await ahead({ session_id: session });
      await db.pool.query(
        `insert into howdah_private.inbox (execution_id, tenant_id, kind, content)
         values ($1, $2, 'input', 'And A-1002?')`,
        [id, tenant],
      );
      await db.pool.query('select howdah_private.wake_runs(array[$1::uuid])', [id]);
      expect(await headOf(id)).toMatchObject({ ...AHEAD, has_inbox: true });
      const take = 'select * from howdah_private.take_inbox($1, $2, 1, $3)';
      expect(await all(db.pool, take, [worker, id, 2])).toEqual([]);
      expect(await all(db.pool, take, [worker, id, 1])).toMatchObject([
        { step_count: 2, messages: [{ seq: 3, content: 'And A-1002?', step_seq: 2 }] },
      ]);
      expect(await headOf(id)).toMatchObject({ step_count: 2, message_count: 3, has_inbox: false });
    });

    test('cancelling a tree deletes all its heads', async () => {
      const parent = await started();
      const child = await spawn(db.pool, worker, { id: parent, fence: 1, after: 0 }, agent);
      await claim(db.pool, worker, [child]);
      await advanceHead(db.pool, parent);
      await db.pool.query('select howdah.cancel_execution($1)', [parent]);
      expect(await headsOf(parent)).toEqual([]);
      expect(await headsOf(child)).toEqual([]);
      expect(await rowOf(parent)).toMatchObject({ status: 'cancelled', step_count: 2 });
    });

    test.each([0, 20_000])(
      'a commit locks heads in the order of ids, beside %i others',
      async (others) => {
        const ids = [
          await makeRun(db.pool, { agent_id: agent }),
          await makeRun(db.pool, { agent_id: agent }),
        ];
        const [first, last] = ids.toSorted() as [string, string];
        await claim(db.pool, worker, [last]); // so that its head comes first in the table
        await claim(db.pool, worker, [first]);
        const copied = await all(
          db.pool,
          `insert into howdah_private.run_heads
         select (jsonb_populate_record(h, jsonb_build_object('execution_id', gen_random_uuid()))).*
         from howdah_private.run_heads as h, generate_series(1, $2::int)
         where h.execution_id = $1
         returning execution_id as id`,
          [first, others],
        );
        await db.pool.query('analyze howdah_private.run_heads');
        const [holder, waiting, other] = [
          await testClient(db.pool),
          await testClient(db.pool),
          await testClient(db.pool),
        ];
        const lock =
          'select from howdah_private.run_heads where execution_id = $1 for no key update nowait';
        await holder.query('begin');
        await holder.query(lock, [first]);
        const commits = ids.map((id) => ({ id, fence: 1, after: 0, steps: [answer], more: false }));
        const committed = commit(waiting, worker, commits).catch(() => {}); // its lock may time out
        await isBlocked(db.pool, waiting);
        expect((await other.query(lock, [last])).rowCount).toBe(1);
        await holder.query('rollback');
        await committed;
        await db.pool.query('delete from howdah_private.run_heads where execution_id = any ($1)', [
          copied.map(({ id }) => id),
        ]);
      },
    );

    test('a handoff adds the limits of the new agent to the usage of the run', async () => {
      const id = await started({ max_steps: 40, max_tokens: 9000, max_cost: 9 });
      for (let answers = 0; answers < 3; answers += 1) await advanceHead(db.pool, id);
      const limits = { max_steps: 2, max_tokens: 50, max_cost: 0.25 };
      const agent_id = await makeAgent(db.pool, limits);
      await db.pool.query('select howdah_private.refresh_agent_version($1)', [agent_id]);
      const steps = [{ kind: 'handoff', output: { agent_id, reason: null } }];
      expect(await commit(db.pool, worker, [{ id, fence: 1, after: 3, steps }])).toMatchObject([
        { outcome: 'committed', step_count: 4, exhausted: null },
      ]);
      const expected = { agent_id, max_steps: 5, max_tokens: '410', max_cost: '1.75' };
      expect(await rowOf(id)).toMatchObject({ ...expected, step_count: 4, model_count: 3 });
      expect(await headOf(id)).toMatchObject({ ...expected, step_count: 4, model_count: 3 });
    });

    test('a session assigned to a running run is written to the head', async () => {
      const id = await ahead();
      await db.pool.query('select howdah_private.session_of_root($1)', [id]);
      const { session_id } = await rowOf(id);
      expect(session_id).not.toBeNull();
      expect(await headOf(id)).toMatchObject({ ...AHEAD, session_id });
    });
  });

  describe('a statement on several runs', () => {
    const waiting: Record<string, (ids: string[]) => [text: string, values: unknown[]]> = {
      terminate_runs: (ids) => [
        `select howdah_private.terminate_runs($1, 'cancelled', null)`,
        [ids],
      ],
      wake_runs: (ids) => ['select howdah_private.wake_runs($1)', [ids]],
      release_executions: (ids) => [
        'select howdah_private.release_executions($1, $2, false)',
        [worker, ids],
      ],
      fold_run_heads: (ids) => ['select howdah_private.fold_run_heads($1)', [ids]],
    };

    // The commit already has the lock of one head. If the statement had locked the other one, they
    // would wait for each other.
    test.each(Object.entries(waiting))('%s locks heads in the order of ids', async (_, of) => {
      const ids = [await ahead(), await ahead(), await ahead()];
      const commits = await testClient(db.pool);
      await commits.query('begin');
      await commits.query(`set local lock_timeout = '20s'`);
      await advanceHead(commits, ids[0] as string);
      const other = await openSession(db.url);
      const [text, values] = of(ids.toReversed());
      const changed = other.query(text, values);
      await isBlocked(db.pool, other);
      await advanceHead(commits, ids[2] as string);
      await advanceHead(commits, ids[1] as string);
      await commits.query('commit');
      await changed;
      await other.end();
      for (const id of ids) {
        const { rows } = await db.pool.query(
          'select step_count from howdah.execution_counters where execution_id = $1',
          [id],
        );
        expect(rows).toEqual([{ step_count: 2 }]);
      }
    });
  });

  // A commit that ends a run already has the lock of its head. If the statement had locked the
  // session, they would wait for each other.
  test('terminate_runs locks heads before sessions', async () => {
    const session = await makeSession(db.pool, { agent_id: agent });
    const [first, next] = [await ahead({ session_id: session }), await ahead()];
    const commits = await testClient(db.pool);
    await commits.query('begin');
    await advanceHead(commits, next);
    const other = await openSession(db.url);
    const text = `select howdah_private.terminate_runs($1, 'cancelled', null)`;
    const ended = other.query(text, [[first, next]]);
    await isBlocked(db.pool, other);
    await commits.query('select from howdah.sessions where id = $1 for no key update', [session]);
    await commits.query('commit');
    await ended;
    await other.end();
    expect(await rowOf(next)).toMatchObject({ status: 'cancelled', step_count: 2 });
  });

  describe('violations', () => {
    test('are empty while heads are ahead', async () => {
      await ahead();
      expect(await brokenRules(db.pool)).toEqual([]);
    });

    test('report a missing head and a head of a run that is not running', async () => {
      const id = await ahead();
      const gone = 'delete from howdah_private.run_heads where execution_id = $1';
      expect(await violated(gone, [id])).toContain('run_head');
      const faults = (text: string) =>
        rolledBack(db.pool, async (client) => {
          await client.query(`set local session_replication_role = replica`);
          await client.query(text, [id]);
          const heads = 'select detail from howdah_private.find_head_violations(null)';
          return (await all(client, heads)).map(({ detail }) => detail);
        });
      expect(await faults(gone)).toEqual(['is running, but has no head']);
      const queued = `update howdah.executions set status = 'queued', owner_worker = null where id = $1`;
      expect(await faults(queued)).toEqual(['has a head, but is not running']);
      expect(await faults('delete from howdah.executions where id = $1')).toEqual([
        'has a head, but is not running',
      ]);
      const stray = `update howdah.executions set status = 'queued', owner_worker = null, step_count = 1,
        message_count = 2, model_count = 1, tokens_in = 100, tokens_out = 20, cost = 0.5 where id = $1`;
      expect(await violated(stray, [id])).toContain('run_head');
    });

    const OWNER = /^its head has worker .*, fence .* and tenant .*, the run has /;
    const BEHIND = /^its head is behind its row: -?\d+ of 1 steps$/;
    const OTHER = /^its head has other flags, limits or times than its row$/;
    test.each([
      ['fence = fence + 1', OWNER],
      ['fence = fence - 1', OWNER],
      ['owner_worker = execution_id', OWNER],
      ['tenant_id = execution_id', OWNER],
      ['step_count = step_count - 2', BEHIND],
      ['message_count = 0', BEHIND],
      ['model_count = -1', BEHIND],
      ['tokens_in = -1', BEHIND],
      ['tokens_out = -1', BEHIND],
      ['cost = -1', BEHIND],
      [`trust = 'system'`, BEHIND],
      ['has_inbox = true', OTHER],
      ['is_pause_requested = true', OTHER],
      ['max_steps = 1', OTHER],
      ['max_seconds = 1', OTHER],
      ['max_tokens = 1', OTHER],
      ['max_cost = 1', OTHER],
      ['active_ms = 1', OTHER],
      [`active_since = now() - interval '1 hour'`, OTHER],
      ['children_tokens = 1', OTHER],
      ['children_cost = 1', OTHER],
      ['session_id = execution_id', OTHER],
      ['agent_id = execution_id', OTHER],
      ['workflow_id = execution_id', OTHER],
    ])('report a head with %s', async (change, detail) => {
      const id = await ahead();
      await fold(id);
      const found = await rolledBack(db.pool, async (client) => {
        await client.query(
          `update howdah_private.run_heads set ${change} where execution_id = $1`,
          [id],
        );
        return all(client, `select * from howdah.violations where rule = 'run_head'`);
      });
      expect(found).toEqual([
        {
          rule: 'run_head',
          tenant_id: tenant,
          execution_id: id,
          detail: expect.stringMatching(detail),
        },
      ]);
    });

    test('report a head that is ahead of its log', async () => {
      const id = await ahead();
      expect(
        await violated(
          'update howdah_private.run_heads set step_count = step_count + 1 where execution_id = $1',
          [id],
        ),
      ).toContain('step_gap');
      expect(
        await violated(
          'update howdah_private.run_heads set cost = cost + 1 where execution_id = $1',
          [id],
        ),
      ).toContain('ledger_run');
    });
  });

  test('a commit to a run whose row was synchronized with its head succeeds', async () => {
    const id = await ahead();
    await fold(id);
    expect(
      await commit(db.pool, worker, [{ id, fence: 1, after: 1, steps: [answer] }]),
    ).toMatchObject([{ outcome: 'committed', step_count: 2 }]);
    expect(await headOf(id)).toMatchObject({ step_count: 2, model_count: 2, tokens_in: '110' });
  });
});
