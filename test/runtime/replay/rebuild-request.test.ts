import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ExportedRun } from '../../../src/contracts/runs/exported-run.ts';
import { isJsonObject, type JsonObject } from '../../../src/json/json.ts';
import { rebuildRequest, type StepRequest } from '../../../src/runtime/replay/rebuild-request.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeAgent, runToEnd, shortenBackOff, waitForEnd } from '../arrange.ts';
import { loadExport, tool } from './replay-runs.ts';

// The request of a step is not stored. It is rebuilt, and compared with what a server received.

const database = testDatabase();
const servers: FakeServer[] = [];
let worker: Worker;

beforeAll(async () => {
  await shortenBackOff(database.pool);
  worker = await startTestWorker(database.url, {
    tools: [tool('lookup', ({ id }) => ({ found: id ?? null, text: 'Do <b>this</b>.' }))],
  });
});
afterAll(async () => {
  await worker?.stop(0);
  await Promise.all(servers.map((server) => server.close()));
});

type Handler = Parameters<typeof startOpenAiServer>[0];

async function serverOf(handler: Handler): Promise<FakeServer> {
  const server = await startOpenAiServer(handler);
  servers.push(server);
  return server;
}

type Wire = { role: string; content?: unknown; tool_calls?: JsonObject[]; tool_call_id?: string };

/** Returns a message of OpenAI's format in the form of ours. */
function fromWire({ role, content, tool_calls, tool_call_id }: Wire) {
  const text = Array.isArray(content)
    ? content.map((part) => (isJsonObject(part) ? part.text : '')).join('')
    : (content ?? null);
  return {
    ...{ role, content: text === '' ? null : text },
    ...(tool_calls && {
      tool_calls: tool_calls.map(({ id, function: called }) => ({
        ...{ id, ...(called as JsonObject) },
      })),
    }),
    ...(tool_call_id && { tool_call_id }),
  };
}

const namesOf = (tools: unknown) =>
  ((tools ?? []) as { function: { name: string } }[]).map((one) => one.function.name);

/** Rebuilds the requests of all steps that sent one, in the order in which they were sent. */
function requestsOf(run: ExportedRun): StepRequest[] {
  return run.steps.flatMap(({ seq, kind, call_id }) =>
    (kind === 'model' || kind === 'retry') && call_id === null ? [rebuildRequest(run, seq)] : [],
  );
}

/** Asserts that the rebuilt requests are those that the server received. */
function expectReceived(run: ExportedRun, { requests }: FakeServer): void {
  const rebuilt = requestsOf(run);
  expect(
    rebuilt.map(({ messages, tools, model }) => ({
      model: model.model,
      messages: messages.map((one) => ({ ...one, content: one.content || null })),
      tools: tools.map(({ name }) => name),
      temperature: model.request_params.temperature,
      max_tokens: model.request_params.max_tokens,
    })),
  ).toEqual(
    requests.map(({ body }) => ({
      model: body.model,
      messages: (body.messages as Wire[]).map(fromWire),
      tools: namesOf(body.tools),
      temperature: body.temperature,
      max_tokens: body.max_tokens,
    })),
  );
}

describe('the rebuilt request of a step', () => {
  test('is what the server received, with calls, results and failed attempts', async () => {
    const server = await serverOf(({ index }) => {
      if (index === 1) return { status: 503, error: { message: 'busy' } };
      return index === 0
        ? { tool_calls: [{ name: 'lookup', arguments: { id: 7 } }] }
        : { content: 'done' };
    });
    const agent = await makeAgent(database.pool, {
      models: [{ provider: 'openai', base_url: server.url, request_params: { temperature: 0.25 } }],
      tools: ['lookup'],
    });
    const { id } = await runToEnd(database.pool, agent, 'Look <i>it</i> up.');
    const run = await loadExport(database.pool, id);
    expect(server.requests).toHaveLength(3);
    expectReceived(run, server);
  });

  test('has the raised limit of a model that is asked once more', async () => {
    const server = await serverOf(({ index }) =>
      index === 0 ? { content: '', finish_reason: 'length' } : { content: 'done' },
    );
    const agent = await makeAgent(database.pool, {
      models: [{ provider: 'openai', base_url: server.url, request_params: { max_tokens: 50 } }],
    });
    const { id } = await runToEnd(database.pool, agent, 'Hi');
    const run = await loadExport(database.pool, id);
    expectReceived(run, server);
    expect(requestsOf(run).map(({ model }) => model.request_params.max_tokens)).toEqual([50, 100]);
  });

  test('has the overrides of the run', async () => {
    const server = await serverOf(({ index }) => ({ content: `answer ${index}` }));
    const agent = await makeAgent(database.pool, {
      models: [{ provider: 'openai', base_url: server.url }],
      tools: ['lookup'],
    });
    const overrides = { allowed_tools: [], request_params: { temperature: 1 } };
    const { rows } = await database.pool.query(
      `insert into howdah.executions (agent_id, input, overrides) values ($1, 'Hi', $2)
       returning id`,
      [agent, overrides],
    );
    await waitForEnd(database.pool, rows[0].id);
    expectReceived(await loadExport(database.pool, rows[0].id), server);
  });

  test('is refused for steps that sent none', async () => {
    const server = await serverOf(() => ({ content: 'done' }));
    const agent = await makeAgent(database.pool, {
      models: [{ provider: 'openai', base_url: server.url }],
    });
    const { id } = await runToEnd(database.pool, agent, 'Hi');
    const run = await loadExport(database.pool, id);
    const output = run.steps.find(({ kind }) => kind === 'output')?.seq ?? 0;
    expect(() => rebuildRequest(run, output)).toThrow(
      expect.objectContaining({ code: 'HWINV', message: expect.stringContaining('sent no') }),
    );
    expect(() => rebuildRequest(run, 99)).toThrow(expect.objectContaining({ code: 'HWNTF' }));
    const { rows } = await database.pool.query(
      'select (howdah.fork_execution($1, 1)).id::uuid as id',
      [id],
    );
    await waitForEnd(database.pool, rows[0].id);
    const fork = await loadExport(database.pool, rows[0].id);
    expect(() => rebuildRequest(fork, 1)).toThrow(
      expect.objectContaining({ code: 'HWINV', message: expect.stringContaining(id) }),
    );
  });
});
