import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DOCUMENT_LANGUAGES } from '../../../src/contracts/document-languages.ts';
import { claimDocuments, storeChunks } from '../../../src/db/knowledge/ingestion.ts';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { all, asRole, makeTenant, one, refusal } from '../support.ts';

// Documents of one base in several languages: what decides about the language, and searches.

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
});

const TEXTS = {
  houses: 'In der Stadt sind die Häuser teuer geworden, und viele Menschen ziehen auf das Land.',
  trees: 'Im Garten stehen drei alte Bäume, unter denen die Kinder im Sommer gerne spielen.',
  dice: 'The players roll the dice, and whoever has the highest number moves the first figure.',
  dies: 'A bee dies after it has stung, because its sting remains in the skin of the victim.',
};

type Base = { id: string; name: string };

async function makeBase(columns: object = {}): Promise<Base> {
  return one<Base>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, language, detects_language)
     select $1, $2, coalesce($3::jsonb ->> 'language', 'english'),
       coalesce(($3::jsonb ->> 'detects_language')::boolean, true) returning id, name`,
    [tenant, randomUUID(), JSON.stringify(columns)],
  );
}

async function addDocuments(base: Base, texts: Record<string, string>, language?: string) {
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content, language)
     select b.tenant_id, b.id, d.key, d.value, $3
     from howdah.knowledge_bases as b, jsonb_each_text($2) as d where b.id = $1`,
    [base.id, JSON.stringify(texts), language ?? null],
  );
  await ingestDocuments(db.pool);
}

async function mixedBase(columns: object = {}): Promise<Base> {
  const base = await makeBase(columns);
  await addDocuments(base, TEXTS);
  return base;
}

const search = async ({ name }: Base, query: string) =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
    all<{ title: string; score: number; ranks: { text: { terms: string[] } } }>(
      client,
      `select title, score, ranks from howdah.search(array[$1], $2, mode => 'text')`,
      [name, query],
    ),
  );
const titlesOf = async (base: Base, query: string) =>
  (await search(base, query)).map(({ title }) => title);

type Languages = { title: string; language: string; detected_language: string; chunks: string };
const languages = ({ id }: Base) =>
  all<Languages>(
    db.pool,
    `select d.title, d.language, d.detected_language, c.language as chunks
     from howdah.documents as d join howdah.chunks as c on c.document_id = d.id
     where d.knowledge_base_id = $1 order by d.title`,
    [id],
  );
const chunkIds = async ({ id }: Base) =>
  all<{ title: string; id: string; number: string }>(
    db.pool,
    `select d.title, c.id, c.number from howdah.chunks as c
     join howdah.documents as d on d.id = c.document_id
     where c.knowledge_base_id = $1 order by d.title`,
    [id],
  );
const change = (title: string, set: string) =>
  all(db.pool, `update howdah.documents set ${set} where title = $1 returning status`, [title]);

/** Compares sizes and terms with those of the chunks. */
async function expectExactStatistics() {
  const sizes = await all(
    db.pool,
    `select language, sum(chunks)::int as chunks, sum(terms)::int as terms
     from howdah_private.knowledge_base_sizes group by language having sum(chunks) <> 0 order by 1`,
  );
  const counted = await all(
    db.pool,
    `select language, count(*)::int as chunks, sum(length)::int as terms
     from howdah.chunks group by language order by 1`,
  );
  expect(sizes).toEqual(counted);
  const wrong = await all(
    db.pool,
    `select c.number from howdah.chunks as c
     join howdah_private.chunk_terms as t on t.chunk_number = c.number
     cross join lateral (select strpos(t.term, '+ ') > 0 as is_part) as p
     group by c.number, c.length, c.language
     having sum(t.frequency) filter (where not p.is_part) <> c.length or min(t.length) <> c.length
       or max(t.length) <> c.length
       or bool_or(starts_with(t.term, c.language || case when p.is_part then '+ ' else ' ' end) is false)
       or bool_or(c.language is null and t.term like '% %' and not starts_with(t.term, '+ '))`,
  );
  expect(wrong).toEqual([]);
}

describe('the language of a document', () => {
  test('is detected, and is that of the base for a short text', async () => {
    const base = await makeBase();
    await addDocuments(base, { ...TEXTS, short: 'Drei alte Häuser.' });
    expect(await languages(base)).toEqual([
      { title: 'dice', language: null, detected_language: 'en', chunks: null },
      { title: 'dies', language: null, detected_language: 'en', chunks: null },
      { title: 'houses', language: null, detected_language: 'de', chunks: 'german' },
      { title: 'short', language: null, detected_language: null, chunks: null },
      { title: 'trees', language: null, detected_language: 'de', chunks: 'german' },
    ]);
    await expectExactStatistics();
  });

  test('is the one that the writer says, whatever is detected', async () => {
    const base = await makeBase();
    await addDocuments(base, { houses: TEXTS.houses }, 'simple');
    await addDocuments(base, { short: 'Drei alte Häuser.' }, 'de');
    await addDocuments(base, { dies: TEXTS.dies }, 'en');
    expect(await languages(base)).toEqual([
      { title: 'dies', language: 'en', detected_language: 'en', chunks: null },
      { title: 'houses', language: 'simple', detected_language: 'de', chunks: 'simple' },
      { title: 'short', language: 'de', detected_language: null, chunks: 'german' },
    ]);
    expect(await titlesOf(base, 'Haus')).toEqual(['short']);
    expect(await titlesOf(base, 'häuser')).toEqual(expect.arrayContaining(['short', 'houses']));
  });

  test('has words without stems if Postgres has no stems for it', async () => {
    const base = await makeBase();
    const text =
      'Стара кішка спить на теплій печі, а маленькі кошенята граються біля неї на підлозі.';
    await addDocuments(base, { cat: text });
    await addDocuments(base, { cat2: 'kissoja ja koiria' }, 'uk');
    expect(await languages(base)).toEqual([
      { title: 'cat', language: null, detected_language: 'uk', chunks: 'simple' },
      { title: 'cat2', language: 'uk', detected_language: null, chunks: 'simple' },
    ]);
    expect(await titlesOf(base, 'кішка')).toEqual(['cat']);
    expect(await titlesOf(base, 'koiria')).toEqual(['cat2']);
    expect(await titlesOf(base, 'koira')).toEqual([]);
  });

  test('is not detected in a base that says so, or whose language workers do not know', async () => {
    const [off, irish] = [
      await mixedBase({ detects_language: false }),
      await mixedBase({ language: 'irish' }),
    ];
    for (const base of [off, irish]) {
      expect(new Set((await languages(base)).map(({ chunks }) => chunks))).toEqual(new Set([null]));
      const detected = (await languages(base)).map((row) => row.detected_language);
      expect(new Set(detected)).toEqual(new Set([null]));
    }
    expect(await titlesOf(off, 'Was kostet ein Haus?')).toEqual([]);
    await change('houses', `language = 'de'`);
    await ingestDocuments(db.pool);
    expect(await titlesOf(off, 'Was kostet ein Haus?')).toEqual(['houses']);
  });

  test('is written by members', async () => {
    const base = await makeBase();
    const found = await asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': tenant, 'howdah.user_role': 'member' },
      (client) =>
        all(
          client,
          `insert into howdah.documents (knowledge_base_id, title, content, language)
           values ($1, 'a', 'text', 'de') returning language`,
          [base.id],
        ),
    );
    expect(found).toEqual([{ language: 'de' }]);
  });

  test.each([
    ['de-AT', 'de'],
    ['German', 'de'],
    ['PT_br', 'pt'],
    ['simple', 'simple'],
  ])('%s is stored as %s', async (written, stored) => {
    const base = await makeBase();
    await addDocuments(base, { a: 'text' }, written);
    expect(await languages(base)).toMatchObject([{ language: stored }]);
  });

  test.each(['klingon', '', 'xx', 'de at'])('%j is refused with the list', async (written) => {
    const base = await makeBase();
    const error = await refusal(addDocuments(base, { a: 'text' }, written));
    expect(error).toMatchObject({
      code: 'HWINV',
      fields: { field: 'language', language: written },
      hint: expect.stringContaining('da, de, el, en, es'),
    });
  });

  test('the codes are those of the console', async () => {
    const rows = await all<{ code: string }>(
      db.pool,
      'select code from howdah_private.document_languages() order by code collate "C"',
    );
    expect(rows.map(({ code }) => code)).toEqual(DOCUMENT_LANGUAGES);
  });
});

describe('a search in a base with several languages', () => {
  test('finds documents by the stems of each language', async () => {
    const base = await mixedBase();
    expect(await titlesOf(base, 'Was kostet ein Haus?')).toEqual(['houses']);
    expect(await titlesOf(base, 'Welcher Baum ist alt?')).toEqual(['trees']);
    expect(await titlesOf(base, 'Which player moved the figures?')).toEqual(['dice']);
    const found = await search(base, 'Häuser of players');
    // the question is English by its word `of`
    expect(found.map(({ ranks }) => ranks.text.terms)).toEqual([['player'], ['haus']]);
  });

  test('takes equal words of two languages for two terms', async () => {
    const base = await mixedBase();
    // die is a word that German leaves out, and English takes for the stem of dies
    expect(await titlesOf(base, 'die')).toEqual(['dies']);
    const simple = await makeBase({ language: 'simple' });
    await addDocuments(simple, { a: 'hand' }, 'de');
    await addDocuments(simple, { b: 'hand', c: 'foot' }, 'en');
    const [a, b] = await search(simple, 'hand');
    expect([a?.title, b?.title]).toEqual(['a', 'b']);
    // of 3 chunks, 2 have the word; each has 2 terms, with the title
    const score = (Math.log(1 + 1.5 / 2.5) * 2.2) / (1 + 1.2);
    expect(a?.score).toBeCloseTo(score, 10);
    expect(b?.score).toBeCloseTo(score, 10);
  });

  test('counts a word as often as all languages together have it', async () => {
    const base = await makeBase({ language: 'simple' });
    const words = { e1: 'paket', e2: 'paket', e3: 'paket', e4: 'rot' };
    await addDocuments(base, words, 'en');
    await addDocuments(base, { d1: 'paket', d2: 'rot', d3: 'der', d4: 'und' }, 'de');
    const scoreOf = async (query: string, title: string) =>
      (await search(base, query)).find((found) => found.title === title)?.score ?? 0;
    // paket is in one German chunk and three English ones, and rot in one of each
    expect(await scoreOf('paket', 'd1')).toBeCloseTo(await scoreOf('paket', 'e1'), 10);
    expect(await scoreOf('rot', 'd2')).toBeCloseTo(await scoreOf('rot', 'e4'), 10);
    expect(await scoreOf('rot', 'd2')).toBeGreaterThan(1.4 * (await scoreOf('paket', 'd1')));
    // und, which German leaves out in its four chunks, is rarer in English chunks than rot
    await addDocuments(base, { e5: 'und' }, 'en');
    expect(await titlesOf(base, 'und')).toEqual(['e5']);
    expect(await scoreOf('und', 'e5')).toBeLessThan(await scoreOf('rot', 'e4'));
  });

  test('prefers chunks in the language of the question', async () => {
    const base = await makeBase({ language: 'simple' });
    await addDocuments(base, { e: 'server' }, 'en');
    await addDocuments(base, { d: 'server' }, 'de');
    const scores = async (query: string) => {
      const found = await search(base, query);
      return ['e', 'd'].map((name) => found.find(({ title }) => title === name)?.score ?? 0);
    };
    // a question leaves out the most words in its own language
    const [english = 0, other = 0] = await scores('where is the server');
    expect(other / english).toBeCloseTo(0.8, 10);
    expect(await scores('wo ist der server')).toEqual([other, english]);
    expect(await scores('server')).toEqual([english, english]);
    // the language of the base has no chunks, so it does not count
    await addDocuments(base, { s: 'server' }, 'simple');
    const [e = 0, d = 0] = await scores('where is the server');
    expect(d / e).toBeCloseTo(0.8, 10);
  });

  test('divides a compound by the German words of the base', async () => {
    const base = await makeBase();
    const texts = {
      tax: 'Die Umsatzsteuer beträgt neunzehn Prozent, und der Händler führt sie an das Amt ab.',
      whole: 'Für die Umsatzsteuervoranmeldung gibt es ein Formular, das man am Computer ausfüllt.',
      filing: 'Eine Voranmeldung ist jeden Monat abzugeben, auch wenn man nichts verkauft hat.',
    };
    await addDocuments(base, { ...texts, dice: TEXTS.dice });
    const found = await search(base, 'Umsatzsteuervoranmeldung');
    expect(found[0]?.title).toBe('whole');
    expect(found.map(({ title }) => title).toSorted()).toEqual(['filing', 'tax', 'whole']);
    // words of English chunks are no parts
    await addDocuments(base, { pass: 'A pass to the word of honour', word: 'ordnung' }, 'en');
    expect(await titlesOf(base, 'Passwordordnung')).toEqual([]);
  });

  test('gives documents of one language the scores of a base of this language', async () => {
    const german = { houses: TEXTS.houses, trees: TEXTS.trees };
    const [mixed, whole] = [await makeBase(), await makeBase({ language: 'german' })];
    await addDocuments(mixed, german);
    await addDocuments(whole, german);
    const question = 'Warum sind Häuser in der Stadt teuer, und wo sind Bäume?';
    expect(await search(mixed, question)).toEqual(await search(whole, question));
  });

  test('expands a question by terms of the language of the chunks', async () => {
    const base = await mixedBase();
    await db.pool.query(
      `update howdah.knowledge_bases set ranking = '{"expansion": {"chunks": 1, "terms": 20}}'`,
    );
    await addDocuments(base, {
      land: 'Auf dem Land ist es ruhig, und am frühen Morgen hört man die Vögel in den Bäumen singen.',
    });
    // of the chunk that is found first: land
    expect(await titlesOf(base, 'Haus')).toEqual(['houses', 'land']);
  });
});

describe('only what changes is done again:', () => {
  test('another language keeps chunks and their numbers', async () => {
    const base = await mixedBase();
    const before = await chunkIds(base);
    expect(await change('houses', `language = 'en'`)).toEqual([{ status: 'pending' }]);
    expect(await change('dies', `language = language`)).toEqual([{ status: 'ready' }]);
    await ingestDocuments(db.pool);
    expect(await chunkIds(base)).toEqual(before);
    expect(await titlesOf(base, 'Haus')).toEqual([]);
    await expectExactStatistics();
    await change('houses', 'language = null');
    await ingestDocuments(db.pool);
    expect(await chunkIds(base)).toEqual(before);
    expect(await titlesOf(base, 'Haus')).toEqual(['houses']);
    await expectExactStatistics();
  });

  test('an edit into another language changes all chunks of the document', async () => {
    const base = await mixedBase();
    const before = await chunkIds(base);
    await db.pool.query(`update howdah.documents set content = $1 where title = 'houses'`, [
      `${TEXTS.dice}\n\n${TEXTS.dies}`,
    ]);
    await ingestDocuments(db.pool);
    const others = (rows: typeof before) => rows.filter(({ title }) => title !== 'houses');
    expect(others(await chunkIds(base))).toEqual(others(before));
    expect(await titlesOf(base, 'stings')).toContain('houses');
    expect((await languages(base)).find(({ title }) => title === 'houses')).toMatchObject({
      detected_language: 'en',
      chunks: null,
    });
    await expectExactStatistics();
  });

  test('detection is turned off and on', async () => {
    const base = await mixedBase();
    await addDocuments(base, { mine: 'Drei alte Häuser.' }, 'de');
    const before = await chunkIds(base);
    const pending = async () =>
      (
        await all<{ title: string }>(
          db.pool,
          `select title from howdah.documents where status = 'pending' order by title`,
        )
      ).map(({ title }) => title);
    const set = (value: boolean) =>
      db.pool.query('update howdah.knowledge_bases set detects_language = $1', [value]);
    await set(false);
    expect(await pending()).toEqual(['houses', 'trees']);
    await ingestDocuments(db.pool);
    expect(await titlesOf(base, 'Haus')).toEqual(['mine']);
    await set(false);
    expect(await pending()).toEqual([]);
    await set(true);
    expect(await pending()).toEqual(['houses', 'trees']);
    await ingestDocuments(db.pool);
    expect((await titlesOf(base, 'Haus')).toSorted()).toEqual(['houses', 'mine']);
    expect(await chunkIds(base)).toEqual(before);
    await expectExactStatistics();
  });

  test('a document that a worker divides meanwhile follows the setting', async () => {
    const base = await makeBase();
    await db.pool.query(
      `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
       values ($1, $2, 'houses', $3)`,
      [tenant, base.id, TEXTS.houses],
    );
    const due = { tenant_id: tenant, knowledge_base_id: base.id };
    const [claimed] = await claimDocuments(db.pool, due, { atMost: 1 });
    expect(claimed?.detects_language).toBe(true);
    await db.pool.query('update howdah.knowledge_bases set detects_language = false');
    const divided = { pieces: [{ content: TEXTS.houses, heading_path: [] }], language: 'de' };
    if (!claimed) throw new Error('nothing was claimed');
    expect(await storeChunks(db.pool, claimed, divided, 9_000)).toBe(false);
    await ingestDocuments(db.pool);
    expect(await languages(base)).toMatchObject([{ detected_language: null, chunks: null }]);
  });

  test('another language of the base divides all documents again', async () => {
    const base = await mixedBase();
    await db.pool.query(`update howdah.knowledge_bases set language = 'german'`);
    await ingestDocuments(db.pool);
    expect((await languages(base)).map(({ chunks }) => chunks)).toEqual([
      ...['english', 'english'],
      ...[null, null],
    ]);
    expect(await titlesOf(base, 'Haus')).toEqual(['houses']);
    expect(await titlesOf(base, 'player')).toEqual(['dice']);
    await expectExactStatistics();
  });
});

test('sizes that are merged keep their language', async () => {
  const base = await makeBase();
  for (let number = 0; number < 30; number += 1) {
    await addDocuments(base, { [`t${number}`]: 'ein Haus' }, number % 2 === 0 ? 'de' : 'en');
  }
  for (let number = 0; number < 30; number += 1) {
    await change(`t${number}`, `language = 'de'`);
    await ingestDocuments(db.pool);
  }
  await addDocuments(base, { last: 'a house' });
  await expectExactStatistics();
  const { rows } = await one<{ rows: number }>(
    db.pool,
    'select count(*)::int as rows from howdah_private.knowledge_base_sizes',
  );
  expect(rows).toBeLessThan(55);
  expect(await titlesOf(base, 'Häuser')).toHaveLength(10);
});

test('a plan reads the terms of each language by the index', async () => {
  const base = await mixedBase();
  await db.pool.query(
    `insert into howdah_private.chunk_terms (knowledge_base_id, chunk_number, length, frequency, term)
     select $1, -n, 1, 1, 'german t' || n from generate_series(1, 20000) as n`,
    [base.id],
  );
  await db.pool.query('analyze howdah_private.chunk_terms');
  const client = await db.pool.connect();
  const scanned = async () =>
    (
      await one<{ rows: number }>(
        client,
        `select pg_stat_get_xact_tuples_returned('howdah_private.chunk_terms'::regclass)::int as rows`,
      )
    ).rows;
  try {
    await client.query('begin');
    await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant]);
    const before = await scanned();
    const { rows } = await client.query(
      `select title from howdah.search(array[$1], 'Haus und Umsatzsteuer', mode => 'text')`,
      [base.name],
    );
    expect(rows).toEqual([{ title: 'houses' }]);
    expect(await scanned()).toBe(before);
  } finally {
    await client.query('rollback');
    client.release();
  }
});
