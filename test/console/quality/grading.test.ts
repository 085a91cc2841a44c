import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyGrading } from '../../../src/console/quality/copy-quality.ts';
import type { Howdah } from '../../../src/index.ts';
import { startHowdah } from '../../embedding/start-howdah.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// The page on which people grade the results of an evaluation.

test('the queue and a grade are copied as requests, below a mount as well', () => {
  const root = new URL('http://127.0.0.1:8000/howdah/');
  const forms = copyGrading('an-evaluation', 'a-result', root);
  expect(forms.sql).toContain(`select howdah.grade('a-result', 1);`);
  expect(forms.curl).toContain('8000/howdah/api/grade-queue?evaluation_id=an-evaluation');
  expect(forms.curl).toContain('8000/howdah/api/grades');
  expect(forms.cli).toBe('npx howdah eval queue an-evaluation\nnpx howdah eval grade a-result 1');
  expect(copyGrading('an-evaluation', undefined, root).cli).not.toContain('eval grade');
});

const MARKUP = HOSTILE_STRINGS.markup ?? '<img src="https://evil.example/x.png">';

describe.skipIf(!CHROMIUM)('grading answers', () => {
  const db = testDatabase();
  let howdah: Howdah;
  let browser: Browser;
  let tab: Tab;
  let evaluation: string;

  beforeAll(async () => {
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    browser = await launchChromium();
    tab = await openTab(browser, howdah.url ?? '');
    const agent = await makeAgent(db.pool, { script: [{ content: `4 ${MARKUP}` }] });
    await db.pool.query(`update howdah.agents set name = 'clerk' where id = $1`, [agent]);
    await db.pool.query(
      `insert into howdah.datasets (name) values ('sums');
       insert into howdah.dataset_items (dataset_id, input, expected)
       select d.id, 'What is 2 + ' || n || '?', to_jsonb(2 + n)
       from howdah.datasets as d, generate_series(1, 3) as n;
       insert into howdah.graders (dataset_id, name, kind)
       select id, 'the number', 'numeric' from howdah.datasets`,
    );
    evaluation = (await one(db.pool, `select (howdah.evaluate('sums', 'clerk')).id`)).id as string;
    await eventually(
      db.pool,
      'the evaluation is graded',
      `select from howdah.evaluations where status = 'completed'`,
    );
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await howdah?.close();
  });

  const button = (name: RegExp) => tab.page.getByRole('button', { name });
  const left = (text: string) => tab.page.getByRole('status').getByText(text).waitFor();
  const check = async (name: string) => {
    await picture(tab.page, name);
    expect(await seriousFindings(tab.page)).toEqual([]);
    expect(tab.problems).toEqual([]);
  };
  const question = async () => (await tab.page.getByText(/^What is 2/).textContent()) ?? '';
  const grades = async () => {
    const { rows } = await db.pool.query(
      `select i.input, g.score::float8, g.comment, g.grader from howdah.grades as g
       join howdah.evaluation_results as r on r.id = g.evaluation_result_id
       join howdah.dataset_items as i on i.id = r.item_id order by g.created_at`,
    );
    return rows;
  };

  test('a person grades one answer after the other, and changes the last grade', async () => {
    await tab.page.goto(`${howdah.url}/evaluations/${evaluation}`);
    await tab.page.getByRole('link', { name: 'Grade', exact: true }).click();
    await left('3 answers are left.');
    const text = (await tab.page.getByRole('main').textContent()) ?? '';
    expect(text).toContain(MARKUP); // as text
    expect(text).not.toMatch(/clerk|score|failed/i);
    expect(await tab.page.locator('main img, main script').count()).toBe(0);
    await check('grading');
    const first = await question();
    await tab.page.getByLabel('Reason').fill('3 keys are no grade: 123');
    expect(await grades()).toEqual([]);
    await button(/^Partly right/).click();
    await left('2 answers are left.');
    expect(await grades()).toEqual([
      { input: first, score: 0.5, comment: '3 keys are no grade: 123', grader: null },
    ]);
    const second = await question();
    expect(second).not.toBe(first);
    await button(/^Change the last grade: Partly right/).click();
    await tab.page.getByText(first).waitFor();
    await tab.page.getByLabel('Reason').fill('wrong after all');
    await button(/^Wrong/).click();
    await tab.page.getByText(second).waitFor();
    await left('2 answers are left.');
    expect(await grades()).toMatchObject([{ input: first, score: 0, comment: 'wrong after all' }]);
  });

  test('keys grade and skip, and a question of one grader can be answered', async () => {
    const second = await question();
    await tab.page.getByRole('heading', { level: 1 }).click();
    await tab.page.keyboard.press('s');
    await tab.page.getByText(second).waitFor({ state: 'detached' });
    const third = await question();
    await tab.page.getByLabel('Question').selectOption('the number');
    await tab.page.getByRole('heading', { level: 1 }).click();
    await tab.page.keyboard.press('1');
    await left('1 answer is left.');
    await tab.page.getByText(second).waitFor();
    await tab.page.keyboard.press('s'); // the only one stays
    await tab.page.getByText(second).waitFor();
    await tab.page.keyboard.press('3');
    await tab.page.getByText('You have graded all answers of this evaluation.').waitFor();
    expect((await grades()).slice(1)).toMatchObject([
      { input: third, score: 0, grader: 'the number' },
      { input: second, score: 1, grader: 'the number' },
    ]);
    await check('grading-done');
  });

  test('the page of the evaluation says how far graders agree with people', async () => {
    await tab.page.goto(`${howdah.url}/evaluations/${evaluation}`);
    const region = tab.page.getByRole('region', { name: 'Graders and people' });
    await region.getByRole('row', { name: /^the number/ }).waitFor();
    await region.getByRole('row', { name: /^\(whole result\)/ }).waitFor();
    await region.getByText('inside the noise').first().waitFor();
    await check('evaluation-agreement');
  });

  test('fits a phone, says why a grade is refused, and knows no other evaluation', async () => {
    await db.pool.query('delete from howdah.grades');
    const phone = await openTab(browser, howdah.url ?? '', {
      ...{ viewport: { width: 360, height: 780 }, colorScheme: 'dark' },
    });
    await phone.page.goto(`${howdah.url}/evaluations/${evaluation}/grade`);
    await phone.page.getByText('3 answers are left.').waitFor();
    await picture(phone.page, 'grading-phone');
    expect(await seriousFindings(phone.page)).toEqual([]);
    const width = 'document.documentElement.scrollWidth > window.innerWidth';
    expect(await phone.page.evaluate(width)).toBe(false);
    await db.pool.query('delete from howdah.evaluations');
    await phone.page.getByRole('button', { name: /^Right/ }).click();
    await phone.page.getByText('There is no result').waitFor();
    await phone.page.goto(`${howdah.url}/evaluations/${evaluation}/grade`);
    await phone.page.getByText('There is no evaluation').waitFor();
    await phone.close();
  });

  test('a graded run that a user started is shown with its own input', async () => {
    await db.pool.query(`insert into howdah.graders (dataset_id, name, kind, configuration)
      select id, 'cheap', 'cost', '{"max": 1}' from howdah.datasets`);
    await db.pool.query(`select howdah.run('clerk', $1)`, [`Where is my order? ${MARKUP}`]);
    const run = `select from howdah.executions where input like 'Where is my order?%'`;
    await eventually(db.pool, 'the run has ended', `${run} and status = 'completed'`);
    const { id } = await one(db.pool, `select (howdah.evaluate_runs('sums', 'clerk')).id`);
    await eventually(
      db.pool,
      'the run is graded',
      `select from howdah.evaluations where status = 'completed'`,
    );
    await tab.page.goto(`${howdah.url}/evaluations/${id}`);
    await tab.page.getByText('Runs that exist').waitFor();
    await tab.page.getByText(/^Where is my order\?/).waitFor();
    expect(await tab.page.locator('main img, main script').count()).toBe(0);
    await check('graded-runs');
    await tab.page.getByRole('link', { name: 'Grade', exact: true }).click();
    await tab.page.getByText(/^Where is my order\?/).waitFor();
    await left('1 answer is left.');
  });
});
