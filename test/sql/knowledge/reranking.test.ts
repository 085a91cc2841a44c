import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { all, asRole, committed, makeTenant, one, refusal, takeRole } from '../support.ts';

// howdah.search with rerankers: what they are sent, what they make of the ranking, what a search
// says without them, and what a call costs.

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases; delete from howdah.limits');
});

async function makeModel(columns: Record<string, unknown> = {}): Promise<string> {
  const row = { purpose: 'rerank', provider: 'scripted', model: 'm', ...columns };
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.models (tenant_id, name, provider, model, purpose, input_price, unit_price,
       price_unit)
     values ($1, $2, $3, $4, $5, $6, $7, $8) returning id`,
    [
      ...[columns.tenant ?? tenant, randomUUID(), row.provider, row.model, row.purpose],
      ...[columns.input_price, columns.unit_price, columns.price_unit],
    ],
  );
  return id;
}

type Base = { id: string; name: string };

async function makeBase(
  contents: readonly string[],
  { model, candidates = 30 }: { model?: string; candidates?: number } = {},
): Promise<Base> {
  const base = await one<Base>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, rerank_model_id, rerank_candidates)
     values ($1, $2, $3, $4) returning id, name`,
    [tenant, randomUUID(), model, candidates],
  );
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content, metadata)
     select $1, $2, left(c, 1), c, jsonb_build_object('first', left(c, 1))
     from unnest($3::text[]) as c`,
    [tenant, base.id, contents],
  );
  await ingestDocuments(db.pool);
  return base;
}

const asCaller = <T>(work: Parameters<typeof committed<T>>[1], of = tenant) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': of });
    return work(client);
  });

type Ranked = { rank?: number; score?: number; error?: { code: string; message: string } };
type Found = {
  title: string;
  score: number;
  knowledge_base: string;
  trust: string;
  ranks: Partial<Record<'text' | 'fused' | 'rerank', Ranked>>;
};
type Asked = { k?: number; filter?: string; query?: string };

const names = (bases: readonly Base[]) => bases.map(({ name }) => name);
const search = (bases: readonly Base[], { k = 10, filter = '{}', query = 'tea' }: Asked = {}) =>
  asCaller((client) =>
    all<Found>(client, 'select * from howdah.search($1, $2, $3, $4)', [
      ...[names(bases), query, k, filter],
    ]),
  );
const ask = (bases: readonly Base[], { k = 10, filter = '{}', query = 'tea' }: Asked = {}) =>
  asCaller(async (client) => {
    const text = 'select howdah.rerank_query($1, $2, $3, $4) as state';
    const values = [names(bases), query, k, filter];
    return (await one<{ state: object }>(client, text, values)).state;
  });

type Row = { tenant_id: string; model_digest: string; digest: string };
type Sent = { query: string; documents: string[]; model: { model: string } };
type Answer = (document: string, model: string) => number | null;

/** Ranks what waits for rerankers, as workers do. Returns what the models were sent. */
async function rankWaiting(answer: Answer, usage: object = {}): Promise<Sent[]> {
  const waiting = await all<Row>(
    db.pool,
    `select tenant_id, model_digest, digest from howdah_private.query_rankings
     where query is not null order by model ->> 'model'`,
  );
  const sent: Sent[] = [];
  for (const { tenant_id, model_digest, digest } of waiting) {
    const key = [tenant_id, model_digest, digest];
    const { asked } = await one<{ asked: Sent }>(
      db.pool,
      'select howdah_private.begin_query_ranking($1, $2, $3) as asked',
      key,
    );
    sent.push(asked);
    const scores = asked.documents.map((document) => answer(document, asked.model.model));
    await db.pool.query('select howdah_private.end_query_ranking($1, $2, $3, $4, null, $5, null)', [
      ...key,
      scores,
      usage,
    ]);
  }
  return sent;
}

async function failWaiting(error: object) {
  await db.pool.query(
    `select howdah_private.end_query_ranking(q.tenant_id, q.model_digest, q.digest, null, $1, null,
       null)
     from howdah_private.query_rankings as q where q.query is not null`,
    [error],
  );
}

const titles = (found: readonly Found[]) => found.map(({ title }) => title);
/** Scores documents by the number in them. */
const byNumber: Answer = (document) => Number(/\d+/.exec(document)?.[0]);
const TEAS = ['A tea tea tea 1', 'B tea tea 2', 'C tea 3 with milk and sugar'];

describe('a base with a reranker', () => {
  test('is ordered by it, and each chunk says what it changed', async () => {
    const base = await makeBase(TEAS, { model: await makeModel() });
    const before = await search([base]);
    expect(titles(before)).toEqual(['A', 'B', 'C']);
    expect(await ask([base])).toEqual({ status: 'pending' });
    const sent = await rankWaiting(byNumber);
    expect(sent).toMatchObject([{ query: 'tea', documents: TEAS.map((t) => `${t[0]}\n${t}`) }]);
    expect(await ask([base])).toEqual({ status: 'ready' });
    const found = await search([base]);
    expect(titles(found)).toEqual(['C', 'B', 'A']);
    expect(found.map(({ score }) => score)).toEqual(before.map(({ score }) => score));
    expect(found.map(({ ranks }) => [ranks.fused?.rank, ranks.rerank])).toEqual([
      [3, { rank: 1, score: 3 }],
      [2, { rank: 2, score: 2 }],
      [1, { rank: 3, score: 1 }],
    ]);
    expect(found[0]?.ranks.fused?.score).toBeCloseTo(before[2]?.score ?? 0, 3);
    expect(found.map(({ trust }) => trust)).toEqual(['external', 'external', 'external']);
  });

  test('keeps the order among equal scores of words', async () => {
    const equal = ['X tea red 1', 'Y tea hot 2', 'Z tea big 3'];
    const base = await makeBase(equal, { model: await makeModel() });
    await ask([base]);
    await rankWaiting(byNumber);
    const found = await search([base]);
    expect(new Set(found.map(({ score }) => score)).size).toBe(1);
    expect(titles(found)).toEqual(['Z', 'Y', 'X']);
  });

  test('is sent its best candidates only, and k may be larger or smaller', async () => {
    const base = await makeBase(TEAS, { model: await makeModel(), candidates: 2 });
    await ask([base], { k: 1 });
    const sent = await rankWaiting(byNumber);
    expect(sent[0]?.documents).toHaveLength(2);
    expect(titles(await search([base], { k: 1 }))).toEqual(['B']);
    const all3 = await search([base], { k: 3 });
    expect(titles(all3)).toEqual(['B', 'A', 'C']);
    expect(all3[2]?.ranks).toEqual({ text: expect.anything() });
  });

  test('places what its model left out behind the others, in their order', async () => {
    const base = await makeBase(TEAS, { model: await makeModel() });
    await ask([base]);
    await rankWaiting((document) => (document.includes('C tea') ? -7.5 : null));
    const found = await search([base]);
    expect(titles(found)).toEqual(['C', 'A', 'B']);
    expect(found.map(({ ranks }) => ranks.rerank)).toEqual([{ rank: 1, score: -7.5 }, {}, {}]);
  });

  test('ranks anew after a change of the texts, the filter or the model', async () => {
    const model = await makeModel();
    const base = await makeBase(TEAS, { model });
    await ask([base]);
    await rankWaiting(byNumber);
    expect(titles(await search([base], { filter: '{"first": "C"}' }))).toEqual(['C']);
    expect((await search([base], { filter: '{"first": "C"}' }))[0]?.ranks.rerank).toMatchObject({
      error: { code: 'not_ranked' },
    });
    await db.pool.query(`update howdah.documents set content = 'B tea 9 tea' where title = 'B'`);
    await ingestDocuments(db.pool);
    const found = await search([base]);
    expect(titles(found)).toEqual(['A', 'B', 'C']);
    expect(found[0]?.ranks.rerank?.error).toMatchObject({
      code: 'not_ranked',
      message: expect.stringContaining('howdah.rerank_query'),
    });
    await ask([base]);
    await rankWaiting(byNumber);
    expect(titles(await search([base]))).toEqual(['B', 'C', 'A']);
    await db.pool.query(`update howdah.models set model = 'other' where id = $1`, [model]);
    expect(titles(await search([base]))).toEqual(['A', 'B', 'C']);
    await db.pool.query('delete from howdah.models where id = $1', [model]);
    expect((await search([base]))[0]?.ranks).toEqual({ text: expect.anything() });
    expect(await ask([base])).toEqual({ status: 'none' });
  });

  test('keeps its order when the model fails, and says why', async () => {
    const base = await makeBase(TEAS, { model: await makeModel() });
    await ask([base]);
    const error = { code: 'timeout', message: 'The model did not answer within 5 seconds.' };
    await failWaiting(error);
    expect(await ask([base])).toEqual({ status: 'failed', error });
    const found = await search([base]);
    expect(titles(found)).toEqual(['A', 'B', 'C']);
    expect(found[0]?.ranks.rerank).toEqual({ error });
    const asked = `update howdah_private.query_rankings
      set requested_at = requested_at - interval '11 seconds'`;
    await db.pool.query(asked);
    expect(await ask([base])).toEqual({ status: 'pending' });
  });

  test('finds nothing to rank for a query without a hit', async () => {
    const base = await makeBase(TEAS, { model: await makeModel() });
    expect(await ask([base], { query: 'zebra' })).toEqual({ status: 'none' });
    expect(await search([base], { query: 'zebra' })).toEqual([]);
  });
});

describe('several bases', () => {
  const OTHERS = ['X tea 10', 'Y tea 0 with a lot of milk and of sugar'];

  test('with one model are ordered as one list', async () => {
    const model = await makeModel();
    const bases = [await makeBase(TEAS, { model }), await makeBase(OTHERS, { model })];
    const before = await search(bases);
    await ask(bases);
    const sent = await rankWaiting(byNumber);
    expect(sent.map(({ documents }) => documents.length)).toEqual([5]);
    const found = await search(bases);
    expect(titles(found)).toEqual(['X', 'C', 'B', 'A', 'Y']);
    expect(found.map(({ score }) => score)).toEqual(before.map(({ score }) => score));
  });

  test('with different models keep the places of each base', async () => {
    const bases = [
      await makeBase(TEAS, { model: await makeModel({ model: 'a' }) }),
      await makeBase(OTHERS, { model: await makeModel({ model: 'b' }) }),
      await makeBase(['Z tea and no reranker']),
    ];
    const before = await search(bases);
    await ask(bases);
    // scales that cannot be compared
    await rankWaiting(
      (document, model) => Number(byNumber(document, model)) * (model === 'a' ? 1000 : -1),
    );
    const found = await search(bases);
    const placesOf = (rows: Found[]) => rows.map(({ knowledge_base }) => knowledge_base);
    expect(placesOf(found)).toEqual(placesOf(before));
    const inFirst = found.filter(({ knowledge_base }) => knowledge_base === bases[0]?.name);
    expect(titles(inFirst)).toEqual(['C', 'B', 'A']);
    const inSecond = found.filter(({ knowledge_base }) => knowledge_base === bases[1]?.name);
    expect(titles(inSecond)).toEqual(['Y', 'X']);
  });

  test('one of which fails: the others are ordered', async () => {
    const bases = [
      await makeBase(TEAS, { model: await makeModel({ model: 'a' }) }),
      await makeBase(OTHERS, { model: await makeModel({ model: 'b' }) }),
    ];
    await ask(bases);
    await db.pool.query(
      `select howdah_private.end_query_ranking(tenant_id, model_digest, digest, null,
         '{"code": "overloaded", "message": "busy"}', null, null)
       from howdah_private.query_rankings where model ->> 'model' = 'b'`,
    );
    expect(await ask(bases)).toMatchObject({ status: 'pending' });
    await rankWaiting(byNumber);
    expect(await ask(bases)).toMatchObject({ status: 'failed', error: { code: 'overloaded' } });
    const found = await search(bases);
    const [first, second] = bases;
    expect(titles(found.filter((hit) => hit.knowledge_base === first?.name))).toEqual([
      ...['C', 'B', 'A'],
    ]);
    expect(titles(found.filter((hit) => hit.knowledge_base === second?.name))).toEqual(['X', 'Y']);
  });

  test('send at most 100 chunks in one call', async () => {
    const model = await makeModel();
    const many = (letter: string) =>
      Array.from({ length: 60 }, (_, at) => `${letter} tea ${at} ${'milk '.repeat(at)}`);
    const bases = [
      await makeBase(many('A'), { model, candidates: 60 }),
      await makeBase(many('B'), { model, candidates: 60 }),
    ];
    await ask(bases);
    expect((await rankWaiting(byNumber))[0]?.documents).toHaveLength(100);
    const found = await search(bases, { k: 120 });
    expect(found).toHaveLength(120);
    expect(found.filter(({ ranks }) => ranks.rerank)).toHaveLength(100);
  });
});

describe('what is refused', () => {
  test.each(['llm', 'embedding'])('a model of purpose %s', async (purpose) => {
    const model = await makeModel({ purpose });
    expect(await refusal(makeBase([], { model }))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'rerank_model_id', purpose },
      hint: expect.stringContaining(`howdah.model('rerank')`),
    });
    const base = await makeBase([]);
    const change = db.pool.query(
      'update howdah.knowledge_bases set rerank_model_id = $1 where id = $2',
      [model, base.id],
    );
    expect(await refusal(change)).toMatchObject({ fields: { field: 'rerank_model_id' } });
  });

  test('a model of another tenant', async () => {
    const model = await makeModel({ tenant: await makeTenant(db.pool) });
    const base = await makeBase([]);
    const change = asCaller((client) =>
      client.query('update howdah.knowledge_bases set rerank_model_id = $1 where id = $2', [
        ...[model, base.id],
      ]),
    );
    expect((await refusal(change)).code).toBe('HWNTF');
  });

  test.each([0, 101])('%s candidates', async (candidates) => {
    expect(await refusal(makeBase([], { candidates }))).toMatchObject({
      code: 'HWINV',
      hint: expect.stringContaining('from 1 to 100'),
    });
  });

  test('more than 100 searches that wait', async () => {
    const base = await makeBase(TEAS, { model: await makeModel() });
    await asCaller((client) =>
      client.query(
        `select howdah.rerank_query($1, 'tea ' || n) from generate_series(1, 100) as n`,
        [[base.name]],
      ),
    );
    expect(await refusal(ask([base]))).toMatchObject({
      code: 'HWQTA',
      fields: { field: 'query', max_pending: 100 },
    });
    expect(await ask([base], { query: 'tea 1' })).toEqual({ status: 'pending' });
  });

  test.each([
    ['k', { k: 0 }],
    ['query', { query: ' ' }],
    ['filter', { filter: '[]' }],
  ])('a wrong %s', async (field, asked) => {
    const base = await makeBase(TEAS, { model: await makeModel() });
    expect(await refusal(ask([base], asked))).toMatchObject({ code: 'HWINV', fields: { field } });
  });
});

describe('the calls of a reranker', () => {
  const stateOf = async ({ name }: Base) => {
    const text = `select howdah.knowledge_bases_state(b) -> 'reranking' as state
      from howdah.knowledge_bases as b where b.name = $1`;
    return (await asCaller((client) => one<{ state: object }>(client, text, [name]))).state;
  };

  test('are counted with their tokens, cost and failures', async () => {
    const prices = { input_price: 2, unit_price: 0.5, price_unit: 'request' };
    const base = await makeBase(TEAS, { model: await makeModel(prices) });
    expect(await stateOf(base)).toMatchObject({ candidates: 30, calls: 0, cost: 0, error: null });
    await ask([base]);
    await rankWaiting(byNumber, { tokens_in: 1_000, tokens_out: 0 });
    expect(await stateOf(base)).toMatchObject({ calls: 1, tokens: 1_000, cost: 0.502 });
    await ask([base], { query: 'tea milk' });
    await failWaiting({ code: 'timeout', message: 'late' });
    expect(await stateOf(base)).toMatchObject({
      ...{ calls: 1, failures: 1, tokens: 1_000, cost: 0.502 },
      error: { code: 'timeout', message: 'late' },
    });
  });

  test('count for the limits of the tenant, and end when one is used up', async () => {
    const base = await makeBase(TEAS, { model: await makeModel({ input_price: 1_000_000 }) });
    await db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
       values ($1, 'tenant', 'cost', 'day', 10)`,
      [tenant],
    );
    await ask([base]);
    await rankWaiting(byNumber, { tokens_in: 10 });
    expect(await search([base])).toMatchObject([{ title: 'C' }, { title: 'B' }, { title: 'A' }]);
    const error = { code: 'limit_reached', message: expect.stringContaining('limit') };
    expect(await ask([base], { query: 'tea milk' })).toEqual({ status: 'failed', error });
    expect((await search([base], { query: 'tea milk' }))[0]?.ranks.rerank).toEqual({ error });
    expect(await rankWaiting(byNumber)).toEqual([]);
    expect(await stateOf(base)).toMatchObject({ calls: 1, failures: 0 });
  });

  test('are none of chunks of another tenant', async () => {
    const base = await makeBase(TEAS, { model: await makeModel() });
    await ask([base]);
    const stranger = await makeTenant(db.pool);
    const foreign = await asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': stranger },
      async (client) => [
        await all(client, `select howdah.rerank_query(null, 'tea') as state`),
        await all(client, `select * from howdah.search(null, 'tea')`),
      ],
    );
    expect(foreign).toEqual([[{ state: { status: 'none' } }], []]);
    await db.pool.query(
      `insert into howdah.knowledge_bases (tenant_id, name) values ($1, 'theirs')`,
      [stranger],
    );
    const { asked } = await one(
      db.pool,
      `with moved as (
         insert into howdah_private.query_rankings
           (tenant_id, knowledge_base_id, model_digest, digest, model, chunk_numbers, query)
         select $1, (select id from howdah.knowledge_bases where name = 'theirs'), model_digest,
           digest, model, chunk_numbers, query
         from howdah_private.query_rankings returning tenant_id, model_digest, digest)
       select count(*)::int as asked from moved`,
      [stranger],
    );
    expect(asked).toBe(1);
    const { begun } = await one(
      db.pool,
      `select jsonb_agg(howdah_private.begin_query_ranking(tenant_id, model_digest, digest)) as begun
       from howdah_private.query_rankings where tenant_id = $1`,
      [stranger],
    );
    expect(begun).toEqual([null]);
  });

  test('are forgotten after a day, and with their base', async () => {
    const base = await makeBase(TEAS, { model: await makeModel() });
    await ask([base]);
    await rankWaiting(byNumber);
    const forget = async () =>
      one(db.pool, 'select howdah_private.delete_old_query_rankings() as count');
    expect(await forget()).toEqual({ count: 0 });
    await db.pool.query(
      `update howdah_private.query_rankings set requested_at = now() - interval '25 hours'`,
    );
    expect(await forget()).toEqual({ count: 1 });
    await ask([base]);
    await db.pool.query('delete from howdah.knowledge_bases where id = $1', [base.id]);
    expect(await all(db.pool, 'select from howdah_private.query_rankings')).toEqual([]);
    expect(await all(db.pool, 'select from howdah_private.rerank_totals')).toEqual([]);
  });
});
