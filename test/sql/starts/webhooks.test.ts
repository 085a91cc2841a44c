import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  failed,
  finish,
  jobsOf,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  plannedSeconds,
  refusal,
  spawn,
} from '../support.ts';

describe('webhooks', () => {
  const db = testDatabase();
  let worker: string;
  let tenant_id: string;

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
    tenant_id = await makeTenant(db.pool);
  });

  async function makeWebhook(columns: Record<string, unknown> = {}, pool: pg.Pool = db.pool) {
    const row = { tenant_id, url: 'https://hooks.example.com/in', ...columns };
    const names = Object.keys(row);
    const { id } = await one(
      pool,
      `insert into howdah.webhooks (${names.join(', ')}) values (${names.map((_, at) => `$${at + 1}`).join(', ')}) returning id`,
      Object.values(row),
    );
    return id as string;
  }
  const eventsOf = (execution: string) =>
    all(db.pool, 'select * from howdah.webhook_deliveries where execution_id = $1 order by id', [
      execution,
    ]);
  async function ended(columns: Record<string, unknown> = {}, to?: Record<string, unknown>) {
    const agent_id = columns.agent_id ?? (await makeAgent(db.pool, { tenant_id }));
    const id = await makeRun(db.pool, { tenant_id, ...columns, agent_id });
    await finish(db.pool, worker, id, to);
    return id;
  }
  const begin = async (id: string) =>
    (await one(db.pool, 'select howdah_private.begin_delivery($1) as delivery', [id])).delivery;
  const end = (id: string, attempt: number, status: number | null, retryAfterMs?: number) =>
    db.pool.query('select howdah_private.end_delivery($1, $2, $3, $4, $5)', [
      id,
      attempt,
      status,
      status !== null && status < 300 ? null : 'not received',
      retryAfterMs ?? null,
    ]);
  const delivery = (id: string) =>
    one(
      db.pool,
      `select d.*, (
         select extract(epoch from j.run_at - j.updated_at)::int from graphile_worker._private_jobs as j
         where j.key = 'delivery ' || d.id
       ) as seconds
       from howdah.webhook_deliveries as d where d.id = $1`,
      [id],
    );
  const makeDue = (id: string) =>
    db.pool.query('update howdah.webhook_deliveries set next_attempt_at = now() where id = $1', [
      id,
    ]);
  /** Creates a due delivery of a new webhook. */
  async function due(columns: Record<string, unknown> = {}) {
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const webhook = await makeWebhook({ agent_id, ...columns });
    const run = await ended({ agent_id });
    const [event] = await eventsOf(run);
    return { id: event?.id as string, webhook, run, agent_id };
  }

  test('the end of a run is queued for subscribed webhooks in the same commit', async () => {
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const both = await makeWebhook({ agent_id });
    const bad = await makeWebhook({ agent_id, events: ['execution.failed'] });
    await makeWebhook({ agent_id, is_active: false });
    await makeWebhook({ agent_id: await makeAgent(db.pool, { tenant_id }) });
    await makeWebhook({ tenant_id: await makeTenant(db.pool) });
    const good = await ended({ agent_id, metadata: { order: 4711 } });
    const lost = await ended({ agent_id }, failed);
    const [delivered, ...others] = await eventsOf(good);
    expect(others).toEqual([]);
    expect(delivered).toMatchObject({
      webhook_id: both,
      event: 'execution.completed',
      status: 'pending',
      attempts: 0,
      url: 'https://hooks.example.com/in',
      payload: {
        type: 'execution.completed',
        data: {
          execution_id: good,
          status: 'completed',
          stop_reason: 'final_answer',
          output: 'It is on its way.',
          is_output_left_out: false,
          metadata: { order: 4711 },
          tokens_in: 10,
          tokens_out: 5,
        },
      },
    });
    expect(await jobsOf(db.pool, `delivery ${delivered?.id}`)).toHaveLength(1);
    expect(
      (await eventsOf(lost)).map(({ webhook_id, event }) => [webhook_id, event]).sort(),
    ).toEqual(
      [
        [bad, 'execution.failed'],
        [both, 'execution.failed'],
      ].sort(),
    );
  });

  test('webhooks report a run that is cancelled from outside, and no child run', async () => {
    const agent_id = await makeAgent(db.pool, { tenant_id });
    await makeWebhook({ agent_id, events: ['execution.cancelled', 'execution.completed'] });
    const id = await makeRun(db.pool, { tenant_id, agent_id });
    const [run] = await claim(db.pool, worker, [id]);
    const child = await spawn(db.pool, worker, { id, fence: run?.fence, after: 0 }, agent_id);
    await finish(db.pool, worker, child);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await eventsOf(child)).toEqual([]);
    expect((await eventsOf(id)).map(({ event }) => event)).toEqual(['execution.cancelled']);
  });

  test('a question of a child is reported with its root run', async () => {
    const agent_id = await makeAgent(db.pool, { tenant_id });
    await makeWebhook({ agent_id, events: ['question.opened'] });
    const id = await makeRun(db.pool, { tenant_id, agent_id });
    const [run] = await claim(db.pool, worker, [id]);
    const { id: question } = await one(db.pool, 'select howdah.uuid_v7() as id');
    await commit(db.pool, worker, [
      {
        id,
        fence: run?.fence,
        after: 0,
        steps: [
          answer,
          {
            kind: 'question',
            call_id: 'a',
            question: {
              id: question,
              kind: 'question',
              call_id: 'a',
              prompt: 'Which one?',
              options: ['red', 'blue'],
            },
          },
        ],
        to: { status: 'waiting', waiting_for: 'question' },
      },
    ]);
    expect(
      (await eventsOf(id)).map(({ event, payload }) => ({
        event,
        question: payload.data.question,
      })),
    ).toEqual([
      {
        event: 'question.opened',
        question: expect.objectContaining({
          id: question,
          execution_id: id,
          prompt: 'Which one?',
          options: ['red', 'blue'],
        }),
      },
    ]);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('a question reports its run as waiting before the worker commits that status', async () => {
    const agent_id = await makeAgent(db.pool, { tenant_id });
    await makeWebhook({ agent_id, events: ['question.opened'] });
    const id = await makeRun(db.pool, { tenant_id, agent_id });
    const [run] = await claim(db.pool, worker, [id]);
    const child = await spawn(db.pool, worker, { id, fence: run?.fence, after: 0 }, agent_id);
    const [below] = await claim(db.pool, worker, [child]);
    const asks = async (of: string, fence: number, after: number) => {
      const { id: question } = await one(db.pool, 'select howdah.uuid_v7() as id');
      const questionData = { id: question, kind: 'question', call_id: 'b', prompt: 'Which one?' };
      const steps = [{ kind: 'question', call_id: 'b', question: questionData }];
      await commit(db.pool, worker, [{ id: of, fence, after, steps }]);
    };
    await asks(child, below?.fence, 0);
    await asks(id, run?.fence, 1);
    const { status } = await one(db.pool, 'select status from howdah.executions where id = $1', [
      id,
    ]);
    expect(status).toBe('running');
    expect((await eventsOf(id)).map(({ payload }) => payload.data)).toMatchObject([
      { execution_id: id, status: 'waiting', waiting_for: 'child' },
      { execution_id: id, status: 'waiting', waiting_for: 'question' },
    ]);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('a run has its own callback URL', async () => {
    const id = await ended({ callback_url: 'https://erp.example.com/done' });
    expect(await eventsOf(id)).toMatchObject([
      { webhook_id: null, event: 'execution.completed', url: 'https://erp.example.com/done' },
    ]);
    for (const callback_url of [
      'ftp://x',
      'https://me:pass@host/',
      'erp.example.com',
      `https://x/${'y'.repeat(2000)}`,
    ]) {
      expect(
        await refusal(
          makeRun(db.pool, {
            tenant_id,
            callback_url,
            agent_id: await makeAgent(db.pool, { tenant_id }),
          }),
        ),
      ).toMatchObject({
        code: 'HWINV',
        fields: { field: 'callback_url' },
      });
    }
  });

  test('a long output is left out and marked as such', async () => {
    const id = await ended(
      { callback_url: 'https://erp.example.com/' },
      {
        status: 'completed',
        stop_reason: 'final_answer',
        output: 'x'.repeat(70_000),
      },
    );
    const [event] = await eventsOf(id);
    expect(event?.payload.data).toMatchObject({ output: null, is_output_left_out: true });
  });

  test('an attempt starts once, and the next one is queued before it starts', async () => {
    const { id } = await due();
    const attempt = await begin(id);
    expect(attempt).toMatchObject({
      id,
      tenant_id,
      attempt: 1,
      url: 'https://hooks.example.com/in',
      secrets: [],
    });
    expect(await begin(id)).toBeNull();
    expect(await delivery(id)).toMatchObject({ attempts: 1, status: 'pending' });
    expect(await plannedSeconds(db.pool, `delivery ${id}`)).toBeGreaterThan(30);
    await makeDue(id); // as after a minute without a report of the sender
    expect(await begin(id)).toMatchObject({ attempt: 2, body: attempt.body });
    await end(id, 1, 200);
    expect(await delivery(id)).toMatchObject({ status: 'pending' });
    await end(id, 2, 204);
    expect(await delivery(id)).toMatchObject({
      status: 'delivered',
      last_status: 204,
      last_error: null,
      next_attempt_at: null,
    });
    expect(await jobsOf(db.pool, `delivery ${id}`)).toEqual([]);
    expect(await begin(id)).toBeNull();
  });

  test('a delivery is tried ten times over three days and then fails', async () => {
    const { id } = await due();
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      await makeDue(id);
      expect(await begin(id)).toMatchObject({ attempt });
      await end(id, attempt, attempt % 2 ? 500 : null);
      waits.push((await delivery(id)).seconds);
    }
    const expected = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (const [at, seconds] of expected.entries()) {
      expect(waits[at]).toBeGreaterThanOrEqual(seconds * 0.9 - 5);
      expect(waits[at]).toBeLessThanOrEqual(seconds * 1.1 + 5);
    }
    expect(await delivery(id)).toMatchObject({
      status: 'failed',
      attempts: 10,
      last_error: 'not received',
    });
    expect(await jobsOf(db.pool, `delivery ${id}`)).toEqual([]);
    const again = await one(
      db.pool,
      `select d.status::text, d.attempts from howdah.webhook_deliveries as d where d.id = $1`,
      [id],
    );
    expect(again).toEqual({ status: 'failed', attempts: 10 });
    await asTenant((client) => client.query('select howdah.redeliver($1)', [id]), 'commit');
    expect(await begin(id)).toMatchObject({ id, attempt: 1 });
    await end(id, 1, 200);
    expect(await delivery(id)).toMatchObject({ status: 'delivered' });
  });

  /**
   * Runs `work` in the tenant with a role. Rolls the transaction back unless `finish` is commit.
   */
  async function asTenant<T>(
    work: (client: pg.PoolClient) => Promise<T>,
    finish = 'rollback',
    role = 'owner',
  ) {
    const client = await db.pool.connect();
    try {
      await client.query('begin');
      await client.query(
        `select set_config('howdah.tenant_id', $1, true), set_config('howdah.role', $2, true)`,
        [tenant_id, role],
      );
      await client.query('set local role howdah_app');
      return await work(client);
    } finally {
      await client.query(finish).catch(() => client.query('rollback'));
      client.release();
    }
  }

  test('a receiver can request more time, or no more messages', async () => {
    const { id } = await due();
    await begin(id);
    await end(id, 1, 429, 3_600_000);
    expect((await delivery(id)).seconds).toBeGreaterThan(3_500);
    await makeDue(id);
    await begin(id);
    await end(id, 2, 410);
    const { webhook_id } = await delivery(id);
    expect(await delivery(id)).toMatchObject({ status: 'failed', last_status: 410 });
    expect(
      await one(db.pool, 'select is_active, disabled_because from howdah.webhooks where id = $1', [
        webhook_id,
      ]),
    ).toEqual({
      is_active: false,
      disabled_because: 'the receiver answered 410 Gone',
    });
    await db.pool.query('update howdah.webhooks set is_active = true where id = $1', [webhook_id]);
    expect(
      (
        await one(db.pool, 'select disabled_because from howdah.webhooks where id = $1', [
          webhook_id,
        ])
      ).disabled_because,
    ).toBeNull();
  });

  test('a delivery of a disabled webhook is not sent', async () => {
    const { id, webhook } = await due();
    await db.pool.query('update howdah.webhooks set is_active = false where id = $1', [webhook]);
    expect(await begin(id)).toBeNull();
    expect(await delivery(id)).toMatchObject({
      status: 'failed',
      last_error: 'the webhook was switched off',
    });
  });

  test('the next attempt goes to the corrected address', async () => {
    const { id, webhook } = await due();
    const url = 'https://erp.example.com/right';
    await db.pool.query('update howdah.webhooks set url = $2 where id = $1', [webhook, url]);
    expect(await begin(id)).toMatchObject({ url });
    expect(await delivery(id)).toMatchObject({ url });
  });

  test.each([
    [{ url: 'ftp://example.com' }, 'url_is_http', 'url'],
    [{ url: 'https://user:word@example.com/' }, 'url_is_http', 'url'],
    [{ url: 'https://x/', events: '{execution.done}' }, 'events_are_known', 'events'],
    [{ url: 'https://x/', events: '{}' }, 'events_are_known', 'events'],
  ])('%j is rejected by %s', async (columns, check, field) => {
    const refused = await refusal(makeWebhook(columns));
    expect(refused.code).toBe('HWINV');
    expect(refused.fields).toMatchObject({ constraint: check });
    expect(refused.hint).toContain(field === 'url' ? 'Write url' : 'execution.completed');
  });

  test('a webhook names an existing secret, which then cannot be removed', async () => {
    expect(await refusal(makeWebhook({ secret_name: 'nowhere' }))).toMatchObject({
      code: 'HWNTF',
      fields: { secret: 'nowhere' },
    });
    await db.pool.query(
      `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, 'signing', ''), ($1, 'before', '')`,
      [tenant_id],
    );
    const { id } = await due({ secret_name: 'signing', previous_secret_name: 'before' });
    expect(await begin(id)).toMatchObject({ secrets: ['signing', 'before'] });
    const refused = await asTenant((client) =>
      refusal(client.query(`select howdah.remove_secret('before')`)),
    );
    expect(refused).toMatchObject({
      code: 'HWCNF',
      fields: { secret: 'before', used_by: ['webhook https://hooks.example.com/in'] },
    });
  });

  test('admins read and write webhooks, members do not', async () => {
    const write = (role: string) =>
      asTenant(
        (client) =>
          client.query(`insert into howdah.webhooks (url) values ('https://x.example.com/')`),
        'rollback',
        role,
      );
    await write('admin');
    expect(await refusal(write('member'))).toMatchObject({ code: 'HWDEN' });
    for (const [role, sees] of [
      ['admin', true],
      ['member', false],
    ] as const) {
      const seen = await asTenant(
        (client) =>
          client.query(
            'select 1 from howdah.webhooks union all select 1 from howdah.webhook_deliveries',
          ),
        'rollback',
        role,
      );
      expect(seen.rows.length > 0).toBe(sees);
    }
    const { id } = await due();
    expect(
      await refusal(
        asTenant(
          (client) => client.query('select howdah.redeliver($1)', [id]),
          'rollback',
          'member',
        ),
      ),
    ).toMatchObject({ code: 'HWDEN' });
    const foreign = await asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': await makeTenant(db.pool), 'howdah.role': 'owner' },
      (client) => refusal(client.query('select howdah.redeliver($1)', [id])),
    );
    expect(foreign).toMatchObject({ code: 'HWNTF', fields: { delivery_id: id } });
  });
});
