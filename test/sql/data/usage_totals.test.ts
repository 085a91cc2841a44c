import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  brokenRules,
  claim,
  commit,
  committed,
  completed,
  finish,
  isBlocked,
  makeAgent,
  makeModel,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  openSession,
  retainBatch,
  setRetention,
  spawn,
  waitForRecount,
} from '../support.ts';

// Tests that usage is still counted after runs are deleted. The sums of the views are equal before
// and after, with all digits.

const SUMS: Record<string, string> = {
  daily_usage: `select tenant_id, day, agent_id, agent, workflow_id, runs, completed, failed, success_rate, steps, tokens_in,
    tokens_out, cost from howdah.daily_usage order by 1, 2, 3, 5`,
  agent_performance: `select tenant_id, agent_id, version, runs, completed, failed, cancelled, success_rate, steps_per_run,
    tokens_in, tokens_out, cost from howdah.agent_performance order by 1, 2, 3`,
  model_usage: `select tenant_id, model_id, model, answers, failed_attempts, success_rate, tokens_in, tokens_out, cost,
    cached_tokens, cache_write_tokens, estimated_attempts from howdah.model_usage order by 1, 2`,
  tool_performance: `select tenant_id, tool, calls, errors, success_rate, seconds_p50, cached_calls
    from howdah.tool_performance order by 1, 2`,
};

const db = testDatabase({ violates: true }); // writes runs and steps by hand
let worker: string;

beforeAll(async () => {
  worker = await makeWorker(db.pool);
});

async function sums(): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {};
  for (const [view, text] of Object.entries(SUMS)) found[view] = await all(db.pool, text);
  return found;
}

type Place = { tenant_id: string; agent_id: string; model_id: string; user_id: string };

async function makePlace(): Promise<Place> {
  const tenant_id = await makeTenant(db.pool);
  const agent_id = await makeAgent(db.pool, { tenant_id });
  const model_id = await makeModel(db.pool, {
    tenant_id,
    input_price: 2.5,
    cached_input_price: 0.25,
    output_price: 10,
  });
  const { id } = await one(
    db.pool,
    `insert into howdah.users (tenant_id, username) values ($1, 'ada') returning id`,
    [tenant_id],
  );
  return { tenant_id, agent_id, model_id, user_id: id };
}

/**
 * Creates an ended run that has called a model twice with one failure, called a tool twice with one
 * failure, and started a child.
 */
async function work(place: Place, end: object = completed, session_id?: string): Promise<string> {
  const { tenant_id, agent_id, user_id } = place;
  const id = await makeRun(db.pool, {
    tenant_id,
    agent_id,
    user_id,
    ...(session_id && { session_id }),
  });
  const [claimed] = await claim(db.pool, worker, [id]);
  const fence = claimed?.fence;
  const output = { usage: { cached_tokens: 1000, cache_write_tokens: 34 } };
  const modelStep = {
    kind: 'model',
    model_id: place.model_id,
    tokens_in: 1234,
    tokens_out: 77,
    output,
  };
  const error = { code: 'timeout', message: 'too late' };
  const call = { kind: 'tool', name: 'look_up', call_id: 'a', effect: 'pure', output: 'x' };
  await commit(db.pool, worker, [
    {
      id,
      fence,
      after: 0,
      steps: [
        { ...modelStep, kind: 'retry', tokens_out: 0, error },
        { ...modelStep, output: { usage: { ...output.usage, estimated: true } } },
        call,
        { ...call, call_id: 'b', error },
        { ...call, call_id: 'c', annotations: { cached_from: { execution_id: agent_id, seq: 1 } } },
        { ...call, call_id: 'route', name: 'route' },
        modelStep,
      ],
    },
  ]);
  const child = await spawn(db.pool, worker, { id, fence, after: 7 }, agent_id);
  await finish(db.pool, worker, child);
  const taken = await one(db.pool, 'select * from howdah_private.take_inbox($1, $2, $3, 8)', [
    worker,
    id,
    fence,
  ]);
  const [result] = await commit(db.pool, worker, [
    { id, fence, after: taken.step_count, steps: [], to: { ...end } },
  ]);
  if (result?.outcome !== 'committed') throw new Error(`the run could not end: ${result?.outcome}`);
  return id;
}

const treeOf = async (id: string): Promise<string[]> =>
  (await all(db.pool, 'select id from howdah.executions where root_execution_id = $1', [id])).map(
    (row) => row.id,
  );

describe('totals survive the deletion of runs', () => {
  test('by retention, in batches, with forks, children, failures and sessions', async () => {
    const place = await makePlace();
    const { tenant_id } = place;
    const session = await makeSession(db.pool, { tenant_id });
    const first = await work(place, completed, session);
    await work(place, {
      status: 'failed',
      stop_reason: 'error',
      error: { code: 'provider', message: 'no', retryable: false },
    });
    for (let n = 0; n < 3; n++) await work(place);
    const { id: fork } = await one(db.pool, 'select id from howdah.fork_execution($1, 3)', [first]);
    await finish(db.pool, worker, fork);
    const live = await makeRun(db.pool, { tenant_id, agent_id: place.agent_id });
    const before = await sums();
    expect(before.daily_usage).toContainEqual(
      expect.objectContaining({ tenant_id, runs: '12', failed: '1' }),
    );
    expect(before.model_usage).toContainEqual(
      // 5 runs of 3 calls each
      expect.objectContaining({ tenant_id, cached_tokens: '15000', cache_write_tokens: '510' }),
    );
    await db.pool.query(
      `update howdah.executions set completed_at = now() - interval '9 days' where tenant_id = $1 and completed_at is not null`,
      [tenant_id],
    );
    await setRetention(db.pool, tenant_id, { keep_runs_days: 7 });
    for (;;) {
      const n = await retainBatch(db.pool, 2);
      expect(await sums()).toEqual(before);
      if (n === 0) break;
    }
    expect(
      await all(db.pool, 'select id from howdah.executions where tenant_id = $1', [tenant_id]),
    ).toEqual([{ id: live }]);
    expect(await brokenRules(db.pool)).toEqual([]);
  });

  test.each(['anonymise', 'delete'])('by erasing a user (%s)', async (mode) => {
    const place = await makePlace();
    for (let n = 0; n < 2; n++) await work(place);
    const before = await sums();
    await db.pool.query('select howdah.erase_user($1, $2)', [place.user_id, mode]);
    const { left } = await one(
      db.pool,
      'select count(*)::int as left from howdah.executions where tenant_id = $1',
      [place.tenant_id],
    );
    expect(left).toBe(mode === 'delete' ? 0 : 4);
    expect(await sums()).toEqual(before);
  });

  test('in a transaction that rolls back', async () => {
    const place = await makePlace();
    const ids = await treeOf(await work(place));
    const before = await sums();
    const client = await openSession(db.url);
    try {
      await client.query('begin');
      await client.query('select howdah_private.delete_runs($1)', [ids]);
      expect(await sums()).toEqual(before); // other sessions do not see the deletion yet
      await client.query('rollback');
    } finally {
      await client.end();
    }
    expect(await sums()).toEqual(before);
  });

  test('in two concurrent deletions: the later one finds nothing to count', async () => {
    const place = await makePlace();
    const ids = await treeOf(await work(place));
    const before = await sums();
    const [first, second] = [await openSession(db.url), await openSession(db.url)];
    try {
      await first.query('begin');
      await first.query('select howdah_private.delete_runs($1)', [ids]);
      const later = second.query(
        `select howdah_private.delete_runs($1) ->> 'executions' as deleted`,
        [ids],
      );
      await isBlocked(db.pool, second);
      await first.query('commit');
      expect((await later).rows).toEqual([{ deleted: '0' }]);
    } finally {
      await first.end();
      await second.end();
    }
    expect(await sums()).toEqual(before);
  });

  test('while other runs of the same agent and day end', async () => {
    const place = await makePlace();
    const trees = [];
    for (let n = 0; n < 4; n++) trees.push(await treeOf(await work(place)));
    const running = Promise.all([1, 2, 3].map(() => work(place)));
    for (const tree of trees) {
      await committed(db.pool, (client) =>
        client.query('select howdah_private.delete_runs($1)', [tree]),
      );
    }
    await running;
    const used = (tenant: string) =>
      one(
        db.pool,
        `select sum(runs) as runs, sum(completed) as completed, sum(tokens_in) as tokens, sum(cost) as cost
         from howdah.daily_usage where tenant_id = $1`,
        [tenant],
      );
    const single = await makePlace();
    await work(single);
    const each = await used(single.tenant_id);
    const all7 = await used(place.tenant_id);
    for (const [name, value] of Object.entries(each)) {
      expect(Number(all7[name])).toBeCloseTo(7 * Number(value), 12);
    }
  });
});

describe('a limit created after the deletion of runs counts them', () => {
  /**
   * Creates a limit, and returns the use of each subject. Checks that the recount by its job gives
   * the same use.
   */
  async function usedOf(tenant_id: string, columns: Record<string, unknown>): Promise<unknown[]> {
    const { scope = 'tenant', metric, period = null, subject_id = null } = columns;
    const { id } = await one(
      db.pool,
      `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value)
       values ($1, $2, $3, $4, $5, 1000000) returning id`,
      [tenant_id, scope, subject_id, metric, period],
    );
    const counters = `select subject_id, sum(used) as used from howdah_private.limit_counters where limit_id = $1 group by 1 order by 1`;
    const first = await all(db.pool, counters, [id]);
    await waitForRecount(db.pool, id);
    expect(await all(db.pool, counters, [id])).toEqual(first);
    await db.pool.query('delete from howdah.limits where id = $1', [id]);
    return first;
  }
  const QUOTAS = ['runs', 'tokens', 'cost'].flatMap((metric) =>
    ['month', null].flatMap((period) => [
      { metric, period },
      { metric, period, scope: 'agent' },
    ]),
  );

  test('per tenant and per agent, for the current month and without a period', async () => {
    const place = await makePlace();
    const { tenant_id } = place;
    const ids = [await work(place), await work(place), await work(place)];
    const used = async () => {
      const found = [];
      for (const columns of QUOTAS) found.push(await usedOf(tenant_id, columns));
      return found;
    };
    const before = await used();
    // the three runs that users started, without their children
    expect(before[0]).toEqual([{ subject_id: tenant_id, used: '3' }]);
    expect(before.every((rows) => rows.length === 1)).toBe(true);
    for (const id of ids) {
      await db.pool.query('select howdah_private.delete_runs($1)', [await treeOf(id)]);
      expect(await used()).toEqual(before);
    }
    // Use of deleted runs is stored by day, not by hour.
    expect(await usedOf(tenant_id, { metric: 'tokens', period: 'hour' })).toEqual([]);
    await db.pool.query(`update howdah.usage_totals set day = day - 31 where tenant_id = $1`, [
      tenant_id,
    ]);
    expect(await usedOf(tenant_id, { metric: 'runs', period: 'month' })).toEqual([]);
    expect(await usedOf(tenant_id, { metric: 'runs' })).toEqual(before[0]);
  });

  test('per user and session too, until the user or session is deleted', async () => {
    const place = await makePlace();
    const { tenant_id, user_id } = place;
    const session = await makeSession(db.pool, { tenant_id });
    const ids = [await work(place, completed, session), await work(place, completed, session)];
    ids.push(await work(place));
    const quotas = ['runs', 'tokens', 'cost'].flatMap((metric) =>
      [
        { scope: 'user' },
        { scope: 'user', subject_id: user_id },
        { scope: 'session' },
        { scope: 'session', subject_id: session, period: 'month' },
      ].map((quota) => ({ metric, ...quota })),
    );
    const used = async () => {
      const found = [];
      for (const columns of quotas) found.push(await usedOf(tenant_id, columns));
      return found;
    };
    const before = await used();
    expect(before.slice(0, 4)).toEqual([
      [{ subject_id: user_id, used: '3' }],
      [{ subject_id: user_id, used: '3' }],
      [{ subject_id: session, used: '2' }],
      [{ subject_id: session, used: '2' }],
    ]);
    for (const id of ids) {
      await db.pool.query('select howdah_private.delete_runs($1)', [await treeOf(id)]);
      expect(await used()).toEqual(before);
    }
    const named = async () => {
      while ((await one(db.pool, 'select howdah_private.merge_usage(1) as is_more')).is_more);
      return one(
        db.pool,
        `select array_agg(distinct user_id) filter (where user_id is not null) as users,
           array_agg(distinct session_id) filter (where session_id is not null) as sessions
         from howdah.usage_totals where tenant_id = $1`,
        [tenant_id],
      );
    };
    expect(await named()).toEqual({ users: [user_id], sessions: [session] });
    expect(await used()).toEqual(before);
    await db.pool.query('delete from howdah.sessions where id = $1', [session]);
    expect(await named()).toEqual({ users: [user_id], sessions: null });
    await db.pool.query('select howdah.erase_user($1, $2)', [user_id, 'delete']);
    expect(await named()).toEqual({ users: null, sessions: null });
  });

  test('once each, when it is created during the deletion', async () => {
    const place = await makePlace();
    const { tenant_id, user_id } = place;
    const ids = await treeOf(await work(place));
    await work(place);
    const deleter = await openSession(db.url);
    const columns = { metric: 'runs', scope: 'user', subject_id: user_id };
    const both = [{ subject_id: user_id, used: '2' }];
    try {
      await deleter.query('begin');
      await deleter.query('select howdah_private.delete_runs($1)', [ids]);
      expect(await usedOf(tenant_id, columns)).toEqual(both);
      await deleter.query('commit');
    } finally {
      await deleter.end();
    }
    expect(await usedOf(tenant_id, columns)).toEqual(both);
  });
});

test('stored totals are visible only to their tenant, and no role can write them', async () => {
  const [mine, others] = [await makePlace(), await makePlace()];
  for (const place of [mine, others]) {
    await db.pool.query('select howdah_private.delete_runs($1)', [await treeOf(await work(place))]);
  }
  for (const role of ['howdah_app', 'howdah_analyst']) {
    await asRole(db.pool, role, { 'howdah.tenant_id': mine.tenant_id }, async (client) => {
      for (const table of ['usage_totals', 'usage_durations', 'daily_usage', 'model_usage']) {
        const rows = await all(client, `select distinct tenant_id from howdah.${table}`);
        expect(rows).toEqual([{ tenant_id: mine.tenant_id }]);
      }
    });
    for (const table of ['usage_totals', 'usage_durations']) {
      await expect(
        asRole(db.pool, role, { 'howdah.tenant_id': mine.tenant_id }, (client) =>
          client.query(`delete from howdah.${table}`),
        ),
      ).rejects.toMatchObject({ code: '42501' });
    }
  }
});
