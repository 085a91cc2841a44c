import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { refusal } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  messagesOf,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
const gate = createGate();

beforeAll(async () => {
  server = await startOpenAiServer(async ({ body, left }) => {
    const messages = body.messages as unknown as Message[];
    if (messages.some(({ content }) => content?.includes('slowly'))) await gate.pass(left);
    return { content: messages.map(({ content }) => content).join(' / ') };
  });
  worker = await startTestWorker(database.url, { openai: server.url });
});
afterAll(async () => {
  gate.allow(Number.POSITIVE_INFINITY);
  await worker.stop(1_000);
  await server.close();
});

const addInput = (id: string, content: string) =>
  database.pool.query('select howdah.add_input($1, $2)', [id, content]);

const reaches = (id: string, condition: string) =>
  eventually(
    database.pool,
    `run ${id}: ${condition}`,
    `select from howdah.executions where id = $1 and ${condition}`,
    [id],
  );

const slowAgent = () => makeAgent(database.pool, { models: [{ provider: 'openai' }] });

/** Makes an agent that asks a person and answers with the reply. */
const askingAgent = async () => {
  const script = [
    callTools({ name: 'ask_user', arguments: { question: 'Which?' } }),
    { content: 'ok' },
  ];
  const agent = await makeAgent(database.pool, { script });
  await database.pool.query('update howdah.agents set human_input = true where id = $1', [agent]);
  return agent;
};

describe('add_input', () => {
  test('during a model call: the answer is stored, and the model gets the input and answers again', async () => {
    const id = await insertRun(database.pool, await slowAgent(), 'slowly');
    await expect.poll(() => gate.waiting).toBe(1);
    await addInput(id, 'in German');
    gate.allow(1);
    await expect.poll(() => server.requests.length).toBe(2);
    gate.allow(1);
    const run = await waitForEnd(database.pool, id);
    expect(run.output).toBe('slowly / slowly / in German');
    expect(await kindsOf(database.pool, id)).toBe('model input model output');
    const [, input] = await stepsOf(database.pool, id);
    expect(input).toMatchObject({ kind: 'input', input: { content: 'in German' } });
    expect(
      (await messagesOf(database.pool, id)).map(({ role, content }) => `${role}: ${content}`),
    ).toEqual([
      'user: slowly',
      'assistant: slowly',
      'user: in German',
      'assistant: slowly / slowly / in German',
    ]);
  });

  test('during the final commit is answered or rejected, never lost', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const ids = await Promise.all(Array.from({ length: 40 }, () => insertRun(pool, agent, 'hi')));
    const accepted = await Promise.all(
      ids.map(async (id) => {
        await reaches(id, `status in ('running', 'completed')`);
        return addInput(id, 'more').then(
          () => true,
          (error) => {
            expect(error.code).toBe('HWTRM');
            return false;
          },
        );
      }),
    );
    for (const [index, id] of ids.entries()) {
      const run = await waitForEnd(pool, id);
      expect(run.status).toBe('completed');
      const kinds = await kindsOf(pool, id);
      if (accepted[index]) {
        expect(run.output).toMatch(/hi.*more$/);
        expect(kinds).toMatch(/input model output$/);
      } else {
        expect(kinds).toBe('model output');
      }
    }
  });

  test('before the run has begun follows the run’s input', async () => {
    const { pool } = database;
    const later = new Date(Date.now() + 3_600_000);
    const id = await insertRun(pool, await slowAgent(), 'one', { run_at: later });
    await addInput(id, 'two');
    expect(await executionOf(pool, id)).toMatchObject({ status: 'queued', step_count: 0 });
    await pool.query('update howdah.executions set run_at = now() where id = $1', [id]);
    await pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
    expect((await waitForEnd(pool, id)).output).toBe('one / two');
    expect(await kindsOf(pool, id)).toBe('input model output');
  });

  test('to a queued run is there when its turn comes', async () => {
    const { pool } = database;
    const agent = await slowAgent();
    const { rows } = await pool.query('insert into howdah.sessions default values returning id');
    const session_id = rows[0].id;
    const first = await insertRun(pool, agent, 'slowly', { session_id });
    const second = await insertRun(pool, agent, 'two', { session_id });
    await addInput(second, 'three');
    expect(await executionOf(pool, second)).toMatchObject({
      status: 'waiting',
      waiting_for: 'turn',
    });
    gate.allow(2); // the second run receives the answer of the first
    await waitForEnd(pool, first);
    expect((await waitForEnd(pool, second)).output).toBe('slowly / slowly / two / three');
  });

  test('to a run that waits for a person is logged at once, and the run continues to wait', async () => {
    const { pool } = database;
    const id = await insertRun(pool, await askingAgent());
    await reaches(id, `waiting_for = 'question'`);
    await addInput(id, 'by the way');
    await reaches(id, `waiting_for = 'question' and not has_inbox and step_count > 2`);
    expect(await kindsOf(pool, id)).toBe('model question input');
    await pool.query(
      `select howdah.answer_question(q.id, 'blue') from howdah.questions as q where q.execution_id = $1`,
      [id],
    );
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'ok' });
    expect(await kindsOf(pool, id)).toBe('model question input answer tool model output');
  });

  test('to a run that waits for a child is logged at once, and the run continues to wait', async () => {
    const { pool } = database;
    const child = await slowAgent();
    const script = [
      callTools({ name: `helper_${child.slice(-6)}`, arguments: { message: 'slowly' } }),
      { content: 'done' },
    ];
    const agent = await makeAgent(pool, { script });
    await pool.query(
      `with tool as (
         insert into howdah.tools (name, kind, agent_id, parameters)
         values ($1, 'agent', $2, '{"type": "object", "properties": {"message": {"type": "string"}}}')
         returning id
       ) insert into howdah.agent_tools (agent_id, tool_id) select $3, id from tool`,
      [`helper_${child.slice(-6)}`, child, agent],
    );
    const waitingBefore = gate.waiting;
    const id = await insertRun(pool, agent);
    await reaches(id, `waiting_for = 'child'`);
    await addInput(id, 'hurry');
    await reaches(id, `waiting_for = 'child' and not has_inbox and step_count > 2`);
    await expect.poll(() => gate.waiting).toBe(waitingBefore + 1);
    gate.allow(1);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await kindsOf(pool, id)).toBe('model child_started input child tool model output');
  });

  test('to a paused run is there when it resumes', async () => {
    const { pool } = database;
    const later = new Date(Date.now() + 3_600_000);
    const id = await insertRun(pool, await slowAgent(), 'one', { run_at: later });
    await pool.query('select howdah.pause_execution($1)', [id]);
    await addInput(id, 'two');
    expect(await executionOf(pool, id)).toMatchObject({ status: 'paused', step_count: 0 });
    await pool.query('update howdah.executions set run_at = now() where id = $1', [id]);
    await pool.query('select howdah.resume_execution($1)', [id]);
    expect((await waitForEnd(pool, id)).output).toBe('one / two');
  });

  test('rejects an ended run, an empty input and an unknown run', async () => {
    const { pool } = database;
    const id = await insertRun(pool, await makeAgent(pool, { script: [{ content: 'ok' }] }));
    await waitForEnd(pool, id);
    expect(await refusal(addInput(id, 'more'))).toMatchObject({
      code: 'HWTRM',
      hint: expect.stringContaining('howdah.fork_execution'),
    });
    expect(await refusal(addInput(id, ' '))).toMatchObject({ code: 'HWINV' });
    expect(await refusal(addInput('01980000-0000-7000-8000-000000000000', 'x'))).toMatchObject({
      code: 'HWNTF',
    });
  });
});
