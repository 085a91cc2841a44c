import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { loadConfig } from '../../../src/config.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { createUnsavedModelTests } from '../../../src/unsaved-model-tests.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { expectReadable, openTabAs, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// Lists, pages and forms of rows, in a real browser: as an owner and as a viewer.

const WORDS = `<img src="https://evil.example/x.png" onerror="alert(1)"> ${HOSTILE_STRINGS.markup ?? ''}`;

describe.skipIf(!CHROMIUM)('places of rows', () => {
  const db = testDatabase();
  let api: ApiServer;
  let worker: Worker;
  let browser: Browser;
  let owner: Tab;
  let viewer: Tab;

  beforeAll(async () => {
    const masterKeys = createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined });
    const config = loadConfig({ DATABASE_URL: db.url });
    const tryUnsavedModel = createUnsavedModelTests(config);
    api = await startTestApi(db.url, { ...tokenOptions, masterKeys, tryUnsavedModel });
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

  const open = (path: string, { page } = owner) => page.goto(`${api.url}${path}`);
  const heading = (name: string, { page } = owner) =>
    page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  const button = (name: string, { page } = owner) =>
    page.getByRole('button', { name, exact: true });
  const link = (name: string, { page } = owner) => page.getByRole('link', { name, exact: true });

  test('an agent is created, changed and deleted by forms, and its words are text', async () => {
    await open('/agents');
    await heading('Agents');
    await link('New agent').click();
    await heading('New agent');
    await picture(owner.page, 'agent-form');
    await button('Create agent').click();
    await owner.page.getByText('Fill in this field.').waitFor();
    await owner.page.getByLabel('Name').fill('greeter');
    await owner.page.getByLabel('Instruction').fill(WORDS);
    await owner.page.getByText(/^More settings/).click();
    await owner.page.getByLabel('Max cost').fill('0.5');
    await button('Create agent').click();
    await heading('greeter');
    await picture(owner.page, 'agent');
    expect(await owner.page.locator('main img').count()).toBe(0);
    await link('Edit').click();
    await owner.page.getByText(/^More settings/).click();
    await owner.page.getByLabel('Max steps').fill('7');
    await button('Save changes').click();
    await heading('greeter');
    const { rows } = await db.pool.query(
      `select instruction, max_cost, max_steps, use_history from howdah.agents
       where name = 'greeter'`,
    );
    expect(rows).toEqual([
      { instruction: WORDS, max_cost: '0.5', max_steps: 7, use_history: true },
    ]);
    await button('Delete').click();
    await owner.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await heading('Agents');
    await owner.page.waitForURL(`${api.url}/agents`);
    expect(await link('greeter').count()).toBe(0);
    expect(owner.foreign).toEqual([]);
    expect(owner.problems).toEqual([]);
  });

  test('versions are compared, labelled and restored', async () => {
    await db.pool.query(
      `insert into howdah.agents (name, instruction) values ('poet', 'Write odes.')`,
    );
    await db.pool.query(
      `update howdah.agents set instruction = 'Write haikus.' where name = 'poet'`,
    );
    await open('/agents/poet');
    await owner.page.getByText('Write odes.').waitFor();
    await picture(owner.page, 'versions');
    const oldest = owner.page.locator('.versions tbody tr').last();
    await oldest.getByRole('button', { name: 'Label' }).click();
    const dialog = owner.page.getByRole('dialog');
    await dialog.getByRole('textbox').fill('stable');
    await dialog.getByRole('button', { name: 'Set the label' }).click();
    await oldest.getByText('stable').waitFor();
    await oldest.getByRole('button', { name: 'Restore' }).click();
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await owner.page.locator('.versions tbody tr').nth(2).waitFor();
    const { rows } = await db.pool.query(
      `select instruction from howdah.agents where name = 'poet'`,
    );
    expect(rows).toEqual([{ instruction: 'Write odes.' }]);
    expect(await seriousFindings(owner.page)).toEqual([]);
    await link('Runs').last().click();
    await owner.page.waitForURL(`${api.url}/runs?agent=poet`);
    expect(owner.problems).toEqual([]);
  });

  test('older versions are shown on request, also after a change', async () => {
    await db.pool.query(`insert into howdah.prompts (name, template) values ('greeting', '0')`);
    for (let version = 2; version <= 52; version += 1) {
      const values = [String(version)];
      await db.pool.query(
        `update howdah.prompts set template = $1 where name = 'greeting'`,
        values,
      );
    }
    await open('/definitions/prompts/greeting');
    const rows = owner.page.locator('.versions tbody tr');
    await rows.nth(49).waitFor();
    expect(await rows.count()).toBe(50);
    await button('Show older versions').click();
    await rows.nth(51).waitFor();
    await rows.last().getByRole('button', { name: 'Label' }).click();
    const dialog = owner.page.getByRole('dialog');
    await dialog.getByRole('textbox').fill('first');
    await dialog.getByRole('button', { name: 'Set the label' }).click();
    await rows.nth(51).getByText('first').waitFor();
    expect(await button('Show older versions').count()).toBe(0);
    expect(owner.problems).toEqual([]);
  });

  test('a stored model is tested by a button', async () => {
    await open('/definitions/models/default');
    await button('Test').click();
    await owner.page.getByRole('dialog').getByText('The model answers.').waitFor();
    await picture(owner.page, 'model-test');
    expect(owner.problems).toEqual([]);
  });

  test('a model is tested in its form, before it is saved', async () => {
    await open('/definitions/models/new');
    await owner.page.getByLabel('Name', { exact: false }).first().fill('rehearsed');
    await owner.page.getByLabel('Provider', { exact: true }).fill('scriptd');
    await button('Test').click();
    await owner.page.locator('[data-field=provider][aria-invalid=true]').waitFor();
    await owner.page.getByLabel('Provider', { exact: true }).fill('scripted');
    const script = { script: [{ content: 'ready' }, { content: 'ready' }] };
    await owner.page.getByLabel('Request params').fill(JSON.stringify(script));
    await owner.page.getByLabel('Capabilities').fill('{"tools": false}');
    await button('Test').click();
    await owner.page.getByRole('dialog').getByText('The model answers.').waitFor();
    await picture(owner.page, 'model-form-test');
    const { rows } = await db.pool.query(`select from howdah.models where name = 'rehearsed'`);
    expect(rows).toEqual([]);
    owner.problems.length = 0;
  });

  test('a test that runs is shown again, and does not keep the form from being saved', async () => {
    let answer = () => {};
    const isAsked = Promise.withResolvers<void>();
    await owner.page.route('**/api/models/test', async (route) => {
      const isAnswered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      isAsked.resolve();
      await isAnswered;
      await route.fulfill({ json: { ok: true, model: 'default' } });
    });
    const dialog = owner.page.getByRole('dialog');
    const busy = dialog.getByText('The model is asked once or twice.');
    await open('/definitions/models/default');
    await button('Test').click();
    await busy.waitFor();
    await owner.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await button('Test').click();
    await busy.waitFor();
    await isAsked.promise;
    answer();
    await dialog.getByText('The model answers.').waitFor();
    await open('/definitions/models/new');
    await owner.page.getByLabel('Name', { exact: false }).first().fill('unhurried');
    await owner.page.getByLabel('Provider', { exact: true }).fill('scripted');
    await button('Test').click();
    await busy.waitFor();
    await owner.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await button('Test').click();
    await busy.waitFor();
    await owner.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await button('Create model').click();
    await heading('unhurried');
    answer();
    await owner.page.unrouteAll({ behavior: 'wait' });
    expect(owner.problems).toEqual([]);
  });

  test('a tool is tried with a form, and a call that needs an approval waits for it', async () => {
    await db.pool.query(
      `with made as (insert into howdah.agents (name) values ('clerk') returning id)
       insert into howdah.agent_tools (agent_id, tool_id, requires_approval)
       select m.id, howdah.tool('calculator'), true from made as m`,
    );
    await open('/definitions/tools/calculator');
    const form = owner.page.getByRole('region', { name: 'Try it' });
    await form.getByLabel('expression').fill('6 * 7');
    await form.getByRole('button', { name: 'Call the tool' }).click();
    await form.getByRole('button', { name: /^Approve/ }).click();
    await form.locator('.answer-text').getByText('42').waitFor();
    await form.getByRole('status').getByText('completed', { exact: true }).waitFor();
    expect(await form.locator('[aria-live=polite]').count()).toBe(0);
    await picture(owner.page, 'tool-trial');
    expect(await seriousFindings(owner.page)).toEqual([]);
    const { rows } = await db.pool.query(
      `select e.status, e.overrides ->> 'tool' as tool from howdah.executions as e
       where e.agent_id = howdah.agent('clerk')`,
    );
    expect(rows).toEqual([{ status: 'completed', tool: 'calculator' }]);
    await open('/definitions/tools/calculator', viewer);
    await heading('calculator', viewer);
    expect(await viewer.page.getByText('Try it').count()).toBe(0);
    expect(owner.problems).toEqual([]);
  });

  test('a call of a tool whose answer was lost is not made twice', async () => {
    await open('/definitions/tools/calculator');
    const form = owner.page.getByRole('region', { name: 'Try it' });
    let lost = 0;
    await owner.page.route('**/graphql', async (route) => {
      if (lost > 0 || !route.request().postData()?.includes('mutation AskAgent')) {
        return route.continue();
      }
      lost += 1;
      await route.fetch();
      await route.abort();
    });
    await form.getByLabel('expression').fill('7 * 8');
    await form.getByRole('button', { name: 'Call the tool' }).click();
    await form.getByText('The server cannot be reached.').waitFor();
    await form.getByRole('button', { name: 'Call the tool' }).click();
    await form.getByRole('button', { name: /^Approve/ }).waitFor();
    await owner.page.unroute('**/graphql');
    const { rows } = await db.pool.query(
      `select count(*)::int from howdah.executions where input like '%7 * 8%'`,
    );
    expect([lost, rows]).toEqual([1, [{ count: 1 }]]);
    owner.problems.length = 0; // the browser reports the lost answer
  });

  test('what is typed into the form of a tool is copied, also as JSON', async () => {
    await owner.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const copied = async () => {
      await form.getByRole('button', { name: 'Copy as' }).click();
      await owner.page.getByRole('menuitem', { name: 'CLI' }).click();
      return owner.page.evaluate('navigator.clipboard.readText()');
    };
    await open('/definitions/tools/calculator');
    const form = owner.page.getByRole('region', { name: 'Try it' });
    await form.getByLabel('expression').fill('1 + 2');
    expect(await copied()).toContain(`clerk '{"expression":"1 + 2"}'`);
    await db.pool.query(
      `update howdah.tools set parameters = parameters - 'additionalProperties'
       where name = 'calculator'`,
    );
    await owner.page.reload();
    await form.getByLabel('expression').fill('1 + 2');
    await form.getByRole('button', { name: 'Write as JSON' }).click();
    const json = form.getByLabel('JSON');
    await json.fill('{"expression": "2", "digits": 3}');
    expect(await copied()).toContain(`'{"expression":"2","digits":3}'`);
    await form.getByRole('button', { name: 'Fill in fields' }).click();
    await form.getByText('This has more than the fields can show.').waitFor();
    expect(await seriousFindings(owner.page)).toEqual([]);
    await json.fill('{"expression": "3"}');
    await form.getByRole('button', { name: 'Fill in fields' }).click();
    expect(await form.getByLabel('expression').inputValue()).toBe('3');
    expect(owner.problems).toEqual([]);
  });

  test('a tool is tried by the agents that can call it alone', async () => {
    await db.pool.query(
      `insert into howdah.agents (name, human_input, is_active, engine, engine_configuration)
       values ('asker', true, true, 'builtin', '{}'), ('idle', true, false, 'builtin', '{}'),
         ('remote', true, true, 'http', '{"url": "https://agents.example.com"}')`,
    );
    const form = owner.page.getByRole('region', { name: 'Try it' });
    await open('/definitions/tools/ask_user');
    await form.getByRole('combobox', { name: 'Agent' }).click();
    const options = owner.page.getByRole('option');
    await options.filter({ hasText: 'asker' }).waitFor();
    const names = await options.allInnerTexts();
    expect(names.filter((name) => ['asker', 'idle', 'remote'].includes(name))).toEqual(['asker']);
    await options.filter({ hasText: 'asker' }).click();
    await form.getByLabel('question').fill('Roses?');
    await form.getByRole('button', { name: 'Call the tool' }).click();
    await form.getByText('Roses?').last().waitFor();
    await open('/definitions/tools/load_skill');
    await form.getByText('No agent can call this tool now.').waitFor();
    expect(owner.problems).toEqual([]);
  });

  test('a fault of the server stands at its field', async () => {
    await open('/system/schedules/new');
    await owner.page.getByLabel('Name').fill('nightly');
    await owner.page.getByLabel('Cron').fill('every night');
    await owner.page.locator('[data-field=agent_id]').click();
    await owner.page.getByRole('option', { name: 'development' }).click();
    await owner.page.getByLabel('Input', { exact: false }).first().fill('Report.');
    await button('Create schedule').click();
    const cron = owner.page.getByLabel('Cron');
    await owner.page.locator('[data-field=cron][aria-invalid=true]').waitFor();
    expect(await cron.getAttribute('aria-invalid')).toBe('true');
    expect(await seriousFindings(owner.page)).toEqual([]);
    await picture(owner.page, 'schedule-fault');
    owner.problems.length = 0;
  });

  test('a secret is written and never shown, and a signing key is shown once', async () => {
    await open('/system/secrets/new');
    await owner.page.getByLabel('Name').fill('openai');
    const value = owner.page.getByLabel('Value', { exact: false }).first();
    expect(await value.getAttribute('type')).toBe('password');
    await value.fill('sk-very-secret-value-4711');
    await button('Create secret').click();
    await heading('openai');
    expect(await owner.page.content()).not.toContain('sk-very-secret');
    await open('/system/webhooks/new');
    await owner.page.getByLabel('URL').fill('https://hooks.example.com/howdah');
    await button('Create webhook').click();
    await owner.page.getByText(/^whsec_/).waitFor();
    await picture(owner.page, 'shown-once');
    await owner.page.keyboard.press('Escape');
    expect(await button('Close').count()).toBe(0);
    await button('I have stored it').click();
    await heading('https://hooks.example.com/howdah');
    await owner.page.reload();
    await heading('https://hooks.example.com/howdah');
    expect(await owner.page.content()).not.toMatch(/whsec_[\w+/]{20}/);
  });

  test('a list keeps its filter in the URL, and names what emptied it', async () => {
    await open('/definitions/tools?kind=builtin');
    await link('calculator').waitFor();
    await picture(owner.page, 'tools');
    await open('/definitions/tools?name=nothing&kind=http');
    await owner.page.getByText('No tools match the filter: Name, Kind.').waitFor();
    await button('Clear the filter').click();
    await link('calculator').click();
    await heading('calculator');
    await open('/definitions/tools/calculator');
    await heading('calculator');
    expect(owner.problems).toEqual([]);
  });

  test('a viewer sees no button that would be refused', async () => {
    await open('/agents', viewer);
    await link('development', viewer).click();
    await heading('development', viewer);
    await button('Copy as', viewer).waitFor();
    for (const name of ['Edit', 'New agent', 'Delete', 'Set default']) {
      expect(await viewer.page.getByText(name, { exact: true }).count(), name).toBe(0);
    }
    await open('/agents/development');
    await button('Delete').waitFor();
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, input, run_at)
       values (howdah.agent('development'), 'Hello.', now() + interval '1 day') returning id`,
    );
    await open(`/runs/${rows[0].id}`, viewer);
    await button('Copy as', viewer).waitFor();
    for (const name of ['Cancel', 'Pause', 'Fork']) {
      expect(await button(name, viewer).count(), name).toBe(0);
    }
    expect(viewer.problems).toEqual([]);
  });

  test('a memory of an agent is pinned and unpinned, and is marked', async () => {
    const remember = async (text: string) => {
      const { rows } = await db.pool.query(
        text.startsWith('tenant')
          ? `select (howdah.remember($1, 'tenant')).id`
          : `select (howdah.remember($1, 'agent', howdah.agent('development'))).id`,
        [text],
      );
      return rows[0].id as string;
    };
    const ofTenant = await remember('tenant: We ship on Monday.');
    const id = await remember('Refunds take a week.');
    const pin = () => owner.page.getByRole('img', { name: 'Pinned' });
    await open(`/system/memories/${id}`);
    await button('Pin').click();
    await picture(owner.page, 'memory-pin');
    await owner.page.getByRole('dialog').getByRole('button', { name: 'Pin' }).click();
    await button('Unpin').waitFor();
    await open('/system/memories');
    await link('Refunds take a week.').waitFor();
    expect(await pin().count()).toBe(1);
    await picture(owner.page, 'memories');
    expect(await seriousFindings(owner.page)).toEqual([]);
    await open(`/system/memories/${ofTenant}`);
    await button('Delete').waitFor();
    expect(await button('Pin').count()).toBe(0);
    await open(`/system/memories/${id}`, viewer);
    await button('Copy as', viewer).waitFor();
    expect(await button('Unpin', viewer).count()).toBe(0);
    await open(`/system/memories/${id}`);
    await button('Unpin').click();
    await owner.page.getByRole('dialog').getByRole('button', { name: 'Unpin' }).click();
    await button('Pin').waitFor();
    const { rows } = await db.pool.query('select is_pinned from howdah.memories where is_pinned');
    expect(rows).toEqual([]);
    await db.pool.query(`select howdah.pin_memory($1)`, [id]); // for the pictures below
    expect(owner.problems).toEqual([]);
  });

  test('a memory of an agent is proposed, and approved with another text', async () => {
    const { rows } = await db.pool.query(
      `select (howdah.remember('Ask for the parcel number.', 'agent', howdah.agent('development'))).id`,
    );
    const { id } = rows[0];
    const dialog = owner.page.getByRole('dialog');
    await open(`/system/memories/${id}`);
    await button('Propose').click();
    await dialog.getByRole('button', { name: 'Propose' }).click();
    await button('Approve').click();
    const text = dialog.getByRole('textbox', { name: 'Text' });
    expect(await text.inputValue()).toBe('Ask for the parcel number.');
    await text.fill('Ask for the number.');
    await picture(owner.page, 'memory-approve');
    expect(await seriousFindings(owner.page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Approve' }).click();
    await dialog.waitFor({ state: 'detached' });
    await button('Approve').waitFor({ state: 'detached' });
    expect(await button('Reject').count()).toBe(0);
    const { rows: copies } = await db.pool.query(
      'select content, scope from howdah.memories where origin_id = $1',
      [id],
    );
    expect(copies).toEqual([{ content: 'Ask for the number.', scope: 'tenant' }]);
    await picture(owner.page, 'memory-approved');
    expect(owner.problems).toEqual([]);
  });

  test('in both colours, each place is accessible', async () => {
    const phone = await logIn('owner', { viewport: { width: 360, height: 780 } });
    for (const place of [
      ...['/agents', '/agents/development', '/agents/new', '/system', '/system/memories'],
    ]) {
      await open(place, phone);
      await phone.page.getByRole('heading', { level: 1 }).waitFor();
      await phone.page.locator('.row-link, dl, form, .cards > *').first().waitFor();
      await expectReadable(phone, `phone${place.replaceAll('/', '-')}`);
    }
    expect(phone.problems).toEqual([]);
    await phone.close();
  });
});
