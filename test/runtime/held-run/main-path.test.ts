import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  createLatch,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  messagesOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;

const parameters = { type: 'object', properties: { text: { type: 'string' } } };
const echo: CustomTool = {
  name: 'echo',
  description: 'Says it again.',
  parameters,
  run: ({ text }) => text ?? 'nothing',
};
const slow = createLatch();
const slowTool: CustomTool = {
  name: 'slow',
  description: 'Takes until the test opens the door.',
  parameters,
  run: () => slow.opened.then(() => 'at last'),
};

/** Number of calls in progress. A call returns only once two calls are in progress. */
let inside = 0;
const both = createLatch();
const meet: CustomTool = {
  name: 'meet',
  description: 'Waits for a second call.',
  parameters,
  async run() {
    inside += 1;
    if (inside === 2) both.open();
    await both.opened;
    return 'met';
  },
};

beforeAll(async () => {
  server = await startOpenAiServer(({ body }) => {
    const messages = body.messages as { role: string; content: string }[];
    return { content: `heard ${messages.length}: ${messages.map((m) => m.content).join(' | ')}` };
  });
  worker = await startTestWorker(database.url, {
    tools: [echo, slowTool, meet],
    openai: server.url,
    concurrency: 20,
  });
});
afterAll(async () => {
  await worker.stop(1_000);
  await server.close();
});

describe('an insert', () => {
  test('is answered, and every step is in the log', async () => {
    const agent = await makeAgent(database.pool, {
      instruction: 'Help.',
      models: [
        {
          script: [
            {
              ...callTools({ name: 'echo', arguments: { text: 'shipped' }, id: 'c1' }),
              usage: { tokens_in: 1000, tokens_out: 200 },
            },
            { content: 'It is shipped.', usage: { tokens_in: 2000, tokens_out: 100 } },
          ],
          input_price: 2,
          output_price: 10,
        },
      ],
      tools: ['echo'],
    });
    const run = await runToEnd(database.pool, agent, 'Where is it?');
    expect(run).toMatchObject({
      status: 'completed',
      stop_reason: 'final_answer',
      output: 'It is shipped.',
      output_data: null,
      error: null,
      tokens_in: '3000',
      tokens_out: '300',
      step_count: 4,
      model_count: 2,
      owner_worker: null,
    });
    expect(Number(run.cost)).toBe(0.009); // (3000 × 2 + 300 × 10) / 1,000,000
    const steps = await stepsOf(database.pool, run.id);
    expect(steps.map(({ seq, kind }) => `${seq} ${kind}`)).toEqual([
      '1 model',
      '2 tool',
      '3 model',
      '4 output',
    ]);
    expect(steps[1]).toMatchObject({ name: 'echo', input: { text: 'shipped' }, output: 'shipped' });
    expect(steps.map(({ cost }) => Number(cost))).toEqual([0.004, 0, 0.005, 0]);
    expect(new Set(steps.map((step) => step.worker)).size).toBe(1);
  });

  test('leaves a conversation that any chat model accepts', async () => {
    const agent = await makeAgent(database.pool, {
      script: [
        callTools({ name: 'echo', arguments: { text: 'x' }, id: 'c1' }),
        { content: 'Done.' },
      ],
      tools: ['echo'],
    });
    const run = await runToEnd(database.pool, agent, 'Go.');
    const call = { id: 'c1', name: 'echo', arguments: '{"text":"x"}' };
    expect(await messagesOf(database.pool, run.id)).toMatchObject([
      { seq: 1, step_seq: null, role: 'user', content: 'Go.' },
      { seq: 2, step_seq: 1, role: 'assistant', content: null, tool_calls: [call] },
      { seq: 3, step_seq: 2, role: 'tool', content: 'x', tool_call_id: 'c1' },
      { seq: 4, step_seq: 3, role: 'assistant', content: 'Done.' },
    ]);
  });

  test('reaches an OpenAI-compatible server through the real client', async () => {
    const agent = await makeAgent(database.pool, {
      models: [{ provider: 'openai' }],
      system_prompt: 'Be kind.',
      instruction: 'Help.',
    });
    const run = await runToEnd(database.pool, agent, 'Hello?');
    expect(run.output).toBe('heard 2: Be kind.\n\nHelp. | Hello?');
    expect([run.tokens_in, run.tokens_out]).toEqual(['11', '7']);
  });

  test('a call by an alias resolves to its tool', async () => {
    await database.pool.query(`update howdah.tools set aliases = '{repeat}' where name = 'echo'`);
    const agent = await makeAgent(database.pool, {
      script: [callTools({ name: 'repeat', arguments: { text: 'hi' } }), { content: 'ok' }],
      tools: ['echo'],
    });
    const run = await runToEnd(database.pool, agent);
    const steps = await stepsOf(database.pool, run.id);
    expect(steps[1]).toMatchObject({ kind: 'tool', name: 'echo', output: 'hi' });
  });
});

describe('several calls in one answer', () => {
  test('run concurrently', async () => {
    const agent = await makeAgent(database.pool, {
      script: [callTools({ name: 'meet' }, { name: 'meet' }), { content: 'both met' }],
      tools: ['meet'],
    });
    const run = await runToEnd(database.pool, agent);
    expect(run.output).toBe('both met');
    expect(await kindsOf(database.pool, run.id)).toBe('model tool tool model output');
  });

  test('are each committed when their result arrives', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [callTools({ name: 'slow' }, { name: 'echo' }), { content: 'ok' }],
      tools: ['slow', 'echo'],
    });
    const id = await insertRun(pool, agent);
    await eventually(
      pool,
      'the quick result is committed while the slow call runs',
      `select from howdah.steps where execution_id = $1 and name = 'echo'`,
      [id],
    );
    expect(await kindsOf(pool, id)).toBe('model tool');
    slow.open();
    await waitForEnd(pool, id);
    expect((await stepsOf(pool, id)).map(({ name }) => name)).toContain('slow');
  });

  test('may reuse an id of the run', async () => {
    const agent = await makeAgent(database.pool, {
      script: [
        callTools({ name: 'echo', id: 'same' }, { name: 'echo', id: 'same' }),
        callTools({ name: 'echo', id: 'same' }),
        { content: 'ok' },
      ],
      tools: ['echo'],
    });
    const run = await runToEnd(database.pool, agent);
    expect(await kindsOf(database.pool, run.id)).toBe('model tool tool model tool model output');
  });
});

describe('a definition', () => {
  test('edited during a run does not affect it; the next run uses the edit', async () => {
    const { pool } = database;
    const gate = createLatch();
    const requestGate = createLatch();
    const gated = await startOpenAiServer(async ({ body }) => {
      requestGate.open();
      await gate.opened;
      return { content: JSON.stringify(body.messages) };
    });
    const agent = await makeAgent(pool, {
      instruction: 'Old.',
      models: [{ provider: 'openai', base_url: gated.url }],
    });
    const id = await insertRun(pool, agent);
    await requestGate.opened;
    await pool.query(`update howdah.agents set instruction = 'New.' where id = $1`, [agent]);
    gate.open();
    expect((await waitForEnd(pool, id)).output).toContain('Old.');
    expect((await runToEnd(pool, agent)).output).toContain('New.');
    await gated.close();
  });
});

test('300 runs at a concurrency of 20 all complete, and every invariant holds', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, {
    script: [callTools({ name: 'echo' }, { name: 'echo' }), { content: 'done' }],
    tools: ['echo'],
  });
  await pool.query(
    `insert into howdah.executions (agent_id, input) select $1, 'run ' || i from generate_series(1, 300) as i`,
    [agent],
  );
  const { completed, steps } = await eventually<{ completed: number; steps: number }>(
    pool,
    'all runs end',
    `select count(*) filter (where status = 'completed')::int as completed, sum(step_count)::int as steps
     from howdah.executions where agent_id = $1 having bool_and(completed_at is not null)`,
    [agent],
  );
  expect({ completed, steps }).toEqual({ completed: 300, steps: 300 * 5 });
  expect(await findViolations(pool)).toEqual([]);
  // the worker releases the run after it has received the result of the commit
  await expect.poll(() => worker.inFlight).toBe(0);
});
