import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { ToolSchema } from '../../../src/contracts/agents/model.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { estimateRequestTokens } from '../../../src/runtime/messages/context-window.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  type AgentSpec,
  callTools,
  insertRun,
  kindsOf,
  makeAgent,
  messagesOf,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const TURNS = 60;
const CONTEXT_TOKENS = 4_000;
const PAGE = 'All the words of a page that nobody reads to its end. '.repeat(30);

const database = testDatabase();
let worker: Worker;
const servers: FakeServer[] = [];
let ticks = 0;

const tools: CustomTool[] = [
  {
    name: 'read_page',
    description: 'Reads a page.',
    parameters: { type: 'object', properties: { page: { type: 'integer' } } },
    run: ({ page }) => `page ${page}: ${PAGE}`,
  },
  { name: 'look', description: 'Looks.', parameters: { type: 'object' }, run: () => 'nothing new' },
  {
    name: 'poll',
    description: 'Looks how far it is.',
    parameters: { type: 'object' },
    run: () => `${++ticks} of 12 are done`,
  },
];

beforeAll(async () => {
  worker = await startTestWorker(database.url, { tools });
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  await worker.stop(1_000);
});

async function startModel(handler: FakeHandler): Promise<FakeServer> {
  const server = await startOpenAiServer(handler);
  servers.push(server);
  return server;
}

type Wire = { role: string; content: string | null; tool_calls?: JsonObject[] };
const wireOf = (body: JsonObject) => body.messages as unknown as Wire[];
const isSummaryRequest = (body: JsonObject) =>
  wireOf(body)[0]?.content?.startsWith('You summarize') ?? false;

/** Returns our estimate of the tokens of a request. */
function sizeOf(body: JsonObject): number {
  const messages = wireOf(body).map(({ role, content, tool_calls }) => ({
    role,
    content,
    ...(tool_calls
      ? {
          tool_calls: tool_calls.map(({ id, function: fn }) => ({ id, ...(fn as JsonObject) })),
        }
      : {}),
  })) as unknown as Message[];
  const schemas = ((body.tools ?? []) as JsonObject[]).map(
    ({ function: fn }) => fn as unknown as ToolSchema,
  );
  return estimateRequestTokens(messages, schemas);
}

/**
 * Returns a model that reads the pages one after the other and then answers. It counts the pages
 * itself, because requests may be trimmed.
 */
function createReader(pages: number, summary?: () => FakeAnswer): FakeHandler {
  let read = 0;
  return ({ body }) => {
    if (isSummaryRequest(body)) return summary?.() ?? { content: 'unexpected' };
    read += 1;
    return read > pages
      ? { content: `read ${pages} pages` }
      : { tool_calls: [{ id: `call_${read}`, name: 'read_page', arguments: { page: read } }] };
  };
}

function agentOn(server: FakeServer, spec: AgentSpec): Promise<string> {
  const model = { provider: 'openai', base_url: server.url, context_tokens: CONTEXT_TOKENS };
  return makeAgent(database.pool, {
    models: [model],
    tools: ['read_page'],
    max_steps: 200,
    ...spec,
  });
}

const isValid = (messages: Wire[]) =>
  messages.every(
    ({ role }, index) =>
      role !== 'tool' || ['assistant', 'tool'].includes(messages[index - 1]?.role ?? ''),
  );

describe(`a run of ${TURNS} turns on a model of ${CONTEXT_TOKENS} tokens`, () => {
  test('trim: every request fits, none separates a call from its result, and the log keeps everything', async () => {
    const server = await startModel(createReader(TURNS));
    const agent = await agentOn(server, { context_policy: 'trim', instruction: 'Read.' });
    const run = await runToEnd(database.pool, agent, 'Read all the pages.');
    expect(run).toMatchObject({ status: 'completed', output: `read ${TURNS} pages` });
    expect(server.requests).toHaveLength(TURNS + 1);
    for (const { body } of server.requests) {
      expect(sizeOf(body)).toBeLessThanOrEqual(CONTEXT_TOKENS);
      expect(isValid(wireOf(body))).toBe(true);
      expect(JSON.stringify(body)).toContain('Read all the pages.');
    }
    const results = await resultsOf(database.pool, run.id);
    expect(results).toEqual(Array.from({ length: TURNS }, (_, i) => `page ${i + 1}: ${PAGE}`));
    expect(run.message_count).toBe(2 + 2 * TURNS);
  });

  test('summarize: summaries state their range, are trusted, and the originals stay', async () => {
    let made = 0;
    const server = await startModel(
      createReader(TURNS, () => ({ content: `Summary ${++made}: pages were read.` })),
    );
    const agent = await agentOn(server, { context_policy: 'summarize' });
    const run = await runToEnd(database.pool, agent, 'Read all the pages.');
    expect(run).toMatchObject({ status: 'completed', output: `read ${TURNS} pages` });
    for (const { body } of server.requests) {
      expect(sizeOf(body)).toBeLessThanOrEqual(CONTEXT_TOKENS);
      expect(isValid(wireOf(body))).toBe(true);
    }
    const { rows } = await database.pool.query(
      `select seq, role, trust, content, covers_from_seq, covers_to_seq from howdah.messages
       where execution_id = $1 and covers_to_seq is not null order by seq`,
      [run.id],
    );
    expect(rows.length).toBe(made);
    expect(made).toBeGreaterThan(3);
    for (const row of rows) {
      expect(row).toMatchObject({ role: 'user', trust: 'internal' });
      expect(row.covers_to_seq).toBeLessThan(row.seq);
      expect(row.covers_from_seq).toBeLessThanOrEqual(row.covers_to_seq);
    }
    expect(await resultsOf(database.pool, run.id)).toHaveLength(TURNS);
    expect(JSON.stringify(server.requests.at(-1)?.body)).toContain(`Summary ${made}`);
    expect(run.model_count).toBe(server.requests.length);
  });

  test('summarize without an available summary: a guard records it, and the oldest messages are dropped', async () => {
    const server = await startModel(
      createReader(20, () => ({ status: 500, error: { message: 'no summary today' } })),
    );
    const agent = await agentOn(server, { context_policy: 'summarize' });
    const run = await runToEnd(database.pool, agent, 'Read all the pages.');
    expect(run.status).toBe('completed');
    const guards = (await stepsOf(database.pool, run.id)).filter(({ kind }) => kind === 'guard');
    expect(guards.length).toBeGreaterThan(0);
    expect(guards[0]).toMatchObject({ name: 'context', error: { code: 'overloaded' } });
    for (const { body } of server.requests) {
      expect(sizeOf(body)).toBeLessThanOrEqual(CONTEXT_TOKENS);
    }
  });

  test('summarize with a refused summary: it covers nothing, and its tokens count', async () => {
    const usage = { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105 };
    const refused = { content: 'I must stop here.', finish_reason: 'content_filter', usage };
    const server = await startModel(createReader(20, () => refused));
    const agent = await agentOn(server, { context_policy: 'summarize' });
    const run = await runToEnd(database.pool, agent, 'Read all the pages.');
    expect(run.status).toBe('completed');
    const guards = (await stepsOf(database.pool, run.id)).filter(({ kind }) => kind === 'guard');
    const guard = { name: 'context', error: { code: 'refused' }, tokens_in: 100, tokens_out: 5 };
    expect(guards[0]).toMatchObject(guard);
    expect(JSON.stringify(server.requests)).not.toContain(refused.content);
  });

  test('summarize with a summary that was cut off: it says so', async () => {
    const cut = { content: 'The pages were', finish_reason: 'length' };
    const server = await startModel(createReader(20, () => cut));
    const agent = await agentOn(server, { context_policy: 'summarize' });
    expect((await runToEnd(database.pool, agent, 'Read all.')).status).toBe('completed');
    const sent = JSON.stringify(server.requests.at(-1)?.body);
    expect(sent).toContain('The pages were\\n(The summary was cut off here.)');
  });

  test('none: a conversation that is too long falls back to the next model, or the run fails', async () => {
    const tooLong = { status: 400, error: { message: 'maximum context length is 4000 tokens' } };
    const createLimitedReader = (pages: number): FakeHandler => {
      const read = createReader(pages);
      return (request) => (sizeOf(request.body) > CONTEXT_TOKENS ? tooLong : read(request));
    };
    const small = await startModel(createLimitedReader(20));
    const large = await startModel(() => ({ content: 'read by the large one' }));
    const models = [small, large].map(({ url }) => ({ provider: 'openai', base_url: url }));
    const spec: AgentSpec = { context_policy: 'none', tools: ['read_page'] };
    const run = await runToEnd(database.pool, await makeAgent(database.pool, { ...spec, models }));
    expect(run.output).toBe('read by the large one');
    expect((await kindsOf(database.pool, run.id)).endsWith('tool retry model output')).toBe(true);
    const alone = await startModel(createLimitedReader(20));
    const only = [{ provider: 'openai', base_url: alone.url }];
    const agent = await makeAgent(database.pool, { ...spec, models: only });
    expect(await runToEnd(database.pool, agent)).toMatchObject({
      status: 'failed',
      stop_reason: 'error',
      error: { code: 'context_too_long' },
    });
  });
});

describe('a model with an unknown window', () => {
  const tooLong = { status: 400, error: { code: 'context_length_exceeded', message: 'too long' } };

  test('trim: a rejected size is not sent again, so that a long run continues', async () => {
    const read = createReader(TURNS);
    const server = await startModel((request) =>
      sizeOf(request.body) > CONTEXT_TOKENS ? tooLong : read(request),
    );
    const models = [{ provider: 'openai', base_url: server.url }];
    const agent = await makeAgent(database.pool, { models, tools: ['read_page'], max_steps: 200 });
    const run = await runToEnd(database.pool, agent);
    expect(run).toMatchObject({ status: 'completed', output: `read ${TURNS} pages` });
    const refused = server.requests.filter(({ body }) => sizeOf(body) > CONTEXT_TOKENS);
    expect(refused.length).toBeLessThanOrEqual(2);
  });

  test('an irreducible request is not sent twice: the next model is called, or the run fails', async () => {
    const small = await startModel(() => tooLong);
    const large = await startModel(() => ({ content: 'fits' }));
    const models = [small, large].map(({ url }) => ({ provider: 'openai', base_url: url }));
    expect((await runToEnd(database.pool, await makeAgent(database.pool, { models }))).output).toBe(
      'fits',
    );
    expect(small.requests).toHaveLength(1);
    const agent = await makeAgent(database.pool, { models: models.slice(0, 1) });
    expect(await runToEnd(database.pool, agent)).toMatchObject({
      status: 'failed',
      error: { code: 'context_too_long' },
    });
    expect(small.requests).toHaveLength(2);
  });
});

test('a model with a long Retry-After falls back to the next one', async () => {
  const busy = await startModel(() => ({
    status: 429,
    headers: { 'retry-after': '60' },
    error: { message: 'busy' },
  }));
  const free = await startModel(() => ({ content: 'at once' }));
  const models = [busy, free].map(({ url }) => ({ provider: 'openai', base_url: url }));
  const run = await runToEnd(database.pool, await makeAgent(database.pool, { models }));
  expect(run).toMatchObject({ status: 'completed', output: 'at once' });
  expect(busy.requests).toHaveLength(1);
});

test('a session of many turns is summarized, and later turns see the summary, not the originals', async () => {
  const { pool } = database;
  let made = 0;
  const server = await startModel(({ body }) =>
    isSummaryRequest(body) ? { content: `Summary ${++made}.` } : { content: `Said: ${PAGE}` },
  );
  const agent = await agentOn(server, { context_policy: 'summarize', tools: [] });
  const { rows } = await pool.query('insert into howdah.sessions default values returning id');
  const session_id: string = rows[0].id;
  const runs: string[] = [];
  for (let turn = 1; turn <= 20; turn += 1) {
    const id = await insertRun(pool, agent, `turn ${turn}: ${PAGE}`, { session_id });
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    runs.push(id);
  }
  for (const { body } of server.requests) {
    expect(sizeOf(body)).toBeLessThanOrEqual(CONTEXT_TOKENS);
  }
  expect(made).toBeGreaterThan(2);
  const last = JSON.stringify(server.requests.at(-1)?.body);
  expect(last).toContain('turn 20:');
  expect(last).not.toContain('turn 1:');
  expect(last).toMatch(/Summary \d+\./);
  for (const [index, id] of runs.entries()) {
    expect((await messagesOf(pool, id))[0]?.content).toContain(`turn ${index + 1}:`);
  }
});

describe('the loop guard', () => {
  test('warns once, and stops the run at the sixth repetition', async () => {
    const server = await startModel(() => ({ tool_calls: [{ name: 'look', arguments: {} }] }));
    const agent = await agentOn(server, { tools: ['look'] });
    const run = await runToEnd(database.pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'loop_guard' });
    expect(await resultsOf(database.pool, run.id)).toHaveLength(6);
    const guards = (await stepsOf(database.pool, run.id)).filter(({ kind }) => kind === 'guard');
    expect(guards.map(({ name, error }) => [name, error === null])).toEqual([
      ['loop_guard', true],
      ['loop_guard', false],
    ]);
    const userMessages = (await messagesOf(database.pool, run.id)).filter(
      ({ role }) => role === 'user',
    );
    expect(userMessages.map(({ content }) => content?.slice(0, 23))).toEqual([
      'hello',
      'You are repeating yours',
    ]);
    expect(JSON.stringify(server.requests.at(-1)?.body)).toContain('You are repeating yourself');
  });

  test('makes at most five equal calls of one answer', async () => {
    const page = { name: 'read_page', arguments: { page: 1 } };
    const script = [callTools(...Array.from({ length: 8 }, () => page)), { content: 'enough' }];
    const run = await runToEnd(
      database.pool,
      await makeAgent(database.pool, { script, tools: ['read_page'] }),
    );
    expect(run).toMatchObject({ status: 'completed', output: 'enough' });
    const steps = (await stepsOf(database.pool, run.id)).filter(({ kind }) => kind === 'tool');
    expect(steps.map(({ error }) => error?.code ?? 'made').toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => 'made'),
      ...Array.from({ length: 3 }, () => 'rejected'),
    ]);
  });

  test('lets polling continue while its results change', async () => {
    const server = await startModel(({ index }) =>
      index < 12 ? { tool_calls: [{ name: 'poll', arguments: {} }] } : { content: 'all done' },
    );
    const agent = await agentOn(server, { tools: ['poll'] });
    const run = await runToEnd(database.pool, agent);
    expect(run).toMatchObject({ status: 'completed', output: 'all done' });
    expect(await kindsOf(database.pool, run.id)).not.toContain('guard');
  });
});
