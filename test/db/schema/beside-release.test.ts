import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { migrateUp } from '../../../src/db/schema/migrate.ts';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { createEmptyDatabase, type TestDatabase } from '../../support/database.ts';
import { heavyStatements } from '../../support/releases/heavy-statements.ts';
import { loadRelease, NEWEST_RELEASE } from '../../support/releases/releases.ts';
import {
  listBrokenDependencies,
  readSchemaDependencies,
  type SchemaDependencies,
} from '../../support/releases/schema-dependencies.ts';

// During a rolling deploy, processes of the previous release work on this schema. A release
// therefore only adds to the schema; removals happen one release later. CONTRIBUTING.md,
// "Migrations", shows how to make the usual changes in this way.

const WRITE_BACK =
  'a process of 0.1.0 calls begin_write_back before it, which leaves the answer to newer ones';

const DUE_WORK = 'workers of 0.1.0 call functions by the same names, which read due_work now';

const BOUNDED =
  'a process of 0.1.0 calls it without max_bytes, and ignores the columns that it does not know';

const RENAMED =
  'no process calls it: only functions, triggers and policies, which are replaced together with it';

/** Incompatible changes that do no harm: the message of the check, and the reason. */
const KNOWN_TO_BREAK: Readonly<Record<string, string>> = {
  "howdah.mcp_tools: refused_tools_have_a_fault CHECK (((status <> 'refused'::howdah.mcp_tool_status) OR (fault IS NOT NULL))) may refuse what is written":
    'the constraint of 0.1.0 is stricter: it also wants no fault at any other status',
  'howdah_private.check_answer_is_newest(execution_id uuid) can no longer be called, or gives other columns than void':
    WRITE_BACK,
  'howdah_private.commit_outside_of_blocks() can no longer be called, or gives other columns than nothing':
    'only howdah.ask calls it, which is replaced together with it',
  'howdah_private.compared_logs(a uuid, b uuid, shared integer) can no longer be called, or gives other columns than TABLE(a_seq integer, b_seq integer, kind howdah.step_kind, name text, is_same boolean, place bigint)':
    'only howdah.compare_executions calls it, which is replaced together with it',
  'howdah_private.counted_months() can no longer be called, or gives other columns than TABLE(first_id uuid, next_id uuid)':
    'only views and functions call it, which are replaced together with it',
  'howdah_private.end_write_back(execution_id uuid, done howdah.write_back_status, error jsonb) can no longer be called, or gives other columns than void':
    WRITE_BACK,
  'howdah_private.erasures_due.due_at is gone': DUE_WORK,
  'howdah_private.erasures_due.execution_id is gone': DUE_WORK,
  'howdah_private.erasures_due.tenant_id is gone': DUE_WORK,
  'howdah_private.file_deletions.attempts is gone': DUE_WORK,
  'howdah_private.file_deletions.created_at is gone': DUE_WORK,
  'howdah_private.file_deletions.due_at is gone': DUE_WORK,
  'howdah_private.file_deletions.id is gone': DUE_WORK,
  'howdah_private.file_deletions.last_error is gone': DUE_WORK,
  'howdah_private.file_deletions.storage_path is gone': DUE_WORK,
  'howdah_private.log_differences(a uuid, b uuid, shared integer) can no longer be called, or gives other columns than jsonb':
    'only howdah.compare_executions calls it, which is replaced together with it',
  'howdah_private.login_tenants.role has to be given': 'no process binds logins; people do',
  'howdah_private.message_json(m howdah.messages) can no longer be called, or gives other columns than jsonb':
    'only functions that are replaced together with it call it',
  'howdah_private.prepare_write_back(execution_id uuid) can no longer be called, or gives other columns than jsonb':
    WRITE_BACK,
  'howdah_private.session_messages_after(ids uuid[], turns integer[], seqs integer[], at_most integer, last_written_turns integer[], last_written_seqs integer[]) can no longer be called, or gives other columns than TABLE(place integer, session_id uuid, turn integer, seq integer, message jsonb, cursor_turn integer, cursor_seq integer, last_written_turn integer, last_written_seq integer)':
    BOUNDED,
  'howdah_private.steps_after(ids uuid[], cursors integer[], at_most integer) can no longer be called, or gives other columns than TABLE(execution_id uuid, seq integer, step jsonb)':
    BOUNDED,
  'howdah_private.subscribe_mcp(session text, execution_id uuid, mark text) can no longer be called, or gives other columns than void':
    'no process of 0.1.0 calls it: subscribe_mcp_to took its place before',
  'howdah_private.unsubscribe_mcp(session text, execution_id uuid) can no longer be called, or gives other columns than void':
    'no process of 0.1.0 calls it: unsubscribe_mcp_from took its place before',
  'howdah_private.refuse_row(relation regclass, rule name, field name) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.refuse_plain_secret(field text, path text) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.refuse_function(system_name text, name text, field text, message text, hint text) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.refuse_system(faults jsonb[]) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.refuse_cron(message text, part text, value text) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.refuse_large(field text, size integer, most integer, unit text, type text) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.permit_agent(agent_id uuid, action text, what text) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.permit_control(what text, id uuid, agent_id uuid, user_id uuid) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.permit_session(session_id uuid) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.permit_default(user_id uuid) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.permit_tool(tool_id uuid) can no longer be called, or gives other columns than void':
    RENAMED,
  'howdah_private.size_fix(most integer, unit text, type text) can no longer be called, or gives other columns than text':
    RENAMED,
  'howdah_private.was_deleted(kind text, name text) can no longer be called, or gives other columns than boolean':
    RENAMED,
  'howdah_private.withhold_text(value text, pattern text, placeholder text) can no longer be called, or gives other columns than text':
    RENAMED,
  'howdah_private.may_act_for(tenant_id uuid) can no longer be called, or gives other columns than boolean':
    RENAMED,
  'howdah_private.may_contain_secret(document jsonb) can no longer be called, or gives other columns than boolean':
    RENAMED,
};

/** Tables that no process reads: only functions and views do, which are replaced with them. */
const KNOWN_TO_BE_GONE = /^howdah(_private)?\.deleted_(run|step|subject)_usage\.\w+ is gone$/;

/** Statements that may take long: the migration and the message of the check, with the reason. */
const KNOWN_TO_BE_HEAVY: Readonly<Record<string, string>> = {
  '0014_model_providers: an index on howdah.questions, built while writers wait':
    'people answer questions one by one: an index on a million of them took 0.7 s',
  '0018_inbound_hooks: an index on howdah.webhook_deliveries, built while writers wait':
    'it is empty, since the column is new, and deliveries are deleted: with a million it took 0.3 s',
  '0018_inbound_hooks: the constraint , which looks through howdah.webhook_deliveries':
    'the column is new, so all its values are null: with a million deliveries it took 0.3 s',
  '0028_viewer_role: a do block, which the parser does not look into': 'creates a role',
  '0037_systems_that_insert: a do block, which the parser does not look into': 'creates a role',
  '0048_one_rollup_of_usage: a do block, which the parser does not look into':
    'replaces views, which takes no time',
  '0050_histograms_of_durations: a do block, which the parser does not look into':
    'replaces views, which takes no time',
  '0040_indexes_for_tenants: an index on howdah.executions, built while writers wait':
    'three of 200,000 runs took 1.1 s; the migration holds the table for a moment anyway',
  '0041_callbacks_of_runs: an update of howdah.executions in one transaction':
    'reads all runs, at 1 to 2 s a million, and changes only those that have a callback',
  '0044_message_log: a do block, which the parser does not look into':
    'reads the catalogue, and renames partitions',
  '0052_indexes_of_lists: an index on howdah.audit_log, built while writers wait':
    'six of 500,000 rows took 1 to 3 s each on a busy machine; only changes by people wait',
  '0052_indexes_of_lists: an index on howdah.executions, built while writers wait':
    'only of cancelled runs: to look through 500,000 rows took 0.2 s',
  '0052_indexes_of_lists: an index on howdah.questions, built while writers wait':
    'whole ones of 500,000 rows took 1 to 2 s, partial ones less; people answer one by one',
  '0052_indexes_of_lists: an index on howdah.resources, built while writers wait':
    'two of 500,000 rows took 3 s each; tools store files one by one',
  '0052_indexes_of_lists: an index on howdah.webhook_deliveries, built while writers wait':
    'one of 500,000 rows took 3 s, partial ones 1 s; workers deliver later',
  '0055_forks_of_runs: an index on howdah.executions, built while writers wait':
    'only of forks: to look through 200,000 rows took 0.2 s',
  '0056_queries_of_people: a do block, which the parser does not look into': 'grants a role',
};

const newer = readdirSync(join(PACKAGE_ROOT, 'migrations'))
  .sort()
  .map((name) => name.replace('.sql', ''))
  .filter((name) => name > NEWEST_RELEASE);

const upOf = (name: string): string => {
  const text = readFileSync(join(PACKAGE_ROOT, 'migrations', `${name}.sql`), 'utf8');
  return text.split(/^-- Down Migration$/m)[0] ?? '';
};

test(`the schema keeps what processes of release ${NEWEST_RELEASE} rely on`, async () => {
  const db = await createEmptyDatabase();
  onTestFinished(() => db.drop());
  await loadRelease(db, NEWEST_RELEASE);
  const before = await readSchemaDependencies(db.pool);
  await migrateUp(db.url, migrateQueue);
  const broken = listBrokenDependencies(before, await readSchemaDependencies(db.pool));
  expect(broken.filter((words) => !KNOWN_TO_BE_GONE.test(words)).sort()).toEqual(
    Object.keys(KNOWN_TO_BREAK).sort(),
  );
});

test('no newer migration locks a table for a time that grows with its size', async () => {
  const found: string[] = [];
  for (const name of newer) {
    for (const words of await heavyStatements(upOf(name))) found.push(`${name}: ${words}`);
  }
  expect([...new Set(found)].sort()).toEqual(Object.keys(KNOWN_TO_BE_HEAVY).sort());
});

describe('the checks find', () => {
  /** Returns what the statements break. Their transaction is rolled back. */
  async function brokenWhen(db: TestDatabase, statements: string): Promise<string[]> {
    const client = await db.pool.connect();
    try {
      const before: SchemaDependencies = await readSchemaDependencies(client);
      await client.query('begin');
      await client.query(statements);
      return listBrokenDependencies(before, await readSchemaDependencies(client));
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  test('each kind of change that breaks the previous release, and no change that only adds', async () => {
    const db = await createEmptyDatabase();
    onTestFinished(() => db.drop());
    await migrateUp(db.url, migrateQueue);
    const when = (statements: string) => brokenWhen(db, statements);
    expect(
      await when(`
        alter table howdah.agents add column shade text, add column size int not null default 1;
        alter table howdah.agents add constraint shade_is_short check (length(shade) < 9);
        create table howdah.more (id int not null);
        alter type howdah.user_role add value 'guest'`),
    ).toEqual([]);
    expect(await when('alter table howdah.todos rename column note to remark')).toEqual([
      'howdah.todos.note is gone',
    ]);
    expect(await when('alter table howdah.todos alter column note set not null')).toEqual([
      'howdah.todos.note has to be given',
    ]);
    expect(await when(`alter table howdah.todos add column shade text not null`)).toEqual([
      'howdah.todos.shade has to be given, and is not known',
    ]);
    expect(await when('alter table howdah_private.workers alter column pid type bigint')).toEqual([
      'howdah_private.workers.pid is bigint, and was integer',
    ]);
    expect(
      await when(
        'alter table howdah.todos add constraint notes_are_short check (length(note) < 9)',
      ),
    ).toEqual([expect.stringMatching(/^howdah\.todos: notes_are_short .* may refuse/)]);
    expect(await when('revoke update (note) on howdah.todos from howdah_app')).toEqual([
      'howdah_app may update howdah.todos.note',
    ]);
    expect(await when(`alter type howdah.user_role rename value 'viewer' to 'guest'`)).toEqual([
      'howdah.user_role viewer is gone',
    ]);
    expect(await when('drop function howdah_private.heartbeat(uuid)')).toEqual([
      expect.stringMatching(/^howdah_private\.heartbeat\(worker uuid\) can no longer be called/),
    ]);
    expect(
      await when(`
        drop function howdah_private.heartbeat(uuid);
        create function howdah_private.heartbeat(worker uuid, more int default 0) returns boolean
          language sql return true`),
    ).toEqual([]);
  });

  test.each([
    ['create index x on howdah.steps (name)', 'an index on howdah.steps'],
    ['update howdah.messages set role = role', 'an update of howdah.messages'],
    ['delete from howdah.executions', 'a delete from howdah.executions'],
    ['alter table howdah.executions add column x uuid default howdah.uuid_v7()', 'for each row'],
    ['alter table howdah.executions alter column priority type int', 'another type for priority'],
    ['alter table howdah.steps alter column name set not null', 'not null for name'],
    ['alter table howdah.steps add constraint x check (seq > 0)', 'the constraint x'],
    [
      'alter table howdah.steps add column x int generated always as (seq) stored',
      'computed column',
    ],
    ['do $$ begin end $$', 'a do block'],
  ])('%s', async (text, words) => {
    expect(await heavyStatements(text)).toEqual([expect.stringContaining(words)]);
  });

  test.each([
    'create index x on howdah.prompts (name)',
    'alter table howdah.executions add column x int not null default 0',
    'alter table howdah.executions add constraint x check (priority > 0) not valid',
    'create table howdah.more (id uuid primary key default howdah.uuid_v7())',
  ])('nothing in %s', async (text) => {
    expect(await heavyStatements(text)).toEqual([]);
  });
});
