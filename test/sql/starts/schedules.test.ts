import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  type Db,
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
} from '../support.ts';

const FIRE = 'select fired as n, tried from howdah_private.fire_schedules()';

/** Fires schedules until none is due, as a worker does. Returns the number of runs. */
async function fireAll(client: Db): Promise<number> {
  for (let sum = 0; ; ) {
    const { n, tried } = await one(client, FIRE);
    if (tried === 0) return sum;
    sum += n;
  }
}

/** A cron expression whose next time is about half a year away. */
const SELDOM = `0 0 1 ${((new Date().getUTCMonth() + 6) % 12) + 1} *`;

describe('schedules', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });
  beforeEach(() => db.pool.query('update howdah.schedules set is_active = false'));
  afterAll(async () => {
    await db.pool.query('update howdah.schedules set is_active = false');
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
  test('pass their concurrency key to scheduled runs and manual runs', async () => {
    const id = await make({ concurrency_key: 'customer-42', next_at: new Date() });
    await fireAll(db.pool);
    await db.pool.query('select howdah.run_schedule($1)', [id]);
    expect(
      await all(
        db.pool,
        `select concurrency_key from howdah.executions
         where metadata ->> 'schedule' = (select name from howdah.schedules where id = $1)`,
        [id],
      ),
    ).toEqual([{ concurrency_key: 'customer-42' }, { concurrency_key: 'customer-42' }]);
  });

  test.each(['', ' ', 'a\nb', 'x'.repeat(501)])(
    'reject the concurrency key %j, which no run may have',
    async (concurrency_key) => {
      expect(await refusal(make({ concurrency_key }))).toMatchObject({
        code: 'HWINV',
        fields: expect.objectContaining({ field: 'concurrency_key' }),
      });
    },
  );

  const row = (id: string) => one(db.pool, 'select * from howdah.schedules where id = $1', [id]);
  const runsOf = (id: string) =>
    all(
      db.pool,
      `select * from howdah.executions where idempotency_key like 'schedule:' || $1 || ':%'
       order by created_at`,
      [id],
    );
  const fire = () => fireAll(db.pool);
  const forOf = (runs: Record<string, { scheduled_for: string }>[]) =>
    runs.map((run) => run.metadata?.scheduled_for);
  /**
   * Moves the next time back, as if no worker had run since then. The schedule has missed this many
   * times.
   */
  const missed = (id: string, times: number) =>
    db.pool.query(
      `update howdah.schedules as s set next_at = (
         select min(t) from howdah_private.cron_times(s.cron, s.timezone, '-infinity', now(), $2, true) as t
       ) where s.id = $1`,
      [id, times],
    );
  /** Makes a schedule due now, at a time that is not in its cron expression. */
  const due = (id: string) =>
    db.pool.query('update howdah.schedules set next_at = clock_timestamp() where id = $1', [id]);

  describe('validation on write', () => {
    test('a row needs name, cron, agent and input, and gets its next time', async () => {
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
    ])(
      'case %#: is rejected on insert and on update, naming the field',
      async (columns, code, field) => {
        const inserted = await refusal(make(columns));
        const id = await make();
        const [name, value] = Object.entries(columns)[0] as [string, unknown];
        const updated = await refusal(
          db.pool.query(`update howdah.schedules set ${name} = $2 where id = $1`, [id, value]),
        );
        for (const refused of [inserted, updated]) {
          expect(refused).toMatchObject({ code, hint: expect.any(String) });
          expect(refused.fields).toMatchObject({ field });
          expect(refused.message).toContain(field === 'agent_id' ? 'agent' : field);
        }
      },
    );

    test('a duplicate name and invalid values are rejected', async () => {
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

  describe('next time', () => {
    test('changes with a new cron or time zone only', async () => {
      const id = await make({ cron: '0 9 1 1 *' });
      const { next_at: first } = await row(id);
      await db.pool.query(
        `update howdah.schedules set input = 'x', cron = '0 9 1 1 *' where id = $1`,
        [id],
      );
      expect((await row(id)).next_at).toEqual(first);
      await db.pool.query(`update howdah.schedules set timezone = 'Asia/Tokyo' where id = $1`, [
        id,
      ]);
      const { next_at: second } = await row(id);
      expect(first - second).toBe(9 * 3_600_000);
      await db.pool.query(`update howdah.schedules set cron = '0 10 1 1 *' where id = $1`, [id]);
      expect((await row(id)).next_at - second).toBe(3_600_000);
    });

    test('is null while paused; after resuming, missed times are not caught up', async () => {
      const id = await make({ catchup_policy: 'all' });
      await missed(id, 5);
      await db.pool.query('update howdah.schedules set is_active = false where id = $1', [id]);
      expect((await row(id)).next_at).toBeNull();
      expect(await fire()).toBe(0);
      expect(
        await refusal(
          db.pool.query('update howdah.schedules set next_at = now() where id = $1', [id]),
        ),
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

  describe('runs at scheduled times', () => {
    test('have all values of the row', async () => {
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
      });
      await due(id);
      const { next_at: moment } = await row(id);
      expect(await fire()).toBe(1);
      const [run, ...others] = await runsOf(id);
      const { scheduled_for } = run?.metadata ?? {};
      expect(run).toMatchObject({
        agent_id: agent,
        input: 'What is new?',
        input_data: { rows: [1] },
        metadata: { team: 'north', schedule: name, scheduled_for },
        session_id: session,
        priority: 7,
        user_id: user,
        status: 'queued',
        idempotency_key: `schedule:${id}:${scheduled_for}`,
      });
      expect(scheduled_for).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      expect(new Date(scheduled_for)).toEqual(moment);
      expect(others).toEqual([]);
      expect(await jobsOf(db.pool, run?.id)).toHaveLength(1);
      expect(await row(id)).toMatchObject({
        last_at: moment,
        last_execution_id: run?.id,
        last_error: null,
      });
      await finish(db.pool, worker, run?.id);
    });

    test('are created once per time, wherever next_at is set', async () => {
      const id = await make();
      await missed(id, 1);
      const { next_at } = await row(id);
      expect(await fire()).toBe(1);
      expect(await fire()).toBe(0);
      await db.pool.query('update howdah.schedules set next_at = $2 where id = $1', [id, next_at]);
      expect(await fire()).toBe(0);
      expect(await runsOf(id)).toHaveLength(1);
      expect(await row(id)).toMatchObject({ last_at: next_at, last_error: null });
    });

    test('are created once when eight sessions fire at the same moment', async () => {
      const ids = [];
      for (let n = 0; n < 20; n += 1) {
        ids.push(await make({ catchup_policy: 'all', cron: '@daily' }));
        await missed(ids[n] as string, 5);
      }
      const sessions = await Promise.all(Array.from({ length: 8 }, () => openSession(db.url)));
      const starter = await openSession(db.url);
      await starter.query('select pg_advisory_lock(7, 7)');
      const firing = sessions.map(async (session) => {
        await session.query('select pg_advisory_lock_shared(7, 7)');
        return one(session, FIRE);
      });
      await Promise.all(sessions.map((session) => isBlocked(db.pool, session)));
      await starter.end(); // releases all sessions at once
      const counts = (await Promise.all(firing)).map(({ n }) => n);
      await Promise.all(sessions.map((session) => session.end()));
      expect(counts.reduce((sum, n) => sum + n, 0)).toBe(100);
      for (const id of ids) {
        const times = forOf(await runsOf(id));
        expect(times).toHaveLength(5);
        expect(new Set(times).size).toBe(5);
      }
    });

    test('are created for at most 20 schedules in one transaction', async () => {
      const ids: string[] = [];
      for (let n = 0; n < 25; n += 1) ids.push(await make({ cron: SELDOM }));
      await Promise.all(ids.map(due));
      expect(await one(db.pool, FIRE)).toEqual({ n: 20, tried: 20 });
      await db.pool.query(`select howdah_private.run_timers('schedules')`);
      expect(await one(db.pool, FIRE)).toEqual({ n: 0, tried: 0 });
      expect((await Promise.all(ids.map(runsOf))).map((runs) => runs.length)).toEqual(
        Array(25).fill(1),
      );
    });

    test('a session does not wait for another one that fires', async () => {
      const id = await make();
      await due(id);
      const [first, second] = [await openSession(db.url), await openSession(db.url)];
      await first.query('begin');
      expect((await one(first, FIRE)).n).toBe(1);
      expect((await one(second, FIRE)).n).toBe(0);
      await first.query('rollback'); // the first session fails, so the schedule is still due
      expect((await one(second, FIRE)).n).toBe(1);
      expect(await runsOf(id)).toHaveLength(1);
      await first.end();
      await second.end();
    });

    test('run_timers() runs in one worker at a time', async () => {
      const id = await make();
      await due(id);
      const holder = await openSession(db.url);
      await holder.query(
        `begin; select from howdah_private.background_tasks where name = 'schedules' for no key update`,
      );
      await db.pool.query('select howdah_private.run_timers()');
      expect(await runsOf(id)).toEqual([]);
      await holder.query('rollback');
      await db.pool.query('select howdah_private.run_timers()');
      expect(await runsOf(id)).toHaveLength(1);
      await holder.end();
    });

    test('fire as the worker for every tenant and restore the tenant of the session', async () => {
      const tenants = [await makeTenant(db.pool), await makeTenant(db.pool)];
      const ids = [];
      for (const tenant_id of tenants) {
        const id = await make({ tenant_id, agent_id: await makeAgent(db.pool, { tenant_id }) });
        await due(id);
        ids.push(id);
      }
      const client = await openSession(db.url);
      await client.query(`select set_config('howdah.tenant_id', $1, false)`, [tenants[0]]);
      await client.query('begin; set local role howdah_worker');
      expect((await one(client, FIRE)).n).toBe(2);
      await client.query('commit');
      expect((await one(client, 'select howdah.current_tenant() as t')).t).toBe(tenants[0]);
      await client.end();
      expect((await Promise.all(ids.map(runsOf))).map(([run]) => run?.tenant_id)).toEqual(tenants);
    });
  });

  describe('catch-up of missed times', () => {
    test('skip: starts no run; less than a minute late is on time', async () => {
      const id = await make({ catchup_policy: 'skip', cron: SELDOM });
      await db.pool.query(
        `update howdah.schedules set next_at = now() - interval '61 seconds' where id = $1`,
        [id],
      );
      expect(await fire()).toBe(0);
      const { is_later } = await one(
        db.pool,
        'select next_at > now() as is_later from howdah.schedules where id = $1',
        [id],
      );
      expect(is_later).toBe(true);
      await db.pool.query(
        `update howdah.schedules set next_at = now() - interval '50 seconds' where id = $1`,
        [id],
      );
      expect(await fire()).toBe(1);
    });

    test('one: runs the newest time', async () => {
      const id = await make({ cron: '@daily' });
      await missed(id, 400);
      const { newest } = await one(
        db.pool,
        `select max(t) as newest from howdah_private.cron_times('@daily', 'UTC', '-infinity', now(), 1, true) as t`,
      );
      expect(await fire()).toBe(1);
      const [run] = await runsOf(id);
      expect(new Date(run?.metadata.scheduled_for)).toEqual(newest);
      expect(await row(id)).toMatchObject({ last_at: newest, last_error: null });
    });

    test('all: runs every time, oldest first', async () => {
      const id = await make({
        catchup_policy: 'all',
        cron: '0 0 * * *',
        timezone: 'Europe/Berlin',
      });
      await missed(id, 100);
      expect(await fire()).toBe(100);
      const times = forOf(await runsOf(id));
      expect(times).toEqual([...times].sort());
      expect(new Set(times).size).toBe(100);
      expect((await row(id)).last_error).toBeNull();
    });

    test('all: runs at most the 100 newest and reports it until the next time', async () => {
      const id = await make({ catchup_policy: 'all', cron: '* * * * *' });
      await missed(id, 3000);
      expect((await one(db.pool, FIRE)).n).toBe(100);
      const times = forOf(await runsOf(id)).map((time) => Date.parse(time ?? ''));
      expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBe(99 * 60_000);
      expect(await row(id)).toMatchObject({
        last_at: new Date(times.at(-1) ?? 0),
        last_error: { code: 'catchup', message: expect.stringContaining('the 100 newest') },
      });
      await due(id);
      await fire();
      expect((await row(id)).last_error).toBeNull();
    });
  });

  describe('overlap with a live run', () => {
    const fireTwice = async (overlap_policy: string) => {
      const id = await make({ overlap_policy, cron: SELDOM });
      await due(id);
      await fire();
      await due(id);
      await fire();
      return { id, statuses: (await runsOf(id)).map((run) => run.status) };
    };

    test('allow: starts another run beside it', async () => {
      expect((await fireTwice('allow')).statuses).toEqual(['queued', 'queued']);
    });

    test('skip: skips times until it has ended', async () => {
      const { id, statuses } = await fireTwice('skip');
      expect(statuses).toEqual(['queued']);
      const { last_execution_id, last_error, last_at } = await row(id);
      expect(last_error).toBeNull();
      expect(last_at).toEqual(new Date((await runsOf(id))[0]?.metadata.scheduled_for));
      await finish(db.pool, worker, last_execution_id);
      await due(id);
      expect(await fire()).toBe(1);
      expect((await runsOf(id)).map((run) => run.status)).toEqual(['completed', 'queued']);
    });

    test('cancel: cancels it before the next run', async () => {
      const { id, statuses } = await fireTwice('cancel');
      expect(statuses).toEqual(['cancelled', 'queued']);
      const [, second] = await runsOf(id);
      expect((await row(id)).last_execution_id).toBe(second?.id);
      await finish(db.pool, worker, second?.id);
      await due(id);
      expect(await fire()).toBe(1);
      expect((await runsOf(id)).map((run) => run.status)).toEqual([
        'cancelled',
        'completed',
        'queued',
      ]);
    });

    test('cancel, as the worker: a run that ends at the same moment keeps its status', async () => {
      const id = await make({ overlap_policy: 'cancel', cron: SELDOM });
      await due(id);
      await fire();
      const { last_execution_id: first } = await row(id);
      await due(id);
      const [finisher, firer] = [await openSession(db.url), await openSession(db.url)];
      await finisher.query('begin');
      await finish(finisher, worker, first);
      await firer.query('set role howdah_worker');
      const fired = one(firer, FIRE);
      await isBlocked(db.pool, firer);
      await finisher.query('commit');
      expect((await fired).n).toBe(1);
      expect((await runsOf(id)).map((run) => run.status)).toEqual(['completed', 'queued']);
      expect((await row(id)).last_error).toBeNull();
      await finisher.end();
      await firer.end();
    });

    test('cancel, in a session with interrupt: waits for the sender before it locks the run', async () => {
      const session_id = await makeSession(db.pool, { agent_id: agent, policy: 'interrupt' });
      const id = await make({ overlap_policy: 'cancel', cron: SELDOM, session_id });
      await due(id);
      await fire();
      await due(id);
      const [sender, firer] = [await openSession(db.url), await openSession(db.url)];
      await sender.query('begin');
      await sender.query('select howdah_private.lock_senders($1)', [session_id]);
      const fired = one(firer, FIRE);
      await isBlocked(db.pool, firer);
      await sender.query(`select howdah.send_message($1, 'wait')`, [session_id]);
      await sender.query('commit');
      expect((await fired).n).toBe(1);
      expect((await runsOf(id)).map((run) => run.status)).toEqual(['cancelled', 'queued']);
      await sender.end();
      await firer.end();
    });

    test('in a session, runs take turns', async () => {
      const id = await make({ session_id: await makeSession(db.pool), cron: SELDOM });
      await due(id);
      await fire();
      await due(id);
      await fire();
      expect((await runsOf(id)).map(({ status, turn }) => [status, turn])).toEqual([
        ['queued', 1],
        ['waiting', 2],
      ]);
    });
  });

  describe('schedules that cannot run', () => {
    test('report the error, move to their next time, and do not block others', async () => {
      const [gone, idle] = [await makeAgent(db.pool), await makeAgent(db.pool)];
      const deleted = await make({ agent_id: gone, cron: SELDOM, catchup_policy: 'all' });
      const inactive = await make({ agent_id: idle, cron: SELDOM });
      const healthy = await make({ cron: SELDOM });
      await db.pool.query('select howdah.delete_agent($1)', [gone]);
      await db.pool.query('update howdah.agents set is_active = false where id = $1', [idle]);
      await missed(deleted, 3);
      await due(inactive);
      await due(healthy);
      expect(await fire()).toBe(1);
      expect(await fire()).toBe(0);
      expect(await runsOf(healthy)).toHaveLength(1);
      for (const [id, word] of [
        [deleted, 'deleted'],
        [inactive, 'not active'],
      ] as const) {
        const { next_at, last_at, last_execution_id, last_error } = await row(id);
        expect(next_at > new Date()).toBe(true);
        expect({ last_at, last_execution_id }).toEqual({ last_at: null, last_execution_id: null });
        expect(last_error).toMatchObject({
          code: 'HWCNF',
          message: expect.stringContaining(word),
          hint: expect.any(String),
          scheduled_for: expect.stringMatching(/Z$/),
        });
        expect(await runsOf(id)).toEqual([]);
      }
      await db.pool.query('update howdah.agents set is_active = true where id = $1', [idle]);
      await due(inactive);
      expect(await fire()).toBe(1);
      expect((await row(inactive)).last_error).toBeNull();
    });

    test('record each rejected time of the catch-up and run the others', async () => {
      const id = await make({ catchup_policy: 'all', cron: '@daily' });
      await missed(id, 5);
      const { days } = await one(
        db.pool,
        `select array_agg(howdah_private.timestamp_key(t) order by t) as days
         from howdah_private.cron_times('@daily', 'UTC', '-infinity', now(), 5, true) as t`,
      );
      await db.pool.query(`
        create function public.refuse_closed_days() returns trigger language plpgsql as $$
        begin
          raise exception using errcode = 'HWQTA', message = 'closed day', hint = 'Wait.';
        end $$;
        create trigger refuse_closed_days before insert on howdah.executions for each row
          when (new.metadata ->> 'scheduled_for' in ('${days[1]}', '${days[3]}'))
          execute function public.refuse_closed_days()`);
      try {
        expect(await fire()).toBe(3);
      } finally {
        await db.pool.query('drop function public.refuse_closed_days() cascade');
      }
      expect(forOf(await runsOf(id))).toEqual([days[0], days[2], days[4]]);
      const refused = { code: 'HWQTA', message: 'closed day', hint: 'Wait.' };
      expect(await row(id)).toMatchObject({
        last_at: new Date(days[4]),
        last_error: {
          ...refused,
          scheduled_for: days[3],
          earlier: [{ ...refused, scheduled_for: days[1] }],
        },
      });
      await due(id);
      expect(await fire()).toBe(1);
      expect((await row(id)).last_error).toBeNull();
    });

    test('because of a lock are retried, and others run meanwhile', async () => {
      const blocked = await make({ overlap_policy: 'cancel', cron: SELDOM });
      await due(blocked);
      await fire();
      const healthy = await make({ cron: SELDOM });
      await due(blocked);
      await due(healthy);
      const before = await row(blocked);
      const holder = await openSession(db.url);
      await holder.query('begin');
      await holder.query('select from howdah.executions where id = $1 for update', [
        before.last_execution_id,
      ]);
      expect(await fire()).toBe(1);
      expect(await runsOf(healthy)).toHaveLength(1);
      const { retry_at, updated_at, ...rest } = await row(blocked);
      expect(before).toMatchObject(rest);
      expect(retry_at > updated_at).toBe(true);
      await holder.end();
      await db.pool.query('update howdah.schedules set retry_at = now() where id = $1', [blocked]);
      expect(await fire()).toBe(1);
      expect((await row(blocked)).retry_at).toBeNull();
      expect((await runsOf(blocked)).map((run) => run.status)).toEqual(['cancelled', 'queued']);
    });

    test('wait for a lock without holding locks of schedules already fired', async () => {
      const healthy = await make({ cron: SELDOM });
      const blocked = await make({ overlap_policy: 'cancel', cron: SELDOM });
      await due(blocked);
      await fire();
      await due(healthy);
      await due(blocked);
      const [holder, firer] = [await openSession(db.url), await openSession(db.url)];
      await holder.query('begin');
      await holder.query('select from howdah.executions where id = $1 for update', [
        (await row(blocked)).last_execution_id,
      ]);
      const fired = fireAll(firer);
      await isBlocked(db.pool, firer);
      expect(await runsOf(healthy)).toHaveLength(1);
      await holder.query('rollback');
      expect(await fired).toBe(2);
      expect((await runsOf(blocked)).map((run) => run.status)).toEqual(['cancelled', 'queued']);
      await holder.end();
      await firer.end();
    });

    test('wait for a lock while another worker fires the others', async () => {
      const blocked = await make({ overlap_policy: 'cancel', cron: SELDOM });
      await due(blocked);
      await fire();
      const healthy = await make({ cron: SELDOM });
      await due(blocked);
      await due(healthy);
      const [holder, firer] = [await openSession(db.url), await openSession(db.url)];
      await holder.query('begin');
      await holder.query('select from howdah.executions where id = $1 for update', [
        (await row(blocked)).last_execution_id,
      ]);
      const fired = firer.query(FIRE);
      await isBlocked(db.pool, firer);
      expect(await fire()).toBe(1);
      expect(await runsOf(healthy)).toHaveLength(1);
      await holder.end();
      await fired;
      await firer.end();
    });

    test('keep a time during retries even when they skip late times', async () => {
      const id = await make({ overlap_policy: 'cancel', catchup_policy: 'skip', cron: SELDOM });
      await due(id);
      await fire();
      await due(id);
      const holder = await openSession(db.url);
      await holder.query('begin');
      await holder.query('select from howdah.executions where id = $1 for update', [
        (await row(id)).last_execution_id,
      ]);
      expect(await fire()).toBe(0);
      await holder.end();
      const later = (tried: string) =>
        db.pool.query(
          `update howdah.schedules
           set next_at = now() - interval '5 minutes', retry_at = now() - $2::interval
           where id = $1 and retry_at is not null`,
          [id, tried],
        );
      expect((await later('0 s')).rowCount).toBe(1);
      expect(await fire()).toBe(1);
      await db.pool.query('update howdah.schedules set retry_at = now() where id = $1', [id]);
      await later('2 minutes'); // the last attempt is long ago
      expect(await fire()).toBe(0);
    });

    test('because the server lacks their time zone lose their next time and report the error', async () => {
      const [lost, healthy] = [await make(), await make()];
      const client = await openSession(db.url);
      await client.query(`set session_replication_role = replica`);
      await client.query(`update howdah.schedules set timezone = 'Europe/Atlantis' where id = $1`, [
        lost,
      ]);
      await client.end();
      await due(lost);
      await due(healthy);
      expect(await fire()).toBe(1);
      expect(await row(lost)).toMatchObject({
        next_at: null,
        is_active: true,
        last_error: { code: '22023', message: expect.stringContaining('Europe/Atlantis') },
      });
    });
  });

  describe('run_schedule', () => {
    test('starts a run now, paused or not, without changing scheduled times', async () => {
      const id = await make({
        metadata: { team: 'north' },
        is_active: false,
        overlap_policy: 'skip',
      });
      const before = await row(id);
      const run = await one(db.pool, 'select * from howdah.run_schedule($1)', [id]);
      expect(run).toMatchObject({
        agent_id: agent,
        input: 'What is new?',
        status: 'queued',
        idempotency_key: null,
        metadata: { team: 'north', schedule: before.name },
      });
      expect(await row(id)).toEqual(before);
      expect(await claim(db.pool, worker, [run.id])).toHaveLength(1);
      await finish(
        db.pool,
        worker,
        (await one(db.pool, 'select id from howdah.run_schedule($1)', [id])).id,
      );
      await db.pool.query('select howdah.cancel_execution($1)', [run.id]);
    });

    test('rejects an unknown schedule', async () => {
      const id = '019a0000-0000-7000-8000-000000000001';
      expect(await refusal(db.pool.query('select howdah.run_schedule($1)', [id]))).toMatchObject({
        code: 'HWNTF',
        fields: { schedule_id: id },
      });
    });
  });

  test('the application writes its own columns of schedules and can run them', async () => {
    const tenant_id = await makeTenant(db.pool);
    const mine = await makeAgent(db.pool, { tenant_id });
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant_id }, async (client) => {
      const { id, tenant_id: owner } = await one(
        client,
        `insert into howdah.schedules (name, cron, timezone, agent_id, input)
         values ('report', '0 9 * * MON-FRI', 'Europe/Berlin', $1, 'x') returning id, tenant_id`,
        [mine],
      );
      expect(owner).toBe(tenant_id);
      expect(await one(client, 'select tenant_id from howdah.run_schedule($1)', [id])).toEqual({
        tenant_id,
      });
      await client.query(`update howdah.schedules set cron = '@daily', is_active = false`);
      for (const column of [
        'next_at',
        'last_at',
        'last_execution_id',
        'last_error',
        'tenant_id',
        'user_id',
      ]) {
        expect(
          await refusedInside(client, `update howdah.schedules set ${column} = null`),
        ).toMatchObject({ code: '42501' });
      }
      for (const call of ['fire_schedules()', 'run_timers()']) {
        expect(await refusedInside(client, `select howdah_private.${call}`)).toMatchObject({
          code: '42501',
        });
      }
      expect(await all(client, `select howdah.schedule_times('@daily')`)).toHaveLength(5);
      expect((await client.query('delete from howdah.schedules')).rowCount).toBe(1);
    });
  });
});
