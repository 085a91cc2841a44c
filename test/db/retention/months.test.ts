import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyRetention } from '../../../src/db/retention/apply-retention.ts';
import { dropMonths, type MonthOutcome, oldMonths } from '../../../src/db/retention/drop-months.ts';
import { restoreArchive } from '../../../src/db/retention/restore-archive.ts';
import { archiveMonth, checkArchive } from '../../../src/db/retention/write-archive.ts';
import { cronItems } from '../../../workers/task-list.ts';
import {
  all,
  brokenRules,
  makeAgent,
  makeRun,
  one,
  openSession,
  refusal,
} from '../../sql/support.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeOldMonths, runInMonth, sumsOfAll } from './old-months.ts';

let db: TestDatabase;
let folder: string;

beforeEach(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'howdah-months-'));
  await makeOldMonths(db);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  await db?.drop();
});

const drop = (options: { archiveFolder?: string; patienceMs?: number } = {}) =>
  dropMonths({ url: db.url, ...options });

const sums = () => sumsOfAll(db);

const digestOf = (table: string, order: string) =>
  one(
    db.pool,
    `select count(*)::int as rows, md5(string_agg(row_to_json(t)::text, e'\\n' order by ${order})) as digest from ${table} as t`,
  );

const partitions = async (month: string) =>
  (await all(db.pool, 'select name from howdah_private.month_partitions($1)', [`${month}-01`]))
    .length;

const months = async () => (await oldMonths(db.pool)).map(({ month }) => month);

const runIn = (month: string) => runInMonth(db, month);

/**
 * Creates a question, a comment and a file of a run whose tree lies in that month. Returns the
 * digest of each of their tables.
 */
async function makeRowsBesideRun(month: string) {
  const { id, tenant_id } = await one(
    db.pool,
    `select e.id, e.tenant_id from howdah.executions as e cross join howdah_private.month_bounds(($1 || '-01')::date) as b
     where e.id >= b.first_id and e.id < b.next_id and e.parent_execution_id is null and e.status = 'completed'
       and not exists (select from howdah.executions as c where c.root_execution_id = e.id and c.id >= b.next_id)
     order by e.id limit 1`,
    [month],
  );
  for (const text of [
    'delete from howdah.questions',
    'delete from howdah.feedback_entries',
    'delete from howdah.resources',
  ])
    await db.pool.query(text);
  await db.pool.query(
    `insert into howdah.questions (tenant_id, execution_id, root_execution_id, kind, prompt, status)
     values ($1, $2, $2, 'question', 'Which one?', 'cancelled')`,
    [tenant_id, id],
  );
  await db.pool.query(
    `insert into howdah.feedback_entries (tenant_id, execution_id, score, comment, created_by) values ($1, $2, 1, 'good', 'ada')`,
    [tenant_id, id],
  );
  await db.pool.query(
    `insert into howdah.resources (tenant_id, execution_id, name, type, bytes, created_by) values ($1, $2, 'a.bin', 'application/octet-stream', '\\x00ff0a', 'ada')`,
    [tenant_id, id],
  );
  return {
    questions: await digestOf('howdah.questions', 't.id'),
    feedback_entries: await digestOf('howdah.feedback_entries', 't.id'),
    resources: await digestOf('howdah.resources', 't.id'),
  };
}

describe('a month that no tenant keeps', () => {
  test('is archived, detached and dropped; totals stay, and the archive restores the same rows', async () => {
    const old = await months();
    expect(old.length).toBeGreaterThanOrEqual(2);
    const before = await sums();
    const beside = await makeRowsBesideRun(old[1] ?? '');
    const name = old[1]?.replace('-', '_');
    const keys = {
      executions: 't.id',
      steps: 't.execution_id, t.seq',
      messages: 't.execution_id, t.seq',
    };
    // Trees that reach into the previous month are deleted run by run. The archive contains the
    // rest.
    const outcomes = await drop({ archiveFolder: folder });
    expect(outcomes?.map(({ month, dropped, blockers }) => ({ month, dropped, blockers }))).toEqual(
      old.map((month) => ({ month, dropped: true, blockers: [] })),
    );
    expect(await sums()).toEqual(before);
    expect(await brokenRules(db.pool)).toEqual([]);
    expect(await all(db.pool, 'select id from howdah.executions')).toEqual([]);
    await applyRetention(db.pool);
    expect(await all(db.pool, 'select id from howdah.sessions where turns > 0')).toEqual([]);
    for (const month of old) expect(await partitions(month)).toBe(0);
    expect(await months()).toEqual([]);

    const archive = outcomes?.[1]?.archive ?? '';
    const manifest = await checkArchive(archive);
    const restored = await restoreArchive(db.pool, archive);
    expect(restored.schema).toBe(`archive_${name}`);
    expect(manifest.tables[0]?.rows).toBe(outcomes?.[1]?.runs);
    for (const table of Object.keys(beside)) {
      expect(await digestOf(`howdah.${table}`, 't.id')).toMatchObject({ rows: 0 });
      expect(await digestOf(`${restored.schema}.${table}`, 't.id')).toEqual(
        beside[table as keyof typeof beside],
      );
    }
    for (const { table, rows } of manifest.tables.slice(0, 3)) {
      expect(rows).toBeGreaterThan(100);
      const found = await digestOf(`${restored.schema}.${table}`, keys[table as keyof typeof keys]);
      expect(found.rows).toBe(rows);
    }
    expect(await refusal(restoreArchive(db.pool, archive))).toMatchObject({
      code: 'HWCNF',
    });
  });

  test('is restored from its archive row by row', async () => {
    const month = (await months())[0] ?? '';
    await db.pool.query(
      `update howdah.executions set metadata = '{"ü": "\\n\\"\\u2028", "n": 12345678901234567890.123}' where id = (select id from howdah.executions order by id limit 1)`,
    );
    const client = await openSession(db.url);
    try {
      const archive = await archiveMonth(client, month, folder);
      const restored = await restoreArchive(db.pool, archive, 'Old "Rows"');
      for (const [table, order] of [
        ['executions', 't.id'],
        ['steps', 't.execution_id, t.seq'],
        ['messages', 't.execution_id, t.seq'],
      ] as const) {
        const id = table === 'executions' ? 'id' : 'execution_id';
        const there = await digestOf(
          `(select x.* from howdah.${table} as x, howdah_private.month_bounds('${month}-01') as b
            where x.${id} >= b.first_id and x.${id} < b.next_id)`,
          order,
        );
        expect(await digestOf(`"Old ""Rows""".${table}`, order)).toEqual(there);
        expect(there.rows).toBe(restored.tables[table]);
      }
      expect(await archiveMonth(client, month, folder)).toBe(`${archive}.2`);
      await writeFile(
        join(archive, 'steps.jsonl.gz'),
        await readFile(join(archive, 'executions.jsonl.gz')),
      );
      await expect(checkArchive(archive)).rejects.toMatchObject({
        code: 'HWINV',
        message: expect.stringContaining('steps.jsonl.gz'),
      });
      await expect(archiveMonth(client, '1999-01', folder)).rejects.toMatchObject({
        code: 'HWNTF',
      });
    } finally {
      await client.end();
    }
  });

  test('stays when its archive is broken or lacks runs of the month', async () => {
    const month = (await months())[0] ?? '';
    const client = await openSession(db.url);
    try {
      const whole = await archiveMonth(client, month, folder);
      const other = await archiveMonth(client, (await months())[1] ?? '', folder);
      const close = async (archive: string) => {
        await db.pool.query('select howdah_private.record_month_progress($1, $2)', [
          `${month}-01`,
          archive,
        ]);
        return (await drop())?.[0];
      };
      for (;;) {
        const { n } = await one(db.pool, 'select howdah_private.delete_unaligned_trees($1) as n', [
          `${month}-01`,
        ]);
        if (n === 0) break;
      }
      await db.pool.query('select howdah_private.close_month($1)', [`${month}-01`]);
      const { n: runs } = await one(
        db.pool,
        'select runs::int as n from howdah_private.closed_months where dropped_at is null',
      );
      expect(await close(other)).toMatchObject({
        dropped: false,
        blockers: [expect.stringMatching(`^the month ${month} was not dropped: its archive `)],
      });
      await rm(join(other, 'steps.jsonl.gz'));
      expect(await close(other)).toMatchObject({
        dropped: false,
        blockers: [expect.stringContaining('steps.jsonl.gz: it cannot be read')],
      });
      expect(await partitions(month)).toBe(3);
      const { n: left } = await one(
        db.pool,
        `select count(*)::int as n from howdah.executions as e cross join howdah_private.month_bounds($1) as b
         where e.id >= b.first_id and e.id < b.next_id`,
        [`${month}-01`],
      );
      expect(left).toBe(runs);
      expect(await close(whole)).toMatchObject({ dropped: true });
    } finally {
      await client.end();
    }
  });

  test('preserves totals, versions and audit at each intermediate step', async () => {
    const month = (await months())[0] ?? '';
    const before = await sums();
    const count =
      'select (select count(*) from howdah.agent_versions) + (select count(*) from howdah.audit_log) as n';
    const countBefore = await one(db.pool, count);
    for (;;) {
      const { n } = await one(db.pool, 'select howdah_private.delete_unaligned_trees($1, 5) as n', [
        `${month}-01`,
      ]);
      expect(await sums()).toEqual(before);
      if (n === 0) break;
    }
    await db.pool.query('select howdah_private.close_month($1)', [`${month}-01`]);
    expect(await sums()).toEqual(before);
    const ids = await all(
      db.pool,
      `select e.id from howdah.executions as e join howdah_private.closed_months as m on e.id >= m.first_id and e.id < m.next_id
       where e.parent_execution_id is null and e.status = 'failed' limit 1`,
    );
    // The month is frozen again after its trigger was lost, for example by a migration down and up.
    // Its runs cannot continue, and an erasure in it is not counted twice.
    await db.pool.query(
      `drop trigger _000_refuse_closed on howdah_private.executions_${month.replace('-', '_')}`,
    );
    await db.pool.query('select howdah_private.ensure_partitions()');
    expect(
      await refusal(db.pool.query('select howdah.retry_execution($1)', [ids[0]?.id])),
    ).toMatchObject({ code: 'HWCNF' });
    expect(await refusal(runIn(month))).toMatchObject({ code: 'HWCNF' });
    await db.pool.query('select howdah_private.delete_runs($1)', [[ids[0]?.id]]);
    expect(await sums()).toEqual(before);
    expect((await drop())?.every(({ dropped }) => dropped)).toBe(true);
    expect(await sums()).toEqual(before);
    expect(await one(db.pool, count)).toEqual(countBefore);
  });

  test('stays while one of its runs waits or a tenant retains its runs, and reports the reason', async () => {
    const old = await months();
    const waiting = await runIn(old[0] ?? '');
    const [held, ...rest] = (await drop()) as MonthOutcome[];
    expect(held).toMatchObject({
      month: old[0],
      dropped: false,
      blockers: ['1 runs have not ended'],
    });
    expect(rest.every(({ dropped }) => dropped)).toBe(true);
    expect(await partitions(old[0] ?? '')).toBe(3);
    await db.pool.query('select howdah.cancel_execution($1)', [waiting]);
    expect((await drop())?.[0]?.blockers).toEqual([
      expect.stringMatching(/^1 runs ended within the retention period/),
    ]);
    await db.pool.query('update howdah.retention_policies set keep_runs_days = null');
    await db.pool.query(
      'insert into howdah.retention_policies (keep_runs_days) values (1) on conflict (tenant_id) do update set keep_runs_days = 1',
    );
    expect((await drop())?.[0]?.blockers).toContainEqual(
      expect.stringMatching(/^tenant .* keeps its runs for ever$/),
    );
  });
});

describe('concurrent sessions', () => {
  test('insert runs meanwhile, and an interrupted detach is finished the next time', async () => {
    const old = await months();
    const before = await sums();
    const reader = await openSession(db.url);
    const agent = await makeAgent(db.pool);
    try {
      await reader.query('begin isolation level repeatable read');
      await reader.query('select count(*) from howdah.executions');
      const blocked = await drop({ patienceMs: 500 });
      expect(blocked?.[0]).toMatchObject({
        dropped: false,
        blockers: [expect.stringMatching(/lock timeout/)],
      });
      const pending = await all(
        db.pool,
        `select name from howdah_private.month_partitions($1) where is_pending`,
        [`${old[0]}-01`],
      );
      expect(pending).toHaveLength(1);
      await makeRun(db.pool, { agent_id: agent }); // new runs are not blocked
    } finally {
      await reader.end();
    }
    const outcomes = await drop();
    expect(outcomes?.map(({ dropped }) => dropped)).toEqual(old.map(() => true));
    expect(outcomes?.[0]?.locks.map(({ statement }) => statement).join()).toContain('finalize');
    const { days } = await sums();
    expect(days.filter((day) => day.agent_id !== agent)).toEqual(before.days);
  });

  test('that already drop months are left alone, and a role that is not the owner is rejected', async () => {
    const other = await openSession(db.url);
    try {
      await other.query(`select pg_advisory_lock(hashtextextended('howdah.months', 0))`);
      expect(await drop()).toBeUndefined();
    } finally {
      await other.end();
    }
    const login = `guest_${randomUUID().slice(0, 8)}`;
    await db.pool.query(`create role ${login} login password 'x'`);
    try {
      const url = new URL(db.url);
      url.username = login;
      url.password = 'x';
      await expect(dropMonths({ url: url.href })).rejects.toMatchObject({ code: 'HWDEN' });
    } finally {
      await db.pool.query(`drop role ${login}`);
    }
  });
});

describe('workers', () => {
  /** Returns the name of a partition so many months after this one. */
  const partitionOf = (table: string, months_ahead: number) => {
    const now = new Date();
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months_ahead, 1));
    return `howdah_private.${table}_${month.toISOString().slice(0, 7).replace('-', '_')}`;
  };
  const dropPartitions = async (...months: number[]) => {
    for (const table of ['executions', 'steps', 'message_log'])
      for (const month of months)
        await db.pool.query(`drop table if exists ${partitionOf(table, month)}`);
  };
  const exists = async (months_ahead: number): Promise<boolean> => {
    const name = partitionOf('message_log', months_ahead);
    return (await one(db.pool, 'select to_regclass($1) is not null as exists', [name])).exists;
  };

  test('drop months each night and create the next month at startup', async () => {
    const old = await months();
    const before = await sums();
    await dropPartitions(1, 2, 3);
    const worker = await startTestWorker(db.url);
    try {
      expect([await exists(1), await exists(2)]).toEqual([true, false]);
      await db.pool.query(`select graphile_worker.add_job('retention')`);
      await eventually(
        db.pool,
        'the old months are dropped',
        `select from howdah_private.closed_months where dropped_at is not null having count(*) = $1`,
        [old.length],
      );
    } finally {
      await worker.stop(0);
    }
    expect(await sums()).toEqual(before);
    expect(await months()).toEqual([]);
  });

  test('create missing partitions each night too', async () => {
    const worker = await startTestWorker(db.url);
    try {
      await dropPartitions(3);
      await db.pool.query(`select graphile_worker.add_job('partitions')`);
      await expect.poll(() => exists(3)).toBe(true);
    } finally {
      await worker.stop(0);
    }
    expect(cronItems().map(({ task }) => task)).toEqual(
      expect.arrayContaining(['partitions', 'retention']),
    );
  });

  test('create at startup what the last night would have created', async () => {
    await dropPartitions(2, 3);
    await db.pool.query(
      `insert into graphile_worker._private_known_crontabs (identifier, known_since, last_execution)
       values ('partitions', now() - interval '3 days', now() - interval '2 days')
       on conflict (identifier) do update
       set known_since = excluded.known_since, last_execution = excluded.last_execution`,
    );
    const worker = await startTestWorker(db.url);
    try {
      await expect.poll(() => exists(3)).toBe(true);
    } finally {
      await worker.stop(0);
    }
  });
});
