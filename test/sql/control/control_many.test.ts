import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { countRows } from '../../support/work/count-rows.ts';
import {
  all,
  asRole,
  type Db,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeRuns,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  rolledBack,
  testClient,
} from '../support.ts';

const db = testDatabase();
const UNKNOWN = '01980000-0000-7000-8000-000000000000';
let agent: string;
let worker: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  worker = await makeWorker(db.pool);
});

const make = (columns: Record<string, unknown> = {}) =>
  makeRun(db.pool, { agent_id: agent, ...columns });
const control = (name: string, ids: (string | null)[] | null, on: Db = db.pool) =>
  all(on, `select * from howdah.${name}_executions($1)`, [ids]);

describe('one call for many runs', () => {
  test('changes each run, and reports those that it cannot change, in the order of ids', async () => {
    const [first = '', second = '', ended = ''] = await makeRuns(db.pool, 3, { agent_id: agent });
    await finish(db.pool, worker, ended);
    const rows = await control('cancel', [second, ended, UNKNOWN, first, second, null]);
    expect(rows).toEqual([
      { id: second, status: 'cancelled', error: null },
      { id: ended, status: 'completed', error: expect.objectContaining({ code: 'HWTRM' }) },
      { id: UNKNOWN, status: null, error: expect.objectContaining({ code: 'HWNTF' }) },
      { id: first, status: 'cancelled', error: null },
      { id: second, status: 'cancelled', error: expect.objectContaining({ code: 'HWINV' }) },
      { id: null, status: null, error: expect.objectContaining({ code: 'HWNTF' }) },
    ]);
  });

  test.each(['cancel', 'pause', 'resume', 'retry'])(
    'of %s has the errors of the single command',
    async (name) => {
      const ended = await make();
      await finish(db.pool, worker, ended);
      for (const id of [ended, UNKNOWN]) {
        const single = await refusal(db.pool.query(`select howdah.${name}_execution($1)`, [id]));
        const [row] = await control(name, [id]);
        expect(row?.error).toEqual({
          code: single.code,
          message: single.message,
          detail: single.fields,
          hint: single.hint,
        });
      }
    },
  );

  test('takes at most 10,000 ids', async () => {
    const many = Array.from({ length: 10_001 }, () => UNKNOWN);
    expect(await refusal(control('pause', many))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'ids', length: 10_001, max_length: 10_000 },
    });
    expect(await refusal(control('pause', null))).toMatchObject({ code: 'HWINV' });
    expect(await control('pause', [])).toEqual([]);
  });

  test('cannot name runs of another tenant, and reports those of another user', async () => {
    const tenant = await makeTenant(db.pool);
    const [mine, other] = [await makeUser(db.pool), await makeUser(db.pool)];
    const own = await make({ user_id: mine.id });
    const theirs = await make({ user_id: other.id });
    const settings = { 'howdah.user_id': mine.id, 'howdah.tenant_id': mine.tenant_id };
    await asRole(db.pool, 'howdah_app', settings, async (client) => {
      expect(await control('cancel', [theirs, own], client)).toMatchObject([
        { id: theirs, status: 'queued', error: { code: 'HWDEN' } },
        { id: own, status: 'cancelled', error: null },
      ]);
    });
    const stranger = await makeUser(db.pool, { tenant_id: tenant });
    const elsewhere = { 'howdah.user_id': stranger.id, 'howdah.tenant_id': tenant };
    await asRole(db.pool, 'howdah_app', elsewhere, async (client) => {
      expect(await control('cancel', [own], client)).toMatchObject([
        { id: own, status: null, error: { code: 'HWNTF' } },
      ]);
    });
  });

  test('records each change in the audit log, and nothing else', async () => {
    const [first = '', ended = ''] = await makeRuns(db.pool, 2, { agent_id: agent });
    await finish(db.pool, worker, ended);
    await control('pause', [first, ended]);
    const entries = await all(
      db.pool,
      `select object_id, detail from howdah.audit_log where action = 'pause' and object_id = any ($1)`,
      [[first, ended]],
    );
    expect(entries).toEqual([{ object_id: first, detail: { status: 'queued' } }]);
  });

  test('waits for the lock of a run, and then judges what it has become', async () => {
    const [first = '', second = ''] = await makeRuns(db.pool, 2, { agent_id: agent });
    const holder = await testClient(db.pool);
    await holder.query('begin');
    await holder.query('select howdah.cancel_execution($1)', [second]);
    const waiting = await testClient(db.pool);
    const paused = control('pause', [first, second], waiting);
    await isBlocked(db.pool, waiting);
    await holder.query('commit');
    expect(await paused).toMatchObject([
      { id: first, status: 'paused', error: null },
      { id: second, status: 'cancelled', error: { code: 'HWTRM' } },
    ]);
  });
});

test('work beside an open call waits for none of its runs', async () => {
  const ids = await makeRuns(db.pool, 5, { agent_id: agent });
  const holder = await testClient(db.pool);
  const beside = await testClient(db.pool);
  for (const name of ['pause', 'resume', 'cancel', 'retry']) {
    await holder.query('begin');
    await control(name, ids, holder);
    await beside.query("begin; set local lock_timeout = '10s'");
    const id = await makeRun(beside, { agent_id: agent });
    await finish(beside, worker, id);
    const other = await makeRun(beside, { agent_id: agent });
    expect(await control('cancel', [other], beside)).toMatchObject([{ error: null }]);
    await beside.query('commit');
    await holder.query('commit');
  }
});

test('asks once for the permission on runs of one agent and user', async () => {
  const member = await makeUser(db.pool, { role: 'member' });
  const settings = { 'howdah.user_id': member.id, 'howdah.tenant_id': member.tenant_id };
  const asks = async (count: number) =>
    asRole(db.pool, 'howdah_app', settings, async (client) => {
      const ids = await makeRuns(client, count, { agent_id: agent });
      const reads = async () =>
        (
          await one(
            client,
            `select pg_stat_get_xact_numscans(i.indexrelid)::int as n from pg_index as i
             where i.indexrelid = 'howdah.users_pkey'::regclass`,
          )
        ).n;
      const before = await reads();
      expect((await control('cancel', ids, client)).filter(({ error }) => error)).toEqual([]);
      return (await reads()) - before;
    });
  const few = await asks(3);
  expect(few).toBeGreaterThan(0);
  expect(await asks(30)).toBe(few);
});

describe('the work for each run', () => {
  test.each([['cancel'], ['pause'], ['pause', 'resume'], ['cancel', 'retry']])(
    'of %s %s does not grow with their number',
    async (...names) => {
      const perRun = async (count: number) =>
        rolledBack(db.pool, async (client) => {
          const { ids } = await one(
            client,
            `with i as (insert into howdah.executions (agent_id, input)
               select $1, 'x' from generate_series(1, $2) returning id)
             select array_agg(id::uuid order by id) as ids from i`,
            [agent, count],
          );
          for (const name of names.slice(0, -1)) await control(name, ids, client);
          const last = names.at(-1) ?? '';
          const rows = await countRows(client, async () => {
            const results = await control(last, ids, client);
            expect(results.filter(({ error }) => error !== null)).toEqual([]);
          });
          return rows / count;
        });
      const few = await perRun(20);
      expect(await perRun(400)).toBeLessThan(few * 1.5);
    },
  );
});
