import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { startTestApi, until } from '../../../api/harness.ts';
import { makeAgentTree, type TreeAgents } from '../../../api/trees/agent-tree.ts';
import { makeAgent, makeAgentTool } from '../../../runtime/arrange.ts';
import { one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { runCli, startCli } from '../../run-cli.ts';

// howdah watch --tree and howdah run --tree, on a database and on a server.

const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let agentNames: TreeAgents;

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
  agentNames = await makeAgentTree(db.pool);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const start = async () =>
  (await one(db.pool, `select (howdah.run($1, 'Where is my parcel?')).id`, [agentNames.boss])).id;

/** Watches a run to its end, and answers its question once it is printed as `printed`. */
async function watch(url: string, line: string[], printed = '') {
  const cli = startCli(url, 'watch', ...line);
  const open = await vi.waitFor(
    () => one(db.pool, `select id from howdah.questions where status = 'open'`),
    { timeout: 120_000, interval: 10 },
  );
  // a step with the id of its question can be printed before the question
  await until(() => {
    const output = `${cli.stdout()}${cli.stderr()}`;
    return output.includes(open.id) && output.includes(printed);
  });
  await db.pool.query(`select howdah.answer_question($1, 'The blue one.')`, [open.id]);
  return { ...(await cli.end()), cli };
}

describe.each(['database', 'server'])('over a %s', (over) => {
  const url = () => (over === 'server' ? UNREACHABLE_URL : db.url);
  const line = (id: string, ...more: string[]) => [
    ...[id, '--tree', ...more],
    ...(over === 'server' ? ['--api', api.url] : []),
  ];

  test('shows the runs below, indented by their depth, and the answer as the result', async () => {
    const { status, stdout, stderr } = await watch(url(), line(await start()));
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Your parcel comes tomorrow.\n' });
    const lines = stderr.split('\n');
    const of = (agent: string) => lines.filter((one) => one.trimStart().startsWith(agent));
    expect(of(agentNames.worker).every((one) => /^ {2}\S/.test(one))).toBe(true);
    expect(of(agentNames.helper).every((one) => /^ {4}\S/.test(one))).toBe(true);
    expect(of(agentNames.helper).join('\n')).toContain('The blue parcel comes tomorrow.');
    expect(of(agentNames.worker).length).toBeGreaterThan(5);
    const at = (text: string) => lines.findIndex((one) => one.includes(text));
    expect(at('I delegate.')).toBeLessThan(at('I ask the helper.'));
    expect(at('I ask the helper.')).toBeLessThan(at('I must ask.'));
  });

  test('without the tree, says what the runs below answered, and names the option', async () => {
    const [id] = [await start()];
    const more = over === 'server' ? ['--api', api.url] : [];
    const { status, stderr } = await watch(url(), [id, ...more]);
    expect(status).toBe(0);
    expect(stderr).toMatch(new RegExp(`^member    ${agentNames.worker}: .+$`, 'm'));
    expect(stderr).toContain(`howdah show ${id} --tree`);
    const shown = await runCli(url(), 'show', id, ...more);
    expect(shown.stdout).toMatch(/^in all {4}\d+ tokens · cost /m);
  });

  test('prints each event with its path for programs', async () => {
    const id = await start();
    const question = over === 'server' ? [] : ['"type":"question"'];
    const { status, stdout } = await watch(url(), line(id, '--json'), ...question);
    expect(status).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    const paths = events.flatMap(({ path, data }) => [path ?? data?.path ?? []]);
    expect(new Set(paths.map(({ length }) => length))).toEqual(
      new Set(over === 'server' ? [1, 2, 3] : [0, 1, 2, 3]), // a question contains no path
    );
    expect(paths.filter(({ length }) => length > 0).every(([top]) => top === id)).toBe(true);
    const { type, event } = events.at(-1);
    expect(type ?? event).toBe(over === 'server' ? 'complete' : 'end');
  });
});

describe.each(['database', 'server'])('howdah run --tree over a %s', (over) => {
  const run = (...line: string[]) => {
    const more = over === 'server' ? ['--api', api.url] : [];
    return runCli(over === 'server' ? UNREACHABLE_URL : db.url, 'run', ...line, '--tree', ...more);
  };

  test('shows the runs below, and leaves a run that asks a person', async () => {
    const { status, stdout, stderr } = await run(agentNames.boss, 'Where is my parcel?');
    expect({ status, stdout }).toEqual({ status: 7, stdout: '' });
    const lines = stderr.split('\n');
    const at = (text: string) => lines.findIndex((one) => one.includes(text));
    expect(lines[at('I ask the helper.')]).toMatch(new RegExp(`^ {2}${agentNames.worker} `));
    expect(lines[at('I must ask.')]).toMatch(new RegExp(`^ {4}${agentNames.helper} `));
    expect(at('I delegate.')).toBeLessThan(at('I ask the helper.'));
    expect(stderr).toContain('Which parcel?');
    await db.pool.query(`select howdah.answer_question(id, 'x') from howdah.questions
      where status = 'open'`);
  });

  test('prints the events of howdah watch --json --tree', async () => {
    const helper = await makeAgent(db.pool, { script: [{ content: 'Here.' }] });
    const tool = await makeAgentTool(db.pool, helper);
    const script = [
      { tool_calls: [{ id: 'h', name: tool, arguments: { message: 'Look.' } }] },
      { content: 'Found.' },
    ];
    const boss = await makeAgent(db.pool, { script, tools: [tool] });
    const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [boss]);
    const { status, stdout, stderr } = await run(name, 'Look.', '--json');
    expect(status).toBe(0);
    expect(stdout).toContain('"path"');
    const [, id] = /execution (\S+)/.exec(stderr) ?? [];
    const line = [
      'watch',
      `${id}`,
      '--json',
      '--tree',
      ...(over === 'server' ? ['--api', api.url] : []),
    ];
    const watched = await runCli(over === 'server' ? UNREACHABLE_URL : db.url, ...line);
    const withoutTokens = (text: string) =>
      text.split('\n').filter((one) => !one.includes('"token"'));
    expect(withoutTokens(stdout)).toEqual(withoutTokens(watched.stdout));
  });
});

test('howdah run cannot show the runs below and return immediately', async () => {
  for (const line of [
    ['run', agentNames.boss, 'Hi'],
    ['run-agent', '--agent-id', '4711', '--message', 'Hi'],
  ]) {
    const refused = await runCli(db.url, ...line, '--tree', '--detach');
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('--detach') });
  }
});

test('a cursor and the tree cannot be combined', async () => {
  const refused = await runCli(db.url, 'watch', await start(), '--tree', '--after', '2');
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('--tree') });
});
