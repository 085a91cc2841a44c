import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  refusedInside,
  rolledBack,
} from '../support.ts';

type Alert = {
  name: string;
  severity: string;
  tenant_id: string | null;
  subject: string;
  since: Date | null;
  detail: string;
  runbook: string;
};

const db = testDatabase();
let agent: string;
let tenant: string;

beforeAll(async () => {
  await db.pool.query('select howdah_private.ensure_partitions()');
  agent = await makeAgent(db.pool);
  tenant = (await one(db.pool, `select id from howdah.tenants where slug = 'default'`)).id;
});

// Connections, transactions and their age are those of the whole server, which other tests also
// use.
const OF_THE_SERVER = [
  'connections_near_max',
  'notifications_unread',
  'transaction_ids_old',
  'transaction_long',
];
const alerts = (client: Pick<pg.Pool, 'query'>, name?: string) =>
  all<Alert>(
    client as pg.Pool,
    `select * from howdah.alerts where name = coalesce($1, name) and ($1 is not null or name <> all ($2)) order by name, subject`,
    [name ?? null, OF_THE_SERVER],
  );

/**
 * Runs `work` with all triggers and foreign keys disabled, and rolls back. It can create states
 * that no function would.
 */
const withoutTriggers = (work: (client: pg.PoolClient) => Promise<void>) =>
  rolledBack(db.pool, async (client) => {
    await client.query('set local session_replication_role = replica');
    await work(client);
  });

/** Creates a run with all triggers enabled. */
const startRun = async (client: pg.PoolClient) => {
  await client.query('set local session_replication_role = origin');
  const id = await makeRun(client, { agent_id: agent });
  await client.query('set local session_replication_role = replica');
  return id;
};

const late = async (client: pg.PoolClient, ago: string) => {
  const id = await startRun(client);
  await client.query(
    `update howdah.executions set run_at = now() - $2::interval, updated_at = now() - $2::interval where id = $1`,
    [id, ago],
  );
  return id;
};

test('a healthy database raises no alerts', async () => {
  expect(await alerts(db.pool)).toEqual([]);
});

test('each alert has a severity and a link to its runbook', async () => {
  await withoutTriggers(async (client) => {
    await late(client, '1 hour');
    const found = await alerts(client);
    expect(found.map(({ name }) => name)).toContain('queue_stuck');
    for (const { name, severity, runbook } of found) {
      expect(['warning', 'critical']).toContain(severity);
      expect(runbook).toBe(`docs/operations.md#${name}`);
    }
  });
});

describe('queue alerts', () => {
  test('queue_stuck: the oldest due run has waited too long', async () => {
    await withoutTriggers(async (client) => {
      const id = await late(client, '4 minutes');
      await makeWorker(client);
      expect(await alerts(client, 'queue_stuck')).toEqual([]);
      await client.query(
        `update howdah.executions set run_at = now() - interval '6 minutes' where id = $1`,
        [id],
      );
      const [alert] = await alerts(client, 'queue_stuck');
      expect(alert).toMatchObject({ tenant_id: tenant, subject: 'default', severity: 'critical' });
      expect(alert?.detail).toBe('due runs that no worker has claimed: 1');
      await client.query(
        `update howdah_private.alert_limits set threshold = 600 where name = 'queue_stuck'`,
      );
      expect(await alerts(client, 'queue_stuck')).toEqual([]);
    });
  });

  test('no_worker: runs are due and no worker is running', async () => {
    await withoutTriggers(async (client) => {
      await late(client, '1 minute');
      expect(await alerts(client, 'no_worker')).toMatchObject([{ subject: 'workers' }]);
      await makeWorker(client);
      expect(await alerts(client, 'no_worker')).toEqual([]);
    });
  });

  test('leases_expired: a worker with runs is silent or gone', async () => {
    await withoutTriggers(async (client) => {
      const worker = await makeWorker(client);
      const id = await startRun(client);
      await claim(client, worker, [id]);
      await client.query(
        `update howdah.executions set updated_at = now() - interval '1 hour' where id = $1`,
        [id],
      );
      await client.query(
        `update howdah_private.run_heads set updated_at = now() - interval '1 hour' where execution_id = $1`,
        [id],
      );
      expect(await alerts(client, 'leases_expired')).toEqual([]);
      await client.query(
        `update howdah_private.workers set heartbeat_at = now() - interval '2 minutes' where id = $1`,
        [worker],
      );
      expect(await alerts(client, 'leases_expired')).toMatchObject([
        { subject: `worker ${worker}`, detail: expect.stringContaining('silent') },
      ]);
      await client.query('delete from howdah_private.workers where id = $1', [worker]);
      expect(await alerts(client, 'leases_expired')).toMatchObject([
        { detail: 'runs with its lease: 1; the worker is not registered' },
      ]);
    });
  });

  test('jobs_given_up: a job has no attempts left', async () => {
    await withoutTriggers(async (client) => {
      await client.query(`select graphile_worker.add_job('deliver', '{}', max_attempts => 3)`);
      expect(await alerts(client, 'jobs_given_up')).toEqual([]);
      await client.query(
        `update graphile_worker._private_jobs set attempts = 3, last_error = 'boom', updated_at = now() - interval '5 minutes'`,
      );
      expect(await alerts(client, 'jobs_given_up')).toMatchObject([
        { subject: 'task deliver', detail: expect.stringMatching(/^jobs .*: 1, .*boom$/) },
      ]);
    });
  });

  test('promises_broken: howdah.violations is not empty', async () => {
    await withoutTriggers(async (client) => {
      const id = await late(client, '1 minute');
      await client.query('delete from graphile_worker._private_jobs');
      expect(await alerts(client, 'promises_broken')).toMatchObject([
        { subject: `run ${id}`, detail: expect.stringMatching(/^lost_run/) },
      ]);
    });
  });
});

describe('integration alerts', () => {
  test('deliveries_failed: webhooks were given up within a day', async () => {
    await withoutTriggers(async (client) => {
      const fail = (ago: string) =>
        client.query(
          `insert into howdah.webhook_deliveries (execution_id, event, url, payload, status, last_attempt_at)
           values (howdah.uuid_v7(), 'execution.failed', 'https://hooks.example.com', '{}', 'failed', now() - $1::interval)`,
          [ago],
        );
      await fail('2 days');
      expect(await alerts(client, 'deliveries_failed')).toEqual([]);
      await fail('1 hour');
      expect(await alerts(client, 'deliveries_failed')).toMatchObject([
        { tenant_id: tenant, subject: 'callbacks', detail: 'failed deliveries: 1' },
      ]);
    });
  });

  test('write_backs_failing: answers were not written to their rows', async () => {
    await withoutTriggers(async (client) => {
      await client.query(
        `insert into howdah.table_triggers (table_name, agent_id, input, into_column, key_columns)
         values ('public.tickets', $1, 'body', 'reply', '{id}')`,
        [agent],
      );
      const write = (status: string) =>
        client.query(
          `insert into howdah.watched_rows (execution_id, table_trigger_id, row_key, watches, write_back, error)
           select howdah.uuid_v7(), id, '{"id": 1}', '{}', $1, '{"message": "the row is locked"}' from howdah.table_triggers`,
          [status],
        );
      await write('written');
      expect(await alerts(client, 'write_backs_failing')).toEqual([]);
      await write('failed');
      expect(await alerts(client, 'write_backs_failing')).toMatchObject([
        { subject: 'public.tickets', detail: expect.stringContaining('the row is locked') },
      ]);
    });
  });

  test('mcp_server_down: an active server has been unreachable for a while', async () => {
    await withoutTriggers(async (client) => {
      await client.query(
        `insert into howdah.mcp_servers (name, type, configuration, error, failed_at)
         values ('files', 'http', '{"url": "https://mcp.example.com"}', 'connection refused', now() - interval '10 minutes')`,
      );
      expect(await alerts(client, 'mcp_server_down')).toMatchObject([
        { subject: 'files', detail: 'connection refused' },
      ]);
      await client.query('update howdah.mcp_servers set is_active = false');
      expect(await alerts(client, 'mcp_server_down')).toEqual([]);
    });
  });

  test('schedules_late: a schedule is due and starts no run', async () => {
    await withoutTriggers(async (client) => {
      await client.query(
        `insert into howdah.schedules (name, cron, agent_id, input, next_at) values ('nightly', '0 3 * * *', $1, 'x', now() + interval '1 hour')`,
        [agent],
      );
      expect(await alerts(client, 'schedules_late')).toEqual([]);
      await client.query(`update howdah.schedules set next_at = now() - interval '5 minutes'`);
      expect(await alerts(client, 'schedules_late')).toMatchObject([{ subject: 'nightly' }]);
    });
  });

  test('quota_nearly_used: 90 % of a limit is used', async () => {
    await rolledBack(db.pool, async (client) => {
      await client.query(
        `insert into howdah.limits (metric, period, max_value) values ('runs', 'day', 10)`,
      );
      for (let run = 0; run < 8; run += 1) await makeRun(client, { agent_id: agent });
      expect(await alerts(client, 'quota_nearly_used')).toEqual([]);
      await makeRun(client, { agent_id: agent });
      expect(await alerts(client, 'quota_nearly_used')).toMatchObject([
        { tenant_id: tenant, subject: 'runs per day of a tenant', detail: '9 of 10 are used' },
      ]);
      await client.query('update howdah.limits set max_value = 100');
      expect(await alerts(client, 'quota_nearly_used')).toEqual([]);
    });
  });
});

describe('maintenance alerts', () => {
  test('partitions_missing: a month that starts soon has no partition', async () => {
    await rolledBack(db.pool, async (client) => {
      const { name } = await one(
        client,
        `select to_char(date_trunc('month', now() at time zone 'UTC') + interval '1 month', '"steps_"YYYY_MM') as name`,
      );
      await client.query(`drop table howdah_private.${name}`);
      expect(await alerts(client, 'partitions_missing')).toMatchObject([
        { subject: `howdah_private.${name}` },
      ]);
      await client.query('select howdah_private.ensure_partitions()');
      expect(await alerts(client, 'partitions_missing')).toEqual([]);
    });
  });

  test('files_not_deleted: a file of an erased row still exists after a day', async () => {
    await rolledBack(db.pool, async (client) => {
      await client.query(
        `insert into howdah_private.due_work (kind, payload, created_at, attempts, last_error)
         values ('delete_file', '{"storage_path": "old"}', now() - interval '25 hours', 9,
             'the file cannot be deleted (EROFS)'),
           ('delete_file', '{"storage_path": "new"}', now() - interval '23 hours', 0, null)`,
      );
      expect(await alerts(client, 'files_not_deleted')).toMatchObject([
        {
          severity: 'warning',
          subject: 'files',
          detail: 'files to delete: 1, last error: the file cannot be deleted (EROFS)',
        },
      ]);
    });
  });

  test('audit_checkpoint_stale: the log grows without a new checkpoint', async () => {
    const client = await db.pool.connect();
    try {
      const own = await makeTenant(client); // the first rows are chained at commit
      await client.query(`update howdah.tenants set name = 'another' where id = $1`, [own]);
      const { seq, hash } = await one(
        client,
        'select seq, hash from howdah_private.audit_heads where tenant_id = $1',
        [own],
      );
      await client.query('begin');
      const mine = async () =>
        (await alerts(client, 'audit_checkpoint_stale')).filter(
          ({ tenant_id }) => tenant_id === own,
        );
      expect(await mine()).toEqual([]);
      await client.query(
        `update howdah_private.alert_limits set threshold = 0 where name = 'audit_checkpoint_stale'`,
      );
      expect(await mine()).toMatchObject([
        { detail: `the log has ${seq} rows, its last checkpoint is at 0` },
      ]);
      await client.query(
        'insert into howdah_private.audit_checkpoints (tenant_id, seq, hash) values ($1, $2, $3)',
        [own, seq, hash],
      );
      expect(await mine()).toEqual([]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});

describe('server alerts', () => {
  const limit = (client: pg.PoolClient, name: string, threshold: number) =>
    client.query('update howdah_private.alert_limits set threshold = $2 where name = $1', [
      name,
      threshold,
    ]);

  test.each([
    ['connections_near_max', /^\d+ of \d+ connections are in use$/],
    ['notifications_unread', /^\d+\.\d+ % of the queue of notifications are unread$/],
    ['transaction_ids_old', /^the oldest row is \d+ transactions old$/],
  ])('%s: at and above its threshold', async (name, detail) => {
    await rolledBack(db.pool, async (client) => {
      await limit(client, name, 1_000_000_000_000);
      expect(await alerts(client, name)).toEqual([]);
      await limit(client, name, 0);
      const found = await alerts(client, name);
      expect(found.length).toBeGreaterThan(0);
      expect(found[0]?.detail).toMatch(detail);
    });
  });

  test('vacuum_behind: too many dead rows per live row, until vacuum', async () => {
    await db.pool.query(
      'alter table howdah_private.login_tenants set (autovacuum_enabled = false)',
    );
    const client = await db.pool.connect();
    const mine = async () =>
      (await alerts(client, 'vacuum_behind')).filter(({ subject }) =>
        /login_tenants/.test(subject),
      );
    try {
      await client.query(
        `begin; set local session_replication_role = replica;
         insert into howdah_private.login_tenants (login, tenant_id, role) select 'nobody_' || n, '${tenant}', 'admin' from generate_series(1, 11000) as n;
         rollback`,
      );
      await client.query('select pg_stat_force_next_flush()');
      expect(await mine()).toMatchObject([{ detail: '11000 dead rows, 0 live rows' }]);
      await client.query('vacuum howdah_private.login_tenants');
      await client.query('select pg_stat_force_next_flush()');
      expect(await mine()).toEqual([]);
    } finally {
      client.release();
    }
  });

  test('transaction_long: an open transaction holds back vacuum, until it ends', async () => {
    const [holder, client] = [await db.pool.connect(), await db.pool.connect()];
    try {
      await client.query('begin');
      await limit(client, 'transaction_long', 0);
      const { pid } = await one(holder, 'select pg_backend_pid() as pid');
      const of = async () =>
        (await alerts(client, 'transaction_long')).filter(
          ({ subject }) => subject === `process ${pid}`,
        );
      await holder.query('begin; create temporary table held (x int)');
      expect(await of()).toMatchObject([
        { detail: expect.stringContaining('idle in transaction') },
      ]);
      await holder.query('rollback');
      await client.query('select pg_stat_clear_snapshot()');
      expect(await of()).toEqual([]);
    } finally {
      await holder.query('rollback');
      await client.query('rollback');
      holder.release();
      client.release();
    }
  });
});

test('an owner disables an alert with a row', async () => {
  await withoutTriggers(async (client) => {
    await late(client, '1 minute');
    expect(await alerts(client, 'no_worker')).toHaveLength(1);
    await client.query(
      `update howdah_private.alert_limits set is_active = false where name = 'no_worker'`,
    );
    expect(await alerts(client, 'no_worker')).toEqual([]);
  });
});

test('only owners of the database can read alerts', async () => {
  for (const role of ['howdah_app', 'howdah_analyst', 'howdah_worker']) {
    await asRole(db.pool, role, {}, async (client) => {
      for (const object of ['howdah.alerts', 'howdah_private.alert_limits']) {
        expect(await refusedInside(client, `select 1 from ${object}`)).toMatchObject({
          code: '42501',
        });
      }
    });
  }
});

test('metrics contain every alert, with 0 for inactive ones', async () => {
  await withoutTriggers(async (client) => {
    await late(client, '1 minute');
    const rows = await all(
      client,
      `select labels ->> 'alert' as alert, value from howdah_private.metrics() where name = 'howdah_alerts'`,
    );
    const limits = await all(client, 'select name from howdah_private.alert_limits');
    expect(rows.map(({ alert }) => alert).sort()).toEqual(
      limits
        .map(({ name }) => name)
        .filter((name) => name !== 'promises_broken')
        .sort(),
    );
    expect(rows).toContainEqual({ alert: 'no_worker', value: 1 });
    expect(rows).toContainEqual({ alert: 'leases_expired', value: 0 });
  });
});
