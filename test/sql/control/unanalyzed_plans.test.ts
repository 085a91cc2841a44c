import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { makeQuestion } from '../open-questions.ts';
import {
  failed,
  finish,
  makeAgent,
  makeRun,
  makeRuns,
  makeUser,
  makeWorker,
  one,
} from '../support.ts';

// A database that was just restored has a history and no statistics. A session that began with an
// empty database has plans for empty tables. In both, a command reads as many pages as it reads in
// an empty database.

const RUNS = 20_000;
/** Pages that deeper indexes may cost. A read of the whole history has more than 2,000. */
const MAX_MORE_PAGES = 100;

const db = testDatabase();
let agent: string;
let worker: string;

const make = () => makeRun(db.pool, { agent_id: agent });
const stopped = async () => {
  const id = await make();
  await finish(db.pool, worker, id, failed);
  return id;
};
const paused = async () => {
  const id = await make();
  await db.pool.query('select howdah.pause_execution($1)', [id]);
  return id;
};
const withChild = async () => {
  const id = await make();
  await makeRun(db.pool, { agent_id: agent, parent_execution_id: id });
  return id;
};
const asked = async () => (await makeQuestion(db.pool, { run: { agent_id: agent } })).id;

/** Returns the statement of each command, with what it acts on. A family is a run with a child. */
const COMMANDS: Record<string, () => Promise<string>> = {
  cancel_execution: async () => `select howdah.cancel_execution('${await make()}')`,
  'cancel_execution of a family': async () =>
    `select howdah.cancel_execution('${await withChild()}')`,
  pause_execution: async () => `select howdah.pause_execution('${await make()}')`,
  'pause_execution of a family': async () =>
    `select howdah.pause_execution('${await withChild()}')`,
  'explain_execution of a family': async () =>
    `select howdah_private.why_children(e) from howdah.executions as e where e.id = '${await withChild()}'`,
  resume_execution: async () => `select howdah.resume_execution('${await paused()}')`,
  retry_execution: async () => `select howdah.retry_execution('${await stopped()}')`,
  fork_execution: async () => `select howdah.fork_execution('${await stopped()}', 0)`,
  add_input: async () => `select howdah.add_input('${await make()}', 'x')`,
  answer_question: async () => `select howdah.answer_question('${await asked()}', 'x')`,
  give_feedback: async () => `select howdah.give_feedback('${await stopped()}', 0.5)`,
  explain_execution: async () => `select howdah.explain_execution('${await make()}')`,
  // of a user without runs
  export_user_data: async () => `select howdah.export_user_data('${(await makeUser(db.pool)).id}')`,
  cancel_executions: async () => {
    const ids = await makeRuns(db.pool, 2, { agent_id: agent });
    return `select * from howdah.cancel_executions('{${ids}}')`;
  },
  pause_executions: async () => {
    const ids = await makeRuns(db.pool, 2, { agent_id: agent });
    return `select * from howdah.pause_executions('{${ids}}')`;
  },
  resume_executions: async () =>
    `select * from howdah.resume_executions('{${await paused()},${await paused()}}')`,
  retry_executions: async () =>
    `select * from howdah.retry_executions('{${await stopped()},${await stopped()}}')`,
  answer_questions: async () =>
    `select * from howdah.answer_questions('{${await asked()},${await asked()}}', 'x')`,
};

/** Returns the number of pages of tables and indexes of Howdah that a command reads. */
async function pagesOf(client: pg.PoolClient, command: string): Promise<number> {
  const text = (await COMMANDS[command]?.()) ?? '';
  const count = async () =>
    (
      await one(
        client,
        `select coalesce(sum(pg_stat_get_xact_blocks_fetched(c.oid)), 0)::int as n
         from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
         where n.nspname in ('howdah', 'howdah_private', 'graphile_worker') and c.relkind in ('r', 'i')`,
      )
    ).n;
  await client.query('begin');
  const before = await count();
  await client.query(text);
  const pages = (await count()) - before;
  await client.query('rollback');
  return pages;
}

/**
 * Reads each command once, so that plans and caches are there, and then twice. Returns the lower
 * figures: plans are made anew when a vacuum has finished meanwhile, which reads pages too.
 */
async function allPages(client: pg.PoolClient): Promise<Record<string, number>> {
  const pages: Record<string, number> = {};
  for (const command of Object.keys(COMMANDS)) {
    await pagesOf(client, command);
    pages[command] = Math.min(await pagesOf(client, command), await pagesOf(client, command));
  }
  return pages;
}

/** Writes ended runs with a step and a message each. Nothing analyses them. */
async function writeHistory(): Promise<void> {
  const user = await makeUser(db.pool);
  await db.pool.query(
    `with written as (
       insert into howdah.executions (id, root_execution_id, agent_id, agent_version_id, input, user_id, status,
         stop_reason, output, completed_at, created_at, run_at, max_steps, max_seconds, created_by,
         step_count, message_count)
       select u.id, u.id, $1, (select current_version_id from howdah.agents where id = $1), repeat('x', 300), $2::uuid,
         'completed', 'final_answer', 'y', now(), now(), now(), 50, 600, 'x', 1, 1
       from (select howdah.uuid_v7() as id from generate_series(1, $3::int)) as u
       returning id, tenant_id
     ),
     logged as (
       insert into howdah.steps (execution_id, seq, tenant_id, kind, name, output,
         started_at, finished_at)
       select id, 1, tenant_id, 'output', null, '"y"', now(), now() from written
     )
     insert into howdah_private.message_log (execution_id, seq, tenant_id, role, content, trust)
     select id, 1, tenant_id, 'user', 'x', 'user' from written`,
    [agent, user.id, RUNS],
  );
}

describe('without statistics', () => {
  let empty: Record<string, number>;
  let early: Record<string, number>;
  let late: Record<string, number>;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
    const session = await db.pool.connect();
    empty = await allPages(session);
    await writeHistory();
    early = await allPages(session);
    session.release(true);
    const other = await db.pool.connect();
    late = await allPages(other);
    other.release(true);
  }, 240_000);

  test.each(Object.keys(COMMANDS))('%s reads no history', (command) => {
    const allowed = (empty[command] ?? 0) + MAX_MORE_PAGES;
    expect(early[command]).toBeLessThan(allowed);
    expect(late[command]).toBeLessThan(allowed);
  });
});
