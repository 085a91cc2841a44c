import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { expectReadable, openTabAs, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// Promote on the page of an evaluation: one that passes its gate, and what is refused.

describe.skipIf(!CHROMIUM)('Promote', () => {
  const db = testDatabase();
  let api: ApiServer;
  let browser: Browser;
  let owner: Tab;
  let good: string;
  let bad: string;

  beforeAll(async () => {
    api = await startTestApi(db.url, tokenOptions);
    browser = await launchChromium();
    owner = await logIn('owner');
    await db.pool.query(
      `with made as (insert into howdah.datasets (name) values ('sums') returning id)
       insert into howdah.dataset_items (dataset_id, input)
       select m.id, 'Sum ' || i from made as m, generate_series(1, 20) as i`,
    );
    await db.pool.query(
      `insert into howdah.agents (name, instruction) values ('clerk', 'Add numbers.')`,
    );
    await db.pool.query(
      `update howdah.agents set instruction = 'Guess numbers.' where name = 'clerk'`,
    );
    good = await evaluated(1, 20);
    bad = await evaluated(2, 5);
  });
  afterAll(async () => {
    await owner?.close();
    await browser?.close();
    await api?.close();
  });

  /** Stores a completed evaluation of a version, of whose 20 items the first ones have passed. */
  async function evaluated(version: number, passed: number, overrides: object | null = null) {
    const { id } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
         version, items_digest, created_by, graders, completed_at, status, overrides)
       select d.tenant_id, d.id, v.agent_id, v.id, 20, 1, v.version, 'x', 'x', '[{"name": "g", "kind": "exact"}]',
         now(), 'completed', $2
       from howdah.datasets as d, howdah.agent_versions as v
       where v.agent_id = howdah.agent('clerk') and v.version = $1 returning id`,
      [version, overrides],
    );
    await db.pool.query(
      `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat,
         execution_id, graded_at, score, passed)
       select i.tenant_id, $1, i.id, 1, howdah.uuid_v7(), now(), (i.place <= $2)::int,
         i.place <= $2
       from (select i.*, row_number() over (order by i.id) as place
         from howdah.dataset_items as i) as i`,
      [id, passed],
    );
    await db.pool.query(
      'update howdah.evaluations set totals = howdah_private.evaluation_totals(id) where id = $1',
      [id],
    );
    return id;
  }

  const logIn = (role: string, options = {}): Promise<Tab> =>
    openTabAs(browser, api.url, db.pool, { role }, options);

  const button = ({ page }: Tab, name: string) => page.getByRole('button', { name, exact: true });
  const dialog = ({ page } = owner) => page.getByRole('dialog');
  async function begin(id: string, tab = owner): Promise<void> {
    await tab.page.goto(`${api.url}/evaluations/${id}`);
    await button(tab, 'Promote').click();
    await dialog(tab).getByRole('button', { name: 'Promote the version' }).waitFor();
  }
  const submit = () => dialog().getByRole('button', { name: 'Promote the version' }).click();
  async function labels(): Promise<string[]> {
    const { rows } = await db.pool.query(
      `select label || ' ' || version as one from howdah.version_labels order by label`,
    );
    return rows.map(({ one: label }) => label);
  }

  test('labels the version of an evaluation that passes its gate, and says so', async () => {
    await begin(good);
    await picture(owner.page, 'promote');
    expect(await seriousFindings(owner.page)).toEqual([]);
    await dialog().getByLabel('Least share that passes').fill('0.9');
    await submit();
    await dialog().getByRole('status').getByText('Version 1 has the label production').waitFor();
    await picture(owner.page, 'promoted');
    expect(await labels()).toEqual(['production 1']);
    await dialog().locator('main, div').getByText('Close', { exact: true }).click();
    await dialog().waitFor({ state: 'detached' });
    expect(owner.problems).toEqual([]);
  });

  test('a gate that refuses moves no label, says why, and leads to what failed', async () => {
    await begin(bad);
    await dialog().getByLabel('Least share that passes').fill('1,5');
    await submit();
    await dialog().getByText('Write a number from 0 to 1.').waitFor();
    await dialog().getByLabel('Least share that passes').fill('0,5');
    await dialog().getByLabel('No worse than the label').fill('production');
    await submit();
    const alert = dialog().getByRole('alert');
    await alert.getByText('the pass rate 25 % is under 50 %').waitFor();
    await alert.getByText('Look at the results that failed').waitFor();
    await picture(owner.page, 'promote-refused');
    expect(await seriousFindings(owner.page)).toEqual([]);
    expect(await labels()).toEqual(['production 1']);
    await dialog().getByRole('link', { name: 'Show the results that failed' }).click();
    await owner.page.waitForURL(`${api.url}/evaluations/${bad}?show=failed`);
    await dialog().waitFor({ state: 'detached' });
    owner.problems.length = 0;
  });

  test('a version that cannot be compared or had overrides is refused with a fix', async () => {
    const tried = await evaluated(2, 20, { instruction: 'Add numbers twice.' });
    await begin(tried);
    await submit();
    const alert = dialog().getByRole('alert');
    await alert.getByText('ran with overrides, which version 2 does not have').waitFor();
    await alert.getByText('Change the agent or workflow, and evaluate its new version').waitFor();
    await begin(bad);
    await dialog().getByLabel('No worse than the label').fill('stable');
    await submit();
    await alert
      .getByText(/stable/)
      .first()
      .waitFor();
    await picture(owner.page, 'promote-no-label');
    expect(await labels()).toEqual(['production 1']);
    owner.problems.length = 0;
  });

  test('the page of a grading rule leads to its evaluations alone', async () => {
    await db.pool.query(
      `insert into howdah.graders (dataset_id, name, kind, configuration)
       select d.id, 'g', 'regex', '{"pattern": "[0-9]"}' from howdah.datasets as d`,
    );
    const { id } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.grading_rules (name, dataset_id, agent_id, sample)
       select 'nightly', d.id, howdah.agent('clerk'), 50 from howdah.datasets as d returning id`,
    );
    await db.pool.query('update howdah.evaluations set grading_rule_id = $1 where id = $2', [
      ...[id, good],
    ]);
    const { page } = owner;
    await page.goto(`${api.url}/system/grading-rules/nightly`);
    const main = page.getByRole('main');
    await main.getByRole('link', { name: 'Evaluations', exact: true }).click();
    await page.waitForURL(`${api.url}/evaluations?rule=${id}`);
    await page.getByRole('main').locator('tbody tr').first().waitFor();
    expect(await page.getByRole('main').locator('tbody tr').count()).toBe(1);
    expect(await seriousFindings(page)).toEqual([]);
    await picture(page, 'rule-evaluations');
    await page.getByRole('link', { name: 'Those of one rule: open the rule' }).waitFor();
    await button(owner, 'Show all').click();
    await page.getByRole('main').locator('tbody tr').nth(1).waitFor();
    await page.waitForURL(`${api.url}/evaluations`);
    expect(owner.problems).toEqual([]);
  });

  test('a viewer sees no button', async () => {
    const viewer = await logIn('viewer');
    await viewer.page.goto(`${api.url}/evaluations/${good}`);
    await button(viewer, 'Copy as').first().waitFor();
    expect(await button(viewer, 'Promote').count()).toBe(0);
    await viewer.close();
  });

  test('in both colours, it fits a phone', async () => {
    for (const width of [360, 1440]) {
      const tab = await logIn('owner', { viewport: { width, height: 800 } });
      await begin(bad, tab);
      await dialog(tab).getByLabel('Least share that passes').fill('0.5');
      await dialog(tab).getByRole('button', { name: 'Promote the version' }).click();
      await dialog(tab).getByRole('alert').waitFor();
      await expectReadable(tab, `promote-${width}`);
      await tab.close();
    }
  });
});
