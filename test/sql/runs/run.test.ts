import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  isBlocked,
  jobsOf,
  makeAgent,
  makeSession,
  one,
  openSession,
  refusal,
  rolledBack,
} from '../support.ts';

describe('howdah.run', () => {
  const db = testDatabase();

  beforeAll(async () => {
    await makeAgent(db.pool, { name: 'support' });
  });

  test('returns the row of a queued run with its defaults', async () => {
    const run = await one(db.pool, `select * from howdah.run('support', 'Where is A-1001?')`);
    expect(run).toMatchObject({
      status: 'queued',
      input: 'Where is A-1001?',
      max_steps: 50,
      max_seconds: 600,
      max_tokens: null,
      max_cost: null,
      priority: 0,
      metadata: {},
      depth: 0,
      parent_execution_id: null,
    });
    expect(run.root_execution_id).toBe(run.id);
  });

  test('stores every argument in the row', async () => {
    const session = await makeSession(db.pool);
    const run = await one(
      db.pool,
      `select * from howdah.run('support', 'hi', input_data => '{"a": 1}', session_id => $1,
         run_at => '2099-01-01Z', priority => -3, idempotency_key => 'all', metadata => '{"order": 1}')`,
      [session],
    );
    expect(run).toMatchObject({
      input_data: { a: 1 },
      session_id: session,
      turn: 1,
      run_at: new Date('2099-01-01T00:00:00Z'),
      priority: -3,
      idempotency_key: 'all',
      metadata: { order: 1 },
    });
  });

  test.each([
    `howdah.run('support', 'hi', null, null, null, null, null, null)`,
    `howdah.run_workflow('manager', 'hi', null, null, null, null, null, null)`,
  ])('treats null arguments as omitted: %s', async (call) => {
    expect(
      await one(db.pool, `select priority, metadata, run_at <= now() as due from ${call}`),
    ).toEqual({ priority: 0, metadata: {}, due: true });
  });

  test.each(['run', 'run_workflow'])(
    '%s rejects a priority its column cannot hold',
    async (name) => {
      const called = name === 'run' ? 'support' : 'manager';
      const text = `select howdah.${name}('${called}', 'hi', priority => 40000)`;
      expect(await refusal(db.pool.query(text))).toMatchObject({
        code: 'HWINV',
        fields: { field: 'priority' },
        detail: '{"field": "priority"}',
      });
    },
  );

  test('sets priority and run_at of the wake-up, under the key of the run', async () => {
    const { id } = await one(
      db.pool,
      `select id from howdah.run('support', 'later', run_at => '2099-05-01Z', priority => 7)`,
    );
    expect(await jobsOf(db.pool, id)).toEqual([
      {
        priority: 7,
        run_at: new Date('2099-05-01T00:00:00Z'),
        payload: { id },
        is_available: true,
      },
    ]);
  });

  test('returns one run to fifty callers with one key', async () => {
    const runs = await Promise.all(
      Array.from({ length: 50 }, () =>
        one(db.pool, `select id from howdah.run('support', 'once', idempotency_key => 'fifty')`),
      ),
    );
    expect(new Set(runs.map((run) => run.id)).size).toBe(1);
    const { n } = await one(
      db.pool,
      `select count(*)::int as n from howdah.executions where idempotency_key = 'fifty'`,
    );
    expect(n).toBe(1);
    expect(await jobsOf(db.pool, runs[0]?.id)).toHaveLength(1);
  });

  test('reserves a key whose row is deleted during the lookup of its run', async () => {
    await db.pool.query(
      `insert into howdah_private.idempotency_keys (tenant_id, key, execution_id)
       select id, 'orphan', howdah.uuid_v7() from howdah.tenants where slug = 'default'`,
    );
    const [gate, caller] = await Promise.all([openSession(db.url), openSession(db.url)]);
    const reserve = (key: string, id: string) =>
      one(
        caller,
        'select howdah_private.reserve_idempotency_key(id, $1, $2) as id from howdah.tenants limit 1',
        [key, id],
      );
    try {
      await reserve('first call of the session', randomUUID());
      await gate.query('begin');
      await gate.query('lock table howdah.executions in access exclusive mode');
      const id = randomUUID();
      const reserved = reserve('orphan', id);
      await isBlocked(db.pool, caller); // it has found the row of the key
      await db.pool.query(`delete from howdah_private.idempotency_keys where key = 'orphan'`);
      await gate.query('rollback');
      expect(await reserved).toEqual({ id });
    } finally {
      await Promise.all([gate.end(), caller.end()]);
    }
  });

  test('returns one run with one turn to fifty callers with one key and one session', async () => {
    const session = await makeSession(db.pool);
    const runs = await Promise.all(
      Array.from({ length: 50 }, () =>
        one(
          db.pool,
          `select id from howdah.run('support', 'once', session_id => $1, idempotency_key => 'turn')`,
          [session],
        ),
      ),
    );
    expect(new Set(runs.map((run) => run.id)).size).toBe(1);
    expect(
      await one(db.pool, 'select turns from howdah.sessions where id = $1', [session]),
    ).toEqual({ turns: 1 });
  });

  test('rejects a key that is too long before any lookup', async () => {
    // Random text cannot be compressed, so an index could not store it.
    const key = Array.from({ length: 400 }, () => randomUUID()).join('');
    for (const call of [
      `select howdah.run('support', 'x', idempotency_key => $1)`,
      `insert into howdah.executions (agent_id, input, idempotency_key) values (howdah.agent('support'), 'x', $1)`,
    ]) {
      expect(await refusal(db.pool.query(call, [key]))).toMatchObject({
        code: 'HWINV',
        fields: { most: 500, unit: 'characters', field: 'idempotency_key' },
        detail: '{"most": 500, "unit": "characters", "field": "idempotency_key"}',
      });
    }
    await db.pool.query(`select howdah.run('support', 'x', idempotency_key => $1)`, [
      key.slice(0, 500),
    ]);
  });

  test('rejects an unknown agent and lists the existing ones', async () => {
    const refused = await refusal(db.pool.query(`select howdah.run('suport', 'hi')`));
    expect(refused).toMatchObject({ code: 'HWNTF', fields: { agent: 'suport' } });
    expect(refused.hint).toBe(
      "Did you mean the agent 'support'? The agents of this tenant: support, development.",
    );
  });

  test('suggests the agent or workflow with the closest name, whichever was requested', async () => {
    const hints = await Promise.all(
      [
        `howdah.run('manger', 'hi')`,
        `howdah.run_workflow('manger', 'hi')`,
        `howdah.workflow('suport')`,
      ].map(async (call) => (await refusal(db.pool.query(`select ${call}`))).hint),
    );
    expect(hints).toEqual([
      "Did you mean the workflow 'manager'? The agents of this tenant: development, support.",
      "Did you mean the workflow 'manager'? The workflows of this tenant: manager.",
      "Did you mean the agent 'support'? The workflows of this tenant: manager.",
    ]);
    const far = await refusal(db.pool.query(`select howdah.run('nothing-like-it', 'hi')`));
    expect(far.hint).toBe('The agents of this tenant: development, support.');
  });

  test('explains how to run a workflow when its name is looked up as an agent', async () => {
    const refused = await refusal(db.pool.query(`select howdah.agent('manager')`));
    expect(refused).toMatchObject({ code: 'HWNTF', fields: { agent: 'manager' } });
    expect(refused.hint).toBe(
      "This name belongs to a workflow: set workflow_id to howdah.workflow('manager'), or call howdah.run('manager', …).",
    );
  });

  test('treats names that look like patterns literally', async () => {
    for (const name of ['%', '_upport', "x' or true --", '']) {
      expect(await refusal(db.pool.query('select howdah.run($1, $2)', [name, 'hi']))).toMatchObject(
        {
          code: 'HWNTF',
        },
      );
    }
  });

  test('rejects an unknown session', async () => {
    const id = '019a0000-0000-7000-8000-000000000001';
    const refused = await refusal(
      db.pool.query(`select howdah.run('support', 'hi', session_id => $1)`, [id]),
    );
    expect(refused).toMatchObject({ code: 'HWNTF', fields: { session_id: id } });
    expect(refused.fields).toEqual({ session_id: id });
    expect(refused.hint).toContain('howdah.sessions');
  });

  test('treats null for metadata and run_at as omitted', async () => {
    const run = await one(
      db.pool,
      `select metadata, run_at <= now() as is_due
       from howdah.run('support', 'hi', metadata => null, run_at => null)`,
    );
    expect(run).toEqual({ metadata: {}, is_due: true });
  });

  test('works with the rights of the application', async () => {
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const run = await one(client, `select * from howdah.run('support', 'hi')`);
      expect(run).toMatchObject({ status: 'queued', input: 'hi' });
      const first = await one(
        client,
        `select id from howdah.run('support', 'a', idempotency_key => 'app')`,
      );
      const again = await one(
        client,
        `select id from howdah.run('support', 'b', idempotency_key => 'app')`,
      );
      expect(again.id).toBe(first.id);
    });
  });

  test('keeps idempotency keys of tenants separate', async () => {
    const other = await one(
      db.pool,
      `insert into howdah.tenants (slug, name) values ('other', 'Other') returning id`,
    );
    const ids: string[] = [];
    for (const tenant of ['', other.id]) {
      await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
        const run = await one(
          client,
          `select id, created_by from howdah.run('development', 'hi', idempotency_key => 'shared')`,
        );
        ids.push(run.id);
      });
    }
    expect(new Set(ids).size).toBe(2);
    expect(
      await all(db.pool, `select 1 from howdah.executions where idempotency_key = 'shared'`),
    ).toEqual([]);
  });

  test('an unknown name is compared with the existing names once, however many there are', async () => {
    await rolledBack(db.pool, async (client) => {
      await client.query(`set local track_functions = 'all'`);
      await client.query(
        `insert into howdah.agents (name) select 'waiter number ' || i from generate_series(1, 300) as i`,
      );
      await client.query('savepoint asking');
      const error = await client
        .query(`select howdah.agent('waiter numbr 77')`)
        .catch((thrown) => thrown);
      await client.query('rollback to savepoint asking');
      expect(error.hint).toContain(`Did you mean the agent 'waiter number 77'?`);
      expect(error.hint).toMatch(/The agents of this tenant: ([^,]+, ){8}…\.$/); // and more
      const { calls } = await one(
        client,
        `select calls::int from pg_stat_xact_user_functions where funcname = 'nearest_word'`,
      );
      expect(calls).toBe(1);
    });
  });
});
