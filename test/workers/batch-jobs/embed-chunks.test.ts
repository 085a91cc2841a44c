import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Embeddings, EmbedRequest } from '../../../src/contracts/agents/model.ts';
import type { Outcome, RunError } from '../../../src/contracts/errors.ts';
import { claimChunks } from '../../../src/db/knowledge/embeddings.ts';
import { makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { deleteVectors, embedChunks, fakeProvider } from '../../support/work/embed-chunks.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';

// The job embed_chunk: which texts it sends to a model, what it stores, and what it does when the
// model fails.

const db = testDatabase();
let tenant: string;

beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
  tenant = await makeTenant(db.pool);
});

async function makeModel(name: string = randomUUID()): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.models (tenant_id, name, provider, model, purpose)
     values ($1, $2, 'local', $2, 'embedding') returning id`,
    [tenant, name],
  );
  return id;
}

async function makeBase(model: string | null): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, embedding_model_id)
     values ($1, $2, $3) returning id`,
    [tenant, randomUUID(), model],
  );
  return id;
}

async function addDocument(base: string, title: string, content = title): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     values ($1, $2, $3, $4) returning id`,
    [tenant, base, title, content],
  );
  await ingestDocuments(db.pool);
  return id;
}

/** Embeds each text as its length and its first letters. */
function embed({ texts }: EmbedRequest, dimensions = 4): Outcome<Embeddings> {
  const vectors = texts.map((text) =>
    Array.from({ length: dimensions }, (_, at) => (text.charCodeAt(at) || 0) - 90),
  );
  return { ok: true, value: { vectors, usage: { tokens_in: texts.length, tokens_out: 0 } } };
}

const fail = (code: RunError['code']): Outcome<never> => ({
  ok: false,
  error: { code, message: `it is ${code}`, retryable: true },
});

const state = async (base: string) => {
  const { vectors } = await one<{ vectors: object | null }>(
    db.pool,
    `select howdah_private.embeddings_state($1, $2) as vectors`,
    [tenant, base],
  );
  return vectors;
};

/** Returns what is left after the deletion of vectors that nothing uses. */
async function counts() {
  await deleteVectors(db.pool);
  return one(
    db.pool,
    `select (select count(*)::int from howdah_private.chunk_embeddings) as vectors,
       (select count(*)::int from howdah_private.due_embeddings) as due,
       (select count(*)::int from howdah_private.embedding_generations) as generations`,
  );
}

test('embeds each chunk once, with its title and headings, and again only when its text changes', async () => {
  const base = await makeBase(await makeModel());
  const document = await addDocument(
    base,
    'Terms',
    '# Refunds\n\nWithin 30 days.\n\n# Shipping\n\nFree.',
  );
  const { find, calls } = fakeProvider(embed);
  expect(await state(base)).toMatchObject({ status: 'ready', waiting: 2, dimensions: null });
  expect(await embedChunks(db.pool, find)).toEqual({ done: 2, failures: [] });
  expect(calls).toEqual([['Terms\nRefunds\nWithin 30 days.', 'Terms\nShipping\nFree.']]);
  expect(await state(base)).toMatchObject({
    status: 'ready',
    waiting: 0,
    dimensions: 4,
    tokens: 2,
  });
  await db.pool.query('update howdah.documents set content = $2 where id = $1', [
    document,
    '# Shipping\n\nFree.\n\n# Returns\n\nBy mail.',
  ]);
  await ingestDocuments(db.pool);
  await embedChunks(db.pool, find);
  expect(calls.slice(1)).toEqual([['Terms\nReturns\nBy mail.']]);
  expect(await counts()).toEqual({ vectors: 2, due: 0, generations: 1 });
});

test('a base without a model has no vectors, and loses them with its model', async () => {
  const model = await makeModel();
  const base = await makeBase(null);
  await addDocument(base, 'Terms');
  expect(await state(base)).toBeNull();
  expect(await embedChunks(db.pool)).toEqual({ done: 0, failures: [] });
  await db.pool.query('update howdah.knowledge_bases set embedding_model_id = $2 where id = $1', [
    base,
    model,
  ]);
  expect((await embedChunks(db.pool)).done).toBe(1);
  expect(await counts()).toEqual({ vectors: 1, due: 0, generations: 1 });
  await db.pool.query('delete from howdah.models where id = $1', [model]);
  expect(await counts()).toEqual({ vectors: 0, due: 0, generations: 0 });
});

describe('another model', () => {
  test('replaces the vectors when all new ones are there', async () => {
    const base = await makeBase(await makeModel());
    for (const title of ['one', 'two']) await addDocument(base, title);
    await embedChunks(db.pool, fakeProvider(embed).find);
    await db.pool.query('update howdah.knowledge_bases set embedding_model_id = $2 where id = $1', [
      base,
      await makeModel(),
    ]);
    expect(await state(base)).toMatchObject({ status: 'changing', dimensions: 4, waiting: 2 });
    // a new chunk gets a vector of each
    await addDocument(base, 'three');
    expect(await state(base)).toMatchObject({ status: 'changing', dimensions: 4, waiting: 4 });
    await embedChunks(db.pool, fakeProvider((request) => embed(request, 3)).find);
    // the earlier model refused to make vectors of three dimensions
    expect(await state(base)).toMatchObject({ status: 'ready', dimensions: 3, waiting: 0 });
    expect(await counts()).toEqual({ vectors: 3, due: 0, generations: 1 });
  });

  test('that is given up keeps the earlier vectors', async () => {
    const first = await makeModel();
    const base = await makeBase(first);
    await addDocument(base, 'one');
    await embedChunks(db.pool, fakeProvider(embed).find);
    const set = (model: string) =>
      db.pool.query('update howdah.knowledge_bases set embedding_model_id = $2 where id = $1', [
        base,
        model,
      ]);
    await set(await makeModel());
    await set(first);
    expect(await state(base)).toMatchObject({ status: 'ready', waiting: 0 });
    expect(await counts()).toEqual({ vectors: 1, due: 0, generations: 1 });
  });

  test('begins with a change of the row of the model, but not of its name or key', async () => {
    const model = await makeModel();
    const base = await makeBase(model);
    await addDocument(base, 'one');
    await embedChunks(db.pool, fakeProvider(embed).find);
    await db.pool.query(`update howdah.models set name = 'other' where id = $1`, [model]);
    expect(await state(base)).toMatchObject({ status: 'ready' });
    await db.pool.query(`update howdah.models set request_params = '{"a": 1}' where id = $1`, [
      model,
    ]);
    expect(await state(base)).toMatchObject({ status: 'changing', waiting: 1 });
  });
});

test('refuses vectors of another length, and says so', async () => {
  const base = await makeBase(await makeModel());
  await addDocument(base, 'one');
  await embedChunks(db.pool, fakeProvider(embed).find);
  await addDocument(base, 'two');
  const { failures } = await embedChunks(db.pool, fakeProvider((one) => embed(one, 3)).find);
  const message = 'the model made a vector of 3 dimensions, and the base has vectors of 4';
  expect(failures).toMatchObject([{ code: 'internal', message }]);
  expect(await state(base)).toMatchObject({ dimensions: 4, waiting: 1, error: { message } });
  expect(await counts()).toMatchObject({ vectors: 1, due: 1 });
});

test('tokens and cost count for limits, and the chunks wait while one is used up', async () => {
  const model = await makeModel();
  await db.pool.query('update howdah.models set input_price = 1000000 where id = $1', [model]);
  await db.pool.query(
    `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
     values ($1, 'tenant', 'tokens', 'day', 2), ($1, 'tenant', 'cost', 'day', 100)`,
    [tenant],
  );
  const base = await makeBase(model);
  const { find, calls } = fakeProvider(embed);
  for (const title of ['one', 'two']) await addDocument(base, title);
  expect(await embedChunks(db.pool, find)).toEqual({ done: 2, failures: [] });
  await addDocument(base, 'three');
  expect(await embedChunks(db.pool, find)).toEqual({ done: 0, failures: [] });
  expect(await state(base)).toMatchObject({ waiting: 1, error: { code: 'limit_reached' } });
  const hurry = 'update howdah_private.embedding_generations set due_at = now()';
  await db.pool.query(hurry);
  expect(await embedChunks(db.pool, find)).toEqual({ done: 0, failures: [] });
  expect(calls).toHaveLength(1);
  await db.pool.query('update howdah.limits set max_value = 100 where tenant_id = $1', [tenant]);
  await db.pool.query(hurry);
  expect((await embedChunks(db.pool, find)).done).toBe(1);
  expect(await state(base)).toMatchObject({ waiting: 0, error: null, tokens: 3, cost: 3 });
  const { rows } = await db.pool.query(
    `select l.metric, sum(c.used)::float8 as used from howdah.limits as l
     join howdah_private.limit_counters as c on c.limit_id = l.id
     where l.tenant_id = $1 group by l.metric order by l.metric`,
    [tenant],
  );
  expect(rows).toEqual([
    { metric: 'tokens', used: 3 },
    { metric: 'cost', used: 3 },
  ]);
});

describe('limits of calls of the model', () => {
  const addLimit = (model: string, metric: string, period: string | null, max: number) =>
    db.pool.query(
      `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value)
       values ($1, 'model', $2, $3, $4, $5)`,
      [tenant, model, metric, period, max],
    );
  const hurry = () =>
    db.pool.query('update howdah_private.embedding_generations set due_at = now()');
  const wait = () =>
    one(
      db.pool,
      `select g.failures, ceil(extract(epoch from g.due_at - now()))::int as seconds
       from howdah_private.embedding_generations as g where g.tenant_id = $1`,
      [tenant],
    );
  const NOTHING = { done: 0, failures: [] };

  test.each([
    ['calls', 1],
    ['tokens', 2],
  ])('per minute (%s) let the chunks wait until a call may begin', async (metric, max) => {
    const model = await makeModel();
    await addLimit(model, metric, 'minute', max);
    const base = await makeBase(model);
    const { find, calls } = fakeProvider(embed);
    for (const title of ['one', 'two']) await addDocument(base, title);
    expect(await embedChunks(db.pool, find)).toEqual({ done: 2, failures: [] });
    await addDocument(base, 'three');
    for (let turn = 0; turn < 7; turn++) {
      await hurry();
      expect(await embedChunks(db.pool, find)).toEqual(NOTHING);
    }
    expect(calls).toHaveLength(1);
    expect(await state(base)).toMatchObject({
      ...{ waiting: 1, refused: 0 },
      error: { code: 'limit_reached', message: expect.stringContaining('limit of calls') },
    });
    const { failures, seconds } = await wait();
    expect(failures).toBe(0);
    expect(seconds).toBeGreaterThan(40);
    expect(seconds).toBeLessThanOrEqual(60);
    await db.pool.query(
      `update howdah_private.limited_calls
       set began_at = began_at - interval '1 minute', ended_at = ended_at - interval '1 minute'`,
    );
    await hurry();
    expect((await embedChunks(db.pool, find)).done).toBe(1);
    expect(await state(base)).toMatchObject({ waiting: 0, error: null, tokens: 3 });
    const { used } = await one(
      db.pool,
      'select used::int from howdah.limit_usage where tenant_id = $1',
      [tenant],
    );
    expect(used).toBe(1);
  });

  test('at once hold, also of a call that fails', async () => {
    const model = await makeModel();
    await addLimit(model, 'running_calls', null, 1);
    const base = await makeBase(model);
    await addDocument(base, 'one');
    const begin = 'select * from howdah_private.begin_model_call($1, $2)';
    const other = await one(db.pool, begin, [tenant, model]);
    expect(other).toMatchObject({ outcome: 'begun', wait_ms: null });
    const { find, calls } = fakeProvider(() => fail('overloaded'));
    expect(await embedChunks(db.pool, find)).toEqual(NOTHING);
    expect(calls).toEqual([]);
    await db.pool.query('select howdah_private.end_call($1, 0)', [other.call_id]);
    await hurry();
    expect((await embedChunks(db.pool, find)).failures).toMatchObject([{ code: 'overloaded' }]);
    const again = await one(db.pool, begin, [tenant, model]);
    expect(again).toMatchObject({ outcome: 'begun' });
    // of a worker that died
    await db.pool.query(
      `update howdah_private.limited_calls set began_at = now() - interval '4 minutes'`,
    );
    await db.pool.query('select howdah_private.delete_old_calls()');
    expect(await one(db.pool, begin, [tenant, model])).toMatchObject({ outcome: 'full' });
    await db.pool.query(
      `update howdah_private.limited_calls set began_at = now() - interval '6 minutes'`,
    );
    await db.pool.query('select howdah_private.delete_old_calls()');
    expect(await one(db.pool, begin, [tenant, model])).toMatchObject({ outcome: 'begun' });
  });

  test('of another model and another tenant concern no chunk', async () => {
    await addLimit(await makeModel(), 'calls', 'minute', 1);
    const base = await makeBase(await makeModel());
    const { find } = fakeProvider(embed);
    for (const title of ['one', 'two']) {
      await addDocument(base, title);
      expect((await embedChunks(db.pool, find)).done).toBe(1);
    }
  });
});

describe('a model that fails', () => {
  test('is called again after a delay, and the chunks wait', async () => {
    const base = await makeBase(await makeModel());
    await addDocument(base, 'one');
    const broken = fakeProvider(() => fail('unreachable'));
    expect((await embedChunks(db.pool, broken.find)).failures).toHaveLength(1);
    expect(await state(base)).toMatchObject({ waiting: 1, error: { code: 'unreachable' } });
    expect(await embedChunks(db.pool, broken.find)).toEqual({ done: 0, failures: [] });
    await db.pool.query('update howdah_private.embedding_generations set due_at = now()');
    expect((await embedChunks(db.pool, fakeProvider(embed).find)).done).toBe(1);
    expect(await state(base)).toMatchObject({ waiting: 0, error: null });
  });

  test('for one text leaves it out, and embeds the others', async () => {
    const base = await makeBase(await makeModel());
    for (const title of ['one', 'two', 'bad', 'four', 'five']) await addDocument(base, title);
    const { find } = fakeProvider((request) =>
      request.texts.some((text) => text.includes('bad'))
        ? fail('context_too_long')
        : embed(request),
    );
    const { failures } = await embedChunks(db.pool, find);
    expect(failures).toMatchObject([{ code: 'context_too_long' }]);
    expect(await state(base)).toMatchObject({ status: 'ready', waiting: 0, refused: 1 });
    expect(await counts()).toMatchObject({ vectors: 4, due: 1 });
  });

  test('for all texts of a claim leaves them out if it embeds another one', async () => {
    const base = await makeBase(await makeModel());
    await addDocument(base, 'good');
    const { find } = fakeProvider((request) =>
      request.texts.some((text) => text.includes('bad')) ? fail('invalid_request') : embed(request),
    );
    await embedChunks(db.pool, find);
    for (const title of ['bad', 'also bad']) await addDocument(base, title);
    await embedChunks(db.pool, find);
    expect(await state(base)).toMatchObject({ status: 'ready', waiting: 0, refused: 2, tokens: 2 });
  });

  test('for every text is no fault of the texts', async () => {
    const base = await makeBase(await makeModel());
    for (const title of ['one', 'two']) await addDocument(base, title);
    await embedChunks(db.pool, fakeProvider(() => fail('invalid_request')).find);
    expect(await state(base)).toMatchObject({ waiting: 2, refused: 0 });
  });
});

test('chunks of a worker that dies are due again, and are not embedded twice', async () => {
  const base = await makeBase(await makeModel());
  await addDocument(base, 'one');
  const { id } = await one<{ id: string }>(
    db.pool,
    'select id from howdah_private.embedding_generations',
  );
  expect((await claimChunks(db.pool, id, 10))?.chunks).toHaveLength(1);
  expect((await claimChunks(db.pool, id, 10))?.chunks).toEqual([]);
  await db.pool.query('update howdah_private.due_embeddings set due_at = now()');
  const { find, calls } = fakeProvider(embed);
  await embedChunks(db.pool, find);
  expect(calls).toHaveLength(1);
});

test('a chunk whose worker dies five times is left out', async () => {
  const base = await makeBase(await makeModel());
  await addDocument(base, 'one');
  await db.pool.query('update howdah_private.due_embeddings set attempts = 5');
  await embedChunks(db.pool, fakeProvider(embed).find);
  expect(await state(base)).toMatchObject({ waiting: 0, refused: 1 });
});

test('vectors go with their document and with the base', async () => {
  const base = await makeBase(await makeModel());
  const document = await addDocument(base, 'one');
  await addDocument(base, 'two');
  await embedChunks(db.pool, fakeProvider(embed).find);
  await db.pool.query('delete from howdah.documents where id = $1', [document]);
  expect(await counts()).toEqual({ vectors: 1, due: 0, generations: 1 });
  await db.pool.query('delete from howdah.knowledge_bases where id = $1', [base]);
  expect(await counts()).toEqual({ vectors: 0, due: 0, generations: 0 });
});

test('a new generation of the same model does not send refused chunks again', async () => {
  const base = await makeBase(await makeModel());
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     select $1::uuid, $2::uuid, 'n' || n, 'text ' || n from generate_series(1, 209) as n
     union all select $1::uuid, $2::uuid, 'bad', 'bad'`,
    [tenant, base],
  );
  await ingestDocuments(db.pool);
  const { find, calls } = fakeProvider((request) =>
    request.texts.some((text) => text.includes('bad')) ? fail('invalid_request') : embed(request),
  );
  await embedChunks(db.pool, find);
  expect(await state(base)).toMatchObject({ status: 'ready', waiting: 0, refused: 1 });
  const single = calls.filter(([text, other]) => text?.startsWith('bad') && !other);
  expect(single).toHaveLength(1);
  const { sampled } = await one<{ sampled: number }>(
    db.pool,
    'select sampled from howdah_private.embedding_generations where is_current',
  );
  expect(sampled).toBe(209);
});

test('centers the signs by the mean, without calling the model again', async () => {
  const base = await makeBase(await makeModel());
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     select $1, $2, 'n' || n, 'text ' || n from generate_series(1, 210) as n`,
    [tenant, base],
  );
  await ingestDocuments(db.pool);
  const { find, calls } = fakeProvider((request) => embed(request, 8));
  await embedChunks(db.pool, find);
  expect(calls.flat()).toHaveLength(210);
  const generation = await one(
    db.pool,
    `select is_current, sampled, array_length(center, 1) as center
     from howdah_private.embedding_generations where is_current`,
  );
  expect(generation).toEqual({ is_current: true, sampled: 210, center: 8 });
  expect(await counts()).toEqual({ vectors: 210, due: 0, generations: 1 });
});
