import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { AgentDefinition } from '../../../src/contracts/agents/definition.ts';
import { replayRun } from '../../../src/index.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  childrenOf,
  findViolations,
  insertRun,
  makeAgent,
  makeAgentTool,
  messagesOf,
  resultsOf,
  waitForEnd,
} from '../arrange.ts';
import { loadExport } from '../replay/replay-runs.ts';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
const gate = createGate();
let count = 0;

// The model answers with its system prompt.
beforeAll(async () => {
  worker = await startTestWorker(database.url);
  server = await startOpenAiServer(async ({ body, left }) => {
    const messages = body.messages as { role: string; content: string }[];
    if (messages.some(({ content }) => content === 'wait')) await gate.pass(left);
    return { content: messages.find(({ role }) => role === 'system')?.content ?? '' };
  });
});
afterEach(async () => {
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  gate.allow(Number.POSITIVE_INFINITY);
  await worker.stop(0);
  await server.close();
});

/** Makes an agent whose model returns its system prompt, with a prompt for `{{customer}}`. */
async function makeGreeter(values: object = {}): Promise<{ agent: string; prompt: string }> {
  const { pool } = database;
  count += 1;
  const { rows } = await pool.query(
    `insert into howdah.prompts (name, template, variables) values ($1, 'Serve {{customer}}, {{tone}}.',
       '{"customer": {"type": "string"}, "tone": {"type": "string", "default": "kindly"}}') returning id`,
    [`greeting ${count}`],
  );
  const agent = await makeAgent(pool, {
    system_prompt: 'You are a clerk.',
    instruction: 'Be short.',
    models: [{ provider: 'openai', base_url: server.url }],
  });
  await pool.query('update howdah.agents set prompt_id = $2, prompt_values = $3 where id = $1', [
    agent,
    rows[0].id,
    values,
  ]);
  return { agent, prompt: rows[0].id };
}

const say = (customer: string, tone = 'kindly') =>
  `You are a clerk.\n\nServe ${customer}, ${tone}.\n\nBe short.`;

describe('a prompt', () => {
  test('is rendered with values of the run, else of the agent, else defaults', async () => {
    const { pool } = database;
    const { agent } = await makeGreeter({ customer: 'Ada', tone: 'strictly' });
    const run = async (input_data: object) =>
      (
        await waitForEnd(
          pool,
          await insertRun(pool, agent, 'hello', { input_data: input_data as never }),
        )
      ).output;
    expect(await run({})).toBe(say('Ada', 'strictly'));
    expect(await run({ customer: '{{tone}}', other: 1 })).toBe(say('{{tone}}', 'strictly'));
    const { agent: plain } = await makeGreeter();
    const id = await insertRun(pool, plain, 'hello', { input_data: { customer: 'Eve' } });
    expect((await waitForEnd(pool, id)).output).toBe(say('Eve'));
  });

  test('has its values in the system prompt only; other data of the run follows the input', async () => {
    const { pool } = database;
    const { agent } = await makeGreeter({ tone: 'kindly' });
    const first = async (input: string, input_data: object) => {
      const id = await insertRun(pool, agent, input, { input_data: input_data as never });
      await waitForEnd(pool, id);
      return (await messagesOf(pool, id))[0]?.content;
    };
    expect(await first('hello', { customer: 'Ada' })).toBe('hello');
    expect(await first('hello', { customer: 'Ada', order: 7 })).toBe(
      'hello\n\n{\n    "order": 7\n}',
    );
    expect(await first('', { customer: 'Ada' })).toBe('{\n    "customer": "Ada"\n}');
  });

  test('is unchanged for an active run while it is edited, and in its replay', async () => {
    const { pool } = database;
    const { agent, prompt } = await makeGreeter({ customer: 'Ada' });
    const before = await insertRun(pool, agent, 'wait');
    await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(1);
    await pool.query(`update howdah.prompts set template = 'Sing.' where id = $1`, [prompt]);
    const after = await insertRun(pool, agent, 'now');
    expect((await waitForEnd(pool, after)).output).toBe('You are a clerk.\n\nSing.\n\nBe short.');
    gate.allow(1);
    expect((await waitForEnd(pool, before)).output).toBe(say('Ada'));
    const { rows } = await pool.query(
      'select definition from howdah.agent_versions where agent_id = $1 order by version desc limit 1',
      [agent],
    );
    const record = await loadExport(pool, before);
    expect(await replayRun(record)).toMatchObject({ equal: true });
    const definition = rows[0].definition as AgentDefinition;
    const replay = await replayRun(record, { definition });
    expect(replay.divergences[0]?.diff).toContain('Sing.');
    const fork = await pool.query('select (howdah.fork_execution($1, 0, $2)).id', [
      before,
      'again',
    ]);
    expect((await waitForEnd(pool, fork.rows[0].id)).output).toBe(say('Ada'));
  });

  test('that lacks a value in a child run fails that child with the name', async () => {
    const { pool } = database;
    const { agent } = await makeGreeter();
    const tool = await makeAgentTool(pool, agent);
    const asker = await makeAgent(pool, {
      script: [callTools({ name: tool, arguments: { message: 'Go.' } }), { content: 'done' }],
      tools: [tool],
    });
    const run = await waitForEnd(pool, await insertRun(pool, asker));
    const [child] = await childrenOf(pool, run.id);
    expect(child).toMatchObject({ status: 'failed', stop_reason: 'error' });
    expect(child?.error?.message).toMatch(/^prompt greeting \d+: .*customer/);
    expect(child?.model_count).toBe(0);
    expect(await resultsOf(pool, run.id)).toEqual([expect.stringContaining('customer')]);
    await pool.query(
      `update howdah.agent_tools set configuration = '{"mission_override": "Count."}' where agent_id = $1`,
      [asker],
    );
    const parentRun = await waitForEnd(pool, await insertRun(pool, asker));
    expect(await resultsOf(pool, parentRun.id)).toEqual(['You are a clerk.\n\nCount.']);
  });
});

describe('a skill', () => {
  async function makeAgentWithSkill(
    script: object[],
  ): Promise<{ agent: string; skill: string; name: string }> {
    const { pool } = database;
    count += 1;
    const name = `refunds-${count}`;
    const { rows } = await pool.query(
      `insert into howdah.skills (name, description, content)
       values ($1, 'How to refund.', '# Refunds\n\nAsk first.') returning id`,
      [name],
    );
    const agent = await makeAgent(pool, { instruction: 'Help.', script: script as never });
    await pool.query('insert into howdah.agent_skills (agent_id, skill_id) values ($1, $2)', [
      agent,
      rows[0].id,
    ]);
    return { agent, skill: rows[0].id, name };
  }
  const load = (name: string) => callTools({ name: 'load_skill', arguments: { name } });

  test('is listed for its agent, and loaded when the agent requests it', async () => {
    const { pool } = database;
    count += 1;
    const agent = await makeAgent(pool, {
      instruction: 'Help.',
      models: [{ provider: 'openai', base_url: server.url }],
    });
    const { skill, name } = await makeAgentWithSkill([]);
    await pool.query('insert into howdah.agent_skills (agent_id, skill_id) values ($1, $2)', [
      agent,
      skill,
    ]);
    const { output } = await waitForEnd(pool, await insertRun(pool, agent));
    expect(output).toBe(
      `Help.\n\nYour skills. Read one by load_skill before you do what it is about:\n- ${name}: How to refund.`,
    );
    await pool.query(`update howdah.tools set is_active = false where name = 'load_skill'`);
    expect((await waitForEnd(pool, await insertRun(pool, agent))).output).toBe('Help.');
    await pool.query(`update howdah.tools set is_active = true where name = 'load_skill'`);
  });

  test('is loaded as of the run’s start, is trusted, and is replayed', async () => {
    const { pool } = database;
    const { agent, skill, name } = await makeAgentWithSkill([]);
    const names = [name, 'refund', name];
    await pool.query(
      `update howdah.agent_models set request_params = jsonb_build_object('script', $2::jsonb) where agent_id = $1`,
      [agent, JSON.stringify([...names.map(load), { content: 'done' }])],
    );
    const id = await insertRun(pool, agent, 'hello', { run_at: new Date(Date.now() + 3_600_000) });
    await pool.query(
      `update howdah.skills set content = 'Never.', name = 'other', is_active = false where id = $1`,
      [skill],
    );
    await pool.query('delete from howdah.agent_skills where skill_id = $1', [skill]);
    await pool.query('select howdah.delete_skill($1)', [skill]);
    await pool.query(`update howdah.executions set run_at = now() where id = $1`, [id]);
    await pool.query(`select howdah_private.enqueue_advance(array[$1::uuid])`, [id]);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'done' });
    const { rows } = await pool.query(
      `select content, trust from howdah.messages where execution_id = $1 and role = 'tool' order by seq`,
      [id],
    );
    expect(rows).toEqual([
      { content: '# Refunds\n\nAsk first.', trust: 'system' },
      { content: expect.stringContaining(`The skills: ${name}.`), trust: 'external' },
      { content: '# Refunds\n\nAsk first.', trust: 'system' },
    ]);
    expect(await replayRun(await loadExport(pool, id))).toMatchObject({ equal: true });
  });
});
