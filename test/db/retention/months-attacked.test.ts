import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dropMonths, type MonthOptions, oldMonths } from '../../../src/db/retention/drop-months.ts';
import { restoreArchive } from '../../../src/db/retention/restore-archive.ts';
import { archiveMonth } from '../../../src/db/retention/write-archive.ts';
import { migrateUp } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { all, asRole, one, openSession, refusal } from '../../sql/support.ts';
import {
  createEmptyDatabase,
  createTestDatabase,
  type TestDatabase,
} from '../../support/database.ts';
import { makeOldMonths } from './old-months.ts';

// Tests isolation for months that are being dropped, partially dropped or restored. No tenant may
// see rows of another tenant, and nobody may see an erased user.

const ROLES = ['app', 'analyst', 'worker', 'authenticator', 'tool', 'reader'].map(
  (name) => `howdah_${name}`,
);

let db: TestDatabase;
let folder: string;
let month: string;
let tenants: string[];

beforeEach(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'howdah-months-'));
  await makeOldMonths(db, 200);
  month = (await oldMonths(db.pool))[0]?.month ?? '';
  const rows = await all(db.pool, 'select distinct tenant_id as id from howdah.executions');
  tenants = rows.map(({ id }) => id);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  await db?.drop();
});

const READABLE = ['executions', 'steps', 'messages', 'questions', 'sessions'].concat(
  ['usage_totals', 'usage_durations', 'daily_usage', 'agent_performance', 'model_usage'],
  ['tool_performance', 'execution_tree', 'execution_timeline'],
);

/**
 * Returns violations of isolation: rows of other tenants that a tenant can read, privileges of our
 * roles on tables of months, and tables without row-level security.
 */
async function leaks(schema = 'howdah_private'): Promise<string[]> {
  const found: string[] = [];
  for (const role of ['howdah_app', 'howdah_analyst']) {
    for (const tenant of tenants) {
      for (const table of READABLE) {
        const { others } = await asRole(db.pool, role, { 'howdah.tenant_id': tenant }, (client) =>
          one(
            client,
            `select count(*)::int as others from howdah.${table} as t where t.tenant_id <> $1`,
            [tenant],
          ),
        );
        if (others > 0) found.push(`${role} reads ${others} rows of ${table}`);
      }
    }
  }
  const open = await all(
    db.pool,
    `select r.role || ' may use ' || c.oid::regclass as may from unnest($1::text[]) as r (role)
     cross join pg_class as c
     where c.relnamespace = $2::text::regnamespace and c.relkind in ('r', 'p')
       and (c.relname ~ '^(executions|steps|message_log)_' or c.relname = 'closed_months' or $2 <> 'howdah_private')
       and has_table_privilege(r.role, c.oid, 'select, insert, update, delete, truncate, references, trigger')`,
    [ROLES, schema],
  );
  const bare = await all(
    db.pool,
    `select c.oid::regclass || ' has no row-level security' as has from pg_class as c
     where c.relnamespace = $1::text::regnamespace and c.relkind = 'r' and not c.relrowsecurity
       and (c.relname ~ '^(executions|steps|message_log)_' or $1 <> 'howdah_private')`,
    [schema],
  );
  return [...found, ...open.map(({ may }) => may), ...bare.map(({ has }) => has)];
}

test('at every step of its removal a month shows users only their own rows', async () => {
  const stops: string[] = [];
  const onStep: MonthOptions['onStep'] = (step, of, table = '') => {
    const stop = `${step} ${table.replace(/.*\.([a-z_]+)_\d.*/, '$1')}`.trim();
    if (of !== month || stops.includes(stop)) return;
    stops.push(stop);
    throw new Error(`stopped before ${stop}`);
  };
  for (let isDone = false; !isDone; ) {
    isDone = await dropMonths({ url: db.url, archiveFolder: folder, onStep }).then(
      () => true,
      (error: Error) => {
        if (!error.message.startsWith('stopped before')) throw error;
        return false;
      },
    );
    expect(await leaks()).toEqual([]);
  }
  expect(stops).toContain('drop message_log');
  expect(await readdir(folder)).toContain(month);
});

test("only a month's owner sees its rows after a restore, whatever the default privileges", async () => {
  const archive = await archived();
  await db.pool.query(
    'alter default privileges grant select on tables to howdah_app, howdah_analyst, howdah_reader',
  );
  await db.pool.query('alter default privileges grant usage on schemas to public');
  try {
    const { schema, tables, erased } = await restoreArchive(db.pool, archive);
    expect(erased).toBe(0);
    for (const role of ['howdah_app', 'howdah_analyst', 'howdah_reader']) {
      for (const table of Object.keys(tables)) {
        const count = await asRole(
          db.pool,
          role,
          { 'howdah.tenant_id': tenants[0] ?? '' },
          (client) => one(client, `select count(*)::int as rows from ${schema}.${table}`),
        );
        expect(count).toEqual({ rows: 0 });
      }
    }
  } finally {
    await db.pool.query(
      'alter default privileges revoke select on tables from howdah_app, howdah_analyst, howdah_reader',
    );
    await db.pool.query('alter default privileges revoke usage on schemas from public');
  }
  const { schema } = await restoreArchive(db.pool, archive, 'again');
  expect(await leaks(schema)).toEqual([]);
});

test.each(['anonymise', 'delete'])(
  'a user erased (%s) does not return with an older archive',
  async (mode) => {
    const archive = await archived();
    const before = await restoreArchive(db.pool, archive, 'before');
    const [person, other] = await all(
      db.pool,
      `select e.user_id as id, count(*)::int as runs from before.executions as e
       where e.user_id is not null group by 1 order by 2 desc limit 2`,
    );
    await db.pool.query('select howdah.erase_user($1, $2::howdah.erasure_mode)', [
      person?.id,
      mode,
    ]);
    const after = await restoreArchive(db.pool, archive, 'after');
    expect(after.erased).toBeGreaterThanOrEqual(person?.runs);
    expect(after.tables.executions).toBe((before.tables.executions ?? 0) - after.erased);
    expect(
      await one(
        db.pool,
        `select count(*) filter (where e.user_id = $1)::int as his,
           count(*) filter (where e.user_id = $2)::int as others from after.executions as e`,
        [person?.id, other?.id],
      ),
    ).toEqual({ his: 0, others: other?.runs });
    for (const table of ['steps', 'messages', 'questions']) {
      const left = await one(
        db.pool,
        `select count(*)::int as all,
           count(*) filter (where t.execution_id not in (select e.id from after.executions as e))::int as lost
         from after.${table} as t`,
      );
      expect(left).toEqual({ all: after.tables[table], lost: 0 });
    }
  },
);

test('a different database, without any of the users, restores an archive completely', async () => {
  const archive = await archived();
  // a copy of the template would have the same tenant
  const elsewhere = await createEmptyDatabase();
  try {
    await migrateUp(elsewhere.url, migrateQueue);
    expect(await restoreArchive(elsewhere.pool, archive)).toMatchObject({ erased: 0 });
  } finally {
    await elsewhere.drop();
  }
});

test('a symlink in a folder that others may write to cannot redirect an archive', async () => {
  const trap = join(folder, 'trap');
  await mkdir(trap);
  await writeFile(join(trap, 'messages.jsonl.gz'), '', { mode: 0o666 });
  await symlink(trap, join(folder, `${month}.part-${process.pid}`));
  const archive = await archived();
  expect(archive).toBe(join(folder, month));
  expect(await readFile(join(trap, 'messages.jsonl.gz'), 'utf8')).toBe('');
  expect(await readdir(trap)).toEqual(['messages.jsonl.gz']);
});

test('a role that is not the owner can neither archive, restore nor drop a month', async () => {
  const archive = await archived();
  const login = `guest_${crypto.randomUUID().slice(0, 8)}`;
  await db.pool.query(`create role ${login} login password 'x' in role howdah_app`);
  const url = new URL(db.url);
  [url.username, url.password] = [login, 'x'];
  const guest = await openSession(url.href);
  try {
    const day = `${month}-01`;
    for (const [text, ...values] of [
      ['select * from howdah_private.old_months()'],
      ['select howdah_private.close_month($1)', day],
      ['select howdah_private.delete_unaligned_trees($1)', day],
      ['select howdah_private.record_month_progress($1)', day],
      ['select * from howdah_private.closed_months'],
      [`select * from howdah_private.executions_${month.replace('-', '_')}`],
    ] as const) {
      expect(await refusal(guest.query(text, [...values]))).toMatchObject({ code: '42501' });
    }
    expect(await refusal(dropMonths({ url: url.href }))).toMatchObject({ code: 'HWDEN' });
    const pool = Object.assign(guest, { connect: async () => guest, release: () => {} });
    await expect(restoreArchive(pool as never, archive)).rejects.toThrow(/permission denied/);
  } finally {
    await guest.end();
    await db.pool.query(`drop role ${login}`);
  }
});

async function archived(): Promise<string> {
  const client = await openSession(db.url);
  try {
    return await archiveMonth(client, month, folder);
  } finally {
    await client.end();
  }
}
