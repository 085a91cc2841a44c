import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import {
  all,
  asRole,
  committed,
  makeTenant,
  one,
  refusal,
  rolledBack,
  takeRole,
} from '../support.ts';

// howdah.watch_knowledge: documents that follow the rows of a table.

const db = testDatabase();
const WRITER = `article_writer_${process.pid}`;

type Document = { source: string; title: string; content: string; status: string };

beforeAll(async () => {
  await db.pool.query(`
    create role ${WRITER} nologin;
    create schema press;
    grant usage on schema press to ${WRITER}`);
});
afterAll(async () => {
  await db.pool.query(`drop owned by ${WRITER} cascade; drop role ${WRITER}`);
});
beforeEach(async () => {
  await db.pool.query(`
    delete from howdah.knowledge_bases;
    drop table if exists press.articles, press.lines, press.notes;
    create table press.articles (id int primary key, headline text, body text, year int);
    grant select, insert, update, delete, truncate on press.articles to ${WRITER};
    insert into howdah.knowledge_bases (name) values ('handbook')`);
});

const watch = (given: Record<string, unknown> = {}) => {
  const values = { target: 'press.articles', content: 'body', base: 'handbook', ...given };
  const names = Object.keys(values);
  return one<{ id: string; table_name: string }>(
    db.pool,
    `select * from howdah.watch_knowledge(${names.map((name, index) => `${name} => $${index + 1}`)})`,
    Object.values(values),
  );
};

const documents = () =>
  all<Document>(
    db.pool,
    'select source, title, content, status from howdah.documents order by source',
  );

/** Runs a statement as a login of the application, which has no rights in Howdah. */
const write = (text: string) =>
  committed(db.pool, async (client) => {
    await takeRole(client, WRITER);
    await client.query(text);
  });

const found = async (query: string) => {
  await ingestDocuments(db.pool);
  const rows = await all<{ title: string }>(
    db.pool,
    `select title from howdah.search('{handbook}', $1)`,
    [query],
  );
  return rows.map(({ title }) => title);
};

describe('a watched table', () => {
  test('has a document for each row, also for those that were there before', async () => {
    await write(`insert into press.articles values (1, 'Herons', 'Herons stand in water.', 2024)`);
    await watch({ title: 'headline', metadata: `jsonb_build_object('year', year)` });
    await write(`insert into press.articles values (2, 'Storks', 'Storks walk on meadows.', 2025)`);
    expect(await documents()).toEqual([
      {
        source: 'press.articles:1',
        title: 'Herons',
        content: 'Herons stand in water.',
        status: 'pending',
      },
      {
        source: 'press.articles:2',
        title: 'Storks',
        content: 'Storks walk on meadows.',
        status: 'pending',
      },
    ]);
    expect(await found('who stands in water?')).toEqual(['Herons']);
    const filtered = await all(
      db.pool,
      `select title from howdah.search('{handbook}', 'herons storks', 10, '{"year": 2025}')`,
    );
    expect(filtered).toEqual([{ title: 'Storks' }]);
  });

  test('changes and deletes its documents with its rows', async () => {
    await watch({ title: 'headline' });
    await write(`insert into press.articles
      select n, 'Title ' || n, 'Text of number ' || n from generate_series(1, 3) as n`);
    await ingestDocuments(db.pool);
    await write(`update press.articles set body = 'Egrets are white.' where id = 1`);
    await write('update press.articles set id = 9 where id = 2');
    await write('delete from press.articles where id = 3');
    expect((await documents()).map(({ source, status }) => [source, status])).toEqual([
      ['press.articles:1', 'pending'],
      ['press.articles:9', 'pending'],
    ]);
    expect(await found('white egrets')).toEqual(['Title 1']);
    await write('truncate press.articles');
    expect(await documents()).toEqual([]);
    expect(await found('white egrets')).toEqual([]);
  });

  test('an update that changes nothing of the document leaves it as it is', async () => {
    await watch({ metadata: `jsonb_build_object('year', year)` });
    await write(`insert into press.articles values (1, 'a', 'Herons stand.', 2024)`);
    await ingestDocuments(db.pool);
    const chunks = () => all(db.pool, 'select id from howdah.chunks order by id');
    const before = await chunks();
    await write(`update press.articles set headline = 'b'`);
    await write('update press.articles set year = 2025');
    expect(await documents()).toMatchObject([{ status: 'ready' }]);
    expect(await one(db.pool, 'select metadata from howdah.documents')).toEqual({
      metadata: { year: 2025 },
    });
    expect(await chunks()).toEqual(before);
  });

  test('a rolled back statement leaves no document', async () => {
    await watch();
    await rolledBack(db.pool, (client) =>
      client.query(`insert into press.articles values (1, 'a', 'text', 1)`),
    );
    expect(await documents()).toEqual([]);
  });

  test('a row that does not meet the condition, or has no content, is no document', async () => {
    await watch({ condition: 'year > 2000 -- the old ones are elsewhere' });
    await write(`insert into press.articles values
      (1, 'a', 'text', 1999), (2, 'b', ' ', 2024), (3, 'c', null, 2024), (4, 'd', 'text', null),
      (5, 'e', 'text', 2024)`);
    expect((await documents()).map(({ source }) => source)).toEqual(['press.articles:5']);
    await write('update press.articles set year = 1990 where id = 5');
    await write('update press.articles set year = 2024 where id = 1');
    expect((await documents()).map(({ source }) => source)).toEqual(['press.articles:1']);
  });

  test('a row that cannot be a document is a failed one, and its statement passes', async () => {
    await watch({ metadata: `('{"year": ' || headline || '}')::jsonb` });
    await write(`insert into press.articles values (1, '2024', 'good', 1), (2, 'x', 'bad', 1),
      (3, '2025', repeat('long ', 300000), 1)`);
    expect(await ingestDocuments(db.pool)).toBe(1);
    const states = () =>
      all(
        db.pool,
        `select source, status, error ->> 'code' as code from howdah.documents order by source`,
      );
    expect(await states()).toEqual([
      { source: 'press.articles:1', status: 'ready', code: null },
      { source: 'press.articles:2', status: 'failed', code: 'HWINV' },
      { source: 'press.articles:3', status: 'failed', code: 'HWINV' },
    ]);
    await write(`update press.articles set headline = '2023' where id = 2`);
    await ingestDocuments(db.pool);
    expect((await states())[1]).toEqual({
      source: 'press.articles:2',
      status: 'ready',
      code: null,
    });
    await write(`update press.articles set headline = 'y' where id = 1`);
    expect((await states())[0]).toMatchObject({ status: 'failed' });
    expect(await found('good')).toEqual([]);
  });

  test('a key of several columns is an object', async () => {
    await db.pool.query(`
      create table press.lines (order_id int, line int, note text, primary key (order_id, line));
      insert into press.lines values (4711, 2, 'two')`);
    await watch({ target: 'press.lines', content: 'note' });
    expect((await documents()).map(({ source }) => source)).toEqual([
      'press.lines:{"line": 2, "order_id": 4711}',
    ]);
    await db.pool.query('delete from press.lines');
    expect(await documents()).toEqual([]);
  });

  test('a key that is too long for an index, and an expression that raises, reject no row', async () => {
    await db.pool.query(`
      create table press.notes (key text primary key, body text);
      create function press.shout(body text) returns text language plpgsql as $$
      begin
        if body = 'quiet' then raise exception 'too quiet'; end if;
        return upper(body);
      end $$;
      grant execute on function press.shout(text) to public`);
    await watch({ target: 'press.notes', content: 'press.shout(body)' });
    await db.pool.query(
      `insert into press.notes values (repeat('k', 2000), 'loud'), ('b', 'quiet')`,
    );
    const rows = await all(
      db.pool,
      `select length(source) as length, content, error ->> 'message' as error
       from howdah.documents order by 2 desc`,
    );
    expect(rows).toEqual([
      { length: 'press.notes:'.length + 32, content: 'LOUD', error: null },
      { length: 'press.notes:b'.length, content: '', error: 'too quiet' },
    ]);
    await db.pool.query('delete from press.notes');
    expect(await documents()).toEqual([]);
  });

  test('a key with a line break, and settings of the session, change nothing', async () => {
    await db.pool.query('create table press.notes (key text primary key, at timestamptz)');
    await db.pool.query(`grant insert on press.notes to ${WRITER}`);
    await watch({ target: 'press.notes', content: 'at::text' });
    await committed(db.pool, async (client) => {
      await client.query(`set local timezone = 'Asia/Tokyo'`);
      await client.query('set local row_security = off'); // as scripts of pg_dump do
      await takeRole(client, WRITER);
      await client.query(`insert into press.notes values (E'a\tb', '2026-01-01 00:00Z')`);
    });
    expect(await documents()).toMatchObject([
      { source: 'press.notes:a\tb', title: 'press.notes:a b', content: '2026-01-01 00:00:00+00' },
    ]);
  });

  test('a renamed key is reported with the fix', async () => {
    await watch();
    await db.pool.query('alter table press.articles rename id to article_id');
    const refused = await refusal(
      db.pool.query(`insert into press.articles values (1, 'a', 'b', 1)`),
    );
    expect(refused).toMatchObject({ code: 'HWINV', hint: expect.stringContaining('again') });
    await watch();
    await write(`insert into press.articles values (1, 'a', 'b', 1)`);
    expect(await documents()).toHaveLength(1);
  });

  test('a table that takes the name of a watched one takes its watch', async () => {
    await watch();
    await db.pool.query(`
      alter table press.articles rename to notes;
      create table press.articles (id int primary key, headline text, body text, year int)`);
    await watch();
    await db.pool.query(`insert into press.articles values (1, 'a', 'new', 1)`);
    await db.pool.query('truncate press.notes');
    expect((await documents()).map(({ content }) => content)).toEqual(['new']);
  });

  test('many rows of one statement become documents', async () => {
    await watch();
    await write(`insert into press.articles select n, 'a', 'text ' || n, 1
      from generate_series(1, 2500) as n`);
    await write(`update press.articles set body = body || '!' where id > 100`);
    await write('delete from press.articles where id <= 2000');
    expect(
      await one(
        db.pool,
        `select count(*)::int as n, bool_and(content ~ '!$') as changed from howdah.documents`,
      ),
    ).toEqual({ n: 500, changed: true });
  });
});

describe('watch_knowledge', () => {
  test('a second call changes the watch, and renames its documents', async () => {
    await write(`insert into press.articles values (1, 'Herons', 'text', 2024)`);
    const first = await watch();
    await db.pool.query('alter table press.articles rename to notes');
    const second = await watch({ target: 'press.notes', title: 'headline' });
    expect(second).toMatchObject({ id: first.id, table_name: 'press.notes' });
    expect((await documents()).map(({ source, title }) => [source, title])).toEqual([
      ['press.notes:1', 'Herons'],
    ]);
  });

  test('existing rows may be left out, and follow when they are written', async () => {
    await write(`insert into press.articles values (1, 'a', 'one', 1), (2, 'b', 'two', 2)`);
    await watch({ existing_rows: false });
    expect(await documents()).toEqual([]);
    await write('update press.articles set id = id where id = 2');
    expect((await documents()).map(({ source }) => source)).toEqual(['press.articles:2']);
  });

  test('unwatch_knowledge ends the watch and keeps the documents', async () => {
    await write(`insert into press.articles values (1, 'a', 'one', 1)`);
    await watch();
    const ended = await all(db.pool, `select * from howdah.unwatch_knowledge('press.articles')`);
    expect(ended).toMatchObject([{ table_name: 'press.articles' }]);
    await write('delete from press.articles');
    expect(await documents()).toHaveLength(1);
    const triggers = `select 1 from pg_trigger where tgrelid = 'press.articles'::regclass`;
    expect(await all(db.pool, triggers)).toEqual([]);
    expect(
      await refusal(db.pool.query(`select * from howdah.unwatch_knowledge('press.articles')`)),
    ).toMatchObject({ code: 'HWNTF' });
  });

  test('a table whose base was deleted is written as before', async () => {
    await watch();
    await db.pool.query('delete from howdah.knowledge_bases');
    await write(`insert into press.articles values (1, 'a', 'one', 1)`);
    await write('truncate press.articles');
    expect(await documents()).toEqual([]);

    const triggers = `select tgname from pg_trigger where tgrelid = 'press.articles'::regclass`;
    expect(await all(db.pool, triggers)).toHaveLength(4);
    const unwatch = `select * from howdah.unwatch_knowledge('press.articles')`;
    expect(await all(db.pool, unwatch)).toEqual([]);
    expect(await all(db.pool, triggers)).toEqual([]);
    expect(await refusal(db.pool.query(unwatch))).toMatchObject({ code: 'HWNTF' });
  });

  test('bases of two tenants have documents of their own', async () => {
    const other = await makeTenant(db.pool);
    await watch();
    await committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [other]);
      await client.query(`insert into howdah.knowledge_bases (name) values ('theirs')`);
      await client.query(`select howdah.watch_knowledge('press.articles', 'headline', 'theirs')`);
    });
    await write(`insert into press.articles values (1, 'Herons', 'text', 1)`);
    const rows = await all(
      db.pool,
      `select tenant_id = $1 as is_theirs, content from howdah.documents order by 1`,
      [other],
    );
    expect(rows).toEqual([
      { is_theirs: false, content: 'text' },
      { is_theirs: true, content: 'Herons' },
    ]);
  });

  test.each([
    ['a table that does not exist', { target: 'press.artcles' }, 'HWNTF'],
    ['a view', { target: 'press.view' }, 'HWINV'],
    ['a table without a primary key', { target: 'press.loose' }, 'HWINV'],
    ['a deferrable primary key', { target: 'press.deferred' }, 'HWINV'],
    ['an unknown base', { base: 'hanbook' }, 'HWNTF'],
    ['no expression', { content: 'body) from press.articles --' }, 'HWINV'],
    ['an unknown column', { title: 'headlin' }, 'HWINV'],
    ['no content', { content: null }, 'HWINV'],
    ['an unknown type', { type: 'text/rtf' }, 'HWINV'],
  ])('%s is refused', async (_what, given, code) => {
    await db.pool.query(`
      create or replace view press.view as select 1 as body;
      create table if not exists press.loose (body text);
      create table if not exists press.deferred (id int primary key deferrable, body text)`);
    const refused = await refusal(watch(given));
    expect(refused).toMatchObject({ code, hint: expect.any(String) });
    expect(await all(db.pool, 'select 1 from howdah.knowledge_watches')).toEqual([]);
  });

  test('only an owner of the database may watch', async () => {
    const refused = await refusal(
      asRole(db.pool, 'howdah_app', {}, (client) =>
        client.query(`select howdah.watch_knowledge('press.articles', 'body', 'handbook')`),
      ),
    );
    expect(refused.code).toMatch(/^(42501|HWDEN)$/);
  });
});
