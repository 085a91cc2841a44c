import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import {
  copyEvaluations,
  copyLeaderboard,
  copyResults,
  copyStart,
} from '../../../src/console/quality/copy-quality.ts';
import { copyQualityByDay } from '../../../src/console/quality/over-time/copy-over-time.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { gradeRuns } from '../../support/work/grade-runs.ts';
import { startTestWorker } from '../../support/worker.ts';
import { expectReadable, openTabAs, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// Data sets and evaluations in a real browser: from the first data set to the runs of a regression.

const ROOT = new URL('http://127.0.0.1:8000/howdah/');
const ID = '0197a000-0000-7000-8000-000000000001';

test('the quality of versions is copied as a request', () => {
  const filter = { since: '2026-11-01', until: '2026-11-30', agent_id: ID, source: 'runs' };
  const copied = copyQualityByDay(filter, "o'hara", ROOT);
  expect(copied.sql).toContain(`grader = 'o''hara'\n  and agent_id = '${ID}'`);
  expect(copied.graphql).toContain(`grader: { equalTo: "o'hara" }, agentId: { equalTo: "${ID}" }`);
  expect(copied.curl).toContain('/howdah/api/quality-by-day?since=2026-11-01');
  expect(copied.cli).toContain(`eval by-day --agent ${ID} --source runs --grader 'o'\\''hara'`);
  expect(copyQualityByDay(filter, undefined, ROOT).sql).toContain('grader is null');
});

test('lists and forms are copied as requests, below a mount as well', () => {
  const none = { dataset: undefined, rule: undefined };
  const ofDataset = copyEvaluations({ ...none, dataset: ID }, ROOT);
  expect(ofDataset.sql).toContain(`where e.dataset_id = '${ID}'\norder by e.id`);
  const ofRule = copyEvaluations({ ...none, rule: ID }, ROOT);
  expect(ofRule.sql).toContain(`where e.grading_rule_id = '${ID}'\norder by e.id`);
  expect(ofRule.graphql).toContain(`condition: { gradingRuleId: "${ID}" }`);
  expect(ofRule.curl).toContain(`/api/evaluations?grading_rule_id=${ID}&limit=50`);
  expect(copyEvaluations(none, ROOT).cli).toBe('npx howdah eval list');
  const failed = copyResults(ID, true, ROOT);
  expect(failed.sql).toContain('and not r.passed');
  expect(failed.graphql).toBeUndefined();
  expect(failed.curl).toContain(
    `8000/howdah/api/evaluation-results?evaluation_id=${ID}&passed=false`,
  );
  expect(failed.cli).toBe(`npx howdah eval results ${ID} --failed`);
  const board = copyLeaderboard(
    { id: ID, name: "o'hara" },
    { measure: 'cost', split: 'a b' },
    ROOT,
  );
  expect(board.sql).toContain(`('o''hara', measure => 'cost', split => 'a b')`);
  expect(board.graphql).toContain(`(dataset: "o'hara", measure: "cost", split: "a b")`);
  expect(board.curl).toContain(`/datasets/${ID}/leaderboard?measure=cost&split=a+b`);
  expect(board.cli).toContain(`eval leaderboard --measure cost --split 'a b' 'o'\\''hara'`);
  const start = copyStart({ dataset: "o'hara", workflow: 'w', repeat: 3 }, ROOT);
  expect(start.sql).toContain(`howdah.evaluate('o''hara', workflow => 'w', repeat => 3)`);
  expect(start.cli).toBe(`npx howdah eval run --workflow w --repeat 3 'o'\\''hara'`);
  const at = '2026-11-01T00:00:00.000Z';
  const then = copyStart({ dataset: 'sums', agent: 'a', model: 'm', items_at: at }, ROOT);
  expect(then.sql).toContain(`('sums', 'a', model => 'm', items_at => '${at}')`);
  expect(then.graphql).toContain(`agent: "a", model: "m", itemsAt: "${at}"`);
  expect(then.cli).toBe(`npx howdah eval run --agent a --model m --items-at ${at} sums`);
});

const HOSTILE = `<img src="https://evil.example/x.png" onerror="alert(1)"> ${HOSTILE_STRINGS.markup ?? ''}`;

describe.skipIf(!CHROMIUM)('the places of data sets and evaluations', () => {
  const db = testDatabase();
  let api: ApiServer;
  let worker: Worker | undefined;
  let browser: Browser;
  let owner: Tab;
  let viewer: Tab;

  beforeAll(async () => {
    api = await startTestApi(db.url, tokenOptions);
    worker = await startTestWorker(db.url);
    browser = await launchChromium();
    owner = await logIn('owner');
    viewer = await logIn('viewer');
    await makeClerk('clerk', [{ content: '4' }], { output_price: 15 });
    await makeClerk('rival', [{ content: '5' }], { output_price: 5 });
  });
  afterAll(async () => {
    await owner?.close();
    await viewer?.close();
    await browser?.close();
    await worker?.stop(0);
    await api?.close();
  });

  async function makeClerk(name: string, script: object[], prices: object): Promise<void> {
    const id = await makeAgent(db.pool, { models: [{ ...prices, script }], retry_for: 0 } as never);
    await db.pool.query('update howdah.agents set name = $2 where id = $1', [id, name]);
  }

  const logIn = (role: string, options = {}): Promise<Tab> =>
    openTabAs(browser, api.url, db.pool, { role }, options);

  const open = (path: string, { page } = owner) => page.goto(`${api.url}${path}`);
  const heading = (name: string, { page } = owner) =>
    page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  const button = (name: string, { page } = owner) =>
    page.getByRole('button', { name, exact: true });
  const link = (name: string, { page } = owner) => page.getByRole('link', { name, exact: true });
  const main = () => owner.page.getByRole('main');
  const check = async (name: string) => {
    await picture(owner.page, name);
    expect(await seriousFindings(owner.page)).toEqual([]);
    expect(owner.problems).toEqual([]);
  };
  /** Waits until the browser has reported a refused request. */
  const refused = async () => {
    await expect.poll(() => owner.problems.length).toBe(1);
    owner.problems.length = 0;
  };

  test('from a new data set over a grader to its items', async () => {
    await open('/datasets');
    await owner.page.getByText('There are no data sets yet.').waitFor();
    await owner.page.getByText('npx howdah dataset create refunds').waitFor();
    await check('datasets-empty');
    await link('New data set').first().click();
    await heading('New data set');
    await owner.page.getByLabel('Name').fill('sums');
    await button('Create data set').click();
    await heading('sums');
    await owner.page.getByText('The data set has no items yet.').waitFor();
    await link('New grader').click();
    await heading('New grader of sums');
    await owner.page.getByLabel('Name').fill('the number');
    await owner.page.getByRole('combobox', { name: 'Kind' }).click();
    await owner.page.getByRole('option', { name: 'numeric' }).click();
    await owner.page.getByLabel('Configuration').fill('{"tolerance": "much"}');
    await button('Create grader').click();
    await owner.page.locator('[data-field=configuration][aria-invalid=true]').waitFor();
    await refused();
    await owner.page.getByLabel('Configuration').fill('{"tolerance": 0.01}');
    await button('Create grader').click();
    await heading('sums');
    await owner.page.getByText('{"tolerance":0.01}').waitFor();
    for (const [input, expected, split] of [
      ['What is 2 + 2?', '4', 'test'],
      ['What is 2 + 3?', '5', 'test'],
      [HOSTILE, '4', ''],
    ] as const) {
      await link('Add an item').click();
      await heading('Add an item to sums');
      await owner.page.getByLabel('Input', { exact: true }).fill(input);
      await owner.page.getByLabel('Expected', { exact: true }).fill(expected);
      await owner.page.getByLabel('What is expected is JSON').check();
      await owner.page.getByLabel('Split').fill(split);
      await button('Add the item').click();
      await heading('sums');
    }
    await expect.poll(() => owner.page.locator('.result').count()).toBe(3);
    await check('dataset');
    const { rows } = await db.pool.query(
      'select expected, split from howdah.dataset_items order by id',
    );
    expect(rows).toEqual([
      { expected: 4, split: 'test' },
      { expected: 5, split: 'test' },
      { expected: 4, split: null },
    ]);
  });

  test('an item with a fault is refused at its field, and one is removed', async () => {
    await open('/datasets/sums/items/new');
    await heading('Add an item to sums');
    await owner.page.getByLabel('Tags').fill('[1]');
    await owner.page.getByLabel('Expected', { exact: true }).fill('{');
    await owner.page.getByLabel('What is expected is JSON').check();
    await button('Add the item').click();
    await owner.page.getByText('Write an input.').waitFor();
    await owner.page.getByText('This is not JSON.').waitFor();
    await owner.page.getByText('This is not a JSON object.').waitFor();
    await check('item-faults');
    await owner.page.getByLabel('Input', { exact: true }).fill('What is 1 + 1?');
    await owner.page.getByLabel('Expected', { exact: true }).fill('2');
    await owner.page.getByLabel('Tags').fill('{"language": "en"}');
    await owner.page.getByLabel('Split').fill('x'.repeat(101));
    await button('Add the item').click();
    await owner.page.getByText(/one line of 1 to 100 characters/).waitFor();
    await refused();
    await owner.page.getByLabel('Split').fill('train');
    await button('Add the item').click();
    await heading('sums');
    await button('Remove the item What is 1 + 1?').click();
    await owner.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await owner.page.getByText('removed', { exact: true }).waitFor();
    expect(await button('Remove the item What is 1 + 1?').count()).toBe(0);
    expect(owner.problems).toEqual([]);
  });

  test('an evaluation is started, graded and shown with the reasons', async () => {
    await open('/evaluations');
    await owner.page.getByText('No evaluation was started yet.').waitFor();
    await button('Start an evaluation').click();
    const dialog = owner.page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await dialog.getByText('Choose a data set.').waitFor();
    await dialog.getByText('Choose an agent or a workflow.').waitFor();
    await dialog.getByRole('combobox', { name: 'Data set' }).click();
    await owner.page.getByRole('option', { name: 'sums' }).click();
    await dialog.getByRole('combobox', { name: 'Agent or workflow' }).click();
    await owner.page.getByRole('option', { name: 'clerk' }).click();
    await dialog.getByLabel('Version').fill('production');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await dialog
      .getByText(/production/)
      .last()
      .waitFor();
    await refused();
    await check('evaluation-start');
    await dialog.getByLabel('Version').fill('');
    await dialog.getByLabel('Items as of').fill('2020-01-01T00:00:00');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await dialog.getByText('the data set had no items at').waitFor();
    await refused();
    await dialog.getByLabel('Items as of').fill('');
    await dialog.getByRole('combobox', { name: 'Model' }).click();
    await owner.page.getByRole('option').first().waitFor();
    await dialog.getByRole('combobox', { name: 'Model' }).click();
    await dialog.getByLabel('Runs of each item').fill('2');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await heading('clerk, version 2');
    await owner.page.getByText('6 of 6').waitFor();
    await expect.poll(() => owner.page.locator('.result').count()).toBe(6);
    const figures = owner.page.getByRole('region', { name: 'Figures' });
    await figures.getByText('66.7%').first().waitFor();
    await owner.page.getByText('the number: failed, score 0').first().waitFor();
    await check('evaluation');
    await owner.page.getByText('Only failed').click();
    await owner.page.waitForURL(/show=failed/);
    await expect.poll(() => owner.page.locator('.result').count()).toBe(2);
    await main().getByText('What is 2 + 3?').first().waitFor();
    expect(await main().getByText('What is 2 + 2?').count()).toBe(0);
    expect(await owner.page.locator('main img, main script').count()).toBe(0);
    expect(owner.foreign).toEqual([]);
    await link('Open the run').first().click();
    await owner.page.waitForURL(/\/runs\//);
    expect(owner.problems).toEqual([]);
  });

  test('the overview has the newest evaluations, days and data sets, and leads to all', async () => {
    await open('/quality');
    await heading('Quality');
    const section = (name: string) => owner.page.getByRole('region', { name, exact: true });
    await section('Evaluations').getByRole('link', { name: 'clerk, version 2' }).waitFor();
    await section('Quality over time').getByText('clerk, version 2').waitFor();
    await section('Data sets').getByRole('link', { name: 'sums' }).waitFor();
    await check('quality');
    await link('All: Evaluations').click();
    await owner.page.waitForURL(`${api.url}/evaluations`);
    expect(owner.problems).toEqual([]);
  });

  test('two evaluations are compared, and a regression leads to both runs', async () => {
    await db.pool.query(`select howdah.evaluate('sums', 'rival')`);
    await open('/evaluations');
    await link('rival, version 2').waitFor();
    await eventually(
      db.pool,
      'both are graded',
      `select from howdah.evaluations having count(*) = 2 and bool_and(status = 'completed')`,
      [],
    );
    await owner.page.getByText('3 of 3').waitFor();
    await check('evaluations');
    await owner.page.keyboard.press('j');
    await owner.page.keyboard.press('Enter');
    await heading('rival, version 2');
    await button('Compare with').click();
    await owner.page.getByRole('menuitem', { name: /^clerk, version 2/ }).click();
    await heading('Two evaluations');
    await owner.page.getByText('3 items that both have graded are compared.').waitFor();
    await owner.page.getByText('inside the noise').first().waitFor();
    await link('clerk, version 2').waitFor();
    await owner.page.getByText('100% → 0%').first().waitFor();
    expect(await owner.page.locator('.result').count()).toBe(2);
    await check('evaluations-compared');
    await owner.page.getByText('Improvements (1)').click();
    await main().getByText('What is 2 + 3?').waitFor();
    await owner.page.goBack();
    await owner.page.getByText('100% → 0%').first().waitFor();
    await link('Compare the runs').first().click();
    await heading('Compare two runs');
    expect(owner.problems).toEqual([]);
  });

  test('contenders are ranked, by a measure that the URL keeps', async () => {
    await open('/datasets/sums');
    await link('Leaderboard').click();
    await heading('Leaderboard of sums');
    const table = owner.page.getByRole('table', { name: 'Leaderboard' });
    const first = () => table.getByRole('row').nth(1);
    await first().getByText('clerk, version 2').waitFor();
    await table.getByText('inside the noise').first().waitFor();
    const dots = owner.page.getByRole('figure').getByRole('listitem');
    expect(await dots.count()).toBe(2);
    await check('leaderboard');
    await owner.page.getByText('Cost', { exact: true }).first().click();
    await owner.page.waitForURL(/measure=cost/);
    await first().getByText('rival, version 2').waitFor();
    await table.getByText('higher: worse').waitFor();
    await table.getByRole('link', { name: 'Compare' }).click();
    await heading('Two evaluations');
    await owner.page.goBack();
    await first().getByText('rival, version 2').waitFor();
    await open('/datasets/sums/leaderboard?split=test');
    await owner.page.getByText('No evaluation of this split is completed yet.').waitFor();
    await open('/datasets/sums/leaderboard?split=tset');
    await owner.page.getByText(/Did you mean test/).waitFor();
    await refused();
  });

  test('each version has a chart of its days, filtered by the URL', async () => {
    await db.pool.query(
      `update howdah.evaluation_results set day = day - 3 * repeat
       where evaluation_id in (select id from howdah.evaluations where repeats = 2)`,
    );
    await open('/evaluations');
    await link('Quality over time').click();
    await heading('Quality over time');
    const charts = owner.page.getByRole('figure');
    await charts.filter({ hasText: 'clerk, version 2' }).waitFor();
    expect(await charts.count()).toBe(2);
    const clerk = charts.filter({ hasText: 'clerk, version 2' });
    expect(await clerk.getByRole('listitem').count()).toBe(2);
    await clerk
      .getByText(/3 results, 66.7% passed.*95 % interval/)
      .first()
      .waitFor();
    await check('quality-over-time');
    await owner.page.setViewportSize({ width: 360, height: 800 });
    await check('quality-over-time-narrow');
    await owner.page.setViewportSize({ width: 1440, height: 900 });
    await owner.page.getByText('Score', { exact: true }).click();
    await owner.page.waitForURL(/measure=score/);
    await owner.page.getByText('Live runs', { exact: true }).click();
    await owner.page.getByText('No results of these days.').waitFor();
    await open('/agents/clerk');
    await link('Quality over time').click();
    await owner.page.waitForURL(/over-time\?agent_id=/);
    await charts.filter({ hasText: 'clerk, version 2' }).waitFor();
    expect(await charts.count()).toBe(1);
    await owner.page.getByRole('combobox', { name: 'Grader' }).click();
    await owner.page.getByRole('option', { name: 'the number' }).click();
    await owner.page.waitForURL(/grader=the\+number/);
    expect(await charts.count()).toBe(1);
    expect(owner.problems).toEqual([]);
  });

  test('results that no judge could grade are graded again', async () => {
    const { id } = await one<{ id: string }>(
      db.pool,
      `with lost as (
         update howdah.evaluation_results set passed = null, score = null, scores = '{}',
           error = '{"code": "not_graded", "message": "tone: the judge failed: no power"}'
         where id = (select max(id::text)::uuid from howdah.evaluation_results)
         returning evaluation_id)
       update howdah.evaluations as e set totals = e.totals || '{"not_graded": 1}'
       from lost where e.id = lost.evaluation_id returning e.id`,
    );
    await open(`/evaluations/${id}`);
    await owner.page.getByText('1 not graded').waitFor();
    await main().getByText('tone: the judge failed: no power').waitFor();
    await check('evaluation-not-graded');
    await button('Grade again').click();
    await expect.poll(() => button('Grade again').count()).toBe(0);
    await owner.page.getByText('3 of 3').waitFor();
    expect(await main().getByText('no power').count()).toBe(0);
    expect(owner.problems).toEqual([]);
  });

  test('evaluations are listed by data set, and one at work is cancelled', async () => {
    await worker?.stop(0);
    worker = undefined;
    await db.pool.query(`insert into howdah.datasets (name) values ('other')`);
    await open('/datasets/sums');
    await main().getByRole('link', { name: 'Evaluations' }).click();
    await owner.page.waitForURL(/\?dataset=/);
    await link('clerk, version 2').waitFor();
    await owner.page.getByRole('combobox', { name: 'Data set' }).click();
    await owner.page.getByRole('option', { name: 'other' }).click();
    await owner.page.getByText('This data set has no evaluations.').waitFor();
    const { id } = await one<{ id: string }>(
      db.pool,
      `select (howdah.evaluate('sums', 'clerk')).id`,
    );
    await open(`/evaluations/${id}`);
    await owner.page.getByText('0 of 3').first().waitFor();
    await check('evaluation-running');
    await button('Cancel').click();
    await button('Cancel the evaluation').click();
    await expect.poll(() => button('Cancel').count()).toBe(0);
    await gradeRuns(db.pool);
    await owner.page.getByText('3 cancelled').waitFor();
    await open('/evaluations/nothing');
    await owner.page.getByText(/^There is no such evaluation/).waitFor();
    await open(`/evaluations/${id}/compare?with=${id.replace(/.$/, '0')}0`);
    await owner.page.getByText('Choose the evaluation to compare with.').waitFor();
    owner.problems.length = 0; // the browser reports each answer 404
  });

  test('a run becomes an item, whose expected answer is edited first', async () => {
    const { id } = await one<{ id: string }>(
      db.pool,
      `select id from howdah.executions where output = '5' limit 1`,
    );
    await open(`/runs/${id}`);
    await button('Add to data set').click();
    const dialog = owner.page.getByRole('dialog');
    const expected = dialog.getByLabel('Expected', { exact: true });
    expect(await expected.inputValue()).toBe('5');
    await expected.fill('');
    await dialog.getByRole('button', { name: 'Add the item' }).click();
    await dialog.getByText('Choose a data set.').waitFor();
    await dialog.getByRole('combobox', { name: 'Data set' }).click();
    await owner.page.getByRole('option', { name: 'other' }).click();
    await dialog.getByRole('button', { name: 'Add the item' }).click();
    await dialog.getByText('Write what the answer should have been.').waitFor();
    await expected.fill('four');
    await check('run-to-dataset');
    await dialog.getByRole('button', { name: 'Add the item' }).click();
    await dialog.getByText('The item was added to').waitFor();
    await dialog.getByRole('link', { name: 'other' }).click();
    await heading('other');
    await link('From a run').waitFor();
    const { rows } = await db.pool.query(
      `select source_execution_id, expected from howdah.dataset_items
       where source_execution_id is not null`,
    );
    expect(rows).toEqual([{ source_execution_id: id, expected: 'four' }]);
    expect(owner.problems).toEqual([]);
  });

  test('a step becomes an item with its answer, and the item names it', async () => {
    const { id, seq } = await one<{ id: string; seq: number }>(
      db.pool,
      `select e.id, s.seq from howdah.executions as e join howdah.steps as s on s.execution_id = e.id
       where e.output = '5' and s.kind = 'model' order by e.id limit 1`,
    );
    await open(`/runs/${id}/${seq}`);
    const step = owner.page.getByRole('region', { name: `Step ${seq}`, exact: true });
    await step.getByRole('button', { name: 'Add to data set' }).click();
    const dialog = owner.page.getByRole('dialog', { name: `Add step ${seq} to a data set` });
    const answer = await dialog.getByLabel('Expected', { exact: true }).inputValue();
    await dialog.getByRole('combobox', { name: 'Data set' }).click();
    await owner.page.getByRole('option', { name: 'other' }).click();
    await check('step-to-dataset');
    await dialog.getByRole('button', { name: 'Add the item' }).click();
    await dialog.getByRole('link', { name: 'other' }).click();
    await link(`From step ${seq} of a run`).waitFor();
    const { rows } = await db.pool.query(
      'select source_execution_id, expected from howdah.dataset_items where source_seq = $1',
      [seq],
    );
    expect(rows).toEqual([{ source_execution_id: id, expected: answer }]);
    expect(owner.problems).toEqual([]);
  });

  test('a viewer reads, and has no buttons that write', async () => {
    const { id } = await one<{ id: string }>(
      db.pool,
      `select id from howdah.evaluations where status = 'completed' order by id limit 1`,
    );
    const { run } = await one<{ run: string }>(
      db.pool,
      `select execution_id as run from howdah.evaluation_results where evaluation_id = $1 limit 1`,
      [id],
    );
    for (const [path, shown] of [
      ['/datasets', 'sums'],
      ['/datasets/sums', 'sums'],
      ['/datasets/sums/leaderboard', 'Leaderboard of sums'],
      ['/quality', 'Quality'],
      ['/evaluations', 'Evaluations'],
      [`/evaluations/${id}`, 'clerk, version 2'],
      [`/runs/${run}`, 'clerk'],
    ] as const) {
      await open(path, viewer);
      await viewer.page.getByText(shown, { exact: true }).last().waitFor();
      await expect.poll(() => viewer.page.getByLabel('Loading').count()).toBe(0);
      for (const name of [
        ...['Start an evaluation', 'Cancel', 'Delete', 'Add to data set'],
        ...['Remove the item What is 2 + 2?'],
      ]) {
        expect(await button(name, viewer).count(), `${path} ${name}`).toBe(0);
      }
      for (const name of ['New data set', 'Add an item', 'New grader', 'Edit', 'Grade']) {
        expect(await link(name, viewer).count(), `${path} ${name}`).toBe(0);
      }
    }
    expect(viewer.problems).toEqual([]);
  });

  test('a page at rest asks seldom, and a hidden one nothing', async () => {
    const tab = await logIn('owner');
    let requests = 0;
    await tab.page.clock.install();
    await open('/evaluations', tab);
    await link('rival, version 2', tab).waitFor();
    tab.page.on('request', (request) => {
      if (/\/(graphql|api\/)/.test(request.url())) requests += 1;
    });
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) await tab.page.clock.runFor(1_000);
    };
    await pass(120);
    requests = 0;
    await pass(60);
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

  test('on a phone and a desk in both colours', async () => {
    const { rows } = await db.pool.query(
      `select id from howdah.evaluations where status = 'completed' order by id`,
    );
    const [a, b] = rows.map(({ id }) => id as string);
    for (const [size, viewport] of [
      ['phone', { width: 360, height: 780 }],
      ['desk', { width: 1440, height: 900 }],
    ] as const) {
      const tab = await logIn('owner', { viewport });
      for (const [name, path] of [
        ['quality', '/quality'],
        ['datasets', '/datasets'],
        ['dataset', '/datasets/sums'],
        ['item', '/datasets/sums/items/new'],
        ['grader', '/datasets/sums/graders/new'],
        ['leaderboard', '/datasets/sums/leaderboard'],
        ['evaluations', '/evaluations'],
        ['evaluation', `/evaluations/${a}`],
        ['comparison', `/evaluations/${a}/compare?with=${b}`],
        ['comparison-reversed', `/evaluations/${b}/compare?with=${a}`],
      ] as const) {
        await open(path, tab);
        await tab.page.getByRole('heading', { level: 1 }).waitFor();
        await expect.poll(() => tab.page.getByLabel('Loading').count()).toBe(0);
        if (name === 'comparison') await tab.page.getByText('lower: better').first().waitFor();
        if (name.endsWith('reversed')) await tab.page.getByText('higher: worse').first().waitFor();
        await expectReadable(tab, `${size}-${name}`);
      }
      expect(tab.problems).toEqual([]);
      await tab.close();
    }
  });
});
