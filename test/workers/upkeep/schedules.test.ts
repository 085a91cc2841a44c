import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';

const lines: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
const database = testDatabase();
const workers: Worker[] = [];

beforeAll(async () => {
  workers.push(await startTestWorker(database.url, { log }));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop(1_000)));
});

type Run = { id: string; status: string; output: string; created_by: string };

/** Adds a schedule that is due in months, unless a test changes next_at. */
async function addSchedule(name: string): Promise<void> {
  const agent = await makeAgent(database.pool, { script: [{ content: `${name} is done` }] });
  await database.pool.query(
    `insert into howdah.schedules (name, cron, agent_id, input)
     select $1, '0 0 1 ' || (extract(month from now() + interval '6 months')) || ' *', $2, 'go'`,
    [name, agent],
  );
}

const waitForRun = (name: string): Promise<Run> =>
  eventually<Run>(
    database.pool,
    `the run of ${name} has ended`,
    `select * from howdah.executions where metadata ->> 'schedule' = $1 and completed_at is not null`,
    [name],
  );

const makeDue = (name: string) =>
  database.pool.query(
    `update howdah.schedules set next_at = now() - interval '1 hour' where name = $1`,
    [name],
  );

/**
 * Adds a schedule that is due, and waits for its run. Every schedule that was due before has then
 * been fired too.
 */
const fireAnother = async (name: string): Promise<void> => {
  await addSchedule(name);
  await makeDue(name);
  await waitForRun(name);
};

const countOf = async (name: string): Promise<number> => {
  const { rows } = await database.pool.query(
    `select count(*)::int as runs from howdah.executions where metadata ->> 'schedule' = $1`,
    [name],
  );
  return rows[0].runs;
};

test('a due schedule creates one run, and the worker completes it', async () => {
  await addSchedule('report');
  await makeDue('report');
  expect(await waitForRun('report')).toMatchObject({
    status: 'completed',
    output: 'report is done',
  });
  await fireAnother('after the report');
  expect(await countOf('report')).toBe(1);
  const { rows } = await database.pool.query(
    `select next_at > now() as is_later, last_error from howdah.schedules where name = 'report'`,
  );
  expect(rows).toEqual([{ is_later: true, last_error: null }]);
});

test('two workers also create only one run', async () => {
  workers.push(await startTestWorker(database.url));
  const names = Array.from({ length: 10 }, (_, index) => `digest ${index}`);
  for (const name of names) {
    await addSchedule(name);
  }
  await database.pool.query(
    `update howdah.schedules set next_at = now() - interval '1 hour' where name like 'digest %'`,
  );
  for (const name of names) {
    expect(await waitForRun(name)).toMatchObject({ status: 'completed' });
  }
  await fireAnother('after the digests');
  expect(await Promise.all(names.map(countOf))).toEqual(names.map(() => 1));
});

test('a schedule that cannot run blocks neither other schedules nor the worker', async () => {
  await addSchedule('doomed');
  await database.pool.query(
    `select howdah.delete_agent(agent_id) from howdah.schedules where name = 'doomed'`,
  );
  await makeDue('doomed');
  await fireAnother('after the doomed');
  const { rows } = await database.pool.query(
    `select last_error ->> 'code' as code from howdah.schedules where name = 'doomed'`,
  );
  expect(rows).toEqual([{ code: 'HWCNF' }]);
  expect(await countOf('doomed')).toBe(0);
});

/** Makes a function fail. Returns a function that restores it. */
async function breakFunction(name: string): Promise<() => Promise<unknown>> {
  const rename = (from: string, to: string) =>
    database.pool.query(`alter function howdah_private.${from} rename to ${to}`);
  await rename(name, `${name}_away`);
  return () => rename(`${name}_away`, name);
}

test('failing schedules block neither questions nor alerts, and failing questions no alerts', async () => {
  // leaves one worker, with one log
  await Promise.all(workers.splice(1).map((worker) => worker.stop(1_000)));
  const { pool } = database;
  const withSchedules = await breakFunction('fire_schedules');
  const withQuestions = await breakFunction('expire_questions');
  try {
    await expect
      .poll(() => lines.join(''))
      .toMatch(/expire_questions.*questions could not be expired/);
    expect(lines.join('')).toMatch(/fire_schedules.*schedules could not be fired/);
    const { rows } = await pool.query(
      `insert into howdah.alert_rules (name, query) values ('one', 'select 1') returning id`,
    );
    const checked = `select from howdah.alert_rules where id = $1 and state = 'firing'`;
    await eventually(pool, 'the alert rule is checked', checked, [rows[0].id]);
  } finally {
    await withQuestions();
  }
  try {
    const agent = await makeAgent(pool, { script: [] });
    const { rows } = await pool.query(
      `with run as (
         insert into howdah.executions (agent_id, input, run_at)
         values ($1, 'go', now() + interval '1 day') returning id
       )
       insert into howdah.questions (execution_id, root_execution_id, kind, prompt, expires_at)
       select id, id, 'question', 'Which one?', now() from run returning id`,
      [agent],
    );
    const expired = `select from howdah.questions where id = $1 and status = 'expired'`;
    await eventually(pool, 'the question expires', expired, [rows[0].id]);
  } finally {
    await withSchedules();
  }
  await fireAnother('after the error');
});
