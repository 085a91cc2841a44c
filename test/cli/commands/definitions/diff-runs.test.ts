import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { startTestApi } from '../../../api/harness.ts';
import {
  answer,
  claim,
  commit,
  completed,
  failed,
  makeAgent,
  makeRun,
  makeWorker,
  one,
} from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const UNKNOWN = '01a1f805-7e9f-729f-9dc6-14d018338ca2';

const db = testDatabase();
let api: ApiServer;
/** A run, a fork of it with another outcome, and a failed run of another agent. */
const runs = { first: '', fork: '', other: '' };

beforeAll(async () => {
  api = await startTestApi(db.url);
  const worker = await makeWorker(db.pool);
  const finishRun = async (id: string, steps: object[], to: object) => {
    const [run] = await claim(db.pool, worker, [id]);
    await commit(db.pool, worker, [
      { id, fence: run?.fence, after: run?.step_count, steps, to } as never,
    ]);
  };
  const answerStep = (content: string) => ({
    ...answer,
    messages: [{ role: 'assistant', content }],
  });
  const agent_id = await makeAgent(db.pool, { name: 'clerk' });
  runs.first = await makeRun(db.pool, { agent_id });
  const letter = 'Dear Mara,\nit was sent.\nYours,\nthe shop';
  await finishRun(runs.first, [answerStep('Let me see.'), answerStep(letter), { kind: 'output' }], {
    ...completed,
    output: letter,
  });
  const forked = 'select (howdah.fork_execution($1, 1)).id';
  runs.fork = (await one(db.pool, forked, [runs.first])).id;
  const kinder = letter.replace('it was sent.', 'it was lost.\u001b[31m');
  await finishRun(runs.fork, [answerStep(kinder), { kind: 'output' }], {
    ...completed,
    output: kinder,
  });
  const broken = await makeAgent(db.pool, { name: 'broken', max_steps: 7 });
  runs.other = await makeRun(db.pool, { agent_id: broken, input: 'Where is A-1002?' });
  await finishRun(runs.other, [{ kind: 'error', error: failed.error }], failed);
});
afterAll(async () => {
  await api?.close();
});

const diff = (...argv: string[]) => runCli(db.url, 'diff', ...argv);

describe('howdah diff RUN RUN', () => {
  test('compares a fork with its original, as a diff and in figures', async () => {
    const { first, fork } = runs;
    const { status, stdout, stderr } = await diff(first, fork);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lasting = stdout.replace(/(seconds).*/, '$1').replace(/"by": "[^"]*"/, '"by": "me"');
    expect(lasting).toBe(`--- ${first}  clerk, version 1
+++ ${fork}  clerk, version 1, forked from the other run after step 1
steps: 2 the same (1 shared by a fork), 1 changed, 1 only in the second; the first difference is at step 2
@@ step 2, only in the second @@ fork
+input: {"by": "me", "seq": 1, "input": null}
@@ step 2 and 3 @@ model default
said
@@ -1 +1 @@
 Dear Mara,
-it was sent.
+it was lost.[31m
 Yours,
 the shop
output
@@ -1 +1 @@
 Dear Mara,
-it was sent.
+it was lost.[31m
 Yours,
 the shop
FIGURE       FIRST                   SECOND
status       completed final_answer  completed final_answer
seconds
steps        3                       4
model calls  2                       2
tool calls   0                       0
retries      0                       0
tokens in    20                      10
tokens out   10                      5
cost         0                       0
`);
  });

  test('compares runs of two agents, one of which failed', async () => {
    const { status, stdout } = await diff(runs.first, runs.other);
    expect(status).toBe(0);
    for (const text of [
      '\nagent\n-clerk\n+broken\n',
      '\ninput\n-Where is A-1001?\n+Where is A-1002?\n',
      '\nmax_steps\n-50\n+7\n',
      '\nsteps: 0 the same, 3 only in the first, 1 only in the second; the first difference is at step 1\n',
      '\n@@ step 1, only in the second @@ error\n+error_code: provider\n',
      '\nstatus\n-completed\n+failed\n',
    ])
      expect(stdout).toContain(text);
  });

  test('exits 0 even for different runs, and 1 with --exit-code', async () => {
    const { first, fork } = runs;
    expect((await diff(first, fork, '--exit-code')).status).toBe(1);
    const same = await diff(first, first, '--exit-code');
    expect(same).toMatchObject({ status: 0, stderr: 'The runs are the same.\n' });
    expect(same.stdout).toContain('\nsteps: 3 the same\n');
  });

  test('prints the same JSON from the database and over the API', async () => {
    const { first, fork } = runs;
    const here = await diff(first, fork, '--json');
    expect(JSON.parse(here.stdout)).toMatchObject({
      is_same: false,
      a: { execution_id: first },
      b: { execution_id: fork },
      shared_steps: 1,
      began: [],
      steps: { same: 2, parts_at: 2 },
      ended: [{ field: 'output' }],
    });
    const there = await runCli(UNREACHABLE_URL, 'diff', first, fork, '--json', '--api', api.url);
    expect(JSON.parse(there.stdout)).toEqual(JSON.parse(here.stdout));
    expect(await runCli(UNREACHABLE_URL, 'diff', first, fork, '--api', api.url)).toEqual(
      await diff(first, fork),
    );
  });

  test('names the command that compares two versions of an agent', async () => {
    const agent_id = await makeAgent(db.pool, { name: 'edited' });
    const a = await makeRun(db.pool, { agent_id });
    await db.pool.query(`update howdah.agents set instruction = 'Otherwise.' where id = $1`, [
      agent_id,
    ]);
    const { stderr, stdout } = await diff(a, await makeRun(db.pool, { agent_id }));
    expect(stdout).toContain('\nversion\n-1\n+2\n');
    expect(stderr).toBe(
      'Show the changes between the versions: howdah dev versions edited --diff 1 2\n',
    );
  });
});

describe('invalid arguments', () => {
  test.each([
    ['first', 0],
    ['second', 1],
  ])('a missing run in the %s place exits 3', async (_, place) => {
    const ids = [runs.first, runs.first].with(place, UNKNOWN);
    const { status, stdout, stderr } = await diff(...ids);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toBe(`error: there is no execution ${UNKNOWN}\n hint: List them: howdah runs\n`);
    const there = await runCli(UNREACHABLE_URL, 'diff', ...ids, '--api', api.url);
    expect(there).toMatchObject({ status: 3, stdout: '' });
    expect(there.stderr).toContain(`there is no execution ${UNKNOWN}`);
  });

  test.each([
    [
      [UNKNOWN],
      /^error: only one execution is given; a comparison needs two\n hint: Use howdah diff ID ID/,
    ],
    [[UNKNOWN, UNKNOWN, UNKNOWN], /^error: executions cannot be combined with other arguments/],
    [
      [UNKNOWN, 'examples/press.yaml'],
      /^error: executions cannot be combined with other arguments/,
    ],
    [[UNKNOWN, UNKNOWN, '--prune'], /^error: --prune applies to files/],
    [[UNKNOWN, UNKNOWN, '--tenant', 'default'], /^error: --tenant applies to files/],
    [['examples/press.yaml', '--exit-code'], /^error: --exit-code applies to executions/],
  ])('%j exits 2 without a connection to a database', async (argv, message) => {
    const { status, stdout, stderr } = await runCli(UNREACHABLE_URL, 'diff', ...argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
