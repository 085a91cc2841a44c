import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { type Commit, commitQuery } from '../../src/db/runs/commit-query.ts';
import { eventually } from '../support/database.ts';

/** A pool or a connection, which can run one statement. */
export type Db = Pick<pg.Pool, 'query'>;

/** A worker's request to commit_steps for one run. */
export type CommitRow = {
  id: string;
  fence: number;
  after: number;
  steps: Record<string, unknown>[];
  to?: Record<string, unknown>;
  more?: boolean;
};

export type Refusal = {
  code: string;
  message: string;
  hint: string | undefined;
  detail: string | undefined;
  /** The detail of the error as JSON. All errors of Howdah have one. */
  fields: Record<string, unknown> | undefined;
  constraint: string | undefined;
};

/**
 * Runs `work` as a role with settings, both local to a transaction that is rolled back at the end.
 * The session pools of the API and the workers set both in the same way.
 */
export async function asRole<T>(
  pool: pg.Pool,
  role: string,
  settings: Record<string, string>,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return rolledBack(pool, async (client) => {
    await takeRole(client, role, settings);
    return work(client);
  });
}

/** Applies `set local role` and settings in the current transaction of the client. */
export async function takeRole(client: Db, role: string, settings: Record<string, string> = {}) {
  for (const [name, value] of Object.entries(settings)) {
    await client.query('select set_config($1, $2, true)', [name, value]);
  }
  await client.query(`set local role ${pg.escapeIdentifier(role)}`);
}

/**
 * Connects a client for the rest of a test. When the test ends or fails, the connection returns to
 * the pool in its initial state. A connection inside a transaction or a statement is closed, so
 * that it holds no locks.
 */
export async function testClient(pool: pg.Pool): Promise<pg.PoolClient> {
  const client = await pool.connect();
  onTestFinished(async () => {
    const { readyForQuery } = client as unknown as { readyForQuery: boolean };
    let isClean = false;
    if (readyForQuery && client.getTransactionStatus() === 'I') {
      isClean = await client.query('discard all').then(
        () => true,
        () => false,
      );
    }
    client.release(!isClean);
  });
  return client;
}

/** Runs `work` in a transaction and rolls it back. */
export async function rolledBack<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    return await work(client);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

/** Runs `work` in a transaction and commits it. */
export async function committed<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/** Returns the error of a query; fails if the query succeeds. */
export async function refusal(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work;
  } catch (error) {
    const { code, message, hint, detail, constraint } = error as Refusal;
    if (typeof code !== 'string') {
      throw error;
    }
    // errors of Howdah have an object, those of Postgres a string
    const isJson = typeof detail === 'string' && detail.startsWith('{');
    const fields = isJson ? JSON.parse(detail) : undefined;
    return { code, message, hint, detail, fields, constraint };
  }
  throw new Error('this was not refused');
}

/**
 * Runs a statement in a savepoint, so that the surrounding transaction continues after the error.
 */
export async function refusedInside(client: Db, text: string, values: unknown[] = []) {
  await client.query('savepoint attempt');
  const refused = await refusal(client.query(text, values));
  await client.query('rollback to savepoint attempt');
  return refused;
}

/** Returns the only row of a query. */
export async function one<T extends pg.QueryResultRow = pg.QueryResultRow>(
  db: Db,
  text: string,
  values: unknown[] = [],
): Promise<T> {
  const { rows } = await db.query<T>(text, values);
  if (rows.length !== 1) {
    throw new Error(`${rows.length} rows instead of one: ${text}`);
  }
  return rows[0] as T;
}

export async function all<T extends pg.QueryResultRow = pg.QueryResultRow>(
  db: Db,
  text: string,
  values: unknown[] = [],
): Promise<T[]> {
  return (await db.query<T>(text, values)).rows;
}

let count = 0;
export function unique(prefix: string): string {
  count += 1;
  return `${prefix}-${count}`;
}

async function insert(db: Db, table: string, columns: Record<string, unknown>): Promise<string> {
  return (await insertRow(db, table, columns, 'id')).id;
}

/** Inserts a row and returns the columns that `returning` names. */
function insertRow(
  db: Db,
  table: string,
  columns: Record<string, unknown>,
  returning: string,
): Promise<pg.QueryResultRow> {
  const names = Object.keys(columns).map((name) => pg.escapeIdentifier(name));
  const places = names.map((_, index) => `$${index + 1}`);
  return one(
    db,
    `insert into howdah.${table} (${names}) values (${places}) returning ${returning}`,
    Object.values(columns),
  );
}

export function makeTenant(db: Db, slug = unique('tenant')): Promise<string> {
  return insert(db, 'tenants', { slug, name: slug });
}

export type User = { id: string; username: string; tenant_id: string };

export async function makeUser(db: Db, columns: Record<string, unknown> = {}): Promise<User> {
  const user = { username: unique('user'), ...columns };
  return (await insertRow(db, 'users', user, 'id, username, tenant_id')) as User;
}

export function makeAgent(db: Db, columns: Record<string, unknown> = {}): Promise<string> {
  return insert(db, 'agents', { name: unique('agent'), ...columns });
}

export function makeModel(db: Db, columns: Record<string, unknown> = {}): Promise<string> {
  const model = { name: unique('model'), provider: 'openai', model: 'gpt-5-mini', ...columns };
  return insert(db, 'models', model);
}

export function makeTool(db: Db, columns: Record<string, unknown> = {}): Promise<string> {
  return insert(db, 'tools', { name: unique('tool'), kind: 'custom', ...columns });
}

export async function makeSession(db: Db, columns: Record<string, unknown> = {}): Promise<string> {
  return insert(db, 'sessions', { title: unique('session'), ...columns });
}

/**
 * Creates an API key as the owner of the database. `values` are further arguments of
 * create_api_key.
 */
export function makeApiKey(
  pool: pg.Pool,
  tenant_id: string,
  values: { role?: string; scopes?: string[]; expires_at?: Date; user_id?: string } = {},
): Promise<{ id: string; key: string; prefix: string }> {
  return committed(pool, async (client) => {
    await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant_id]);
    const { role = 'member', scopes, expires_at, user_id } = values;
    return one(client, 'select * from howdah.create_api_key($1, $2, $3, $4, $5)', [
      unique('key'),
      role,
      scopes,
      expires_at,
      user_id,
    ]);
  });
}

/** Inserts a run. A run without an agent gets a new one. */
export async function makeRun(db: Db, columns: Record<string, unknown> = {}): Promise<string> {
  const agent_id = columns.agent_id ?? (await makeAgent(db));
  return insert(db, 'executions', { input: 'Where is A-1001?', ...columns, agent_id });
}

export async function makeRuns(
  db: Db,
  count: number,
  columns: Record<string, unknown>,
): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await makeRun(db, columns));
  return ids;
}

/** Reads a run with the counters of its head while it is active. */
export const runRow = (db: Db, id: string) =>
  one(
    db,
    `select h.* from howdah.executions as e cross join lateral howdah_private.with_head(e) as h
     where e.id = $1`,
    [id],
  );

/**
 * Returns the status of each run in the order of ids. For a waiting run it is the reason for
 * waiting.
 */
export async function statesOf(db: Db, ids: string[]): Promise<string[]> {
  const rows = await all(
    db,
    `select coalesce(waiting_for::text, status::text) as state from howdah.executions
     where id = any ($1) order by id`,
    [ids],
  );
  return rows.map(({ state }) => state);
}

/** Inserts a worker whose heartbeat is only its row. */
export async function makeWorker(db: Db): Promise<string> {
  const id = randomUUID();
  await db.query(
    `insert into howdah_private.workers (id, pool_id, host, pid, release) values ($1, $2, 'test', 1, 'test')`,
    [id, `pool-${id}`],
  );
  return id;
}

/** Registers a worker in its own session. The worker is alive until the session ends. */
export async function startWorkerSession(url: string) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  const id = randomUUID();
  await client.query('select howdah_private.register_worker($1, $2, $3, $4, $5, 1)', [
    id,
    `pool-${id}`,
    'test',
    process.pid,
    'test',
  ]);
  return { id, poolId: `pool-${id}`, client };
}

/**
 * Claims these runs. If another tenant has the turn, its run is claimed too, but is not in the
 * result.
 */
export async function claim(db: Db, worker: string, ids: string[]) {
  const text = 'select * from howdah_private.claim_executions($1, $2, 1, null)';
  await db.query(
    `update howdah_private.workers
     set custom_tools = array(select distinct name from howdah.tools where kind = 'custom')
     where id = $1 and host = 'test'`,
    [worker],
  );
  const claimed = new Map<string, pg.QueryResultRow>();
  for (;;) {
    const rows = await all(db, text, [worker, ids.filter((id) => !claimed.has(id))]);
    const named = rows.filter((row) => ids.includes(row.execution_id));
    for (const row of named) claimed.set(row.execution_id, row);
    if (named.length === rows.length) break;
  }
  return [...claimed.values()].toSorted((a, b) => (a.execution_id < b.execution_id ? -1 : 1));
}

export type ClaimedRun = { id: string; fence: number; are_calls_limited: boolean };

/** Claims runs in one call, in which limits may park runs. Returns the claimed runs by id. */
export async function claimOnce(db: Db, worker: string, ids: string[]): Promise<ClaimedRun[]> {
  return all<ClaimedRun>(
    db,
    `select execution_id as id, fence, are_calls_limited
     from howdah_private.claim_executions($1, $2, 1, null) order by 1`,
    [worker, ids],
  );
}

/** Commits without the default fields that `commit` adds. */
export async function commitAsIs(db: Db, worker: string, commits: CommitRow[]) {
  return (await db.query(commitQuery(worker, commits as Commit[]))).rows;
}

export function commit(db: Db, worker: string, commits: CommitRow[]) {
  return commitAsIs(
    db,
    worker,
    commits.map((one) => ({ more: true, ...one })),
  );
}

export const answer = {
  kind: 'model',
  name: 'default',
  tokens_in: 10,
  tokens_out: 5,
  messages: [{ role: 'assistant', content: 'It is on its way.' }],
};

export const completed = {
  status: 'completed',
  stop_reason: 'final_answer',
  output: 'It is on its way.',
};

export const failed = {
  status: 'failed',
  stop_reason: 'error',
  error: { code: 'provider', message: 'the model server said no', retryable: false },
};

/** Claims a run and completes it as its worker would. */
export async function finish(
  db: Db,
  worker: string,
  id: string,
  to: Record<string, unknown> = completed,
): Promise<void> {
  const [run] = await claim(db, worker, [id]);
  if (!run) {
    throw new Error(`run ${id} could not be claimed`);
  }
  const last =
    to.status === 'completed'
      ? { kind: 'output', output: to.output }
      : { kind: 'error', error: to.error };
  const [result] = await commit(db, worker, [
    { id, fence: run.fence, after: run.step_count, steps: [answer, last], to },
  ]);
  if (result?.outcome !== 'committed') {
    throw new Error(`run ${id} could not be finished`);
  }
}

/** Completes a run that the worker has claimed and that has no steps yet. */
export async function complete(db: Db, worker: string, id: string): Promise<void> {
  const { fence } = await one(db, 'select fence from howdah.executions where id = $1', [id]);
  const steps = [answer, { kind: 'output', output: 'done' }];
  await commit(db, worker, [{ id, fence, after: 0, steps, to: completed }]);
}

/** Starts a child for a call of a run as its worker would, and returns the id of the child. */
export async function spawn(
  db: Db,
  worker: string,
  run: { id: string; fence: number; after: number },
  agent_id: string,
  call_id = 'a',
): Promise<string> {
  const { id } = await one(db, 'select howdah.uuid_v7() as id');
  const child = { id, agent_id, call_id, input: 'Find out.' };
  const steps = [{ kind: 'child_started', call_id, output: { execution_id: id }, child }];
  const [result] = await commit(db, worker, [{ ...run, steps }]);
  if (result?.outcome !== 'committed') {
    throw new Error(`run ${run.id} could not begin a child`);
  }
  return id;
}

/** Releases the runs of a worker, as if it had died or drained. */
export async function release(db: Db, worker: string, is_dead: boolean): Promise<void> {
  await db.query('select howdah_private.release_executions($1, null, $2)', [worker, is_dead]);
}

/** Returns the wake-ups of a run, except that of a running job. */
export function jobsOf(db: Db, id: string) {
  return all(
    db,
    `select j.priority, j.run_at, j.payload, j.is_available
     from graphile_worker._private_jobs as j where j.key = $1`,
    [id],
  );
}

/** Returns the seconds from the planning of a job to its time, whenever they are read. */
export async function plannedSeconds(db: Db, key: string): Promise<number> {
  const job = await one(
    db,
    `select extract(epoch from j.run_at - j.updated_at)::float8 as seconds
     from graphile_worker._private_jobs as j where j.key = $1`,
    [key],
  );
  return job.seconds;
}

/** Polls until the backend waits for a lock. */
export async function isBlocked(pool: pg.Pool, client: pg.PoolClient | pg.Client): Promise<void> {
  const pid = (client as unknown as { processID: number }).processID;
  const end = Date.now() + 120_000;
  while (Date.now() < end) {
    const { rows } = await pool.query('select cardinality(pg_blocking_pids($1)) as blockers', [
      pid,
    ]);
    if (rows[0].blockers > 0) {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('nobody was blocked');
}

/** Opens a connection outside any pool, for tests that need a session. */
export async function openSession(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Returns the violated invariants of all runs, by rule. */
export async function brokenRules(db: Db): Promise<string[]> {
  const rows = await all(db, 'select distinct rule from howdah.check_all() order by rule');
  return rows.map((row) => row.rule);
}

/** Runs COPY … FROM STDIN with the given rows, as `\\copy` sends them. */
export function copyIn(client: pg.Client, text: string, rows: string): Promise<void> {
  const query = new pg.Query(text) as unknown as {
    handleCopyInResponse(connection: CopyConnection): void;
    callback(error?: Error): void;
  };
  query.handleCopyInResponse = (connection) => {
    connection.sendCopyFromChunk(Buffer.from(rows));
    connection.endCopyFrom();
  };
  return new Promise((resolve, reject) => {
    query.callback = (error) => (error ? reject(error) : resolve());
    client.query(query as unknown as pg.Submittable);
  });
}

type CopyConnection = { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void };

/**
 * Deletes the due jobs of a task and returns their payloads. The caller does the work of a worker.
 */
async function takeJobs(db: Db, task: string): Promise<Record<string, string>[]> {
  const jobs = await all(
    db,
    `delete from graphile_worker._private_jobs as j using graphile_worker._private_tasks as t
     where t.id = j.task_id and t.identifier = $1 and j.run_at <= clock_timestamp()
     returning j.payload`,
    [task],
  );
  return jobs.map(({ payload }) => payload);
}

/**
 * Runs the due jobs that look for free capacity under limits, and returns how many runs continued.
 * Each job runs in its own statement, because a released run may write a job with the same key
 * again.
 */
export async function admitParked(db: Db): Promise<number> {
  let admitted = 0;
  for (const { id, tenant_id, subject_id } of await takeJobs(db, 'admit')) {
    const text = 'select howdah_private.admit_parked($1, $2, $3) as admitted';
    admitted += (await one(db, text, [id, tenant_id, subject_id])).admitted;
  }
  return admitted;
}

/** Deletes all limits, cancels the runs and deletes the jobs of earlier tests. */
export async function deleteLimits(db: Db): Promise<void> {
  await db.query('delete from howdah.limits');
  await db.query(
    'select howdah.cancel_execution(id) from howdah.executions where completed_at is null',
  );
  await db.query('delete from graphile_worker._private_jobs');
  await db.query('delete from howdah_private.parked_runs');
}

/** Runs the due jobs that recount new limits, and returns for each job whether it is done. */
export async function recountLimits(db: Db): Promise<boolean[]> {
  const done: boolean[] = [];
  for (const { id, after } of await takeJobs(db, 'recount_limit')) {
    const text = 'select howdah_private.recount_limit($1, $2) as done';
    done.push((await one(db, text, [id, after ?? null])).done);
  }
  return done;
}

/**
 * Waits until a new limit is recounted. Its job does so when no transaction from before the limit
 * is left.
 */
export async function waitForRecount(pool: pg.Pool, id: string): Promise<void> {
  const { after } = await one(pool, 'select pg_current_xact_id()::text as after');
  const text = 'select where howdah_private.recount_limit($1, $2)';
  await eventually(pool, `limit ${id} is counted again`, text, [id, after], 240_000);
}

/** Sets the retention policy of a tenant, replacing an existing one. */
export async function setRetention(
  db: Db,
  tenant_id: string,
  { keep_contents_days = null, keep_runs_days = null }: Record<string, number | null>,
): Promise<void> {
  await db.query(
    `insert into howdah.retention_policies (tenant_id, keep_contents_days, keep_runs_days)
     values ($1, $2, $3)
     on conflict (tenant_id) do update
     set keep_contents_days = excluded.keep_contents_days, keep_runs_days = excluded.keep_runs_days`,
    [tenant_id, keep_contents_days, keep_runs_days],
  );
}

/** Handles one batch of each tenant with a retention policy, and returns the number of rows. */
export async function retainBatch(db: Db, batch: number): Promise<number> {
  const { done } = await one(
    db,
    `select coalesce(sum(howdah_private.retain_tenant(t.id, $1)), 0)::int as done
     from howdah_private.tenants_with_retention() as t (id)`,
    [batch],
  );
  return done;
}

/** Returns the tables with a row that has the text somewhere. */
export async function tablesWith(db: Db, text: string): Promise<string[]> {
  const tables = await all(
    db,
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname in ('howdah', 'howdah_private', 'graphile_worker') and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await all(db, `select from ${name} as t where strpos(t::text, $1) > 0`, [text]);
    if (rows.length > 0) found.push(name);
  }
  return found;
}
