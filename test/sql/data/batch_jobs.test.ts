import { afterEach, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, asRole, makeTenant, one, refusal } from '../support.ts';

const db = testDatabase();

afterEach(async () => {
  await db.pool.query(
    'truncate howdah_private.batch_progress, howdah_private.due_work, howdah_private.due_answers',
  );
});

const stateOf = (job: string) =>
  one(
    db.pool,
    `select is_paused, waiting::int, later::int, failing::int, done::int, last_error
     from howdah.batch_jobs where name = $1`,
    [job],
  );

/** Makes a file due at a time, with the error of its last attempt. */
const addFile = (due = 'now()', last_error: string | null = null, priority = 1) =>
  one(
    db.pool,
    `insert into howdah_private.due_work (kind, due_at, last_error, priority, payload)
     values ('delete_file', ${due}, $1, $2, '{"storage_path": "a"}') returning id`,
    [last_error, priority],
  );

const take = () =>
  all(db.pool, `select priority from howdah_private.take_due('delete_file', 9) order by 1`);

const pause = (job: string | null) => db.pool.query('select howdah.pause_batch_job($1)', [job]);
const resume = (job: string) => db.pool.query('select howdah.resume_batch_job($1)', [job]);

test('each job has a row, with what is due, due later and failing', async () => {
  const jobs = await all(db.pool, 'select name from howdah.batch_jobs');
  expect(jobs.map(({ name }) => name)).toEqual([
    'apply_retention',
    'count_usage',
    'delete_file',
    'delete_vector',
    'embed_chunk',
    'encrypt_run',
    'erase_run',
    'grade_run',
    'index_vectors',
    'ingest_document',
    'merge_usage',
    'recognize_document',
    'write_answer',
  ]);
  const kinds = await all(
    db.pool,
    'select k::text as name from unnest(enum_range(null::howdah_private.due_kind)) as k',
  );
  expect(jobs).toEqual(expect.arrayContaining(kinds));
  await addFile();
  await addFile(`now() + '1 hour'`, 'the disk is gone');
  expect(await stateOf('delete_file')).toMatchObject({ waiting: 1, later: 1, failing: 1 });
  expect(await stateOf('erase_run')).toEqual({
    ...{ is_paused: false, waiting: 0, later: 0, failing: 0, done: 0 },
    last_error: null,
  });
});

test('records add up, and the last error stays until the next one', async () => {
  const record = (done: number, error: string | null) =>
    db.pool.query(`select howdah_private.record_batch('erase_run', $1, $2)`, [done, error]);
  await record(0, null);
  expect(await all(db.pool, 'select from howdah_private.batch_progress')).toEqual([]);
  await record(3, null);
  await record(0, 'x'.repeat(300));
  await record(4, null);
  expect(await stateOf('erase_run')).toMatchObject({ done: 7, last_error: 'x'.repeat(200) });
});

test('a paused job takes no rows, except those that a live run waits for', async () => {
  await addFile();
  await addFile('now()', null, 0);
  await pause('delete_file');
  await pause('delete_file'); // has no effect
  expect(await stateOf('delete_file')).toMatchObject({ is_paused: true, waiting: 2 });
  expect(await take()).toEqual([{ priority: 0 }]);
  await resume('delete_file');
  expect(await take()).toEqual([{ priority: 0 }, { priority: 1 }]);
});

test('a pause of answers and usage leaves their rows, and work for no worker', async () => {
  const tenant = await makeTenant(db.pool);
  await db.pool.query(
    `insert into howdah_private.due_answers (execution_id, tenant_id, table_trigger_id)
     values (howdah.uuid_v7(), $1, howdah.uuid_v7())`,
    [tenant],
  );
  const due = () => all(db.pool, 'select tenant_id from howdah_private.due_watches()');
  await pause('write_answer');
  expect(await due()).toEqual([]);
  await resume('write_answer');
  expect(await due()).toEqual([{ tenant_id: tenant }]);
});

test('work that fails is tried again after a delay that doubles up to an hour', async () => {
  const { id } = await addFile();
  const delays: number[] = [];
  const fail = async (isTransient: boolean) => {
    await db.pool.query(`select howdah_private.fail_due('delete_file', $1, 'no disk', $2)`, [
      id,
      isTransient,
    ]);
    const row = await one(
      db.pool,
      `select round(extract(epoch from due_at - now()))::int as delay, attempts, last_error
       from howdah_private.due_work where id = $1`,
      [id],
    );
    delays.push(row.delay);
    return row;
  };
  expect(await fail(true)).toMatchObject({ attempts: 0, last_error: 'no disk' });
  for (let attempt = 1; attempt <= 8; attempt += 1)
    expect(await fail(false)).toMatchObject({ attempts: attempt });
  const minutes = [1, 2, 4, 8, 16, 32, 60, 60].map((count) => expect.closeTo(60 * count, -1));
  expect(delays).toEqual([expect.closeTo(1, -1), ...minutes]);
});

test('only owners see, pause and resume jobs, which they have to name', async () => {
  expect(await refusal(pause('encrypt_runs'))).toMatchObject({
    code: 'HWNTF',
    hint: expect.stringContaining('encrypt_run,'),
  });
  expect(await refusal(pause(null))).toMatchObject({ code: 'HWNTF' });
  const inRole = (text: string, settings = {}) =>
    asRole(db.pool, 'howdah_app', settings, (client) => client.query(text));
  const pausing = `select howdah.pause_batch_job('encrypt_run')`;
  for (const [text, code] of [
    ['select from howdah.batch_jobs', '42501'],
    [pausing, 'HWDEN'],
    [`select howdah.resume_batch_job('encrypt_run')`, 'HWDEN'],
  ] as const) {
    expect(await refusal(inRole(text)), text).toMatchObject({ code });
  }
  // a request without login to a server that only its own machine can reach
  await inRole(pausing, { 'howdah.owns_machine': 'on' });
});
