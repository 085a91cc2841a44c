import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobHelpers } from 'graphile-worker';
import { type Logger, pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createPool } from '../../../src/db/connection/pool.ts';
import { databaseIdentity } from '../../../src/db/operations/audit-checkpoints.ts';
import { checkpointKey } from '../../../src/db/operations/signed-checkpoints.ts';
import { auditCheckpointsTask } from '../../../workers/tasks/audit-checkpoints.ts';
import { makeModel, makeTenant, one, unique } from '../../sql/support.ts';
import { createTestDatabase, type TestDatabase, testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64');
const keyOf = (secret: string) => checkpointKey(Buffer.from(secret, 'base64'));
const db = testDatabase();
let home: string;
let file: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'howdah-audit-'));
  file = join(home, 'audit-checkpoints.jsonl');
  vi.stubEnv('HOWDAH_HOME', home);
  vi.stubEnv('HOWDAH_SECRET_KEY', SECRET);
});
beforeEach(() => writeFile(file, ''));
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true });
});

/**
 * Deletes all but the first rows of the log. A prefix of the log is an intact log, however many
 * rows a new tenant has.
 */
const BEGINNING = `delete from howdah.audit_log where tenant_id = $1 and seq > 6;
  update howdah_private.audit_heads as h set seq = 6, hash = l.hash from howdah.audit_log as l
  where h.tenant_id = $1 and l.tenant_id = $1 and l.seq = 6`;

/** Number of rows in the log of a new tenant with four models: six are written on its creation. */
const ROWS = 10;
async function makeAuditedTenant(): Promise<{ id: string; slug: string }> {
  const slug = unique('audited');
  const id = await makeTenant(db.pool, slug);
  await changeWithoutTriggers(id, BEGINNING);
  for (let i = 0; i < 4; i += 1) {
    await makeModel(db.pool, { tenant_id: id });
  }
  return { id, slug };
}

/** Runs statements as a superuser can, without triggers. */
async function changeWithoutTriggers(tenant: string, statements: string): Promise<void> {
  await db.pool.query(
    `begin; set local session_replication_role = replica; ${statements.replaceAll('$1', `'${tenant}'`)}; commit`,
  );
}

/** Writes the checkpoints that are due, as the maintenance of a worker does. */
async function takeCheckpoints(secret = SECRET, url = db.url): Promise<Logger[]> {
  const pool = createPool({ url, applicationName: 'howdah-worker', role: 'howdah_worker' });
  const lines: Logger[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => lines.push(JSON.parse(line)) });
  const task = auditCheckpointsTask(pool, { file, keys: async () => [keyOf(secret)] }, log);
  await task({}, {} as JobHelpers);
  await pool.end();
  return lines;
}

async function doctor() {
  const { status, stdout } = await runCli(db.url, 'doctor', '--audit', '--json');
  const items: Record<string, unknown>[] = JSON.parse(stdout).items;
  return { status, items, of: (tenant: string) => items.find((item) => item.tenant === tenant) };
}

/**
 * Recomputes the hashes of the chain from a row on with the owner's function, and moves the head to
 * its end.
 */
const REBUILD = `
  do $$
  declare v_row howdah.audit_log; v_prev bytea;
  begin
    for v_row in select * from howdah.audit_log where tenant_id = $1 order by seq loop
      v_row.prev_hash := coalesce(v_prev, v_row.prev_hash);
      v_row.hash := howdah_private.audit_hash(v_row);
      v_prev := v_row.hash;
      update howdah.audit_log set prev_hash = v_row.prev_hash, hash = v_row.hash
      where tenant_id = v_row.tenant_id and seq = v_row.seq;
    end loop;
    update howdah_private.audit_heads set hash = v_prev, seq = v_row.seq where tenant_id = $1;
  end $$`;
const COPY = (seq: number, from: number, prev: number) => `
  insert into howdah.audit_log
  select c.* from howdah.audit_log as l
  cross join lateral jsonb_populate_record(l, jsonb_build_object('seq', ${seq}, 'prev_hash',
    (select p.hash from howdah.audit_log as p where p.tenant_id = l.tenant_id and p.seq = ${prev}))) as c
  where l.tenant_id = $1 and l.seq = ${from};
  update howdah.audit_log as l set hash = howdah_private.audit_hash(l) where tenant_id = $1 and seq = ${seq}`;
const RENUMBER = `
  update howdah.audit_log set seq = seq + 1000 where tenant_id = $1 and seq >= 5;
  update howdah.audit_log set seq = seq - 999 where tenant_id = $1 and seq > 1000`;

type Case = { how: string; sql: string; at: number; fault: string; rows?: number; says: RegExp };
const CASES: Case[] = [
  {
    ...{ how: 'a row is changed', at: 7, fault: 'changed' },
    sql: `update howdah.audit_log set actor = 'nobody' where tenant_id = $1 and seq = 7`,
    says: /row 7 was changed after it was written/,
  },
  {
    ...{ how: 'a digest is changed', at: 1, fault: 'changed' },
    sql: `update howdah.audit_log set after_digest = sha256('x') where tenant_id = $1 and seq = 1`,
    says: /row 1 was changed/,
  },
  {
    ...{ how: 'a row is changed and hashed anew', at: 8, fault: 'forged' },
    sql: `update howdah.audit_log as l set actor = 'nobody' where tenant_id = $1 and seq = 7;
      update howdah.audit_log as l set hash = howdah_private.audit_hash(l) where tenant_id = $1 and seq = 7`,
    says: /row 8 does not follow the previous row/,
  },
  {
    ...{ how: 'the last row is changed and hashed anew', at: ROWS, fault: 'forged' },
    sql: `update howdah.audit_log as l set actor = 'nobody' where tenant_id = $1 and seq = 10;
      update howdah.audit_log as l set hash = howdah_private.audit_hash(l) where tenant_id = $1 and seq = 10`,
    says: /row 10 is not the row that was appended last/,
  },
  {
    ...{ how: 'rows in the middle are deleted', at: 4, fault: 'missing', rows: 8 },
    sql: `delete from howdah.audit_log where tenant_id = $1 and seq in (4, 5)`,
    says: /rows 4 to 5 are missing/,
  },
  {
    ...{ how: 'the first row is deleted', at: 1, fault: 'missing', rows: 9 },
    sql: `delete from howdah.audit_log where tenant_id = $1 and seq = 1`,
    says: /row 1 is missing/,
  },
  {
    ...{ how: 'the tail is deleted', at: 9, fault: 'truncated', rows: 8 },
    sql: `delete from howdah.audit_log where tenant_id = $1 and seq >= 9`,
    says: /rows 9 to 10 are missing at the end/,
  },
  {
    ...{ how: 'all rows are deleted', at: 1, fault: 'truncated', rows: 0 },
    sql: `delete from howdah.audit_log where tenant_id = $1`,
    says: /rows 1 to 10 are missing at the end/,
  },
  {
    ...{ how: 'all rows and the head are deleted', at: 1, fault: 'truncated', rows: 0 },
    sql: `delete from howdah.audit_log where tenant_id = $1;
      delete from howdah_private.audit_heads where tenant_id = $1`,
    says: /all rows are missing/,
  },
  {
    ...{ how: 'two rows are swapped', at: 6, fault: 'reordered' },
    sql: `update howdah.audit_log set seq = 1000 where tenant_id = $1 and seq = 6;
      update howdah.audit_log set seq = 6 where tenant_id = $1 and seq = 8;
      update howdah.audit_log set seq = 8 where tenant_id = $1 and seq = 1000`,
    says: /row 6 is at the position of another row/,
  },
  {
    ...{ how: 'a row is put in', at: 6, fault: 'reordered', rows: 11 },
    sql: `${RENUMBER}; ${COPY(5, 2, 4)}`,
    says: /row 6 is at the position of another row/,
  },
  {
    ...{ how: 'a row is put in at the end', at: 11, fault: 'forged', rows: 11 },
    sql: COPY(11, 10, 10),
    says: /row 11 is inserted at the end/,
  },
];

describe('howdah doctor --audit', () => {
  test('exits 0 while the log is intact, and reports the number of rows', async () => {
    const { slug } = await makeAuditedTenant();
    const { status, stdout } = await runCli(db.url, 'doctor', '--audit');
    expect(status).toBe(0);
    expect(stdout).toContain(`ok   audit       ${slug}: 10 rows, intact, no checkpoint yet`);
  });

  test.each(CASES)('detects that $how', async ({ sql, at, fault, rows = ROWS, says }) => {
    const { id, slug } = await makeAuditedTenant();
    await changeWithoutTriggers(id, sql);
    const { status, of } = await doctor();
    expect(status).toBe(1);
    expect(of(slug)).toMatchObject({ ok: false, rows, broken_at: at, fault });
    expect(of(slug)?.found).toMatch(says);
    expect(of(slug)?.fix).toContain(
      `from howdah.audit_log where tenant_id = '${id}' and seq >= ${Math.max(1, at - 1)}`,
    );
  });
});

describe('a checkpoint', () => {
  const FORGET = 'delete from howdah_private.audit_checkpoints where tenant_id = $1';
  const SHORTEN = `delete from howdah.audit_log where tenant_id = $1 and seq >= 9;
    update howdah_private.audit_heads as h set seq = 8, hash = l.hash from howdah.audit_log as l
    where h.tenant_id = $1 and l.tenant_id = $1 and l.seq = 8`;
  const REWRITE = `update howdah.audit_log set actor = 'nobody' where tenant_id = $1 and seq = 3; ${REBUILD}`;

  test('is written for new rows: signed, to the database, the file and the log', async () => {
    const { id, slug } = await makeAuditedTenant();
    const lines = await takeCheckpoints();
    const head = await one(
      db.pool,
      `select encode(hash, 'hex') as hash from howdah_private.audit_heads where tenant_id = $1`,
      [id],
    );
    const checkpoint = {
      tenant_id: id,
      seq: 10,
      hash: head.hash,
      signed_by: keyOf(SECRET).name,
    };
    expect(lines).toContainEqual(
      expect.objectContaining({ ...checkpoint, level: 20, msg: 'audit checkpoint' }),
    );
    const logged = (await readFile(file, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(logged).toContainEqual(expect.objectContaining(checkpoint));
    expect(await takeCheckpoints()).toEqual([]);
    await makeModel(db.pool, { tenant_id: id });
    expect(await takeCheckpoints()).toMatchObject([{ tenant_id: id, seq: 11 }]);
    expect((await doctor()).of(slug)).toMatchObject({
      ok: true,
      found: `${slug}: 11 rows, intact, checkpoint at 11`,
    });
  });

  test.each([
    ['a tail deleted together with the head', SHORTEN, 'truncated', 9, 'the database'],
    ['a log rewritten from one row on', REWRITE, 'forged', 10, 'the database'],
    [
      'a deleted tail and head even if the checkpoints in the database are deleted',
      `${SHORTEN}; ${FORGET}`,
      'truncated',
      9,
      'the file',
    ],
    [
      'a rewritten log even if the checkpoints in the database are deleted',
      `${REWRITE}; ${FORGET}`,
      'forged',
      10,
      'the file',
    ],
  ])('detects %s', async (_how, sql, fault, at, place) => {
    const { id, slug } = await makeAuditedTenant();
    await takeCheckpoints();
    await changeWithoutTriggers(id, sql);
    const { status, of } = await doctor();
    expect(status).toBe(1);
    expect(of(slug)).toMatchObject({ ok: false, fault, broken_at: at });
    expect(of(slug)?.found).toContain(`checkpoint in ${place}`);
  });

  test('is needed: without one, both changes go undetected', async () => {
    for (const sql of [SHORTEN, REWRITE]) {
      const { id, slug } = await makeAuditedTenant();
      await changeWithoutTriggers(id, sql);
      expect((await doctor()).of(slug)).toMatchObject({ ok: true });
    }
  });

  test('that is deleted from the database but present in the file is detected', async () => {
    const { id } = await makeAuditedTenant();
    await takeCheckpoints();
    await makeModel(db.pool, { tenant_id: id });
    await takeCheckpoints();
    await changeWithoutTriggers(
      id,
      'delete from howdah_private.audit_checkpoints where tenant_id = $1 and seq = 10',
    );
    const { status, items } = await doctor();
    expect(status).toBe(1);
    const found = items.find(({ check }) => check === 'checkpoints');
    expect(found).toMatchObject({ ok: false, fix: expect.stringContaining('backup') });
    expect(found?.found).toContain(
      `1 in the file are missing from the database, the first at row 10 of tenant ${id}`,
    );
    await takeCheckpoints(); // does not hide the change
    expect((await doctor()).status).toBe(1);
  });

  test('written only to the file by a killed worker reaches the database later', async () => {
    const { id } = await makeAuditedTenant();
    await takeCheckpoints();
    await changeWithoutTriggers(id, FORGET);
    await makeModel(db.pool, { tenant_id: id });
    const before = (await doctor()).items.find(({ check }) => check === 'checkpoints');
    expect(before).toMatchObject({ ok: false });
    await takeCheckpoints();
    const { rows } = await db.pool.query(
      'select seq::int from howdah_private.audit_checkpoints where tenant_id = $1 order by seq',
      [id],
    );
    expect(rows).toEqual([{ seq: 10 }, { seq: 11 }]);
    expect((await doctor()).items.find(({ check }) => check === 'checkpoints')?.ok).toBe(true);
  });

  test('reveals a tenant that was deleted entirely', async () => {
    const { id } = await makeAuditedTenant();
    await makeAuditedTenant(); // an existing audit log: the file does not belong to another database
    await takeCheckpoints();
    const tables = [
      'howdah.audit_log',
      'howdah_private.audit_heads',
      'howdah_private.audit_checkpoints',
    ];
    const rows = tables.map((table) => `delete from ${table} where tenant_id = $1`).join(';');
    await changeWithoutTriggers(id, `${rows}; delete from howdah.tenants where id = $1`);
    const { status, of } = await doctor();
    expect(status).toBe(1);
    expect(of(id)).toMatchObject({ ok: false, rows: 0, fault: 'truncated' });
    await changeWithoutTriggers(id, 'delete from howdah.models where tenant_id = $1');
  });

  test('with a forged signature is detected, and one with another key is only counted', async () => {
    const { id } = await makeAuditedTenant();
    await takeCheckpoints(Buffer.alloc(32, 8).toString('base64'));
    const counted = (await doctor()).items.find(({ check }) => check === 'checkpoints');
    expect(counted).toMatchObject({ ok: true });
    expect(counted?.found).toMatch(/[1-9]\d* unsigned or signed with another key/);
    await appendFile(file, 'half a li\n');
    await changeWithoutTriggers(
      id,
      `update howdah_private.audit_checkpoints set signed_by = '${keyOf(SECRET).name}' where tenant_id = $1`,
    );
    const { status, items } = await doctor();
    const forged = items.find(({ check }) => check === 'checkpoints');
    expect(status).toBe(1);
    expect(forged).toMatchObject({ ok: false });
    expect(forged?.found).toMatch(/1 lines of the file unreadable.*, 1 with a forged signature/);
    await changeWithoutTriggers(id, FORGET);
  });

  test('of rows removed by retention is accepted if the log records the removal', async () => {
    const say = (hash: string) =>
      `select howdah_private.audit_action($1::uuid, 'erase', 'audit_log', $1::text,
         jsonb_build_object('through', 10, 'hash', ${hash}))`;
    const [recorded, unrecorded, lied] = [
      await makeAuditedTenant(),
      await makeAuditedTenant(),
      await makeAuditedTenant(),
    ];
    await takeCheckpoints();
    await Promise.all(
      [recorded, unrecorded, lied].map(({ id }) => makeModel(db.pool, { tenant_id: id })),
    );
    await db.pool.query(
      say(
        `(select encode(hash, 'hex') from howdah.audit_log where tenant_id = $1::uuid and seq = 10)`,
      ),
      [recorded.id],
    );
    await db.pool.query(say(`repeat('00', 32)`), [lied.id]);
    for (const { id } of [recorded, unrecorded, lied]) {
      await changeWithoutTriggers(
        id,
        'delete from howdah.audit_log where tenant_id = $1 and seq <= 10',
      );
    }
    const { of } = await doctor();
    expect(of(recorded.slug)).toMatchObject({ ok: true, rows: 2 });
    for (const { slug } of [unrecorded, lied]) {
      expect(of(slug)).toMatchObject({ ok: false, fault: 'missing', broken_at: 1 });
    }
  });

  describe('checkpoints of another database in the same folder', () => {
    let copy: TestDatabase;
    let copied: { id: string; slug: string };
    beforeAll(async () => {
      copied = await makeAuditedTenant();
      copy = await createTestDatabase();
      const rows = `select l from howdah.audit_log as l where l.tenant_id = '${copied.id}'`;
      const { rows: log } = await db.pool.query(`select to_jsonb(l) as l from (${rows}) as r (l)`);
      await copy.pool.query(
        `begin; set local session_replication_role = replica;
         insert into howdah.audit_log select r.* from jsonb_populate_recordset(null::howdah.audit_log, '${JSON.stringify(log.map(({ l }) => l))}') as r;
         insert into howdah_private.audit_heads select tenant_id, seq, hash from howdah.audit_log
         where tenant_id = '${copied.id}' and seq = 10; commit`,
      );
    });
    afterAll(() => copy?.drop());

    test('are distinguished by the identity of server and database', async () => {
      const own = await databaseIdentity(db.pool);
      expect(own).toMatch(/^\d{10,20}\/\d+$/);
      expect(await databaseIdentity(copy.pool)).not.toBe(own);
      await makeModel(db.pool, { tenant_id: copied.id });
      await takeCheckpoints();
      const lines = (await readFile(file, 'utf8')).trim().split('\n');
      for (const line of lines) expect(JSON.parse(line)).toMatchObject({ database: own });
    });

    test('are only counted if the two databases have nothing in common', async () => {
      await makeAuditedTenant();
      await takeCheckpoints();
      const outsider = {
        tenant_id: '01a1f9f8-0000-7000-8000-000000000000',
        ...{ seq: 3, hash: '0'.repeat(64), database: '1/2' },
      };
      await appendFile(file, `${JSON.stringify(outsider)}\n`);
      const { items } = await doctor();
      expect(items.filter(({ tenant }) => tenant === outsider.tenant_id)).toEqual([]);
      const [found, ...more] = items.filter(({ check }) => check === 'checkpoints');
      expect(found).toMatchObject({
        ok: true,
        found: expect.stringMatching(/, 1 in the file belong to another database, /),
      });
      expect(more).toEqual([]);
    });

    test('of a copied database are reported as a copy, not as a rewritten log', async () => {
      const writeIn = (which: TestDatabase) =>
        which.pool.query(
          `select howdah_private.audit_action($1::uuid, 'erase', 'tenants', 'x', '{}')`,
          [copied.id],
        );
      await takeCheckpoints(SECRET, copy.url);
      const borneOut = (await doctor()).items.filter(({ check }) => check === 'checkpoints');
      expect(borneOut[1]).toMatchObject({
        ok: true,
        found: expect.stringMatching(/same tenants \(\d+\/\d+\), and also match this database$/),
      });
      await Promise.all([writeIn(db), writeIn(copy)]);
      await takeCheckpoints();
      await takeCheckpoints(SECRET, copy.url);
      const { status, items, of } = await doctor();
      expect(status).toBe(1);
      expect(of(copied.slug)).toMatchObject({ ok: true });
      expect(items.filter(({ check }) => check === 'checkpoints')).toMatchObject([
        { ok: true },
        {
          ok: false,
          found: expect.stringContaining(`of tenant ${copied.id}`),
          fix: expect.stringContaining('give each its own HOWDAH_HOME'),
        },
      ]);
    });

    test('reveal that this database replaced the other and lacks a tenant', async () => {
      const gone = {
        tenant_id: '01a1f9f8-0000-7000-8000-000000000000',
        seq: 3,
        hash: '0'.repeat(64),
      };
      const { rows } = await db.pool.query(
        `select tenant_id, seq::int, encode(hash, 'hex') as hash from howdah_private.audit_heads where tenant_id = $1`,
        [copied.id],
      );
      await writeFile(
        file,
        [...rows, gone].map((one) => `${JSON.stringify({ ...one, database: '1/2' })}\n`).join(''),
      );
      const { status, items } = await doctor();
      expect(status).toBe(1);
      expect(items.find(({ check, ok }) => check === 'checkpoints' && !ok)?.found).toContain(
        `the first at row 3 of tenant ${gone.tenant_id}`,
      );
    });
  });

  test('are ignored when the whole file belongs to another database', async () => {
    const line = {
      tenant_id: '01a1f9f8-0000-7000-8000-000000000000',
      seq: 3,
      hash: '0'.repeat(64),
    };
    const nobodys = { ...line, tenant_id: '00000000-0000-0000-0000-000000000000', seq: 1 };
    await db.pool.query(
      `select howdah_private.audit_action($1::uuid, 'erase', 'tenants', 'x', '{}')`,
      [nobodys.tenant_id],
    );
    await writeFile(file, `${JSON.stringify(line)}\n${JSON.stringify(nobodys)}\n`);
    const { items } = await doctor();
    expect(items.filter(({ tenant }) => tenant === 'no tenant')).toMatchObject([{ ok: true }]);
    expect(items.filter(({ tenant }) => tenant === line.tenant_id)).toEqual([]);
    expect(items.find(({ check }) => check === 'checkpoints')?.found).toContain(
      '2 in the file belong to another database',
    );
  });
});

test('disabled triggers are detected, and the changes they missed', async () => {
  await db.pool.query('alter table howdah.models disable trigger _950_audit_update');
  await db.pool.query('alter table howdah_private.audit_pending disable trigger all');
  const id = await makeTenant(db.pool);
  const { items } = await doctor();
  expect(items.find(({ check }) => check === 'triggers')).toMatchObject({
    ok: false,
    found: expect.stringMatching(
      /^missing or disabled: howdah\.models _950_audit_update, howdah_private\.audit_pending _900_chain; \d+ changes are missing from the log$/,
    ),
  });
  await db.pool.query('alter table howdah_private.audit_pending enable trigger all');
  await db.pool.query('alter table howdah.models enable trigger _950_audit_update');
  await changeWithoutTriggers(id, 'delete from howdah_private.audit_inbox');
});

test('missing triggers are detected, and sessions configured not to fire them', async () => {
  const { rows } = await db.pool.query(
    `select pg_get_triggerdef(oid) as text from pg_trigger where tgname = '_100_refuse_change' and tgrelid = 'howdah.audit_log'::regclass`,
  );
  const name = new URL(db.url).pathname.slice(1);
  await db.pool.query('drop trigger _100_refuse_change on howdah.audit_log');
  await db.pool.query(`alter database ${name} set session_replication_role = replica`);
  const { status, items } = await doctor();
  expect(status).toBe(1);
  expect(items.find(({ check }) => check === 'triggers')?.found).toBe(
    `missing or disabled: howdah.audit_log _100_refuse_change; triggers do not fire because session_replication_role is set for: database ${name}`,
  );
  await db.pool.query(`alter database ${name} reset session_replication_role`);
  await db.pool.query(rows[0].text);
});

test('a truncated log is detected in every tenant', async () => {
  const { slug } = await makeAuditedTenant();
  await changeWithoutTriggers('', 'truncate howdah.audit_log');
  const { status, items, of } = await doctor();
  expect(status).toBe(1);
  expect(of(slug)).toMatchObject({ ok: false, fault: 'truncated', broken_at: 1, rows: 0 });
  expect(items.filter(({ check, ok }) => check === 'audit' && ok)).toEqual([]);
});
