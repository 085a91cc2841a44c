import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { all, asRole, makeTenant, one } from '../support.ts';

// Parts of German compounds in documents: what finds them, how they count, and when they change.

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
});

type Base = { id: string; name: string };
type Ranks = { text: { terms: string[]; parts?: string[] } };
type Found = { title: string; score: number; ranks: Ranks };

const makeBase = (language = 'german') =>
  one<Base>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, language)
     values ($1, $2, $3) returning id, name`,
    [tenant, randomUUID(), language],
  );

async function add({ id }: Base, texts: Record<string, string>, language: string | null = null) {
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content, language)
     select $1, $2, d.key, d.value, $4 from jsonb_each_text($3) as d`,
    [tenant, id, JSON.stringify(texts), language],
  );
  await ingestDocuments(db.pool);
}

async function change(title: string, set: string, values: unknown[] = []) {
  await db.pool.query(`update howdah.documents set ${set} where title = $1`, [title, ...values]);
  await ingestDocuments(db.pool);
}

const search = ({ name }: Base, query: string) =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
    all<Found>(
      client,
      `select title, score, ranks from howdah.search(array[$1], $2, mode => 'text')`,
      [name, query],
    ),
  );
const titlesOf = async (base: Base, query: string) =>
  (await search(base, query)).map(({ title }) => title);

/** Returns the terms of parts of a document, and how often it has each. */
const partsOf = async (title: string) => {
  const rows = await all<{ term: string; frequency: number }>(
    db.pool,
    `select t.term, t.frequency from howdah.documents as d
     join howdah.chunks as c on c.document_id = d.id
     join howdah_private.chunk_terms as t on t.chunk_number = c.number
     where d.title = $1 and strpos(t.term, '+ ') > 0 order by t.term`,
    [title],
  );
  return Object.fromEntries(rows.map(({ term, frequency }) => [term, frequency]));
};

const WORDS = { words: 'Eine Datenbank. Eine Verwaltung.' };
const COMPOUND = 'Die Datenbankverwaltung ist neu.';

describe('a word finds', () => {
  test('the compounds that contain it, and the hit says so', async () => {
    const base = await makeBase();
    await add(base, { words: 'Eine Datenbank.', other: 'Eine Verwaltung.' });
    await add(base, { compound: COMPOUND, none: 'Ein Baum.' });
    const found = await search(base, 'Welche Datenbank?');
    expect(found.map(({ title }) => title)).toEqual(['words', 'compound']);
    expect(found[0]?.ranks.text).toMatchObject({ terms: ['datenbank'] });
    expect(found[0]?.ranks.text).not.toHaveProperty('parts');
    expect(found[1]?.ranks.text).toMatchObject({ terms: ['datenbank'], parts: ['datenbank'] });
    expect(await titlesOf(base, 'Verwaltung')).toEqual(['other', 'compound']);
    // the whole word comes first
    const [whole] = await search(base, 'Datenbankverwaltung');
    expect(whole).toMatchObject({
      title: 'compound',
      ranks: {
        text: {
          terms: ['datenbank', 'datenbankverwalt', 'verwalt'],
          parts: ['datenbank', 'verwalt'],
        },
      },
    });
  });

  test('no compounds of English documents, or of parts with less than four letters', async () => {
    const base = await makeBase();
    await add(base, { ...WORDS, short: 'Ein Haus, ein Baum, eine Tür, ein Server.' });
    await add(base, { compound: COMPOUND }, 'en');
    await add(base, { house: 'Die Haustür und das Baumhaus.', server: 'Der Datenbankserver.' });
    expect(await titlesOf(base, 'Datenbank')).toEqual(['words', 'server']);
    expect(await titlesOf(base, 'Tür')).toEqual(['short']);
    expect(await titlesOf(base, 'Baum')).toEqual(['short', 'house']);
    expect(await partsOf('compound')).toEqual({});
  });

  test('German compounds of a base in another language', async () => {
    const base = await makeBase('english');
    await add(base, WORDS, 'de');
    await add(base, { compound: COMPOUND }, 'de');
    await add(base, { english: 'A database, or Datenbank in German.' }, 'en');
    expect(await partsOf('compound')).toEqual({ 'german+ datenbank': 1, 'german+ verwalt': 1 });
    const found = await search(base, 'Datenbank');
    expect(found.map(({ title }) => title).toSorted()).toEqual(['compound', 'english', 'words']);
    expect(found.find(({ title }) => title === 'compound')?.ranks.text).toMatchObject({
      terms: ['datenbank'],
      parts: ['datenbank'],
    });
  });
});

describe('parts count', () => {
  test('0.4 times, by the chunks that have the word as a whole or as a part', async () => {
    const base = await makeBase();
    await add(base, { d1: 'Datenbank', d2: 'Verwaltung' });
    await add(base, { d3: 'Datenbankverwaltung Datenbankverwaltung', d4: 'Baum' });
    await add(base, { d5: 'Datenbank Datenbankverwaltung' });
    // with the titles, lengths are 2, 2, 3, 2 and 3; of 5 chunks, 3 have the word
    const idf = Math.log(1 + 2.5 / 3.5);
    const saturated = (tf: number, length: number) =>
      (tf * 2.2) / (tf + 1.2 * (0.25 + (0.75 * length) / 2.4));
    const scores = Object.fromEntries(
      (await search(base, 'Datenbank')).map(({ title, score }) => [title, score]),
    );
    expect(scores).toEqual({
      d1: expect.closeTo(idf * saturated(1, 2), 10),
      d3: expect.closeTo(idf * 0.4 * saturated(2, 3), 10),
      d5: expect.closeTo(idf * 1.4 * saturated(1, 3), 10),
    });
  });

  test('for words in all languages together', async () => {
    const base = await makeBase('english');
    const scoreOf = async (title: string) =>
      (await search(base, 'Datenbank')).find((found) => found.title === title)?.score ?? 0;
    await add(base, WORDS, 'de');
    await add(base, { english: 'Datenbank', more: 'tree' }, 'en');
    const before = await scoreOf('english');
    await add(base, { compound: 'Datenbankverwaltung' }, 'de');
    // 3 of 4 chunks have the word now, and 2 of 3 had it
    expect(await scoreOf('english')).toBeLessThan(before);
    const { whole, part } = await one<{ whole: number; part: number }>(
      db.pool,
      `select count(distinct cardinality(q.twins)) as whole, count(distinct q.part) as part
       from howdah.knowledge_bases as b
       cross join lateral howdah_private.terms_of_query(b, 'Datenbank') as q where b.id = $1`,
      [base.id],
    );
    expect([Number(whole), Number(part)]).toEqual([1, 1]);
  });

  test('not as words of the base, for lengths, or in the terms of an expansion', async () => {
    const base = await makeBase();
    await add(base, WORDS);
    await add(base, { whole: COMPOUND, task: 'Aufgabe' });
    expect(await partsOf('whole')).toEqual({ '+ datenbank': 1, '+ verwalt': 1 });
    await db.pool.query(`delete from howdah.documents where title = 'words'`);
    // Datenbank and Verwaltung are now parts only, so they divide nothing
    await add(base, { second: 'Datenbankverwaltung', third: 'Datenbankaufgabe' });
    expect(await partsOf('second')).toEqual({});
    expect(await partsOf('third')).toEqual({});
    expect(await titlesOf(base, 'Verwaltung')).toEqual(['whole']);
    const lengths = await all(
      db.pool,
      `select distinct c.length, t.length as of_term from howdah.chunks as c
       join howdah_private.chunk_terms as t on t.chunk_number = c.number
       join howdah.documents as d on d.id = c.document_id where d.title = 'whole'`,
    );
    expect(lengths).toEqual([{ length: 3, of_term: 3 }]);
    await db.pool.query(
      `update howdah.knowledge_bases set ranking = '{"expansion": {"chunks": 1, "terms": 20}}'`,
    );
    const terms = await all<{ term: string }>(
      db.pool,
      `select q.term from howdah.knowledge_bases as b
       cross join lateral howdah_private.query_terms(b, 'whole') as q order by 1`,
    );
    expect(terms.map(({ term }) => term)).toEqual([
      ...['+ whol', 'datenbankverwalt', 'neu', 'whol'],
    ]);
  });
});

describe('parts change', () => {
  test('with an edit, a deletion and another language', async () => {
    const base = await makeBase();
    await add(base, WORDS);
    await add(base, { compound: `${COMPOUND}\n\n# Mehr\n\nNoch eine Datenbankverwaltung.` });
    expect(await titlesOf(base, 'Datenbank')).toEqual(['words', 'compound', 'compound']);
    await change('compound', 'content = $2', [COMPOUND]);
    expect(await titlesOf(base, 'Datenbank')).toEqual(['words', 'compound']);
    await change('compound', `language = 'en'`);
    expect(await partsOf('compound')).toEqual({});
    await change('compound', 'language = null');
    expect(await partsOf('compound')).toEqual({ '+ datenbank': 1, '+ verwalt': 1 });
    await change('compound', `content = 'Ein Baum.'`);
    expect(await titlesOf(base, 'Datenbank')).toEqual(['words']);
    await change('compound', 'content = $2', [COMPOUND]);
    await db.pool.query(`delete from howdah.documents where title = 'compound'`);
    expect(
      await all(db.pool, `select from howdah_private.chunk_terms where strpos(term, '+') > 0`),
    ).toEqual([]);
  });

  test('with the words of the base, when a document is divided again', async () => {
    const base = await makeBase();
    await add(base, { compound: COMPOUND });
    await add(base, WORDS);
    expect(await titlesOf(base, 'Datenbank')).toEqual(['words']);
    // a question is divided by the words of now
    expect(await titlesOf(base, 'Datenbankverwaltung')).toEqual(['compound', 'words']);
    const ids = 'select id, number from howdah.chunks order by number';
    const before = await all(db.pool, ids);
    await change('compound', `status = 'pending'`);
    expect(await titlesOf(base, 'Datenbank')).toEqual(['words', 'compound']);
    expect(await all(db.pool, ids)).toEqual(before);
  });

  test('within a document that has its words itself', async () => {
    const base = await makeBase();
    await add(base, { all: `${COMPOUND} ${WORDS.words}` });
    expect(await partsOf('all')).toEqual({ '+ datenbank': 1, '+ verwalt': 1 });
    const [found] = await search(base, 'Datenbank');
    expect(found?.ranks.text).not.toHaveProperty('parts');
  });
});

test('many long words, and words of many letters, are indexed in time', async () => {
  const base = await makeBase();
  const letters = (number: number) =>
    [...number.toString(26).padStart(4, '0')]
      .map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 26)))
      .join('');
  const words = Array.from({ length: 35_000 }, (_, number) => `zq${letters(number)}`.repeat(4));
  await add(base, { hostile: `${'x'.repeat(1_900)} ${words.join(' ')}` });
  expect(
    await one(db.pool, `select status, error from howdah.documents where title = 'hostile'`),
  ).toEqual({ status: 'ready', error: null });
}, 60_000);
