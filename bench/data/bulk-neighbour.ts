import pg from 'pg';
import { type Figure, figure, percentile } from '../figures.ts';
import { startEngine } from '../processes/engine.ts';

const SAMPLES = 100;
const WARM_UP_RUNS = 20;
const QUERY_CANCELED = '57014';

export type NeighbourOptions = {
  url: string;
  pool: pg.Pool;
  /** The bulk insert, during which the runs of another tenant are measured. */
  insert: string;
  talk(line: string): void;
};

/**
 * Measures single runs of another tenant, from insert to completion by a running worker: alone, and
 * during a bulk insert. The insert is rolled back and repeated until there are enough samples, and
 * then cancelled. The worker therefore never gets its rows.
 */
export async function measureNeighbour({
  url,
  pool,
  insert,
  talk,
}: NeighbourOptions): Promise<Figure[]> {
  const neighbour = await connect(url);
  const inserter = await connect(url);
  const worker = await startEngine({ url, concurrency: 10 });
  try {
    await becomeAnotherTenant(neighbour);
    await measureRuns(neighbour, WARM_UP_RUNS);
    const alone = await measureRuns(neighbour, SAMPLES);
    const pid = await backendOf(inserter);
    const bulk = { isDone: false };
    const inserting = repeatInsert(inserter, insert, bulk);
    const meanwhile = await measureRuns(neighbour, SAMPLES).finally(() => {
      bulk.isDone = true;
    });
    talk(`locks of the insert, without AccessShareLock: ${await describeLocks(pool, pid)}`);
    // The inserter still has its locks. This update fails if they block changes of agents.
    await pool.query(
      `set lock_timeout = '1s'; update howdah.agents set description = 'edited'; reset lock_timeout`,
    );
    await pool.query('select pg_cancel_backend($1)', [pid]);
    await inserting;
    return [
      figure('bulk', 'bulk_neighbour_alone_ms_p50', percentile(alone, 50), 'ms'),
      figure('bulk', 'bulk_neighbour_alone_ms_p99', percentile(alone, 99), 'ms'),
      figure('bulk', 'bulk_neighbour_ms_p50', percentile(meanwhile, 50), 'ms'),
      figure('bulk', 'bulk_neighbour_ms_p99', percentile(meanwhile, 99), 'ms'),
    ];
  } finally {
    await worker.stop(0);
    await inserter.end();
    await neighbour.end();
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

async function becomeAnotherTenant(client: pg.Client): Promise<void> {
  await client.query(
    `insert into howdah.tenants (slug, name) values ('neighbour', 'Neighbour');
     select set_config('howdah.tenant_id', (select id from howdah.tenants where slug = 'neighbour')::text, false)`,
  );
  await client.query(`insert into howdah.agents (name) values ('bench')`);
}

/** Repeats an insert and its rollback until `bulk.isDone`, or until the statement is cancelled. */
async function repeatInsert(client: pg.Client, insert: string, bulk: { isDone: boolean }) {
  try {
    while (!bulk.isDone) {
      await client.query('begin');
      await client.query(insert);
      await client.query('rollback');
    }
  } catch (error) {
    if ((error as pg.DatabaseError).code !== QUERY_CANCELED) {
      throw error;
    }
  }
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query('select pg_backend_pid() as pid');
  return rows[0].pid;
}

/** Runs one run after the other. Returns the milliseconds from before each insert to completion. */
async function measureRuns(client: pg.Client, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    const { rows } = await client.query(
      `insert into howdah.executions (agent_id, input) values (howdah.agent('bench'), '0 calls') returning id`,
    );
    await waitForRun(client, rows[0].id);
    times.push(performance.now() - startedAt);
  }
  return times;
}

async function waitForRun(client: pg.Client, id: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const { rows } = await client.query('select status from howdah.executions where id = $1', [id]);
    if (rows[0].status === 'completed') {
      return;
    }
    if (performance.now() > deadline) {
      throw new Error(`run ${id} is ${rows[0].status} after 30 s: a bulk insert delays it`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function describeLocks(pool: pg.Pool, pid: number): Promise<string> {
  const { rows } = await pool.query(
    `select string_agg(distinct l.mode || ' on ' || coalesce(c.relname, l.locktype), ', ') as locks
     from pg_locks as l left join pg_class as c on c.oid = l.relation and c.relkind in ('r', 'p')
     where l.pid = $1 and l.mode <> 'AccessShareLock' and (l.relation is null or c.oid is not null)`,
    [pid],
  );
  return rows[0].locks;
}
