import { beforeAll, describe, expect, test } from 'vitest';
import { advanceHead } from '../../support/database/run-heads.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
  one,
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

describe('readers of a running run', () => {
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

  const values = `step_count, message_count, model_count, tokens_in, tokens_out, cost, trust`;

  test('with_head returns the row with the values of the head', async () => {
    const id = await ahead();
    const text = `select h.* from howdah.executions as e cross join lateral howdah_private.with_head(e) as h
      where e.id = $1`;
    expect(await one(db.pool, text, [id])).toMatchObject({ ...AHEAD, id, status: 'running' });
  });

  test('of execution_counters see the head, and nothing of another tenant', async () => {
    const id = await ahead();
    expect(
      await one(
        db.pool,
        `select ${values} from howdah.execution_counters where execution_id = $1`,
        [id],
      ),
    ).toEqual(AHEAD);
    for (const role of ['howdah_app', 'howdah_analyst']) {
      for (const relation of ['howdah.execution_counters', 'howdah_private.run_heads']) {
        const text = `select ${values} from ${relation} where execution_id = $1`;
        const seen = (tenantId: string) => {
          const settings = { 'howdah.tenant_id': tenantId, 'howdah.user_role': 'owner' };
          return asRole(db.pool, role, settings, (client) => all(client, text, [id]));
        };
        expect({ role, relation, seen: await seen(tenant) }).toEqual({
          role,
          relation,
          seen: [AHEAD],
        });
        expect(await seen('00000000-0000-7000-8000-000000000000')).toEqual([]);
      }
    }
  });

  test('of the views see the head', async () => {
    const own = await makeAgent(db.pool);
    const id = await ahead({ agent_id: own });
    const used = { tokens_in: '100', tokens_out: '20', cost: '0.5' };
    expect(
      await one(db.pool, 'select * from howdah.execution_tree where execution_id = $1', [id]),
    ).toMatchObject({
      ...used,
      total_tokens_in: '100',
      total_tokens_out: '20',
      total_cost: '0.5',
    });
    for (const view of ['agent_performance', 'daily_usage']) {
      expect(
        await one(db.pool, `select * from howdah.${view} where agent_id = $1`, [own]),
      ).toMatchObject(used);
    }
  });

  test('in functions see the head', async () => {
    const session = await makeSession(db.pool, { agent_id: agent });
    const id = await started({ session_id: session });
    const version = async () =>
      Number(
        (await one(db.pool, `select howdah.session_state($1) ->> 'version' as v`, [session])).v,
      );
    const states = () =>
      one(db.pool, 'select * from howdah_private.execution_states(array[$1::uuid])', [id]);
    const [before, state] = [await version(), await states()];
    await advanceHead(db.pool, id);
    expect(await version()).toBe(before + 1);
    const now = await states();
    expect(now.step_count).toBe(1);
    expect(now.updated_at).not.toBe(state.updated_at);
    const json = async (text: string) => (await one(db.pool, `select ${text} as v`, [id])).v;
    expect(await json(`howdah.export_run($1) -> 'execution'`)).toMatchObject({
      step_count: 1,
      tokens_in: 100,
      cost: 0.5,
      trust: 'external',
    });
    expect(await json(`howdah.explain_execution($1)`)).toMatchObject({
      reason: 'at_work',
      summary: expect.stringContaining('its last step was 1, model default'),
    });
    expect(await json('to_jsonb(howdah_private.execution_at_fence($1, 1))')).toMatchObject({
      step_count: 1,
    });
    expect(await json(`howdah_private.conversation_since($1, 0)`)).toMatchObject({
      step_count: 1,
    });
    expect(await json(`howdah.compare_executions($1, $1) -> 'a'`)).toMatchObject({
      steps: 1,
      tokens_in: 100,
      total_cost: 0.5,
    });
    expect(
      await one(db.pool, 'select * from howdah_private.begin_hooks($1, $2, 1)', [worker, id]),
    ).toEqual({ step_count: 1, is_owned: true, has_inbox: false });
    expect(await json(`(howdah_private.execution_row($1)).trust`)).toBe('external');
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('of the trust of a run never see a higher one', async () => {
    const id = await ahead();
    const trust = async (text: string, values: unknown[] = [id]) =>
      (await one(db.pool, `select ${text} as v`, values)).v;
    expect(await trust(`split_part(howdah_private.binding($2, $1), ' ', 3)`, [id, tenant])).toBe(
      'external',
    );
    expect(await trust('howdah_private.trust_of_runs($2, array[$1::uuid])', [id, tenant])).toBe(
      'external',
    );
    const fork = await one(db.pool, 'select * from howdah.fork_execution($1)', [id]);
    expect(fork).toMatchObject({ forked_from_seq: 1, step_count: 2 });
  });

  test('of the budget left for children see the usage of a running parent', async () => {
    const id = await started({ max_cost: 0.4 });
    const reached = () =>
      one(db.pool, 'select howdah_private.ancestor_limit_reached(array[$1::uuid]) as v', [id]);
    expect(await reached()).toEqual({ v: null });
    await advanceHead(db.pool, id);
    expect(await reached()).toEqual({ v: 'max_cost' });
  });
});
