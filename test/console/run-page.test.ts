import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Howdah } from '../../src/index.ts';
import { startHowdah } from '../embedding/start-howdah.ts';
import { callTools, makeAgent, runToEnd, waitForEnd } from '../runtime/arrange.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { expectReadable, openTab, picture, seriousFindings, type Tab } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { createSample, type Sample } from './sample-runs.ts';

// The page of a run in a real browser: comparison, forks, workflow and feedback.

describe.skipIf(!CHROMIUM)('the page of a run', () => {
  const db = testDatabase();
  let howdah: Howdah;
  let browser: Browser;
  let sample: Sample;
  let url: string;
  let tab: Tab;
  let original: string;
  let fork: string;

  beforeAll(async () => {
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    url = howdah.url ?? '';
    browser = await launchChromium();
    tab = await openTab(browser, url);
    sample = await createSample(db.pool);
    original = await sample.run('support', 'What is the total of A-1001?');
    await waitForEnd(db.pool, original);
    const { rows } = await db.pool.query(
      `select (howdah.fork_execution($1, 2, 'And of <b>A-1002</b>?')).id`,
      [original],
    );
    fork = rows[0].id;
    await waitForEnd(db.pool, fork);
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await howdah?.close();
  });

  const open = (path: string) => tab.page.goto(`${url}${path}`);
  const seen = (text: string | RegExp) => tab.page.getByText(text).first().waitFor();

  test('the page of a fork leads to the comparison with its original', async () => {
    await open(`/runs/${fork}`);
    await tab.page.getByRole('button', { name: 'Compare with' }).click();
    await tab.page.getByRole('menuitem', { name: 'The run it was forked from, at step 2' }).click();
    await tab.page.waitForURL(`${url}/runs/${original}/compare/${fork}`);
    await seen(/^\d+ equal, .*The first 2 are shared: a fork copied them\.$/);
    await tab.page
      .getByRole('row', { name: /^Steps/ })
      .getByText('+')
      .waitFor();
    expect(await seriousFindings(tab.page)).toEqual([]);
    await picture(tab.page, 'compare');
    await tab.page.reload();
    await seen(/^\d+ equal, /);
    await tab.page.locator('.step-pair[data-what="only_b"] a').first().click();
    await tab.page.waitForURL(new RegExp(`/runs/${fork}/\\d+$`));
    expect(tab.problems).toEqual([]);
  });

  test('runs of two agents show their differences as text, side by side', async () => {
    const other = await sample.run('broken', 'What is <i>the</i> total of A-1002?');
    await waitForEnd(db.pool, other);
    await open(`/runs/${original}`);
    await tab.page.getByRole('button', { name: 'Compare with' }).click();
    await tab.page.getByRole('menuitem', { name: 'Another run…' }).click();
    const field = tab.page.getByLabel('Id of the other run');
    await field.fill('no id');
    await field.press('Enter');
    await seen('This is not the id of a run.');
    await field.fill(other);
    await field.press('Enter');
    await tab.page.getByRole('table', { name: 'input', exact: true }).first().waitFor();
    const changed = tab.page.getByRole('table', { name: 'input', exact: true }).first();
    expect(await changed.locator('[data-side="b"]').innerText()).toContain('<i>the</i>');
    expect(await changed.locator('mark').count()).toBeGreaterThan(1);
    expect(await seriousFindings(tab.page)).toEqual([]);
    await picture(tab.page, 'compare-agents');
    expect(tab.foreign).toEqual([]);
  });

  test('a run lists its forks, and a fork the run that it comes from', async () => {
    await open(`/runs/${original}?tab=forks`);
    await seen('1 fork');
    await picture(tab.page, 'forks');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.locator(`td a[href$="${fork}"]`).first().click();
    await tab.page.waitForURL(`${url}/runs/${fork}`);
    await tab.page.getByRole('tab', { name: 'Forks' }).click();
    await seen('Forked at step 2 of');
    await tab.page.getByRole('link', { name: 'Compare', exact: true }).click();
    await tab.page.waitForURL(`${url}/runs/${original}/compare/${fork}`);
  });

  test('a fork runs another version with another input', async () => {
    await open(`/runs/${original}`);
    await tab.page.getByRole('button', { name: 'Fork', exact: true }).click();
    await tab.page.getByLabel('Input', { exact: true }).fill('What is the total of A-1003?');
    await tab.page.getByRole('combobox', { name: 'Version' }).click();
    await tab.page.getByRole('option', { name: /^1, of/ }).click();
    await picture(tab.page, 'fork-dialog');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.getByRole('button', { name: 'Start the fork' }).click();
    await seen('Forked at step 0 of');
    const { rows } = await db.pool.query(
      `select e.input, v.version from howdah.executions as e
       join howdah.agent_versions as v on v.id = e.agent_version_id
       where e.forked_from_execution_id = $1 and e.forked_from_seq = 0`,
      [original],
    );
    expect(rows).toEqual([{ input: 'What is the total of A-1003?', version: 1 }]);
  });

  test('a step of a model shows the request that it sent, as text', async () => {
    await open(`/runs/${fork}/4`);
    await tab.page.getByRole('button', { name: 'Show the request to the model' }).click();
    const request = tab.page.getByRole('region', { name: 'Request to the model' });
    await request.getByText('And of <b>A-1002</b>?').waitFor();
    await request.getByText('1 tool').waitFor();
    await picture(tab.page, 'step-request');
    expect(await seriousFindings(tab.page)).toEqual([]);
    expect(tab.problems).toEqual([]);
  });

  test('a step with an answer of the cache leads to the step that got it', async () => {
    await db.pool.query(`
      create function sample_shop.opening_hours() returns text stable language sql as $$ select '9 to 5' $$;
      select howdah.register_sql_tool('sample_shop.opening_hours()');
      update howdah.tools set cache_answers_for = 60 where name = 'opening_hours'`);
    const agent_id = await makeAgent(db.pool, {
      script: [callTools({ name: 'opening_hours' }), { content: 'From 9 to 5.' }],
      tools: ['opening_hours'],
    });
    const first = await runToEnd(db.pool, agent_id);
    await eventually(
      db.pool,
      'the answer is cached',
      'select from howdah_private.cached_answers where execution_id = $1',
      [first.id],
    );
    const second = await runToEnd(db.pool, agent_id);
    await open(`/runs/${second.id}/2`);
    await tab.page.getByRole('link', { name: 'From the answer cache' }).waitFor();
    await picture(tab.page, 'step-from-cache');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.getByRole('link', { name: 'From the answer cache' }).click();
    await tab.page.waitForURL(`${url}/runs/${first.id}/2`);
    expect(tab.problems).toEqual([]);
  });

  test('a fork after a step uses another model', async () => {
    await db.pool.query(
      `insert into howdah.models (name, provider, model) values ('careful', 'scripted', 'x')`,
    );
    await open(`/runs/${original}/2`);
    await tab.page.getByRole('button', { name: 'Fork from here' }).click();
    await tab.page.getByRole('combobox', { name: 'Model' }).click();
    await tab.page.getByRole('option', { name: 'careful' }).click();
    await picture(tab.page, 'fork-model');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.getByRole('button', { name: 'Start the fork' }).click();
    await seen('Forked at step 2 of');
    const { rows } = await db.pool.query(
      `select forked_from_seq, overrides #>> '{model,name}' as model from howdah.executions
       where forked_from_execution_id = $1 and overrides is not null`,
      [original],
    );
    expect(rows).toEqual([{ forked_from_seq: 2, model: 'careful' }]);
  });

  test('a run of one tool has no model to choose, and sent no request to one', async () => {
    const { rows } = await db.pool.query(
      `select (howdah.run('support', '{"expression": "6 * 7"}',
         overrides => '{"tool": "calculator"}')).id`,
    );
    await waitForEnd(db.pool, rows[0].id);
    await open(`/runs/${rows[0].id}`);
    const version = tab.page.getByRole('combobox', { name: 'Version' });
    await tab.page.getByRole('button', { name: 'Fork', exact: true }).click();
    await version.waitFor();
    expect(await tab.page.getByRole('combobox', { name: 'Model' }).count()).toBe(0);
    const steps = await db.pool.query(
      `select seq, kind from howdah.steps where execution_id = $1 order by seq`,
      [rows[0].id],
    );
    expect(steps.rows.map(({ kind }) => kind)).toContain('model');
    for (const { seq } of steps.rows) {
      await open(`/runs/${rows[0].id}/${seq}`);
      await tab.page.getByRole('button', { name: 'Fork from here' }).waitFor();
      const request = tab.page.getByRole('button', { name: 'Show the request to the model' });
      expect(await request.count()).toBe(0);
    }
  });

  test('the failure of the names of models is shown, and they are read again', async () => {
    let failures = 1;
    await tab.page.route('**/graphql', (route) => {
      const isNames = route.request().postData()?.includes('query ModelNames');
      return isNames && failures-- > 0 ? route.abort() : route.continue();
    });
    await open(`/runs/${original}`);
    await tab.page.getByRole('button', { name: 'Fork', exact: true }).click();
    const dialog = tab.page.getByRole('dialog');
    await dialog.getByText('The server cannot be reached.').waitFor();
    await dialog.getByRole('alert').getByRole('button').click();
    await dialog.getByRole('combobox', { name: 'Model' }).waitFor();
    await tab.page.unroute('**/graphql');
    tab.problems.length = 0; // the browser reports the lost answer
  });

  test('the graph of a workflow shows its members with their states, live', async () => {
    await db.pool.query(`
      with team as (
        insert into howdah.workflows (name, type) values ('desk', 'chain') returning id
      )
      insert into howdah.workflow_agents (workflow_id, sequence_order, agent_id)
      select id, 1, howdah.agent('support') from team union all
      select id, 2, howdah.agent('florist') from team union all
      select id, 3, howdah.agent('lead') from team`);
    const { rows } = await db.pool.query(
      `insert into howdah.executions (workflow_id, input)
       values (howdah.workflow('desk'), 'Flowers for A-1001.') returning id`,
    );
    await open(`/runs/${rows[0].id}`);
    await tab.page.getByRole('tab', { name: 'Workflow' }).click();
    const node = (name: string) => tab.page.locator('.graph-node', { hasText: name });
    await node('support').getByText('completed').waitFor();
    await node('florist').getByText('waiting for a person').waitFor();
    await node('lead').getByText('not started').waitFor();
    await picture(tab.page, 'graph');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await db.pool.query(
      `select howdah.answer_question(id, 'roses') from howdah.questions where status = 'open'`,
    );
    await node('florist').getByText('completed').waitFor();
    await node('lead').getByText('completed').waitFor();
    await tab.page.keyboard.press('Tab');
    await node('florist').focus();
    await tab.page.keyboard.press('Enter');
    await tab.page.getByRole('heading', { name: 'florist' }).waitFor();
    expect(tab.problems).toEqual([]);
  });

  test('feedback is given on the page of a run', async () => {
    await open(`/runs/${original}`);
    await tab.page.getByRole('button', { name: 'Give feedback' }).click();
    await tab.page.getByLabel('Bad').check();
    await tab.page.getByLabel('Comment (optional)').fill('It is <b>wrong</b>.');
    await picture(tab.page, 'feedback-dialog');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.getByRole('button', { name: 'Send feedback' }).click();
    await seen('0% It is <b>wrong</b>.');
    await picture(tab.page, 'feedback');
    const { rows } = await db.pool.query(
      'select score, comment from howdah.feedback_entries where execution_id = $1',
      [original],
    );
    expect(rows).toEqual([{ score: 0, comment: 'It is <b>wrong</b>.' }]);
  });

  test('in both colours, a phone shows both runs', async () => {
    const phone = await openTab(browser, url, {
      viewport: { width: 360, height: 780 },
    });
    for (const path of [`/runs/${original}/compare/${fork}`, `/runs/${original}?tab=forks`]) {
      await phone.page.goto(`${url}${path}`);
      await phone.page.getByRole('table').first().waitFor();
      await expectReadable(phone, `phone-${path.includes('forks') ? 'forks' : 'compare'}`);
    }
    expect(phone.problems).toEqual([]);
    await phone.close();
  });
});
