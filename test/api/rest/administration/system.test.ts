import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import {
  all,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  rolledBack,
} from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { ask, startTestApi } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

const db = testDatabase();
let api: ApiServer;
let walled: ApiServer;
let tenant: string;
let other: string;
const tokens: Record<string, string> = {};
const runs: Record<string, string> = {};
const own = (method: string, path: string, body?: unknown) => call(api, method, path, body);
const as = (role: string, method: string, path: string, body?: unknown) =>
  call(walled, method, path, body, { token: tokens[role] ?? '' });
const query = (text: string, limit?: number) => own('POST', '/api/sql', { query: text, limit });

beforeAll(async () => {
  api = await startTestApi(db.url);
  walled = await startTestApi(db.url, tokenOptions);
  tenant = (await makePerson(db.pool, 'somebody')).tenant_id;
  for (const role of ['owner', 'admin', 'member', 'viewer']) {
    const nobody = { sub: role, tenant_id: tenant, user_id: '' };
    tokens[role] = await tokenFor(nobody, { user_id: undefined, role });
  }
  other = await makeTenant(db.pool);
  const foreigner = { sub: 'foreign', tenant_id: other, user_id: '' };
  tokens.foreign = await tokenFor(foreigner, { user_id: undefined, role: 'admin' });
  const agent = await makeAgent(db.pool, { name: 'waiter' });
  const foreign = await makeAgent(db.pool, { tenant_id: other, name: 'stranger' });
  const at = async (name: string, agent_id: string, run_at: string, tenant_id?: string) => {
    runs[name] = await makeRun(db.pool, { agent_id, run_at, ...(tenant_id && { tenant_id }) });
  };
  await at('old', agent, new Date(Date.now() - 3_600_000).toISOString());
  await at('new', agent, new Date(Date.now() - 60_000).toISOString());
  await at('later', agent, new Date(Date.now() + 3_600_000).toISOString());
  await at('foreign', foreign, new Date(Date.now() - 7_200_000).toISOString(), other);
  await makeWorker(db.pool);
});
afterAll(async () => {
  await api?.close();
  await walled?.close();
});

describe('the queue', () => {
  test('counts the runs of the tenant, and names the oldest and the next ones', async () => {
    const { body } = await own('GET', '/api/queue');
    expect(body.states).toMatchObject([
      { status: 'queued', waiting_for: null, runs: 3, due_runs: 2, oldest_due_id: runs.old },
    ]);
    const ids = body.next.map(({ execution_id }: { execution_id: string }) => execution_id);
    expect(ids).toEqual([runs.old, runs.new, runs.later]);
    expect(body.next[0]).toMatchObject({ agent: 'waiter', workflow: null });
    const { body: two } = await own('GET', '/api/queue?next=2');
    expect(two.next).toHaveLength(2);
  });

  test('workers have neither host nor process, and count the runs of the tenant', async () => {
    const { body } = await own('GET', '/api/queue?next=0');
    expect(body.workers).toHaveLength(1);
    expect(Object.keys(body.workers[0])).toEqual([
      ...['started_at', 'heartbeat_at', 'is_dedicated', 'running_runs'],
    ]);
    expect(body.workers[0]).toMatchObject({ is_dedicated: false, running_runs: 0 });
    await db.pool.query('update howdah_private.workers set only_tenants = array[$1::uuid]', [
      other,
    ]);
    expect((await own('GET', '/api/queue?next=0')).body.workers).toEqual([]);
    await db.pool.query('update howdah_private.workers set only_tenants = null');
  });

  test('GraphQL has the same', async () => {
    const { data } = await ask(
      api,
      `{ queueStates { nodes { status dueRuns oldestDueId } }
         nextRuns(first: 1) { nodes { executionId agent } }
         liveWorkers { nodes { isDedicated runningRuns } }
         tenantBatchJobs { nodes { name canPause } } }`,
    );
    expect(data.queueStates.nodes).toMatchObject([{ status: 'queued', oldestDueId: runs.old }]);
    expect(data.nextRuns.nodes).toMatchObject([{ executionId: runs.old, agent: 'waiter' }]);
    expect(data.liveWorkers.nodes).toEqual([{ isDedicated: false, runningRuns: '0' }]);
    expect(data.tenantBatchJobs.nodes).toHaveLength(13);
  });
});

describe('batch jobs', () => {
  const addWork = (kind: string, tenant_id: string, last_error: string | null) =>
    one(
      db.pool,
      `insert into howdah_private.due_work (kind, tenant_id, last_error) values ($1, $2, $3)
       returning id`,
      [kind, tenant_id, last_error],
    );

  test('have the rows of the tenant alone', async () => {
    const { id } = await one<{ id: string }>(
      db.pool,
      `select id from howdah.tenants where slug = 'default'`,
    );
    await addWork('erase_run', id, 'the disk is full');
    await addWork('erase_run', other, 'somebody else');
    const { body } = await own('GET', '/api/batch-jobs');
    const job = (name: string) => body.data.find((one: { name: string }) => one.name === name);
    expect(job('erase_run')).toMatchObject({
      ...{ waiting: 1, later: 0, failing: 1, last_error: 'the disk is full' },
      ...{ is_paused: false, can_pause: true },
    });
    expect(job('delete_file')).toMatchObject({ waiting: null, later: null, failing: null });
  });

  test('the text of an error is for admins', async () => {
    await addWork('encrypt_run', tenant, '/var/lib/howdah: permission denied');
    const errorFor = async (role: string) => {
      const { body } = await as(role, 'GET', '/api/batch-jobs');
      const job = body.data.find(({ name }: { name: string }) => name === 'encrypt_run');
      return [job.failing, job.last_error];
    };
    for (const role of ['viewer', 'member']) expect(await errorFor(role)).toEqual([1, null]);
    for (const role of ['admin', 'owner']) {
      expect(await errorFor(role)).toEqual([1, '/var/lib/howdah: permission denied']);
    }
    await db.pool.query(`delete from howdah_private.due_work where kind = 'encrypt_run'`);
  });

  test('are paused by who owns the machine, and by no tenant', async () => {
    expect((await own('POST', '/api/batch-jobs/erase_run/pause')).status).toBe(204);
    const paused = await all(db.pool, 'select name from howdah.batch_jobs where is_paused');
    expect(paused).toEqual([{ name: 'erase_run' }]);
    expect((await as('owner', 'POST', '/api/batch-jobs/erase_run/resume')).status).toBe(403);
    expect((await own('POST', '/api/batch-jobs/erase_run/resume')).status).toBe(204);
    expect((await own('POST', '/api/batch-jobs/nothing/pause')).status).toBe(404);
    const { body } = await as('owner', 'GET', '/api/batch-jobs');
    expect(body.data.every((job: { can_pause: boolean }) => !job.can_pause)).toBe(true);
  });
});

test('violations are those of the tenant, for its admins', async () => {
  await db.pool.query('update howdah.executions set step_count = 7 where id = any ($1)', [
    [runs.old, runs.foreign],
  ]);
  const { body } = await own('GET', '/api/violations');
  const gaps = body.data.filter(({ rule }: { rule: string }) => rule === 'step_gap');
  expect(gaps).toMatchObject([{ execution_id: runs.old }]);
  expect(body.data).not.toContainEqual(expect.objectContaining({ execution_id: runs.foreign }));
  await db.pool.query('update howdah.executions set step_count = 0 where id = any ($1)', [
    [runs.old, runs.foreign],
  ]);
  expect((await as('admin', 'GET', '/api/violations')).body.data).toEqual([]);
  const denied = await as('member', 'GET', '/api/violations');
  expect(denied).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
});

describe('the chain of the audit log', () => {
  const check = async (search = '') => (await own('GET', `/api/audit-log/check${search}`)).body;
  const tamper = async (statement: string, expected: object, after = 0) => {
    const client = await db.pool.connect();
    try {
      await client.query('begin; set local session_replication_role = replica');
      await client.query(statement);
      const { rows } = await client.query(
        'select fault, fault_seq::int from howdah.check_audit_log($1)',
        [after],
      );
      expect(rows).toEqual([expected]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  test('is checked in parts, to its end', async () => {
    const whole = await check();
    expect(whole).toMatchObject({ fault: null, through: whole.last_seq, checked: whole.last_seq });
    expect(whole.last_seq).toBeGreaterThan(2);
    const part = await check('?limit=2');
    expect(part).toMatchObject({ checked: 2, through: 2, fault: null });
    const rest = await check('?after=2');
    expect(rest).toMatchObject({ checked: whole.last_seq - 2, fault: null });
    expect(await check(`?after=${whole.last_seq}`)).toMatchObject({ checked: 0, fault: null });
  });

  test('each fault is found, with its row', async () => {
    const log = `howdah.audit_log where tenant_id = howdah.current_tenant()`;
    await tamper(
      `update howdah.audit_log set actor = 'nobody'
      where tenant_id = howdah.current_tenant() and seq = 2`,
      { fault: 'changed', fault_seq: 2 },
    );
    await tamper(`delete from ${log} and seq = 2`, { fault: 'missing', fault_seq: 3 });
    const { last_seq } = await check();
    await tamper(`delete from ${log} and seq = ${last_seq}`, {
      fault: 'truncated',
      fault_seq: last_seq,
    });
    await tamper(
      `update howdah_private.audit_heads set hash = sha256('x')
       where tenant_id = howdah.current_tenant()`,
      { fault: 'forged', fault_seq: last_seq },
    );
  });

  test('the row after which a part begins is compared with the end of the log', async () => {
    const { last_seq } = await check();
    await tamper(
      `update howdah_private.audit_heads set hash = sha256('x')
       where tenant_id = howdah.current_tenant()`,
      { fault: 'forged', fault_seq: last_seq },
      last_seq,
    );
  });

  test('a place beyond the end of the log is refused', async () => {
    const { last_seq } = await check();
    const beyond = await own('GET', `/api/audit-log/check?after=${last_seq + 1}`);
    expect(beyond).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'after', last_seq },
    });
  });

  test('a part begins at the earliest after what retention erased', async () => {
    await db.pool.query(
      `select howdah_private.audit_action(l.tenant_id, 'erase', 'audit_log', l.tenant_id::text,
         jsonb_build_object('through', 2, 'hash', encode(l.hash, 'hex')))
       from howdah.audit_log as l where l.tenant_id = howdah.current_tenant() and l.seq = 2`,
    );
    const { last_seq } = await check();
    await rolledBack(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica');
      await client.query(
        'delete from howdah.audit_log where tenant_id = howdah.current_tenant() and seq <= 2',
      );
      for (const after of [0, 1, 2]) {
        const { rows } = await client.query(
          'select fault, checked, through::int from howdah.check_audit_log($1)',
          [after],
        );
        expect(rows).toEqual([{ fault: null, checked: last_seq - 2, through: last_seq }]);
      }
    });
  });

  test('is for admins', async () => {
    expect((await as('member', 'GET', '/api/audit-log/check')).status).toBe(403);
    expect((await as('admin', 'GET', '/api/audit-log/check')).body).toMatchObject({ fault: null });
  });
});

describe('a query of a person', () => {
  test('has the rows that the person may see, in the order of its columns', async () => {
    const { body } = await query(
      'select a.name, count(*) as runs from howdah.executions as e join howdah.agents as a on a.id = e.agent_id group by 1',
    );
    expect(body).toEqual({ rows: [{ name: 'waiter', runs: 3 }], cut_by: null });
    const agents = await as('foreign', 'POST', '/api/sql', {
      query: `select name from howdah.agents where name in ('waiter', 'stranger')`,
    });
    expect(agents.body.rows).toEqual([{ name: 'stranger' }]);
    // what only admins may read
    const log = await query('select count(*) as n from howdah.audit_log');
    expect(log.body.rows[0].n).toBeGreaterThan(0);
  });

  test('is cut after its rows', async () => {
    const { body } = await query('select n from generate_series(1, 5) as n', 3);
    expect(body).toEqual({ rows: [{ n: 1 }, { n: 2 }, { n: 3 }], cut_by: 'rows' });
  });

  test('is for admins and owners', async () => {
    for (const role of ['member', 'viewer']) {
      const { status, body } = await as(role, 'POST', '/api/sql', { query: 'select 1 as n' });
      expect([status, body.code]).toEqual([403, 'HWDEN']);
    }
    for (const role of ['admin', 'owner']) {
      const { body } = await as(role, 'POST', '/api/sql', { query: 'select 1 as n' });
      expect(body.rows).toEqual([{ n: 1 }]);
    }
  });

  test('an error names the place in the text', async () => {
    const { status, body } = await query('select name\nfrom howdah.agents\nwhere nme = 1');
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'HWINV', field: 'query', line: 3, column: 7 });
    expect((await query('select from where')).body).toMatchObject({ sqlstate: '42601', line: 1 });
  });

  test.each([
    ['writes', `delete from howdah.agents`],
    ['writes in a CTE', 'with gone as (delete from howdah.agents returning 1) select * from gone'],
    ['has two statements', 'select 1; select 2'],
    ['sets a setting', `select set_config('howdah.tenant_id', '', true)`],
    ['sets a role', 'set role howdah_owner'],
    ['waits', 'select pg_sleep(60)'],
    ['reads a file', `select pg_read_file('/etc/passwd')`],
    ['reads the catalogue', 'select * from pg_catalog.pg_roles'],
    ['locks rows', 'select id from howdah.agents for update'],
    ['calls an action', `select howdah.run('waiter', 'x')`],
    ['reads a private table', 'select * from howdah_private.workers'],
    ['binds itself', 'select howdah_private.caller_binding()'],
  ])('is refused if it %s', async (_name, text) => {
    const { status, body } = await query(text);
    expect([status, body.code]).toEqual([400, 'HWINV']);
  });

  test('is refused if its plan costs too much', async () => {
    const { status, body } = await query(
      'select count(*) from generate_series(1, 1000000) as a, generate_series(1, 1000000) as b',
    );
    expect([status, body.code]).toEqual([400, 'HWINV']);
    expect(body.hint).toContain('WHERE');
  });

  test('leaves nothing behind: the next request acts for its own caller', async () => {
    await Promise.all(Array.from({ length: 12 }, () => query('select 1 as n')));
    const { body } = await as('viewer', 'GET', '/api/me');
    expect(body).toMatchObject({ role: 'viewer', tenant_id: tenant });
  });

  test('a function that is marked immutable, and is not, changes no later request', async () => {
    await db.pool.query(`
      create function public.becomes(setting text, value text) returns text
        language plpgsql immutable as $$
      begin
        return set_config(setting, value, false);
      end $$;
      create function public.deletes() returns void language plpgsql immutable as $$
      begin
        delete from howdah.agents;
      end $$;
      grant execute on function public.becomes(text, text), public.deletes() to public`);
    const settings = { role: 'none', 'howdah.tenant_id': other, statement_timeout: '1' };
    for (const [setting, value] of Object.entries(settings)) {
      const text = `select public.becomes('${setting}', '${value}')`;
      await Promise.all(Array.from({ length: 12 }, () => query(text)));
      const agents = await query(
        `select name from howdah.agents where name in ('waiter', 'stranger')`,
      );
      expect(agents.body.rows).toEqual([{ name: 'waiter' }]);
      expect((await as('viewer', 'GET', '/api/me')).body).toMatchObject({ role: 'viewer' });
    }
    expect((await query('select public.deletes()')).status).toBe(400);
    const within = await as('admin', 'POST', '/api/sql', {
      query: `select public.becomes('howdah.tenant_id', '${other}'),
        public.becomes('howdah.bound', 'x'), array(select name from howdah.agents) as names`,
    });
    expect(JSON.stringify(within.body)).not.toContain('stranger');
  });
});
