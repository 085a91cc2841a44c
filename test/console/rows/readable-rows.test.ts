import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { copyHits, repeatPath } from '../../../src/console/knowledge/searches/search-rows.ts';
import {
  type ResourceType,
  titleFieldsOf,
  withoutTwins,
} from '../../../src/console/rows/resource-types.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { expectReadable, openTabAs, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// Pages of rows on which people read names and texts instead of ids: searches, memories, schedules,
// and what refers to other rows.

const SEARCH = {
  ...{ id: 'an-id', created_at: '', created_by: 'ada', execution_id: null, step_seq: null },
  ...{ agent: null, query: 'a & b', knowledge_bases: ['hand book'], mode: 'text', k: 3 },
  ...{ filter: { year: 2026 }, results: 1, is_repeated: false, rerank_error: null },
};

test('a search is made again with its number of chunks and its filter', () => {
  expect(repeatPath(SEARCH)).toBe(
    '/knowledge/hand%20book?q=a+%26+b&k=3&filter=%7B%22year%22%3A2026%7D',
  );
  expect(repeatPath({ ...SEARCH, filter: {}, k: null })).toBe('/knowledge/hand%20book?q=a+%26+b');
  expect(repeatPath({ ...SEARCH, query: null })).toBeUndefined();
  expect(repeatPath({ ...SEARCH, knowledge_bases: ['a', 'b'] })).toBeUndefined();
  const forms = copyHits('an-id', new URL('http://127.0.0.1:8000/howdah/'));
  expect(forms.sql).toContain(`howdah.search_hits('an-id')`);
  expect(forms.curl).toContain('8000/howdah/api/searches/an-id/hits');
});

describe.skipIf(!CHROMIUM)('pages of rows', () => {
  const db = testDatabase();
  let api: ApiServer;
  let browser: Browser;
  let owner: Tab;

  beforeAll(async () => {
    api = await startTestApi(db.url, tokenOptions);
    browser = await launchChromium();
    await db.pool.query(
      `insert into howdah.models (name, provider, model, purpose)
         values ('ranker', 'local', 'ranker', 'rerank');
       insert into howdah.knowledge_bases (name) values ('handbook');
       insert into howdah.documents (knowledge_base_id, title, content)
       values (howdah.knowledge_base('handbook'), 'Refunds', 'Refunds are possible for 30 days.'),
         (howdah.knowledge_base('handbook'), 'Cards', 'There is no refund of gift cards.')`,
    );
    await ingestDocuments(db.pool);
    owner = await logIn('owner');
  });
  afterAll(async () => {
    await owner?.close();
    await browser?.close();
    await api?.close();
  });

  const logIn = (role: string, options = {}): Promise<Tab> =>
    openTabAs(browser, api.url, db.pool, { role }, options);

  const open = (path: string, { page } = owner) => page.goto(`${api.url}${path}`);
  const button = (name: string) => owner.page.getByRole('button', { name, exact: true });
  const link = (name: string) => owner.page.getByRole('link', { name, exact: true });
  const inDialog = (name: string) => owner.page.getByRole('dialog').getByRole('button', { name });
  const heading = (name: string) =>
    owner.page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  const check = async (name: string) => {
    await picture(owner.page, name);
    expect(await seriousFindings(owner.page)).toEqual([]);
    expect(owner.problems).toEqual([]);
  };

  test('a search is read in the list, and its page says what it found and why', async () => {
    await db.pool.query(`select count(*) from howdah.search('{handbook}', 'refund of cards?', 5)`);
    await db.pool.query(`select count(*) from howdah.search('{handbook}', 'elephants', 5)`);
    await open('/knowledge');
    await link('Searches').click();
    await link('elephants').waitFor();
    await owner.page.keyboard.press('j');
    await owner.page.keyboard.press('j');
    await check('searches');
    await owner.page.keyboard.press('Enter');
    await heading('refund of cards?');
    const hits = owner.page.locator('.hit');
    await hits.first().getByText('There is no refund of gift cards.').waitFor();
    const terms = await hits.first().locator('.term').allInnerTexts();
    expect(terms).toEqual(['card', 'refund']);
    expect(await hits.nth(1).locator('.term').allInnerTexts()).toEqual(['refund']);
    await check('search');
    await hits.first().getByRole('link', { name: 'Cards' }).click();
    await owner.page.locator('.chunk[data-selected]').waitFor();
    await owner.page.goBack();
    await link('Search again').click();
    await owner.page.waitForURL(/\/knowledge\/handbook\?q=refund\+of\+cards%3F&k=5$/);
    await db.pool.query(
      `update howdah.documents set content = 'No card is refunded.' where title = 'Cards'`,
    );
    await ingestDocuments(db.pool);
    await owner.page.goBack();
    await hits.first().getByText('The document no longer has the text that was found.').waitFor();
    await check('search-changed');
  });

  test('a memory that is wrong is corrected, and the one that holds is shown', async () => {
    await db.pool.query(
      `select howdah.remember('Refunds take a month.', 'agent', howdah.agent('development'))`,
    );
    await open('/system/memories');
    await link('Refunds take a month.').click();
    await heading('Refunds take a month.');
    await button('Correct').click();
    expect(await inDialog('Correct').isDisabled()).toBe(true);
    await owner.page.getByRole('dialog').getByRole('textbox').fill('Refunds take a week.');
    await inDialog('Correct').click();
    await heading('Refunds take a week.');
    await link('development').waitFor(); // the agent that has it
    await check('memory-corrected');
    const rows = await db.pool.query(
      `select content, superseded_by is null as holds from howdah.memories order by id`,
    );
    expect(rows.rows).toEqual([
      { content: 'Refunds take a month.', holds: false },
      { content: 'Refunds take a week.', holds: true },
    ]);
  });

  test('a schedule is paused and resumed on its page', async () => {
    await db.pool.query(
      `insert into howdah.schedules (name, cron, agent_id, input)
       values ('nightly', '@daily', howdah.agent('development'), 'Write.')`,
    );
    const isActive = async () =>
      (await db.pool.query('select is_active from howdah.schedules')).rows[0].is_active;
    await open('/system/schedules/nightly');
    await link('development').waitFor(); // the agent, which the row has by its id
    await button('Pause').click();
    await inDialog('Pause').click();
    await button('Resume').waitFor();
    expect(await isActive()).toBe(false);
    await button('Resume').click();
    await inDialog('Resume').click();
    await button('Pause').waitFor();
    expect(await isActive()).toBe(true);
    await check('schedule');
  });

  test('a row that is known by its id has its name and a link', async () => {
    await db.pool.query(
      `update howdah.knowledge_bases set rerank_model_id = (
         select id from howdah.models where name = 'ranker')`,
    );
    await open('/knowledge/handbook');
    await link('ranker').click();
    await heading('ranker');
    expect(owner.problems).toEqual([]);
  });

  async function readTypes(): Promise<ResourceType[]> {
    const { rows } = await db.pool.query(
      `select key from howdah.create_api_key('types', 'owner', null, now() + interval '1 day')`,
    );
    const answer = await fetch(`${api.url}/api/resource-types`, {
      headers: { authorization: `Bearer ${rows[0].key}` },
    });
    return ((await answer.json()) as { data: ResourceType[] }).data;
  }

  test('no field is shown twice, by its id and by its name', async () => {
    const data = await readTypes();
    const twice = data.flatMap(({ name, fields }) => {
      const shown = withoutTwins(fields.filter((field) => field.is_shown));
      const labels = shown.map(({ label }) => `${name}: ${label}`);
      return labels.filter((label, index) => labels.indexOf(label) !== index);
    });
    expect(twice).toEqual([]);
    const accounts = data.find(({ name }) => name === 'connected-accounts');
    const labels = withoutTwins(accounts?.fields ?? []).map(({ label }) => label);
    expect(labels.filter((label) => label === 'Integration')).toHaveLength(1);
  });

  test('rows without a name are known by what they are about', async () => {
    const types = await readTypes();
    const byId = types.filter((type) => titleFieldsOf(type).join() === 'id');
    expect(byId.map(({ name }) => name)).toEqual([
      ...['evaluation-results', 'evaluations', 'grades', 'retention-policies', 'searches'],
    ]);
    const missing = types.flatMap((type) =>
      titleFieldsOf(type)
        .filter((field) => !type.fields.some(({ name, is_shown }) => name === field && is_shown))
        .map((field) => `${type.name}.${field}`),
    );
    expect(missing).toEqual([]);
  });

  test('a form shows and finds rows by their names, however many there are', async () => {
    await db.pool.query(
      `insert into howdah.agents (name)
         select 'seller-' || number from generate_series(1, 230) as number order by number;
       insert into howdah.schedules (name, cron, agent_id, input)
         values ('weekly', '@weekly', howdah.agent('seller-1'), 'Report.')`,
    );
    const agent = owner.page.locator('input[data-field=agent_id]');
    await open('/system/schedules/weekly/edit');
    await expect.poll(() => agent.inputValue()).toBe('seller-1'); // not among the first 200
    await agent.fill('seller-2');
    await owner.page.getByRole('option', { name: 'seller-2', exact: true }).click();
    await check('schedule-form');
    await button('Save changes').click();
    await link('seller-2').waitFor();
    const { name } = await one<{ name: string }>(
      db.pool,
      `select a.name from howdah.schedules as s join howdah.agents as a on a.id = s.agent_id
       where s.name = 'weekly'`,
    );
    expect(name).toBe('seller-2');
  });

  test('the subject of a limit is chosen by its name, from what the scope says', async () => {
    await open('/system/limits/new');
    const subject = owner.page.locator('input[data-field=subject_id]');
    await owner.page.locator('input[data-field=metric]').click();
    await owner.page.getByRole('option', { name: 'tokens', exact: true }).click();
    expect(await subject.count()).toBe(0); // a limit of the tenant has none
    await owner.page.locator('input[data-field=scope]').click();
    await owner.page.getByRole('option', { name: 'agent', exact: true }).click();
    await subject.fill('development'); // not among the first 200
    await owner.page.getByRole('option', { name: 'development', exact: true }).click();
    await owner.page.locator('input[data-field=period]').click();
    await owner.page.getByRole('option', { name: 'day', exact: true }).click();
    await owner.page.getByLabel('Max value').fill('1000');
    await check('limit-form');
    await button('Create limit').click();
    await heading('agent · tokens · day');
    await link('development').waitFor();
    await open('/system/limits');
    await owner.page.getByRole('cell', { name: 'development', exact: true }).waitFor();
    await check('limits');
  });

  test('a number has its unit, in lists and on pages and in forms', async () => {
    await db.pool.query(
      `insert into howdah.alert_rules (name, query, interval_seconds)
       values ('empty', 'select 1 where false', 300)`,
    );
    await open('/system/alert-rules');
    await owner.page.getByRole('cell', { name: '5 min', exact: true }).waitFor();
    await link('empty').click();
    await owner.page
      .locator('dd')
      .filter({ hasText: /^5 min$/ })
      .waitFor();
    await link('Edit').click();
    expect(await owner.page.getByLabel('Interval (seconds)').inputValue()).toBe('300');
    expect(owner.problems).toEqual([]);
  });

  test('the form of an agent begins with what every agent needs', async () => {
    await open('/agents/new');
    await owner.page.getByRole('textbox', { name: /^Name/ }).fill('helper');
    await owner.page.getByRole('combobox', { name: 'Knowledge bases' }).click();
    await owner.page.getByRole('option', { name: 'handbook' }).click();
    await owner.page.keyboard.press('Escape');
    expect(await owner.page.getByLabel('Max cost', { exact: true }).isVisible()).toBe(false);
    await owner.page.getByText(/^More settings/).click();
    await owner.page.getByLabel('Max cost', { exact: true }).fill('much');
    await owner.page.getByText(/^More settings/).click();
    await button('Create agent').click();
    await expect
      .poll(() => owner.page.getByLabel('Max cost', { exact: true }).isVisible())
      .toBe(true); // a fault opens the part
    await owner.page.locator('input[data-field=max_cost]:focus').waitFor();
    await owner.page.getByLabel('Max cost', { exact: true }).fill('1');
    await check('agent-form');
    await button('Create agent').click();
    await heading('helper');
    await link('handbook').waitFor();
    await owner.page.getByText('No runs in the last 30 days.').waitFor();
    await link('Playground').last().click();
    await owner.page.waitForURL(/\/playground\?agent=helper/);
    expect(owner.problems).toEqual([]);
  });

  test('in both colours, a phone shows them', async () => {
    const viewport = { width: 360, height: 780 };
    const phone = await logIn('owner', { viewport });
    const { id } = await one<{ id: string }>(
      db.pool,
      `select id from howdah.searches where query = 'refund of cards?' limit 1`,
    );
    for (const place of ['/system/searches', `/system/searches/${id}`, '/agents/development']) {
      await open(place, phone);
      await phone.page.locator('.row-link, dl').first().waitFor();
      await expectReadable(phone, `phone${place.slice(0, 16).replaceAll('/', '-')}`);
    }
    await phone.close();
  });
});
