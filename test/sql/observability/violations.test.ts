import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  claim,
  commit,
  completed,
  finish,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  rolledBack,
} from '../support.ts';

type Broken = { rule: string; execution_id: string | null };

/** The objects that a test may break; runs are named by their state. */
type Runs = {
  done: string;
  live: string;
  queued: string;
  parked: string;
  child: string;
  session: string;
  waiting: string;
  agent: string;
  tenant: string;
};

describe('violations', () => {
  const db = testDatabase();
  let runs: Runs;

  beforeAll(async () => {
    const worker = await makeWorker(db.pool);
    const agent = await makeAgent(db.pool);
    const session = await makeSession(db.pool);
    const make = (columns = {}) => makeRun(db.pool, { agent_id: agent, ...columns });
    const done = await make();
    await claim(db.pool, worker, [done]);
    const calls = [{ id: 'c1', name: 'status', arguments: {} }];
    await commit(db.pool, worker, [
      {
        id: done,
        fence: 1,
        after: 0,
        steps: [
          {
            kind: 'model',
            tokens_in: 3,
            tokens_out: 4,
            messages: [{ role: 'assistant', tool_calls: calls }],
          },
          {
            kind: 'tool',
            name: 'status',
            messages: [{ role: 'tool', content: 'x', tool_call_id: 'c1' }],
          },
          answer,
          { kind: 'output', output: completed.output },
        ],
        to: completed,
      },
    ]);
    const live = await make({ session_id: session });
    await claim(db.pool, worker, [live]);
    const waiting = await make({ session_id: session });
    const parked = await make();
    await claim(db.pool, worker, [parked]);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 1 };
    await commit(db.pool, worker, [{ id: parked, fence: 1, after: 0, steps: [], to }]);
    await finish(db.pool, worker, await make());
    runs = {
      done,
      live,
      queued: await make(),
      parked,
      child: await make({ parent_execution_id: live }),
      session,
      waiting,
      agent,
      tenant: await makeTenant(db.pool),
    };
  });

  const broken = (client: pg.PoolClient, text = 'select * from howdah.violations') =>
    all(client, text) as Promise<Broken[]>;

  /** Runs statements without triggers, and returns the rules that they violate. */
  const breaking = (
    ...statements: [text: (of: Runs) => string, ...more: ((of: Runs) => string)[]]
  ) =>
    rolledBack(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica');
      for (const statement of statements) {
        const { rowCount } = await client.query(statement(runs));
        expect(rowCount).not.toBe(0);
      }
      return broken(client);
    });

  const age = (id: string) =>
    `update howdah.executions set updated_at = now() - interval '1 minute',
       run_at = now() - interval '1 minute',
       wake_at = case when wake_at is not null then now() - interval '1 minute' end where id = '${id}'`;
  const forgetJob = (id: string) => `delete from graphile_worker._private_jobs where key = '${id}'`;

  test('are empty while every invariant holds', async () => {
    expect((await db.pool.query('select * from howdah.violations')).rows).toEqual([]);
    expect((await db.pool.query('select * from howdah.check_all()')).rows).toEqual([]);
  });

  test('lost_run: a queued run is due and has no wake-up', async () => {
    expect(await breaking((of) => age(of.queued))).toEqual([]);
    expect(
      await breaking(
        (of) => age(of.queued),
        (of) => forgetJob(of.queued),
      ),
    ).toMatchObject([{ rule: 'lost_run', execution_id: runs.queued }]);
  });

  test('lost_run: a timer has expired without a wake-up', async () => {
    expect(
      await breaking(
        (of) => age(of.parked),
        (of) => forgetJob(of.parked),
      ),
    ).toMatchObject([{ rule: 'lost_run', execution_id: runs.parked }]);
  });

  test('lost_run: the wake-up has used all its attempts', async () => {
    expect(
      await breaking(
        (of) => age(of.queued),
        (of) =>
          `update graphile_worker._private_jobs set attempts = max_attempts where key = '${of.queued}'`,
      ),
    ).toMatchObject([{ rule: 'lost_run', execution_id: runs.queued }]);
  });

  test('lost_run: a missing wake-up is not reported within ten seconds', async () => {
    expect(await breaking((of) => forgetJob(of.queued))).toEqual([]);
  });

  test('dead_owner: the owner of a run is not alive', async () => {
    expect(
      await breaking(
        (of) => age(of.live),
        (of) => `update howdah_private.run_heads set updated_at = now() - interval '1 minute'
                 where execution_id = '${of.live}'`,
        () => 'delete from howdah_private.workers',
      ),
    ).toMatchObject([{ rule: 'dead_owner', execution_id: runs.live }]);
  });

  test('step_gap: a step is missing, in the middle or at the end', async () => {
    for (const seq of [2, 4]) {
      const rules = await breaking(
        (of) => `delete from howdah.steps where execution_id = '${of.done}' and seq = ${seq}`,
      );
      expect(rules.map((row) => row.rule)).toContain('step_gap');
    }
  });

  test('step_gap: all steps are missing', async () => {
    const rules = await breaking(
      (of) => `delete from howdah.steps where execution_id = '${of.done}'`,
    );
    expect(rules.map((row) => row.rule).sort()).toEqual(
      ['end_without_output', 'ledger_run', 'step_gap'].sort(),
    );
  });

  test('trusted_too_far: a run has read input below its trust level', async () => {
    expect(
      await breaking((of) => `update howdah.executions set trust = 'user' where id = '${of.done}'`),
    ).toMatchObject([{ rule: 'trusted_too_far', execution_id: runs.done }]);
  });

  test('message_gap: a message is missing', async () => {
    expect(
      await breaking(
        (of) => `delete from howdah_private.message_log where execution_id = '${of.live}'`,
      ),
    ).toMatchObject([{ rule: 'message_gap', execution_id: runs.live }]);
  });

  test.each(['step', 'message'])('%s_gap: seq counts from 0', async (row) => {
    const table = row === 'step' ? 'howdah.steps' : 'howdah_private.message_log';
    const rules = await breaking(
      (of) => `update ${table} set seq = 0 where execution_id = '${of.done}' and seq = 1`,
    );
    expect(rules.map(({ rule }) => rule)).toContain(`${row}_gap`);
  });

  test.each([
    `error = '"late"'`,
    `error = 'null'`,
    `annotations = '[]'`,
    `kind = 'retry'`,
    `kind = 'error'`,
  ])('malformed_step: a tool step with %s', async (change) => {
    expect(
      await breaking(
        (of) => `update howdah.steps set ${change} where execution_id = '${of.done}' and seq = 2`,
      ),
    ).toMatchObject([{ rule: 'malformed_step', execution_id: runs.done }]);
  });

  test.each([
    `parts = '{}'`,
    `tool_calls = '{}'`,
    `tool_call_id = 'c1'`,
    'covers_from_seq = 1',
    'covers_to_seq = 1',
    'covers_from_seq = 2, covers_to_seq = 1',
  ])('malformed_message: an answer with %s', async (change) => {
    const rules = await breaking(
      (of) => `update howdah_private.message_log set ${change} where execution_id = '${of.live}'`,
    );
    expect(rules).toMatchObject([{ rule: 'malformed_message', execution_id: runs.live }]);
  });

  test('malformed_message: a result without its call', async () => {
    const rules = await breaking(
      (of) =>
        `update howdah_private.message_log set role = 'tool' where execution_id = '${of.live}' and seq = 1`,
    );
    expect(rules.map((row) => row.rule)).toContain('malformed_message');
  });

  test('step_after_end: a step finished after the end', async () => {
    expect(
      await breaking(
        (of) => `update howdah.steps set finished_at = now() + interval '1 minute'
                 where execution_id = '${of.done}' and seq = 4`,
      ),
    ).toMatchObject([{ rule: 'step_after_end', execution_id: runs.done }]);
  });

  test.each(['tokens_in', 'tokens_out', 'cost', 'model_count'])(
    'ledger_run: %s of a run does not match its steps',
    async (column) => {
      expect(
        await breaking(
          (of) => `update howdah.executions set ${column} = ${column} + 1 where id = '${of.done}'`,
        ),
      ).toMatchObject([{ rule: 'ledger_run', execution_id: runs.done }]);
    },
  );

  test('ledger_run: a run without steps has used tokens', async () => {
    expect(
      await breaking(
        (of) => `update howdah.executions set tokens_in = 5 where id = '${of.queued}'`,
      ),
    ).toMatchObject([{ rule: 'ledger_run', execution_id: runs.queued }]);
  });

  test('over_budget: more model answers than allowed', async () => {
    expect(
      await breaking((of) => `update howdah.executions set max_steps = 1 where id = '${of.done}'`),
    ).toMatchObject([{ rule: 'over_budget', execution_id: runs.done }]);
  });

  test('over_attempts: workers keep dying with a run', async () => {
    expect(
      await breaking(
        (of) =>
          `update howdah.executions set crashes_without_progress = 21 where id = '${of.queued}'`,
      ),
    ).toMatchObject([{ rule: 'over_attempts', execution_id: runs.queued }]);
  });

  test('end_without_output: a completed run has no output step, or two', async () => {
    for (const text of [
      `update howdah.steps set kind = 'guard' where kind = 'output' and execution_id =`,
      `update howdah.steps set kind = 'output' where kind = 'tool' and execution_id =`,
    ]) {
      expect(await breaking((of) => `${text} '${of.done}'`)).toMatchObject([
        { rule: 'end_without_output', execution_id: runs.done },
      ]);
    }
  });

  test('tool_pairing: a call without a result, a result without a call, a duplicate result', async () => {
    const result = (of: Runs) => `execution_id = '${of.done}' and role = 'tool'`;
    const rules = await breaking(
      (of) => `update howdah_private.message_log set tool_call_id = 'c2' where ${result(of)}`,
    );
    expect(rules).toMatchObject([{ rule: 'tool_pairing' }, { rule: 'tool_pairing' }]);
    expect(
      await breaking(
        (of) =>
          `update howdah_private.message_log set tool_calls = null where execution_id = '${of.done}' and tool_calls is not null`,
      ),
    ).toMatchObject([{ rule: 'tool_pairing', execution_id: runs.done }]);
    expect(
      await breaking(
        (of) => `update howdah_private.message_log set role = 'tool', tool_call_id = 'c1'
                 where execution_id = '${of.done}' and seq = 4`,
      ),
    ).toMatchObject([{ rule: 'tool_pairing', execution_id: runs.done }]);
  });

  test.each(['howdah.steps', 'howdah_private.message_log'])(
    'wrong_tenant: %s of a run belong to another tenant',
    async (log) => {
      expect(
        await breaking(
          (of) => `update ${log} set tenant_id = '${of.tenant}' where execution_id = '${of.done}'`,
        ),
      ).toMatchObject([{ rule: 'wrong_tenant', execution_id: runs.done }]);
    },
  );

  test('wrong_tenant: the parent belongs to another tenant', async () => {
    expect(
      await breaking(
        (of) => `update howdah.executions set tenant_id = '${of.tenant}' where id = '${of.child}'`,
      ),
    ).toMatchObject([{ rule: 'wrong_tenant', execution_id: runs.child }]);
  });

  test('version_moved: a pinned definition was changed', async () => {
    const rules = await breaking(
      (of) =>
        `update howdah.agent_versions set definition = definition || '{"x": 1}' where agent_id = '${of.agent}'`,
    );
    expect(new Set(rules.map((row) => row.rule))).toEqual(new Set(['version_moved']));
    expect(rules.map((row) => row.execution_id)).toContain(runs.done);
  });

  test('version_moved: a pinned definition is missing', async () => {
    const rules = await breaking(
      (of) => `delete from howdah.agent_versions where agent_id = '${of.agent}'`,
    );
    expect(new Set(rules.map((row) => row.rule))).toEqual(new Set(['version_moved']));
  });

  test('wrong_turn: the live run of a session has ended or is missing', async () => {
    for (const id of [(of: Runs) => of.done, () => '019a0000-0000-7000-8000-000000000001']) {
      expect(
        await breaking(
          (of) =>
            `update howdah.sessions set live_execution_id = '${id(of)}' where id = '${of.session}'`,
        ),
      ).toMatchObject([{ rule: 'wrong_turn', execution_id: id(runs) }]);
    }
  });

  test('stuck_turn: a run waits for a turn that no run has', async () => {
    expect(
      await breaking(
        (of) => `update howdah.sessions set live_execution_id = null where id = '${of.session}'`,
      ),
    ).toMatchObject([{ rule: 'stuck_turn', execution_id: runs.waiting }]);
  });

  test('stuck_turn: a run waits for its turn in a missing session', async () => {
    expect(
      await breaking(
        (of) => `update howdah.executions set session_id = null where id = '${of.waiting}'`,
      ),
    ).toMatchObject([{ rule: 'stuck_turn', execution_id: runs.waiting }]);
  });

  const waits =
    (what: string, more = '') =>
    (of: Runs) =>
      `update howdah.executions set waiting_for = '${what}', updated_at = now() - interval '1 minute' ${more}
     where id = '${of.waiting}'`;

  test.each<[string, keyof Runs, (of: Runs) => string]>([
    ['stuck_wait', 'waiting', waits('question')],
    ['stuck_wait', 'waiting', waits('child')],
    ['unread_inbox', 'waiting', waits('child', ', has_inbox = true')],
    [
      'live_children',
      'live',
      (of) => `update howdah.executions set live_children = 2 where id = '${of.live}'`,
    ],
    ['live_children', 'live', (of) => `delete from howdah.executions where id = '${of.child}'`],
    [
      'ledger_children',
      'live',
      (of) => `update howdah.executions set children_tokens_in = 7 where id = '${of.live}'`,
    ],
    [
      'orphan',
      'child',
      (
        of,
      ) => `update howdah.executions set status = 'cancelled', stop_reason = 'cancelled', owner_worker = null,
                 completed_at = now() - interval '1 minute' where id = '${of.live}'`,
    ],
    [
      'effect_twice',
      'done',
      (of) => `update howdah.steps set kind = 'tool', idempotency_key = 'once'
               where execution_id = '${of.done}' and kind in ('tool', 'model')`,
    ],
  ])('%s: reported for the %s run', async (rule, run, statement) => {
    expect(await breaking(statement)).toContainEqual(
      expect.objectContaining({ rule, execution_id: runs[run] }),
    );
  });

  test('late_schedule: a schedule was due and no live worker has fired it', async () => {
    const schedule = (minutes: number) => (of: Runs) =>
      `insert into howdah.schedules (tenant_id, name, cron, agent_id, input, next_at)
       select a.tenant_id, 'late', '@daily', a.id, 'x', now() - interval '${minutes} minutes'
       from howdah.agents as a where a.id = '${of.agent}'`;
    expect(await breaking(schedule(3))).toMatchObject([
      { rule: 'late_schedule', detail: expect.stringContaining('schedule late was due at') },
    ]);
    expect(await breaking(schedule(1))).toEqual([]);
    const alone = await breaking(schedule(3), () => 'delete from howdah_private.workers');
    expect(alone.map(({ rule }) => rule)).not.toContain('late_schedule');
  });

  test('stale_version: an agent has an edit without a version', async () => {
    for (const change of ['version_is_stale = true', 'current_version_id = null']) {
      expect(
        await breaking((of) => `update howdah.agents set ${change} where id = '${of.agent}'`),
      ).toMatchObject([{ rule: 'stale_version', execution_id: null }]);
    }
  });

  test('cover the last hour, check_all() covers everything', async () => {
    await rolledBack(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica');
      await client.query(
        `update howdah.executions set max_steps = 1, completed_at = now() - interval '2 hours' where id = $1`,
        [runs.done],
      );
      await client.query(
        `update howdah.steps set finished_at = now() - interval '2 hours' where execution_id = $1`,
        [runs.done],
      );
      expect(await broken(client)).toEqual([]);
      expect(await broken(client, 'select * from howdah.check_all()')).toMatchObject([
        { rule: 'over_budget', execution_id: runs.done },
      ]);
    });
  });
});
