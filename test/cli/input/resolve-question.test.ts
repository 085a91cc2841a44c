import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { makeRun, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

const ask = async (run: string, kind: 'question' | 'approval', root = run) =>
  (
    await one(
      db.pool,
      `insert into howdah.questions (execution_id, root_execution_id, kind, prompt, tool_call)
       values ($1, $2, $3::howdah.question_kind, 'Which?', $4)
       returning id`,
      [run, root, kind, kind === 'approval' ? { name: 'calculator', arguments: {} } : null],
    )
  ).id as string;
const answerOf = (id: string) =>
  one(db.pool, 'select status, answer, answer_data from howdah.questions where id = $1', [id]);

describe.each([
  ['with a database', (...argv: string[]) => runCli(db.url, ...argv)],
  ['over the API', (...argv: string[]) => runCli(UNREACHABLE_URL, ...argv, '--api', api.url)],
])('%s', (_, howdah) => {
  const run = () => makeRun(db.pool, { run_at: '2100-01-01' });

  test('the id of a run answers its only question', async () => {
    const id = await run();
    const question = await ask(id, 'question');
    expect(await howdah('answer', id, 'blue')).toMatchObject({
      status: 0,
      stdout: `${question} answered\n`,
    });
    expect(await answerOf(question)).toMatchObject({ status: 'answered', answer: 'blue' });
  });

  test('the id of a run approves or rejects its only call, even of a child run', async () => {
    const [parent, refused] = [await run(), await run()];
    const child = await makeRun(db.pool, { run_at: '2100-01-01', parent_execution_id: parent });
    const [yes, no] = [await ask(child, 'approval', parent), await ask(refused, 'approval')];
    expect(await howdah('approve', parent)).toMatchObject({
      status: 0,
      stdout: `${yes} answered\n`,
    });
    expect(await howdah('reject', refused, '--reason', 'no')).toMatchObject({ status: 0 });
    expect(await answerOf(yes)).toMatchObject({ status: 'answered', answer: 'approve' });
    expect(await answerOf(no)).toMatchObject({ status: 'answered', answer: 'reject' });
  });

  test('several open questions require an id, and a run without a question is an error', async () => {
    const [several, quiet] = [await run(), await run()];
    const both = [await ask(several, 'question'), await ask(several, 'question')];
    const failed = await howdah('answer', several, 'blue');
    expect(failed).toMatchObject({ status: 2, stdout: '' });
    for (const id of both) {
      expect(failed.stderr).toContain(id);
      expect(await answerOf(id)).toMatchObject({ status: 'open' });
    }
    expect(await howdah('answer', quiet, 'blue')).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringContaining(`howdah explain ${quiet}`),
    });
    const nobody = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    expect(await howdah('approve', nobody)).toMatchObject({
      status: 3,
      stderr: expect.stringContaining(`there is no question ${nobody}`),
    });
  });
});
