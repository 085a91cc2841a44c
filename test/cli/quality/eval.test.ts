import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { all } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli } from '../run-cli.ts';

// Data sets from files and runs, and evaluations as the gate of a build.

const db = testDatabase();
let worker: Worker;
let folder: string;
let agent: string;
let agentId: string;

const cli = (...argv: string[]) => runCli(db.url, ...argv);
const json = async (...argv: string[]) => {
  const { stdout, stderr } = await cli('--json', ...argv);
  return JSON.parse(stdout || stderr);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'howdah-eval-'));
  worker = await startTestWorker(db.url);
  agentId = await makeAgent(db.pool, { script: [{ content: 'yes' }] });
  const [row] = await all(db.pool, 'select name from howdah.agents where id = $1', [agentId]);
  agent = row?.name;
  await cli('dataset', 'create', 'refunds');
  await cli('dev', 'graders', 'create', 'answer', '--kind', 'normalized', '--dataset', 'refunds');
});
afterAll(async () => {
  await worker?.stop(0);
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

test('adds items of JSON lines and CSV, all or none', async () => {
  const lines = await file(
    'items.jsonl',
    '{"input": "after 10 days?", "expected": "Yes."}\n\n{"input": "after 20 days?", "expected": "yes"}\n',
  );
  expect((await cli('dataset', 'add', 'refunds', lines)).stdout).toBe('2 items added to refunds\n');
  const rows = 'input,expected,language\n"after 40 days, really?",no,en\n';
  await cli('dataset', 'add', 'refunds', await file('items.csv', rows), '--split', 'test');
  const { items } = await json('dataset', 'items', 'refunds');
  expect(items).toHaveLength(3);
  expect(items).toContainEqual(
    expect.objectContaining({
      ...{ input: 'after 40 days, really?', expected: 'no', split: 'test' },
      metadata: { language: 'en' },
    }),
  );
  const wrong = await file('wrong.jsonl', '{"input": "a"}\n{"inputs": "b"}\n');
  const refused = await cli('dataset', 'add', 'refunds', wrong);
  expect({ status: refused.status, line: /line 2/.test(refused.stderr) }).toEqual({
    ...{ status: 2, line: true },
  });
  for (const [text, fault] of [
    ['input,expected\n"two\nlines",yes\n\nthree,cells,here\n', 'line 5: it has 3 cells, not 2'],
    ['input,expected\na,"yes\n', 'line 2: a quote is not closed'],
    ['input,expected\na,"yes" no\n', 'line 2: a quote is not closed, or has text beside it'],
    ['input,expected,input\na,yes,b\n', 'line 1: it has the column input twice'],
    ['question,expected\na,yes\n', 'line 1: it has no column input'],
  ] as const) {
    const { stderr, status } = await cli(
      'dataset',
      'add',
      'refunds',
      await file('wrong.csv', text),
    );
    expect(status).toBe(2);
    expect(stderr).toContain(`wrong.csv, ${fault}`);
    expect(stderr).toContain('hint: An item has input');
  }
  expect((await json('dataset', 'show', 'refunds')).items).toBe(3);
});

test('evaluates, and refuses with status 5 under the rate', async () => {
  const junit = join(folder, 'results.xml');
  const run = ['eval', 'run', 'refunds', '--agent', agent, '--repeat', '2'];
  const passed = await cli(...run, '--fail-under', '0.6', '--junit', junit);
  expect(passed).toMatchObject({ status: 0 });
  const xml = await readFile(junit, 'utf8');
  expect(xml).toContain('<testsuite name="refunds" tests="6" failures="2" errors="0" skipped="0"');
  // in the order of the items
  expect([...xml.matchAll(/testcase name="after (\d+)/g)].map(([, days]) => days)).toEqual([
    ...['10', '20', '40', '10', '20', '40'],
  ]);
  const refused = await cli('--json', ...run, '--fail-under', '0.7');
  expect(refused.status).toBe(5);
  expect(JSON.parse(refused.stdout)).toMatchObject({
    evaluation: { status: 'completed', totals: { passed: 4, failed: 2, pass_hat_k: 0.666667 } },
    faults: ['the pass rate 66.67 % is under 70 %'],
  });
});

test('starts nothing for a report that cannot be written, or a label that does not exist', async () => {
  const run = ['eval', 'run', 'refunds', '--agent', agent];
  const count = async () => (await json('eval', 'list')).items.length;
  const before = await count();
  for (const option of ['--junit', '--markdown']) {
    const file = join(folder, 'no-folder/results.xml');
    const refused = await cli(...run, option, file);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toContain(`${file} cannot be written`);
  }
  const unknown = await cli(...run, '--no-worse-than', 'nobody');
  expect(unknown.stderr).toContain('nobody');
  expect(unknown.status).toBe(3);
  expect(await count()).toBe(before);
});

test('refuses a version that is worse than a label, and compares each item', async () => {
  await cli('dataset', 'create', 'many');
  await cli('dev', 'graders', 'create', 'word', '--kind', 'exact', '--dataset', 'many');
  const items = Array.from({ length: 12 }, (_, n) => `{"input": "${n}", "expected": "yes"}`);
  await cli('dataset', 'add', 'many', await file('many.jsonl', items.join('\n')));
  await db.pool.query(
    `select howdah.label_agent_version($1, max(version), 'production')
     from howdah.agent_versions where agent_id = $1`,
    [agentId],
  );
  // the next version is always wrong
  await db.pool.query(
    `update howdah.agent_models set request_params = '{"script": [{"content": "no"}]}'
     where agent_id = $1`,
    [agentId],
  );
  const markdown = join(folder, 'results.md');
  const run = ['eval', 'run', 'many', '--agent', agent, '--no-worse-than', 'production'];
  const gate = await cli('--json', ...run, '--markdown', markdown);
  if (gate.stdout === '') throw new Error(gate.stderr);
  const { comparison, faults } = JSON.parse(gate.stdout);
  expect(comparison).toMatchObject({ pass_rate: { a: 1, b: 0 } });
  expect(gate.status).toBe(5);
  expect(faults).toEqual([
    'the pass rate is lower than before: 0 %, not 100 %',
    expect.any(String),
  ]);
  expect(comparison).toMatchObject({
    ...{ items: 12, has_equal_items: true, has_equal_graders: true },
    pass_rate: { a: 1, b: 0, verdict: 'lower' },
    cost: { verdict: 'inside the noise' },
  });
  expect(comparison.regressions).toHaveLength(12);
  expect(await readFile(markdown, 'utf8')).toContain('| pass rate | 1 | 0 |');
  const then = await json('eval', 'run', 'many', '--agent', agent, '--items-at', '7d');
  expect(then.error).toMatchObject({ code: 'HWINV', message: expect.stringContaining('no items') });
  expect(await cli(...run, '--items-at', 'monday')).toMatchObject({ status: 2 });
  // the version of the label is its own baseline: nothing is compared or evaluated twice
  const count = async () => (await json('eval', 'list')).items.length;
  const before = await count();
  const itself = await json(...run, '--version', 'production', '--repeat', '2');
  expect(itself).toMatchObject({ comparison: null, faults: [] });
  expect(await count()).toBe(before + 1);
});

test('shows the quality of versions by day, and grades again what was not graded', async () => {
  const { data } = await json('eval', 'by-day', '--dataset', 'many', '--agent', agent);
  expect(data).toMatchObject([
    { version: 2, results: 12, passed: 0, source: 'items', grader: null },
    { results: 36, passed: 36 },
  ]);
  const { stdout } = await cli('eval', 'by-day', '--dataset', 'many', '--grader', 'word');
  expect(stdout).toContain('100 % (');
  // costs may have more digits than a double
  await db.pool.query('update howdah.evaluation_results set cost = 0.1234567890123456789');
  for (const view of [['by-day'], ['leaderboard', 'many']]) {
    expect(await cli('eval', ...view)).toMatchObject({ status: 0, stderr: '' });
    const csv = await cli('-o', 'csv', 'eval', ...view);
    expect(csv.stdout).toMatch(/^(day|rank),/);
  }
  const none = await cli('eval', 'by-day', '--source', 'runs');
  expect({ status: none.status, says: /howdah eval run/.test(none.stderr) }).toEqual({
    ...{ status: 0, says: true },
  });
  expect(await cli('eval', 'by-day', '--source', 'all')).toMatchObject({ status: 2 });
  expect((await json('eval', 'by-day', '--since', 'monday')).error).toMatchObject({
    code: 'HWINV',
  });
  const [row] = await all(
    db.pool,
    `update howdah.evaluation_results set passed = null, error = '{"code": "not_graded"}'
     where id = (select max(id::text)::uuid from howdah.evaluation_results) returning evaluation_id`,
  );
  const failed = await json('eval', 'results', row?.evaluation_id, '--failed');
  expect(failed.items).toContainEqual(
    expect.objectContaining({
      passed: null,
      error: expect.objectContaining({ code: 'not_graded' }),
    }),
  );
  const again = await cli('eval', 'grade-again', row?.evaluation_id);
  expect(again.stdout).toContain(`1 result is graded again. See: howdah eval wait`);
  expect((await cli('eval', 'wait', row?.evaluation_id)).status).toBe(0);
  const rest = await cli('eval', 'grade-again', row?.evaluation_id);
  expect(rest).toMatchObject({ status: 0, stdout: '' });
});

test('ranks what was evaluated, and says how to begin where nothing was', async () => {
  const { data } = await json('eval', 'leaderboard', 'many');
  expect(data).toMatchObject([
    { rank: 1, name: agent, pass_rate: 1, items: 12 },
    { rank: 2, name: agent, pass_rate: 0, verdict: 'lower' },
  ]);
  const { stdout } = await cli('eval', 'leaderboard', 'many', '--measure', 'latency_ms');
  expect(stdout).toContain('100 % (');
  await cli('dataset', 'create', 'none');
  const none = await cli('eval', 'leaderboard', 'none');
  expect({ status: none.status, says: /howdah eval run/.test(none.stderr) }).toEqual({
    ...{ status: 0, says: true },
  });
  expect(await cli('eval', 'leaderboard', 'many', '--measure', 'speed')).toMatchObject({
    status: 2,
  });
  const split = await json('eval', 'leaderboard', 'many', '--split', 'test');
  expect(split.error).toMatchObject({ code: 'HWINV' });
});

test('a person grades the results of the queue, which gets shorter', async () => {
  const [{ id }] = (await json('eval', 'list')).items;
  const { items } = await json('eval', 'queue', id);
  expect(items[0]).not.toHaveProperty('scores');
  const [{ evaluation_result_id: result }] = items;
  const grade = await json('eval', 'grade', result, '0.5', '--comment', 'half right');
  expect(grade).toMatchObject({ evaluation_id: id, score: 0.5, grader: null });
  expect((await json('eval', 'queue', id)).items).toHaveLength(items.length - 1);
  expect((await json('eval', 'grade', result, '1')).id).toBe(grade.id);
  expect((await json('eval', 'grades', id)).items).toMatchObject([{ score: 1, comment: null }]);
  expect(await cli('eval', 'grade', result, 'good')).toMatchObject({ status: 2 });
  expect((await json('eval', 'grade', result, '1', '--grader', 'wrod')).error).toMatchObject({
    code: 'HWINV',
  });
});

test('a judge says why a result fails, and its runs are ordinary runs', async () => {
  const judge = await makeAgent(db.pool, {
    script: [{ content: '{"score": 2, "reason": "It is not polite."}' }],
  });
  const [row] = await all(db.pool, 'select name from howdah.agents where id = $1', [judge]);
  await cli('dataset', 'create', 'polite');
  const create = ['dev', 'graders', 'create', 'tone', '--kind', 'rubric', '--dataset', 'polite'];
  const scale = { min: 1, max: 5 };
  const configuration = { agent: row?.name, rubric: 'The answer is polite.', scale };
  const wrong = await cli(
    '--json',
    ...create,
    '--configuration',
    '{"agent": "nobody", "rubric": "x"}',
  );
  expect(JSON.parse(wrong.stderr).error).toMatchObject({
    ...{ code: 'HWNTF', message: "there is no agent 'nobody', which judges" },
  });
  await cli(...create, '--configuration', JSON.stringify(configuration), '--pass-score', '0.5');
  await cli('dataset', 'add', 'polite', await file('polite.jsonl', '{"input": "Refund?"}'));
  const junit = join(folder, 'polite.xml');
  const run = await cli('eval', 'run', 'polite', '--agent', agent, '--junit', junit);
  expect(run.stdout).toContain('failed: Refund? #1, run ');
  expect(run.stdout).toContain('tone: It is not polite.');
  expect(await readFile(junit, 'utf8')).toContain('tone: It is not polite.');
  const judged = await all(
    db.pool,
    `select j.status, r.scores #>> '{tone,score}' as score, e.output
     from howdah.evaluation_results as r
     join howdah.executions as e on e.id = r.execution_id
     join howdah.executions as j on j.id = (r.scores #>> '{tone,execution_id}')::uuid
     where j.agent_id = $1`,
    [judge],
  );
  expect(judged).toEqual([{ status: 'completed', score: '0.25', output: 'no' }]);
});

test('an evaluation is listed, shown and promoted', async () => {
  const { items } = await json('eval', 'list');
  const [{ id }] = items;
  expect((await json('eval', 'show', id)).status).toBe('completed');
  expect((await json('eval', 'results', id)).items.length).toBeGreaterThan(0);
  expect((await cli('eval', 'promote', id, '--label', 'best')).status).toBe(0);
  expect(
    await all(db.pool, `select version from howdah.version_labels where label = 'best'`),
  ).toHaveLength(1);
  const refused = await cli('eval', 'promote', id, '--label', 'worse', '--no-worse-than', 'nobody');
  expect(refused.status).toBe(3); // there is no such label
  expect((await cli('eval', 'promote', id, '--fail-under', '2')).status).toBe(2);
  expect(
    await all(db.pool, `select version from howdah.version_labels where label = 'worse'`),
  ).toEqual([]);
  expect((await cli('eval', 'cancel', id)).status).not.toBe(0); // it has ended
  expect((await cli('eval', 'wait', id)).status).toBe(0);
});

test('graders are compared with people, and answers exported to train with', async () => {
  const many = await json('dataset', 'show', 'many');
  const { items: evaluations } = await json('eval', 'list');
  const { id } = evaluations.find((one: { dataset_id: string }) => one.dataset_id === many.id);
  const { items } = await json('eval', 'queue', id);
  await json('eval', 'grade', items[0].evaluation_result_id, '0', '--comment', 'no answer');
  const { agreement, disagreements } = await json('eval', 'agreement', id);
  expect(agreement[0]).toMatchObject({ grader: null, people: 1 });
  expect(agreement.map(({ grader }: { grader: string }) => grader)).toContain('word');
  expect(Array.isArray(disagreements)).toBe(true);
  expect((await cli('eval', 'agreement', id)).status).toBe(0);
  const { status, stderr } = await cli('eval', 'examples', id, '--grader', 'word');
  expect(status).not.toBe(0); // only judges have examples
  expect(stderr).toContain('rubric');

  const lines = async (format: string, ...more: string[]) => {
    const { stdout, status } = await cli('dataset', 'export', 'many', '--format', format, ...more);
    expect(status).toBe(0);
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  };
  const exported = await lines('jsonl');
  expect(exported).toHaveLength(12);
  expect(exported).toContainEqual({ input: '3', expected: 'yes', metadata: {} });
  const examples = await lines('sft');
  expect(examples.length).toBeGreaterThan(0);
  expect(examples[0].messages).toMatchObject([
    { role: 'user' },
    { role: 'assistant', content: 'yes' },
  ]);
  expect((await lines('sft', '--min-score', '0')).length).toBeGreaterThan(examples.length);
  // in the order of the items, and each line once
  expect(exported.map(({ input }) => input).slice(0, 3)).toEqual(['0', '1', '2']);
  expect(new Set(examples.map((line) => JSON.stringify(line))).size).toBe(examples.length);
  for (const format of ['jsonl', 'sft', 'dpo']) {
    expect(await lines(format, '--split', 'test')).toEqual([]);
  }
  const [pair] = await lines('dpo');
  expect(pair).toMatchObject({
    prompt: [{ role: 'user' }],
    chosen: [{ role: 'assistant', content: 'yes' }],
    rejected: [{ role: 'assistant', content: 'no' }],
  });
  expect((await cli('dataset', 'export', 'many', '--min-score', 'high')).status).toBe(2);
});

test('grades by the similarity of vectors, which a worker makes', async () => {
  await db.pool.query(
    `insert into howdah.models (name, provider, model, purpose)
     values ('letters', 'local', 'letters', 'embedding')`,
  );
  await cli('dataset', 'create', 'meanings');
  const items = await file(
    'meanings.jsonl',
    '{"input": "really?", "expected": "A refund is possible within 30 days. Shipping costs extra."}\n',
  );
  await cli('dataset', 'add', 'meanings', items);
  const { id } = await json('dataset', 'show', 'meanings');
  const wrong = ['dev', 'graders', 'create', 'meaning', '--kind', 'similarity', '--dataset', id];
  const refused = await cli(...wrong, '--configuration', '{"model": "letter"}');
  expect(refused.stderr).toContain("there is no embedding model 'letter'");
  await cli(...wrong, '--configuration', '{"model": "letters", "minimum": 0.1}');
  const clerk = await makeAgent(db.pool, {
    script: [{ content: 'Refunds are possible within 30 days.' }],
  });
  await db.pool.query(`update howdah.agents set name = 'clerk' where id = $1`, [clerk]);
  expect(await cli('eval', 'run', 'meanings', '--agent', 'clerk')).toMatchObject({ status: 0 });
  const [result] = await all(
    db.pool,
    `select r.passed, r.score::float8, r.error from howdah.evaluation_results as r
     join howdah.dataset_items as i on i.id = r.item_id where i.input = 'really?'`,
  );
  expect(result).toMatchObject({ passed: true, error: null });
  expect(result?.score).toBeGreaterThan(0.1);
  expect(result?.score).toBeLessThan(1);
});

test('grades runs that users started, once, and names them by their ids', async () => {
  const desk = await makeAgent(db.pool, { script: [{ content: 'please' }] });
  const [row] = await all(db.pool, 'select name from howdah.agents where id = $1', [desk]);
  await cli('dataset', 'create', 'live');
  const grader = ['dev', 'graders', 'create', 'sorry', '--kind', 'regex', '--dataset', 'live'];
  await cli(...grader, '--configuration', '{"pattern": "sorry"}');
  expect((await cli('run', String(row?.name), 'Where is my order?')).status).toBe(0);
  const [run] = await all(db.pool, 'select id from howdah.executions where agent_id = $1', [desk]);
  const grade = ['eval', 'grade-runs', 'live', '--agent', String(row?.name), '--since', '1h'];
  const junit = join(folder, 'live.xml');
  const gate = await cli(...grade, '--fail-under', '0.5', '--junit', junit);
  expect(gate.status).toBe(5);
  expect(gate.stdout).toContain(`failed: run ${run?.id}: sorry: `);
  expect(await readFile(junit, 'utf8')).toContain(`run ${run?.id}`);
  const [{ id }] = (await json('eval', 'list')).items.slice(-1);
  // the graded runs of the version of a label are the baseline
  expect(await cli('eval', 'wait', id, '--no-worse-than', '1')).toMatchObject({ status: 0 });
  const unknown = await cli(...grade, '--no-worse-than', 'production');
  expect(unknown).toMatchObject({ status: 3, stdout: '' });
  const again = await cli('--json', ...grade);
  expect(again.status).toBe(2);
  expect(JSON.parse(again.stderr).error).toMatchObject({
    ...{ code: 'HWINV', message: 'there are no runs of version 1 to grade' },
  });
});
