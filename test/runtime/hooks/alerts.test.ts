import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { isBlocked, makeTenant, refusal } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';

const database = testDatabase();
let worker: Worker;
let receiver: Server;
let base: string;
const received: { path: string; body: JsonObject }[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      received.push({
        path: request.url ?? '',
        body: JSON.parse(Buffer.concat(chunks).toString()),
      });
      response.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  base = `http://127.0.0.1:${port}`;
  await database.pool.query(
    `create schema shop; create table shop.stock (sku text, pieces int);
     grant usage on schema shop to howdah_analyst; grant select on shop.stock to howdah_analyst`,
  );
  worker = await startTestWorker(database.url, { egressAllow: [`127.0.0.1:${port}`] });
});
afterAll(async () => {
  await worker.stop(1_000);
  receiver.close();
});
beforeEach(async () => {
  received.length = 0;
  await database.pool.query(
    'delete from howdah.alert_rules; delete from howdah.webhooks; truncate shop.stock',
  );
});

type Rule = {
  query: string | null;
  id: string;
  name: string;
  state: string;
  found_rows: number | null;
  sample: JsonObject[] | null;
  last_error: string | null;
  last_at: Date | null;
  webhook_id: string | null;
};

const makeHook = async (path: string, events: string[] = ['execution.completed']) => {
  const { rows } = await database.pool.query(
    'insert into howdah.webhooks (url, events) values ($1, $2) returning id',
    [`${base}/${path}`, events],
  );
  return rows[0].id as string;
};

const makeRule = async (columns: Record<string, unknown>): Promise<string> => {
  const all = { name: `rule_${randomBytes(4).toString('hex')}`, ...columns };
  const names = Object.keys(all);
  const { rows } = await database.pool.query(
    `insert into howdah.alert_rules (${names.join(', ')}) values (${names.map((_, at) => `$${at + 1}`).join(', ')}) returning id`,
    Object.values(all),
  );
  return rows[0].id;
};

/** Makes a rule due, as if its interval were over. */
const askAgain = async (id: string): Promise<Rule> => {
  const { rows } = await database.pool.query(
    `update howdah.alert_rules set next_at = now() where id = $1 returning coalesce(last_at, '-infinity')::text as before`,
    [id],
  );
  return alertsOf(id, rows[0].before);
};
/**
 * Runs the timer of alerts and all queued evaluations now. A worker runs the timer once a second,
 * and delays an evaluation by a second if another one of its tenant is active.
 */
const evaluateNow = () =>
  database.pool.query(
    `select howdah_private.run_timers('alerts'); select graphile_worker.reschedule_jobs(
       array(select id from graphile_worker.jobs where task_identifier = 'check_alert'), run_at => now())`,
  );
const alertsOf = (id: string, after = '-infinity') =>
  vi.waitFor(
    async () => {
      await evaluateNow();
      const { rows } = await database.pool.query<Rule>(
        'select * from howdah.alert_rules where id = $1 and last_at > $2::timestamptz',
        [id, after],
      );
      if (!rows[0]) throw new Error('the rule was not asked');
      return rows[0];
    },
    { timeout: 60_000, interval: 20 },
  );
const waitForDeliveries = (id: string) =>
  eventually<{ count: number }>(
    database.pool,
    'all to be delivered',
    `select count(*)::int as count from howdah.webhook_deliveries where alert_rule_id = $1
     having bool_and(status = 'delivered')`,
    [id],
  );

const LOW = 'select sku, pieces from shop.stock where pieces < 3';

test('a webhook is called once when an alert fires and once when it clears', async () => {
  const webhook_id = await makeHook('stock');
  const id = await makeRule({
    name: 'low_stock',
    description: 'order more',
    query: LOW,
    webhook_id,
  });
  expect(await alertsOf(id)).toMatchObject({ state: 'clear', found_rows: 0 });
  await database.pool.query(`insert into shop.stock values ('A-1', 2), ('A-2', 9)`);
  expect(await askAgain(id)).toMatchObject({
    ...{ state: 'firing', found_rows: 1, sample: [{ sku: 'A-1', pieces: 2 }] },
  });
  await askAgain(id);
  // two concurrent deliveries may arrive in either order
  expect(await waitForDeliveries(id)).toEqual({ count: 1 });
  await database.pool.query(`update shop.stock set pieces = 5`);
  expect(await askAgain(id)).toMatchObject({ state: 'clear', found_rows: 0, sample: null });
  await askAgain(id);
  expect(await waitForDeliveries(id)).toEqual({ count: 2 });
  expect(received.map(({ path, body }) => [path, body.type])).toEqual([
    ['/stock', 'alert.firing'],
    ['/stock', 'alert.resolved'],
  ]);
  expect(received[0]?.body.data).toMatchObject({
    ...{ alert_rule_id: id, name: 'low_stock', description: 'order more', state: 'firing' },
    ...{ found_rows: 1, sample: [{ sku: 'A-1', pieces: 2 }], error: null },
  });
});

test('a rule without a webhook of its own calls the webhooks that subscribe to alerts', async () => {
  await makeHook('alerts', ['alert.firing']);
  await makeHook('runs');
  await database.pool.query(`insert into shop.stock values ('A-1', 0)`);
  const id = await makeRule({ query: LOW });
  expect(await alertsOf(id)).toMatchObject({ state: 'firing' });
  await waitForDeliveries(id);
  expect(received.map(({ path }) => path)).toEqual(['/alerts']);
});

test('a rule that fails reports the error once, and continues to be evaluated', async () => {
  const webhook_id = await makeHook('broken');
  const id = await makeRule({ query: 'select * from shop.gone', webhook_id });
  const failed = await alertsOf(id);
  expect(failed).toMatchObject({ state: 'failed', found_rows: null });
  expect(failed.last_error).toMatch(/shop.gone/);
  await askAgain(id);
  await database.pool.query('update howdah.alert_rules set query = $2 where id = $1', [id, LOW]);
  await eventually(
    database.pool,
    'the new query to be asked',
    `select 1 from howdah.alert_rules where id = $1 and state = 'clear'`,
    [id],
  );
  await waitForDeliveries(id);
  expect(received.map(({ body }) => body.type)).toEqual(['alert.failed']);
});

test('a permission error names the missing grant; a view may be queried by its name', async () => {
  await database.pool.query('create table if not exists public.secluded (a int)');
  const closed = await alertsOf(await makeRule({ query: 'table public.secluded' }));
  expect(closed).toMatchObject({ state: 'failed' });
  expect(closed.last_error).toMatch(/^permission denied for table secluded\. .*grant select on/);
  const ofAll = await alertsOf(await makeRule({ query: 'select * from howdah.violations' }));
  expect(ofAll.last_error).toMatch(/^permission denied .* engine_check = 'violations'/);
  for (const query of ['table shop.stock', ' shop.stock\n', 'shop."stock"']) {
    expect(await alertsOf(await makeRule({ query }))).toMatchObject({ state: 'clear' });
  }
  const runs = await alertsOf(
    await makeRule({ query: 'select * from howdah.executions where agent_id is null' }),
  );
  expect(runs).toMatchObject({ state: 'clear' });
  expect(await alertsOf(await makeRule({ query: 'howdah.nowhere' }))).toMatchObject({
    query: 'table howdah.nowhere',
    state: 'failed',
  });
});

test('a tenant has at most two hundred rules, also with two concurrent inserts', async () => {
  const some = `insert into howdah.alert_rules (name, query, is_active)
    select 'one of many ' || n, 'select 1 where false', false from generate_series($1::int, $2::int) as n`;
  const refused = {
    code: 'HWQTA',
    message: 'maximum number of alert rules of a tenant (200) reached',
    detail: '{"max_rules": 200}',
  };
  expect(await refusal(database.pool.query(some, [1, 201]))).toMatchObject(refused);
  await database.pool.query(some, [1, 199]);
  const [one, other] = [await database.pool.connect(), await database.pool.connect()];
  try {
    await one.query('begin');
    await one.query(some, [200, 200]);
    const late = refusal(other.query(some, [201, 201]));
    await isBlocked(database.pool, other);
    await one.query('commit');
    expect(await late).toMatchObject(refused);
  } finally {
    one.release(true);
    other.release(true);
  }
  const tenant_id = await makeTenant(database.pool);
  await makeRule({ query: LOW, is_active: false, tenant_id });
  await database.pool.query('delete from howdah.alert_rules where tenant_id <> $1', [tenant_id]);
  await makeRule({ query: LOW, is_active: false });
});

test.each([
  ['writes in a CTE', `with x as (delete from shop.stock returning sku) select * from x`],
  ['contains two statements', 'select 1; select 2'],
  ['reads private tables of Howdah', 'select * from howdah_private.workers'],
  ['reads files', `select pg_read_file('/etc/passwd')`],
  ['changes its role', `select set_config('role', 'howdah_owner', false)`],
  ['locks rows', 'select * from shop.stock for update'],
  ['hides further statements', `select 1; commit; delete from shop.stock`],
  ['ends the transaction first', `/**/ select 1) as r; commit; delete from shop.stock; --`],
  ['calls a function that writes', `select howdah.run('development', 'x')`],
  ['sleeps', 'select pg_sleep(3600)'],
  ['takes an advisory lock', 'select pg_advisory_lock(1)'],
  [
    'switches to another tenant',
    `select set_config('howdah.tenant_id', howdah.uuid_v7()::text, false)`,
  ],
])('a query that %s is not executed', async (_, query) => {
  await database.pool.query(`insert into shop.stock values ('A-1', 0)`);
  const id = await makeRule({ query });
  expect(await alertsOf(id)).toMatchObject({ state: 'failed', sample: null });
  const { rows } = await database.pool.query('select sku from shop.stock');
  expect(rows).toEqual([{ sku: 'A-1' }]);
});

test.each([
  `insert into shop.stock values ('x', 1) returning sku`,
  `/* looks */ -- harmless\n delete from shop.stock`,
  'call howdah.ask(null, null)',
])('an invalid query is rejected when it is written: %s', async (query) => {
  expect(await refusal(makeRule({ query }))).toMatchObject({ code: 'HWINV' });
  const id = await makeRule({ query: '-- none\n (select 1 where false)' });
  const change = database.pool.query('update howdah.alert_rules set query = $2 where id = $1', [
    id,
    query,
  ]);
  expect(await refusal(change)).toMatchObject({ code: 'HWINV' });
});

test('a rule reads what its tenant may read, and no row of another tenant', async () => {
  const tenant_id = await makeTenant(database.pool);
  await database.pool.query(
    `insert into howdah.executions (agent_id, input, run_at) values (howdah.agent('development'), 'mine', now() + interval '1 day')`,
  );
  const query = `select input from howdah.executions where status = 'queued'`;
  const [mine, theirs] = [await makeRule({ query }), await makeRule({ query, tenant_id })];
  expect(await alertsOf(mine)).toMatchObject({ state: 'firing', sample: [{ input: 'mine' }] });
  expect(await alertsOf(theirs)).toMatchObject({ state: 'clear' });
  await database.pool.query(
    `select howdah.cancel_execution(id) from howdah.executions where status = 'queued'`,
  );
});

test('a rule reads no watched table, and no table open to the application only', async () => {
  const tenant_id = await makeTenant(database.pool);
  await database.pool.query(
    `create table shop.tickets (id int primary key, body text, reply text);
     insert into shop.tickets values (1, 'x', 'your code is 9911');
     select howdah.watch_table('shop.tickets', agent => 'development', into_column => 'reply');
     create table shop.orders as select 1 as id; grant select on shop.orders to howdah_app`,
  );
  for (const query of [
    'select id, reply from shop.tickets',
    'select reply::int from shop.tickets', // its error would contain the value
    'select id from shop.orders',
  ]) {
    const rule = await alertsOf(await makeRule({ query, tenant_id }));
    expect(rule).toMatchObject({ state: 'failed', sample: null });
    expect(rule.last_error).toMatch(/^permission denied for table (tickets|orders)\./);
  }
});

test('only an owner may create the rule for engine violations', async () => {
  const id = await makeRule({ name: 'violations', engine_check: 'violations' });
  expect(await alertsOf(id)).toMatchObject({ state: 'clear', found_rows: 0 });
  const client = await database.pool.connect();
  await client.query('begin; set local role howdah_app');
  const refused = await refusal(
    client.query(
      `insert into howdah.alert_rules (name, engine_check) values ('of a tenant', 'violations')`,
    ),
  );
  await client.query('rollback');
  client.release();
  expect(refused).toMatchObject({ code: 'HWDEN', detail: '{"field": "engine_check"}' });
});

test('the default rules are created once, are evaluated and find nothing in a healthy system', async () => {
  const webhook_id = await makeHook('all');
  const use = () =>
    database.pool.query<Rule>('select * from howdah.use_alert_rules($1)', [webhook_id]);
  const { rows } = await use();
  expect(rows.map((rule) => rule.webhook_id)).toEqual(Array(11).fill(webhook_id));
  expect((await use()).rowCount).toBe(11);
  for (const { id } of rows.filter(({ name }) => name !== 'installation'))
    expect(await alertsOf(id)).toMatchObject({ state: 'clear', last_error: null });
  await database.pool.query(
    `insert into howdah.webhook_deliveries (webhook_id, execution_id, event, url, payload, status, last_attempt_at)
     values ($1, howdah.uuid_v7(), 'execution.failed', 'https://hooks.example.com', '{}', 'failed', now())`,
    [webhook_id],
  );
  const failed = await database.pool.query(
    `select id from howdah.alert_rules where name = 'failed_deliveries'`,
  );
  expect(await askAgain(failed.rows[0].id)).toMatchObject({ state: 'firing', found_rows: 1 });
});

test('only an owner may create the rule for alerts of the installation, no tenant may', async () => {
  const limit = (threshold: number, name = 'connections_near_max') =>
    database.pool.query(
      'update howdah_private.alert_limits set threshold = $1, is_active = (name = $2)',
      [threshold, name],
    );
  await limit(1_000_000);
  const id = await makeRule({ name: 'installation', engine_check: 'alerts' });
  expect(await alertsOf(id)).toMatchObject({ state: 'clear', last_error: null });
  await limit(0);
  expect(await askAgain(id)).toMatchObject({
    state: 'firing',
    sample: [{ name: 'connections_near_max', runbook: 'docs/operations.md#connections_near_max' }],
  });
  const client = await database.pool.connect();
  try {
    await client.query('begin; set local role howdah_app');
    const { rows } = await client.query<Rule>('select * from howdah.use_alert_rules()');
    expect(rows.map(({ name }) => name)).not.toContain('violations');
    const refused = await refusal(
      client.query(`insert into howdah.alert_rules (name, engine_check) values ('mine', 'alerts')`),
    );
    expect(refused).toMatchObject({
      code: 'HWDEN',
      message: expect.stringMatching(/^only an owner of the database/),
    });
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('a disabled rule is not evaluated, and evaluations are not in the audit log', async () => {
  const off = await makeRule({ query: LOW, is_active: false });
  const on = await makeRule({ query: LOW });
  await alertsOf(on);
  await askAgain(on);
  const { rows } = await database.pool.query(
    `select state, last_at from howdah.alert_rules where id = $1`,
    [off],
  );
  expect(rows).toEqual([{ state: 'unknown', last_at: null }]);
  const log = await database.pool.query(
    `select action from howdah.audit_log where object = 'alert_rules' and object_id = $1`,
    [on],
  );
  expect(log.rows).toEqual([{ action: 'insert' }]);
});
