import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import {
  EMPTY_COLUMN,
  readColumns,
  withSubject,
  writeColumns,
} from '../../../src/console/playground/columns.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { expectReadable, openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';
import { createSample } from '../sample-runs.ts';

test('a column is an agent or a workflow, which may have one name', () => {
  const names = { agents: new Map([['press', '1']]), workflows: new Map([['press', '2']]) };
  const workflow = { ...EMPTY_COLUMN, workflow: 'press' };
  expect(readColumns(new URLSearchParams(writeColumns([workflow])))).toEqual([workflow]);
  expect(withSubject(workflow, 'first', names)).toEqual(workflow);
  const agent = { ...EMPTY_COLUMN, agent: 'press' };
  expect(withSubject(agent, 'first', names)).toEqual(agent);
  // links from before had a workflow as the agent
  const alone = { ...names, agents: new Map<string, string>() };
  expect(withSubject(agent, 'first', alone)).toEqual(workflow);
  expect(withSubject(EMPTY_COLUMN, 'first', names).agent).toBe('first');
});

test('columns survive their URL, and more than four are left out', () => {
  const columns = [
    { ...EMPTY_COLUMN, agent: 'writer', model: 'fast', instruction: 'Be brief & kind.' },
    { ...EMPTY_COLUMN, agent: 'desk', version: 'production', temperature: '0.2' },
  ];
  expect(readColumns(new URLSearchParams(writeColumns(columns)))).toEqual(columns);
  expect(readColumns(new URLSearchParams('agent=a&agent=b&agent=c&agent=d&agent=e'))).toHaveLength(
    4,
  );
  expect(readColumns(new URLSearchParams())).toEqual([EMPTY_COLUMN]);
});

describe.skipIf(!CHROMIUM)('the playground', () => {
  const db = testDatabase();
  let model: FakeServer;
  let api: ApiServer;
  let worker: Worker;
  let browser: Browser;
  let tab: Tab;

  beforeAll(async () => {
    // the answer says which instruction and temperature the model received
    model = await startOpenAiServer(({ body: { messages, temperature } }) => ({
      content: `${JSON.stringify((messages as unknown[])[0])} at ${temperature ?? 'its own'}`,
    }));
    api = await startTestApi(db.url);
    worker = await startTestWorker(db.url, { openai: model.url });
    browser = await launchChromium();
    tab = await openTab(browser, api.url);
    const prices = { input_price: 3, output_price: 15 };
    const writer = await makeAgent(db.pool, {
      models: [{ provider: 'openai', ...prices }],
      instruction: 'Write long sentences.',
      retry_for: 0,
    });
    await db.pool.query(`update howdah.agents set name = 'writer' where id = $1`, [writer]);
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await worker?.stop(0);
    await api?.close();
    await model?.close();
  });

  const column = (place: number) => tab.page.getByRole('region', { name: `Column ${place}` });

  test('two columns answer one message, and the URL has both with their answers', async () => {
    await tab.page.goto(`${api.url}/playground?agent=writer`);
    await column(1).getByText('current (1)').or(column(1).getByRole('combobox')).first().waitFor();
    await tab.page.getByRole('button', { name: 'Add a column' }).click();
    await column(2).getByRole('textbox', { name: 'Temperature' }).fill('0.2');
    await column(2).getByRole('button', { name: 'Edit the instruction' }).click();
    await column(2).getByRole('textbox', { name: 'Instruction' }).fill('Be <b>brief</b>.');
    await tab.page.getByRole('textbox', { name: 'Message' }).fill('Describe an elephant.');
    await tab.page.keyboard.press('Enter');
    await column(1).getByText('Write long sentences.').last().waitFor();
    await column(2)
      .getByText(/Be <b>brief<\/b>\..* at 0\.2/)
      .waitFor();
    await column(1)
      .getByText(/11 \/ 7 tokens/)
      .waitFor();
    await column(1)
      .getByText(/cost 0\.00014/)
      .waitFor();
    expect(await seriousFindings(tab.page)).toEqual([]);
    await picture(tab.page, 'playground');
    await tab.page.reload();
    await column(2)
      .getByText(/Be <b>brief<\/b>\..* at 0\.2/)
      .waitFor();
    expect(await tab.page.locator('main b').count()).toBe(0);
    expect(tab.problems).toEqual([]);
    expect(tab.foreign).toEqual([]);
  });

  test('what a column tries becomes a version of the agent', async () => {
    await column(2).getByRole('button', { name: 'Save as version' }).click();
    await tab.page.getByRole('button', { name: 'Save the version' }).click();
    await expect
      .poll(() => column(2).getByRole('button', { name: 'Save as version' }).isDisabled())
      .toBe(true); // nothing is tried any more
    const { rows } = await db.pool.query(
      `select a.instruction, m.request_params, v.version > 1 as is_new
       from howdah.agents as a
       join howdah.agent_models as m on m.agent_id = a.id
       join howdah.agent_versions as v on v.id = a.current_version_id where a.name = 'writer'`,
    );
    expect(rows).toEqual([
      { instruction: 'Be <b>brief</b>.', request_params: { temperature: 0.2 }, is_new: true },
    ]);
    expect(tab.problems).toEqual([]);
  });

  test('a version is not saved over a change of another person', async () => {
    await tab.page.goto(`${api.url}/playground?agent=writer`);
    await column(1).getByRole('textbox', { name: 'Temperature' }).fill('warm');
    await column(1).getByText('Write a number such as 0.2.').waitFor();
    await tab.page.getByRole('textbox', { name: 'Message' }).fill('Describe a whale.');
    const submit = tab.page.locator('.composer button[type=submit]');
    expect(await submit.isDisabled()).toBe(true);
    await column(1).getByRole('textbox', { name: 'Temperature' }).fill('0.7');
    expect(await submit.isDisabled()).toBe(false);
    await column(1).getByRole('button', { name: 'Save as version' }).click();
    await tab.page.locator('button:enabled', { hasText: 'Save the version' }).waitFor();
    await db.pool.query(`update howdah.agents set instruction = 'Rhyme.' where name = 'writer'`);
    await tab.page.getByRole('button', { name: 'Save the version' }).click();
    const dialog = tab.page.getByRole('dialog');
    await dialog.getByText('HWCNF').waitFor();
    const release = await holdReads(tab.page, 'api/agents/*');
    await dialog.getByRole('alert').getByRole('button').click();
    await dialog.getByRole('alert').waitFor({ state: 'detached' });
    const save = dialog.locator('button', { hasText: 'Save the version' });
    expect(await save.isDisabled()).toBe(true);
    release();
    await save.click();
    await dialog.waitFor({ state: 'detached' });
    const { rows } = await db.pool.query(
      `select a.instruction, m.request_params from howdah.agents as a
       join howdah.agent_models as m on m.agent_id = a.id where a.name = 'writer'`,
    );
    expect(rows).toEqual([{ instruction: 'Rhyme.', request_params: { temperature: 0.7 } }]);
    tab.problems.length = 0;
  });

  test('a column that could not start keeps the message, and the others run once', async () => {
    await tab.page.goto(`${api.url}/playground?agent=writer&agent=writer&version=&version=gone`);
    const field = tab.page.getByRole('textbox', { name: 'Message' });
    await field.fill('Describe a lion.');
    await tab.page.locator('.composer button[type=submit]:enabled').click();
    await tab.page.getByText('Not every column got the message.').waitFor();
    await column(1).getByText('Open the run').waitFor();
    expect(await field.inputValue()).toBe('Describe a lion.');
    await column(2).getByRole('combobox', { name: 'Version' }).click();
    await tab.page.getByRole('option', { name: /^current/ }).click();
    await field.press('Enter');
    await column(2).getByText('Open the run').waitFor();
    await expect.poll(() => field.inputValue()).toBe('');
    const { rows } = await db.pool.query(
      `select count(*)::int from howdah.executions where input = 'Describe a lion.'`,
    );
    expect(rows).toEqual([{ count: 2 }]);
    tab.problems.length = 0;
  });

  test('one press of a key approves one call', async () => {
    await createSample(db.pool);
    await tab.page.goto(`${api.url}/playground?agent=refunds&agent=refunds`);
    await tab.page.getByRole('textbox', { name: 'Message' }).fill('Refund A-1001.');
    await tab.page.locator('.composer button[type=submit]:enabled').click();
    const open = async () => {
      const { rows } = await db.pool.query(
        `select count(*)::int from howdah.questions where status = 'open'`,
      );
      return rows[0].count as number;
    };
    await expect.poll(open, { timeout: 30_000 }).toBe(2);
    const approve = tab.page.getByRole('button', { name: 'Approve' });
    await column(1).getByRole('button', { name: 'Approve' }).waitFor();
    await expect.poll(() => approve.count()).toBe(1);
    await column(1).locator('.playground-message').click();
    await tab.page.keyboard.press('a');
    await column(1).getByText('The refund is on its way.').waitFor();
    await column(2).getByRole('button', { name: 'Approve' }).waitFor();
    await expect.poll(() => approve.count()).toBe(1);
    expect(await open()).toBe(1);
    expect(tab.problems).toEqual([]);
  });

  test('an agent and a workflow of one name each answer in their column', async () => {
    await db.pool.query(
      `insert into howdah.workflows (name, type) values ('writer', 'chain');
       insert into howdah.workflow_agents (workflow_id, agent_id)
         values (howdah.workflow('writer'), howdah.agent('writer'))`,
    );
    await tab.page.goto(`${api.url}/playground?agent=writer`);
    await tab.page.getByRole('button', { name: 'Add a column' }).click();
    await column(2).getByRole('combobox', { name: 'Agent or workflow' }).click();
    await tab.page.getByRole('option', { name: 'writer (workflow)' }).click();
    await column(2).getByRole('combobox', { name: 'Version' }).waitFor({ state: 'detached' });
    await tab.page.getByRole('textbox', { name: 'Message' }).fill('Describe a seal.');
    await tab.page.locator('.composer button[type=submit]:enabled').click();
    await column(1).getByText('Open the run', { exact: true }).waitFor();
    await column(2).getByText('Open the run', { exact: true }).waitFor();
    await tab.page.waitForURL(/[?&]workflow=&workflow=writer&/);
    await tab.page.reload();
    await column(2).getByText('Open the run', { exact: true }).waitFor();
    const { rows } = await db.pool.query(
      `select workflow_id is not null as is_workflow, metadata from howdah.executions
       where input = 'Describe a seal.' and parent_execution_id is null order by 1`,
    );
    const metadata = { playground: true };
    expect(rows).toEqual([
      { is_workflow: false, metadata },
      { is_workflow: true, metadata },
    ]);
    expect(tab.problems).toEqual([]);
  });

  test('a column is copied as a program', async () => {
    await tab.page.goto(`${api.url}/playground?agent=writer&temperature=0.5`);
    await tab.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await column(1).getByRole('button', { name: 'Copy as' }).click();
    await tab.page.getByRole('menuitem', { name: 'TypeScript' }).click();
    const text = await tab.page.evaluate('navigator.clipboard.readText()');
    expect(text).toContain('howdah.agent("writer").send("What is 6 * 7?"');
    expect(text).toContain('"temperature": 0.5');
  });

  test('in both colours it is readable on a phone', async () => {
    const viewport = { width: 360, height: 780 };
    const phone = await openTab(browser, api.url, { viewport });
    await phone.page.goto(`${api.url}/playground?agent=writer&agent=writer&model=&model=default`);
    await phone.page.getByRole('textbox', { name: 'Temperature' }).nth(1).waitFor();
    await expectReadable(phone, 'playground');
    await phone.close();
  });
});

/** Holds the requests that read a path. Returns a function that releases them. */
async function holdReads(page: Page, path: string): Promise<() => void> {
  const released = Promise.withResolvers<void>();
  await page.route(`**/${path}`, async (route) => {
    if (route.request().method() === 'GET') await released.promise;
    await route.continue();
  });
  return released.resolve;
}
