import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { copyDocuments, copySearch } from '../../../src/console/knowledge/copy-knowledge.ts';
import { markChunks } from '../../../src/console/knowledge/documents/marked-text.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { expectReadable, openTabAs, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// Knowledge bases in a real browser: from the first base to the chunk that a search found.

const ROOT = new URL('http://127.0.0.1:8000/howdah/');
const BASE = { id: '0197a000-0000-7000-8000-000000000001', name: "o'hara" };

test('a text is divided at the characters of its chunks, also beyond the first 65,536', () => {
  const text = '# 🐘\n\nOne 🐘 walks.\n\nTwo run.\n';
  const chunks = [
    { start_offset: 5, end_offset: 17 },
    { start_offset: 19, end_offset: 27 },
  ];
  const whole = { isFirst: true, isLast: true };
  expect(markChunks(text, chunks, whole).map((part) => part.text)).toEqual([
    '# 🐘\n\n',
    'One 🐘 walks.',
    'Two run.',
  ]);
  const later = markChunks(text, chunks.slice(1), { isFirst: false, isLast: true });
  expect(later).toEqual([{ text: 'Two run.', chunk: chunks[1] }]);
  expect(markChunks('a b', [], whole)).toEqual([{ text: 'a b' }]);
});

test('a list and a search are copied with their filters, below a mount as well', () => {
  const list = copyDocuments(BASE, { status: 'failed', words: 'Big cats' }, ROOT);
  expect(list.sql).toContain(`howdah.knowledge_base('o''hara')\n  and status = 'failed'`);
  expect(list.sql).toContain(`strpos(lower(title), lower('cats')) > 0\norder by id desc`);
  expect(list.graphql).toBeUndefined();
  expect(list.curl).toContain('8000/howdah/api/documents?knowledge_base_id=');
  expect(list.cli).toBe(`npx howdah kb ls --status failed --words 'Big cats' 'o'\\''hara'`);
  const search = copySearch(BASE, { query: 'it’s', k: '3', filter: '{"year": 2026}' }, ROOT);
  expect(search.sql).toContain(`howdah.search(array['o''hara'], 'it’s', 3, '{"year": 2026}')`);
  expect(search.graphql).toContain('k: 3, filter: { year: 2026 })');
  const odd = copySearch(BASE, { query: 'x', k: '3', filter: '{"a b": 1}' }, ROOT);
  expect(odd.graphql).toBeUndefined();
});

const HOSTILE = `<img src="https://evil.example/x.png" onerror="alert(1)"> ${HOSTILE_STRINGS.markup ?? ''}`;
const HANDBOOK = `# Refunds

Refunds are possible within 30 days after the purchase. The customer sends the goods back.

# Shipping

Shipping is free above 50 euros. ${HOSTILE}
`;

describe.skipIf(!CHROMIUM)('the place Knowledge', () => {
  const db = testDatabase();
  let api: ApiServer;
  let browser: Browser;
  let owner: Tab;
  let viewer: Tab;

  beforeAll(async () => {
    api = await startTestApi(db.url, tokenOptions);
    browser = await launchChromium();
    owner = await logIn('owner');
    viewer = await logIn('viewer');
  });
  afterAll(async () => {
    await owner?.close();
    await viewer?.close();
    await browser?.close();
    await api?.close();
  });

  const logIn = (role: string, options = {}): Promise<Tab> =>
    openTabAs(browser, api.url, db.pool, { role }, options);

  const open = (path: string, { page } = owner) => page.goto(`${api.url}${path}`);
  const heading = (name: string, { page } = owner) =>
    page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  const button = (name: string, { page } = owner) =>
    page.getByRole('button', { name, exact: true });
  const link = (name: string, { page } = owner) => page.getByRole('link', { name, exact: true });
  const file = (name: string, content: string | Buffer) => ({
    name,
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(content),
  });
  const check = async (name: string) => {
    await picture(owner.page, name);
    expect(await seriousFindings(owner.page)).toEqual([]);
    expect(owner.problems).toEqual([]);
  };

  test('an empty place shows how to begin, and a base of an insert appears', async () => {
    await open('/knowledge');
    await owner.page.getByText('Waiting for the first knowledge base…').waitFor();
    await owner.page.getByText('insert into howdah.knowledge_bases (name) values').waitFor();
    await owner.page.getByText('npx howdah kb create handbook').waitFor();
    await check('knowledge-empty');
    await db.pool.query(`insert into howdah.knowledge_bases (name) values ('inserted')`);
    await link('inserted').waitFor();
    await db.pool.query(`delete from howdah.knowledge_bases`);
  });

  test('from a new base over an upload and a search to the chunk that was found', async () => {
    await open('/knowledge');
    await link('New knowledge base').first().click();
    await heading('New knowledge base');
    await owner.page.getByLabel('Name').fill('handbook');
    await button('Create knowledge base').click();
    await heading('handbook');
    const files = owner.page.locator('input[type=file]');
    const language = owner.page.getByRole('combobox', { name: 'Language' });
    await language.fill('Germ');
    await owner.page.getByRole('option', { name: 'German', exact: true }).click();
    await files.setInputFiles([file('satz.txt', 'Ein Satz.')]);
    await link('satz.txt').click();
    await heading('satz.txt');
    await owner.page.getByText('German', { exact: true }).waitFor();
    await check('knowledge-language');
    await open('/knowledge/handbook');
    await link('satz.txt').waitFor();
    await db.pool.query('delete from howdah.documents');
    await open('/knowledge/handbook');
    await files.setInputFiles([file('handbook.md', HANDBOOK)]);
    const dropped = await owner.page.evaluateHandle(`(() => {
      const data = new DataTransfer();
      data.items.add(new File(['Open from nine.'], 'note.txt'));
      return data;
    })()`);
    await owner.page.locator('.drop-zone').dispatchEvent('drop', { dataTransfer: dropped });
    await owner.page.getByText('2 pending').waitFor();
    await check('knowledge-uploaded');
    await ingestDocuments(db.pool);
    await owner.page.getByText('2 ready').waitFor();
    const question = owner.page.getByLabel('Question');
    await question.fill('how long are refunds possible?');
    await question.press('Enter');
    const hit = owner.page.locator('.hit').first();
    await hit.getByText('rank 1').waitFor();
    expect(await hit.locator('.term').allInnerTexts()).toEqual(['possibl', 'refund']);
    await check('knowledge-search');
    expect(
      await owner.page
        .getByRole('table')
        .getByText(/^in \d/)
        .count(),
    ).toBe(0); // times are past
    await hit.getByRole('link', { name: 'handbook.md › Refunds' }).click();
    await heading('handbook.md');
    await owner.page.waitForURL(/\?chunk=1$/);
    const selected = owner.page.locator('.chunk[data-selected]');
    await selected.getByText('Refunds are possible within 30 days').waitFor();
    await owner.page.getByRole('complementary', { name: 'Chunk 1' }).waitFor();
    await check('knowledge-document');
    await owner.page.keyboard.press('j');
    await owner.page.waitForURL(/\?chunk=2$/);
    await selected.getByText('Shipping is free').waitFor();
    await owner.page.reload();
    await selected.getByText('Shipping is free').waitFor();
    await owner.page.getByText('Detected language').waitFor();
    const { rows } = await db.pool.query(
      `select title, type, status, language, detected_language as detected
       from howdah.documents order by title`,
    );
    expect(rows).toEqual([
      {
        ...{ title: 'handbook.md', type: 'text/markdown', status: 'ready' },
        ...{ language: null, detected: 'en' },
      },
      {
        ...{ title: 'note.txt', type: 'text/plain', status: 'ready' },
        ...{ language: null, detected: null },
      },
    ]);
  });

  test('words of documents are text: nothing runs, and nothing is loaded from elsewhere', async () => {
    const { rows } = await db.pool.query(
      `insert into howdah.documents (knowledge_base_id, title, type, content)
       values (howdah.knowledge_base('handbook'), $1, 'text/html', $2) returning id`,
      [HOSTILE.slice(0, 200), `<h1>Page</h1><p>Elephants.</p><script>alert(2)</script>${HOSTILE}`],
    );
    await ingestDocuments(db.pool);
    await open('/knowledge/handbook?q=elephants');
    await owner.page.locator('.hit').first().waitFor();
    await owner.page.getByText('<img src=').first().waitFor();
    await open(`/knowledge/handbook/documents/${rows[0].id}?chunk=1`);
    await owner.page.locator('.chunk[data-selected]').waitFor();
    await owner.page.getByText('<script>alert(2)</script>').waitFor();
    await picture(owner.page, 'knowledge-html');
    expect(await owner.page.locator('main img, main script, main a[href^="http"]').count()).toBe(0);
    expect(owner.foreign).toEqual([]);
    expect(owner.problems).toEqual([]);
  });

  test('wrong input is refused where it is written, and says why', async () => {
    await open('/knowledge/handbook');
    await owner.page.getByLabel('Metadata contains').fill('year');
    await owner.page.getByLabel('Chunks at most').fill('many');
    await owner.page.getByLabel('Question').fill('refunds');
    await button('Search').click();
    await owner.page.getByText('This is not a JSON object.').waitFor();
    await owner.page.getByText('Write a whole number.').waitFor();
    const files = owner.page.locator('input[type=file]');
    await files.setInputFiles([
      file('empty.md', ''),
      file('latin.txt', Buffer.from([0x47, 0x72, 0xfc, 0xdf, 0x65])),
      file('large.md', 'a'.repeat(1_000_001)),
    ]);
    const sent = owner.page.getByRole('list', { name: 'Files that were sent' });
    await sent.getByText('The file is empty.').waitFor();
    await sent.getByText('The file is not text in UTF-8.').waitFor();
    await sent.getByText('The file has more than 1 MB.').waitFor();
    await check('knowledge-wrong');
    await button('Clear the list').click();
    expect(await sent.count()).toBe(0);
    await open('/knowledge/handbook/documents/1');
    await owner.page.getByText('There is no such document in this knowledge base').waitFor();
    await open('/knowledge/nothing');
    await owner.page.getByText('There is no such knowledge base').waitFor();
    await open('/knowledge/handbook?q=xylophone&k=2000');
    await owner.page.getByText('K must be from 1 to 1000, not 2000.').waitFor();
    owner.problems.length = 0; // the browser reports the refused search
  });

  test('a URL is added with the period of its readings, or says why not', async () => {
    await open('/knowledge/handbook');
    const address = owner.page.getByLabel('URL', { exact: true });
    await address.fill('ftp://example.com/returns');
    await button('Add URL').click();
    await owner.page.locator('.add-url-failure').waitFor();
    owner.problems.length = 0; // the browser reports the refused document
    await check('knowledge-url-refused');
    await address.fill('https://www.example.com/returns');
    await owner.page.getByRole('combobox', { name: 'Read again' }).click();
    await owner.page.getByRole('option', { name: 'every day' }).click();
    await button('Add URL').click();
    await link('https://www.example.com/returns').waitFor();
    expect(await address.inputValue()).toBe('');
    const { rows } = await db.pool.query(
      `select title, url, reread_seconds, status from howdah.documents where url is not null`,
    );
    expect(rows).toEqual([
      {
        title: 'https://www.example.com/returns',
        url: 'https://www.example.com/returns',
        reread_seconds: 86_400,
        status: 'pending',
      },
    ]);
    await link('https://www.example.com/returns').click();
    await owner.page.getByText('every 86,400 seconds').waitFor();
    await check('knowledge-url');
    await open('/knowledge/handbook'); // the page of a deleted document reports it
    await link('https://www.example.com/returns').waitFor();
    await db.pool.query('delete from howdah.documents where url is not null');
  });

  test('a failed document says why, and is tried again', async () => {
    const text = 'A paragraph that is one of very many.\n\n'.repeat(20_000);
    const change = `update howdah.documents set content = $1 where title = 'note.txt'`;
    await db.pool.query(change, [text]);
    await ingestDocuments(db.pool, { divide_ms: 1 });
    await open('/knowledge/handbook?status=failed');
    const row = owner.page.getByRole('table', { name: 'Documents' }).getByRole('row').nth(1);
    await row.getByText(/dividing the text took/).waitFor();
    await check('knowledge-failed');
    await button('Retry note.txt').click();
    await owner.page.getByText('No documents match the filter.').waitFor();
    const words = owner.page.getByLabel('Words of the title');
    await button('Clear the filter').click();
    await words.fill('NOTE');
    await words.press('Enter');
    await owner.page.waitForURL(/words=NOTE$/);
    await expect.poll(() => owner.page.locator('.documents .row-link').count()).toBe(1);
    await ingestDocuments(db.pool);
    await row.getByText('ready').waitFor();
    await link('note.txt').click();
    await heading('note.txt');
    await expect.poll(() => owner.page.locator('.chunk').count()).toBe(100);
    // by keyboard: the page may move under a pointer while it scrolls to its end
    await link('Later chunks').press('Enter');
    await owner.page.waitForURL(/chunk=101$/);
    await owner.page.locator('.chunk[data-selected]', { hasText: /^101/ }).waitFor();
    await link('Earlier chunks').waitFor();
    await open(`${new URL(owner.page.url()).pathname}?chunk=999999`);
    await owner.page.getByText('The document has no chunk 999999.').waitFor();
    expect(owner.problems).toEqual([]);
  });

  test('settings and documents are changed and deleted', async () => {
    await open('/knowledge/handbook');
    await link('Edit').click();
    await heading('Edit handbook');
    await owner.page.getByLabel('Domain').fill('refunds');
    await owner.page.getByLabel('Chunking').fill('{"max_characters": 7}');
    await button('Save changes').click();
    await owner.page.locator('[data-field=chunking][aria-invalid=true]').waitFor();
    await owner.page.getByLabel('Chunking').fill('{"max_characters": 400}');
    owner.problems.length = 0; // the browser reports the refused value
    await button('Save changes').click();
    await heading('handbook');
    await owner.page
      .getByText('"max_characters": 400')
      .or(owner.page.getByText('{"max_characters":400}'))
      .waitFor();
    await link('note.txt').click();
    await heading('note.txt');
    await link('Edit').click();
    await owner.page.getByLabel('Content').fill('Open from ten.');
    await button('Save changes').click();
    await owner.page.getByText('The chunks of this text are marked').waitFor();
    await ingestDocuments(db.pool);
    await owner.page.locator('.chunk').getByText('Open from ten.').waitFor();
    await button('Delete').click();
    await owner.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await heading('handbook');
    await expect.poll(() => link('note.txt').count()).toBe(0);
    expect(owner.problems).toEqual([]);
  });

  test('a viewer searches and reads, and has no buttons that write', async () => {
    await open('/knowledge', viewer);
    await link('handbook', viewer).click();
    await heading('handbook', viewer);
    await viewer.page.getByLabel('Question').fill('refunds');
    await button('Search', viewer).click();
    await viewer.page.locator('.hit-link').first().click();
    await heading('handbook.md', viewer);
    await viewer.page.locator('.chunk[data-selected]').waitFor();
    const { rows } = await db.pool.query(`select howdah.knowledge_base('handbook') as id`);
    for (const path of ['', `/${rows[0].id}`]) {
      await open(`/knowledge${path}`, viewer);
      await button('Copy as', viewer).first().waitFor();
      await expect.poll(() => viewer.page.getByLabel('Loading').count()).toBe(0);
      for (const name of ['Delete', 'Choose files', 'Add URL']) {
        expect(await button(name, viewer).count(), name).toBe(0);
      }
      for (const name of ['Edit', 'New knowledge base']) {
        expect(await link(name, viewer).count(), name).toBe(0);
      }
    }
    expect(viewer.problems).toEqual([]);
  });

  test('a hidden tab asks nothing, and one at rest seldom', async () => {
    const tab = await logIn('owner');
    let requests = 0;
    await tab.page.clock.install();
    await open('/knowledge', tab);
    await link('handbook', tab).waitFor();
    tab.page.on('request', (one) => {
      if (one.url().endsWith('/graphql')) requests += 1;
    });
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) await tab.page.clock.runFor(1_000);
    };
    await pass(120);
    requests = 0;
    await pass(60);
    expect(requests).toBeGreaterThan(0);
    expect(requests).toBeLessThanOrEqual(3);
    await tab.page.evaluate(
      `Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
       document.dispatchEvent(new Event('visibilitychange'))`,
    );
    requests = 0;
    await pass(120);
    expect(requests).toBe(0);
    await tab.close();
  });

  test('a reranker that fails is named once, with what to do, and the hits stay', async () => {
    const { rows } = await db.pool.query(
      `with model as (
         insert into howdah.models (name, provider, model, purpose, base_url)
         values ('judge', 'openai', 'rerank-1', 'rerank', 'http://127.0.0.1:9') returning id),
       base as (
         insert into howdah.knowledge_bases (name, rerank_model_id)
         select 'ranked', m.id from model as m returning id)
       insert into howdah.documents (knowledge_base_id, title, content)
       select b.id, t.title, 'A refund is possible: ' || t.title
       from base as b, (values ('Terms'), ('Shipping')) as t (title) returning id`,
    );
    expect(rows).toHaveLength(2);
    await ingestDocuments(db.pool);
    await open('/knowledge/ranked?q=refund'); // there is no worker, so no model answers
    const alert = owner.page.locator('.failure', { hasText: 'The reranker did not order' });
    await alert.getByText('No worker asked its model in time.').waitFor();
    await alert.getByText('Test the model on its page').waitFor();
    expect(await alert.count()).toBe(1);
    expect(await owner.page.locator('.hit').count()).toBe(2);
    await check('knowledge-not-reranked');
  });

  test('on a phone and a desk in both colours', async () => {
    const { rows } = await db.pool.query(
      `select id from howdah.documents where title = 'handbook.md'`,
    );
    for (const [size, viewport] of [
      ['phone', { width: 360, height: 780 }],
      ['desk', { width: 1440, height: 900 }],
    ] as const) {
      const tab = await logIn('owner', { viewport });
      for (const [name, path] of [
        ['bases', ''],
        ['new', '/new'],
        ['base', '/handbook?q=refunds+shipping'],
        ['document', `/handbook/documents/${rows[0].id}?chunk=2`],
      ] as const) {
        await open(`/knowledge${path}`, tab);
        await tab.page.getByRole('heading', { level: 1 }).waitFor();
        await expect.poll(() => tab.page.getByLabel('Loading').count()).toBe(0);
        await expectReadable(tab, `${size}-knowledge-${name}`);
      }
      expect(tab.problems).toEqual([]);
      await tab.close();
    }
  });
});
