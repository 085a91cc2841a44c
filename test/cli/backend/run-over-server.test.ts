import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { makeRun, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli, startAtTerminal } from '../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const db = testDatabase();
let api: ApiServer;
let worker: Worker;

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const howdah = (...line: string[]) => runCli(UNREACHABLE_URL, ...line, '--api', api.url);
const makeNamedAgent = async (script: object[], tools: string[] = []) => {
  const id = await makeAgent(db.pool, { script: script as [], tools });
  return (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name as string;
};

test('a run is started and watched, and its answer is printed as the result', async () => {
  const agent = await makeNamedAgent([{ content: 'Hello.' }]);
  const ran = await howdah('run', agent, 'Hi.', '--metadata', '{"ticket": 17}');
  expect(ran).toMatchObject({ status: 0, stdout: 'Hello.\n' });
  const [, id = ''] = /^execution (\S+)/.exec(ran.stderr) ?? [];
  const { metadata } = await one(db.pool, 'select metadata from howdah.executions where id = $1', [
    id,
  ]);
  expect(metadata).toEqual({ ticket: 17 });
  const watched = await howdah('watch', id, '--json');
  const events = watched.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.map(({ event }) => event)).toEqual(['thought', 'complete']);
  expect((await howdah('watch', id, '--after', '9')).stdout).toBe('Hello.\n');
});

test('a call is shown with its tool and arguments', async () => {
  const call = { name: 'calculator', arguments: { expression: '6 * 7' }, id: 'c1' };
  const agent = await makeNamedAgent([{ tool_calls: [call] }, { content: '42.' }], ['calculator']);
  const { stderr } = await howdah('run', agent, 'Work it out.');
  expect(stderr).toContain('action      calculator {"expression":"6 * 7"}');
  expect(stderr).toContain('observation calculator 42');
});

test('a run with a question is left waiting, and is answered by another command', async () => {
  const agent = await makeNamedAgent(
    [
      { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' }, id: 'q1' }] },
      { content: 'Painted.' },
    ],
    ['ask_user'],
  );
  const ran = await howdah('run', agent, 'Paint.');
  expect(ran).toMatchObject({ status: 7, stdout: '' });
  expect(ran.stderr).toContain('Which colour?');
  const [, waiting = ''] = /^execution (\S+)/.exec(ran.stderr) ?? [];
  const explained = await howdah('explain', waiting);
  expect(explained).toMatchObject({ status: 0, stderr: '' });
  expect(explained.stdout).toMatch(
    /^waiting \(question\) since \S+: the run waits for a person: Which colour\?\n {2}by question \S+: Which colour\?\n {2}next: howdah answer \S+ TEXT\n$/,
  );
  const here = await runCli(db.url, 'explain', waiting);
  expect(here).toEqual(explained);
  const [, run = '', question = ''] =
    /^execution (\S+)[\s\S]*howdah answer (\S+) TEXT/.exec(ran.stderr) ?? [];
  const answered = await howdah('answer', question, 'blue');
  expect(answered).toMatchObject({
    ...{ status: 0, stdout: `${question} answered\n` },
    stderr: `The run continues. Follow it: howdah watch ${run}\n`,
  });
  expect(await howdah('watch', run)).toMatchObject({ status: 0, stdout: 'Painted.\n' });
});

test('a person at the terminal is asked until the answer is accepted', async () => {
  const question = { question: 'Which colour?', options: ['red', 'blue'] };
  const agent = await makeNamedAgent(
    [
      { tool_calls: [{ name: 'ask_user', arguments: question, id: 'q1' }] },
      { content: 'Painted.' },
    ],
    ['ask_user'],
  );
  const cli = startAtTerminal(UNREACHABLE_URL, 'run', agent, 'Paint.', '--api', api.url);
  const until = (talk: RegExp) =>
    vi.waitFor(() => expect(cli.stderr()).toMatch(talk), { timeout: 60_000 });
  await until(/ {2}howdah answer \S+ TEXT\nanswer: $/);
  cli.type('green');
  await until(/'green' is not one of the options[\s\S]*answer: $/);
  cli.type('blue');
  expect(await cli.waitForReturn()).toBe(0);
  expect(cli.stdout()).toContain('Painted.');
});

test('controls, failures and errors have the same exit codes as with a database', async () => {
  const run = await makeRun(db.pool, { run_at: '2100-01-01' });
  expect(await howdah('pause', run)).toMatchObject({ status: 0, stdout: `${run} paused\n` });
  expect(await howdah('resume', run)).toMatchObject({ status: 0, stdout: `${run} queued\n` });
  expect(await howdah('cancel', run)).toMatchObject({ status: 0, stdout: `${run} cancelled\n` });
  expect((await howdah('cancel', run)).status).toBe(1);
  expect(
    (await howdah('run', await makeNamedAgent([{ error: { status: 400 } }]), 'x')).status,
  ).toBe(6);
  expect((await howdah('run', 'nobody', 'x')).status).toBe(3);
  expect((await howdah('run', 'development', 'x', '--tenant', 'other')).status).toBe(2);
  const unreached = await runCli(UNREACHABLE_URL, 'cancel', run, '--api', 'http://127.0.0.1:1');
  expect(unreached.status).toBe(8);
  expect(unreached.stderr).toContain('hint: Check the address, and that the server is running.');
  const guarded = await startTestApi(db.url, tokenOptions);
  expect((await runCli(UNREACHABLE_URL, 'cancel', run, '--api', guarded.url)).status).toBe(4);
  await guarded.close();
});

test('several runs are controlled by one call, over a server and in a database', async () => {
  const [first, second] = [
    await makeRun(db.pool, { run_at: '2100-01-01' }),
    await makeRun(db.pool, { run_at: '2100-01-01' }),
  ];
  expect(await howdah('pause', first, second, first)).toMatchObject({
    status: 0,
    stdout: `${first} paused\n${second} paused\n`,
  });
  const inDatabase = await runCli(db.url, 'cancel', first, second, '--json');
  expect(JSON.parse(inDatabase.stdout)).toEqual([
    { id: first, status: 'cancelled', error: null },
    { id: second, status: 'cancelled', error: null },
  ]);
  await howdah('retry', first);
  const again = await howdah('cancel', first, second);
  expect(again).toMatchObject({ status: 1, stdout: `${first} cancelled\n` });
  expect(again.stderr).toContain(`execution ${second} has already ended: cancelled`);
});

test.each([
  ['approve', [], '42.'],
  ['approve', ['--arguments', '{"expression": "1 + 1"}'], '42.'],
  ['reject', ['--reason', 'Not today'], '42.'],
])('a pending call is listed and decided: %s %j', async (verdict, more, output) => {
  const call = { name: 'calculator', arguments: { expression: '6 * 7' }, id: 'c1' };
  const agent = await makeNamedAgent([{ tool_calls: [call] }, { content: output }], ['calculator']);
  await db.pool.query(
    'update howdah.agent_tools set requires_approval = true where agent_id = howdah.agent($1)',
    [agent],
  );
  const ran = await howdah('run', agent, 'Work it out.');
  expect(ran).toMatchObject({ status: 7, stdout: '' });
  expect(ran.stderr).toMatch(/ {2}howdah approve \S+\n {2}howdah reject \S+ --reason TEXT\n/);
  const [, run = ''] = /^execution (\S+)/.exec(ran.stderr) ?? [];
  const { items } = JSON.parse((await howdah('questions', '--json')).stdout);
  const question = items.find((one: { execution_id: string }) => one.execution_id === run);
  expect((await howdah('questions')).stdout).toMatch(
    new RegExp(`^ID .*\n[^]*${question.id}  approval  ${run} `),
  );
  expect(await howdah(verdict, question.id, ...more)).toMatchObject({
    status: 0,
    stdout: `${question.id} answered\n`,
    stderr: expect.stringContaining(`howdah watch ${run}`),
  });
  expect((await howdah('watch', run)).stdout).toBe(`${output}\n`);
  const { said } = await one(
    db.pool,
    `select string_agg(content, ' ') as said from howdah.messages where execution_id = $1 and role = 'tool'`,
    [run],
  );
  const [, answer = '42'] = more;
  expect(said).toContain(verdict === 'reject' ? answer : more.length > 0 ? '2' : '42');
  expect(await howdah(verdict, question.id)).toMatchObject({ status: 1 });
  expect((await howdah('questions')).stderr).toBe('No open questions.\n');
  expect((await howdah('questions', '--all')).stdout).toMatch(
    new RegExp(`${question.id}.* answered +${verdict}`),
  );
});

test('a run is forked with other data, or from one of its steps', async () => {
  const agent = await makeNamedAgent([{ content: 'Hello.' }]);
  const [, id = ''] =
    /^execution (\S+)/.exec(
      (await howdah('run', agent, 'Hi.', '--data', '{"order": {"number": 1}}')).stderr,
    ) ?? [];
  const forked = await howdah('fork', id, '--set', 'input.order.number=2', '--set', 'input=Ho.');
  expect(forked).toMatchObject({ status: 0, stdout: 'Hello.\n' });
  expect(forked.stderr).toMatch(/^ {2}1 {2}observation fork/m);
  const [, copy = ''] = /^execution (\S+)/.exec(forked.stderr) ?? [];
  const of = (run: string) =>
    one(db.pool, 'select input, input_data, forked_from_seq from howdah.executions where id = $1', [
      run,
    ]);
  expect(await of(copy)).toEqual({
    input: 'Ho.',
    input_data: { order: { number: 2 } },
    forked_from_seq: 0,
  });
  const later = await howdah('fork', copy, '--from', '2', '--version', '1', '--detach');
  expect(later).toMatchObject({ status: 0, stderr: '' });
  expect(await of(later.stdout.trim())).toMatchObject({ input: 'Ho.', forked_from_seq: 2 });
  const cold = await howdah('fork', copy, '--seq', '2', '--temperature', '0', '--detach');
  expect(
    await one(db.pool, 'select overrides from howdah.executions where id = $1', [
      cold.stdout.trim(),
    ]),
  ).toEqual({ overrides: { request_params: { temperature: 0 } } });
  expect(await howdah('fork', copy, '--seq', '99')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('cannot be forked after step 99'),
  });
  const absent = await howdah('fork', '01a1f805-7e9f-729f-9dc6-14d018338ca2', '--seq', '0');
  expect(absent.status).toBe(3);
});

test('options that REST does not support are rejected without a request', async () => {
  const id = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
  expect(await howdah('approve', id, '--remember', 'run')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--remember needs a database, not an API'),
  });
  expect(await howdah('reject', id)).toMatchObject({ status: 3 });
});
