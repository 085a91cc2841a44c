import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { startTestApi } from '../../../api/harness.ts';
import { makeAgent, makeRun, unique } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { runCli, startCli } from '../../run-cli.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

const LONG = 60_000;
const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');
const targets: [string, () => string[]][] = [
  ['a database', () => []],
  ['an API', () => ['--api', api.url]],
];

async function ask(execution_id: string, prompt: string): Promise<string> {
  const { rows } = await db.pool.query<{ id: string }>(
    `insert into howdah.questions (execution_id, root_execution_id, kind, prompt)
     values ($1, $1, 'question', $2) returning id`,
    [execution_id, prompt],
  );
  return rows[0]?.id ?? '';
}

describe.each(targets)('over %s', (_name, target) => {
  test('runs --follow prints each change of the runs of an agent, until Ctrl-C', async () => {
    const name = unique('agent');
    const agent_id = await makeAgent(db.pool, { name });
    const old = await makeRun(db.pool, { agent_id });
    const other = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    const followed = startCli(db.url, 'runs', '--follow', '--agent', name, '--json', ...target());
    await vi.waitFor(() => expect(followed.stdout()).toContain(old), LONG);
    const id = await makeRun(db.pool, { agent_id });
    await vi.waitFor(() => expect(followed.stdout()).toContain(id), LONG);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await vi.waitFor(() => expect(followed.stdout()).toContain('cancelled'), LONG);
    followed.interrupt();
    const { status, stdout, stderr } = await followed.end();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const changes = linesOf(stdout).map((line) => JSON.parse(line));
    expect(changes.map((change) => [change.type, change.id, change.status])).toEqual([
      ['changed', old, 'queued'],
      ['changed', id, 'queued'],
      ['changed', id, 'cancelled'],
    ]);
    expect(changes[0]).toMatchObject({ agent: name, steps: 0, tokens: 0, cost: 0 });
    expect(stdout).not.toContain(other);
  });

  test('runs --follow says which runs leave the list of a status', async () => {
    const name = unique('agent');
    const agent_id = await makeAgent(db.pool, { name });
    const id = await makeRun(db.pool, { agent_id });
    const argv = ['runs', 'list', '-f', '--agent', name, '--status', 'queued', ...target()];
    const followed = startCli(db.url, ...argv);
    await vi.waitFor(() => expect(followed.stdout()).toContain(id), LONG);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await vi.waitFor(() => expect(followed.stdout()).toContain('left the list'), LONG);
    followed.interrupt();
    const { status, stdout } = await followed.end();
    expect(status).toBe(0);
    expect(linesOf(stdout)).toEqual([
      expect.stringMatching(new RegExp(`^${id} {2}queued {2}${name} {2}0 steps {2}`)),
      `${id}  left the list`,
    ]);
  });

  test('questions --follow prints questions that open and close, until Ctrl-C', async () => {
    const run = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    const followed = startCli(db.url, 'questions', '--follow', '--json', ...target());
    const prompt = unique('May I go');
    const id = await ask(run, prompt);
    await vi.waitFor(() => expect(followed.stdout()).toContain(prompt), LONG);
    await db.pool.query('select howdah.cancel_execution($1)', [run]);
    const removed = JSON.stringify({ type: 'removed', id });
    await vi.waitFor(() => expect(linesOf(followed.stdout())).toContain(removed), LONG);
    followed.interrupt();
    expect(await followed.end()).toMatchObject({ status: 0, stderr: '' });
  });
});

test.each([
  [['runs', '--follow', '--since', '1h'], /--since cannot be combined with --follow/],
  [['runs', '--follow', '--limit', '1001'], /at most 1000 with --follow/],
  [['questions', '--follow', '--all'], /--all cannot be combined with --follow/],
])('%j is refused', async (argv, said) => {
  const refused = await runCli(db.url, ...argv);
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(said) });
});
