import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { kindsOf, makeAgent, messagesOf, runToEnd, stepsOf } from '../arrange.ts';

// Answers that end at the token limit, and refusals. A tool writes a row, so that every effect of
// an answer is seen.

const database = testDatabase();
const servers: FakeServer[] = [];
let worker: Worker;

beforeAll(async () => {
  await database.pool.query(`
    create schema shop;
    create table shop.log (what text);
    create function shop.purge(scope text default 'everything') returns text language sql volatile as
      $$ insert into shop.log values ('purge ' || scope); select 'purged ' || scope $$;
    grant usage on schema shop to howdah_app;
    grant all on shop.log to howdah_app;
    select howdah.register_sql_tool('shop.purge(text)')`);
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
  await Promise.all(servers.map((server) => server.close()));
});

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const purge = (text: string, finish_reason: string): FakeAnswer => ({
  tool_calls: [{ id: 'c1', name: 'purge', arguments: text }],
  finish_reason,
  usage,
});
const cut = (content: string): FakeAnswer => ({ content, finish_reason: 'length', usage });

/** Runs an agent whose model gives these answers. Returns the run and the requests. */
async function answerWith(
  answers: FakeAnswer[],
  {
    request_params = {},
    ...agent
  }: { request_params?: JsonObject; output_schema?: JsonObject } = {},
) {
  const server = await startOpenAiServer(answers);
  servers.push(server);
  const model = { provider: 'openai', base_url: server.url, request_params };
  const id = await makeAgent(database.pool, {
    models: [model],
    tools: ['purge'],
    ...agent,
  });
  const run = await runToEnd(database.pool, id);
  const { rows } = await database.pool.query('delete from shop.log returning what');
  const effects = rows.map(({ what }) => what);
  return { run, effects, bodies: server.requests.map(({ body }) => body) };
}

describe('a call at the token limit', () => {
  test.each([
    ['empty', ''],
    ['broken', '{"scope":"ev'],
    ['complete', '{"scope":"all"}'],
  ])('is not made if its arguments are %s, and the model is asked once more', async (_, text) => {
    const { run, effects, bodies } = await answerWith([
      purge(text, 'length'),
      { content: 'Done.' },
    ]);
    expect(run).toMatchObject({ status: 'completed', output: 'Done.' });
    expect(effects).toEqual([]);
    expect(await kindsOf(database.pool, run.id)).toBe('model guard model output');
    const said = (await messagesOf(database.pool, run.id)).find(({ role }) => role === 'user');
    expect(said).toBeDefined();
    expect(JSON.stringify(bodies[1]?.messages)).toContain('cut off by its token limit');
    expect(JSON.stringify(bodies[1]?.messages)).toContain('purge');
  });

  test('ends the run the second time, by an error that names the limit', async () => {
    const answers = [purge('', 'length'), purge('', 'length')];
    const { run, effects, bodies } = await answerWith(answers, {
      request_params: { max_tokens: 100 },
    });
    expect(run).toMatchObject({
      status: 'failed',
      error: { code: 'output_truncated', message: expect.stringContaining('max_tokens') },
      tokens_in: '20',
      tokens_out: '10',
    });
    expect(effects).toEqual([]);
    expect(bodies.map(({ max_tokens }) => max_tokens)).toEqual([100, 200]);
  });

  test('is made if the model ends its answer', async () => {
    const answers = [purge('{"scope":"all"}', 'tool_calls'), { content: 'Done.' }];
    expect((await answerWith(answers)).effects).toEqual(['purge all']);
  });
});

describe('an answer that is cut off', () => {
  const output_schema = { type: 'object', required: ['city'] };

  test('is the output if it is a text, and the run says that it was cut off', async () => {
    const { run } = await answerWith([cut('Step 1: open the')]);
    expect(run).toMatchObject({
      status: 'completed',
      output: 'Step 1: open the',
      finish_reason: 'length',
    });
  });

  test('in JSON is not asked for again under the same limit', async () => {
    const { run, bodies } = await answerWith([cut('{"city":"Ber')], { output_schema });
    expect(run).toMatchObject({ status: 'failed', error: { code: 'output_truncated' } });
    expect(bodies).toHaveLength(1);
  });

  test('in JSON is asked for again under a higher limit', async () => {
    const answers = [cut('{"city":"Ber'), { content: '{"city":"Bern"}' }];
    const { run, bodies } = await answerWith(answers, {
      output_schema,
      request_params: { max_completion_tokens: 50 },
    });
    expect(run).toMatchObject({ status: 'completed', output_data: { city: 'Bern' } });
    expect(bodies.map((body) => body.max_completion_tokens)).toEqual([50, 100]);
  });

  test('before its first word is asked for again', async () => {
    const answers = [cut('<think>\nhm'), { content: 'Bern.' }];
    const { run } = await answerWith(answers, { request_params: { max_tokens: 50 } });
    expect(run.error).toBeNull();
    expect(run).toMatchObject({ status: 'completed', output: 'Bern.' });
  });

  test('under a limit that the server does not raise fails by the limit', async () => {
    const refused = { status: 400, error: { message: 'max_tokens is too large' } };
    const { run } = await answerWith([cut('{"city":"Ber'), refused], {
      output_schema,
      request_params: { max_tokens: 50 },
    });
    expect(run).toMatchObject({ status: 'failed', error: { code: 'output_truncated' } });
  });
});

describe('an answer that is refused', () => {
  test('by the model fails with its words, and is not asked to be repaired', async () => {
    const chunks = [
      { choices: [{ index: 0, delta: { refusal: 'I cannot help with that.' } }] },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage },
    ];
    const { run, bodies } = await answerWith([{ chunks }], { output_schema: { type: 'object' } });
    expect(run).toMatchObject({
      status: 'failed',
      error: { code: 'refused', message: 'the model refused to answer: I cannot help with that.' },
      tokens_in: '10',
      tokens_out: '5',
    });
    expect(bodies).toHaveLength(1);
  });

  test('by the filter of the vendor keeps its usage', async () => {
    const filtered = { content: 'Half an', finish_reason: 'content_filter', usage };
    const { run } = await answerWith([filtered]);
    expect(run).toMatchObject({
      status: 'failed',
      error: { code: 'content_filtered' },
      tokens_in: '10',
      tokens_out: '5',
    });
    const steps = await stepsOf(database.pool, run.id);
    expect(steps.find(({ kind }) => kind === 'retry')).toMatchObject({
      tokens_in: 10,
      tokens_out: 5,
    });
  });
});
