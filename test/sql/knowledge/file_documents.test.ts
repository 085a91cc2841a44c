import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { makeDocx, paragraph } from '../../support/files/make-office.ts';
import { makePdf } from '../../support/files/make-pdf.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import {
  all,
  committed,
  makeSession,
  makeTenant,
  makeUser,
  one,
  refusal,
  takeRole,
} from '../support.ts';

// Documents of files: whose text a worker reads, and which are deleted with their file.

const db = testDatabase();
let tenant: string;
let base: string;

beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
  tenant = await makeTenant(db.pool);
  const row = await one<{ id: string }>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name) values ($1, 'handbook') returning id`,
    [tenant],
  );
  base = row.id;
});

/** Runs statements as a member of the tenant, and commits them. */
const asMember = <T>(work: (client: pg.PoolClient) => Promise<T>, settings = {}): Promise<T> =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      ...{ 'howdah.tenant_id': tenant, 'howdah.role': 'member' },
      ...settings,
    });
    return work(client);
  });

const pdf = makePdf([['Erste Seite über Zölle.'], ['Zweite Seite.']]);

type Added = { id: string; resource_id: string; type: string; content: string };

const ADD = `with file as (
    insert into howdah.resources (name, type, bytes) values ('zoll.pdf', $2, $3) returning id
  )
  insert into howdah.documents (knowledge_base_id, title, resource_id, owns_resource)
  select $1, 'zoll.pdf', id, $4 from file
  returning id, resource_id, type, content`;

const add = (bytes = pdf, owns = true, type = 'application/pdf; version=1.7') =>
  asMember((client) => one<Added>(client, ADD, [base, type, bytes, owns]));

const resources = () =>
  all(db.pool, 'select id from howdah.resources where tenant_id = $1', [tenant]);
const documents = () =>
  all(db.pool, 'select id from howdah.documents where tenant_id = $1', [tenant]);

test('a worker reads the file, and chunks name their page', async () => {
  const { id, type } = await add();
  expect(type).toBe('application/pdf');
  await ingestDocuments(db.pool);
  const chunks = await all(
    db.pool,
    `select c.seq, c.page, c.content,
       substr(d.content, c.start_offset + 1, c.end_offset - c.start_offset) as part
     from howdah.chunks as c join howdah.documents as d on d.id = c.document_id
     where d.id = $1 and d.status = 'ready' order by c.seq`,
    [id],
  );
  const [first, second] = ['Erste Seite über Zölle.', 'Zweite Seite.'];
  expect(chunks).toEqual([
    { seq: 1, page: 1, content: first, part: first },
    { seq: 2, page: 2, content: second, part: second },
  ]);
  const found = await asMember((client) =>
    all(client, `select content from howdah.search('{handbook}', 'Zölle')`),
  );
  expect(found).toEqual([{ content: first }]);
  // divided again, the file is read again
  await db.pool.query(`update howdah.knowledge_bases set language = 'german' where id = $1`, [
    base,
  ]);
  await ingestDocuments(db.pool);
  const again = await asMember((client) =>
    all(client, `select content from howdah.search('{handbook}', 'Zoll')`),
  );
  expect(again).toEqual([{ content: first }]);
});

test('a worker of an earlier version gets no documents of files and images', async () => {
  const { id } = await add();
  const image = await add(pdf, true, 'image/png');
  const claim = (more: string) =>
    all(db.pool, `select id from howdah_private.claim_documents($1, $2, 10${more})`, [
      tenant,
      base,
    ]);
  expect(await claim('')).toEqual([]);
  expect(await claim(', true')).toEqual([{ id }]);
  expect(await claim(', true, true, true')).toEqual([]);
  expect(await claim(', true, true, true, true, true')).toEqual([{ id: image.id }]);
});

test('the text of a file is not written by callers', async () => {
  const { id } = await add();
  for (const [column, value] of [
    ['content', 'other'],
    ['type', 'text/plain'],
  ]) {
    expect(
      await refusal(
        asMember((client) =>
          client.query(`update howdah.documents set ${column} = $2 where id = $1`, [id, value]),
        ),
      ),
    ).toMatchObject({ code: 'HWINV', fields: { field: column } });
  }
  await asMember((client) =>
    client.query(`update howdah.documents set title = 'Zoll' where id = $1`, [id]),
  );
  await ingestDocuments(db.pool);
  expect(
    await one(
      db.pool,
      'select title, status, length(content) > 0 as has_text from howdah.documents',
    ),
  ).toEqual({ title: 'Zoll', status: 'ready', has_text: true });
});

test('refuses files that the caller does not see, of other types, and with a text', async () => {
  const { resource_id } = await add();
  const insert = (columns: string, ...values: unknown[]) =>
    refusal(
      asMember((client) =>
        client.query(
          `insert into howdah.documents (knowledge_base_id, title, ${columns})
           values ($1, 'a', ${values.map((_value, index) => `$${index + 2}`).join(', ')})`,
          [base, ...values],
        ),
      ),
    );
  const other = await makeTenant(db.pool);
  const { id: hidden } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.resources (tenant_id, name, type, bytes) values ($1, 'a', 'text/plain', 'x')
     returning id`,
    [other],
  );
  expect(await insert('resource_id', hidden)).toMatchObject({ code: 'HWNTF' });
  expect(await insert('resource_id, content', resource_id, 'x')).toMatchObject({
    ...{ code: 'HWINV', fields: { field: 'content' } },
  });
  expect(await insert('content, type', '', 'application/pdf')).toMatchObject({ code: 'HWINV' });
  expect(await insert('content, owns_resource', 'x', true)).toMatchObject({ code: 'HWINV' });
  expect(await refusal(add(Buffer.from('x'), true, 'image/gif'))).toMatchObject({
    code: 'HWINV',
    hint: expect.stringContaining('.pdf'),
  });
});

test('a document does not own the file of a session', async () => {
  const session = await makeSession(db.pool, { tenant_id: tenant });
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.resources (tenant_id, name, type, bytes, session_id)
     values ($1, 'a', 'text/plain', 'Text über Öl', $2) returning id`,
    [tenant, session],
  );
  const insert = (owns: boolean) =>
    db.pool.query(
      `insert into howdah.documents (tenant_id, knowledge_base_id, title, resource_id, owns_resource)
       values ($1, $2, 'a', $3, $4)`,
      [tenant, base, id, owns],
    );
  expect(await refusal(insert(true))).toMatchObject({
    ...{ code: 'HWINV', fields: { field: 'owns_resource' } },
  });
  await insert(false);
  await ingestDocuments(db.pool);
  expect(await one(db.pool, 'select content from howdah.chunks')).toEqual({
    content: 'Text über Öl',
  });
});

test('a document is deleted with its file, and an owned file with its document', async () => {
  const kept = await add(pdf, false);
  const owned = await add(makeDocx(paragraph('x')), true, 'application/pdf');
  await db.pool.query('delete from howdah.documents where id = any ($1)', [[kept.id, owned.id]]);
  expect(await resources()).toEqual([{ id: kept.resource_id }]);
  const third = await add();
  await ingestDocuments(db.pool);
  await db.pool.query('delete from howdah.resources where id = $1', [third.resource_id]);
  expect(await documents()).toEqual([]);
  expect(await all(db.pool, 'select id from howdah.chunks')).toEqual([]);
});

test('an owned file stays as long as another document has it', async () => {
  const { id, resource_id } = await add();
  const again = await one<{ id: string }>(
    db.pool,
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, resource_id, owns_resource)
     values ($1, $2, 'again', $3, true) returning id`,
    [tenant, base, resource_id],
  );
  await db.pool.query('delete from howdah.documents where id = $1', [id]);
  expect(await resources()).toHaveLength(1);
  await db.pool.query('delete from howdah.documents where id = $1', [again.id]);
  expect(await resources()).toEqual([]);
});

test('another document owns the file from then on', async () => {
  const { id, resource_id } = await add();
  const name = (owns: boolean) =>
    one<{ id: string }>(
      db.pool,
      `insert into howdah.documents (tenant_id, knowledge_base_id, title, resource_id, owns_resource)
       values ($1, $2, 'again', $3, $4) returning id`,
      [tenant, base, resource_id, owns],
    );
  const others = [(await name(false)).id, (await name(false)).id];
  await db.pool.query('delete from howdah.documents where id = $1', [id]);
  expect(
    await all(db.pool, 'select owns_resource from howdah.documents order by owns_resource'),
  ).toEqual([{ owns_resource: false }, { owns_resource: true }]);
  await db.pool.query('delete from howdah.documents where id = any ($1)', [others]);
  expect(await resources()).toEqual([]);
});

test.each([true, false])('two deletions at once leave no file (both own it: %s)', async (both) => {
  const { id, resource_id } = await add();
  const other = await one<{ id: string }>(
    db.pool,
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, resource_id, owns_resource)
     values ($1, $2, 'again', $3, $4) returning id`,
    [tenant, base, resource_id, both],
  );
  const first = await db.pool.connect();
  try {
    await first.query('begin');
    await first.query('delete from howdah.documents where id = $1', [other.id]);
    const second = db.pool.query('delete from howdah.documents where id = $1', [id]);
    await Promise.all([second, untilBlocked().then(() => first.query('commit'))]);
  } finally {
    first.release();
  }
  expect(await documents()).toEqual([]);
  expect(await resources()).toEqual([]);
});

/** Resolves when a statement waits for a lock. */
async function untilBlocked(): Promise<void> {
  for (;;) {
    const waiting = await all(
      db.pool,
      `select from pg_stat_activity
       where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
    );
    if (waiting.length > 0) return;
  }
}

test('who may delete files may own and delete one, whatever the rights on documents', async () => {
  const asKey = <T>(scopes: string, work: (client: pg.PoolClient) => Promise<T>) =>
    asMember(work, { 'howdah.scopes': scopes });
  const insert = (owns: boolean) =>
    asKey('read,edit', (client) =>
      one<Added>(
        client,
        `insert into howdah.documents (knowledge_base_id, title, resource_id, owns_resource)
         select $1, 'b', resource_id, $2 from howdah.documents limit 1 returning id, resource_id`,
        [base, owns],
      ),
    );
  const { resource_id } = await add();
  expect(await refusal(insert(true))).toMatchObject({ code: 'HWDEN' });
  await insert(false);
  await asKey('read,run', (client) =>
    client.query('delete from howdah.resources where id = $1', [resource_id]),
  );
  expect(await documents()).toEqual([]);
  const kept = await add();
  expect(
    await refusal(
      asKey('read,run', (client) =>
        client.query('delete from howdah.documents where id = $1', [kept.id]),
      ),
    ),
  ).toMatchObject({ code: 'HWDEN' });
});

test('chunks of a file that a tainted run wrote are external', async () => {
  await db.pool.query(`update howdah.knowledge_bases set trust = 'internal' where id = $1`, [base]);
  const uploaded = await add();
  const written = await add();
  await db.pool.query(
    `update howdah.resources set metadata = '{"trust": "external"}' where id = $1`,
    [written.resource_id],
  );
  await ingestDocuments(db.pool);
  expect(
    await all(
      db.pool,
      `select distinct document_id, trust from howdah.chunks order by trust, document_id`,
    ),
  ).toEqual([
    { document_id: uploaded.id, trust: 'internal' },
    { document_id: written.id, trust: 'external' },
  ]);
});

test.each([
  ['type must be of a document', 'content, type', ['x', 'text/css']],
  ['a document of this type must have a resource_id', 'content, type', ['x', 'application/pdf']],
  ['owns_resource must be for a file', 'content, owns_resource', ['x', true]],
])('%s', async (message, columns, values) => {
  const insert = db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, ${columns})
     values ($1, $2, 'a', $3, $4)`,
    [tenant, base, ...values],
  );
  expect(await refusal(insert)).toMatchObject({ code: 'HWINV', message });
});

test('the files of a base are deleted with it, and count as storage', async () => {
  await db.pool.query(
    `insert into howdah.limits (tenant_id, scope, metric, max_value)
     values ($1, 'tenant', 'storage', $2)`,
    [tenant, pdf.length + 10],
  );
  await add();
  expect(await refusal(add())).toMatchObject({ code: 'HWQTA' });
  await db.pool.query('delete from howdah.knowledge_bases where id = $1', [base]);
  expect(await resources()).toEqual([]);
  expect(await documents()).toEqual([]);
});

test('erasure of a user deletes the files that the user added, with their documents', async () => {
  const user = await makeUser(db.pool, { tenant_id: tenant });
  await asMember((client) => one(client, ADD, [base, 'application/pdf', pdf, true]), {
    'howdah.user_id': user.id,
  });
  await ingestDocuments(db.pool);
  await db.pool.query('select howdah.erase_user($1)', [user.id]);
  expect(await resources()).toEqual([]);
  expect(await documents()).toEqual([]);
});

describe('a file in the folder of the workers', () => {
  const TEXT = 'Refunds within 30 days.';
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'howdah-documents-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const insert = (size = TEXT.length) =>
    db.pool.query(
      `with file as (
         insert into howdah.resources (tenant_id, name, type, storage_path, size, sha256)
         values ($1, 'a.txt', 'text/plain', 'files/a.txt', $3, $4)
         returning id
       )
       insert into howdah.documents (tenant_id, knowledge_base_id, title, resource_id)
       select $1, $2, 'a', id from file`,
      [tenant, base, size, createHash('sha256').update(TEXT).digest('hex')],
    );
  const state = () => one(db.pool, 'select status, error from howdah.documents');
  const due = () =>
    one(
      db.pool,
      `select attempts, postponed, due_at > now() as waits from howdah_private.due_documents`,
    );
  /** As when the time of the next attempt has come. */
  const retry = () => db.pool.query('update howdah_private.due_documents set due_at = now()');
  const waiting = (message: string) => ({
    status: 'pending',
    error: { code: 'unreachable', message: `this worker cannot read the file: ${message}` },
  });
  const NO_FOLDER =
    'the file a.txt is stored in a folder, but this worker was started without a folder for files';
  const MISSING = 'the file a.txt is missing: there is no readable file files/a.txt (ENOENT)';

  test('waits for a worker that has it, and no attempt counts', async () => {
    await insert();
    for (let count = 1; count <= 5; count += 1) {
      await ingestDocuments(db.pool, {}, count % 2 ? {} : { resourceFolder: folder });
      expect(await state()).toEqual(waiting(count % 2 ? NO_FOLDER : MISSING));
      expect(await due()).toEqual({ attempts: 0, postponed: count, waits: true });
      await retry();
    }
    const failing = `select failing::int from howdah.batch_jobs where name = 'ingest_document'`;
    expect(await one(db.pool, failing)).toEqual({ failing: 1 });
    await mkdir(join(folder, 'files'));
    await writeFile(join(folder, 'files', 'a.txt'), TEXT);
    expect(await ingestDocuments(db.pool, {}, { resourceFolder: folder })).toBe(1);
    expect(await state()).toEqual({ status: 'ready', error: null });
    expect(await all(db.pool, 'select content from howdah.chunks')).toEqual([{ content: TEXT }]);
  });

  test('waits while the folder itself is not there', async () => {
    await insert();
    await ingestDocuments(db.pool, {}, { resourceFolder: join(folder, 'not-mounted') });
    expect(await state()).toEqual(waiting(MISSING));
  });

  test('fails with the reason when nobody could read it for too long, and may be tried again', async () => {
    await insert();
    await ingestDocuments(db.pool, { wait_ms: 0 });
    expect(await state()).toEqual(waiting(NO_FOLDER));
    await retry();
    await ingestDocuments(db.pool, { wait_ms: 0 });
    expect(await state()).toEqual({
      status: 'failed',
      error: {
        code: 'unreachable',
        message: `no worker could read it for 0 hours: this worker cannot read the file: ${NO_FOLDER}`,
      },
    });
    await db.pool.query(`update howdah.documents set status = 'pending'`);
    await ingestDocuments(db.pool, { wait_ms: 0 });
    expect(await state()).toEqual(waiting(NO_FOLDER));
  });

  test('fails at once if the fault is its own', async () => {
    await mkdir(join(folder, 'files', 'a.txt'), { recursive: true });
    await insert();
    await ingestDocuments(db.pool, {}, { resourceFolder: folder });
    expect(await state()).toMatchObject({ status: 'failed', error: { code: 'unreadable' } });
    await db.pool.query('delete from howdah.documents');
    await insert(9_000_000);
    await ingestDocuments(db.pool);
    expect(await state()).toMatchObject({ status: 'failed', error: { code: 'too_large' } });
  });
});

test('reading a file has a time limit', async () => {
  await add(
    makeDocx(paragraph('Wort').repeat(100_000)),
    true,
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  );
  await ingestDocuments(db.pool, { divide_ms: 1 });
  expect(await one(db.pool, 'select status, error from howdah.documents')).toEqual({
    status: 'failed',
    error: { code: 'time_limit', message: 'reading the file took more than 0.001 s' },
  });
  await db.pool.query(`update howdah.documents set status = 'pending'`);
  await ingestDocuments(db.pool);
  expect(await one(db.pool, 'select status, error from howdah.documents')).toEqual({
    ...{ status: 'ready', error: null },
  });
});
