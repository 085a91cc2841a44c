import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withDryRun } from '../../../src/cli/input/confirm-option.ts';
import { deleteStoredFiles } from '../../../src/db/files/delete-stored-files.ts';
import { applyRetention } from '../../../src/db/retention/apply-retention.ts';
import { retentionTask } from '../../../workers/tasks/nightly/retention.ts';
import {
  all,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  openSession,
  setRetention,
} from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';

const db = testDatabase({ violates: true }); // runs end in the past

/**
 * Creates a tenant with a policy that deletes a run of nine days ago. Returns the tenant and the
 * run.
 */
async function makeTenantWithOldRun(): Promise<{ tenant: string; run: string }> {
  const tenant = await makeTenant(db.pool);
  const agent_id = await makeAgent(db.pool, { tenant_id: tenant });
  const run = await makeRun(db.pool, { tenant_id: tenant, agent_id });
  const worker = await makeWorker(db.pool);
  await finish(db.pool, worker, run);
  await db.pool.query(
    `update howdah.executions set completed_at = now() - interval '9 days' where id = $1`,
    [run],
  );
  await setRetention(db.pool, tenant, { keep_runs_days: 7 });
  await db.pool.query(
    `insert into howdah.feedback_entries (tenant_id, execution_id, score, created_by)
     values ($1, $2, 1, 'ada')`,
    [tenant, run],
  );
  return { tenant, run };
}

const isThere = async (run: string) =>
  (await all(db.pool, 'select from howdah.executions where id = $1', [run])).length === 1;

/** Runs `work` while every deletion of the tenant's feedback fails. */
async function failing<T>(tenant: string, work: () => Promise<T>): Promise<T> {
  await db.pool.query(
    `create function public.fail() returns trigger language plpgsql as
       'begin raise exception using errcode = ''P0001'', message = ''this tenant is broken''; end';
     create trigger fail before delete on howdah.feedback_entries
       for each row when (old.tenant_id = '${tenant}') execute function public.fail()`,
  );
  try {
    return await work();
  } finally {
    await db.pool.query('drop function public.fail cascade');
  }
}

const progress = () =>
  one(
    db.pool,
    `select done::int, last_error from howdah.batch_jobs where name = 'apply_retention'`,
  );

afterEach(async () => {
  await db.pool.query('delete from howdah.retention_policies');
});

describe('an error of one tenant', () => {
  test('stops retention of that tenant only, and is reported', async () => {
    const [broken, whole] = [await makeTenantWithOldRun(), await makeTenantWithOldRun()];
    const outcome = await failing(broken.tenant, () => applyRetention(db.pool));
    expect(outcome).toEqual({
      removed: 1,
      failures: [{ tenant: broken.tenant, error: expect.objectContaining({ code: 'P0001' }) }],
    });
    expect([await isThere(broken.run), await isThere(whole.run)]).toEqual([true, false]);
    expect(await applyRetention(db.pool)).toEqual({ removed: 1, failures: [] });
    expect(await isThere(broken.run)).toBe(false);
  });

  test('stops no other tenant of a dry run, which changes nothing', async () => {
    const [broken, whole] = [await makeTenantWithOldRun(), await makeTenantWithOldRun()];
    const outcome = await failing(broken.tenant, () =>
      applyRetention(db.pool, (work) => withDryRun(db.pool, true, work)),
    );
    expect(outcome).toMatchObject({ removed: 1, failures: [{ tenant: broken.tenant }] });
    expect([await isThere(broken.run), await isThere(whole.run)]).toEqual([true, true]);
  });

  test('is logged by the job, which fails after all other tenants', async () => {
    const [broken, whole] = [await makeTenantWithOldRun(), await makeTenantWithOldRun()];
    const lines: { level: number; tenant?: string }[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const run = retentionTask(db.pool, { url: db.url }, log);
    await expect(
      failing(broken.tenant, async () => run({}, {} as Parameters<typeof run>[1])),
    ).rejects.toThrow('this tenant is broken');
    expect(lines.filter(({ level }) => level >= 50)).toMatchObject([{ tenant: broken.tenant }]);
    expect(await isThere(whole.run)).toBe(false);
    expect(await progress()).toMatchObject({
      last_error: expect.stringContaining('this tenant is broken'),
    });
  });
});

test('a pause of the job stops the nightly job, and the command with an error', async () => {
  const { run } = await makeTenantWithOldRun();
  const lines: { msg?: string }[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const nightly = retentionTask(db.pool, { url: db.url }, log);
  await db.pool.query(`select howdah.pause_batch_job('apply_retention')`);
  await nightly({}, {} as Parameters<typeof nightly>[1]);
  expect(lines).toMatchObject([{ msg: expect.stringContaining('is paused') }]);
  await expect(applyRetention(db.pool)).rejects.toMatchObject({ code: 'HWCNF' });
  await db.pool.query(`select howdah.resume_batch_job('apply_retention')`);
  expect(await isThere(run)).toBe(true);
  const { done } = await progress();
  expect(await applyRetention(db.pool)).toEqual({ removed: 1, failures: [] });
  expect(await progress()).toMatchObject({ done: done + 1 });
});

test('each tenant commits before the next one begins', async () => {
  const [first, second] = [await makeTenantWithOldRun(), await makeTenantWithOldRun()];
  const [holder, client] = [await openSession(db.url), await openSession(db.url)];
  await holder.query('begin');
  await holder.query('select from howdah.feedback_entries where execution_id = $1 for update', [
    second.run,
  ]);
  const pool = db.pool;
  const retained = applyRetention(pool, (work) => work(client));
  await isBlocked(pool, client);
  expect([await isThere(first.run), await isThere(second.run)]).toEqual([false, true]);
  await holder.query('rollback');
  expect(await retained).toEqual({ removed: 2, failures: [] });
  await Promise.all([holder.end(), client.end()]);
});

describe('files outside of the database', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'howdah-files-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
    await db.pool.query(`delete from howdah_private.due_work where kind = 'delete_file'`);
  });

  /** Stores a file in the folder, and a resource with its path. */
  async function storeFile(path: string, columns: Record<string, unknown>): Promise<void> {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), 'song');
    await addResource(path, columns);
  }
  async function addResource(path: string, columns: Record<string, unknown>): Promise<void> {
    const row = { name: 'song', type: 'text/plain', storage_path: path, size: 4, ...columns };
    await db.pool.query(
      `insert into howdah.resources (${Object.keys(row)}, sha256)
       values (${Object.keys(row).map((_, n) => `$${n + 1}`)}, repeat('0', 64))`,
      Object.values(row),
    );
  }
  const files = async () =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .toSorted();
  const queued = () =>
    all(
      db.pool,
      `select payload ->> 'storage_path' as storage_path, attempts, last_error from howdah_private.due_work
       where kind = 'delete_file' order by 1`,
    );
  const makeAllDue = () =>
    db.pool.query(`update howdah_private.due_work set due_at = now() where kind = 'delete_file'`);

  test('are deleted with expired runs and sessions', async () => {
    const { tenant, run } = await makeTenantWithOldRun();
    const session = await makeSession(db.pool, { tenant_id: tenant });
    await storeFile('a/run', { tenant_id: tenant, execution_id: run });
    await storeFile('session', { tenant_id: tenant, session_id: session });
    await storeFile('library', { tenant_id: tenant });
    await db.pool.query(
      `update howdah.sessions set last_activity_at = now() - interval '9 days' where id = $1`,
      [session],
    );
    await db.pool.query(
      `set session_replication_role = replica;
       update howdah.resources set created_at = now() - interval '9 days';
       set session_replication_role = origin`,
    );
    expect(await applyRetention(db.pool)).toMatchObject({ removed: 2 });
    expect(await files()).toEqual(['library', 'run', 'session']);
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 2, errors: [] });
    expect(await files()).toEqual(['library']);
    expect(await queued()).toEqual([]);
  });

  test('are deleted with a user, and the result lists them', async () => {
    const { id } = await makeUser(db.pool);
    const session = await makeSession(db.pool, { user_id: id });
    await storeFile('hers', { session_id: session });
    const { done } = await one(db.pool, 'select howdah.erase_user($1) as done', [id]);
    expect(done.files).toEqual(['hers']);
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 1, errors: [] });
    expect(await files()).toEqual([]);
  });

  test('are deleted later if the process dies first', async () => {
    const { tenant, run } = await makeTenantWithOldRun();
    await storeFile('song', { tenant_id: tenant, execution_id: run });
    await applyRetention(db.pool);
    const claim = 'select storage_path from howdah_private.claim_file_deletions()';
    // the worker dies after its claim
    expect(await all(db.pool, claim)).toEqual([{ storage_path: 'song' }]);
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 0, errors: [] });
    expect(await queued()).toMatchObject([{ storage_path: 'song', attempts: 1 }]);
    await makeAllDue();
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 1, errors: [] });
    expect(await files()).toEqual([]);
  });

  test('are deleted with resources that a user deletes by hand', async () => {
    const tenant = await makeTenant(db.pool);
    await storeFile('by-hand', { tenant_id: tenant });
    await storeFile('shared', { tenant_id: tenant });
    await addResource('shared', { tenant_id: tenant });
    await db.pool.query(`delete from howdah.resources where storage_path = 'by-hand'`);
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 1, errors: [] });
    expect(await files()).toEqual(['shared']);
    await db.pool.query('delete from howdah.resources where tenant_id = $1', [tenant]);
    expect(await queued()).toMatchObject([{ storage_path: 'shared' }]);
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 1, errors: [] });
    expect(await files()).toEqual([]);
  });

  test('are deleted once, and count as deleted when already missing', async () => {
    await writeFile(join(folder, 'other'), 'song');
    await db.pool.query(
      `insert into howdah_private.due_work (kind, payload)
       values ('delete_file', '{"storage_path": "gone"}'), ('delete_file', '{"storage_path": "no/folder"}')`,
    );
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 2, errors: [] });
    expect(await queued()).toEqual([]);
  });

  test('stay while another resource references them', async () => {
    const [first, second] = [await makeTenantWithOldRun(), await makeTenantWithOldRun()];
    await storeFile('shared', { tenant_id: first.tenant, execution_id: first.run });
    await addResource('shared', { tenant_id: second.tenant, execution_id: second.run });
    await db.pool.query('delete from howdah.retention_policies where tenant_id = $1', [
      second.tenant,
    ]);
    await applyRetention(db.pool);
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 0, errors: [] });
    expect([await files(), await queued()]).toEqual([['shared'], []]);
    await setRetention(db.pool, second.tenant, { keep_runs_days: 7 });
    await applyRetention(db.pool);
    expect(await deleteStoredFiles(db.pool, folder)).toEqual({ deleted: 1, errors: [] });
    expect(await files()).toEqual([]);
  });

  test('outside of the folder, or not regular files, stay and are reported', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'howdah-outside-'));
    await writeFile(join(outside, 'song'), 'song');
    await symlink(outside, join(folder, 'way-out'));
    await symlink(join(outside, 'song'), join(folder, 'link'));
    await mkdir(join(folder, 'directory'));
    await db.pool.query(
      `insert into howdah_private.due_work (kind, payload)
       select 'delete_file', jsonb_build_object('storage_path', p)
       from unnest('{way-out/song,link,directory}'::text[]) as p`,
    );
    const { deleted, errors } = await deleteStoredFiles(db.pool, folder);
    expect(deleted).toBe(0);
    expect(errors.toSorted()).toEqual([
      'the path is not a regular file',
      'the path is not a regular file',
      'the path is outside the folder for files',
    ]);
    expect(await readdir(outside)).toEqual(['song']);
    expect(await queued()).toEqual([
      { storage_path: 'directory', attempts: 1, last_error: 'the path is not a regular file' },
      { storage_path: 'link', attempts: 1, last_error: 'the path is not a regular file' },
      {
        storage_path: 'way-out/song',
        attempts: 1,
        last_error: 'the path is outside the folder for files',
      },
    ]);
    await rm(outside, { recursive: true });
  });

  test('wait for a worker that can access the folder', async () => {
    await db.pool.query(
      `insert into howdah_private.due_work (kind, payload) values ('delete_file', '{"storage_path": "a"}')`,
    );
    const missing = join(folder, 'missing');
    expect(await deleteStoredFiles(db.pool, missing)).toEqual({ deleted: 0, errors: [] });
    const notMounted = folder; // an empty folder
    expect(await deleteStoredFiles(db.pool, notMounted)).toEqual({ deleted: 0, errors: [] });
    expect(await queued()).toEqual([{ storage_path: 'a', attempts: 0, last_error: null }]);
  });

  test('are deleted by workers', async () => {
    await writeFile(join(folder, 'song'), 'song');
    await db.pool.query(
      `insert into howdah_private.due_work (kind, payload) values ('delete_file', '{"storage_path": "song"}')`,
    );
    const running = await startTestWorker(db.url, { resourceFolder: folder });
    await eventually(
      db.pool,
      'the file is deleted',
      `select from howdah_private.due_work where kind = 'delete_file' having count(*) = 0`,
    );
    await running.stop(0);
    expect(await files()).toEqual([]);
  });
});
