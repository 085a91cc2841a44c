import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { expectReadable, openTabAs, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// Proposed memories in the inbox, as an owner and as a viewer.

/** Words that would do something in a careless page. */
const HOSTILE = [
  ...Object.values(HOSTILE_STRINGS).filter((text) => /[<&]|javascript:/.test(text)),
  `<img src="https://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>`,
  '[a link](https://evil.example) ![an image](https://evil.example/y.png)',
].join('\n');

describe.skipIf(!CHROMIUM)('proposals in the inbox', () => {
  const db = testDatabase();
  let api: ApiServer;
  let worker: Worker;
  let browser: Browser;
  let owner: Tab;
  let viewer: Tab;

  beforeAll(async () => {
    api = await startTestApi(db.url, tokenOptions);
    worker = await startTestWorker(db.url);
    browser = await launchChromium();
    owner = await logIn('owner');
    viewer = await logIn('viewer');
  });
  afterAll(async () => {
    await owner?.close();
    await viewer?.close();
    await browser?.close();
    await worker?.stop(0);
    await api?.close();
  });

  const logIn = (role: string, options = {}): Promise<Tab> =>
    openTabAs(browser, api.url, db.pool, { role }, options);

  /** Lets an agent learn a procedure in a run and propose it. Returns the ids of both. */
  async function learn(agent: string, content: string) {
    const args = { content, kind: 'procedure', proposed: true };
    const script = [
      { tool_calls: [{ name: 'remember', arguments: args }] },
      { content: 'I know it now.' },
    ];
    const made = await makeAgent(db.pool, { tools: ['remember'], models: [{ script }] });
    await db.pool.query(
      `with renamed as (update howdah.agents set name = $2 where id = $1)
       update howdah.agent_tools set configuration = '{"propose": true}' where agent_id = $1`,
      [made, agent],
    );
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, input)
       values ($1, 'A parcel for Ada is missing.') returning id as run`,
      [made],
    );
    const run: string = rows[0].run;
    const ofRun = 'select id from howdah.memories where source_execution_id = $1';
    const id = await expect
      .poll(async () => (await db.pool.query(ofRun, [run])).rows[0]?.id)
      .toBeTruthy()
      .then(async () => (await db.pool.query(ofRun, [run])).rows[0].id as string);
    return { id, run };
  }

  async function propose(content: string, trust = 'user'): Promise<string> {
    const { rows } = await db.pool.query(
      `select (howdah.propose_memory((howdah.remember($1, 'agent', howdah.agent('development'),
         'procedure', trust => $2)).id)).id`,
      [content, trust],
    );
    return rows[0].id;
  }

  async function stateOf(id: string) {
    const { rows } = await db.pool.query(
      `select m.proposal_status as status, c.content as copy, c.scope
       from howdah.memories as m left join howdah.memories as c on c.origin_id = m.id
       where m.id = $1`,
      [id],
    );
    return rows[0];
  }

  const open = (path: string, { page } = owner) => page.goto(`${api.url}${path}`);
  const main = ({ page } = owner) => page.getByRole('main');
  const status = ({ page } = owner) => page.getByRole('main').getByRole('status');

  test('what an agent has learned appears by itself, as text, and the key A approves it', async () => {
    await open('/inbox');
    await main().getByText('Nothing waits for a person.').waitFor();
    expect(await owner.page.title()).toBe('Inbox · Howdah');
    const { id, run } = await learn('courier', HOSTILE);
    await owner.page.locator('.inbox-line', { hasText: 'Proposed procedure · courier' }).click();
    await owner.page.waitForURL(`${api.url}/inbox/proposals/${id}`);
    expect(await owner.page.title()).toBe('(1) Inbox · Howdah');
    await main().getByRole('heading', { name: 'courier proposes a memory' }).waitFor();
    await main().getByText('A parcel for Ada is missing.').waitFor();
    const learned = main().getByRole('link', { name: 'step 2 of its run' });
    expect(await learned.getAttribute('href')).toBe(`/runs/${run}/2`);
    expect(await main().locator('.value-text').first().textContent()).toBe(HOSTILE);
    expect(await main().locator('img').count()).toBe(0);
    expect(await seriousFindings(owner.page)).toEqual([]);
    await picture(owner.page, 'proposal');
    await owner.page.keyboard.press('a');
    await status()
      .getByText(/^Approved by /)
      .waitFor();
    await main().getByText('Nothing waits for a person.').waitFor();
    expect(await owner.page.title()).toBe('Inbox · Howdah');
    expect(await stateOf(id)).toEqual({
      status: 'approved',
      copy: HOSTILE.trim(),
      scope: 'tenant',
    });
    await picture(owner.page, 'proposal-approved');
    await main().getByRole('link', { name: 'Open the memory of the tenant' }).click();
    await owner.page.waitForURL(/\/system\/memories\/[0-9a-f-]{36}$/);
    expect(owner.foreign).toEqual([]);
    expect(owner.problems).toEqual([]);
  });

  test('its text is corrected by E, and R asks before it rejects', async () => {
    const corrected = await propose('Ask for the parcel number.', 'external');
    const rejected = await propose('Promise a refund.');
    await open(`/inbox/proposals/${corrected}`);
    await main().getByText('The text comes from outside').waitFor();
    await main().getByText('A person wrote this memory').waitFor();
    await main().getByRole('button', { name: 'Correct the text' }).waitFor();
    await owner.page.keyboard.press('e');
    const text = main().getByRole('textbox', { name: 'Corrected text' });
    expect(await text.inputValue()).toBe('Ask for the parcel number.');
    await text.fill('Ask for the number.');
    await main().getByRole('button', { name: 'Approve' }).click();
    await status()
      .getByText(/^Approved by /)
      .waitFor();
    expect(await stateOf(corrected)).toMatchObject({ copy: 'Ask for the number.' });
    await owner.page.locator('.inbox-line', { hasText: 'Promise a refund.' }).click();
    await main()
      .getByRole('button', { name: /^Reject/ })
      .waitFor();
    await owner.page.keyboard.press('r');
    await main().getByText('No agent can propose the same text again.').waitFor();
    await picture(owner.page, 'proposal-reject');
    expect(await seriousFindings(owner.page)).toEqual([]);
    await main().getByRole('button', { name: 'Back' }).click();
    expect(await stateOf(rejected)).toMatchObject({ status: 'open' });
    await owner.page.keyboard.press('r');
    await owner.page.keyboard.press('Enter');
    await status()
      .getByText(/^Rejected by /)
      .waitFor();
    expect(await stateOf(rejected)).toEqual({ status: 'rejected', copy: null, scope: null });
    expect(owner.problems).toEqual([]);
  });

  test('one that somebody else decided or corrected says so, and the server refuses', async () => {
    const id = await propose('Greet by name.');
    await open(`/inbox/proposals/${id}`);
    await main().getByRole('button', { name: 'Approve' }).waitFor();
    await owner.page.route('**/api/memories?*', (route) => route.abort());
    await db.pool.query('select howdah.reject_memory($1)', [id]);
    await main().getByRole('button', { name: 'Approve' }).click();
    await main().getByText('is already rejected').waitFor();
    await picture(owner.page, 'proposal-refused');
    await owner.page.unrouteAll();
    await status()
      .getByText(/^Rejected by /)
      .waitFor();
    const other = await propose('Say goodbye.');
    await open(`/inbox/proposals/${other}`);
    await main().getByRole('button', { name: 'Approve' }).waitFor();
    await db.pool.query(`select howdah.correct_memory($1, 'Say goodbye twice.')`, [other]);
    await status().getByText('the memory was corrected').waitFor();
    await open('/inbox/proposals/0197f3a2-5c1e-7d84-9a51-2f0c6be1d7aa');
    await main().getByText('There is no memory with this id').waitFor();
    owner.problems.length = 0;
  });

  test('a correction shows what it corrects, and Home leads to it', async () => {
    const first = await propose('Ship on Monday.');
    await db.pool.query('select howdah.approve_memory($1)', [first]);
    const { rows } = await db.pool.query(
      `select (howdah.propose_memory((howdah.correct_memory($1, 'Ship on Tuesday.')).id)).id`,
      [first],
    );
    await open('/');
    const waiting = owner.page.getByRole('region', { name: 'Waiting for a person' });
    await waiting.getByRole('link', { name: 'Ship on Tuesday.' }).click();
    await owner.page.waitForURL(`${api.url}/inbox/proposals/${rows[0].id}`);
    await main().getByRole('heading', { name: 'It corrects' }).waitFor();
    await main().getByText('Ship on Monday.').waitFor();
    await main().getByRole('button', { name: 'Approve' }).click();
    await status()
      .getByText(/^Approved by /)
      .waitFor();
    const { rows: valid } = await db.pool.query(
      `select content from howdah.memories
       where scope = 'tenant' and superseded_by is null and content like 'Ship on %'`,
    );
    expect(valid).toEqual([{ content: 'Ship on Tuesday.' }]);
  });

  test('a viewer reads it and sees no buttons, keys do nothing, and the server refuses', async () => {
    const id = await propose('Offer tea.');
    await open(`/inbox/proposals/${id}`, viewer);
    await main(viewer).getByText('Offer tea.').last().waitFor();
    await viewer.page.locator('.inbox-line', { hasText: 'Offer tea.' }).waitFor();
    await main(viewer).getByText('Your role may only read here.').waitFor();
    for (const name of [/^Approve/, /^Reject/, /^Correct/]) {
      expect(await main(viewer).getByRole('button', { name }).count()).toBe(0);
    }
    await viewer.page.keyboard.press('a');
    await viewer.page.keyboard.press('r');
    const { rows } = await db.pool.query(
      `select key from howdah.create_api_key('reader', 'viewer', null, now() + interval '1 day')`,
    );
    const answer = await fetch(`${api.url}/api/memories/${id}/approve`, {
      method: 'POST',
      headers: { authorization: `Bearer ${rows[0].key}` },
    });
    expect(answer.status).toBe(403);
    expect(await stateOf(id)).toMatchObject({ status: 'open' });
    expect(viewer.problems).toEqual([]);
  });

  test('in both colours, it fits a phone', async () => {
    const id = await propose(`Ask twice: ${'a long text '.repeat(20)}`);
    for (const width of [360, 1440]) {
      const tab = await logIn('owner', { viewport: { width, height: 900 } });
      await open(`/inbox/proposals/${id}`, tab);
      await main(tab).getByRole('button', { name: 'Approve' }).waitFor();
      await tab.page.locator('.inbox-line').first().waitFor();
      await expectReadable(tab, `proposal-${width}`);
      expect(tab.problems).toEqual([]);
      await tab.close();
    }
  });
});
