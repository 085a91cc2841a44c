import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { beforeEach, describe, expect, test } from 'vitest';
import { createEgress, type EgressOptions } from '../../../src/tools/egress.ts';
import { all, asRole, makeTenant, one, refusal } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { makePdf } from '../../support/files/make-pdf.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { dialTo, type Seen, startServer } from '../../tools/servers.ts';

// Documents of URLs: how they are fetched, read again by a schedule, and which addresses are
// refused.

const db = testDatabase();
const PUBLIC = '93.184.215.14';
let tenant: string;
let base: string;

beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
  tenant = await makeTenant(db.pool);
  const row = await one<{ id: string }>(
    db.pool,
    'insert into howdah.knowledge_bases (tenant_id, name) values ($1, $2) returning id',
    [tenant, randomUUID()],
  );
  base = row.id;
});

type Answer = { status?: number; headers?: Record<string, string>; body?: string | Buffer };

/** Starts a server that sends this answer, and an egress guard whose connections reach it. */
async function site(answer: Answer | ((request: Seen) => Answer), names = {}) {
  const current = { answer };
  const server = await startServer((request, response: ServerResponse) => {
    const { answer } = current;
    const { status = 200, headers, body } = typeof answer === 'function' ? answer(request) : answer;
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);
  });
  const known: Record<string, string> = { 'docs.example.com': PUBLIC, ...names };
  const resolve: EgressOptions['resolve'] = async (host) => {
    const address = known[host];
    if (!address) throw Object.assign(new Error(host), { code: 'ENOTFOUND' });
    return [{ address, family: 4 }];
  };
  const dial = dialTo(() => server.port);
  const egress = createEgress({ allowPrivate: [], dial, resolve });
  return {
    ...{ seen: server.seen, dialed: dial.calls },
    set: (next: Answer) => {
      current.answer = next;
    },
    read: () => ingestDocuments(db.pool, {}, { egress }),
  };
}

const URL = 'http://docs.example.com/page';

const add = (url = URL, reread_seconds: number | null = null) =>
  one<{ id: string }>(
    db.pool,
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, url, reread_seconds)
     values ($1, $2, 'Page', $3, $4) returning id`,
    [tenant, base, url, reread_seconds],
  );

const state = () =>
  one<{ status: string; type: string; content: string; error: object | null; read: boolean }>(
    db.pool,
    `select status, type, content, error, read_at is not null as read from howdah.documents`,
  );
const chunks = () =>
  all<{ id: string; content: string }>(
    db.pool,
    'select id, content from howdah.chunks order by seq',
  );
const due = () =>
  all(
    db.pool,
    `select attempts, etag, last_modified, extract(epoch from due_at - now())::int > 3590 as later
     from howdah_private.due_documents`,
  );
/** As when the time of the next reading has come. */
const pass = () => db.pool.query('update howdah_private.due_documents set due_at = now()');

const PAGE = '<h1>Terms</h1><p>Refunds within 30 days.</p><h1>Shipping</h1><p>Free.</p>';

test('fetches a page, divides it and finds it, as external', async () => {
  const { read, seen } = await site({ body: PAGE });
  await add();
  expect(await read()).toBe(1);
  expect(await state()).toEqual({
    ...{ status: 'ready', type: 'text/html', content: PAGE, error: null, read: true },
  });
  expect(seen).toMatchObject([{ method: 'GET', path: '/page' }]);
  expect(seen[0]?.headers).not.toHaveProperty('if-none-match');
  expect(await due()).toEqual([]);
  await db.pool.query(`update howdah.knowledge_bases set trust = 'internal'`);
  await read();
  const found = await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
    all(client, `select content, trust from howdah.search(null, 'refunds')`),
  );
  expect(found).toEqual([{ content: 'Refunds within 30 days.', trust: 'external' }]);
});

test.each([
  ['text/plain; charset=iso-8859-1', '/a', Buffer.from('Zölle', 'latin1'), 'text/plain', 'Zölle'],
  ['text/plain', '/readme.md', '# Zölle', 'text/markdown', '# Zölle'],
  ['application/octet-stream', '/a.csv?x=1', 'a,b\n1,2', 'text/csv', 'a,b\n1,2'],
  [
    'text/html',
    '/latin',
    Buffer.from('<meta charset="windows-1252"><p>Zölle', 'latin1'),
    'text/html',
    '<meta charset="windows-1252"><p>Zölle',
  ],
  ['application/pdf', '/a.pdf', makePdf([['Erste Seite.']]), 'application/pdf', 'Erste Seite.'],
])('reads %s of %s', async (sent, path, body, type, content) => {
  const { read } = await site({ headers: { 'content-type': sent }, body });
  await add(`http://docs.example.com${path}`);
  await read();
  expect(await state()).toMatchObject({ status: 'ready', type, content });
});

test('counts as pending until it was read once', async () => {
  const pending = async () =>
    (await one<{ pending: number }>(db.pool, 'select pending::int from howdah.knowledge_health'))
      .pending;
  const { read } = await site({ body: PAGE });
  await add();
  expect(await pending()).toBe(1);
  await read();
  expect(await pending()).toBe(0);
  await db.pool.query(`update howdah.documents set status = 'pending'`);
  expect(await pending()).toBe(0); // its text is searched meanwhile
});

describe('a document that is read again by a schedule', () => {
  test('asks whether it has changed, and does again only changed chunks', async () => {
    const validators = { etag: '"1"', 'last-modified': 'Mon, 02 Nov 2026 10:00:00 GMT' };
    const page = await site({ headers: validators, body: PAGE });
    await add(URL, 3_600);
    await page.read();
    expect(await due()).toEqual([
      { attempts: 0, etag: '"1"', last_modified: validators['last-modified'], later: true },
    ]);
    const before = await chunks();
    page.set({ status: 304 });
    await pass();
    expect(await page.read()).toBe(1);
    expect(page.seen[1]?.headers).toMatchObject({
      'if-none-match': '"1"',
      'if-modified-since': validators['last-modified'],
    });
    expect(await chunks()).toEqual(before);
    expect(await due()).toMatchObject([{ attempts: 0, etag: '"1"', later: true }]);
    page.set({ headers: { etag: '"2"' }, body: PAGE.replace('Free.', 'By mail.') });
    await pass();
    await page.read();
    const after = await chunks();
    expect(after[0]).toEqual(before[0]);
    expect(after[1]?.content).toBe('By mail.');
    expect(after[1]?.id).not.toBe(before[1]?.id);
    expect(await due()).toMatchObject([{ etag: '"2"', last_modified: null, later: true }]);
  });

  test('keeps the last good text when it cannot be read, and says why', async () => {
    const page = await site({ body: PAGE });
    await add(URL, 3_600);
    await page.read();
    const before = await chunks();
    page.set({ status: 404, body: 'gone' });
    await pass();
    await page.read();
    expect(await state()).toMatchObject({
      ...{ status: 'ready', content: PAGE },
      error: {
        code: 'http_error',
        message: 'fetching the URL: the server answered with HTTP 404 Not Found',
      },
    });
    page.set({ status: 503 });
    await pass();
    await page.read();
    expect(await state()).toMatchObject({ status: 'ready', error: { code: 'unreachable' } });
    page.set({ headers: { 'content-type': 'application/pdf' }, body: 'no PDF' });
    await pass();
    await page.read();
    expect(await state()).toMatchObject({
      ...{ status: 'ready', type: 'text/html', content: PAGE, error: { code: 'unreadable' } },
    });
    expect(await chunks()).toEqual(before);
    page.set({ body: PAGE });
    await pass();
    await page.read();
    expect(await state()).toMatchObject({ status: 'ready', error: null });
  });

  test('follows a change of the interval, and is fetched whole after an edit', async () => {
    const page = await site({ headers: { etag: '"1"' }, body: PAGE });
    const { id } = await add(URL, 60);
    await page.read();
    expect(await due()).toMatchObject([{ later: false }]);
    const set = (assignment: string) =>
      db.pool.query(`update howdah.documents set ${assignment} where id = $1`, [id]);
    await set('reread_seconds = 7200');
    expect(await due()).toMatchObject([{ later: true, etag: '"1"' }]);
    await set(`title = 'Other'`);
    await page.read();
    expect(page.seen[1]?.headers).not.toHaveProperty('if-none-match');
    await set('reread_seconds = null');
    expect(await due()).toEqual([]);
    await set(`status = 'pending'`);
    expect(await page.read()).toBe(1);
    expect(page.seen).toHaveLength(3);
  });
});

describe('the stored text of a URL', () => {
  const PDF = { headers: { 'content-type': 'application/pdf', etag: '"1"' } };
  const terms = () =>
    all(
      db.pool,
      `select distinct c.language from howdah.chunks as c
       join howdah_private.chunk_terms as t on t.chunk_number = c.number`,
    );
  const pages = makePdf([
    ['Die Ware kann innerhalb von vier Wochen nach dem Kauf in allen'],
    ['unseren Filialen wieder abgegeben werden.'],
  ]);

  test.each<[string, string, Answer]>([
    ['a page', 'language', { headers: { etag: '"1"' }, body: PAGE }],
    ['a page', 'trust', { headers: { etag: '"1"' }, body: PAGE }],
    ['a page', 'chunking', { headers: { etag: '"1"' }, body: PAGE }],
    ['a file', 'language', { ...PDF, body: pages }],
    ['a file', 'detection', { ...PDF, body: pages }],
  ])('of %s suffices for another %s of the base', async (_what, change, answer) => {
    const page = await site(answer);
    await add(URL, 3_600);
    await page.read();
    const [before, texts, planned] = [await state(), await places(), await dueAt()];
    await db.pool.query(`update howdah.knowledge_bases set ${CHANGES[change]}`);
    expect(await state()).toMatchObject({ status: 'pending' });
    expect(await page.read()).toBe(1);
    expect(page.seen).toHaveLength(1);
    expect([await state(), await places(), await dueAt()]).toEqual([before, texts, planned]);
    await pass();
    page.set({ status: 304 });
    await page.read();
    expect(page.seen[1]?.headers).toMatchObject({ 'if-none-match': '"1"' });
  });

  test('suffices for another language of the document, which is indexed by it', async () => {
    const page = await site({ ...PDF, body: pages });
    await add();
    await page.read();
    await db.pool.query(`update howdah.documents set language = 'de'`);
    await page.read();
    expect([page.seen.length, await terms()]).toEqual([1, [{ language: 'german' }]]);
    await db.pool.query(`update howdah.documents set language = 'fr'`);
    await db.pool.query(`update howdah.documents set language = 'it'`);
    await page.read();
    expect([page.seen.length, await terms()]).toEqual([1, [{ language: 'italian' }]]);
    expect(await due()).toEqual([]);
  });

  test('keeps the reason why the last reading failed', async () => {
    const page = await site({ body: PAGE });
    await add(URL, 3_600);
    await page.read();
    page.set({ status: 404 });
    await pass();
    await page.read();
    const before = await state();
    await db.pool.query(`update howdah.knowledge_bases set language = 'german'`);
    await page.read();
    expect([page.seen.length, await state()]).toEqual([2, before]);
    expect(before).toMatchObject({ error: { code: 'http_error' } });
  });

  test('does not suffice if the URL was to be read anyway', async () => {
    const page = await site({ body: PAGE });
    await add();
    await db.pool.query(`update howdah.knowledge_bases set language = 'german'`);
    await page.read();
    expect(page.seen).toHaveLength(1); // it was never read
    await db.pool.query(`update howdah.documents set status = 'pending'`);
    await db.pool.query(`update howdah.knowledge_bases set language = 'english'`);
    await page.read();
    expect(page.seen).toHaveLength(2);
    page.set({ ...PDF, body: pages });
    await db.pool.query(`update howdah.documents set status = 'pending'`);
    await page.read();
    await db.pool.query(`update howdah.knowledge_bases set chunking = '{"max_characters": 300}'`);
    await page.read();
    expect(page.seen).toHaveLength(4); // the headings of a file are not stored
  });

  test('does not suffice for an image, unless a model reads it', async () => {
    await add();
    const keeps = async () =>
      (
        await one<{ keeps: boolean }>(
          db.pool,
          `select howdah_private.keeps_text(d.id, d.knowledge_base_id, d.url, 'image/png', 'ready',
             false) as keeps from howdah.documents as d`,
        )
      ).keeps;
    expect(await keeps()).toBe(false); // Tesseract needs the language
    await db.pool.query(
      `with model as (
         insert into howdah.models (tenant_id, name, provider, model, capabilities)
         values ($1, 'reader', 'openai', 'reader', '{"images": true}') returning id)
       update howdah.knowledge_bases set ocr_model_id = (select id from model)`,
      [tenant],
    );
    expect(await keeps()).toBe(true);
  });

  test('is unknown to older workers, which fetch the URL', async () => {
    const page = await site({ body: PAGE });
    await add();
    await page.read();
    await db.pool.query(`update howdah.knowledge_bases set language = 'german'`);
    const claimed = await all(
      db.pool,
      'select url, content from howdah_private.claim_documents($1, $2, 5, true, true, true, true)',
      [tenant, base],
    );
    expect(claimed).toEqual([{ url: URL, content: '' }]);
  });
});

/** Assignments to a base after which the text of its documents is the same. */
const CHANGES: Record<string, string> = {
  language: `language = 'german'`,
  trust: `trust = 'internal'`,
  chunking: `chunking = '{"max_characters": 300}'`,
  detection: 'detects_language = false',
};
const places = () =>
  all(
    db.pool,
    `select seq, page, heading_path, start_offset, end_offset, content from howdah.chunks
     order by seq`,
  );
const dueAt = () =>
  one(
    db.pool,
    `select round(extract(epoch from u.due_at - d.read_at)) as seconds, u.etag, u.reads_source
     from howdah_private.due_documents as u join howdah.documents as d on d.id = u.document_id`,
  );

describe('a URL that was never read', () => {
  test.each<[Answer | string, string, string]>([
    [{ status: 404 }, 'http_error', 'HTTP 404 Not Found'],
    [
      { headers: { 'content-type': 'image/gif' } },
      'unsupported_type',
      'the type image/gif, which is no type of a document',
    ],
    ['a body of 9 MB', 'too_large', 'is too large'],
    [
      { status: 302, headers: { location: 'http://169.254.169.254/latest' } },
      'refused',
      'not a public address',
    ],
    [
      { status: 302, headers: { location: 'http://inside.example.com/' } },
      'refused',
      'not a public address',
    ],
    [{ status: 302, headers: { location: URL } }, 'refused', 'redirects once more'],
  ])('fails for %j with the code %s', async (answer, code, reason) => {
    const page = await site(
      typeof answer === 'string' ? { body: Buffer.alloc(9_000_000) } : answer,
      { 'inside.example.com': '10.0.0.7' },
    );
    await add();
    await page.read();
    expect(await state()).toMatchObject({ status: 'failed', error: { code } });
    const { error } = await state();
    expect(error).toMatchObject({ message: expect.stringContaining(`fetching the URL: `) });
    expect(error).toMatchObject({ message: expect.stringContaining(reason) });
    expect(page.dialed.every(({ addresses }) => addresses[0] === PUBLIC)).toBe(true);
    expect(await due()).toEqual([]);
  });

  test('waits for a server that is down, and no attempt counts', async () => {
    const page = await site({ status: 503 });
    await add();
    for (let count = 1; count <= 4; count += 1) {
      await page.read();
      expect(await state()).toMatchObject({
        status: 'pending',
        error: { code: 'unreachable', message: expect.stringContaining('HTTP 503') },
      });
      expect(await due()).toMatchObject([{ attempts: 0 }]);
      await pass();
    }
    page.set({ body: PAGE });
    await page.read();
    expect(await state()).toMatchObject({ status: 'ready', error: null });
  });

  test('whose name has a private address is never connected to', async () => {
    const page = await site({ body: PAGE }, { 'docs.example.com': '192.168.0.1' });
    await add();
    await page.read();
    expect(await state()).toMatchObject({ status: 'failed', error: { code: 'refused' } });
    expect(page.dialed).toEqual([]);
  });
});

test('comes after documents that no server can hold up, and five are fetched at once', async () => {
  const open: ServerResponse[] = [];
  const server = await startServer((_, response) => {
    open.push(response);
    if (open.length < 5) return;
    for (const one of open) one.writeHead(200, { 'content-type': 'text/plain' }).end('text');
  });
  const egress = createEgress({
    ...{ allowPrivate: [], dial: dialTo(() => server.port) },
    resolve: async () => [{ address: PUBLIC, family: 4 }],
  });
  for (let page = 1; page <= 5; page += 1) await add(`http://docs.example.com/${page}`);
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     values ($1, $2, 'Text', 'text')`,
    [tenant, base],
  );
  await ingestDocuments(db.pool, {}, { egress });
  const done = await all(
    db.pool,
    'select url is null as is_text, status from howdah.documents order by status_at',
  );
  expect(done[0]).toEqual({ is_text: true, status: 'ready' });
  expect(done.map(({ status }) => status)).toEqual(Array(6).fill('ready'));
});

test('an answer without a text keeps the last good one', async () => {
  const page = await site({ body: PAGE });
  await add(URL, 3_600);
  await page.read();
  page.set({ body: '<script>draw()</script>' });
  await pass();
  await page.read();
  expect(await state()).toMatchObject({
    ...{ status: 'ready', content: PAGE, error: { code: 'no_text' } },
  });
  expect(await chunks()).toHaveLength(2);
});

test('304 without a question is a fault', async () => {
  const page = await site({ status: 304 });
  await add();
  await page.read();
  expect(await state()).toMatchObject({ status: 'failed', error: { code: 'http_error' } });
});

test('a document that waits is fetched at once when its status is set', async () => {
  const page = await site({ status: 503 });
  await add();
  await page.read();
  expect(await state()).toMatchObject({ status: 'pending', error: { code: 'unreachable' } });
  page.set({ body: PAGE });
  expect(await page.read()).toBe(0);
  await db.pool.query(`update howdah.documents set status = 'pending'`);
  expect(await page.read()).toBe(1);
  expect(await state()).toMatchObject({ status: 'ready', error: null });
});

test('a key in the address is refused', async () => {
  const key = `sk-${'a1B2'.repeat(12)}`;
  expect(await refusal(add(`http://docs.example.com/page?api_key=${key}`))).toMatchObject({
    code: 'HWINV',
  });
});

test('a worker without the guard, such as an older one, leaves the document to others', async () => {
  await add();
  expect(await ingestDocumentsOnce()).toBe(0);
  expect(await state()).toMatchObject({ status: 'pending', error: null });
});

/** Claims once without the ability to fetch. */
async function ingestDocumentsOnce(): Promise<number> {
  const claimed = await all(
    db.pool,
    'select * from howdah_private.claim_documents($1, $2, 5, true)',
    [tenant, base],
  );
  return claimed.length;
}

test('a member may write public addresses only, and no text', async () => {
  const insert = (columns: string, values: string) =>
    refusal(
      asRole(
        db.pool,
        'howdah_app',
        { 'howdah.tenant_id': tenant, 'howdah.role': 'member' },
        (client) =>
          client.query(
            `insert into howdah.documents (knowledge_base_id, title, ${columns})
             values ($1, 'Page', ${values})`,
            [base],
          ),
      ),
    );
  for (const host of ['127.0.0.1:5432', '169.254.169.254', '10.0.0.7', 'localhost', '[::1]']) {
    expect(await insert('url', `'http://${host}/'`)).toMatchObject({
      ...{ code: 'HWDEN', fields: { field: 'url' } },
    });
  }
  for (const wrong of [
    'ftp://a.example.com/',
    'http://me:secret@a.example.com/',
    'a.example.com',
  ]) {
    expect(await insert('url', `'${wrong}'`)).toMatchObject({ code: 'HWINV' });
  }
  expect(await insert('url, content', `'${URL}', 'text'`)).toMatchObject({
    ...{ code: 'HWINV', fields: { field: 'content' } },
  });
  expect(await insert('reread_seconds', '60')).toMatchObject({ code: 'HWINV' });
  expect(await insert('url, reread_seconds', `'${URL}', 59`)).toMatchObject({ code: 'HWINV' });
  const { id } = await add();
  const edit = asRole(
    db.pool,
    'howdah_app',
    { 'howdah.tenant_id': tenant, 'howdah.role': 'member' },
    (client) => client.query(`update howdah.documents set content = 'other' where id = $1`, [id]),
  );
  expect(await refusal(edit)).toMatchObject({ code: 'HWINV', fields: { field: 'content' } });
});
