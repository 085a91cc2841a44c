import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import { stepLine } from '../../../src/cli/print/step-line.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { all, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { type Execution, insertRun, kindsOf, makeAgent, stepsOf, waitForEnd } from '../arrange.ts';
import { expectEqualReplay } from '../replay/replay-runs.ts';
import { makeTeam, startTeam } from '../teams.ts';

// Answers of models that are used again for equal requests.

const db = testDatabase();
const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 };
let worker: Worker;
let server: FakeServer;
let agent: string;
/** What the model answers next; a text with the number of the request when it is empty. */
let answers: FakeAnswer[];

beforeAll(async () => {
  worker = await startTestWorker(db.url);
  server = await startOpenAiServer(
    ({ index }) => answers.shift() ?? { content: `answer ${index}`, usage },
  );
});
afterAll(async () => {
  await worker.stop(1_000);
  await server.close();
});
beforeEach(async () => {
  answers = [];
  agent = await makeCachingAgent();
});

async function makeCachingAgent(more: { instruction?: string; output_schema?: object } = {}) {
  const id = await makeAgent(db.pool, {
    models: [{ provider: 'openai', base_url: server.url, input_price: 2, output_price: 10 }],
    tools: ['calculator'],
    instruction: more.instruction ?? `cache ${server.requests.length}`,
    ...(more.output_schema ? { output_schema: more.output_schema as never } : {}),
  });
  await db.pool.query('update howdah.agents set cache_answers_for = 3600 where id = $1', [id]);
  return id;
}

/** Runs the agent, and waits until its answers are in the cache. */
async function cached(input: string, by = agent): Promise<Execution> {
  const run = await waitForEnd(db.pool, await insertRun(db.pool, by, input));
  await eventually(
    db.pool,
    'its answer is cached',
    'select from howdah_private.cached_answers where execution_id = $1',
    [run.id],
  );
  return run;
}

const ask = async (input: string, by = agent) =>
  waitForEnd(db.pool, await insertRun(db.pool, by, input));
const answerOf = async (id: string) =>
  (await stepsOf(db.pool, id)).find(({ kind }) => kind === 'model');
const hitsOf = (id: string) =>
  one(db.pool, 'select * from howdah.answer_cache where agent_id = $1', [id]);

test('an equal request gets the answer of the earlier run, without tokens and cost', async () => {
  const first = await cached('same');
  const second = await ask('same');
  expect([second.status, second.output]).toEqual(['completed', first.output]);
  expect([Number(second.cost), second.tokens_in, second.tokens_out]).toEqual([0, '0', '0']);
  expect(await kindsOf(db.pool, second.id)).toBe('model output');
  expect((await answerOf(second.id))?.output).toMatchObject({
    finish_reason: 'stop',
    cached_from: { execution_id: first.id, seq: 1 },
  });
  const step = { ...(await answerOf(second.id)), said: 'Yes.', calls: null };
  expect(stepLine({ color: false } as never, step as never)).toMatch(
    /Yes\. \(from the answer cache\)$/,
  );
  expect(await hitsOf(agent)).toMatchObject({
    answers: '1',
    calls: '1',
    hits: '1',
    hit_rate: '0.5000',
    saved_tokens: '1100',
    saved_cost: first.cost,
  });
  expect(Number(first.cost)).toBeGreaterThan(0);
  expect(
    await one(
      db.pool,
      `select u.answers, u.cached_answers, u.success_rate from howdah.model_usage as u
       join howdah.agent_models as a on a.model_id = u.model_id where a.agent_id = $1`,
      [agent],
    ),
  ).toEqual({ answers: '1', cached_answers: '1', success_rate: '1.0000' });
});

test('a whole conversation with calls of tools is used again, and its replay is equal', async () => {
  const call = { name: 'calculator', arguments: { expression: '6 * 7' } };
  answers = [{ content: null, tool_calls: [call], usage }];
  const first = await cached('compute');
  const requests = server.requests.length;
  const second = await ask('compute');
  expect(server.requests).toHaveLength(requests);
  expect(second.output).toBe(first.output);
  expect(await kindsOf(db.pool, second.id)).toBe(await kindsOf(db.pool, first.id));
  await expectEqualReplay(db.pool, second.id);
});

test('another input, another instruction, another model setting ask the model', async () => {
  const first = await cached('this');
  expect((await ask('that')).output).not.toBe(first.output);
  const other = await makeCachingAgent({ instruction: 'something else' });
  expect((await ask('this', other)).output).not.toBe(first.output);
  await db.pool.query(
    `update howdah.agent_models set request_params = '{"temperature": 0.5}' where agent_id = $1`,
    [agent],
  );
  expect((await ask('this')).output).not.toBe(first.output);
});

test('another agent gets neither the answer nor the filtered text of it', async () => {
  const twin = await makeCachingAgent();
  await db.pool.query('update howdah.agents set instruction = $1', ['the same']);
  const first = await cached('same');
  expect((await ask('same', twin)).output).not.toBe(first.output);
  await db.pool.query(
    `insert into howdah.output_filters (name, agent_id, pattern, places, action)
     values ('digits', $1, '[0-9]+', '{output}', 'redact')`,
    [agent],
  );
  expect((await ask('filtered')).output).not.toMatch(/[0-9]/);
  await db.pool.query('delete from howdah.output_filters');
  expect((await ask('filtered')).output).toMatch(/[0-9]/);
});

test('agents without cache_answers_for neither read nor write', async () => {
  const first = await cached('same');
  await db.pool.query('update howdah.agents set cache_answers_for = null where id = $1', [agent]);
  expect((await ask('same')).output).not.toBe(first.output);
  expect(await hitsOf(agent)).toMatchObject({ answers: '1', hits: '0' });
});

test('an answer that is too old is asked for again, and the new one takes its place', async () => {
  const first = await cached('same');
  await db.pool.query(
    `update howdah_private.cached_answers set cached_at = cached_at - interval '2 hours'
     where execution_id = $1`,
    [first.id],
  );
  const second = await cached('same');
  expect(second.output).not.toBe(first.output);
  expect((await ask('same')).output).toBe(second.output);
  expect(await hitsOf(agent)).toMatchObject({ answers: '1', calls: '2', hits: '1' });
});

test('a run that is retried, and a fork, ask the model', async () => {
  await cached('same');
  const script = [{ content: 'no JSON', usage }];
  answers = [...script, ...script];
  const strict = await makeCachingAgent({ output_schema: { type: 'object' } });
  const failed = await ask('strict', strict);
  expect(failed.status).toBe('failed');
  answers = [{ content: '{"a": 1}', usage }];
  await db.pool.query('select howdah.retry_execution($1)', [failed.id]);
  expect(await waitForEnd(db.pool, failed.id)).toMatchObject({ status: 'completed' });
  const fork = await one(
    db.pool,
    'select id from howdah.fork_execution((select id from howdah.executions where agent_id = $1), 0)',
    [agent],
  );
  const again = await waitForEnd(db.pool, fork.id);
  expect((await answerOf(again.id))?.output).not.toHaveProperty('cached_from');
  const { execution_id } = await one(
    db.pool,
    'select execution_id from howdah_private.cached_answers where agent_id = $1',
    [agent],
  );
  expect(execution_id).not.toBe(again.id);
});

test('the runs of a workflow that is retried ask the model', async () => {
  const strict = await makeCachingAgent({ output_schema: { type: 'object' } });
  const team = await makeTeam(db.pool, {
    type: 'chain',
    members: [{ agent }, { agent: strict }],
  });
  const run = async () => waitForEnd(db.pool, await startTeam(db.pool, team, 'same'));
  const faulty = { content: 'no JSON', usage };
  answers = [{ content: 'one', usage }, faulty, faulty];
  const failed = await run();
  expect(failed.status).toBe('failed');
  answers = [{ content: '{"a": 1}', usage }];
  expect((await run()).output).toBe('{"a": 1}');
  await eventually(
    db.pool,
    'the answers of both members are cached',
    `select from howdah_private.cached_answers as c join howdah.executions as e on e.id = c.execution_id
     where c.agent_id in ($1, $2) and e.status = 'completed' having count(*) = 2`,
    [agent, strict],
  );
  const { length } = server.requests;
  expect((await run()).output).toBe('{"a": 1}');
  expect(server.requests.length).toBe(length);
  answers = [{ content: '{"a": 2}', usage }];
  await db.pool.query('select howdah.retry_execution($1)', [failed.id]);
  expect((await waitForEnd(db.pool, failed.id)).output).toBe('{"a": 2}');
});

test('answers of failed runs and cut answers are not used', async () => {
  answers = [
    { content: 'no JSON', usage },
    { content: 'again no JSON', usage },
  ];
  const strict = await makeCachingAgent({ output_schema: { type: 'object' } });
  expect((await ask('strict', strict)).status).toBe('failed');
  answers = [{ content: '{"a": 1}', usage }];
  expect(await ask('strict', strict)).toMatchObject({ status: 'completed', output_data: { a: 1 } });
  answers = [{ content: 'half', finish_reason: 'length', usage }];
  expect((await ask('long')).finish_reason).toBe('length');
  expect((await ask('long')).output).not.toBe('half');
});

test('contents that were erased or encrypted are not used', async () => {
  const first = await cached('same');
  await db.pool.query('update howdah.executions set contents_encrypted_at = now() where id = $1', [
    first.id,
  ]);
  const second = await cached('same');
  expect(second.output).not.toBe(first.output);
  await db.pool.query('select howdah_private.erase_runs(array[$1::uuid])', [second.id]);
  expect(
    await all(db.pool, 'select from howdah_private.cached_answers where execution_id = $1', [
      second.id,
    ]),
  ).toEqual([]);
  expect((await ask('same')).output).not.toBe(second.output);
});

test('repeats of an evaluation get no answer of each other', async () => {
  await db.pool.query(
    `with s as (insert into howdah.datasets (name) values ('cache') returning id),
       g as (insert into howdah.graders (dataset_id, name, kind) select id, 'g', 'exact' from s)
     insert into howdah.dataset_items (dataset_id, input, expected)
     select id, 'an item', '"x"' from s`,
  );
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
  const evaluate = async () => {
    const { id } = await one(db.pool, `select id from howdah.evaluate('cache', $1, repeat => 2)`, [
      name,
    ]);
    const runs = await all(
      db.pool,
      'select execution_id from howdah.evaluation_results where evaluation_id = $1 order by repeat',
      [id],
    );
    const outputs = await Promise.all(
      runs.map(async ({ execution_id }) => (await waitForEnd(db.pool, execution_id)).output),
    );
    return { id, outputs };
  };
  const first = await evaluate();
  expect(first.outputs[0]).not.toBe(first.outputs[1]);
  await eventually(
    db.pool,
    'both answers are cached',
    'select from howdah_private.cached_answers where agent_id = $1 having count(*) = 2',
    [agent],
  );
  const second = await evaluate();
  expect(second.outputs).toEqual(first.outputs);
  // what a cache answered says nothing about the cost and latency of the agent
  await eventually(
    db.pool,
    'both evaluations are graded',
    `select from howdah.evaluations where id in ($1, $2) having bool_and(status = 'completed')`,
    [first.id, second.id],
  );
  const { compared } = await one(db.pool, 'select howdah.compare_evaluations($1, $2) as compared', [
    first.id,
    second.id,
  ]);
  expect([compared.a.totals, compared.b.totals]).toMatchObject([
    { cached_runs: 0, tokens: 2_200 },
    { cached_runs: 2, tokens: 0, cost: 0 },
  ]);
  const none = { b: null, difference: null, low: null, high: null, verdict: null };
  expect(compared).toMatchObject({ items: 1, cost: none, latency_ms: none });
  expect(
    await all(
      db.pool,
      'select cached_answers from howdah.evaluation_results where evaluation_id = $1',
      [second.id],
    ),
  ).toEqual([{ cached_answers: 1 }, { cached_answers: 1 }]);
  const [best] = await all(db.pool, `select cost, latency_ms from howdah.leaderboard('cache')`);
  expect(best).toEqual({ cost: null, latency_ms: null });
});

test('another tenant never gets the answer', async () => {
  const first = await cached('same');
  const { digest } = await one(
    db.pool,
    'select digest from howdah_private.cached_answers where execution_id = $1',
    [first.id],
  );
  const other = await one(
    db.pool,
    `with t as (insert into howdah.tenants (slug, name) values ('other', 'other') returning id)
     insert into howdah.agents (tenant_id, name) select id, 'theirs' from t returning id, tenant_id`,
  );
  const theirs = await one(
    db.pool,
    `insert into howdah.executions (tenant_id, agent_id, input, run_at)
     values ($1, $2, 'same', now() + interval '1 hour') returning id`,
    [other.tenant_id, other.id],
  );
  const find = (id: string) =>
    all(db.pool, 'select * from howdah_private.use_cached_answer($1, $2, 3600)', [id, digest]);
  expect(await find(theirs.id)).toEqual([]);
  const mine = await insertRun(db.pool, agent, 'later', {
    run_at: new Date(Date.now() + 3_600_000),
  });
  expect(await find(mine)).toMatchObject([{ answered_by: first.id, content: first.output }]);
});

test('answers of more than 30 days are deleted', async () => {
  const first = await cached('same');
  await db.pool.query(
    `update howdah_private.cached_answers set cached_at = cached_at - interval '31 days'
     where execution_id = $1`,
    [first.id],
  );
  await db.pool.query('select howdah_private.delete_old_cached_answers()');
  expect(
    await all(db.pool, 'select from howdah.answer_cache where agent_id = $1', [agent]),
  ).toEqual([]);
});
