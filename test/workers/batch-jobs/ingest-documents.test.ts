import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Pool } from '../../../src/db/connection/pool.ts';
import {
  claimDocuments,
  returnDocuments,
  storeChunks,
} from '../../../src/db/knowledge/ingestion.ts';
import { ingestionJobs } from '../../../workers/batch-jobs/documents/ingest-documents.ts';
import {
  INGESTION_LIMITS,
  type IngestionLimits,
} from '../../../workers/batch-jobs/documents/ingestion-limits.ts';
import { ANSWER_MS, SERVER_SHARE } from '../../../workers/pools.ts';
import { all, asRole, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';

const db = testDatabase();
let base: { tenant_id: string; knowledge_base_id: string };

beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
  base = await one(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name) values ($1, $2)
     returning tenant_id, id as knowledge_base_id`,
    [await makeTenant(db.pool), randomUUID()],
  );
});

const asCaller = (statement: string, values: unknown[] = []) => db.pool.query(statement, values);

async function addDocument(content: string, type = 'text/markdown'): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content, type)
     values ($1, $2, 'title', $3, $4) returning id`,
    [base.tenant_id, base.knowledge_base_id, content, type],
  );
  return id;
}

const chunks = (id: string) =>
  all<{ id: string; seq: number; content: string }>(
    db.pool,
    'select id, seq, content from howdah.chunks where document_id = $1 order by seq',
    [id],
  );
const document = (id: string) =>
  one<{ status: string; error: object | null }>(
    db.pool,
    'select status, error from howdah.documents where id = $1',
    [id],
  );
const terms = async () =>
  (await one<{ count: number }>(db.pool, 'select count(*)::int from howdah_private.chunk_terms'))
    .count;

/** Compares the statistics with what is counted anew. */
async function expectExactStatistics() {
  const size = await one(
    db.pool,
    `select coalesce(sum(chunks), 0)::int as chunks, coalesce(sum(terms), 0)::int as terms
     from howdah_private.knowledge_base_sizes`,
  );
  const counted = await one(
    db.pool,
    'select count(*)::int as chunks, coalesce(sum(length), 0)::int as terms from howdah.chunks',
  );
  expect(size).toEqual(counted);
  const lengths = await all(
    db.pool,
    `select c.number from howdah.chunks as c
     where c.length <> (select coalesce(sum(t.frequency), 0) from howdah_private.chunk_terms as t where t.chunk_number = c.number)
     union all
     select t.chunk_number from howdah_private.chunk_terms as t
     where not exists (select from howdah.chunks as c where c.number = t.chunk_number)`,
  );
  expect(lengths).toEqual([]);
}

/** As when the worker that has claimed documents dies, and the two minutes are over. */
const forgetClaims = () =>
  db.pool.query(`update howdah_private.due_documents set due_at = now() - interval '1 second'`);

test('offsets point at each chunk in SQL', async () => {
  await addDocument('# 😀 A\n\nÄpfel 😀.\n\n# B\n\nBirnen.');
  await ingestDocuments(db.pool);
  const wrong = await all(
    db.pool,
    `select c.content from howdah.chunks as c join howdah.documents as d on d.id = c.document_id
     where substr(d.content, c.start_offset + 1, c.end_offset - c.start_offset) <> c.content`,
  );
  expect(wrong).toEqual([]);
});

test('an edit does again only the chunks whose text changed', async () => {
  const id = await addDocument('# A\n\nOne.\n\n# B\n\nTwo.\n\n# C\n\nThree.\n\n# C\n\nThree.');
  await ingestDocuments(db.pool);
  const before = await chunks(id);
  await asCaller('update howdah.documents set content = $2 where id = $1', [
    id,
    '# New\n\nZero.\n\n# A\n\nOne.\n\n# B\n\nChanged.\n\n# C\n\nThree.\n\n# C\n\nThree.',
  ]);
  expect(await document(id)).toEqual({ status: 'pending', error: null });
  await ingestDocuments(db.pool);
  const after = await chunks(id);
  expect(after.map(({ content }) => content)).toEqual([
    'Zero.',
    'One.',
    'Changed.',
    'Three.',
    'Three.',
  ]);
  expect(after[1]?.id).toBe(before[0]?.id);
  expect(after.slice(3).map((one) => one.id)).toEqual(before.slice(2).map((one) => one.id));
  expect(before.map((one) => one.id)).not.toContain(after[2]?.id);
  await expectExactStatistics();
});

test('an update of other columns does nothing, and neither does the same text', async () => {
  const id = await addDocument('Text.');
  await ingestDocuments(db.pool);
  await asCaller(
    `update howdah.documents set metadata = '{"a": 1}', content = content where id = $1`,
    [id],
  );
  expect(await document(id)).toMatchObject({ status: 'ready' });
  expect(await all(db.pool, 'select * from howdah_private.due_documents')).toEqual([]);
});

test('10,000 documents in one statement are queued by one statement', async () => {
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     select $1, $2, 'title ' || n, 'text ' || n from generate_series(1, 10000) as n`,
    [base.tenant_id, base.knowledge_base_id],
  );
  const { count } = await one(db.pool, 'select count(*)::int from howdah_private.due_documents');
  expect(count).toBe(10_000);
  const job = await one(
    db.pool,
    `select waiting::int from howdah.batch_jobs where name = 'ingest_document'`,
  );
  expect(job).toEqual({ waiting: 10_000 });
});

test('a worker that dies loses nothing and doubles nothing', async () => {
  const id = await addDocument('# A\n\nOne.\n\n# B\n\nTwo.');
  const [lost] = await claimDocuments(db.pool, base, { atMost: 10 });
  expect(await document(id)).toMatchObject({ status: 'working' });
  expect(await claimDocuments(db.pool, base, { atMost: 10 })).toEqual([]);
  await forgetClaims();
  await ingestDocuments(db.pool);
  expect((await chunks(id)).map(({ content }) => content)).toEqual(['One.', 'Two.']);
  // the first worker was only slow
  expect(lost && (await storeChunks(db.pool, lost, { pieces: [] }, 10_000))).toBe(false);
  expect(await chunks(id)).toHaveLength(2);
  await expectExactStatistics();
});

test('a document whose workers die fails at the fourth attempt, and can be tried again', async () => {
  const id = await addDocument('Text.');
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    expect(await claimDocuments(db.pool, base, { atMost: 10 })).toHaveLength(1);
    await forgetClaims();
  }
  expect(await claimDocuments(db.pool, base, { atMost: 10 })).toEqual([]);
  expect(await document(id)).toMatchObject({ status: 'failed', error: { code: 'crashed' } });
  await asCaller(`update howdah.documents set status = 'pending' where id = $1`, [id]);
  await ingestDocuments(db.pool);
  expect(await document(id)).toEqual({ status: 'ready', error: null });
});

test('an edit during an attempt wins', async () => {
  const id = await addDocument('Old.');
  const [old] = await claimDocuments(db.pool, base, { atMost: 10 });
  await asCaller(`update howdah.documents set content = 'New.' where id = $1`, [id]);
  expect(
    old &&
      (await storeChunks(
        db.pool,
        old,
        { pieces: [{ content: 'Old.', heading_path: [], start_offset: 0, end_offset: 4 }] },
        10_000,
      )),
  ).toBe(false);
  await ingestDocuments(db.pool);
  expect((await chunks(id)).map(({ content }) => content)).toEqual(['New.']);
});

test('a worker that stops returns what it has not tried', async () => {
  const id = await addDocument('Text.');
  await returnDocuments(db.pool, await claimDocuments(db.pool, base, { atMost: 10 }));
  expect(await document(id)).toMatchObject({ status: 'pending' });
  expect(await all(db.pool, 'select attempts from howdah_private.due_documents')).toEqual([
    { attempts: 0 },
  ]);
});

describe('a batch', () => {
  const NEVER = new AbortController().signal;
  const doBatch = (pool: Pool, signal = NEVER, limits?: Partial<IngestionLimits>) =>
    ingestionJobs({ pool, limits: { ...INGESTION_LIMITS, ...limits } })[0].batch(
      { id: base.knowledge_base_id, tenantId: base.tenant_id },
      signal,
    );
  const attempts = async () =>
    (await all(db.pool, 'select attempts from howdah_private.due_documents order by attempts')).map(
      (row) => row.attempts,
    );
  const statuses = async () =>
    (await all(db.pool, 'select status from howdah.documents order by status::text')).map(
      (row) => row.status,
    );
  const addDocuments = async () => {
    for (const text of ['One.', 'Two.', 'Three.']) await addDocument(text);
  };
  /** A pool for single statements only, since `connect` fails. */
  const poolOf = (query: (...args: [string, unknown[]]) => Promise<unknown>) => {
    const connect = () =>
      Promise.reject(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    return { query, connect } as unknown as Pool;
  };

  test('that throws returns the documents behind the one that failed', async () => {
    await addDocuments();
    const broken = poolOf((text, values) => db.pool.query(text, values));
    await expect(doBatch(broken)).rejects.toThrow('ECONNRESET');
    expect(await attempts()).toEqual([0, 0, 1]);
    expect(await statuses()).toEqual(['pending', 'pending', 'working']);
  });

  test('does one document, and returns the others if its claim may end meanwhile', async () => {
    await addDocuments();
    const limits = { divide_ms: 110_000, store_ms: 10_000 };
    expect(await doBatch(db.pool, NEVER, limits)).toMatchObject({ done: 1, isMore: true });
    expect(await attempts()).toEqual([0, 0]);
    expect(await statuses()).toEqual(['pending', 'pending', 'ready']);
  });

  test('that the worker stops returns the document that is being divided', async () => {
    await addDocuments();
    const stop = new AbortController();
    const pool = poolOf(async (text, values) => {
      const result = await db.pool.query(text, values);
      setImmediate(() => stop.abort()); // while the thread starts
      return result;
    });
    expect(await doBatch(pool, stop.signal)).toMatchObject({ done: 0, isMore: true });
    expect(await attempts()).toEqual([0, 0, 0]);
    expect(await statuses()).toEqual(['pending', 'pending', 'pending']);
  });
});

test('a document that takes too long fails with the stage and the limit', async () => {
  const slow = await addDocument('<p>&lt;'.repeat(100_000), 'text/html');
  await ingestDocuments(db.pool, { divide_ms: 1 });
  expect(await document(slow)).toEqual({
    status: 'failed',
    error: { code: 'time_limit', message: 'dividing the text took more than 0.001 s' },
  });
  expect(await all(db.pool, 'select * from howdah_private.due_documents')).toEqual([]);
});

test('a document whose chunks take too long to write fails, and keeps none', async () => {
  const id = await addDocument('A sentence of the text. '.repeat(20_000));
  await ingestDocuments(db.pool, { store_ms: 1 });
  expect(await document(id)).toEqual({
    status: 'failed',
    error: { code: 'time_limit', message: 'writing the chunks took more than 0.001 s' },
  });
  expect(await chunks(id)).toEqual([]);
});

test('the server ends the writing of chunks before a worker gives up the answer', () => {
  expect(INGESTION_LIMITS.store_ms).toBeLessThan(ANSWER_MS * SERVER_SHARE);
});

test('a page that nobody can read fails with the reason, and loses its chunks', async () => {
  const id = await addDocument('<p>Fine.</p>', 'text/html');
  await ingestDocuments(db.pool);
  await asCaller('update howdah.documents set content = $2 where id = $1', [
    id,
    '<div>'.repeat(1_000),
  ]);
  await ingestDocuments(db.pool);
  expect(await document(id)).toMatchObject({
    status: 'failed',
    error: { code: 'unreadable', message: 'elements are nested over 500 deep' },
  });
  expect(await chunks(id)).toEqual([]);
  await expectExactStatistics();
});

test('a document that makes too many chunks fails before they leave the thread', async () => {
  const id = await addDocument(`# ${'a'.repeat(20_000)}\n${'## b\nx\n'.repeat(120_000)}`);
  await ingestDocuments(db.pool);
  expect(await document(id)).toMatchObject({
    status: 'failed',
    error: {
      code: 'too_large',
      message: 'the document has over 20000 chunks: divide it into several documents',
    },
  });
});

test('a pause stops ingestion', async () => {
  await addDocument('Text.');
  await db.pool.query(`select howdah.pause_batch_job('ingest_document')`);
  expect(await ingestDocuments(db.pool)).toBe(0);
  await db.pool.query(`select howdah.resume_batch_job('ingest_document')`);
  expect(await ingestDocuments(db.pool)).toBe(1);
});

test('sizes are merged, and a base leaves nothing behind', async () => {
  for (let n = 0; n < 60; n += 1) await addDocument(`Text ${n}.`);
  await ingestDocuments(db.pool);
  await addDocument('Last.');
  await ingestDocuments(db.pool);
  const rows = await all(db.pool, 'select * from howdah_private.knowledge_base_sizes');
  expect(rows.length).toBeLessThan(50);
  await expectExactStatistics();
  await db.pool.query('delete from howdah.knowledge_bases');
  expect(await all(db.pool, 'select * from howdah_private.knowledge_base_sizes')).toEqual([]);
  expect(await terms()).toBe(0);
});

test('a change of trust or of chunking divides the documents of a base again', async () => {
  const id = await addDocument('A sentence of the text. '.repeat(40));
  await ingestDocuments(db.pool);
  expect(await chunks(id)).toHaveLength(1);
  await db.pool.query(
    `update howdah.knowledge_bases set trust = 'internal', chunking = '{"max_characters": 200}'`,
  );
  await ingestDocuments(db.pool);
  expect((await chunks(id)).length).toBeGreaterThan(4);
  expect(await all(db.pool, 'select distinct trust from howdah.chunks')).toEqual([
    { trust: 'internal' },
  ]);
});

test('members write documents, and name themselves by nothing but their login', async () => {
  const settings = { 'howdah.tenant_id': base.tenant_id };
  const created = await asRole(db.pool, 'howdah_app', settings, (client) =>
    one(
      client,
      `insert into howdah.documents (knowledge_base_id, title, content) values ($1, 'a', 'b')
       returning created_by, status`,
      [base.knowledge_base_id],
    ),
  );
  expect(created).toEqual({ created_by: expect.any(String), status: 'pending' });
});
