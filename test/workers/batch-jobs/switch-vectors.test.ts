import { createHash, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { vectorText } from '../../../src/db/knowledge/vector-text.ts';
import { all, asRole, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { deleteVectors, embedChunks, fakeProvider } from '../../support/work/embed-chunks.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';

// The switch from the vectors of one model to those of another, and the job delete_vector: what
// searches find meanwhile, and what a process that is killed leaves behind.

const db = testDatabase();
const CHUNKS = 60;
const QUERY = 'which one?';
/** The first model finds the lowest numbers nearest, and the second one the highest. */
const NEAREST = { first: ['d0', 'd1', 'd2'], second: ['d59', 'd58', 'd57'] };
let tenant: string;
let base: { id: string; name: string };

beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
  await deleteVectors(db.pool);
  tenant = await makeTenant(db.pool);
  base = await one(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, embedding_model_id)
     values ($1, $2, $3) returning id, name`,
    [tenant, randomUUID(), await makeModel()],
  );
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     select $1, $2, 'd' || n, 'text' from generate_series(0, $3 - 1) as n`,
    [tenant, base.id, CHUNKS],
  );
  await ingestDocuments(db.pool);
  await embedChunks(
    db.pool,
    model((at) => at),
  );
  await setQuery('g.is_current');
});

async function makeModel(): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.models (tenant_id, name, provider, model, purpose)
     values ($1, $2, 'local', $2, 'embedding') returning id`,
    [tenant, randomUUID()],
  );
  return id;
}

/** Returns a model that turns the vector of a document by an angle that depends on its number. */
const model = (turn: (at: number) => number) =>
  fakeProvider(({ texts }) => ({
    ok: true,
    value: {
      vectors: texts.map((text) => {
        const angle = turn(Number(text.split('\n')[0]?.slice(1))) / 100;
        return [Math.cos(angle), Math.sin(angle)];
      }),
      usage: { tokens_in: 1, tokens_out: 0 },
    },
  })).find;

/** Stores the vector of the query for the models of some generations of the base. */
async function setQuery(condition: string) {
  await db.pool.query(
    `select howdah_private.end_query_embedding($1, g.model_digest, g.model, $2, $3, null, 0)
     from howdah_private.embedding_generations as g
     where g.knowledge_base_id = $4 and ${condition}`,
    [tenant, createHash('md5').update(QUERY).digest('hex'), vectorText([1, 0]), base.id],
  );
}

const searchOn = async (client: pg.ClientBase) => {
  const found = await all<{ title: string }>(
    client,
    `select title from howdah.search(array[$1], $2, 3, '{}', 'vector')`,
    [base.name, QUERY],
  );
  return found.map(({ title }) => title);
};

const search = () =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) => searchOn(client));

/** Gives the base another model, and its query the vector of that model too. */
async function beginSwitch() {
  await db.pool.query('update howdah.knowledge_bases set embedding_model_id = $2 where id = $1', [
    base.id,
    await makeModel(),
  ]);
  await setQuery('not g.is_current and g.retired_at is null');
}

const second = model((at) => CHUNKS - 1 - at);

const counts = () =>
  one(
    db.pool,
    `select (select count(*)::int from howdah_private.chunk_embeddings) as vectors,
       (select count(*)::int from howdah_private.embedding_generations) as generations`,
  );

/** Deletes a batch of ten vectors. Returns how many rows are gone. */
const deleteBatch = async (client: pg.ClientBase | pg.Pool) =>
  (
    await one<{ done: number }>(
      client as pg.ClientBase,
      'select howdah_private.delete_retired_embeddings(10) as done',
    )
  ).done;

test('a searcher finds the nearest of one model or the other, and all of them, at any time', async () => {
  await beginSwitch();
  const seen: string[][] = [];
  let isOver = false;
  const searcher = (async () => {
    do seen.push(await search());
    while (!isOver);
  })();
  const switching = (async () => {
    await embedChunks(db.pool, second);
    while ((await deleteBatch(db.pool)) > 0) seen.push(await search());
    isOver = true;
  })();
  await Promise.all([
    searcher,
    switching.finally(() => {
      isOver = true;
    }),
  ]);
  expect(seen.length).toBeGreaterThan(6);
  for (const titles of seen) {
    expect([NEAREST.first, NEAREST.second]).toContainEqual(titles);
  }
  expect(await search()).toEqual(NEAREST.second);
  expect(await counts()).toEqual({ vectors: CHUNKS, generations: 1 });
});

test('a transaction that began before the switch finds the earlier vectors until its end', async () => {
  const client = await db.pool.connect();
  try {
    await client.query('begin isolation level repeatable read');
    await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant]);
    await client.query('set local role howdah_app');
    expect(await searchOn(client)).toEqual(NEAREST.first);
    await beginSwitch();
    await embedChunks(db.pool, second);
    expect(await search()).toEqual(NEAREST.second);
    await deleteVectors(db.pool);
    expect(await searchOn(client)).toEqual(NEAREST.first);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('the switch deletes no vector, and batches delete ten at a time', async () => {
  await beginSwitch();
  await embedChunks(db.pool, second);
  expect(await counts()).toEqual({ vectors: 2 * CHUNKS, generations: 2 });
  const waiting = `select waiting::int from howdah.batch_jobs where name = 'delete_vector'`;
  expect(await one(db.pool, waiting)).toEqual({ waiting: CHUNKS });
  expect(await deleteBatch(db.pool)).toBe(10);
  expect(await one(db.pool, waiting)).toEqual({ waiting: CHUNKS - 10 });
  const done = [];
  for (let count = await deleteBatch(db.pool); count > 0; count = await deleteBatch(db.pool)) {
    done.push(count);
  }
  // the last one is the generation itself
  expect(done).toEqual([10, 10, 10, 10, 10, 1]);
  expect(await counts()).toEqual({ vectors: CHUNKS, generations: 1 });
});

/** Ends the server process of a client in the middle of its transaction, as a kill of it does. */
async function kill(client: pg.PoolClient) {
  const { pid } = await one<{ pid: number }>(client, 'select pg_backend_pid() as pid');
  const ended = new Promise((resolve) => client.once('error', resolve));
  await db.pool.query('select pg_terminate_backend($1)', [pid]);
  client.release(await ended.then(() => true));
}

test('a process that is killed during the switch leaves the earlier vectors', async () => {
  await beginSwitch();
  const client = await db.pool.connect();
  await client.query('begin');
  // the last vectors are written, and the transaction has switched
  await embedChunks(client as unknown as pg.Pool, second);
  expect(
    await one(
      client,
      `select is_current from howdah_private.embedding_generations
    order by id desc limit 1`,
    ),
  ).toEqual({ is_current: true });
  await kill(client);
  expect(await search()).toEqual(NEAREST.first);
  await embedChunks(db.pool, second);
  expect(await search()).toEqual(NEAREST.second);
  await deleteVectors(db.pool);
  expect(await counts()).toEqual({ vectors: CHUNKS, generations: 1 });
});

test('a process that is killed during a batch loses nothing, and another one goes on', async () => {
  await beginSwitch();
  await embedChunks(db.pool, second);
  await deleteBatch(db.pool);
  const client = await db.pool.connect();
  await client.query('begin');
  expect(await deleteBatch(client)).toBe(10);
  // another worker does not wait for it
  expect(await deleteBatch(db.pool)).toBe(0);
  await kill(client);
  expect(await counts()).toEqual({ vectors: 2 * CHUNKS - 10, generations: 2 });
  expect(await search()).toEqual(NEAREST.second);
  await deleteVectors(db.pool);
  expect(await counts()).toEqual({ vectors: CHUNKS, generations: 1 });
});

test('chunks that change during the deletion are neither lost nor left behind', async () => {
  await beginSwitch();
  await embedChunks(db.pool, second);
  await deleteBatch(db.pool);
  const client = await db.pool.connect();
  await client.query('begin');
  // the chunk of the highest number, whose earlier vector a batch passes over
  await client.query(
    `delete from howdah.documents where knowledge_base_id = $1 and title = 'd59'`,
    [base.id],
  );
  await deleteVectors(db.pool);
  expect(await counts()).toEqual({ vectors: CHUNKS + 1, generations: 2 });
  await client.query('rollback');
  client.release();
  await db.pool.query(
    `update howdah.documents set content = 'other' where knowledge_base_id = $1 and title = 'd3'`,
    [base.id],
  );
  await ingestDocuments(db.pool);
  await embedChunks(db.pool, second);
  await deleteVectors(db.pool);
  expect(await counts()).toEqual({ vectors: CHUNKS, generations: 1 });
  expect(await search()).toEqual(NEAREST.second);
});

test('a pause stops the deletion', async () => {
  await beginSwitch();
  await embedChunks(db.pool, second);
  await db.pool.query(`select howdah.pause_batch_job('delete_vector')`);
  await deleteVectors(db.pool);
  expect(await counts()).toEqual({ vectors: 2 * CHUNKS, generations: 2 });
  await db.pool.query(`select howdah.resume_batch_job('delete_vector')`);
  await deleteVectors(db.pool);
  expect(await counts()).toEqual({ vectors: CHUNKS, generations: 1 });
});
