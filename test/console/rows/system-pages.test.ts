import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyAudit } from '../../../src/console/system/audit/copy-audit.ts';
import { chartPoints, numberColumns } from '../../../src/console/system/sql/chart-points.ts';
import type { Howdah } from '../../../src/index.ts';
import { startHowdah } from '../../embedding/start-howdah.ts';
import { testDatabase } from '../../support/database.ts';
import { expectReadable, openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';
import { createSample } from '../sample-runs.ts';

test('a chart has the numbers of one column, named by the first other column', () => {
  const rows = [
    { status: 'failed', runs: 2, cost: '0.5' },
    { status: null, runs: null, cost: '1' },
  ];
  expect(numberColumns(rows)).toEqual(['runs', 'cost']);
  expect(chartPoints(rows, 'cost')).toEqual({
    label: 'status',
    value: 'cost',
    points: [
      { name: 'failed', value: 0.5 },
      { name: '', value: 1 },
    ],
  });
  expect(chartPoints([{ n: 7 }], 'n').points).toEqual([{ name: '1', value: 7 }]);
  expect(numberColumns([{ name: 'a' }])).toEqual([]);
});

test('the log is copied with its filter, the newest entries first', () => {
  const { sql, graphql, cli } = copyAudit(
    { actor: "o'hara", object_id: '7' },
    new URL('http://127.0.0.1:8000/api/audit-log'),
  );
  expect(sql).toContain("where actor = 'o''hara'\n  and object_id = '7'\norder by seq desc");
  expect(graphql).toContain(
    'orderBy: [SEQ_DESC], filter: { actor: { equalTo: "o\'hara" }, objectId',
  );
  expect(cli).toBe("npx howdah admin audit --actor 'o'\\''hara' --object-id 7 --limit 50");
});

const HOSTILE = '<img src=x onerror=alert(1)>';

describe.skipIf(!CHROMIUM)('the place of the installation', () => {
  const db = testDatabase();
  let howdah: Howdah;
  let browser: Browser;
  let tab: Tab;

  beforeAll(async () => {
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    browser = await launchChromium();
    tab = await openTab(browser, howdah.url ?? '');
    const sample = await createSample(db.pool);
    await howdah.waitFor(await sample.run('support', 'One.'));
    await db.pool.query(
      `insert into howdah.executions (agent_id, input, run_at)
       select howdah.agent('support'), 'Later.', now() + interval '1 hour'`,
    );
    await db.pool.query('select howdah.use_alert_rules()');
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await howdah?.close();
  });

  const open = async (page: string, heading: string) => {
    await tab.page.goto(`${howdah.url}/system${page}`);
    await tab.page.getByRole('heading', { level: 1, name: heading }).waitFor();
  };
  const check = async (name: string) => {
    await picture(tab.page, name);
    expect(await seriousFindings(tab.page)).toEqual([]);
    expect(tab.problems).toEqual([]);
  };

  test('the queue names the next runs and the workers', async () => {
    await open('', 'System');
    await check('system');
    await tab.page.getByRole('link', { name: 'Queue and workers' }).click();
    const next = tab.page.getByRole('table', { name: 'Due next' });
    await next.getByRole('link', { name: 'support' }).waitFor();
    await tab.page.getByRole('table', { name: 'Workers' }).getByText('all tenants').waitFor();
    await check('system-queue');
    await tab.page.getByRole('button', { name: 'Refresh' }).click();
    await next.getByRole('link', { name: 'support' }).click();
    await tab.page.waitForURL(/\/runs\//);
  });

  test('health shows what is wrong, and pauses a job', async () => {
    await db.pool.query(
      `update howdah.alert_rules set is_active = false, state = 'firing', found_rows = 3,
         changed_at = now() where name = 'stuck_runs'`,
    );
    await open('/health', 'Health');
    await tab.page.getByRole('link', { name: 'stuck_runs' }).waitFor();
    await tab.page.getByText('Every promise is kept.').waitFor();
    await check('system-health');
    await tab.page.getByRole('button', { name: 'Pause merge_usage' }).click();
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await tab.page.getByRole('button', { name: 'Resume merge_usage' }).click();
    await tab.page.getByRole('button', { name: 'Pause merge_usage' }).waitFor();
    const paused = await db.pool.query('select from howdah.batch_jobs where is_paused');
    expect(paused.rowCount).toBe(0);
  });

  test('the audit log has entries by its filter, and its chain is checked', async () => {
    await open('/audit-log', 'Audit log');
    await tab.page.getByRole('button', { name: 'Check the chain' }).click();
    await tab.page.getByText('The chain is whole').waitFor();
    await check('system-audit');
    const table = tab.page.getByRole('textbox', { name: 'Table' });
    await table.fill('alert_rules');
    await table.press('Enter');
    await tab.page.waitForURL(/object=alert_rules/);
    const focused = 'document.activeElement.getAttribute("aria-label")';
    expect(await tab.page.evaluate(focused)).toBe('Table');
    const rows = tab.page.getByRole('table', { name: 'Audit log' }).getByRole('row');
    await rows.nth(1).waitFor();
    await expect.poll(() => rows.filter({ hasText: 'agents' }).count()).toBe(0);
    // a field that is left as it was changes neither the filter nor the page
    const answer = await fetch(`${howdah.url}/api/audit-log?limit=1`);
    const { next } = (await answer.json()) as { next: string };
    await open(`/audit-log?after=${next}`, 'Audit log');
    await rows.nth(1).waitFor();
    await table.focus();
    await tab.page.keyboard.press('Tab');
    expect(new URL(tab.page.url()).searchParams.get('after')).toBe(next);
  });

  test('a setting is changed and reset', async () => {
    await open('/settings', 'Settings');
    await tab.page.getByRole('textbox', { name: 'Search' }).fill('max_depth');
    await tab.page.getByRole('button', { name: 'Change max_depth' }).click();
    const dialog = tab.page.getByRole('dialog');
    const value = dialog.getByRole('textbox', { name: 'New value of max_depth' });
    await value.fill('-1');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect.poll(() => value.getAttribute('aria-invalid')).toBe('true');
    await value.fill('4');
    await picture(tab.page, 'system-setting');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await tab.page.getByText('this tenant').waitFor();
    await tab.page.getByRole('button', { name: 'Change max_depth' }).click();
    await dialog.getByRole('button', { name: 'Reset' }).click();
    await tab.page.getByText('this tenant').waitFor({ state: 'detached' });
    await tab.page.getByRole('textbox', { name: 'Search' }).fill('');
    await picture(tab.page, 'system-settings');
    expect(await seriousFindings(tab.page)).toEqual([]);
    tab.problems.length = 0; // the browser reports the refused value
  });

  test('a query is shown as a table and a chart, and what it returns is text', async () => {
    await open('/sql', 'SQL');
    const query = tab.page.getByRole('textbox', { name: 'Query' });
    await query.fill(
      `select * from (values ('one', 3), ('two', 5.5), ('${HOSTILE}', 1)) as v (name, n)`,
    );
    await query.press('Control+Enter');
    await tab.page.getByRole('cell', { name: HOSTILE }).waitFor();
    await tab.page.getByText('3 rows').waitFor();
    await check('system-sql-table');
    await tab.page.getByText('Bars').click();
    expect(await tab.page.locator('.chart-bar').count()).toBe(3);
    await check('system-sql-bars');
    await tab.page.getByText('Line', { exact: true }).click();
    await tab.page.locator('.line-chart polyline').waitFor({ state: 'attached' });
    await check('system-sql-line');
    await tab.page.reload(); // the URL has the query, which is not run
    await expect.poll(() => query.inputValue()).toContain("('two', 5.5)");
    expect(await tab.page.getByText('3 rows').count()).toBe(0);
    await query.fill('select nme from howdah.agents');
    await tab.page.getByRole('button', { name: 'Run' }).click();
    await tab.page.getByText('line 1, column 8').waitFor();
    await picture(tab.page, 'system-sql-error');
    tab.problems.length = 0; // the browser reports the refused query
  });

  test('an example does not replace a query that a person wrote', async () => {
    await open('/sql', 'SQL');
    await tab.page.getByRole('button', { name: 'Run' }).getByText('Ctrl+Enter').waitFor();
    const query = tab.page.getByRole('textbox', { name: 'Query' });
    const example = tab.page.getByRole('menuitem', { name: 'Cost by day' });
    await query.fill('select 1 as mine');
    await tab.page.getByRole('button', { name: 'Examples' }).click();
    await tab.page.getByText('Empty the query to replace it by an example.').waitFor();
    expect(await example.isDisabled()).toBe(true);
    await check('system-sql-examples');
    await tab.page.keyboard.press('Escape');
    await query.fill('');
    await tab.page.getByRole('button', { name: 'Examples' }).click();
    await example.click();
    expect(await query.inputValue()).toContain('howdah.usage_by_day');
  });

  test('on a phone in both colours', async () => {
    const phone = await openTab(browser, howdah.url ?? '', {
      viewport: { width: 360, height: 780 },
    });
    for (const page of ['queue', 'health', 'audit-log', 'settings', 'sql']) {
      await phone.page.goto(`${howdah.url}/system/${page}`);
      await phone.page.getByRole('button', { name: 'Copy as' }).first().waitFor();
      if (page === 'sql') {
        await phone.page.getByRole('button', { name: 'Run' }).click();
        await phone.page.getByText('Bars').click();
        await phone.page.locator('.chart-bar').first().waitFor();
      } else await phone.page.getByRole('table').first().waitFor();
      await expect.poll(() => phone.page.getByLabel('Loading').count()).toBe(0);
      await expectReadable(phone, `phone-system-${page}`);
    }
    await phone.close();
  });
});
