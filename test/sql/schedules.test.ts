import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  all,
  asRole,
  brokenRules,
  claim,
  finish,
  isBlocked,
  jobsOf,
  makeAgent,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  refusedInside,
  unique,
} from './support.ts';

describe('schedules', () => {
  let db: TestDatabase;
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    db = await createTestDatabase();
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });
  beforeEach(() => db.pool.query('update howdah.schedules set is_active = false'));
  afterAll(async () => {
    await db.pool.query('update howdah.schedules set is_active = false');
    expect(await brokenRules(db.pool)).toEqual([]);
    await db.drop();
  });

  const make = async (columns: Record<string, unknown> = {}): Promise<string> => {
    const row = {
      name: unique('schedule'),
      cron: '@hourly',
      agent_id: agent,
      input: 'What is new?',
      ...columns,
    };
    const names = Object.keys(row);
    const { id } = await one(
      db.pool,
      `insert into howdah.schedules (${names.join(', ')})
       values (${names.map((_, index) => `$${index + 1}`).join(', ')}) returning id`,
      Object.values(row),
    );
    return id;
  };
  const row = (id: string) => one(db.pool, 'select * from howdah.schedules where id = $1', [id]);
  const runsOf = (id: string) =>
    all(
      db.pool,
      `select * from howdah.executions where idempotency_key like 'schedule:' || $1 || ':%' order by id`,
      [id],
    );
  const fire = async () => (await one(db.pool, 'select howdah_private.fire_schedules() as n')).n;
  const forOf = (runs: Record<string, { scheduled_for: string }>[]) =>
    runs.map((run) => run.metadata?.scheduled_for);
  /** Moves the next time back, as if nobody had been there since: to the last time but `times` of the cron. */
  const missed = (id: string, times: number) =>
    db.pool.query(
      `update howdah.schedules as s set next_at = (
         select min(t) from howdah_private.cron_times(s.cron, s.timezone, '-infinity', now(), $2, true) as t
       ) where s.id = $1`,
      [id, times],
    );
  /** Moves the next time to just now, which is no time of the cron and yet due. */
  const due = (id: string) =>
    db.pool.query('update howdah.schedules set next_at = clock_timestamp() where id = $1', [id]);

  describe('are checked when they are written', () => {
    test('a row needs a name, a cron, an agent and an input, and has its next time', async () => {
      const id = await make({ cron: '0 9 * * *', timezone: 'Europe/Berlin' });
      const { next_at, ...rest } = await row(id);
      const { t } = await one(
        db.pool,
        `select howdah.schedule_times('0 9 * * *', 'Europe/Berlin', count => 1) as t`,
      );
      expect(next_at).toEqual(t);
      expect(rest).toMatchObject({
        overlap_policy: 'allow',
        catchup_policy: 'one',
        is_active: true,
        metadata: {},
        priority: 0,
        last_at: null,
        last_execution_id: null,
        last_error: null,
      });
    });

    test.each([
      [{ cron: '61 * * * *' }, 'HWINV', 'cron'],
      [{ cron: null }, 'HWINV', 'cron'],
      [{ cron: '0 0 30 2 *' }, 'HWINV', 'cron'],
      [{ timezone: 'Europe/Atlantis' }, 'HWINV', 'timezone'],
      [{ timezone: null }, 'HWINV', 'timezone'],
      [{ input: null }, 'HWINV', 'input'],
      [{ input: 'x'.repeat(1_048_577) }, 'HWINV', 'input'],
      [{ agent_id: null }, 'HWINV', 'agent_id'],
      [{ agent_id: '019a0000-0000-7000-8000-000000000001' }, 'HWNTF', 'agent_id'],
    ])('case %#: by insert and by update, naming the field', async (columns, code, field) => {
      const inserted = await refusal(make(columns));
      const id = await make();
      const [name, value] = Object.entries(columns)[0] as [string, unknown];
      const updated = await refusal(
        db.pool.query(`update howdah.schedules set ${name} = $2 where id = $1`, [id, value]),
      );
      for (const refused of [inserted, updated]) {
        expect(refused).toMatchObject({ code, hint: expect.any(String) });
        expect(JSON.parse(refused.detail ?? '')).toMatchObject({ field });
        expect(refused.message).toContain(field === 'agent_id' ? 'agent' : field);
      }
    });

    test('a name twice, and policies nobody knows', async () => {
      const name = unique('schedule');
      await make({ name });
      expect(await refusal(make({ name }))).toMatchObject({ code: '23505' });
      expect(await refusal(make({ name: ' ' }))).toMatchObject({
        constraint: 'name_is_not_empty',
      });
      expect(await refusal(make({ overlap_policy: 'queue' }))).toMatchObject({ code: '22P02' });
      expect(await refusal(make({ metadata: '[]' }))).toMatchObject({
        constraint: 'metadata_is_an_object',
      });
    });

    test('a deleted agent cannot be scheduled', async () => {
      const gone = await makeAgent(db.pool);
      await db.pool.query('select howdah.delete_agent($1)', [gone]);
      expect(await refusal(make({ agent_id: gone }))).toMatchObject({ code: 'HWNTF' });
    });
  });

  describe('know their next time', () => {
    test('a new cron or time zone makes a new one, anything else leaves it', async () => {
      const id = await make({ cron: '0 9 1 1 *' });
      const { next_at: first } = await row(id);
      await db.pool.query(`update howdah.schedules set input = 'x', cron = '0 9 1 1 *' where id = $1`, [id]);
      expect((await row(id)).next_at).toEqual(first);
      await db.pool.query(`update howdah.schedules set timezone = 'Asia/Tokyo' where id = $1`, [id]);
      const { next_at: second } = await row(id);
      expect(first - second).toBe(9 * 3_600_000);
      await db.pool.query(`update howdah.schedules set cron = '0 10 1 1 *' where id = $1`, [id]);
      expect((await row(id)).next_at - second).toBe(3_600_000);
    });

    test('a paused one has none, and goes on from now: what passed is not caught up', async () => {
      const id = await make({ catchup_policy: 'all' });
      await missed(id, 5);
      await db.pool.query('update howdah.schedules set is_active = false where id = $1', [id]);
      expect((await row(id)).next_at).toBeNull();
      expect(await fire()).toBe(0);
      expect(
        await refusal(db.pool.query('update howdah.schedules set next_at = now() where id = $1', [id])),
      ).toMatchObject({ constraint: 'paused_schedules_have_no_next_time' });
      await db.pool.query('update howdah.schedules set is_active = true where id = $1', [id]);
      expect(await fire()).toBe(0);
      const { is_later } = await one(
        db.pool,
        'select next_at > now() as is_later from howdah.schedules where id = $1',
        [id],
      );
      expect(is_later).toBe(true);
      expect(await runsOf(id)).toEqual([]);
    });
  });

  describe('make a run at their time', () => {
    test('with everything the row says', async () => {
      const session = await makeSession(db.pool);
      const { id: user } = await one(
        db.pool,
        `insert into howdah.users (username) values ($1) returning id`,
        [unique('user')],
      );
      const name = unique('schedule');
      const id = await make({
        name,
        cron: '0 9 1 1 *',
        input_data: { rows: [1] },
        metadata: { team: 'north' },
        session_id: session,
        priority: 7,
        user_id: user,
        next_at: '2026-02-03T04:05:06Z',
      });
      expect(await fire()).toBe(1);
      const [run] = await runsOf(id);
      expect(run).toMatchObject({
        agent_id: agent,
        input: 'What is new?',
        input_data: { rows: [1] },
        session_id: session,
        priority: 7,
        user_id: user,
        idempotency_key: `schedule:${id}:2026-02-03T04:05:06Z`.replace('2026-02-03T04:05:06', '2026-01-01T09:00:00'),
      });
    });
  });
});
