import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { all, asRole, makeTenant, one, refusal } from '../support.ts';

// howdah.search: the ranking, what it depends on, and who finds what.

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
});

type Base = { name?: string; tenantId?: string; language?: string; trust?: string };

async function makeBase({ name, tenantId = tenant, language, trust }: Base = {}) {
  const base = await one<{ id: string; name: string }>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, language, trust)
     values ($1, $2, $3, $4) returning id, name`,
    [tenantId, name ?? randomUUID(), language ?? 'english', trust ?? 'external'],
  );
  return base;
}

/** Inserts documents whose titles are their keys, and divides them. */
async function addDocuments(baseId: string, texts: Record<string, string>, metadata = '{}') {
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content, metadata)
     select b.tenant_id, b.id, d.key, d.value, $3
     from howdah.knowledge_bases as b, jsonb_each_text($2) as d where b.id = $1`,
    [baseId, JSON.stringify(texts), metadata],
  );
  await ingestDocuments(db.pool);
}

type Found = { title: string; score: number; content: string; ranks: { text: object } };

const search = (
  bases: string[] | null,
  query: string,
  { k = 10, filter = '{}', mode = 'text', as = tenant } = {},
) =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': as }, (client) =>
    all<Found>(client, 'select * from howdah.search($1, $2, $3, $4, $5)', [
      bases,
      query,
      k,
      filter,
      mode,
    ]),
  );

const titles = (found: Found[]) => found.map(({ title }) => title);

/** BM25 as in the textbooks, over lists of terms. */
function bm25(documents: string[][], query: string[], k1 = 1.2, b = 0.75): number[] {
  const mean = documents.reduce((sum, one) => sum + one.length, 0) / documents.length;
  const count = (terms: string[], term: string) => terms.filter((one) => one === term).length;
  return documents.map((document) =>
    query.reduce((sum, term) => {
      const df = documents.filter((one) => one.includes(term)).length;
      const tf = count(document, term);
      const idf = Math.log(1 + (documents.length - df + 0.5) / (df + 0.5));
      return sum + (idf * tf * (k1 + 1)) / (tf + k1 * (1 - b + (b * document.length) / mean));
    }, 0),
  );
}

describe('the ranking', () => {
  test('scores are those of BM25, with repeated terms of the query counted', async () => {
    const base = await makeBase({ language: 'simple' });
    await addDocuments(base.id, {
      t1: 'red red fox',
      t2: 'red dog sleeps here now',
      t3: 'blue fox',
    });
    const documents = ['t1 red red fox', 't2 red dog sleeps here now', 't3 blue fox'].map((text) =>
      text.split(' '),
    );
    const [t1 = 0, t2 = 0, t3 = 0] = bm25(documents, ['red', 'fox', 'fox']);
    const found = await search([base.name], 'red fox fox nowhere');
    expect(titles(found)).toEqual(['t1', 't3', 't2']);
    expect(found.map(({ score }) => score)).toEqual([
      expect.closeTo(t1, 10),
      expect.closeTo(t3, 10),
      expect.closeTo(t2, 10),
    ]);
    // by hand: N 3, df of red 2, ln(1 + 1.5 / 2.5) = 0.470; t2 has 6 of 4.33 terms on average
    expect(t2).toBeCloseTo((0.47 * 2.2) / (1 + 1.2 * (0.25 + (0.75 * 6) / (13 / 3))), 3);
    expect(found[0]?.ranks).toEqual({
      text: { rank: 1, score: expect.any(Number), terms: ['fox', 'red'] },
    });
  });

  test('scores stay exact after edits and deletions', async () => {
    const [edited, fresh] = [await makeBase(), await makeBase()];
    await addDocuments(edited.id, { a: 'old words of apples', b: 'pears', c: 'apples and plums' });
    await db.pool.query(
      `update howdah.documents set content = 'apples with cream' where knowledge_base_id = $1 and title = 'a'`,
      [edited.id],
    );
    await db.pool.query(`delete from howdah.documents where title = 'b'`);
    await ingestDocuments(db.pool);
    await addDocuments(fresh.id, { a: 'apples with cream', c: 'apples and plums' });
    const scores = async (name: string) =>
      (await search([name], 'apples and cream')).map(({ title, score }) => [title, score]);
    expect(await scores(edited.name)).toEqual(await scores(fresh.name));
    expect(await search([edited.name], 'old pears')).toEqual([]);
  });

  test('words are those of the language of the base', async () => {
    const german = await makeBase({ language: 'german' });
    await addDocuments(german.id, { a: 'Die Häuser sind teuer.', b: 'Ein Baum.' });
    expect(titles(await search([german.name], 'Was kostet ein Haus?'))).toEqual(['a']);
    await db.pool.query(`update howdah.knowledge_bases set language = 'simple'`);
    await ingestDocuments(db.pool);
    expect(await search([german.name], 'Haus')).toEqual([]);
  });

  test('a German compound also finds the words that it consists of', async () => {
    const base = await makeBase({ language: 'german' });
    const texts = {
      tax: 'Die Umsatzsteuer beträgt 19 Prozent.',
      return: 'Eine Voranmeldung ist monatlich abzugeben.',
      whole: 'Das Formular der Umsatzsteuervoranmeldung.',
      office: 'Die Arbeit braucht einen Platz.',
      tree: 'Ein Baum.',
    };
    await addDocuments(base.id, texts);
    const found = await search([base.name], 'Wann ist die Umsatzsteuervoranmeldung fällig?');
    expect(titles(found)[0]).toBe('whole');
    expect(titles(found).toSorted()).toEqual(['return', 'tax', 'whole']);
    expect(found.find(({ title }) => title === 'tax')?.ranks).toMatchObject({
      text: { terms: ['umsatzsteu'] },
    });
    expect(titles(await search([base.name], 'Arbeitsplatz'))).toEqual(['office']); // with an s
    await db.pool.query(`delete from howdah.documents where title in ('tax', 'whole')`);
    // a part that no chunk has is none
    expect(await search([base.name], 'Umsatzsteuervoranmeldung')).toEqual([]);

    const english = await makeBase();
    await addDocuments(english.id, { pass: 'A pass to the word.', word: 'Say the word twice.' });
    expect(await search([english.name], 'password')).toEqual([]);
  });

  test('title and headings are searched, and the best chunk comes first', async () => {
    const base = await makeBase();
    await addDocuments(base.id, {
      Handbook: '# Refunds\n\nWithin 30 days.\n\n# Shipping\n\nFree above 50 euros.',
    });
    const [best] = await search([base.name], 'refunds');
    expect(best).toMatchObject({
      content: 'Within 30 days.',
      chunk_seq: 1,
      heading_path: ['Refunds'],
      knowledge_base: base.name,
      trust: 'external',
    });
    expect(await search([base.name], 'handbook')).toHaveLength(2);
  });

  test('a filter finds the documents with the metadata, however they rank', async () => {
    const base = await makeBase();
    await addDocuments(base.id, { a: 'tea', b: 'tea' }, '{"year": 2025}');
    await addDocuments(
      base.id,
      { long: `tea ${'and other things '.repeat(30)}` },
      '{"year": 2026}',
    );
    expect(titles(await search([base.name], 'tea', { k: 1, filter: '{"year": 2026}' }))).toEqual([
      'long',
    ]);
  });

  test('a filter gives the same order and scores, however many documents pass', async () => {
    const base = await makeBase();
    // five documents of 2,010 chunks, and ten of one
    await db.pool.query(
      `insert into howdah.documents (tenant_id, knowledge_base_id, title, content, metadata)
       select $1, $2, 'd' || n, (
           select string_agg(format(E'# h%s\\ntea%s', i, repeat(' and leaves', (i + n) % 7)),
             E'\\n\\n' order by i)
           from generate_series(1, case when n <= 5 then 2010 else 1 end) as i),
         jsonb_build_object('all', true, 'few', n > 5)
       from generate_series(1, 15) as n`,
      [tenant, base.id],
    );
    await ingestDocuments(db.pool);
    const chunks = 'select count(*)::int as count from howdah.chunks where knowledge_base_id = $1';
    expect(await one(db.pool, chunks, [base.id])).toEqual({ count: 10_060 });
    const ranked = async (filter: string, k = 1000) =>
      (await search([base.name], 'tea leaves', { k, filter })).map(({ title, score }) => [
        title,
        score,
      ]);
    const everything = await ranked('{}');
    expect(everything).toHaveLength(1000);
    expect(await ranked('{"all": true}')).toEqual(everything);
    const few = await ranked('{"few": true}');
    expect(few).toHaveLength(10);
    const scores = new Map(everything.map(([title, score]) => [title, score]));
    for (const [title, score] of few) expect(scores.get(title) ?? score).toBe(score);
    expect(await ranked('{"few": true}', 3)).toEqual(few.slice(0, 3));
    expect(await ranked('{"all": false}')).toEqual([]);
  }, 60_000);

  test('several bases are one list, and k bounds it', async () => {
    const bases = [await makeBase(), await makeBase()];
    for (const { id } of bases) await addDocuments(id, { [id]: 'tea', [`${id}b`]: 'tea and milk' });
    const names = bases.map(({ name }) => name);
    expect(await search(names, 'tea', { k: 3 })).toHaveLength(3);
    expect(await search(null, 'tea')).toHaveLength(4);
  });
});

describe('refusals', () => {
  test.each([
    ['mode', { mode: 'vector' }, 'tea'],
    ['mode', { mode: 'words' }, 'tea'],
    ['k', { k: 0 }, 'tea'],
    ['filter', { filter: '[]' }, 'tea'],
    ['query', {}, '  '],
  ])('%s', async (field, options, query) => {
    await makeBase({ name: 'b' });
    expect(await refusal(search(['b'], query, options))).toMatchObject({
      code: 'HWINV',
      fields: { field },
    });
  });

  test('an unknown base is named, with the one that is meant', async () => {
    await makeBase({ name: 'handbook' });
    expect(await refusal(search(['handbok'], 'tea'))).toMatchObject({
      code: 'HWNTF',
      hint: 'Did you mean handbook?',
    });
  });

  test.each([
    ['language', `insert into howdah.knowledge_bases (name, language) values ('x', 'klingon')`],
    ['chunking', `insert into howdah.knowledge_bases (name, chunking) values ('x', '{"max": 1}')`],
    ['ranking', `insert into howdah.knowledge_bases (name, ranking) values ('x', '{"max": 1}')`],
    [
      'ranking',
      `insert into howdah.knowledge_bases (name, ranking)
       values ('x', '{"weights": {"text": 0, "vector": 0}}')`,
    ],
    ['status', `update howdah.documents set status = 'ready'`],
  ])('%s', async (field, statement) => {
    const { id } = await makeBase();
    await db.pool.query(
      `insert into howdah.documents (tenant_id, knowledge_base_id, title, content) values ($1, $2, 'a', 'b')`,
      [tenant, id],
    );
    const settings = { 'howdah.tenant_id': tenant };
    const refused = asRole(db.pool, 'howdah_app', settings, (client) => client.query(statement));
    expect(await refusal(refused)).toMatchObject({ code: 'HWINV', fields: { field } });
  });
});

describe('who finds what', () => {
  test('the counts of a base are those of its own tenant, whatever the row says', async () => {
    const other = await makeTenant(db.pool);
    const { id } = await makeBase();
    await addDocuments(id, { tea: 'Tea is served.', milk: 'Milk too.' });
    const stateAs = (as: string) =>
      asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': as }, async (client) => {
        const text = `select howdah.knowledge_bases_state(
            jsonb_populate_record(null::howdah.knowledge_bases, $1)) as state`;
        const row = { id, tenant_id: as };
        return (await one<{ state: object }>(client, text, [JSON.stringify(row)])).state;
      });
    const nothing = {
      pending: 0,
      working: 0,
      ready: 0,
      failed: 0,
      chunks: 0,
      vectors: null,
      reranking: null,
      recognition: null,
    };
    expect(await stateAs(tenant)).toEqual({ ...nothing, ready: 2, chunks: 2 });
    expect(await stateAs(other)).toEqual(nothing);
  });

  test('no tenant finds chunks, bases or terms of another', async () => {
    const other = await makeTenant(db.pool);
    const base = await makeBase({ name: 'shared' });
    const own = await makeBase({ name: 'shared', tenantId: other });
    await addDocuments(base.id, { secret: 'the formula of tea' });
    await addDocuments(own.id, { mine: 'milk' });
    expect(await search(null, 'formula tea', { as: other })).toEqual([]);
    expect(await search(['shared'], 'formula milk', { as: other })).toMatchObject([
      { title: 'mine' },
    ]);
    for (const table of ['chunks', 'documents', 'knowledge_bases', 'agent_knowledge_bases']) {
      const seen = await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': other }, (client) =>
        all(client, `select * from howdah.${table} where tenant_id = $1`, [tenant]),
      );
      expect(seen).toEqual([]);
    }
    const terms = asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': other }, (client) =>
      client.query('select * from howdah_private.chunk_terms'),
    );
    expect(await refusal(terms)).toMatchObject({ code: '42501' });
  });
});

describe('a changed document', () => {
  const chunks = (baseId: string) =>
    all(
      db.pool,
      `select heading_path, content, trust from howdah.chunks
       where knowledge_base_id = $1 order by seq`,
      [baseId],
    );

  test('has no chunk of the earlier text whose headings and text have the same words', async () => {
    const base = await makeBase();
    await addDocuments(base.id, { menu: '# A\n## B\nC' });
    expect(await chunks(base.id)).toMatchObject([{ heading_path: ['A', 'B'], content: 'C' }]);
    await db.pool.query('update howdah.documents set content = $2 where knowledge_base_id = $1', [
      base.id,
      '# A\nB\nC',
    ]);
    await ingestDocuments(db.pool);
    expect(await chunks(base.id)).toMatchObject([{ heading_path: ['A'], content: 'B\nC' }]);
  });

  test('a base that is trusted less is so at once, and its chunks when they are divided', async () => {
    const base = await makeBase({ trust: 'internal' });
    await addDocuments(base.id, { menu: 'soup' });
    expect(await search([base.name], 'soup')).toMatchObject([{ trust: 'internal' }]);
    await db.pool.query(`update howdah.knowledge_bases set trust = 'external' where id = $1`, [
      base.id,
    ]);
    expect(await chunks(base.id)).toMatchObject([{ trust: 'internal' }]);
    expect(await search([base.name], 'soup')).toMatchObject([{ trust: 'external' }]);
    await ingestDocuments(db.pool);
    expect(await chunks(base.id)).toMatchObject([{ trust: 'external' }]);
  });
});
