import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { averageOf, daysOf } from '../../../src/console/costs/days.ts';
import { formatCost, formatWholeCost } from '../../../src/console/messages/format.ts';
import type { Howdah } from '../../../src/index.ts';
import { startHowdah } from '../../embedding/start-howdah.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { expectReadable, openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';
import { createSample, type Sample } from '../sample-runs.ts';

test('each day of the range has a bar, and neither today nor days before the first cost are averaged', () => {
  const none = { runs: 0, calls: 0, tokens_in: 0, tokens_out: 0, cached_tokens: 0 };
  const sums = [
    { ...none, value: '2026-11-02', cost: '3' },
    { ...none, value: '2026-11-03', cost: 9 },
  ];
  const days = daysOf(sums, '2026-11-01', '2026-11-03');
  expect(days.map(({ day, cost }) => [day, cost])).toEqual([
    ['2026-11-01', 0],
    ['2026-11-02', 3],
    ['2026-11-03', 9],
  ]);
  expect(averageOf(days, '2026-11-03')).toBe(3);
  expect(averageOf(days, '2026-11-04')).toBe(6);
  expect(averageOf(days.slice(2), '2026-11-03')).toBeUndefined(); // all of the cost is of today
  expect(averageOf(days.slice(0, 1), '2026-11-03')).toBe(0);
  expect(averageOf(days, '2026-11-01')).toBeUndefined();
  expect(daysOf([], '2026-11-03', '2026-11-01')).toEqual([]);
});

test('a cost has the digits that matter, also a very small one, and all digits if asked', () => {
  const shown = ['0', '0.000012345', 0.000000125, '0.0123', '1.23456', '12345.67', 1.24e-9];
  expect(shown.map(formatCost)).toEqual([
    ...['0', '0.000012', '0.00000013', '0.012', '1.235', '12,346', '1.2e-9'],
  ]);
  expect(formatWholeCost('0.000012345')).toBe('0.000012345');
  expect(formatWholeCost('12345.670000000001')).toBe('12,345.670000000001');
  expect(formatWholeCost(0.1 + 0.2)).toBe('0.3');
});

describe.skipIf(!CHROMIUM)('the place of costs', () => {
  const db = testDatabase();
  let howdah: Howdah;
  let browser: Browser;
  let tab: Tab;
  let sample: Sample;

  beforeAll(async () => {
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    browser = await launchChromium();
    tab = await openTab(browser, howdah.url ?? '');
    sample = await createSample(db.pool);
    const id = await sample.run('lead', 'Ask support.');
    await howdah.waitFor(id);
    await db.pool.query(
      `insert into howdah.limits (scope, metric, period, max_value)
       values ('tenant', 'cost', 'day', 5)`,
    );
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await howdah?.close();
  });

  test('pages of models, tools, prompts and skills say how often they were used lately', async () => {
    const models = await one<{ name: string; calls: string }>(
      db.pool,
      "select value as name, calls from howdah.usage_summary('model') limit 1",
    );
    await tab.page.goto(`${howdah.url}/definitions/models/${models.name}`);
    await tab.page.getByText(`${models.calls} calls in the last 30 days, `).waitFor();
    await db.pool.query(
      `insert into howdah.prompts (name, template) values ('polite', 'Be polite.');
       insert into howdah.skills (name, description, content) values ('returns', 'Rules', 'Take it.');
       update howdah.agents set prompt_id = howdah.prompt('polite') where name = 'support';
       insert into howdah.agent_skills (agent_id, skill_id)
       values (howdah.agent('support'), howdah.skill('returns'))`,
    );
    await tab.page.goto(`${howdah.url}/definitions/prompts/polite`);
    await tab.page.getByText('No runs in the last 30 days.').waitFor();
    await howdah.waitFor(await sample.run('support', 'Politely.'));
    for (const place of ['/definitions/prompts/polite', '/definitions/skills/returns']) {
      await tab.page.goto(`${howdah.url}${place}`);
      await tab.page.getByText('1 run in the last 30 days, ').waitFor();
    }
    await tab.page.goto(`${howdah.url}/definitions/tools/http_request`);
    await tab.page.getByText('No calls in the last 30 days.').waitFor();
    await tab.page.getByRole('main').getByRole('link', { name: 'Costs' }).click();
    await tab.page.waitForURL(/\/costs\?by=tool$/);
    expect(tab.problems).toEqual([]);
  });

  test('costs are shown by agent and by model, with limits, and lead to their runs', async () => {
    await tab.page.goto(`${howdah.url}/costs`);
    const agent = tab.page.getByRole('link', { name: 'support', exact: true });
    await agent.waitFor();
    await tab.page.locator('.day-bar').last().waitFor();
    expect(await tab.page.locator('.day-chart li').count()).toBe(30);
    await tab.page.getByRole('link', { name: 'cost / day' }).waitFor();
    await tab.page.getByText(/^There is no average yet/).waitFor(); // all of the cost is of today
    await picture(tab.page, 'costs');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.getByRole('combobox', { name: 'By' }).click();
    await tab.page.getByRole('option', { name: 'Model' }).click();
    await tab.page.waitForURL(/by=model/);
    await tab.page.getByText('90 days').click();
    await tab.page.waitForURL(/since=/);
    await tab.page.goto(`${howdah.url}/costs`);
    await agent.click();
    await tab.page.waitForURL(/\/runs\?agent=support$/);
    expect(tab.problems).toEqual([]);
  });

  test('a place that did not load says so, and the others still open', async () => {
    const other = await openTab(browser, howdah.url ?? '');
    await other.page.goto(`${howdah.url}/system`);
    await other.page.getByRole('heading', { level: 1, name: 'System' }).waitFor();
    await other.page.route('**/console/*.js', (route) => route.abort());
    await other.page.getByRole('link', { name: 'Costs', exact: true }).click();
    await other.page.getByRole('heading', { level: 1, name: 'This page failed' }).waitFor();
    expect(await seriousFindings(other.page)).toEqual([]);
    await other.page.getByRole('link', { name: 'System', exact: true }).click();
    await other.page.getByRole('heading', { level: 1, name: 'System' }).waitFor();
    await other.page.getByRole('link', { name: 'Costs', exact: true }).click();
    await other.page.unroute('**/console/*.js');
    await other.page.getByRole('button', { name: 'Reload', exact: true }).click();
    await other.page.locator('.day-bar').last().waitFor();
    await other.close();
  });

  test('an answer that is cut off is asked for again', async () => {
    const other = await openTab(browser, howdah.url ?? '');
    await other.page.route('**/graphql', (route) => route.fulfill({ body: '{"data":{"me' }));
    await other.page.goto(`${howdah.url}/costs`);
    await other.page.getByText('The answer has no data.').waitFor();
    await other.page.unroute('**/graphql');
    await other.page.locator('.day-bar').last().waitFor();
    await other.close();
  });

  test('in both colours it is accessible', async () => {
    const phone = await openTab(browser, howdah.url ?? '', {
      viewport: { width: 360, height: 780 },
    });
    await phone.page.goto(`${howdah.url}/costs`);
    await phone.page.locator('.day-bar').last().waitFor();
    await phone.page.getByRole('link', { name: 'cost / day' }).waitFor();
    await expectReadable(phone, 'phone-costs');
    await phone.close();
  });
});
