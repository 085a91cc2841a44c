import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all } from '../support.ts';

// Checks that sql/04_tables describes each table and column, in words that the computations know.

/** Tables of the engine alone that concern all tenants: they need no rule. */
const OF_NO_TENANT = ['alert_limits', 'master_keys'];

/** Columns that say who a row is about, and why `export_user_data` has no document of the row. */
const NOT_EXPORTED: Record<string, string> = {
  'agent_versions.created_by': 'a definition of the tenant, only written by the user',
  'audit_inbox.actor': 'becomes audit_log at commit',
  'audit_inbox.user_id': 'becomes audit_log at commit',
  'audit_log.actor': 'the log of the tenant, exported by itself: docs/audit.md',
  'audit_log.user_id': 'the log of the tenant, exported by itself: docs/audit.md',
  'debounced_runs.caller': 'a key of a run, which is exported',
  'mcp_sessions.caller': 'ends with the connection of the client',
  'prompt_versions.created_by': 'a definition of the tenant, only written by the user',
  'request_keys.caller': 'answers to requests, kept for a day to repeat them',
  'secrets.created_by': 'a secret of the tenant, only stored by the user',
  'skill_versions.created_by': 'a definition of the tenant, only written by the user',
  'usage_totals.user_id': 'sums of runs, which are exported',
  'workflow_versions.created_by': 'a definition of the tenant, only written by the user',
};

describe('the rules of tables', () => {
  const db = testDatabase();
  const names = async (text: string, values: unknown[] = []): Promise<string[]> =>
    (await all(db.pool, text, values)).map(({ name }) => name);

  test('describe each table of a tenant once, and no other', async () => {
    const tables = await names(
      `select c.relname as name from pg_class as c
       where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
         and c.relkind in ('r', 'p') and not c.relispartition
         and (c.relnamespace = 'howdah'::regnamespace or c.relname = any ($1) or exists (
           select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'tenant_id'))
       order by c.relname collate "C"`,
      [OF_NO_TENANT],
    );
    const rules = await names(
      'select object as name from howdah_private.table_rules() order by object collate "C"',
    );
    expect(rules).toEqual(tables);
    expect(new Set(tables).size).toBe(tables.length); // no name is in both schemas
  });

  test('use words that the computations know', async () => {
    const [words] = await all(
      db.pool,
      `select array(select distinct kind from howdah_private.table_rules() order by 1) as kinds,
         array(select distinct anchor from howdah_private.table_rules() order by 1) as anchors,
         array(select distinct w from howdah_private.table_rules(), unnest(writing) as w order by 1) as writing,
         array(select distinct p from howdah_private.table_rules(), unnest(policies) as p order by 1) as policies,
         array(select distinct h from howdah_private.table_rules(), unnest(by_hand) as h order by 1) as by_hand,
         array(select distinct class from howdah_private.column_classes() order by 1) as classes`,
    );
    expect(words).toEqual({
      kinds: ['content', 'definition', 'log', 'queue'],
      anchors: ['none', 'run', 'session', 'user'],
      writing: ['edit', 'manage', 'run'],
      policies: ['eraser', 'inserter', 'tenant'],
      by_hand: ['audit', 'checks', 'erasure', 'export', 'names', 'sight', 'stamp'],
      classes: ['bytes', 'content', 'none', 'person', 'secret'],
    });
  });

  test('list the columns that callers write of each table that they write', async () => {
    expect(
      await names(
        `select r.object as name from howdah_private.table_rules() as r
         full join howdah_private.written_columns() as w on w.object = r.object
         where (w.object is null) <> (r.writing = '{}') or r.object is null order by 1`,
      ),
      // only functions write them
    ).toEqual(['agent_systems', 'feedback_entries', 'grades', 'memories', 'secrets']);
  });

  test('classify each column that may hold texts or name a person', async () => {
    expect(
      await names(
        `select k.object || '.' || k.name as name from howdah_private.classified_columns() as k
         join howdah_private.table_rules() as r on r.object = k.object
         where k.class is null and (k.type in ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype,
             'bytea'::regtype, 'name'::regtype, to_regtype('public.vector'))
           or k.name ~ '(_by|user_id)$' and k.type = 'uuid'::regtype)
         order by 1`,
      ),
    ).toEqual([]);
    const users = await names(
      `select k.object || '.' || k.name as name from howdah_private.classified_columns() as k
       join pg_constraint as f on f.conrelid = k.relation and f.contype = 'f'
         and f.confrelid = 'howdah.users'::regclass
       join pg_attribute as a on a.attrelid = k.relation and a.attname = k.name
         and a.attnum = any (f.conkey)
       where k.name <> 'tenant_id' and k.class is distinct from 'person' order by 1`,
    );
    expect(users).toEqual([]);
  });

  test('classify no column that does not exist', async () => {
    expect(
      await names(
        `select concat_ws('.', c.object, c.name) as name from howdah_private.column_classes() as c
         where not exists (
           select from pg_class as r join pg_attribute as a on a.attrelid = r.oid and a.attname = c.name
           where r.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
             and r.relkind in ('r', 'p') and (c.object is null or c.object = r.relname))
         order by 1`,
      ),
    ).toEqual([]);
  });

  test('export the rows of each person, or say why not', async () => {
    const missing = await names(
      `select p.object || '.' || p.name as name from howdah_private.person_columns() as p
       join howdah_private.table_rules() as r on r.object = p.object
       where r.exported is null and 'export' <> all (r.by_hand)`,
    );
    expect(missing.sort()).toEqual(Object.keys(NOT_EXPORTED));
  });

  test('leave rows of runs to the computed erasure only if their run is execution_id', async () => {
    expect(
      await names(
        `select r.object as name from howdah_private.table_rules() as r
         where r.anchor = 'run' and 'erasure' <> all (r.by_hand) and not exists (
           select from howdah_private.classified_columns() as k
           where k.object = r.object and k.name = 'execution_id') order by 1`,
      ),
    ).toEqual([]);
  });

  test('leave no contents of a session to a computed erasure: there is none', async () => {
    expect(
      await names(
        `select r.object as name from howdah_private.table_rules() as r
         where r.anchor = 'session' and r.kind = 'content' and 'erasure' <> all (r.by_hand)`,
      ),
    ).toEqual([]);
  });
});
