import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dropMonths, type MonthOptions, oldMonths } from '../../../src/db/retention/drop-months.ts';
import { archiveMonth, checkArchive } from '../../../src/db/retention/write-archive.ts';
import {
  all,
  brokenRules,
  isBlocked,
  makeAgent,
  makeRun,
  one,
  openSession,
  refusal,
} from '../../sql/support.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../../support/database.ts';
import { makeOldMonths, runInMonth, sumsOfAll } from './old-months.ts';

// Tests that a month is frozen, counted, archived and dropped while other sessions work. Each step
// continues where the previous one stopped.

let db: TestDatabase;
let folder: string;
let month: string;
let day: string;

beforeEach(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'howdah-months-'));
  await makeOldMonths(db, 300);
  month = (await oldMonths(db.pool))[0]?.month ?? '';
  day = `${month}-01`;
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  await db?.drop();
});

const drop = (options: Partial<MonthOptions> = {}) => dropMonths({ url: db.url, ...options });
const sums = () => sumsOfAll(db);
const close = 'select howdah_private.close_month($1)::int as runs';

/** Deletes all trees that reach into other months, then freezes the month. */
async function freeze(): Promise<void> {
  for (;;) {
    const { n } = await one(db.pool, 'select howdah_private.delete_unaligned_trees($1) as n', [
      day,
    ]);
    if (n === 0) break;
  }
  await db.pool.query('select howdah_private.freeze_month($1)', [day]);
}

/** Returns the root runs of the month that have no children. */
async function runsOfMonth(status = 'completed'): Promise<string[]> {
  const rows = await all(
    db.pool,
    `select e.id from howdah.executions as e cross join howdah_private.month_bounds($1) as b
     where e.id >= b.first_id and e.id < b.next_id and e.parent_execution_id is null and e.status = $2
       and not exists (select from howdah.executions as c where c.root_execution_id = e.id and c.id <> e.id)
     order by e.id`,
    [day, status],
  );
  return rows.map(({ id }) => id);
}

describe('a frozen month', () => {
  test('is counted under no lock that blocks others, and counts rows deleted meanwhile once', async () => {
    await freeze();
    const before = await sums();
    const [first, second] = (await runsOfMonth()) as [string, string];
    const remove = 'select howdah_private.delete_runs(array[$1::uuid])';
    const agent = await makeAgent(db.pool);
    const [deleter, counter] = [await openSession(db.url), await openSession(db.url)];
    try {
      await deleter.query('begin');
      await deleter.query(remove, [first]);
      await counter.query('begin');
      const counted = counter.query(close, [day]);
      await isBlocked(db.pool, counter);
      await makeRun(db.pool, { agent_id: agent });
      await deleter.query('commit');
      const { runs } = (await counted).rows[0];

      const locks = await all(
        db.pool,
        `select distinct l.mode, l.relation::regclass::text as relation from pg_locks as l
         where l.pid = $1 and l.locktype = 'relation' and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')`,
        [(counter as unknown as { processID: number }).processID],
      );
      expect(locks).toEqual([]);
      const id = await makeRun(db.pool, { agent_id: agent });
      await db.pool.query('select howdah.cancel_execution($1)', [id]);
      const deleted = deleter.query(remove, [second]);
      await isBlocked(db.pool, deleter);
      await counter.query('commit');
      await deleted;
      const left = await one(
        db.pool,
        `select count(*)::int as runs from howdah.executions as e cross join howdah_private.month_bounds($1) as b
         where e.id >= b.first_id and e.id < b.next_id`,
        [day],
      );
      expect(left.runs).toBe(runs - 1);
    } finally {
      await deleter.end();
      await counter.end();
    }
    const after = await sums();
    expect({ ...after, days: after.days.filter((row) => row.agent_id !== agent) }).toMatchObject({
      days: before.days,
      models: before.models,
      tools: before.tools,
    });
  });

  test('rejects new runs, and is reopened when something blocks its removal', async () => {
    await freeze();
    expect(await oldMonths(db.pool)).toContainEqual(
      expect.objectContaining({ month, is_closed: false, runs: null, blockers: [] }),
    );
    const [failed] = (await runsOfMonth('failed')) as [string];
    const retry = 'select howdah.retry_execution($1)';
    expect(await refusal(runInMonth(db, month))).toMatchObject({ code: 'HWCNF' });
    expect(await refusal(db.pool.query(retry, [failed]))).toMatchObject({ code: 'HWCNF' });
    const policy = await db.pool.query(
      'update howdah.retention_policies set keep_runs_days = null where tenant_id = (select tenant_id from howdah.executions where id = $1) returning id',
      [failed],
    );
    expect((await drop())?.[0]).toMatchObject({
      dropped: false,
      blockers: [expect.stringMatching(/keeps its runs for ever$/)],
    });
    await db.pool.query('select howdah_private.ensure_partitions()');
    await db.pool.query(retry, [failed]);
    await db.pool.query('select howdah.cancel_execution($1)', [failed]);
    await db.pool.query(
      `update howdah.executions set completed_at = created_at where id = $1 and completed_at is not null`,
      [failed],
    );
    // Starts again from the beginning.
    await db.pool.query('update howdah.retention_policies set keep_runs_days = 30 where id = $1', [
      policy.rows[0].id,
    ]);
    const before = await sums();
    await db.pool.query('select howdah_private.freeze_month($1)', [day]);
    expect(await refusal(db.pool.query(retry, [failed]))).toMatchObject({ code: 'HWCNF' });
    expect((await drop())?.[0]).toMatchObject({ month, dropped: true });
    expect(await sums()).toEqual(before);
  });

  test('has no live run: a month with a live run cannot be frozen', async () => {
    const waiting = await runInMonth(db, month);
    expect(
      await refusal(db.pool.query('select howdah_private.freeze_month($1)', [day])),
    ).toMatchObject({
      code: 'HWCNF',
      message: `month ${month} cannot be dropped: 1 runs have not ended`,
    });
    await db.pool.query('select howdah.cancel_execution($1)', [waiting]);
    expect(await all(db.pool, 'select from howdah_private.closed_months')).toEqual([]);
  });
});

test('a month interrupted before each step resumes there, and nothing is lost or counted twice', async () => {
  const months = await oldMonths(db.pool);
  const before = await sums();
  const stops: string[] = [];
  const onStep: MonthOptions['onStep'] = (step, of, table = '') => {
    const stop = `${step} ${table}`;
    if (of !== month || stops.includes(stop)) return;
    stops.push(stop);
    throw new Error(`stopped before ${stop}`);
  };
  for (;;) {
    const stopped = stops.length;
    const outcomes = await drop({ archiveFolder: folder, onStep }).catch((error: Error) => {
      if (!error.message.startsWith('stopped before')) throw error;
      return undefined;
    });
    expect(await sums()).toEqual(before);
    if (outcomes !== undefined) break;
    expect(stops).toHaveLength(stopped + 1);
  }
  expect(
    stops.map((stop) => stop.replace(/ howdah_private\.([a-z_]+)_\d.*/, ' $1').trim()),
  ).toEqual([
    ...['clear', 'freeze', 'count', 'archive', 'side_rows'],
    ...['detach executions', 'drop executions', 'detach steps', 'drop steps'],
    ...['detach message_log', 'drop message_log'],
  ]);
  expect(
    await all(
      db.pool,
      `select to_char(month, 'YYYY-MM') as month, archive from howdah_private.closed_months where dropped_at is not null order by 1`,
    ),
  ).toEqual(months.map((one) => ({ month: one.month, archive: join(folder, one.month) })));
  expect((await readdir(folder)).sort()).toEqual(months.map((one) => one.month).sort());
  expect(await brokenRules(db.pool)).toEqual([]);
});

test('a process killed while it waits to count leaves the month to the next process', async () => {
  await freeze();
  const before = await sums();
  const deleter = await openSession(db.url);
  try {
    await deleter.query('begin');
    await deleter.query('select from howdah_private.closed_months for update');
    const killed = drop({
      onStep: (step) => {
        if (step !== 'count') return;
        void db.pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'howdah-months' and datname = current_database()`,
        );
      },
    });
    await expect(killed).rejects.toThrow();
    await eventually(
      db.pool,
      'the killed session is gone',
      `select where not exists (select from pg_stat_activity where application_name = 'howdah-months' and datname = current_database())`,
      [],
    );
  } finally {
    await deleter.end();
  }
  expect(await sums()).toEqual(before);
  expect((await drop())?.every(({ dropped }) => dropped)).toBe(true);
  expect(await sums()).toEqual(before);
});

describe('a damaged archive', () => {
  const breakOne = async (archive: string) => {
    const file = join(archive, 'steps.jsonl.gz');
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length / 2));
    return { file, half: bytes.subarray(0, bytes.length / 2), whole: bytes };
  };

  test('is left unchanged, and a second one is written while the month is complete', async () => {
    await freeze();
    await db.pool.query(close, [day]);
    const archive = await archiveIt();
    await db.pool.query('select howdah_private.record_month_progress($1, $2)', [day, archive]);
    const { file, half } = await breakOne(archive);
    // Without an archive folder, the month is not dropped.
    expect((await drop())?.[0]).toMatchObject({
      dropped: false,
      blockers: [expect.stringContaining('steps.jsonl.gz')],
    });
    const [outcome] = (await drop({ archiveFolder: folder })) ?? [];
    expect(outcome).toMatchObject({ dropped: true, archive: `${archive}.2`, replaced: archive });
    expect((await checkArchive(`${archive}.2`)).tables[0]?.rows).toBe(outcome?.runs);
    expect(await readFile(file)).toEqual(half);
    expect(
      await one(db.pool, 'select archive from howdah_private.closed_months where month = $1', [
        day,
      ]),
    ).toEqual({ archive: `${archive}.2` });
  });

  test('blocks dropping a partially dropped month, because it may be the only copy', async () => {
    const stop = drop({
      archiveFolder: folder,
      onStep: (step, of) => {
        if (of === month && step === 'detach') throw new Error('stopped');
      },
    });
    await expect(stop).rejects.toThrow('stopped');
    const archive = join(folder, month);
    const { file, half, whole } = await breakOne(archive);
    for (const archiveFolder of [folder, undefined]) {
      const outcomes = await drop(archiveFolder === undefined ? {} : { archiveFolder });
      expect(outcomes?.[0]).toMatchObject({
        month,
        dropped: false,
        blockers: [expect.stringContaining('steps.jsonl.gz')],
      });
    }
    expect(await readFile(file)).toEqual(half);
    expect((await readdir(folder)).filter((name) => name.startsWith(month))).toEqual([month]);
    await writeFile(file, whole);
    const [outcome] = (await drop({ archiveFolder: folder })) ?? [];
    expect(outcome).toMatchObject({ month, dropped: true, archive, replaced: null });
  });
});

async function archiveIt(): Promise<string> {
  const client = await openSession(db.url);
  try {
    return await archiveMonth(client, month, folder);
  } finally {
    await client.end();
  }
}
