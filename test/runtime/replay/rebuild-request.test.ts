import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ExportedRun } from '../../../src/contracts/runs/exported-run.ts';
import type { StepRequest } from '../../../src/contracts/runs/step-request.ts';
import { isJsonObject, type JsonObject } from '../../../src/json/json.ts';
import { rebuildRequest } from '../../../src/runtime/replay/rebuild-request.ts';
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
  });

  test('is that of the run whose step a fork copied', async () => {
    const server = await serverOf(({ index }) =>
      index % 2 === 0
        ? { tool_calls: [{ name: 'lookup', arguments: { id: index } }] }
        : { content: 'done' },
    );
    const agent = await makeAgent(database.pool, {
      models: [{ provider: 'openai', base_url: server.url }],
      tools: ['lookup'],
    });
    const forkOf = async (id: string, seq: number) => {
      const text = 'select (howdah.fork_execution($1, $2)).id::uuid as id';
      const { rows } = await database.pool.query(text, [id, seq]);
      await waitForEnd(database.pool, rows[0].id);
      return loadExport(database.pool, rows[0].id);
    };
    const first = (await runToEnd(database.pool, agent, 'Hi')).id;
    const second = await forkOf(first, 1); // model, fork, tool, …
    const third = await forkOf(second.execution.id, 4);
    expect(second.steps[1]?.kind).toBe('fork');
    expect(third.steps[1]?.kind).toBe('fork');
    const { seq = 0 } = second.steps.find(({ kind, seq }) => kind === 'model' && seq > 2) ?? {};
    expect(seq).toBeLessThan(5);
    for (const [run, step, origin] of [
      [second, 1, first],
      [third, 1, first],
      [third, seq, second.execution.id],
    ] as const) {
      expect(() => rebuildRequest(run, step)).toThrow(
        expect.objectContaining({
          code: 'HWINV',
          message: `step ${step} was copied from execution ${origin}`,
        }),
      );
    }
    expect(() => rebuildRequest(second, 2)).toThrow(
      expect.objectContaining({ message: 'step 2 (fork) sent no request to a model' }),
    );
  });

  test('is refused when an earlier turn is no longer what the run read', async () => {
    const server = await serverOf(() => ({ content: 'done' }));
    const spec = { models: [{ provider: 'openai', base_url: server.url }] };
    const requestFor = async (id: string) => {
      const { rows } = await database.pool.query(
        'select howdah_private.run_for_request($1) as run',
        [id],
      );
      return rebuildRequest(rows[0].run, 1).messages.map(({ content }) => content);
    };
    for (const use_history of [true, false]) {
      const agent = await makeAgent(database.pool, { ...spec, use_history });
      const { rows } = await database.pool.query(
        'insert into howdah.sessions (agent_id) values ($1) returning id',
        [agent],
      );
      const session_id = rows[0].id;
      const first = await runToEnd(database.pool, agent, 'One', { session_id });
      const { id } = await runToEnd(database.pool, agent, 'Two', { session_id });
      const read = use_history ? ['One', 'done', 'Two'] : ['Two'];
      expect(await requestFor(id)).toEqual(read);
      await database.pool.query('select howdah_private.erase_log($1, false)', [[first.id]]);
      await (use_history
        ? expect(requestFor(id)).rejects.toMatchObject({
            code: 'HWCNF',
            message: expect.stringContaining('has changed since it began'),
          })
        : expect(requestFor(id)).resolves.toEqual(read));
    }
  });

  test('says that an engine sent its own', async () => {
    const server = await serverOf(() => ({ content: 'done' }));
    const agent = await makeAgent(database.pool, {
      models: [{ provider: 'openai', base_url: server.url }],
    });
    const { id } = await runToEnd(database.pool, agent, 'Hi');
    const run = await loadExport(database.pool, id);
    const models = run.definition.models.map((one) => ({ ...one, provider: 'engine:http' }));
    const ofEngine = { ...run, definition: { ...run.definition, models } };
    expect(() => rebuildRequest(ofEngine, 1)).toThrow(
      expect.objectContaining({ code: 'HWINV', message: expect.stringContaining('engine (http)') }),
    );
  });

  test('needs the contents of the run', async () => {
    const server = await serverOf(() => ({ content: 'done' }));
    const agent = await makeAgent(database.pool, {
      models: [{ provider: 'openai', base_url: server.url }],
    });
    const { id } = await runToEnd(database.pool, agent, 'Hi');
    const run = { ...(await loadExport(database.pool, id)), contents: 'erased' };
    expect(() => rebuildRequest(run, 1)).toThrow(
      'the contents of this run are erased, so its requests cannot be rebuilt',
    );
  });
});
