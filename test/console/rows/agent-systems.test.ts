import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { teamsOf } from '../../../src/console/agent-systems/file-teams.ts';
import { startTestApi } from '../../api/harness.ts';
import { testDatabase } from '../../support/database.ts';
import { expectReadable, openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// Files of agent systems in an editor, in a real browser.

const PRESS = readFileSync(new URL('../../../examples/press.yaml', import.meta.url), 'utf8');

test('the workflows of a file are read for their picture, as far as they are written', () => {
  const teams = teamsOf(PRESS);
  expect([...(teams ?? [])].map(([name, { members }]) => [name, members])).toEqual([
    ['draft', [{ name: 'writer' }, { name: 'editor' }]],
    ['press', [{ name: 'draft' }, { name: 'publisher' }]],
  ]);
  const partly = `workflows:\n  a: {type: evaluator-optimizer, members: [x, x]}\n  b: {type: gra}\n`;
  expect(teamsOf(partly)?.get('a')).toMatchObject({
    type: 'evaluator_optimizer',
    members: [{ name: 'x' }, { name: 'x (2)' }],
  });
  expect([...(teamsOf(partly)?.keys() ?? [])]).toEqual(['a']);
  for (const text of ['', '7', '- a', 'workflows: 7', 'workflows: {a: 7}']) {
    expect(teamsOf(text)?.size, text).toBe(0);
  }
  expect(teamsOf('workflows: [')).toBeUndefined();
  const aliases = Array.from({ length: 200 }, () => '*a').join(', ');
  expect(teamsOf(`a: &a [1]\nworkflows: {b: [${aliases}]}`)).toBeUndefined();
});

describe.skipIf(!CHROMIUM)('the editor of an agent system', () => {
  const db = testDatabase();
  let api: ApiServer;
  let browser: Browser;
  let tab: Tab;

  beforeAll(async () => {
    api = await startTestApi(db.url);
    browser = await launchChromium();
    tab = await openTab(browser, api.url);
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await api?.close();
  });

  const editor = () => tab.page.getByRole('textbox', { name: 'The file of the system, in YAML' });
  /**
   * Replaces the text. The editor deletes the old one by itself: where the browser replaces a
   * selection, it writes styles of elements, which the policy of the page reports.
   */
  const write = async (text: string) => {
    await editor().click();
    await tab.page.keyboard.press('ControlOrMeta+a');
    await tab.page.keyboard.press('Delete');
    await tab.page.keyboard.insertText(text);
  };
  const button = (name: string) => tab.page.getByRole('button', { name, exact: true });
  const nodes = () => tab.page.locator('.graph-node').allInnerTexts();

  test('faults are shown at their line, the picture follows, and the file is applied', async () => {
    await tab.page.goto(`${api.url}/definitions/agent-systems`);
    await tab.page.getByText('There are no agent systems yet.').waitFor();
    await tab.page.getByRole('link', { name: 'New agent system' }).click();
    await tab.page.getByText('The file can be applied.').waitFor();
    expect(await nodes()).toEqual(['writer', 'editor']);
    await write(PRESS.replace('- writer', '- writr'));
    await tab.page.getByText('1 fault', { exact: true }).waitFor();
    const line = PRESS.split('\n').findIndex((one) => one.includes('- writer')) + 1;
    await button(`${line}:9`).click();
    await tab.page.locator('.cm-lintRange-error').waitFor();
    expect(await button('Apply').isDisabled()).toBe(true);
    await picture(tab.page, 'system-fault');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await write(PRESS);
    await tab.page.getByText('The file can be applied.').waitFor();
    expect(await nodes()).toEqual(['draft', 'publisher']);
    await button('Apply').click();
    await tab.page.getByRole('dialog').getByText('workflow press').waitFor();
    await picture(tab.page, 'system-apply');
    await button('Apply it').click();
    await tab.page.getByRole('heading', { level: 1, name: 'press-office' }).waitFor();
    await editor().waitFor();
    const { rows } = await db.pool.query(
      `select name from howdah.workflows where agent_system_id is not null order by name`,
    );
    expect(rows).toEqual([{ name: 'draft' }, { name: 'press' }]);
    expect(tab.problems).toEqual([]);
    expect(tab.foreign).toEqual([]);
  });

  test('a workflow of a system leads to its file, and a graph has its conditions', async () => {
    await tab.page.goto(`${api.url}/workflows/press`);
    await tab.page.getByRole('link', { name: 'Edit as YAML' }).click();
    await tab.page.getByRole('heading', { level: 1, name: 'press-office' }).waitFor();
    const graph = `version: v1\nname: triage\nagents:\n  first: {mission: Sort.}\n  second: {mission: Answer.}
workflows:\n  sort:\n    type: graph\n    members: [first, second]
    edges: [{from: first, to: second, when: "output contains 'yes'"}]\n`;
    await write(graph);
    await tab.page.locator('.graph-node', { hasText: 'second' }).waitFor();
    await tab.page.getByText("when output contains 'yes'").first().waitFor();
    expect(tab.problems).toEqual([]);
  });

  test('in both colours it is readable on a phone', async () => {
    const viewport = { width: 360, height: 780 };
    for (const size of [{ viewport }, {}]) {
      const other = await openTab(browser, api.url, size);
      await other.page.goto(`${api.url}/definitions/agent-systems/press-office`);
      await other.page.getByText('The file can be applied.').waitFor();
      await other.page.locator('.graph-node').first().waitFor();
      await expectReadable(other, `system-${'viewport' in size ? 360 : 1440}`);
      expect(other.problems).toEqual([]);
      await other.close();
    }
  });
});
